"""Worlds played elsewhere: by any executor, or on a cluster whose workers die; to the last digit those that are played here."""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from typer.testing import CliRunner

import aura_analytics as aura
from aura_analytics.cli.app import app
from aura_analytics.errors import EventError, LedgerUnavailableError, ParameterError
from aura_analytics.tasks import run_tasks


def rates(**options: Any) -> aura.RuleErrorRates:
    return aura.rule_error_rates("tracker", "fraud_unit", 8, 3, days=30, **options)


@pytest.fixture(scope="module")
def here() -> aura.RuleErrorRates:
    return rates()


def same(one: aura.RuleErrorRates, other: aura.RuleErrorRates) -> bool:
    return bool(one.worlds.equals(other.worlds)) and one.rates.equals(other.rates) and one.detection.equals(other.detection)


def test_any_executor(here: aura.RuleErrorRates) -> None:
    with ThreadPoolExecutor(2) as pool:
        assert same(rates(executor=pool), here)
        both = aura.compare_policies("tracker", "evidence_gated", "fraud_unit", 4, 1, days=20, executor=pool)
    assert both.differences.equals(aura.compare_policies("tracker", "evidence_gated", "fraud_unit", 4, 1, days=20).differences)


def _half(number: int) -> float:
    return 1 / (number - 2)


def test_a_task_that_fails_names_what_it_was_given() -> None:
    every: list[dict[str, Any]] = [{}, {"executor": ThreadPoolExecutor(1)}, {"workers": 2}]
    for options in every:
        found = run_tasks(_half, [1, 2, 3], named=lambda number: f"number {number}", **options)
        assert next(found) == -1
        with pytest.raises(ZeroDivisionError) as failed:
            next(found)
        assert failed.value.__notes__ == ["in number 2"]


def test_what_is_no_executor() -> None:
    with pytest.raises(ParameterError, match="that is no address of a scheduler"):
        rates(executor="somewhere")
    with pytest.raises(ParameterError, match="that cannot run tasks: got 'int'"):
        rates(executor=2)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1", silence_logs=50
    ) as found:
        yield found


@pytest.mark.slow
def test_a_cluster_gives_the_same(here: aura.RuleErrorRates, cluster: Any) -> None:
    assert same(rates(executor=cluster.scheduler_address), here)
    asked = "simulate sweep fraud_unit --policy tracker --replications 8 --seed 3 --days 30 --json --cluster"
    found = CliRunner().invoke(app, [*asked.split(), cluster.scheduler_address])
    assert found.exit_code == 0, found.output
    assert json.loads(found.stdout)["policies"][0]["rates"] == here.rates.to_dicts()


@pytest.mark.slow
def test_all_workers_die_in_the_middle(here: aura.RuleErrorRates, cluster: Any) -> None:
    """Each worker is killed as soon as the first worlds are there; new ones take over, and no digit differs."""
    killed: list[int] = []

    def kill(_done: int, _of: int) -> None:
        if not killed:
            killed.extend(nanny.pid for nanny in cluster.workers.values())
            for pid in killed:
                os.kill(pid, signal.SIGKILL)

    assert same(rates(executor=cluster.scheduler_address, progress=kill), here)
    assert len(killed) == 2
    for _ in range(100):  # they come again
        if len(cluster.scheduler_info["workers"]) == 2:
            break
        time.sleep(0.1)


def killing(cluster: Any, folder: Path, pattern: str) -> threading.Thread:
    """Kill every worker as soon as something is laid into a folder."""

    def watch() -> None:
        until = time.monotonic() + 60
        while time.monotonic() < until:
            if any(folder.rglob(pattern)):
                for nanny in list(cluster.workers.values()):
                    if nanny.pid is not None:
                        os.kill(nanny.pid, signal.SIGKILL)
                killed.append(pattern)
                return
            time.sleep(0.002)

    killed: list[str] = []
    thread = threading.Thread(target=watch)
    thread.killed = killed  # type: ignore[attr-defined]
    thread.start()
    return thread


@pytest.mark.slow
@pytest.mark.parametrize("pattern", ["events-*", "facts-*"])
def test_boards_though_all_workers_die(cluster: Any, tmp_path: Path, pattern: str) -> None:
    """Killed while events are laid, or while facts are made: the board, the series and the case mix are the same."""
    log = aura.sample_log(6000, seed=3)
    (tmp_path / "log").mkdir()
    for at, part in enumerate(log.iter_slices(3000)):
        part.write_parquet(tmp_path / "log" / f"{at:02}.parquet")
    source = tmp_path / "log"
    options: dict[str, Any] = {"executor": cluster.scheduler_address, "scratch": tmp_path}
    counts: tuple[Any, ...] = (aura.dossiers, aura.rolling, aura.case_mix)
    for count in counts:
        thread = killing(cluster, tmp_path, "events-*" if count is aura.case_mix else pattern)
        parts, whole = count(source, **options), count(log)
        thread.join()
        assert thread.killed  # type: ignore[attr-defined]
        one, other = (found if isinstance(found, pl.DataFrame) else found.actors for found in (parts, whole))
        assert one.equals(other)


@pytest.mark.slow
def test_worlds_and_logs_though_all_workers_die(cluster: Any, tmp_path: Path) -> None:
    whole = aura.simulate_many("fraud_unit", 6, 2, days=20, folder=tmp_path / "here")
    thread = killing(cluster, tmp_path, "there/*.parquet")
    parts = aura.simulate_many("fraud_unit", 6, 2, days=20, folder=tmp_path / "there", executor=cluster.scheduler_address)
    thread.join()
    assert thread.killed  # type: ignore[attr-defined]
    assert parts.drop("path").equals(whole.drop("path"))

    logs = tmp_path / "logs"
    logs.mkdir()
    for month in range(8):
        lines = [f"{month}-{case},{step},2026-01-{1 + case % 28:02} 09:00" for case in range(4000) for step in ("filed", "closed")]
        (logs / f"{month}.csv").write_text("\n".join(["claim,step,at", *lines]) + "\n")
    mapping = aura.LogMapping.model_validate(
        {
            "name": "claims",
            "columns": {"case": "claim", "activity": "step", "time": "at"},
            "open": ["filed"],
            "resolve": ["closed"],
        }
    )
    made = aura.convert_logs(logs, mapping, tmp_path / "events")
    thread = killing(cluster, tmp_path, "elsewhere/*.parquet")
    again = aura.convert_logs(logs, mapping, tmp_path / "elsewhere", executor=cluster.scheduler_address)
    thread.join()
    assert thread.killed  # type: ignore[attr-defined]
    assert again.drop("path").equals(made.drop("path"))
    assert made["events"].to_list() == [8000] * 8


def test_worlds_that_are_there_are_not_played_again(tmp_path: Path) -> None:
    made = aura.simulate_many("fraud_unit", 2, 5, days=4, folder=tmp_path)
    before = [Path(path).stat().st_mtime_ns for path in made["path"]]
    more = aura.simulate_many("fraud_unit", 3, 5, days=4, folder=tmp_path)
    assert more.head(2).equals(made)
    assert [Path(path).stat().st_mtime_ns for path in made["path"]] == before
    assert pl.read_parquet(made["path"][1]).equals(aura.simulate("fraud_unit", 5, replication=1, days=4).events)
    assert aura.simulate_many("fraud_unit", 1, 6, days=4, folder=tmp_path)["path"][0] not in more["path"].to_list()
    found = CliRunner().invoke(
        app,
        [
            "simulate",
            "many",
            "fraud_unit",
            "--replications",
            "3",
            "--seed",
            "5",
            "--days",
            "4",
            "--folder",
            str(tmp_path),
            "--json",
        ],
    )
    assert found.exit_code == 0, found.output
    assert json.loads(found.stdout) == more.to_dicts()
    Path(more["path"][0]).write_bytes(b"")  # what is no world is played again
    assert aura.simulate_many("fraud_unit", 3, 5, days=4, folder=tmp_path).equals(more)
    with pytest.raises(ParameterError, match="replications is out of range"):
        aura.simulate_many("fraud_unit", 0, folder=tmp_path)


def test_logs_each_by_itself(tmp_path: Path) -> None:
    for month in ("may", "june"):
        (tmp_path / f"{month}.csv").write_text(f"claim,step,at\n{month},filed,2026-01-05 09:00\n{month},closed,not a time\n")
    (tmp_path / "m.yaml").write_text(
        "name: claims\ncolumns: {case: claim, activity: step, time: at}\nopen: [filed]\nresolve: [closed]\n"
    )
    asked = ["import-many", str(tmp_path / "*.csv"), "--mapping", str(tmp_path / "m.yaml"), "--folder", str(tmp_path / "out")]
    refused = CliRunner().invoke(app, [*asked, "--workers", "1"])
    assert isinstance(refused.exception, EventError)
    found = CliRunner().invoke(app, [*asked, "--workers", "1", "--quarantine", str(tmp_path / "aside"), "--json"])
    assert found.exit_code == 0, found.output
    rows = json.loads(found.stdout)
    assert [(row["rows"], row["events"], row["aside"]) for row in rows] == [(2, 1, 1), (2, 1, 1)]
    assert sorted(path.name for path in (tmp_path / "aside").iterdir()) == ["june.jsonl", "may.jsonl"]
    with pytest.raises(ParameterError, match="the file exists already"):
        aura.convert_logs(tmp_path / "may.csv", tmp_path / "m.yaml", tmp_path / "out")
    with pytest.raises(ParameterError, match="the events would take the place of the log"):
        aura.convert_log(tmp_path / "out" / "may.parquet", tmp_path / "m.yaml", tmp_path / "out" / "may.parquet", overwrite=True)
    (tmp_path / "more").mkdir()
    (tmp_path / "more" / "may.csv").write_text("claim,step,at\n")
    with pytest.raises(ParameterError, match="two logs would be one file"):
        aura.convert_logs([tmp_path / "may.csv", tmp_path / "more" / "may.csv"], tmp_path / "m.yaml", tmp_path / "x")


@pytest.mark.slow
def test_nobody_answers() -> None:
    before = threading.active_count()
    with pytest.raises(LedgerUnavailableError, match="no scheduler answers"):
        rates(executor="tcp://127.0.0.1:9")
    assert threading.active_count() <= before + 4


@pytest.mark.parametrize(
    "options", [{"sla": "48h"}, {"metrics": ["override_oe", "breach_oe", "overridden_right_rate"], "sla": "48h"}, {"window": "all"}]
)
def test_boards_are_counted_in_parts(tmp_path: Path, options: dict[str, Any]) -> None:
    log = aura.sample_log(2000, seed=2)
    log.write_parquet(tmp_path / "log.parquet")
    with ThreadPoolExecutor(2) as pool:
        for source in (tmp_path / "log.parquet", log):
            assert aura.dossiers(source, executor=pool, **options).equals(aura.dossiers(log, **options))


def test_words_are_those_of_the_whole_log() -> None:
    """What an outcome says is right may be a word that only somebody else used."""
    rows: list[dict[str, Any]] = []
    who = {"actor_kind": "officer", "agent": "gpt", "ai_recommendation": "PAY", "ts": "2026-01-05"}
    for actor in range(8):
        for case in range(10):
            name = f"{actor}-{case}"
            rows.append(who | {"type": "DECISION", "actor": f"o{actor}", "case_id": name, "human_verdict": "PAY"})
            rows.append({"type": "OUTCOME", "case_id": name, "outcome": ("PART", "PAY")[case % 2], "ts": "2026-01-06"})
    rows.append(who | {"type": "OVERRIDE", "actor": "zed", "case_id": "z", "human_verdict": "PART"})
    log = aura.events.from_records(rows)
    with ThreadPoolExecutor(4) as pool:
        for source in (log, rows):
            found = aura.dossiers(source, executor=pool)
            assert found.filter(actor="o0")["accepted_wrong_rate"].to_list() == [0.5]
            assert found.drop("counted").equals(aura.dossiers(source).drop("counted"))


def test_what_cannot_be_counted_in_parts() -> None:
    log = aura.sample_log(300, seed=2)
    rule = {"name": "p", "persistence": {"k": 2, "m": 3}, "rules": [{"id": "r", "when": {"metric": "override_rate", "above": 0.3}}]}
    with ThreadPoolExecutor(1) as pool:
        with pytest.raises(ParameterError, match="readings over time are not counted in parts"):
            aura.dossiers(log, policy=aura.Policy(rule), executor=pool)
        assert aura.dossiers(log.clear(), executor=pool).equals(aura.dossiers(log.clear()))


@pytest.mark.slow
def test_a_board_is_counted_on_a_cluster(cluster: Any, tmp_path: Path) -> None:
    log = aura.sample_log(2000, seed=2)
    for at, part in enumerate(log.iter_slices(4000)):
        part.write_parquet(tmp_path / f"part{at}.parquet")
    assert aura.dossiers(tmp_path, executor=cluster.scheduler_address).equals(aura.dossiers(log))
    found = CliRunner().invoke(app, ["dossiers", str(tmp_path), "--cluster", cluster.scheduler_address, "--json"])
    assert found.exit_code == 0, found.output
    assert found.stdout == CliRunner().invoke(app, ["dossiers", str(tmp_path), "--json"]).stdout
