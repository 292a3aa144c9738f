"""The Accountant: one payload, one transaction; its record, and what follows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from sqlalchemy import text

import aura_analytics as aura
from aura_analytics import Accountant, HRDesk, Ledger, Model, PenaltyPolicy, Router, SeverityTable
from aura_analytics.errors import ConflictError, InputError, RoutingError, RuleError
from aura_analytics.scoring import rescore, would_have

LONG = "A long and careful answer that says what was asked for, and why."
LIE = "This value is UNDEFINED here, sorry about that, I made it up."


@pytest.fixture
def store(url: str) -> Iterator[Ledger]:
    with Ledger(url, mirror=False) as made:
        yield made


def payload(model: str = "gpt", job: object = 7, output: str = LONG, confidence: float = 0.9, **more: Any) -> dict[str, Any]:
    return {"model_name": model, "job_id": job, "task": {}, "model_output": {"output": output, "confidence": confidence}, **more}


def test_the_document_s_json(store: Ledger) -> None:
    accountant = Accountant(store)
    document = {"score": 90.0, "penalties": [], "confidence": 0.9, "error_severity": "low"}
    assert accountant.evaluate(payload()) == document | {"severity": "low", "action": "none"}
    assert accountant.evaluate(payload(job=8, output="short")) == {
        "score": 80.0,
        "penalties": ["too_short"],
        "confidence": 0.9,
        "error_severity": "medium",
        "severity": "medium",
        "action": "reputation",
    }
    assert accountant.evaluate(payload(job=9, output="", confidence=0.2))["error_severity"] == "high"
    assert aura.standing(store.lazy()).select("actor", "reputation", "standing").row(0) == ("gpt", 94.0, "good")
    assert store.events().collect().pipe(aura.events.validate).height == 5
    assert store.verify().ok


def test_model_performance(store: Ledger) -> None:
    Accountant(store).evaluate(payload(output="short", confidence=0.987_65))
    with store.engines.reader.connect() as connection:
        rows = connection.execute(text("SELECT * FROM model_performance")).mappings().all()
    (row,) = [dict(item) for item in rows]
    names = ["id", "model_name", "job_id", "score", "penalties", "created_at", "confidence", "severity", "rule_version", "event_id"]
    assert list(row) == names
    penalties = row["penalties"] if isinstance(row["penalties"], list) else json.loads(row["penalties"])
    assert (row["model_name"], row["job_id"], penalties, row["severity"]) == ("gpt", "7", ["too_short"], "medium")
    assert Decimal(str(row["score"])) == Decimal("88.77") and row["rule_version"] == "seed/1"
    event = store.event(row["event_id"])
    assert event is not None and str(row["created_at"])[:19] == f"{event['ts']:%Y-%m-%d %H:%M:%S}"


def test_a_job_is_evaluated_once(store: Ledger) -> None:
    accountant = Accountant(store)
    first = accountant.evaluate(payload(output="short"))
    count = len(store)
    assert accountant.evaluate(payload(output="short")) == first and len(store) == count
    with pytest.raises(ConflictError, match=r"evaluated already, with another output.*attempt=2"):
        accountant.evaluate(payload(output=LONG))
    assert len(store) == count
    accountant.evaluate(payload(output=LONG, attempt=2))
    record = accountant.job(7)
    assert [item["score"] for item in record["evaluations"]] == [80.0, 90.0] and record["score"] == 90.0
    assert record["model_name"] == "gpt" and len(record["actions"]) == 1
    assert accountant.job("nobody")["evaluations"] == []


def test_a_critical_error(store: Ledger) -> None:
    router = Router([Model("gpt"), Model("claude"), Model("slow")], store)
    for job, (name, confidence) in enumerate([("claude", 0.95), ("slow", 0.8), ("gpt", 0.99)]):
        Accountant(store).evaluate(payload(name, f"w{job}", confidence=confidence))
    assert router.route({}).name == "gpt"
    accountant = Accountant(store, router=router)
    assert accountant.evaluate(payload(output=LIE))["error_severity"] == "critical"
    board = aura.standing(store.lazy()).row(0, named=True)
    assert (board["standing"], board["suspended"], board["open_cases"]) == ("suspended", True, 1)
    record = accountant.job(7)
    assert (record["model_name"], record["rerouted"]) == ("claude", ["gpt"])  # the next best, not the next in line
    assert router.route({}).name == "claude"
    assert accountant.evaluate(payload(output=LIE))["error_severity"] == "critical"  # again: nothing new
    assert len(accountant.job(7)["actions"]) == 2
    desk = HRDesk(store)
    case = desk.actions("gpt").filter(action="case_opened")["event_id"].item()
    said = json.loads(desk.actions("gpt").filter(action="suspension")["attributes"].item())
    assert said["rule"] == "seed/1 on seed/1" and said["evidence"] == ["evaluation/7/gpt"] and len(said["evidence_sha256"]) == 64
    assert "reinstatement" in said["would_clear"] and said["reason"] == "critical: hallucination"
    desk.reinstate("gpt", "A. Lee", "it was quoting")
    desk.close_case(case, "A. Lee", "it was quoting")
    assert desk.status()["standing"].to_list() == ["good"]
    assert router.route({}).name == "gpt" or router.route({}).name == "claude"


def test_nobody_is_left_to_take_the_task(store: Ledger) -> None:
    router = Router([Model("gpt")], store)
    accountant = Accountant(store, router=router)
    accountant.evaluate(payload(output=LIE))
    assert accountant.job(7)["rerouted"] == [] and accountant.job(7)["model_name"] == "gpt"
    with pytest.raises(RoutingError, match=r"nobody is left.*gpt: suspended.*reinstate"):
        router.route({})


def test_people_are_acted_upon_by_people(store: Ledger) -> None:
    Accountant(store).evaluate(payload("anne", output=LIE, actor_kind="officer"))
    desk = HRDesk(store)
    board = desk.status().row(0, named=True)
    assert (board["standing"], board["reputation"], board["pending"]) == ("good", 100.0, 2)
    proposal = desk.pending().filter(proposed="suspension")["event_id"].item()
    desk.approve(proposal, "B. Kim", "confirmed with the applicant")
    assert desk.status().row(0, named=True)["standing"] == "suspended"


def test_a_table_that_asks_for_confirmation(store: Ledger) -> None:
    table = SeverityTable.seed().model_copy(update={"critical_requires": "confirmation", "name": "careful"})
    Accountant(store, table=table).evaluate(payload(output=LIE))
    board = aura.standing(store.lazy()).row(0, named=True)
    assert (board["standing"], board["open_cases"], board["pending"]) == ("under_review", 1, 1)


def test_tables_in_yaml(tmp_path: Path) -> None:
    from importlib import resources

    shipped = SeverityTable.from_yaml(Path(str(resources.files("aura_analytics.hr") / "tables/severities.yaml")))
    assert shipped == SeverityTable.seed()
    (tmp_path / "t.yaml").write_text("name: x\ncritcal: []\nhigh: [{action: reputation}, {action: suspend}]\n")
    with pytest.raises(RuleError) as caught:
        SeverityTable.from_yaml(tmp_path / "t.yaml")
    assert "did you mean 'critical'" in str(caught.value) and "reputation needs them" in str(caught.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"model_name": None}, "model_name is missing"),
        ({"job_id": ""}, "job_id is missing"),
        ({"task": None}, "task cannot be read"),
        ({"model_output": "x"}, "model_output cannot be read"),
        ({"attempt": 0}, "attempt is out of range"),
        ({"model_output": {"output": LONG, "confidence": 11}}, "confidence is out of range"),
        ({"model_output": {"output": None, "confidence": 0.5}}, "output is no text"),
    ],
)
def test_payloads_that_cannot_be_read(change: dict[str, Any], said: str, tmp_path: Path) -> None:
    with Ledger(tmp_path / "a.db", mirror=False) as store:
        with pytest.raises(InputError, match=said):
            Accountant(store).evaluate(payload() | change)
        assert len(store) == 0
        with pytest.raises(InputError, match="a payload cannot be read"):
            Accountant(store).evaluate([])  # type: ignore[arg-type]


def test_history_under_another_policy(tmp_path: Path) -> None:
    with Ledger(tmp_path / "a.db", mirror=False) as store:
        accountant = Accountant(store)
        for job, output in enumerate([LONG, LIE, "short", "", "N/A, but long enough to pass for an answer, is it not?"]):
            accountant.evaluate(payload(job=job, output=output))
        Accountant(store, keep_output=False).evaluate(payload(job="secret", output=LIE))
        other = PenaltyPolicy.read(
            {
                "name": "other",
                "penalties": [
                    {"name": "refused", "contains_any": ["n/a"], "points": 50, "severity": "high"},
                    {"name": "too_short", "shorter_than": 3, "points": 20},
                ],
            }
        )
        again = rescore(store.lazy(), other)
        assert again["new_score"].to_list() == [90.0, 90.0, 90.0, 70.0, 40.0, None]
        assert again["new_severity"].to_list() == ["low", "low", "low", "low", "high", None]
        assert again["problem"].to_list() == [None] * 5 + ["the output was not kept"]
        same = rescore(store.lazy(), PenaltyPolicy.seed()).filter(pl.col("problem").is_null())
        assert (
            same["new_score"].to_list() == same["score"].to_list()
            and same["new_penalties"].to_list() == same["penalties"].to_list()
        )
        what = would_have(again, SeverityTable.seed()).row(0, named=True)
        assert (what["jobs"], what["untold"], what["points"], what["points_new"]) == (6, 1, -6.0, -5.0)
        assert (what["cases"], what["cases_new"], what["suspensions"], what["suspensions_new"]) == (1, 0, 1, 0)
        assert what["points_per_100_jobs"] == -120.0
        lengths = PenaltyPolicy.read({"name": "lengths", "penalties": [{"name": "too_short", "shorter_than": 40, "points": 1}]})
        assert rescore(store.lazy(), lengths)["problem"].null_count() == 6  # the length is known of a text that was not kept


def test_ids_of_evaluations_do_not_meet(tmp_path: Path) -> None:
    with Ledger(tmp_path / "a.db", mirror=False) as store:
        accountant = Accountant(store)
        accountant.evaluate(payload("gpt", 7, attempt=2))
        accountant.evaluate(payload("gpt/2", 7, output="short"))
        accountant.evaluate(payload("llama", "2026/meta"))
        accountant.evaluate(payload("meta/llama", "2026"))
        assert store.events(type="EVALUATION").collect()["actor"].to_list() == ["gpt", "gpt/2", "llama", "meta/llama"]
        other = PenaltyPolicy.seed().model_copy(update={"version": "2"})
        with pytest.raises(ConflictError, match=r"under another policy.*rescore"):
            Accountant(store, other).evaluate(payload("gpt", 7, attempt=2))
        for kind, said in ((5, "unknown actor_kind"), ("robot", "unknown actor_kind")):
            with pytest.raises(InputError, match=said):
                accountant.evaluate(payload(actor_kind=kind))
        accountant.evaluate(payload("x", 9, output=LIE, actor_kind=None))
        assert HRDesk(store).pending().height == 2


def test_a_nul_in_an_output_disables_nothing(store: Ledger) -> None:
    Accountant(store).evaluate(payload(output="short\0"))
    Accountant(store).evaluate(payload(job=8))
    with store.engines.reader.connect() as connection:
        assert [row[0] for row in connection.execute(text("SELECT rule_version FROM model_performance ORDER BY id"))] == [
            "seed/1",
            "seed/1",
        ]


def test_a_task_taken_away_is_a_failure_of_whom_it_was_taken_from(tmp_path: Path) -> None:
    from aura_analytics.routing import routed_choices

    with Ledger(tmp_path / "a.db", mirror=False) as store:
        router = Router([Model("a"), Model("b"), Model("c")], store, strategy="epsilon_greedy", exploration=1.0)
        accountant = Accountant(store, router=router)
        chosen = router.choose({"job_id": 1}).model.name
        accountant.evaluate(payload(chosen, 1, output=LIE))
        found = routed_choices(store.lazy())
        assert found.select("actor", "reward").rows() == [(chosen, 0.0)]  # the second choice is not one of the log's
        # the second draw is another one than the first
        names = {
            tuple(router.choose({"job_id": job}, record=False, salt=salt).model.name for salt in ("", "again")) for job in range(60)
        }
        assert len(names) > 3


WARNED = {
    "name": "warned",
    "medium": [{"action": "warning"}, {"action": "reputation", "points": -2, "after": 3}],
    "high": [{"action": "suspension", "days": 7, "after": 2, "within_days": 30}],
}


def test_warnings_and_consequences_after_some_errors(store: Ledger) -> None:
    table = SeverityTable.model_validate(WARNED)
    accountant = Accountant(store, table=table)
    said = [accountant.evaluate(payload(job=job, output="short"))["action"] for job in range(1, 5)]
    assert said == ["warning", "warning", "warning, reputation", "warning, reputation"]
    assert [accountant.evaluate(payload(job=job, output="short"))["action"] for job in range(1, 5)] == said  # again: nothing new
    assert [accountant.evaluate(payload(job=job, output=""))["action"] for job in (11, 12)] == ["none", "suspension"]
    row = aura.standing(store).row(0, named=True)
    assert (row["reputation"], row["standing"]) == (96.0, "suspended")
    assert accountant.evaluate(payload("anne", 21, "short", actor_kind="officer"))["action"] == "proposal of warning"
    assert accountant.evaluate(payload(job=22, output=LIE))["action"] == "none"  # the table says nothing of critical ones
    seed = Accountant(store).evaluate(payload("other", 23, LIE))
    assert (seed["severity"], seed["action"]) == ("critical", "case_opened, suspension")  # no router: nobody to give it to
    if store.url.startswith("sqlite"):
        again = rescore(store.lazy(), PenaltyPolicy.seed())
        what = {row["actor"]: row for row in would_have(again, table).iter_rows(named=True)}
        assert (what["gpt"]["points"], what["gpt"]["suspensions"], what["anne"]["points"]) == (-4.0, 1, 0.0)


def test_errors_are_counted_within_days(store: Ledger) -> None:
    table = SeverityTable.model_validate(WARNED)
    now = datetime.now(timezone.utc)

    def errors(*days: int) -> list[dict[str, Any]]:
        old = {"type": "EVALUATION", "actor": "gpt", "actor_kind": "agent", "value": 0.0, "severity": "high", "confidence": 0.2}
        return [{**old, "case_id": f"J{d}", "ts": (now - timedelta(days=d)).isoformat()} for d in days]

    store.record_events(errors(60, 40))
    assert Accountant(store, table=table).evaluate(payload(job=1, output=""))["action"] == "none"  # the others are too old
    store.record_events(errors(20, 15))
    assert Accountant(store, table=table).evaluate(payload(job=2, output=""))["action"] == "suspension"
    frame = store.events().collect().filter(pl.col("type") == "EVALUATION").sort("ts")
    told = frame.select("event_id", "ts", "actor", "severity", new_severity=pl.col("severity").cast(pl.String))
    # of 60, 40, 20, 15, 0, 0 days ago: each but the first two has another within the 30 days before it, and so has the second
    assert would_have(told, table).row(0, named=True)["suspensions"] == 5


def test_tables_that_say_too_much(tmp_path: Path) -> None:
    (tmp_path / "t.yaml").write_text("name: x\nmedium:\n  - {action: warning, within_days: 3}\n", encoding="utf-8")
    with pytest.raises(RuleError, match="within_days belongs to after"):
        SeverityTable.from_yaml(tmp_path / "t.yaml")
