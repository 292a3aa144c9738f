"""The citizen's clock, what nobody was given, breaches shared among holders, and words about limits."""

import itertools
from collections import defaultdict
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl
import pytest

import aura_analytics as aura
from aura_analytics.cases import WHOLE_CASE, Options, Window
from aura_analytics.cases.receipt import HELD, RECEIVED
from aura_analytics.clock.sla import parse_sla
from aura_analytics.dossier.counting import beyond
from aura_analytics.metrics.kinds.base import Context
from aura_analytics.metrics.kinds.shared import chances
from aura_analytics.metrics.kinds.survival import curves_of, survival_at_limit

START = datetime(2026, 1, 5, tzinfo=timezone.utc)
CLOCKS = ["sla_breach_rate", "receipt_breach_rate", "shared_breach_rate", "handed_on"]


def at(hours: float) -> datetime:
    return START + timedelta(hours=float(hours))


def log(*rows: tuple[Any, ...]) -> pl.DataFrame:
    """Rows are (type, hours after the start, case, actor or None, queue or None)."""
    return aura.events.from_records(
        [
            {"type": kind, "ts": at(hours).isoformat(), "case_id": case, "actor": actor, "queue": queue}
            | ({"actor_kind": "officer"} if actor else {})
            for kind, hours, case, actor, queue in rows
        ]
    )


def lain(n: int = 20, unassigned: float = 70, whole: float = 80) -> list[tuple[Any, ...]]:
    """Cases of 80 hours of which 70 lay unassigned."""
    rows: list[tuple[Any, ...]] = []
    for i in range(n):
        rows += [("OPENED", i, f"c{i}", None, "foia"), ("ASSIGNED", i + unassigned, f"c{i}", "anne", None)]
        rows.append(("RESOLVED", i + whole, f"c{i}", "anne", None))
    return rows


def random_log(seed: int, cases: int = 60) -> pl.DataFrame:
    """Cases that are opened or not, given, handed on, paused, resolved, reopened; some are never given to anybody."""
    rng = np.random.default_rng(seed)
    rows: list[tuple[Any, ...]] = []
    for i in range(cases):
        case, now = f"k{i}", float(rng.integers(0, 2000))
        queue = ("a", "b", None)[int(rng.integers(3))]
        if rng.random() < 0.8:
            rows.append(("OPENED", now, case, None, queue))
        for _ in range(int(rng.integers(0, 4))):
            now += float(rng.integers(1, 60))
            rows.append(("ASSIGNED", now, case, f"o{rng.integers(4)}", queue))
            if rng.random() < 0.3:
                rows.append(("PAUSED", now + 1, case, None, queue))
                now += 1 + float(rng.integers(1, 30))
                rows.append(("RESUMED", now, case, None, queue))
            if rng.random() < 0.5:
                now += float(rng.integers(1, 60))
                rows.append(("RESOLVED", now, case, f"o{rng.integers(4)}", queue))
    return log(*rows, ("OPENED", 2300, "last", None, "a"))


def slow_cases(events: pl.DataFrame, end: datetime) -> dict[str, dict[str, Any]]:
    """Every case from receipt, by reading its events one after another: start, end, hours, ended, given, parts by holder."""
    by_case: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in events.sort("ts").iter_rows(named=True):
        if row["case_id"] is not None:
            by_case[row["case_id"]].append(row)
    found: dict[str, dict[str, Any]] = {}
    for case, rows in by_case.items():
        if not any(row["type"] in ("OPENED", "ASSIGNED", "RESOLVED") for row in rows):
            continue
        opened = [row["ts"] for row in rows if row["type"] == "OPENED"]
        over = [row["ts"] for row in rows if row["type"] == "RESOLVED"]
        begun = [row["ts"] for row in rows if row["type"] in ("OPENED", "ASSIGNED")]
        ended = bool(over) and not (begun and max(begun) > max(over))
        start = min(opened) if opened and not (over and min(opened) > max(over)) else rows[0]["ts"]
        stop = max(over) if ended else end
        running, hours, holder = True, 0.0, None
        held: dict[str, float] = defaultdict(float)
        moments = [*rows, {"type": "END", "ts": stop, "actor": None}]
        for row, following in itertools.pairwise(moments):
            kind = row["type"]
            running = kind != "PAUSED" and (running or kind == "RESUMED")
            if kind == "ASSIGNED":
                holder = row["actor"]
            if kind == "RESOLVED":
                holder = None
            if running and following["ts"] <= stop:
                span = (min(following["ts"], stop) - row["ts"]) / timedelta(hours=1)
                hours += span
                if holder is not None:
                    held[holder] += span
        given = any(row["type"] == "ASSIGNED" for row in rows)
        found[case] = {"start": start, "hours": hours, "ended": ended, "given": given, "held": dict(held)}
    return found


def test_a_case_that_lay_unassigned_is_late_for_the_citizen_and_not_for_the_holder() -> None:
    board = aura.dossiers(log(*lain()), sla="72h", metrics=CLOCKS)
    row = board.row(0, named=True)
    assert (row["sla_breach_rate"], row["receipt_breach_rate"]) == (0.0, 1.0)
    assert row["shared_breach_rate"] == pytest.approx(10 / 80, abs=1e-9)
    office = aura.office(log(*lain()), sla="72h").row(0, named=True)
    assert (office["receipt_breach_rate"], office["sla_breach_rate"]) == (1.0, 0.0)


def test_who_hands_a_slow_case_on_keeps_their_part_of_the_breach() -> None:
    rows: list[tuple[Any, ...]] = []
    for i in range(10):
        rows += [("ASSIGNED", i, f"c{i}", "bob", None), ("ASSIGNED", i + 48, f"c{i}", "cleo", None)]
        rows.append(("RESOLVED", i + 96, f"c{i}", "cleo", None))
    board = aura.dossiers(log(*rows), sla="72h", metrics=CLOCKS)
    numbers = {row["actor"]: row for row in board.iter_rows(named=True)}
    assert numbers["bob"]["sla_breach_rate"] is None  # by the closer's clock nobody is late
    assert numbers["cleo"]["sla_breach_rate"] == 0
    assert numbers["bob"]["shared_breach_rate"] == numbers["cleo"]["shared_breach_rate"] == 0.5
    assert (numbers["bob"]["handed_on"], numbers["cleo"]["handed_on"]) == (10, 0)


def test_open_cases_that_nobody_was_given_count_with_their_queue() -> None:
    rows = [*lain(3), ("OPENED", 0, "x", None, "loan"), ("OPENED", 5, "y", None, "loan"), ("ASSIGNED", 6, "z", "bob", "loan")]
    office = aura.office(log(*rows), sla="48h")
    assert office["queue"].to_list() == [None, "foia", "loan"]
    assert office["open_cases"].to_list() == [3, 0, 3]
    assert office["unassigned"].to_list() == [2, 0, 2]
    assert office["oldest_open_hours"].to_list() == [82.0, None, 82.0]
    assert office["received"].to_list() == [6, 3, 3]


def test_reopened_cases_run_on_and_a_repeated_opening_restarts_nothing() -> None:
    again = [("OPENED", 0, "c", None, None), ("OPENED", 60, "c", None, None), ("RESOLVED", 80, "c", "anne", None)]
    row = aura.office(log(*again), sla="72h").row(0, named=True)
    assert row["receipt_breach_rate"] == 1.0
    reopened = [*again, ("OPENED", 100, "c", None, None)]
    assert aura.office(log(*reopened)).row(0, named=True)["open_cases"] == 1
    closed = [*reopened, ("RESOLVED", 110, "c", "anne", None)]
    table = Window(log(*closed).lazy(), at(200), None, {RECEIVED: set()}).facts().table(RECEIVED)
    assert table["elapsed"].to_list() == [110 * 3_600_000_000]


def test_a_queue_that_only_the_opening_names_is_the_holders_too() -> None:
    board = aura.dossiers(log(*lain()), sla={"foia": "5h", "default": "72h"})
    assert board["sla_breach_rate"].to_list() == [1.0]
    holdings: tuple[Literal["closer", "holder"], ...] = ("closer", "holder")
    for holding in holdings:
        assert aura.dossiers(log(*lain()), sla={"foia": "5h"}, holding=holding)["sla_breach_rate"].to_list() == [1.0]


@pytest.mark.parametrize("seed", range(12))
def test_the_clock_from_receipt_is_that_of_a_slow_reading(seed: int) -> None:
    events = random_log(seed)
    window = Window(events.lazy(), at(2300), None, {RECEIVED: set(), HELD: set()}, Options())
    slow = slow_cases(events, at(2300))
    traced = RECEIVED.trace(window, set())
    assert set(traced["case_id"]) == set(slow)
    for row in traced.iter_rows(named=True):
        expected = slow[row["case_id"]]
        assert row["elapsed"] / 3.6e9 == pytest.approx(expected["hours"]), row
        assert row["ended"] == expected["ended"]
    office = aura.office(events, at(2300), "all").row(0, named=True)
    still = [case for case in slow.values() if not case["ended"]]
    assert office["open_cases"] == len(still)
    assert office["unassigned"] == sum(not case["given"] for case in still)
    parts = HELD.trace(window, set())
    for row in parts.iter_rows(named=True):
        case = slow[row["case_id"]]
        if case["given"] and case["hours"]:
            expected = case["held"].get(row["actor"], 0.0) / case["hours"]
            assert row["weight"] / WHOLE_CASE == pytest.approx(expected, abs=2e-9), (row, case)
    # nobody's part and everybody's make the whole
    assert max(parts.group_by("case_id").agg(pl.col("weight").sum())["weight"].to_list()) <= WHOLE_CASE + 4


@pytest.mark.parametrize("seed", range(5))
def test_with_whole_parts_the_shared_rate_is_kaplan_meier(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = rng.integers(1, 40, 6)
    sums = pl.DataFrame(
        {
            "elapsed": [(rng.integers(1, 12, size) * 3_600_000_000).tolist() for size in n],
            "ended": [(rng.random(size) < 0.6).tolist() for size in n],
            "queue": [[None] * size for size in n],
            **{name: [[0] * size for size in n] for name in ("start", "end", "days_off")},
        },
        schema_overrides={"queue": pl.List(pl.String)},
    )
    curves = curves_of(sums, str, Context(START, sla=parse_sla("6h")))
    value, count, _ = survival_at_limit(curves)
    mean = np.bincount(curves.owner, weights=chances(curves), minlength=6) / count
    known = ~np.isnan(value)
    assert known.any()
    assert mean[known] == pytest.approx(value[known])


def test_the_state_says_the_same() -> None:
    events = random_log(3)
    head, tail = events.head(100), events.tail(events.height - 100)
    state = aura.DossierState(head, sla="48h", metrics=CLOCKS)
    state.append(tail)
    assert state.dossiers().equals(aura.dossiers(events, sla="48h", metrics=CLOCKS))


def test_a_state_of_nothing_yet_has_an_empty_board() -> None:
    state = aura.DossierState(aura.events.empty(), sla="48h", metrics=[*CLOCKS, "calibration_gap"])
    assert state.dossiers().is_empty() and aura.office(aura.events.empty(), sla="48h")["received"].to_list() == [0]
    state.append(log(*lain()))
    assert state.dossiers()["receipt_breach_rate"].to_list() == [1.0]


def test_policies_read_the_citizens_clock(tmp_path: Path) -> None:
    path = tmp_path / "late.yaml"
    path.write_text(
        "name: late\nwindow: 90d\nrules:\n  - id: late\n    when: {metric: shared_breach_rate, above: 0.3, limit: lower}\n",
        encoding="utf-8",
    )
    slow = [(kind, hours * 1.0, case, actor, queue) for kind, hours, case, actor, queue in lain(20, unassigned=1)]
    board = aura.dossiers(log(*slow), sla="72h", policy=path)
    assert board["pip_status"].to_list() == ["flag"]
    assert aura.dossiers(log(*lain()), sla="72h", policy=path)["pip_status"].to_list() == ["clear"]


def test_limits_that_meet_no_queue_and_days_without_a_calendar_are_said() -> None:
    events = log(*lain())
    said = beyond(aura.dossiers(events, sla={"foja": "48h", "default": "72h"}))
    assert said == ["There is a limit for queue 'foja', which no event of the log names: did you mean 'foia'?"]
    assert beyond(aura.dossiers(events, sla={"foia": "48h"})) == []
    days = beyond(aura.dossiers(events, sla="20 working days"))
    assert days == ["No calendar is given: working days are Monday to Friday in UTC, and no day is a holiday."]
    assert beyond(aura.dossiers(events, sla="20 working days", calendar={"country": "US"})) == []
    state = aura.DossierState(events.head(5), sla={"loan": "48h"})
    assert len(beyond(state.dossiers())) == 1
    state.append(log(("OPENED", 99, "n", None, "loan")))
    assert beyond(state.dossiers()) == []
