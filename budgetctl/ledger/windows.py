"""The windows of a limit: the current one, whether it has passed, and the generation that comes next.

Pure functions, which stores call inside their transactions, so that every database answers alike.
"""

from __future__ import annotations

from budgetctl.ledger.values import Align, ClosedWindow, Limit
from budgetctl.money import ZERO
from budgetctl.periods import Duration, Window, parse_duration, window_at

CLOCK_LEEWAY_US = 24 * 3600 * 10**6
"""How far a clock may be off a limit's window before that means anything."""


def is_due(limit: Limit, now_us: int) -> bool:
    """Whether the limit's current window has passed."""
    return limit.window_end_us is not None and now_us >= limit.window_end_us


def is_ahead(limit: Limit, now_us: int) -> bool:
    """Whether the clock stands more than a day before the limit's window."""
    return now_us < limit.window_start_us - CLOCK_LEEWAY_US


def has_ended_top_ups(limit: Limit, now_us: int) -> bool:
    """Whether a top-up of the limit has ended since its row was written: see `budgetctl.ledger.top_ups`."""
    has_expired = limit.topped_up_until_us is not None and limit.topped_up_until_us <= now_us
    return has_expired or bool(limit.topped_up and is_due(limit, now_us))


def rolled(limit: Limit, now_us: int) -> Limit:
    """The limit as it stands at `now_us`.

    When its window has passed, that is the next generation, in the window that `now_us` falls into; windows that were
    missed in between have none. Generations never go back: before the window's start the limit stays as it is.
    """
    return next_generation(limit, now_us) if is_due(limit, now_us) else limit


def next_generation(limit: Limit, now_us: int) -> Limit:
    """The generation that a reset at `now_us` opens: nothing spent, in the window that `now_us` falls into.

    A window that has yet to begin was opened by a clock that was ahead, which may have set the anchor too. The
    generation starts with its window, or now where the window goes on or is moved.
    """
    has_passed = is_due(limit, now_us)
    if not has_passed and limit.window_start_us <= now_us:
        return limit._replace(generation=limit.generation + 1, spent=ZERO, generation_start_us=now_us)
    limit = limit._replace(anchor_us=min(limit.anchor_us, now_us))
    window = limit_window(limit, now_us)
    return limit._replace(
        generation=limit.generation + 1,
        window_start_us=window.start_us,
        window_end_us=window.end_us,
        spent=ZERO,
        generation_start_us=window.start_us if has_passed else now_us,
    )


def is_in_generation(limit: Limit, at_us: int, now_us: int) -> bool:
    """Whether spending at `at_us` belongs to the limit's current generation.

    All spending does while the clock stands before the generation: one of the two is wrong, and nobody knows which.
    """
    return at_us >= limit.generation_start_us or now_us < limit.generation_start_us


def reopened(limit: Limit, now_us: int, *, duration: str | None, align: Align, zone: str) -> Limit:
    """The generation that a change of duration, alignment or zone opens. The spend is carried into it.

    So it starts with the one before, unless its window starts later.
    """
    changed = limit._replace(generation=limit.generation + 1, duration=duration, align=align, zone=zone)
    window = limit_window(changed, now_us)
    return changed._replace(
        window_start_us=window.start_us,
        window_end_us=window.end_us,
        generation_start_us=max(limit.generation_start_us, window.start_us),
    )


def reanchored(limit: Limit, anchor_us: int) -> Limit:
    """The same generation, with windows that count from `anchor_us`, in the window that starts there."""
    moved = limit._replace(anchor_us=anchor_us)
    window = limit_window(moved, anchor_us)
    return moved._replace(window_start_us=window.start_us, window_end_us=window.end_us, generation_start_us=anchor_us)


def limit_window(limit: Limit, at_us: int) -> Window:
    """The window of the limit's duration that `at_us` falls into."""
    return window_at(
        at_us,
        anchor_us=limit.anchor_us,
        duration=parse_duration(limit.duration) if limit.duration else None,
        align=limit.align,
        zone=limit.zone,
    )


def fixed_length_us(duration: Duration, zone: str) -> int | None:
    """The length of the duration's windows in microseconds, where all have one: hours, and in UTC days and weeks."""
    if duration.unit != "h" and (zone != "UTC" or duration.unit not in ("d", "w")):
        return None
    window = window_at(0, anchor_us=0, duration=duration, align="rolling", zone="UTC")
    return window.end_us


def closed_window(limit: Limit, now_us: int) -> ClosedWindow:
    """The record that a reset entry keeps of the generation that it closes."""
    # While the clock stands before the window, a reset ends it where it starts.
    end_us = max(now_us, limit.window_start_us)
    if limit.window_end_us is not None:
        end_us = min(end_us, limit.window_end_us)
    return ClosedWindow(limit.name, limit.generation, limit.window_start_us, end_us, limit.spent)
