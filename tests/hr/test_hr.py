"""HR: folds as of any date, signatures, contests, the ladder, plans."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import aura_analytics as aura
from aura_analytics import HRDesk, Ledger, Policy
from aura_analytics.errors import ParameterError, RuleError
from aura_analytics.hr import ImprovementPlan, Ladder, draft_plan, plan_progress, standing
from aura_analytics.hr.plans import plan_of
from aura_analytics.hr.vocabulary import HRAction, action_event, actions_of, digest_of

START = datetime(2026, 1, 1, tzinfo=timezone.utc)


def action(number: int, name: str, actor: str = "gpt", hours: float | None = None, kind: str = "agent", **more: Any) -> HRAction:
    return action_event(
        name, actor, kind, event_id=f"e{number:04d}", ts=START + timedelta(hours=number if hours is None else hours), **more
    )


def work(actor: str, kind: str = "agent") -> dict[str, Any]:
    """What says of which kind somebody is."""
    return {
        "type": "EVALUATION",
        "actor": actor,
        "actor_kind": kind,
        "value": 50.0,
        "ts": START,
        "event_id": f"work/{actor}/{kind}",
    }


RANK = {"contest": 3, "overturned": 4, "case_closed": 5}


def slow_standing(events: list[HRAction], as_of: datetime) -> dict[str, dict[str, Any]]:
    """The same, an event at a time: what is overturned is taken out, and everything before counted anew."""
    said = [(event, json.loads(event["attributes"])) for event in events if event["ts"] <= as_of]
    said.sort(key=lambda item: (item[0]["ts"], RANK.get(item[1]["action"], 1), item[0]["event_id"]))
    undone: set[str] = set()
    before: dict[str, str] = {}
    contested: set[str] = set()
    for event, item in said:
        name, asked = item["action"], item.get("refers_to")
        if name == "contest" and asked in before and asked not in undone and asked not in contested:
            contested.add(asked)
        elif name == "overturned" and asked in contested:
            undone.add(asked)
        elif name == "case_closed" and (before.get(asked) != "case_opened" or asked in undone):
            continue
        elif name not in ("contest", "overturned"):
            before[event["event_id"]] = name
    found: dict[str, dict[str, Any]] = {}
    for event, item in sorted(said, key=lambda item: (item[0]["ts"], item[1]["action"] == "suspension")):
        empty: dict[str, Any] = {"reputation": 100.0, "level": 0, "suspended": False, "running": [], "cases": {}}
        row = found.setdefault(event["actor"], empty)
        name = item["action"]
        if event["event_id"] in undone or event["event_id"] not in before:
            continue
        if name == "reputation":
            row["reputation"] += event["value"]
        elif name in ("promotion", "demotion"):
            row["level"] += 1 if name == "promotion" else -1
        elif name in ("suspension", "reinstatement"):
            row["running"] = [] if name == "reinstatement" else [*row["running"], item.get("until")]
            row["suspended"] = any(until is None or datetime.fromisoformat(until) > as_of for until in row["running"])
        elif name == "case_opened":
            row["cases"].setdefault(event["event_id"], True)
        elif name == "case_closed" and item["refers_to"] not in undone:
            row["cases"][item["refers_to"]] = False
    return found


ACTS = st.lists(
    st.tuples(
        st.sampled_from(
            ["reputation", "suspension", "reinstatement", "case_opened", "promotion", "demotion", "overturned", "case_closed"]
        ),
        st.sampled_from(["a", "b"]),
        st.integers(0, 12),
        st.integers(0, 40),
    ),
    min_size=1,
    max_size=30,
)


@given(ACTS, st.integers(0, 45), st.randoms())
def test_the_fold_is_a_fold(acts: list[tuple[str, str, int, int]], until: int, mixer: random.Random) -> None:
    events: list[HRAction] = []
    for i, (name, actor, points, hour) in enumerate(acts):
        more: dict[str, Any] = {"points": float(-points)} if name == "reputation" else {}
        if name in ("overturned", "case_closed"):
            wanted = "case_opened" if name == "case_closed" else None
            older = [
                event
                for event in events
                if event["actor"] == actor and (wanted is None or json.loads(event["attributes"])["action"] == wanted)
            ]
            if not older:
                continue
            more = {"refers_to": older[points % len(older)]["event_id"]}
        if name == "overturned":
            if points % 4:  # else nobody contested it, and the word does not count
                asked = {**more, "by": "vendor", "reason": "x"}
                events.append(
                    action_event("contest", actor, "agent", event_id=f"e{i:04d}c", ts=START + timedelta(hours=hour), **asked)
                )
            more |= {"approver": "Lee", "reason": "x"}
        if name == "suspension" and points % 3 == 0:
            more = {"until": (START + timedelta(hours=hour + points)).isoformat()}
        events.append(action(i, name, actor, hours=hour, **more))
    if not events:
        return
    as_of = START + timedelta(hours=until)
    slow = slow_standing(events, as_of)
    mixed: list[Any] = [*events, *(work(name) for name in ("a", "b", "gpt"))]
    mixer.shuffle(mixed)
    board = standing(aura.events.from_records(mixed), as_of)
    assert board["actor"].to_list() == sorted(slow)
    for row in board.iter_rows(named=True):
        want = slow[row["actor"]]
        cases = sum(want["cases"].values())
        assert (row["reputation"], row["level"], row["suspended"], row["open_cases"]) == (
            want["reputation"],
            want["level"],
            want["suspended"],
            cases,
        )


def test_as_it_stood_on_any_day() -> None:
    log = aura.events.from_records(
        [
            work("gpt"),
            action(1, "reputation", points=-5.0),
            action(2, "suspension", until=(START + timedelta(hours=30)).isoformat()),
            action(3, "plan_opened"),
            action(40, "plan_closed", refers_to="e0003"),
            action(50, "promotion"),
        ]
    )
    at = {hour: standing(log, START + timedelta(hours=hour)).row(0, named=True) for hour in (1, 2, 3, 31, 41, 60)}
    assert [at[hour]["standing"] for hour in (1, 2, 3, 31, 41)] == ["good", "suspended", "suspended", "on_plan", "good"]
    assert at[60]["level"] == 1 and at[60]["reputation"] == 95.0 and at[60]["actions"] == 5
    assert standing(log, START).is_empty() and standing(aura.events.empty()).is_empty()
    assert actions_of(log).height == 5


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[HRDesk]:
    with Ledger(tmp_path / "hr.db", mirror=False) as ledger:
        ledger.record_event(work("gpt"))
        yield HRDesk(ledger)


def test_signing(desk: HRDesk) -> None:
    name = desk.act(
        "suspension", "anne", "officer", rule="by hand", reason="audit", by="C. Novak", days=14, would_clear="the audit withdrawn"
    )
    assert desk.status()["standing"].item() == "good" and desk.pending()["proposed"].to_list() == ["suspension"]
    for approver, reason, said in (
        ("", "x", "approver is missing"),
        ("Anne", "x", "nobody signs in their own matter"),
        ("Lee", " ", "reason is missing"),
    ):
        with pytest.raises(ParameterError, match=said):
            desk.approve(name, approver, reason)
    signed = desk.approve(name, "Lee", "the audit is right")
    board = desk.status().row(0, named=True)
    assert board["standing"] == "suspended" and board["suspended_until"] - board["suspended_since"] >= timedelta(days=13.9)
    said = json.loads(desk.actions().filter(event_id=signed)["attributes"].item())
    assert (said["approver"], said["reason"], said["refers_to"], said["rule"]) == ("Lee", "the audit is right", name, "by hand")
    with pytest.raises(ParameterError, match="answered already"):
        desk.approve(name, "Lee", "again")
    with pytest.raises(ParameterError, match="that is no proposal"):
        desk.reject(signed, "Lee", "x")
    with pytest.raises(ParameterError, match="no such action"):
        desk.approve("nobody", "Lee", "x")
    refused = desk.act("reputation", "anne", "officer", rule="by hand", reason="x", by="C. Novak", points=-50)
    desk.reject(refused, "Lee", "no")
    assert desk.status()["reputation"].item() == 100 and desk.pending().is_empty()
    with pytest.raises(ParameterError, match="did you mean 'suspension'"):
        desk.act("suspnsion", "anne", "officer", rule="x", reason="x", by="C. Novak")
    with pytest.raises(ParameterError, match="points belong to reputation"):
        desk.act("promotion", "gpt", "agent", rule="x", reason="x", points=5)


def test_contest_and_reopen(desk: HRDesk) -> None:
    name = desk.act("reputation", "gpt", "agent", rule="seed/1", reason="error", points=-5)
    with pytest.raises(ParameterError, match="not under contest"):
        desk.overturn(name, "Lee", "x")
    desk.contest(name, "vendor", "the log was wrong")
    assert desk.status()["contested"].item() == 1 and desk.status()["reputation"].item() == 95
    with pytest.raises(ParameterError, match="under contest already"):
        desk.contest(name, "vendor", "again")
    desk.uphold(name, "Lee", "the log is right")
    assert desk.status()["contested"].item() == 0
    desk.contest(name, "vendor", "new evidence")  # reopened
    desk.overturn(name, "Lee", "the new evidence holds")
    board = desk.status().row(0, named=True)
    assert (board["reputation"], board["contested"], board["actions"]) == (100.0, 0, 0)
    with pytest.raises(ParameterError, match="not in force"):
        desk.contest(name, "vendor", "x")
    case = desk.act("case_opened", "gpt", "agent", rule="seed/1", reason="error")
    desk.close_case(case, "Lee", "done")
    with pytest.raises(ParameterError, match="closed already"):
        desk.close_case(case, "Lee", "done")
    desk.reopen_case(case, "Lee", "not done")
    assert desk.status()["open_cases"].item() == 1
    with pytest.raises(ParameterError, match="not suspended"):
        desk.reinstate("gpt", "Lee", "x")


def test_a_digest_of_the_rows() -> None:
    rows = [{"event_id": "b", "ts": START}, {"event_id": "a", "value": 1.5}]
    assert digest_of(rows) == digest_of(rows[::-1]) != digest_of(rows[:1])


def scores(actor: str, days: list[float], value: float, kind: str = "agent") -> list[dict[str, Any]]:
    return [
        {
            "type": "EVALUATION",
            "actor": actor,
            "actor_kind": kind,
            "value": value,
            "ts": START + timedelta(days=day),
            "event_id": f"{actor}/{day}",
        }
        for day in days
    ]


def test_the_ladder(tmp_path: Path) -> None:
    ladder = Ladder.example()
    assert (ladder.promote_at, ladder.demote_below, ladder.least, ladder.window) == (85, 50, 3, "30d")
    rows = [
        *scores("up", [61, 70, 80], 85.0),
        *scores("down", [61, 70, 80], 49.9),
        *scores("few", [70, 80], 99.0),
        *scores("mid", [61, 70, 80], 60.0),
        *scores("edge", [60, 70, 80], 99.0),
        *scores("anne", [61, 70, 80], 10.0, "officer"),
    ]
    as_of = START + timedelta(days=90)
    log = aura.events.from_records(rows)
    moves = dict(ladder.evaluate(log, as_of).select("actor", "move").rows())
    # a score at the very beginning of the window is outside: (end - 30 d, end]
    assert moves == {"up": "promotion", "down": "demotion", "few": None, "mid": None, "edge": None, "anne": "demotion"}
    with Ledger(tmp_path / "l.db", mirror=False) as ledger:
        ledger.record_events(rows)
        assert HRDesk(ledger).record(ladder.drafts(ledger, as_of)) == 3
        assert HRDesk(ledger).record(ladder.drafts(ledger, as_of)) == 0  # cooling down
        board = {row["actor"]: row for row in standing(ledger).iter_rows(named=True)}
        assert (board["up"]["level"], board["down"]["level"], board["anne"]["level"], board["anne"]["pending"]) == (1, -1, 0, 1)
        said = json.loads(HRDesk(ledger).actions("up")["attributes"].item())
        assert said["evidence_n"] == 3 and said["rule"] == "aura_example/1"
        later = as_of + timedelta(days=20)
        ledger.record_events(scores("up", [95, 100, 105], 99.0))
        reason = dict(ladder.evaluate(ledger, later).select("actor", "reason").rows())
        assert reason["up"] == "moved within the last 30d"
        assert dict(ladder.evaluate(ledger, as_of + timedelta(days=31)).select("actor", "move").rows())["up"] == "promotion"


def test_patience_evidence_and_reinstatement() -> None:
    rows = scores("gpt", [1, 2, 3, 31, 32, 33, 61, 62, 63], 90.0)
    log = aura.events.from_records(rows)
    two = Ladder(name="x", promote_at=85, k=2, m=3)
    assert two.evaluate(log, START + timedelta(days=30))["move"].item() is None
    assert two.evaluate(log, START + timedelta(days=60))["move"].item() == "promotion"
    noisy = aura.events.from_records([*scores("gpt", [1], 100.0), *scores("gpt", [2], 75.0), *scores("gpt", [3], 95.0)])
    end = START + timedelta(days=10)
    assert Ladder(name="x", promote_at=85).evaluate(noisy, end)["move"].item() == "promotion"
    assert Ladder(name="x", promote_at=85, by="limit").evaluate(noisy, end)["move"].item() is None
    away = aura.events.from_records([action(0, "suspension"), *scores("gpt", [40, 41, 42], 90.0)])
    back = Ladder(name="x", reinstate_at=80, promote_at=85)
    assert back.evaluate(away, START + timedelta(days=45))["move"].item() == "reinstatement"
    with pytest.raises(RuleError, match="demote_below lies above"):
        _bad({"name": "x", "promote_at": 50, "demote_below": 60})
    with pytest.raises(RuleError, match="did you mean 'promote_at'"):
        _bad({"name": "x", "promot_at": 50})


def _bad(body: dict[str, Any]) -> None:
    import tempfile

    import yaml

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "l.yaml"
        path.write_text(yaml.safe_dump(body))
        Ladder.from_yaml(path)


def test_plans(tmp_path: Path) -> None:
    log = aura.sample_log()
    plan = draft_plan(log, "officer_anne@sba.gov", "evidence_gated")
    assert [goal.metric for goal in plan.goals] == ["override_rate", "sat_score_mean"]
    assert plan.goals[0].aim == "at most 30.0 %" and plan.goals[0].n == 191 and plan.exit_criterion
    assert ImprovementPlan.from_dict(json.loads(json.dumps(plan.to_dict()))) == plan
    page, text = plan.to_html(), plan.to_markdown()
    for said in ("officer", "45.0 %", "2026-08-28", "What will be done"):
        assert said in page and said in text
    assert "http://" not in page and "https://" not in page  # it loads nothing
    nasty = ImprovementPlan.from_dict({**plan.to_dict(), "actor": "<script>alert(1)</script>|*"})
    assert "<script>" not in nasty.to_html() and "\\|\\*" in nasty.to_markdown()
    assert plan.write(tmp_path / "p.md").exists()
    with pytest.raises(ParameterError, match="exists already"):
        plan.write(tmp_path / "p.md")
    with pytest.raises(ParameterError, match="asks for no plan"):
        draft_plan(log, "officer_bob@sba.gov", "evidence_gated")
    with pytest.raises(ParameterError, match="did you mean 'officer_anne@sba.gov'"):
        draft_plan(log, "officer_ann@sba.gov")
    with Ledger(tmp_path / "p.db", mirror=False) as ledger:
        desk = HRDesk(ledger)
        plan = ImprovementPlan.from_dict({**plan.to_dict(), "ends": "2150-01-01"})
        name = plan.open(desk, by="C. Novak")
        with pytest.raises(ParameterError, match="there is a plan already"):
            plan.open(desk, by="C. Novak")
        assert desk.status()["standing"].to_list() == ["good"]
        opened = desk.approve(name, "B. Kim", "agreed with her")
        assert desk.status()["standing"].to_list() == ["on_plan"]
        assert plan_of(desk.actions().filter(event_id=opened)["attributes"].item()) == plan
        desk.close_plan(opened, "B. Kim", "goals met")
        assert desk.status()["open_plans"].to_list() == [0]
        with pytest.raises(ParameterError, match="closed already"):
            desk.close_plan(opened, "B. Kim", "x")


def test_a_plan_is_measured_by_the_same_metrics() -> None:
    log = aura.sample_log()
    policy = Policy.evidence_gated()
    first = draft_plan(log, "officer_anne@sba.gov", policy)
    with pytest.raises(ParameterError, match="has not begun"):
        plan_progress(log, first, policy, as_of="2026-06-01")
    earlier = ImprovementPlan.from_dict({**first.to_dict(), "starts": "2026-05-30"})
    end = log.select(pl.col("ts").max()).item() if isinstance(log, pl.DataFrame) else None
    found = plan_progress(log, earlier, policy)
    board = aura.dossiers(log, as_of=end, window=end - datetime(2026, 5, 30, tzinfo=timezone.utc)).filter(
        actor="officer_anne@sba.gov"
    )
    assert found["now"].to_list() == [board["override_rate"].item(), board["sat_score_mean"].item()]
    assert found["met"].to_list() == [board["override_rate"].item() <= 0.3, board["sat_score_mean"].item() >= 3]


KINDS = ["officer", "Officer", " OFFICER ", "citizen", "system", None]


@pytest.mark.parametrize("kind", KINDS)
def test_nobody_but_a_machine_is_acted_upon_unsigned(desk: HRDesk, kind: str | None) -> None:
    name = desk.act("suspension", "anne", kind, rule="x", reason="x", by="C. Novak")  # type: ignore[arg-type]
    assert desk.pending()["event_id"].to_list() == [name] and not desk.status()["suspended"].item()


def test_who_was_ever_a_person_is_one(tmp_path: Path) -> None:
    with Ledger(tmp_path / "k.db", mirror=False) as ledger:
        ledger.record_event({"type": "DECISION", "actor": "anne", "actor_kind": "officer"})
        desk = HRDesk(ledger)
        desk.act("suspension", "anne", "agent", rule="x", reason="x", by="C. Novak")
        payload = {
            "model_name": "anne",
            "job_id": 1,
            "task": {},
            "model_output": {"output": "it is undefined, I think, or so they say.", "confidence": 1},
        }
        aura.Accountant(ledger).evaluate(payload)
        assert desk.pending().height == 3 and desk.status()["standing"].to_list() == ["good"]
    # an action on an officer that came into the log unsigned does not hold
    log = aura.events.from_records(
        [action(1, "suspension", "anne", kind="officer"), action(2, "reputation", "anne", kind="officer", points=-5.0)]
    )
    assert standing(log).select("standing", "reputation").row(0) == ("good", 100.0)
    asked = action(1, "proposal", "anne", kind="officer", proposed="suspension", by="C. Novak")
    signature: dict[str, Any] = {"approver": "Lee", "reason": "the audit", "refers_to": "e0001"}
    signed = aura.events.from_records([asked, action(2, "suspension", "anne", kind="officer", **signature)])
    assert standing(signed)["standing"].item() == "suspended"


@pytest.mark.parametrize(
    ("actor", "approver"),
    [
        *[("anne", approver) for approver in ("anne", "ANNE", "an\u200bne", "\u0430nne", "anne@agency.gov", " anne  ")],
        *[
            ("officer_anne@sba.gov", approver)
            for approver in ("Officer Anne", "officer.anne", "Officer-Anne@elsewhere.org", "officeranne", "Anne, Officer")
        ],
        ("andré.roe", "Andre Roe"),
    ],
)
def test_spellings_of_oneself(desk: HRDesk, actor: str, approver: str) -> None:
    name = desk.act("suspension", actor, "officer", rule="x", reason="x", by="C. Novak")
    with pytest.raises(ParameterError, match="own matter"):
        desk.approve(name, approver, "x")
    assert desk.pending().height == 1


@pytest.mark.parametrize(
    ("actor", "approver"), [("dora", "road"), ("@anne", "@bob"), ("_", "Lee"), ("anne", "anna"), ("anne.lee", "anne.roe")]
)
def test_others_sign(desk: HRDesk, actor: str, approver: str) -> None:
    name = desk.act("suspension", actor, "officer", rule="x", reason="x", by="C. Novak")
    assert desk.approve(name, approver, "x")


def test_proposers_and_machines_do_not_sign(tmp_path: Path) -> None:
    with Ledger(tmp_path / "k.db", mirror=False) as ledger:
        desk = HRDesk(ledger)
        ledger.record_event({"type": "EVALUATION", "actor": "gpt", "actor_kind": "agent", "value": 5})
        name = desk.act("suspension", "anne", "officer", rule="x", reason="x", by="B. Kim")
        with pytest.raises(ParameterError, match="who proposed it cannot sign it"):
            desk.approve(name, "b. kim", "x")
        with pytest.raises(ParameterError, match="a machine cannot sign"):
            desk.approve(name, "gpt", "x")
        ledger.record_event(action_event("proposal", "anne", "officer", event_id="odd", proposed="fired"), door="desk")
        with pytest.raises(ParameterError, match="it proposes 'fired', which is no action"):
            desk.approve("odd", "Lee", "x")
        for days in (float("nan"), 1e12, -1.0):
            with pytest.raises(ParameterError, match="days belong to suspension"):
                desk.act("suspension", "anne", "officer", rule="x", reason="x", by="C. Novak", days=days)


def test_one_answer_to_one_question(tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with Ledger(tmp_path / "r.db", mirror=False) as ledger:
        desk = HRDesk(ledger)
        ledger.record_event(work("gpt"))
        for _ in range(4):
            name = desk.act("suspension", "anne", "officer", rule="x", reason="x", by="C. Novak")

            def answer(call: Any, name: str = name) -> bool:
                try:
                    call(name, "Lee", "x")
                except ParameterError:
                    return False
                return True

            with ThreadPoolExecutor(2) as pool:
                assert sum(pool.map(answer, [desk.approve, desk.reject])) == 1
        assert desk.pending().is_empty()
        effect = desk.act("reputation", "gpt", "agent", rule="x", reason="x", points=-5)
        desk.contest(effect, "vendor", "x")
        with ThreadPoolExecutor(2) as pool:
            assert sum(pool.map(lambda call: answer(call, effect), [desk.uphold, desk.overturn])) == 1


def test_what_waits_is_counted_until_it_is_answered(desk: HRDesk) -> None:
    name = desk.act("reputation", "anne", "officer", rule="x", reason="x", by="C. Novak", points=-1)
    assert desk.status()["pending"].item() == 1
    desk.approve(name, "Lee", "x")
    assert desk.status().select("reputation", "pending").row(0) == (99.0, 0) and desk.pending().is_empty()


def test_a_short_suspension_ends_no_long_one() -> None:
    log = aura.events.from_records(
        [work("gpt"), action(1, "suspension"), action(2, "suspension", until=(START + timedelta(hours=3)).isoformat())]
    )
    board = standing(log, START + timedelta(days=9)).row(0, named=True)
    assert board["suspended"] and board["suspended_until"] is None and board["suspended_since"] == START + timedelta(hours=1)
    day = aura.events.from_records([work("gpt"), action(1, "suspension", until="2026-02-01")])
    assert standing(day, "2026-01-31")["suspended"].item() and not standing(day, "2026-02-02")["suspended"].item()


def test_reinstated_by_scores_since_the_suspension_only() -> None:
    ladder = Ladder(name="x", reinstate_at=70, cool_down="1d")
    rows = scores("gpt", [1, 2, 3], 90.0)
    suspended = action(0, "suspension", hours=24 * 4)
    end = START + timedelta(days=10)
    assert ladder.evaluate(aura.events.from_records([*rows, suspended]), end).is_empty()
    after = scores("gpt", [5, 6, 7], 90.0)
    assert ladder.evaluate(aura.events.from_records([*rows, suspended, *after]), end)["move"].item() == "reinstatement"


def test_the_ladder_asks_once(tmp_path: Path) -> None:
    ladder = Ladder(name="x", demote_below=50)
    with Ledger(tmp_path / "l.db", mirror=False) as ledger:
        ledger.record_events(scores("anne", [1, 2, 3], 10.0, "officer"))
        desk = HRDesk(ledger)
        for day in (5, 6, 7):
            desk.record(ladder.drafts(ledger, START + timedelta(days=day)))
        assert desk.pending().height == 1
        desk.reject(desk.pending()["event_id"].item(), "Lee", "no")
        assert ladder.drafts(ledger, START + timedelta(days=8)) == []
        # nor does an earlier end of the window go round the pause
        ledger.record_events(scores("gpt", [1, 2, 3], 10.0))
        desk.record(ladder.drafts(ledger, START + timedelta(days=10)))
        assert ladder.drafts(ledger, START + timedelta(days=5)) == []
        # who has scores without a kind is no machine
        unknown = [
            {**row, "actor_kind": None, "actor": "bob", "event_id": f"b{i}"} for i, row in enumerate(scores("bob", [1, 2, 3], 10.0))
        ]
        made = ladder.drafts(aura.events.from_records(unknown), START + timedelta(days=10))
        assert json.loads(made[0]["attributes"])["action"] == "proposal"


def test_a_plan_whose_end_was_overturned_can_be_closed_again(desk: HRDesk) -> None:
    plan = desk.act("plan_opened", "gpt", "agent", rule="x", reason="x")
    closed = desk.close_plan(plan, "Lee", "x")
    desk.contest(closed, "vendor", "x")
    desk.overturn(closed, "Lee", "x")
    assert desk.status()["standing"].item() == "on_plan"
    desk.close_plan(plan, "Lee", "x")
    assert desk.status()["standing"].item() == "good"
