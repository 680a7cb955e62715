# The server of budgetctl: non-root, without compilers, from the sources beside this file.
#
#   docker build --tag budgetctl .
#   docker run --publish 127.0.0.1:8484:8484 --volume budgets:/data budgetctl
FROM python:3.13-slim AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY budgetctl ./budgetctl
COPY completions ./completions
RUN python -m venv /opt/budgetctl \
    && /opt/budgetctl/bin/pip install --no-cache-dir --no-compile ".[server,postgres]"

FROM python:3.13-slim
COPY --from=build /opt/budgetctl /opt/budgetctl
RUN useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin budgetctl \
    && install --directory --owner budgetctl --mode 0700 /data
ENV PATH=/opt/budgetctl/bin:$PATH \
    HOME=/data \
    XDG_DATA_HOME=/data \
    XDG_CONFIG_HOME=/data \
    XDG_CACHE_HOME=/tmp/cache \
    LITELLM_LOCAL_MODEL_COST_MAP=True
USER 10001
VOLUME /data
EXPOSE 8484
# SIGTERM, which ends a container, lets the server answer everything that has begun.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8484/healthz', timeout=2)"]
ENTRYPOINT ["budgetctl"]
CMD ["serve", "--host", "0.0.0.0"]
