"""The money of projects, for Prometheus: read when somebody asks, but seldom, and beside everything else.

Names end in `_usd`, the unit, by Prometheus' conventions; all are gauges, since windows are reset.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from prometheus_client.core import GaugeMetricFamily

from budgetctl.errors import BudgetctlError
from budgetctl.ledger.totals import Totals
from budgetctl.ledger.values import Limit
from budgetctl.server.logs import Log
from budgetctl.server.projects import MAX_OPEN, Projects

FRESH_S = 10.0
"""How long an answer of a store is shown, in seconds; longer where it took the store long."""

PATIENCE_S = 5.0
"""How long a scrape waits for stores, in seconds: half of what Prometheus waits for a server."""

MAX_PROJECTS = MAX_OPEN
"""Projects in a scrape: more would close the stores of others."""

MAX_USERS = 1_000
"""Users in a scrape, those who have spent most, over all of its projects. Each has three series."""

_SHARE = 10
_AT_ONCE = 2


class _Reading(NamedTuple):
    """What a store is asked, or has answered; and until when that holds, by the clock of the loop."""

    task: asyncio.Task[tuple[Totals | None, float]]
    began: float

    def is_fresh(self, now: float) -> bool:
        if not self.task.done():
            return True
        took_s = self.task.result()[1]
        return now < self.began + took_s + max(FRESH_S, _SHARE * took_s)


class Amounts:
    """What projects have spent and may spend. With `by_user`, users are named."""

    def __init__(self, projects: Projects, log: Log, *, by_user: bool) -> None:
        self.most_users = MAX_USERS if by_user else 0
        self._projects = projects
        self._log = log
        self._readings: dict[str, _Reading] = {}
        self._few = asyncio.Semaphore(_AT_ONCE)

    async def collect(self, names: Iterable[str]) -> list[GaugeMetricFamily]:
        """The amounts of these projects, as far as their stores answer in time."""
        wanted = sorted(names)
        shown = wanted[:MAX_PROJECTS]
        now = asyncio.get_running_loop().time()
        self._readings = {name: each for name, each in self._readings.items() if each.is_fresh(now)}
        for name in shown:
            if name not in self._readings:
                self._readings[name] = _Reading(asyncio.create_task(self._read(name)), now)
        tasks = {name: self._readings[name].task for name in shown}
        if tasks:
            await asyncio.wait(tasks.values(), timeout=PATIENCE_S)
        found = {name: task.result()[0] if task.done() else None for name, task in tasks.items()}
        return _families(found, left_out=len(wanted) - len(shown), most_users=self.most_users)

    async def _read(self, name: str) -> tuple[Totals | None, float]:
        """The totals, None where the store does not tell, and how many seconds that took."""
        async with self._few:
            clock = asyncio.get_running_loop().time
            began = clock()
            totals = None
            try:
                with await self._projects.use(name) as project:
                    totals = await project.call(project.reader.totals, self.most_users)
            except BudgetctlError as error:
                self._log.event("metrics", project=name, error=error.message)
            except Exception as error:  # noqa: BLE001  # the other metrics are shown whatever is wrong with a store
                self._log.event("metrics", project=name, error=self._log.fault(error))
            return totals, clock() - began


def _families(found: Mapping[str, Totals | None], *, left_out: int, most_users: int) -> list[GaugeMetricFamily]:
    known = {name: totals for name, totals in found.items() if totals is not None}

    def gauge(name: str, told: str, values: Iterable[tuple[str, float]]) -> GaugeMetricFamily:
        family = GaugeMetricFamily(f"budgetctl_{name}", told, labels=["project"])
        for project, value in values:
            family.add_metric([project], value)
        return family

    of_cap = {name: totals.cap for name, totals in known.items() if totals.cap is not None}
    top = "of the budgets that stand under no other one"
    families = [
        gauge("project_up", "Whether the store told the amounts of the project.", ((n, n in known) for n in found)),
        GaugeMetricFamily("budgetctl_projects_left_out", "Projects beyond those that a scrape shows.", left_out),
        gauge("users", "Users with a budget.", ((n, each.users) for n, each in known.items())),
        gauge("users_over", "Users for whom nothing is left.", ((n, each.users_over) for n, each in known.items())),
        gauge("spent_usd", f"Spent in the current windows {top}.", ((n, float(t.spent)) for n, t in known.items())),
        gauge("limit_usd", f"What the windows {top} allow.", ((n, float(t.allowance)) for n, t in known.items())),
        gauge("held_usd", f"Set aside {top}.", ((n, float(t.held)) for n, t in known.items())),
        gauge("cap_spent_usd", "Spent of the project's cap.", ((n, float(cap.spent)) for n, cap in of_cap.items())),
        gauge("cap_limit_usd", "What the cap allows.", ((n, float(cap.allowance)) for n, cap in of_cap.items())),
        gauge("cap_held_usd", "Set aside of the cap.", ((n, float(cap.held)) for n, cap in of_cap.items())),
    ]
    return [*families, *_by_user(known, most_users)] if most_users else families


def _by_user(known: Mapping[str, Totals], most_users: int) -> list[GaugeMetricFamily]:
    named = [(project, each.user, each.limit) for project, totals in known.items() for each in totals.spenders]
    named.sort(key=lambda each: int(each[2].spent), reverse=True)
    left_out = {project: totals.users for project, totals in known.items()}
    families = [
        GaugeMetricFamily(f"budgetctl_user_{name}_usd", told, labels=["project", "user"])
        for name, told in (
            ("spent", "Spent by a user in the current window."),
            ("limit", "What the user's window allows."),
            ("held", "Set aside of it."),
        )
    ]
    for project, user, limit in named[:most_users]:
        left_out[project] -= 1
        for family, amount in zip(families, _amounts(limit), strict=True):
            family.add_metric([project, user], float(amount))
    rest = GaugeMetricFamily("budgetctl_users_left_out", "Users beyond those that a scrape names.", labels=["project"])
    for project, count in left_out.items():
        rest.add_metric([project], count)
    return [*families, rest]


def _amounts(limit: Limit) -> tuple[float, float, float]:
    return float(limit.spent), float(limit.allowance), float(limit.held)
