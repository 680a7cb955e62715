"""Durations, windows and instants: windows tile time, whatever the zone does to its clock."""

import calendar
import math
import subprocess
import sys
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import budgetctl
from budgetctl import periods
from budgetctl.errors import InvalidValueError
from budgetctl.periods import Duration, Window, parse_duration, window_at

ZONES = [
    "UTC",
    "Africa/Casablanca",  # shifts around Ramadan
    "Africa/Monrovia",  # 44 minutes and 30 seconds behind until 1972
    "America/New_York",
    "America/Santiago",  # shifts at midnight
    "America/Sao_Paulo",  # shifted at midnight
    "America/St_Johns",  # shifted at 00:01
    "Antarctica/Troll",  # shifts by two hours
    "Asia/Kathmandu",  # 15 minutes ahead from 1986 on
    "Asia/Kolkata",
    "Asia/Tehran",
    "Australia/Lord_Howe",  # shifts by 30 minutes
    "Europe/Dublin",
    "Europe/London",
    "Pacific/Apia",  # skipped 30 December 2011
    "Pacific/Chatham",
    "Pacific/Kiritimati",  # skipped 31 December 1994
    "Pacific/Kwajalein",  # skipped 21 August 1993
]
NAMES = ["hourly", "daily", "weekly", "monthly", "quarterly", "yearly"]
LONGEST = ["876600h", "36525d", "5217w", "1200mo", "100y"]
END_US = 32_503_680_000_000_000

same_every_time = settings(derandomize=True, deadline=None, max_examples=300)


def at(text: str, zone: str = "UTC", *, fold: int = 0) -> int:
    """The instant at which the zone's clock shows the time."""
    return periods.from_datetime(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold))


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
durations = st.one_of(
    st.sampled_from(NAMES + LONGEST).map(parse_duration),
    st.builds(Duration, st.integers(1, 40), st.sampled_from(["h", "d", "w", "mo", "y"])),
)
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


# Durations as text and as litellm's days


@same_every_time
@given(durations)
def test_a_duration_is_read_back_from_its_text(duration):
    assert parse_duration(str(duration)) == duration


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("1h", "hourly"),
        ("1d", "daily"),
        ("1w", "weekly"),
        ("1mo", "monthly"),
        ("3mo", "quarterly"),
        ("1y", "yearly"),
        ("7d", "7d"),
        ("24h", "24h"),
        ("12mo", "12mo"),
        ("07D", "7d"),
        ("Monthly", "monthly"),
        (" daily\n", "daily"),
    ],
)
def test_a_duration_has_one_canonical_text(text, canonical):
    assert str(parse_duration(text)) == canonical


@pytest.mark.parametrize("text", ["none", "None"])
def test_none_is_no_duration(text):
    assert parse_duration(text) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "fortnightly",
        "30",
        "d",
        "30m",
        "30s",
        "1 d",
        "-1d",
        "+1d",
        "1.5d",
        "1e3d",
        "1_0d",
        "7d7d",
        "P1D",
        "\uff11d",
    ],
)
def test_what_is_no_duration_is_refused_with_what_is_accepted(text):
    with pytest.raises(InvalidValueError) as caught:
        parse_duration(text)
    assert str(caught.value).startswith(f"{text!r} is not a duration: use hourly, ")
    assert "36h" in str(caught.value)


@pytest.mark.parametrize("text", ["0h", "0d", "876601h", "36526d", "5218w", "1201mo", "101y", "999999999h"])
def test_a_duration_out_of_range_is_refused_with_the_range(text):
    with pytest.raises(InvalidValueError, match=rf"^'{text}' is out of range: use a duration from 1"):
        parse_duration(text)


def test_a_refusal_stays_one_short_line_whatever_was_given():
    with pytest.raises(InvalidValueError) as caught:
        parse_duration("9\n" * 10_000)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("days", "text"),
    [
        (1, "daily"),
        (7, "weekly"),
        (28, "monthly"),
        (365, "yearly"),
        (30, "30d"),
        (14.0, "14d"),
        (36_525, "36525d"),
    ],
)
def test_litellms_days_are_durations_and_back(days, text):
    duration = periods.duration_from_days(days)
    assert str(duration) == text
    assert periods.days_of(duration) == days


@pytest.mark.parametrize(
    ("text", "days"), [("quarterly", 91), ("2w", 14), ("2mo", 56), ("6mo", 168), ("2y", 730), ("36h", 1.5)]
)
def test_durations_that_litellm_lacks_have_days_too(text, days):
    assert periods.days_of(parse_duration(text)) == days


@pytest.mark.parametrize(
    "days",
    [
        True,
        0,
        -7,
        0.5,
        1.5,
        math.nan,
        math.inf,
        36_526,
        1e300,
        pytest.param(10**5000, id="thousands of digits"),
        "7",
        None,
    ],
)
def test_what_is_no_count_of_days_is_refused(days):
    with pytest.raises(InvalidValueError, match="is not a duration: use whole days, from 1 to 36525"):
        periods.duration_from_days(days)


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


# Instants


@same_every_time
@given(st.integers(0, END_US - 1))
def test_an_instant_is_read_back_from_its_datetime(us):
    assert periods.from_datetime(periods.to_datetime(us)) == us
    assert periods.from_datetime(datetime.fromisoformat(periods.rfc3339(us))) == us


@same_every_time
@given(st.integers(0, 2**33 * 1_000_000))
def test_an_instant_is_read_back_from_its_timestamp(us):
    assert periods.from_timestamp(periods.to_timestamp(us)) == us


@same_every_time
@given(st.integers(0, END_US // 1_000_000 - 1))
def test_whole_seconds_are_exact(seconds):
    assert periods.from_timestamp(seconds) == periods.from_timestamp(float(seconds)) == seconds * 1_000_000


@pytest.mark.parametrize(
    ("us", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1_795_329_660_000_000, "2026-11-22T06:41:00Z"),
        (1_795_329_660_123_456, "2026-11-22T06:41:00.123456Z"),
        (1_795_329_660_100_000, "2026-11-22T06:41:00.100000Z"),
        (-1, "1969-12-31T23:59:59.999999Z"),
    ],
)
def test_rfc3339_has_a_fraction_only_where_there_is_one(us, text):
    assert periods.rfc3339(us) == text


def test_a_datetime_in_any_zone_is_the_same_instant():
    summer = datetime(2026, 7, 1, 8, tzinfo=ZoneInfo("America/New_York"))
    assert periods.from_datetime(summer) == at("2026-07-01T12:00")


def test_instants_end_before_the_year_3000():
    assert periods.check_instant(0) == 0
    assert periods.rfc3339(periods.check_instant(END_US - 1)) == "2999-12-31T23:59:59.999999Z"


@pytest.mark.parametrize("us", [-1, END_US, 10**30, pytest.param(10**5000, id="thousands of digits")])
def test_instants_out_of_range_are_refused(us):
    with pytest.raises(InvalidValueError, match="is not a possible time"):
        periods.check_instant(us)


@pytest.mark.parametrize(
    "seconds",
    [
        True,
        -1,
        -1e-9,
        math.nan,
        math.inf,
        -math.inf,
        END_US // 10**6,
        1e300,
        pytest.param(10**5000, id="thousands of digits"),
        "0",
        None,
    ],
)
def test_what_is_no_timestamp_is_refused(seconds):
    with pytest.raises(InvalidValueError, match="is not a possible time"):
        periods.from_timestamp(seconds)


@pytest.mark.parametrize(
    "moment",
    [
        datetime(1969, 12, 31, 23, tzinfo=UTC),
        datetime(3000, 1, 1, tzinfo=UTC),
        datetime.min.replace(tzinfo=timezone(timedelta(hours=14))),
        datetime.max.replace(tzinfo=timezone(timedelta(hours=-12))),
    ],
)
def test_datetimes_out_of_range_are_refused(moment):
    with pytest.raises(InvalidValueError, match="must lie from 1970 to 2999"):
        periods.from_datetime(moment)


def test_a_naive_datetime_is_refused():
    with pytest.raises(InvalidValueError, match="2026-01-01T00:00:00 has no time zone"):
        periods.from_datetime(datetime(2026, 1, 1))  # noqa: DTZ001
