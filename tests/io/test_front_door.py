"""One front door: whatever holds events means the same everywhere, and everything else is refused in words."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import aura_analytics as aura
from aura_analytics.errors import EventError, FileMissingError, InputError, ParameterError, RuleError
from aura_analytics.hr.plans import draft_plan
from aura_analytics.rules.policy import as_policy
from aura_analytics.rules.roles import as_roles
from aura_analytics.simulation.scenario import as_scenario
from aura_analytics.widgets.explorer.state import ExplorerState
from aura_analytics.widgets.tuner.state import TunerState

RECORDS = [
    {
        "event_id": f"e{i}",
        "type": kind,
        "actor": "anne",
        "actor_kind": "officer",
        "case_id": f"C{i % 7}",
        "ts": f"2026-01-{i + 5:02}T10:00:00Z",
    }
    for i, kind in enumerate(["OVERRIDE", "DECISION", "OVERRIDE", "OVERRIDE", "ASSIGNED", "RESOLVED", "DECISION", "OVERRIDE"])
]
TABLE = aura.events.from_records(RECORDS)


def _pandas(table: pl.DataFrame, _folder: Path) -> Any:
    return table.to_pandas()


def _duckdb(table: pl.DataFrame, _folder: Path) -> Any:
    import duckdb

    table.write_parquet(_folder / "duck.parquet")
    return duckdb.connect().read_parquet(str(_folder / "duck.parquet"))


def _ledger(table: pl.DataFrame, folder: Path) -> aura.Ledger:
    ledger = aura.Ledger(f"sqlite:///{folder}/aura.db", mirror=False)
    ledger.record_events(table)
    return ledger


def _folder(table: pl.DataFrame, folder: Path) -> Path:
    (folder / "parts").mkdir()
    aura.write_events(table.head(3), folder / "parts/a.parquet")
    aura.write_events(table.tail(-3), folder / "parts/b.parquet")
    return folder / "parts"


SOURCES: dict[str, Callable[[pl.DataFrame, Path], Any]] = {
    "a frame": lambda table, folder: table,
    "a lazy frame": lambda table, folder: table.lazy(),
    "a frame off the contract": lambda table, folder: table.with_columns(pl.col("ts").dt.to_string("iso:strict"), extra=pl.lit(1)),
    "a ledger": _ledger,
    "its address": lambda table, folder: str(_ledger(table, folder).url).replace(
        "sqlite:///aura.db", f"sqlite:///{folder}/aura.db"
    ),
    "its file": lambda table, folder: Path(_ledger(table, folder).url and folder / "aura.db"),
    "a file": lambda table, folder: aura.write_events(table, folder / "a.pq"),
    "a path as text": lambda table, folder: str(aura.write_events(table, folder / "a.ndjson")),
    "a folder": _folder,
    "a glob": lambda table, folder: str(_folder(table, folder) / "*.parquet"),
    "paths": lambda table, folder: sorted(_folder(table, folder).iterdir()),
    "dicts": lambda table, folder: RECORDS,
    "a stream of dicts": lambda table, folder: iter(RECORDS),
    "pandas": _pandas,
    "pyarrow": lambda table, folder: table.to_arrow(),
    "DuckDB": _duckdb,
}


@pytest.mark.parametrize("name", SOURCES)
def test_the_same_events_through_every_door(name: str, tmp_path: Path) -> None:
    def given() -> Any:
        place = tmp_path / str(len(list(tmp_path.iterdir())))
        place.mkdir()
        return SOURCES[name](TABLE, place)

    found = aura.as_events(given()).collect().sort("ts")
    assert found.schema == aura.events.SCHEMA
    columns = ["event_id", "type", "ts", "actor", "actor_kind", "case_id"]
    assert found.select(columns).equals(TABLE.select(columns))
    assert aura.dossiers(given()).drop("as_of").equals(aura.dossiers(TABLE).drop("as_of"))
    assert aura.DossierState(given()).dossiers().select("override_rate").item() == aura.dossiers(TABLE)["override_rate"].item()
    assert aura.rolling(given(), "override_rate").height == aura.rolling(TABLE, "override_rate").height
    assert aura.observations(given(), "anne").height == 6
    assert ExplorerState(given()).actor == "anne" and TunerState(given()).actors.to_list() == ["anne"]


def test_what_was_played_and_what_was_logged_are_events(tmp_path: Path) -> None:
    run = aura.simulate("fraud_unit", seed=1, days=5)
    assert aura.dossiers(run).equals(aura.dossiers(run.events))
    log = aura.AccountabilityLogger(tmp_path / "log.jsonl")
    name = log.log_decision("build", {}, {"execution_order": ["agent:a"], "total_confidence": 0.8})
    log.log_outcome(name, aura.Outcome(aura.OutcomeType.SUCCESS, 3.0))
    assert aura.dossiers(log, window="all").equals(aura.dossiers(log.to_events(), window="all"))


@pytest.mark.parametrize(
    "wrong", [None, 3, 3.5, True, b"events", object(), aura.Ledger, {"type": "OVERRIDE"}, [1], [RECORDS[0], "x"]]
)
def test_what_holds_no_events_is_said(wrong: Any) -> None:
    for call in (aura.as_events, aura.dossiers, aura.DossierState, aura.rolling, ExplorerState, TunerState):
        with pytest.raises(InputError, match="that holds no events: got .*expected a") as caught:
            call(wrong)
        assert len(str(caught.value)) < 400


def test_files_that_are_not_there_or_hold_something_else(tmp_path: Path) -> None:
    with pytest.raises(FileMissingError, match=r"no events there.*glob of \.parquet"):
        aura.dossiers(tmp_path / "nothing*.csv")
    (tmp_path / "bad.csv").write_text("type,actor,ts\nOVERRIDE,anne,yesterday\n")
    with pytest.raises(EventError, match="yesterday"):
        aura.dossiers(tmp_path / "bad.csv")


def test_policies_scenarios_and_roles_by_name_file_or_object(tmp_path: Path) -> None:
    assert as_policy(None).name == "reliance" == aura.Policy.default().name and as_policy("tracker").name == "tracker"
    own = tmp_path / "mine.yaml"
    own.write_text("name: mine\nrules: [{id: r, when: {metric: override_rate, above: 0.3}}]\n")
    assert as_policy(own).name == as_policy(str(own)).name == "mine"
    rates = aura.rule_error_rates("tracker", "fraud_unit", replications=2, days=10)
    assert rates.rates.equals(
        aura.rule_error_rates(aura.Policy.tracker(), as_scenario("fraud_unit"), replications=2, days=10).rates
    )
    assert draft_plan(TABLE, "anne", own).policy == "mine/1"
    roles = tmp_path / "roles.yaml"
    roles.write_text("clerk: [anne]\n")
    assert as_roles(roles) == as_roles({"anne": "clerk"}) == {"anne": "clerk"}
    for call, wrong, words in (
        (as_policy, "trackr", "did you mean 'tracker'"),
        (as_policy, 3, "got 3"),
        (as_scenario, "fraud_unt", "did you mean 'fraud_unit'"),
        (as_scenario, None, "scenario"),
    ):
        with pytest.raises((ParameterError, RuleError, FileMissingError), match=words):
            call(wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"confidence": 95}, "confidence is out of range: got 95"),
        ({"confidence": "high"}, "confidence"),
        ({"sla": "soon"}, "soon"),
        ({"calendar": "US"}, "no calendar file there: got 'US'"),
        ({"calendar": {"contry": "US"}}, "did you mean 'country'"),
        ({"metrics": ["override_rat"]}, "did you mean 'override_rate'"),
        ({"metrics": 5}, "metrics cannot be read"),
        ({"roles": 5}, "roles"),
        ({"window": "90 parsecs"}, "parsecs"),
        ({"policy": "trackr"}, "did you mean 'tracker'"),
    ],
)
def test_every_argument_is_checked(options: dict[str, Any], words: str) -> None:
    with pytest.raises(aura.AuraError, match=words):
        aura.dossiers(TABLE, **options)


# -- the command line ----------------------------------------------------------------------------------------------------------


def command(*arguments: str | Path, code: int = 0, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "aura_analytics", *map(str, arguments)]
    done = subprocess.run(line, capture_output=True, text=True, check=False, cwd=cwd, env=os.environ | {"COLUMNS": "100"})
    assert done.returncode == code, done.stderr
    return done


@pytest.mark.slow
def test_the_same_words_at_the_command_line(tmp_path: Path) -> None:
    parts = _folder(TABLE, tmp_path)
    expected = json.loads(command("dossiers", parts, "--json").stdout)
    for source in (
        f"{parts}/*.parquet",
        aura.write_events(TABLE, tmp_path / "one.pq"),
        aura.write_events(TABLE, tmp_path / "two.ndjson"),
    ):
        assert json.loads(command("dossiers", source, "--policy", "reliance", "--json").stdout) == expected
    command("report", f"{parts}/*.parquet", "--policy", "tracker", "--out", tmp_path / "r.html")
    assert "tracker" in (tmp_path / "r.html").read_text()
    command("export", tmp_path / "one.pq", "--policy", "tracker", "--out", tmp_path / "t.html")


def test_version_help_and_the_module() -> None:
    assert command("--version").stdout.strip() == f"aura {aura.__version__}"
    text = command("--help").stdout
    order = [
        text.index(heading) for heading in ("Begin", "Bring events in", "Read what they say", "Decide and act", "Try rules out")
    ]
    assert order == sorted(order) and "…" not in text and "..." not in text.replace("[ARGS]...", "")
    assert "sweep" in command("simulate", "--help").stdout


def test_every_problem_is_shown_and_as_json_too(tmp_path: Path) -> None:
    policy = tmp_path / "bad.yaml"
    rules = [{"id": f"r{i}", "when": {"metric": f"override_rat{i}", "above": 0.3}} for i in range(6)]
    policy.write_text(json.dumps({"name": "bad", "rules": rules}))
    checked = command("rules", "check", policy, code=2)
    events = aura.write_events(TABLE, tmp_path / "a.parquet")
    done = command("dossiers", events, "--policy", policy, "--json", code=2)
    for text in (checked.stdout, done.stderr):
        assert all(f"override_rat{i}" in text for i in range(6)) and "more)" not in text
    told = json.loads(done.stdout)
    assert told["ok"] is False and len(told["problems"]) == 6 and all(one["what"] for one in told["problems"])
