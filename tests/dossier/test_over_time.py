"""Rules over time: one fold, the same through every door and from every later day."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import numpy as np
import polars as pl
import pytest

import aura_analytics as aura
from aura_analytics.cases import DECISIONS
from aura_analytics.dossier.counting import beyond
from aura_analytics.dossier.history import folded
from aura_analytics.errors import ParameterError
from aura_analytics.widgets import ExplorerState

START = datetime(2026, 1, 1, tzinfo=timezone.utc)
RATE = {"metric": "override_rate", "above": 0.4}
CLEAR = {"metric": "override_rate", "below": 0.2}
SURE = {"metric": "override_rate", "above": 0.3, "limit": "lower", "min_n": 5}
STARS = {"metric": "sat_score_mean", "below": 3, "limit": "upper"}


def policy(when: dict[str, Any], **more: Any) -> aura.Policy:
    rule = {"id": "r", "when": when} | ({"clear_when": more.pop("clear")} if "clear" in more else {})
    return aura.Policy({"name": "p", "window": "10d", "rules": [rule], **more})


POLICIES = {
    "sticky": policy(RATE, clear=CLEAR),
    "sticky on limits": policy(SURE, clear={"metric": "override_rate", "below": 0.3, "limit": "upper"}),
    "sticky on both": policy({"all": [SURE, STARS]}, clear={"any": [CLEAR, {"metric": "sat_score_mean", "above": 3.5}]}),
    "k of m": policy(RATE, persistence={"k": 2, "m": 3}),
    "k of m, every 5 days": policy(RATE, persistence={"k": 2, "m": 3, "step": "5d"}),
    "both": policy(RATE, clear=CLEAR, persistence={"k": 2, "m": 2, "step": "10d"}),
    "the whole log": policy({"metric": "override_rate", "above": 0.35}, clear=CLEAR, window="all"),
    "both verdicts": policy(RATE, clear=CLEAR, evidence={"both_verdicts": True}),
}


def random_log(seed: int, days: int = 40) -> pl.DataFrame:
    """Officers whose rates wander, who fall silent for weeks, and citizens who rate some of it."""
    random = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    for who in range(5):
        rate, silent = random.uniform(0, 0.8), 0
        for day in range(days):
            silent = int(random.integers(5, 25)) if random.random() < 0.03 else max(0, silent - 1)
            rate = float(np.clip(rate + random.normal(0, 0.1), 0, 1))
            for n in range(0 if silent else int(random.integers(0, 4))):
                case = f"{who}/{day}/{n}"
                at = START + timedelta(days=day, seconds=int(random.integers(0, 86_400)))
                kind = "OVERRIDE" if random.random() < rate or who == 4 else "DECISION"
                rows.append({"type": kind, "ts": at, "actor": f"o{who}", "actor_kind": "officer", "case_id": case})
                if random.random() < 0.7:
                    later = at + timedelta(days=float(random.uniform(0, 3)))
                    rows.append({"type": "SAT_SCORE", "ts": later, "value": float(random.integers(1, 6)), "case_id": case})
    return aura.events.from_records(rows)


def slowly(log: pl.DataFrame, rules: aura.Policy, end: datetime, known: dict[Any, set[str]]) -> set[str]:
    """Who is flagged at a moment, by the definition: a board a day, one after the other."""
    spec, rule = rules.spec, rules.spec.rules[0]
    bare = aura.Policy(
        {
            **spec.model_dump(by_alias=True, exclude={"persistence", "tests"}),
            "rules": [{"id": "r", "when": rule.model_dump()["when"]}],
        }
    )
    clear = (
        None
        if rule.clear_when is None
        else aura.Policy(
            {"name": "c", "window": spec.window or "all", "rules": [{"id": "r", "when": rule.model_dump()["clear_when"]}]}
        )
    )
    k, m = (spec.persistence.k, spec.persistence.m) if spec.persistence else (1, 1)
    step = spec.step or timedelta(days=1)

    def met(which: aura.Policy | None, at: datetime) -> set[str]:
        if which is None:
            return set()
        key = which.spec.model_dump_json(by_alias=True), at
        if key not in known:
            board = aura.dossiers(log, at, policy=which, metrics=["override_rate", *which.metrics])
            known[key] = set(board.filter(pip_status="flag")["actor"])
        return known[key]

    first = log["ts"].min()
    assert isinstance(first, datetime)
    days = [START + timedelta(days=day) for day in range(1, 400) if first < START + timedelta(days=day) < end] if clear else []
    raised: dict[datetime, set[str]] = {}
    standing: set[str] = set()
    cleared: dict[str, datetime] = {}
    moments = [*days, end]
    for at in moments:
        raised[at] = met(bare, at)
        may = met(clear, at)
        for who in standing & may - raised[at]:
            cleared[who] = at
        looked = [at - i * step for i in range(1, m)]
        held: dict[str, int] = dict.fromkeys(raised[at], 1)
        for back in looked:
            if clear:  # on the grid: the midnight up to which it lies
                near = [day for day in days if back - timedelta(days=1) < day <= back]
                past = raised[near[-1]] if near else set()
                back = near[-1] if near else back
            else:
                past = met(bare, back) if back >= first else set()
            for who in past:
                if back > cleared.get(who, datetime(1970, 1, 1, tzinfo=timezone.utc)) and at != cleared.get(who):
                    held[who] = held.get(who, 0) + 1
        up = {who for who, count in held.items() if count >= k}
        standing = up | ({who for who in standing if who not in may} if clear else set())
    return standing


@pytest.mark.parametrize("name", POLICIES)
@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_every_door_says_what_the_definition_says(name: str, seed: int) -> None:
    rules, log = POLICIES[name], random_log(seed)
    known: dict[Any, set[str]] = {}
    for day in (9.5, 33.25, 42, 55.5):
        end = START + timedelta(days=day)
        seen = log.filter(pl.col("ts") <= end)
        want = slowly(log, rules, end, known)
        board = aura.dossiers(log, end, policy=rules)
        assert set(board.filter(pip_status="flag")["actor"]) == want, (day, want)
        assert aura.dossiers(seen, end, policy=rules).drop("counted").equals(board.drop("counted"))  # the future is not looked at
        state = aura.DossierState(seen.head(seen.height // 2))
        state.append(seen.tail(seen.height - seen.height // 2))
        kept = state.dossiers(end, policy=rules)
        assert kept.drop("counted").equals(board.drop("counted"))
        shown = ExplorerState(log, rules, as_of=end)
        assert set(shown.board.filter(verdict="flag")["actor"]) == want
        for who in want:
            shown.pick(who)
            assert shown.banner is not None and shown.banner.verdict == "flag"


@pytest.mark.slow
@pytest.mark.parametrize("name", POLICIES)
def test_a_log_that_is_followed_says_what_a_fresh_reading_says(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read every few days, with some events that come late: what is kept of earlier readings never shows."""
    from aura_analytics.dossier import state as module

    looked_at: list[int] = []

    def watched(*given: Any) -> Any:
        looked_at.append(given[1].table(DECISIONS).height)
        return folded(*given)

    monkeypatch.setattr(module, "folded", watched)
    rules, log = POLICIES[name], random_log(5).sort("ts")
    rng = np.random.default_rng(8)
    late = rng.random(log.height) < 0.02
    arrival = log["ts"].dt.offset_by("0h") + pl.Series(np.where(late, 6 * 86_400_000_000, 0)).cast(pl.Duration("us"))
    arriving = log.with_columns(arrival=arrival).sort("arrival")
    state, seen = aura.DossierState(log.clear()), 0
    for day in range(3, 60, 3):
        now = START + timedelta(days=day)
        come = arriving.filter(pl.col("arrival") <= now).drop("arrival")
        state.append(come.slice(seen))
        seen = come.height
        assert state.dossiers(now, policy=rules).drop("counted").equals(aura.dossiers(come, now, policy=rules).drop("counted")), day
    kept = state.dossiers(now, policy=rules)
    assert kept.equals(state.dossiers(now, policy=rules))
    if rules.spec.sticky and rules.window is not None and looked_at:
        assert looked_at[-1] < seen / 2  # asked again, it looks no further back than a window


def test_readings_day_by_day_fold_to_the_same() -> None:
    rules, log = POLICIES["sticky"], random_log(3)
    days = [START + timedelta(days=day) for day in range(1, 41)]
    stack = pl.concat([aura.dossiers(log, day, "10d", metrics=rules.metrics).select(pl.exclude("role", "counted")) for day in days])
    by_day = rules.evaluate(stack)
    for day in days[9::10]:
        board = aura.dossiers(log, day, policy=rules)
        folded = by_day.filter(pl.col("as_of") == day)
        both = board.join(folded.select("actor", "verdict"), on="actor")
        assert both["pip_status"].to_list() == both["verdict"].to_list() and both.height


def test_who_stands_flagged_and_falls_silent_stays_on_the_board() -> None:
    rows = [
        {
            "type": "OVERRIDE",
            "ts": START + timedelta(days=day, hours=n),
            "actor": "anne",
            "actor_kind": "officer",
            "case_id": f"{day}/{n}",
        }
        for day in range(5)
        for n in range(6)
    ]
    rows.append({"type": "DECISION", "ts": START + timedelta(days=90), "actor": "bob", "actor_kind": "officer", "case_id": "B"})
    log = aura.events.from_records(rows)
    for door in (aura.dossiers(log, policy=POLICIES["sticky"]), aura.DossierState(log).dossiers(policy=POLICIES["sticky"])):
        row = door.row(by_predicate=pl.col("actor") == "anne", named=True)
        assert (row["pip_status"], row["override_rate"], row["override_rate_n"]) == ("flag", 0.0, 0)
        assert "silence is no improvement" in row["pip_reasons"][0]
        assert row["actor_kind"] == "officer"
    assert "anne" not in aura.dossiers(log, policy=policy(RATE))["actor"]


def test_one_bad_day_is_not_three() -> None:
    """By default no two readings share an event."""
    rows = []
    for day in range(200):
        for n in range(50 if day == 100 else 1):
            kind = "OVERRIDE" if day == 100 else "DECISION"
            rows.append({"type": kind, "ts": START + timedelta(days=day, minutes=n), "actor": "anne", "actor_kind": "officer"})
    log = aura.events.from_records(rows)
    chronic = aura.Policy({"name": "c", "persistence": {"k": 2, "m": 3}, "rules": [{"id": "r", "when": {**RATE, "above": 0.3}}]})
    assert chronic.spec.step == timedelta(days=90)
    for day in range(101, 200, 7):
        board = aura.dossiers(log, START + timedelta(days=day), policy=chronic)
        assert board["pip_status"][0] in ("clear", "watch"), day


def test_a_gap_is_no_reading() -> None:
    rows = [
        {"type": "OVERRIDE" if who == "anne" else "DECISION", "ts": START + timedelta(days=day, hours=9 + n), "actor": who}
        for day in [*range(25), *range(330, 355)]
        for n in range(8)
        for who in ("anne", "bob")
    ]
    log = aura.events.from_records(rows)
    rules = aura.Policy({"name": "c", "window": "30d", "persistence": {"k": 2, "m": 3}, "rules": [{"id": "r", "when": RATE}]})
    stack = pl.concat([aura.dossiers(log, START + timedelta(days=day), policy=rules) for day in range(30, 365, 30)])
    found = rules.evaluate(stack).filter(actor="anne")
    assert found["verdict"][-1] == "watch" == stack.filter(actor="anne")["pip_status"][-1]
    assert found["verdict"][0] == "watch"  # one of the first year's readings


def test_a_board_counted_otherwise_is_refused() -> None:
    log = random_log(4)
    rules = policy(RATE)
    with pytest.raises(ParameterError, match="another window than the policy judges: got '90 days', expected 10 days"):
        rules.evaluate(aura.dossiers(log))
    assert rules.evaluate(aura.dossiers(log, policy=rules)).height
    assert rules.over("90d").evaluate(aura.dossiers(log)).height
    mixed = [
        aura.dossiers(log, START + timedelta(days=day), "10d", attribution=word)  # type: ignore[arg-type]
        for day, word in ((20, "last_decider"), (30, "event_actor"))
    ]
    with pytest.raises(ParameterError, match="counted in different ways: attribution of ratings"):
        rules.evaluate(pl.concat(mixed))


def test_a_board_knows_what_it_is(tmp_path: Any) -> None:
    log = random_log(5)
    board = aura.dossiers(log, sla="48h", calendar={"country": "US"}, policy="tracker")
    board.write_parquet(tmp_path / "board.parquet")
    row = pl.read_parquet(tmp_path / "board.parquet")["counted"][0]
    assert row["window"] == "90d" and row["sla"] == "default: 48 h" and row["policy"] == "tracker 1" and "US" in row["calendar"]
    assert row["events"] == log.height and row["later"] == 0
    assert aura.dossiers(log.sample(fraction=1, shuffle=True, seed=1))["counted"][0]["data"] == row["data"]
    assert aura.dossiers(log.tail(log.height - 1))["counted"][0]["data"] != row["data"]
    half = aura.dossiers(log, START + timedelta(days=30))["counted"][0]
    assert half["events"] == log.filter(pl.col("ts") <= START + timedelta(days=30)).height
    assert half["later"] == log.height - half["events"]


def test_hr_actions_move_no_window(tmp_path: Any) -> None:
    """A signature of today must not empty the board of last year's log."""
    log = random_log(6)
    ledger = aura.Ledger(f"sqlite:///{tmp_path}/l.db")
    ledger.record_events(log)
    before = aura.dossiers(ledger)
    desk = aura.HRDesk(ledger)
    desk.act("suspension", "o1", "officer", rule="r", reason="audit", by="x@agency.gov")
    after = aura.dossiers(ledger)
    assert after.drop("counted").equals(before.drop("counted"))
    assert [row["later"] for row in (before["counted"][0], after["counted"][0])] == [0, 1]
    assert before["counted"][0]["data"] == after["counted"][0]["data"]
    assert ledger.dossier("o1")["as_of"] == before["as_of"][0] == aura.DossierState(ledger).dossiers()["as_of"][0]
    state = aura.DossierState(log)
    state.append(ledger.events().filter(pl.col("type") == "HR_ACTION"))
    assert state.dossiers().equals(after)
    grown = aura.DossierState(ledger.events().filter(pl.col("type") == "HR_ACTION"))
    grown.append(log)
    assert grown.dossiers().equals(after)
    series = aura.rolling(ledger, "override_rate", window="10d", step="1d")
    assert series.filter(pl.col("as_of") > START + timedelta(days=100)).is_empty()
    assert aura.observations(ledger, "o1").height == before.filter(actor="o1")["override_rate_n"][0]
    shown = ExplorerState(ledger)
    assert shown.as_of == before["as_of"][0]
    ledger.close()


def test_views_say_what_lies_beyond_the_window(tmp_path: Any) -> None:
    log = random_log(7)
    action = {"type": "HR_ACTION", "actor": "o1", "ts": START + timedelta(days=300), "attributes": '{"action": "case_opened"}'}
    ahead = {"type": "DECISION", "actor": "o2", "actor_kind": "officer", "ts": datetime(2190, 1, 1, tzinfo=timezone.utc)}
    later = pl.concat([log, aura.events.from_records([action])])
    assert beyond(aura.dossiers(later)) == ["1 event lies after the end of the window and does not count."]
    assert "1 event lies after the end" in aura.write_report(later, tmp_path / "r.html").read_text()
    assert "1 event lies after the end" in ExplorerState(later).sentence()
    assert "ends in the future, on 2190-01-01" in " ".join(
        beyond(aura.dossiers(pl.concat([log, aura.events.from_records([ahead])])))
    )
    assert beyond(aura.dossiers(log)) == []
