"""Windows tile time, whatever the zone does to its clock."""

import calendar
import subprocess
import sys
from datetime import UTC
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

import budgetctl
from budgetctl import periods
from budgetctl.errors import InvalidValueError
from budgetctl.periods import Window, parse_duration, window_at
from support.times import END_US, LONGEST, NAMES, ZONES, at, durations, same_every_time


def window(t_us: int, duration: str, *, anchor_us: int = 0, align: str = "rolling", zone: str = "UTC") -> Window:
    parsed = parse_duration(duration)
    return window_at(
        t_us,
        anchor_us=anchor_us,
        duration=parsed,
        align=periods.check_alignment(parsed, align),
        zone=zone,
    )


def starts(duration: str, first: str, last: str, *, anchor: str | None = None, zone: str = "UTC") -> list[str]:
    """What the zone's clock shows at each start between two times: rolling if there is an anchor."""
    anchor_us = at(anchor or first, zone)
    align = "rolling" if anchor else "calendar"
    found, t_us = [], at(first, zone)
    while t_us < at(last, zone):
        run = window(t_us, duration, anchor_us=anchor_us, align=align, zone=zone)
        local = periods.to_datetime(run.start_us).astimezone(ZoneInfo(zone))
        found.append(local.strftime("%Y-%m-%d %H:%M"))
        assert run.end_us is not None
        assert run.end_us > t_us
        t_us = run.end_us
    return found


def hours(run: Window) -> float:
    assert run.end_us is not None
    return (run.end_us - run.start_us) / 3_600_000_000


# Windows tile time


def near(text: str) -> st.SearchStrategy[int]:
    return st.integers(-3 * 86_400_000_000, 3 * 86_400_000_000).map(lambda us: at(text) + us)


awkward = st.one_of(
    [
        near(text)
        for text in (
            "1993-08-21",
            "1994-12-31",
            "2000-02-29",
            "2011-12-30",
            "2024-01-31",
            "2024-02-29",
            "2024-03-10",  # clocks forward in New York, 31 March in Europe
            "2024-03-31",
            "2024-04-07",  # back in Lord Howe
            "2024-10-06",  # forward there
            "2024-11-03",
            "2100-02-28",  # not a leap year
        )
    ]
)
whole_hours = st.integers(0, END_US // 3_600_000_000 - 1).map(lambda hour: hour * 3_600_000_000)
instants = awkward | whole_hours | st.integers(0, END_US - 1) | st.integers(0, at("2040-01-01"))
zones = st.sampled_from(ZONES)


def check_tiling(t_us: int, other: float, **rule: object) -> None:
    run = window_at(t_us, **rule)  # type: ignore[arg-type]
    assert run.start_us <= t_us < run.end_us
    inside = run.start_us + int((run.end_us - 1 - run.start_us) * other)
    for instant in (run.start_us, inside, run.end_us - 1):
        assert window_at(instant, **rule) == run  # type: ignore[arg-type]
    assert window_at(run.end_us, **rule).start_us == run.end_us  # type: ignore[arg-type]
    assert window_at(run.start_us - 1, **rule).end_us == run.start_us  # type: ignore[arg-type]


@same_every_time
@given(t_us=instants, anchor_us=instants, duration=durations, zone=zones, other=st.floats(0, 1))
def test_rolling_windows_tile_time_and_one_starts_at_the_anchor(t_us, anchor_us, duration, zone, other):
    rule = {"anchor_us": anchor_us, "duration": duration, "align": "rolling", "zone": zone}
    check_tiling(t_us, other, **rule)
    assert window_at(anchor_us, **rule).start_us == anchor_us


@same_every_time
@given(t_us=instants, anchor_us=instants, name=st.sampled_from(NAMES), zone=zones, other=st.floats(0, 1))
def test_calendar_windows_tile_time(t_us, anchor_us, name, zone, other):
    check_tiling(t_us, other, anchor_us=anchor_us, duration=parse_duration(name), align="calendar", zone=zone)


@same_every_time
@given(t_us=instants, anchors=st.tuples(instants, instants), name=st.sampled_from(NAMES[1:]), zone=zones)
def test_calendar_windows_do_not_depend_on_the_anchor(t_us, anchors, name, zone):
    first, second = (window(t_us, name, anchor_us=us, align="calendar", zone=zone) for us in anchors)
    assert first == second


@same_every_time
@given(t_us=instants, anchor_us=instants, months=st.integers(1, 40))
def test_rolling_months_start_on_the_anchors_day_or_the_months_last(t_us, anchor_us, months):
    anchor = periods.to_datetime(anchor_us)
    start = periods.to_datetime(window(t_us, f"{months}mo", anchor_us=anchor_us).start_us)
    assert start.day == min(anchor.day, calendar.monthrange(start.year, start.month)[1])
    assert start.time() == anchor.time()
    assert ((start.year - anchor.year) * 12 + start.month - anchor.month) % months == 0


@same_every_time
@given(t_us=instants, anchor_us=instants, count=st.integers(1, 40), unit=st.sampled_from("dw"))
def test_days_in_utc_are_as_in_any_zone_without_shifts(t_us, anchor_us, count, unit):
    text = f"{count}{unit}"
    in_utc = window(t_us, text, anchor_us=anchor_us)
    assert in_utc == window(t_us, text, anchor_us=anchor_us, zone="Etc/UTC")


@same_every_time
@given(t_us=instants, name=st.sampled_from(NAMES))
def test_calendar_windows_in_utc_are_as_in_any_zone_without_shifts(t_us, name):
    in_utc = window(t_us, name, align="calendar")
    assert in_utc == window(t_us, name, align="calendar", zone="Etc/UTC")


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("duration", [*NAMES, *LONGEST])
def test_nothing_overflows_at_the_ends_of_time(duration, zone):
    for t_us in (0, END_US - 1):
        for anchor_us in (0, END_US - 1):
            run = window(t_us, duration, anchor_us=anchor_us, zone=zone)
            assert run.start_us <= t_us < run.end_us
            assert periods.rfc3339(run.start_us) < periods.rfc3339(run.end_us)


# Rolling windows


def test_without_a_duration_the_window_never_ends():
    assert window(at("2026-05-01"), "none", anchor_us=7) == Window(7, None)


def test_rolling_months_clamp_without_drifting():
    assert starts("monthly", "2025-01-31T09:00", "2025-06-01", anchor="2025-01-31T09:00") == [
        "2025-01-31 09:00",
        "2025-02-28 09:00",
        "2025-03-31 09:00",
        "2025-04-30 09:00",
        "2025-05-31 09:00",
    ]


def test_rolling_months_before_the_anchor_clamp_too():
    assert starts("monthly", "2024-01-31", "2024-04-01", anchor="2025-01-31")[:3] == [
        "2024-01-31 00:00",
        "2024-02-29 00:00",
        "2024-03-31 00:00",
    ]


def test_rolling_quarters_count_from_the_anchor():
    assert starts("quarterly", "2025-11-30", "2026-09-01", anchor="2025-11-30") == [
        "2025-11-30 00:00",
        "2026-02-28 00:00",
        "2026-05-30 00:00",
        "2026-08-30 00:00",
    ]


def test_a_leap_day_comes_back_every_leap_year():
    found = starts("yearly", "2096-02-29", "2105-01-01", anchor="2024-02-29")
    assert [start[:10] for start in found] == [
        "2096-02-29",
        "2097-02-28",
        "2098-02-28",
        "2099-02-28",
        "2100-02-28",
        "2101-02-28",
        "2102-02-28",
        "2103-02-28",
        "2104-02-29",
    ]


def test_rolling_hours_are_elapsed_time():
    anchor_us = at("2024-03-09T12:30", "America/New_York")
    run = window(anchor_us + 1, "24h", anchor_us=anchor_us, zone="America/New_York")
    assert run.end_us == at("2024-03-10T13:30", "America/New_York")


@pytest.mark.parametrize(
    ("day", "zone", "length"),
    [
        ("2024-03-10", "America/New_York", 23),
        ("2024-11-03", "America/New_York", 25),
        ("2024-03-31", "Europe/London", 23),
        ("2024-10-27", "Europe/London", 25),
        ("2024-04-07", "Australia/Lord_Howe", 24.5),
        ("2024-10-06", "Australia/Lord_Howe", 23.5),
        ("2024-03-31", "Antarctica/Troll", 22),
        ("2024-03-31", "Asia/Kolkata", 24),
    ],
)
def test_a_day_follows_the_clock_across_a_shift(day, zone, length):
    midnight_us = at(day, zone)
    assert hours(window(midnight_us, "daily", anchor_us=midnight_us, zone=zone)) == length
    assert hours(window(midnight_us, "daily", align="calendar", zone=zone)) == length


def test_a_boundary_in_a_gap_moves_forward_for_that_day_only():
    assert starts("daily", "2024-03-09T02:30", "2024-03-12", anchor="2024-03-09T02:30", zone="America/New_York") == [
        "2024-03-09 02:30",
        "2024-03-10 03:30",
        "2024-03-11 02:30",
    ]


def test_a_boundary_in_a_fold_is_the_first_of_the_two():
    run = window(
        at("2024-11-02T12:00", "America/New_York"),
        "daily",
        anchor_us=at("2024-11-01T01:30", "America/New_York"),
        zone="America/New_York",
    )
    assert run.end_us == at("2024-11-03T01:30", "America/New_York", fold=0)


def test_the_second_pass_of_a_fold_belongs_to_the_window_that_began_in_the_first():
    rule = {"anchor_us": at("2024-11-01T01:30", "America/New_York"), "zone": "America/New_York"}
    run = window(at("2024-11-03T01:15", "America/New_York", fold=1), "daily", **rule)
    assert run.start_us == at("2024-11-03T01:30", "America/New_York", fold=0)


def test_an_anchor_in_the_second_pass_of_a_fold_starts_its_window_and_no_other():
    anchor_us = at("2024-11-03T01:30", "America/New_York", fold=1)
    run = window(anchor_us, "yearly", anchor_us=anchor_us, zone="America/New_York")
    assert run.start_us == anchor_us
    # In 2030 the clocks go back on 3 November again.
    later = window(at("2030-11-03T12:00", "America/New_York"), "yearly", anchor_us=anchor_us, zone="America/New_York")
    assert later.start_us == at("2030-11-03T01:30", "America/New_York", fold=0)


@pytest.mark.parametrize("time", ["T00:00", "T12:00"])
@pytest.mark.parametrize(
    ("zone", "before", "skipped", "after"),
    [
        ("Pacific/Apia", "2011-12-29", "2011-12-30", "2011-12-31"),
        ("Pacific/Kiritimati", "1994-12-30", "1994-12-31", "1995-01-01"),
        ("Pacific/Kwajalein", "1993-08-20", "1993-08-21", "1993-08-22"),
    ],
)
def test_a_skipped_day_has_no_window(zone, before, skipped, after, time):
    end = f"{after}T23:59"
    found = starts("daily", before + time, end, anchor=before + time, zone=zone)
    assert found == [f"{before} {time[1:]}", f"{after} {time[1:]}"]


def test_a_skipped_day_is_missing_from_its_year():
    assert len(starts("daily", "2011-01-01", "2012-01-01", zone="Pacific/Apia")) == 364


# Calendar windows


@pytest.mark.parametrize(
    ("duration", "start", "end"),
    [
        ("hourly", "2026-11-22T06:00", "2026-11-22T07:00"),
        ("daily", "2026-11-22", "2026-11-23"),
        ("weekly", "2026-11-16", "2026-11-23"),
        ("monthly", "2026-11-01", "2026-12-01"),
        ("quarterly", "2026-10-01", "2027-01-01"),
        ("yearly", "2026-01-01", "2027-01-01"),
    ],
)
@pytest.mark.parametrize("zone", ["UTC", "America/New_York", "Asia/Kathmandu", "Pacific/Apia"])
def test_calendar_windows_start_where_the_zones_calendar_does(duration, start, end, zone):
    t_us = at("2026-11-22T06:41:07.5", zone)  # a Sunday
    run = window(t_us, duration, anchor_us=t_us, align="calendar", zone=zone)
    assert run == Window(at(start, zone), at(end, zone))


def test_the_month_has_begun_in_apia_when_it_has_not_in_new_york():
    t_us = at("2026-06-30T18:00")
    assert window(t_us, "monthly", align="calendar", zone="Pacific/Apia").start_us == at("2026-07-01", "Pacific/Apia")
    assert window(t_us, "monthly", align="calendar", zone="America/New_York").start_us == at(
        "2026-06-01", "America/New_York"
    )


def test_a_day_without_midnight_starts_when_the_clock_has_moved_on():
    assert starts("daily", "2018-11-03", "2018-11-06", zone="America/Sao_Paulo") == [
        "2018-11-03 00:00",
        "2018-11-04 01:00",
        "2018-11-05 00:00",
    ]


def test_calendar_hours_keep_the_anchors_full_hour_across_a_shift_of_30_minutes():
    zone = "Australia/Lord_Howe"
    anchor_us = at("2024-04-06T23:10", zone)
    before = window(anchor_us, "hourly", anchor_us=anchor_us, align="calendar", zone=zone)
    assert before.start_us == at("2024-04-06T23:00", zone)
    after = window(at("2024-04-07T12:00", zone), "hourly", anchor_us=anchor_us, align="calendar", zone=zone)
    assert after.start_us == at("2024-04-07T11:30", zone)


@pytest.mark.parametrize("duration", ["2h", "24h", "7d", "2w", "2mo", "12mo", "2y"])
def test_only_single_units_have_a_place_in_the_calendar(duration):
    with pytest.raises(InvalidValueError, match=f"{duration} has no start in the calendar") as caught:
        periods.check_alignment(parse_duration(duration), "calendar")
    assert "weekly" in caught.value.hint


@pytest.mark.parametrize("duration", [*NAMES, "none"])
def test_named_durations_can_be_aligned_either_way(duration):
    for align in ("rolling", "calendar"):
        assert periods.check_alignment(parse_duration(duration), align) == align


@pytest.mark.parametrize("align", ["", "Calendar", "fixed"])
def test_other_alignments_are_refused(align):
    with pytest.raises(InvalidValueError, match="use rolling or calendar"):
        periods.check_alignment(None, align)


# Zones


@pytest.mark.parametrize("name", ZONES)
def test_zones_are_found_by_their_iana_name(name):
    assert periods.load_zone(name) == (UTC if name == "UTC" else ZoneInfo(name))


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "America",
        "America/",
        "../x",
        "./UTC",
        "/etc/localtime",
        "Mars/Phobos",
        "Europe/London\0",
        "Europe/London\n",
        "Europe//London",
        "zone.tab",
        "tzdata.zi",
        "localtime",
        "posixrules",
        "posix/Europe/London",
        "right/Europe/London",
        "\ud800",
        pytest.param("x" * 10_000, id="long"),
        pytest.param("x/" * 5_000 + "x", id="deep"),
    ],
)
def test_what_is_no_zone_is_refused(name):
    with pytest.raises(InvalidValueError, match="is not a time zone") as caught:
        periods.load_zone(name)
    assert "Europe/London" in caught.value.hint
    assert len(str(caught.value)) < 200
    assert "\n" not in str(caught.value)


def test_windows_in_utc_import_no_zone_database():
    code = (
        "import sys; from budgetctl.periods import *;"
        "window_at(0, anchor_us=0, duration=parse_duration('monthly'), align='rolling', zone='UTC');"
        "sys.exit(' '.join({'zoneinfo', 'importlib.metadata', 'calendar', 'decimal'} & set(sys.modules)))"
    )
    root = Path(budgetctl.__file__).parent.parent
    run = subprocess.run([sys.executable, "-S", "-c", code], cwd=root, capture_output=True, text=True, check=False)
    assert run.stderr.strip() == ""
