"""What a server counts, for Prometheus. No label of these names a user or a project."""

from __future__ import annotations

import functools
from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric, generate_latest

REGISTRY = CollectorRegistry()
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10)
_SIZES = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000)

REQUESTS = Counter("budgetctl_requests", "Requests that were answered.", ["route", "status"], registry=REGISTRY)
DURATION = Histogram(
    "budgetctl_request_seconds", "How long answers took.", ["route"], buckets=_SECONDS, registry=REGISTRY
)
UNDER_WAY = Gauge("budgetctl_requests_under_way", "Requests that wait for their answer.", registry=REGISTRY)
GROUP_SIZE = Histogram("budgetctl_group_size", "Requests that shared a transaction.", buckets=_SIZES, registry=REGISTRY)
LET_GO = Counter(
    "budgetctl_connections_let_go",
    "Connections whose clients did not come in time, or that others needed room for.",
    ["why"],
    registry=REGISTRY,
)
LOG_DROPPED = Counter("budgetctl_log_dropped", "Lines of the log that nobody took in time.", registry=REGISTRY)
RESETS = Counter("budgetctl_resets", "Windows that were rolled by the server itself.", registry=REGISTRY)


@functools.cache
def of_requests(route: str, status: int) -> tuple[Counter, Histogram]:
    """The counter of requests by route and status, and the histogram of the seconds that requests of the route took."""
    return REQUESTS.labels(route, str(status)), DURATION.labels(route)


class _Together:
    """What is counted here, and what was read from stores."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        """All of it."""
        yield from REGISTRY.collect()
        yield from self._families


def exposition(families: Iterable[Metric]) -> bytes:
    """Everything, as Prometheus reads it, and these behind it."""
    return generate_latest(_Together(families))
