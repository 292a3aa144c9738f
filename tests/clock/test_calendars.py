"""Business time: by hand, against a minute-by-minute count, and on the days when clocks change."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import aura_analytics as aura
from aura_analytics.errors import ParameterError

UTC = timezone.utc


def _slow_hours(calendar: aura.Calendar, start: datetime, end: datetime) -> float:
    """Ten-minute steps on the wall clock."""
    holidays = {date(2026, 12, 25), date(2026, 1, 1), date(2026, 4, 27)}
    count, moment, zone = 0, start, ZoneInfo(calendar.zone)
    while moment < end:
        local = moment.astimezone(zone)
        if local.weekday() < 5 and local.date() not in holidays and 9 <= local.hour < 17:
            count += 1
        moment += timedelta(minutes=10)
    return count / 6


@settings(max_examples=60)
@given(start=st.integers(0, 52_000), length=st.integers(0, 3_000))
def test_against_counting(start: int, length: int) -> None:
    calendar = aura.Calendar(zone="Europe/Amsterdam", closed=[date(2026, 12, 25), date(2026, 1, 1), date(2026, 4, 27)])
    begin = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=10 * start)
    end = begin + timedelta(minutes=10 * length)
    assert calendar.elapsed_hours(begin, end) == pytest.approx(_slow_hours(calendar, begin, end))
    assert calendar.elapsed_hours(end, begin) == -calendar.elapsed_hours(begin, end)


def test_a_day_with_a_clock_change_has_its_real_length() -> None:
    always = aura.Calendar(
        zone="Europe/Amsterdam", hours=dict.fromkeys(("mon", "tue", "wed", "thu", "fri", "sat", "sun"), ("00:00", "24:00"))
    )
    spring = datetime(2026, 3, 29, tzinfo=ZoneInfo("Europe/Amsterdam"))
    assert always.elapsed_hours(spring, datetime(2026, 3, 30, tzinfo=ZoneInfo("Europe/Amsterdam"))) == 23.0
    autumn = datetime(2026, 10, 25, tzinfo=ZoneInfo("Europe/Amsterdam"))
    assert always.elapsed_hours(autumn, datetime(2026, 10, 26, tzinfo=ZoneInfo("Europe/Amsterdam"))) == 25.0


def test_public_holidays() -> None:
    office = aura.Calendar(zone="America/New_York", country="US")
    before = datetime(2026, 12, 24, 9, tzinfo=ZoneInfo("America/New_York"))
    after = datetime(2026, 12, 28, 17, tzinfo=ZoneInfo("America/New_York"))
    assert office.elapsed_hours(before, after) == 16.0  # Thursday and Monday; Friday is Christmas


def test_working_days_do_not_count_the_day_of_receipt() -> None:
    office = aura.Calendar(zone="America/New_York", country="US")

    def days(start: datetime, end: datetime) -> int:
        micro = [np.array([int(moment.timestamp() * 1e6)]) for moment in (start, end)]
        return int(office.working_days(*micro)[0])

    friday = datetime(2026, 11, 20, 16, tzinfo=ZoneInfo("America/New_York"))
    assert days(friday, friday + timedelta(hours=2)) == 0
    assert days(friday, friday + timedelta(days=3)) == 1  # Monday
    assert days(friday, datetime(2026, 11, 30, 9, tzinfo=ZoneInfo("America/New_York"))) == 5  # Thanksgiving does not count
    # twenty working days after 20 November 2026 is 21 December
    assert days(friday, datetime(2026, 12, 18, 9, tzinfo=ZoneInfo("America/New_York"))) == 19
    assert days(friday, datetime(2026, 12, 21, 9, tzinfo=ZoneInfo("America/New_York"))) == 20


def test_foia_limit_in_a_dossier(log) -> None:  # type: ignore[no-untyped-def]
    office = aura.Calendar(zone="UTC", country="US")
    # 5 January 2026 is a Monday; with Martin Luther King day on the 19th, 20 working days end on 3 February
    rows = []
    for i, days in enumerate((29, 30)):  # resolved on 3 and on 4 February
        case = {"actor": "anne", "case_id": f"C{i}"}
        rows += [("ASSIGNED", 8, case), ("RESOLVED", 24 * days + 10, case)]
    board = aura.dossiers(log(*rows), sla="20 working days", calendar=office, metrics=["sla_breach_rate"])
    assert board["sla_breach_rate"].to_list() == [0.5]


def test_from_dict_and_mistakes() -> None:
    calendar = aura.Calendar.from_dict({"zone": "UTC", "hours": {"mon": ["08:00", "12:00"]}, "closed": ["2026-01-05"]})
    week = datetime(2026, 1, 5, tzinfo=UTC)
    assert calendar.elapsed_hours(week, week + timedelta(days=14)) == 4.0
    with pytest.raises(ParameterError, match="unknown weekday: got 'monday'.*did you mean 'mon'"):
        aura.Calendar(hours={"monday": ("09:00", "17:00")})
    with pytest.raises(ParameterError, match="do not end after they begin"):
        aura.Calendar(hours={"mon": ("17:00", "09:00")})
    with pytest.raises(ParameterError, match="no holidays known for the country: got 'XX'"):
        aura.Calendar(country="XX")
    with pytest.raises(ParameterError, match="unknown key: got 'zon'; did you mean 'zone'"):
        aura.Calendar.from_dict({"zon": "UTC"})
