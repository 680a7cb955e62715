# The server of budgetctl: non-root, without compilers, from the sources beside this file and the versions that its tests
# have passed with.
#
#   docker build --tag budgetctl .
#   docker run --detach --name budgetctl --stop-timeout 40 --publish 127.0.0.1:8484:8484 --volume budgets:/data budgetctl
#   docker exec budgetctl budgetctl token create --project my-app --name ci
FROM python:3.13-slim-trixie AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY budgetctl ./budgetctl
COPY completions ./completions
COPY docs ./docs
COPY tests/locks/test.txt ./tests/locks/test.txt
RUN python -m venv /opt/budgetctl \
    && /opt/budgetctl/bin/pip install --no-cache-dir --no-compile --constraint tests/locks/test.txt ".[server,postgres]"

FROM python:3.13-slim-trixie
COPY --from=build /opt/budgetctl /opt/budgetctl
RUN useradd --system --no-log-init --uid 10001 --user-group --home-dir /data --shell /usr/sbin/nologin budgetctl \
    && install --directory --owner budgetctl --group budgetctl --mode 0700 /data
# Nobody can write compiled modules beside their sources here: they go where the other things go that can be made again.
ENV PATH=/opt/budgetctl/bin:$PATH \
    HOME=/data \
    XDG_DATA_HOME=/data \
    XDG_CONFIG_HOME=/data \
    XDG_CACHE_HOME=/tmp/cache \
    PYTHONPYCACHEPREFIX=/tmp/cache/modules \
    LITELLM_LOCAL_MODEL_COST_MAP=True
USER 10001
VOLUME /data
EXPOSE 8484
# SIGTERM, which ends a container, lets the server answer everything that has begun: within 30 seconds.
STOPSIGNAL SIGTERM
# Not by urllib, which would ask the proxy that the environment names.
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "from http.client import HTTPConnection as C; c = C('127.0.0.1', 8484, timeout=4); c.request('GET', '/readyz'); raise SystemExit(c.getresponse().status != 200)"]
ENTRYPOINT ["budgetctl"]
CMD ["serve", "--host", "0.0.0.0"]
