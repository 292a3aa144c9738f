"""Business time: by hand, against a minute-by-minute count, and on the days when clocks change."""

from __future__ import annotations

import itertools
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import aura_analytics as aura
from aura_analytics.clock.calendars import as_calendar
from aura_analytics.clock.sla import parse_sla
from aura_analytics.errors import FileMissingError, ParameterError

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
        aura.Calendar(hours={"mon": ("17:00", "17:00")})
    with pytest.raises(ParameterError, match="no holidays known for the country: got 'XX'"):
        aura.Calendar(country="XX")
    with pytest.raises(ParameterError, match="unknown key: got 'zon'; did you mean 'zone'"):
        aura.Calendar.from_dict({"zon": "UTC"})


NY = "America/New_York"
WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("calendar", "start", "end", "hours"),
    [
        ({"hours": {"mon": [("09:00", "12:00"), ("13:00", "17:00")]}}, "2026-03-02", "2026-03-03", 7.0),
        ({"hours": {"mon": ("22:00", "06:00")}}, "2026-03-02", "2026-03-04", 8.0),
        ({"hours": {"mon": ("22:00", "06:00")}}, "2026-03-03T01:00", "2026-03-04", 5.0),
        ({"hours": {"mon": [("09:00", "17:00"), ("16:00", "18:00")]}}, "2026-03-02", "2026-03-03", 9.0),  # an hour counts once
        ({"hours": dict.fromkeys(WEEK, ("22:00", "23:00:30"))}, "2026-03-02", "2026-03-03", 1 + 30 / 3600),
        ({"dates": {"2026-12-24": ("09:00", "12:00")}}, "2026-12-24", "2026-12-25", 3.0),
        ({"dates": {date(2026, 3, 7): ("09:00", "12:00")}}, "2026-03-07", "2026-03-08", 3.0),  # a Saturday
        ({"dates": {"2026-03-02": []}}, "2026-03-02", "2026-03-03", 0.0),
        ({"country": "US", "dates": {"2026-12-25": ("10:00", "11:00")}}, "2026-12-25", "2026-12-26", 1.0),
        ({"closed": ["2026-03-02"]}, "2026-03-02", "2026-03-03", 0.0),
        ({"closed": [datetime(2026, 3, 2, 5)]}, "2026-03-02", "2026-03-03", 0.0),
        ({"zone": "Asia/Beirut", "hours": dict.fromkeys(WEEK, ("00:30", "01:15"))}, "2022-03-26T20:00", "2022-03-27T12:00", 0.25),
        (
            {"zone": NY, "hours": dict.fromkeys(WEEK, ("02:30", "10:00"))},
            "2025-03-09T05:00",
            "2025-03-09T20:00",
            7.0,
        ),
        (
            {"zone": NY, "hours": dict.fromkeys(WEEK, ("02:10", "02:50"))},
            "2025-03-09T05:00",
            "2025-03-09T20:00",
            0.0,
        ),
        ({"zone": NY, "hours": dict.fromkeys(WEEK, ("01:15", "01:45"))}, "2025-11-02", "2025-11-03", 0.5),
        ({"zone": "America/New_York", "hours": {"sat": ("22:00", "06:00")}}, "2025-11-01", "2025-11-03", 9.0),
    ],
)
def test_spans_and_clock_changes(calendar: dict[str, Any], start: str, end: str, hours: float) -> None:
    assert aura.Calendar(**calendar).elapsed_hours(instant(start), instant(end)) == pytest.approx(hours, abs=1e-6)


@settings(max_examples=40)
@given(
    zone=st.sampled_from(["Asia/Beirut", "America/New_York", "Australia/Lord_Howe", "Europe/Lisbon", "Pacific/Apia"]),
    spans=st.lists(st.tuples(st.integers(0, 95), st.integers(0, 95)).filter(lambda pair: pair[0] != pair[1]), max_size=3),
    day=st.integers(0, 720),
)
def test_no_time_is_negative_and_the_parts_make_the_whole(zone: str, spans: list[tuple[int, int]], day: int) -> None:
    def text(quarter: int) -> str:
        return f"{quarter // 4:02d}:{quarter % 4 * 15:02d}"

    calendar = aura.Calendar(zone=zone, hours={key: [(text(a), text(b)) for a, b in spans] for key in WEEK})
    begin = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=day)
    moments = [begin + timedelta(minutes=97 * i) for i in range(30)]
    parts = [calendar.elapsed_hours(a, b) for a, b in itertools.pairwise(moments)]
    assert all(-1e-9 <= part <= 97 / 60 + 1e-6 for part in parts)
    assert sum(parts) == pytest.approx(calendar.elapsed_hours(moments[0], moments[-1]), abs=1e-4)


@pytest.mark.parametrize(
    ("given_", "says"),
    [
        ({"closed": ["24.12.2026"]}, "a date of closed cannot be read: got '24.12.2026'"),
        ({"closed": "2026-12-24"}, "closed cannot be read"),
        ({"closed": [20261224]}, "a date of closed cannot be read"),
        ({"dates": {"soon": ("09:00", "12:00")}}, "a date of dates cannot be read: got 'soon'"),
        ({"hours": {"mon": ("9", "17")}}, "hours of mon cannot be read"),
        ({"hours": {"mon": 5}}, "hours of mon cannot be read"),
    ],
)
def test_what_cannot_be_read_is_said(given_: dict[str, Any], says: str) -> None:
    with pytest.raises(ParameterError, match=says):
        aura.Calendar(**given_)


def test_a_calendar_is_a_file(tmp_path: Path) -> None:
    path = tmp_path / "office.yaml"
    path.write_text("zone: America/New_York\ncountry: US\nhours:\n  mon: [[09:00, 12:00], [13:00, 17:00]]\nclosed: [2026-03-09]\n")
    office = as_calendar(path)
    assert office is not None and office.elapsed_hours(instant("2026-03-02"), instant("2026-03-17")) == 14.0
    assert str(office) == str(aura.Calendar.from_yaml(path)) and str(office).startswith("America/New_York US ")
    with pytest.raises(FileMissingError, match="no calendar file there"):
        as_calendar("nowhere.yaml")


def test_working_time_is_open_in_proportion() -> None:
    office = aura.Calendar()

    def days(start: str, end: str) -> float:
        low, high = (np.array([int(instant(text).timestamp() * 1e6)]) for text in (start, end))
        return float((office.working_time(high) - office.working_time(low))[0]) / 86_400_000_000

    assert days("2026-03-02T00:01", "2026-03-02T23:59") == 1.0  # all opening hours
    assert days("2026-03-02T23:59", "2026-03-03T00:01") == 0.0
    assert days("2026-03-02T11:00", "2026-03-02T13:00") == 0.25
    assert days("2026-03-06T17:00", "2026-03-09T09:00") == 0.0  # a weekend
    assert days("2026-03-02", "2026-03-16") == 10.0


@pytest.mark.parametrize(
    ("text", "hours", "days"),
    [("48h", 48.0, None), ("48.5h", 48.5, None), ("1.5d", 36.0, None), ("20 working days", None, 20), ("1 business day", None, 1)],
)
def test_limits_as_people_write_them(text: str, hours: float | None, days: int | None) -> None:
    limit = parse_sla(text)["default"]
    assert (limit.hours, limit.working_days, limit.business) == (hours, days, False)


def test_business_hours_need_a_calendar() -> None:
    assert str(parse_sla("8 business hours")["default"]) == "8 business hours"
    log = aura.events.sample(200, seed=1)
    with pytest.raises(ParameterError, match="business hours need a calendar"):
        aura.dossiers(log, sla="8 business hours")
    office = aura.Calendar()
    with_calendar = aura.dossiers(log, sla="8 business hours", calendar=office)["sla_breach_rate"]
    assert with_calendar.equals(aura.dossiers(log, sla="8h", calendar=office)["sla_breach_rate"])
    with pytest.raises(ParameterError, match="an SLA cannot be read: got '8 hours of work'"):
        parse_sla("8 hours of work")
