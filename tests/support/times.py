"""Zones with odd clocks, durations, and times in them."""

from datetime import datetime
from zoneinfo import ZoneInfo

from hypothesis import settings
from hypothesis import strategies as st

from budgetctl import periods
from budgetctl.periods import Duration, parse_duration

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


durations = st.one_of(
    st.sampled_from(NAMES + LONGEST).map(parse_duration),
    st.builds(Duration, st.integers(1, 40), st.sampled_from(["h", "d", "w", "mo", "y"])),
)
