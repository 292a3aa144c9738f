"""What a newcomer adds (`night_desk`: a metric, a fact, a kind, an operator, a reader, a widget) works wherever a shipped one
does.
"""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import aura_analytics as aura
from aura_analytics import extensions
from aura_analytics.errors import EventError, ParameterError, RuleError
from aura_analytics.extensions import ExtensionWarning
from aura_analytics.hr.plans import draft_plan
from aura_analytics.io.readers.registry import readers
from aura_analytics.metrics import DEFAULT, METRICS, Catalogue, Metric, Rate
from aura_analytics.rules.comparisons import OPERATORS, Operator
from aura_analytics.widgets.explorer.state import ExplorerState
from aura_analytics.widgets.pages import pages
from aura_analytics.widgets.tuner.state import TunerState
from aura_analytics.widgets.tuner.view import ThresholdTuner
from tests.night_desk.night_share import night_share as plain_night_share

HERE = Path(__file__).parent
OFFERS = {
    "metrics": ("night_share:night_share", "longest:longest_hours", "assignments:assigned_cases"),
    "operators": ("outside:outside", "outside:within"),
    "readers": ("pipes:Pipes",),
    "widgets": ("roster:roster",),
}
ADDED = ("night_share", "longest_hours", "assigned_cases")
POLICY = """
name: night_watch
window: null
rules:
  - id: nights
    when:
      all:
        - {metric: night_share, outside: [0.05, 0.20], limit: both, confidence: 0.95, min_n: 10}
        - {metric: longest_hours, above: 30}
tests:
  - name: far too many nights
    dossier: {night_share: {hits: 80, of: 100}, longest_hours: {mean: 40, n: 3}}
    expect: flag
  - name: a few nights
    dossier: {night_share: {hits: 12, of: 100}, longest_hours: {mean: 40, n: 3}}
    expect: clear
"""


def _forget() -> None:
    """As in a process that has not yet looked for what is installed."""
    extensions.extensions.cache_clear()
    readers.cache_clear()
    importlib.invalidate_caches()
    for name in [name for name in METRICS._metrics if name not in {one.name for one in DEFAULT}]:
        METRICS.remove(name)
    METRICS._installed = OPERATORS._loaded = False
    for key in ("outside", "within"):
        OPERATORS.remove(key)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of an installed package that offers everything of `night_desk`, and one thing that cannot be loaded."""
    site = tmp_path_factory.mktemp("site")
    shutil.copytree(HERE / "night_desk", site / "night_desk")
    about = site / "night_desk-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: night-desk\nVersion: 1.0\n")
    groups = {
        group: "".join(f"{place.partition(':')[2]} = night_desk.{place}\n" for place in places) for group, places in OFFERS.items()
    }
    groups["metrics"] += "torn = night_desk.torn:metric\nnumber = night_desk.longest:_HOUR\n"
    (about / "entry_points.txt").write_text("".join(f"[aura_analytics.{group}]\n{lines}\n" for group, lines in groups.items()))
    sys.path.insert(0, str(site))
    _forget()
    with pytest.warns(ExtensionWarning) as told:
        list(METRICS)
    texts = [str(one.message) for one in told]
    assert len(texts) == 2
    assert any("'torn' of aura_analytics.metrics is left out" in text and "night_desk.torn" in text for text in texts)
    assert any("'number'" in text and "that is no metric" in text for text in texts)
    yield site
    sys.path.remove(str(site))
    for name in [name for name in sys.modules if name.partition(".")[0] == "night_desk"]:
        del sys.modules[name]
    _forget()
    list(METRICS)


@pytest.fixture(scope="module")
def events(installed: Path) -> pl.DataFrame:
    return aura.simulate("loan_forgiveness", seed=5, days=60).events


@pytest.fixture
def policy(installed: Path, tmp_path: Path) -> Path:
    path = tmp_path / "night_watch.yaml"
    path.write_text(POLICY)
    return path


def counted(events: pl.DataFrame) -> dict[str, dict[str, tuple[float | None, int]]]:
    """The three metrics again, by hand."""
    verdicts = events.filter(pl.col("type").is_in(["DECISION", "OVERRIDE"]))
    hour = pl.col("ts").dt.hour()
    nights = verdicts.group_by("actor").agg(value=((hour >= 22) | (hour < 6)).mean(), n=pl.len())
    given = events.filter(pl.col("type") == "ASSIGNED").group_by("actor").agg(value=pl.len().cast(pl.Float64), n=pl.len())
    return {
        name: {row[0]: row[1:] for row in table.iter_rows()} for name, table in (("night_share", nights), ("assigned_cases", given))
    }


def test_on_a_board(events: pl.DataFrame) -> None:
    board = aura.dossiers(events)
    assert {name for name in ADDED if name in board.columns} == set(ADDED)
    officers = board.filter(actor_kind="officer")
    for name, people in counted(events).items():
        for row in officers.iter_rows(named=True):
            value, n = people.get(row["actor"], (0.0 if name == "assigned_cases" else None, 0))
            assert row[name] == pytest.approx(value) and row.get(f"{name}_n", n) == n
    longest = aura.observations(events, officers["actor"][0], "longest_hours", window="all")
    whole = aura.dossiers(events, window="all").filter(actor=officers["actor"][0])
    assert (
        whole["longest_hours"].item() == pytest.approx(longest["value"].max()) and whole["longest_hours_n"].item() == longest.height
    )
    assert officers["night_share_lo"].is_not_null().any() and officers["longest_hours_lo"].is_null().all()


def test_live_and_over_time(events: pl.DataFrame) -> None:
    cut = events["ts"].min() + timedelta(days=40)  # type: ignore[operator]
    state = aura.DossierState(events.filter(pl.col("ts") <= cut))
    state.append(events.filter(pl.col("ts") > cut))
    for window in (None, "14d"):
        fresh = aura.dossiers(events, window=window)
        assert state.dossiers(window=window).select("actor", *ADDED).equals(fresh.select("actor", *ADDED))
    series = aura.rolling(events, "night_share", window="14d", step="7d", end=fresh["as_of"][0])
    last = series.filter(pl.col("as_of") == pl.col("as_of").max(), pl.col("night_share").is_not_null())
    assert last.height > 3
    assert last.select("actor", "night_share").equals(
        fresh.filter(pl.col("actor").is_in(last["actor"].implode())).select("actor", "night_share").sort("actor")
    )
    with pytest.raises(ParameterError, match="longest_hours"):
        aura.rolling(events, "longest_hours")


def test_in_policies(events: pl.DataFrame, policy: Path) -> None:
    board = aura.dossiers(events, window="all")
    rules = aura.Policy.from_yaml(policy)
    assert rules.test().passed
    verdicts = rules.evaluate(board)
    for row in board.join(verdicts.select("actor", "verdict"), on="actor").filter(actor_kind="officer").iter_rows(named=True):
        low, high = aura.statistics.intervals.wilson(row["night_share"] * row["night_share_n"], row["night_share_n"], 0.90)
        sure = row["night_share_n"] >= 10 and (high < 0.05 or low > 0.20)
        assert (row["verdict"] == "flag") == (sure and row["longest_hours"] > 30), row["actor"]
    assert "outside" in " ".join(verdicts.filter(verdict="flag")["reasons"].explode())
    same = aura.Policy(
        {"name": "night_watch", "window": "all", "rules": [{"id": "nights", "when": {"metric": "longest_hours", "above": 30}}]}
    )
    assert same.evaluate(board).height == board.height
    with pytest.raises(RuleError, match=r"outside.*two|outside.*2|low, high"):
        aura.Policy({"name": "x", "rules": [{"id": "r", "when": {"metric": "night_share", "outside": 0.2}}]})


@pytest.mark.slow
def test_in_reports_and_plans(events: pl.DataFrame, policy: Path, tmp_path: Path) -> None:
    page = aura.write_report(events, tmp_path / "report.html", policy=policy).read_text()
    assert all(METRICS[name].title in page for name in ADDED)
    rules = aura.Policy.from_yaml(policy)
    flagged = rules.evaluate(aura.dossiers(events, window="all")).filter(verdict="flag")["actor"].to_list()
    plan = draft_plan(events, flagged[0], policy)
    (goal,) = [goal for goal in plan.goals if goal.metric == "night_share"]
    assert (goal.operator, goal.thresholds, goal.aim) == ("within", (0.05, 0.2), "within 5.0 % and 20.0 %")
    assert [goal.is_met(value) for value in (0.0, 0.1, 0.2, 0.21, None)] == [False, True, True, False, None]
    assert any("after ten at night" in text for text in plan.measures)


def test_in_widgets(events: pl.DataFrame, policy: Path, tmp_path: Path) -> None:
    state = ExplorerState(events, policy)
    assert set(ADDED) <= {card["metric"] for card in state.cards}
    assert state.cases("assigned_cases").height == state.row["assigned_cases"]
    tuner = TunerState(events, policy)
    keys = [setting.key for setting in tuner.settings]
    assert sum("night_share" in key for key in keys) >= 2  # a slider for either end
    page = ThresholdTuner(events, policy).export_html(tmp_path / "tuner.html").read_text()
    assert '["any",["\\u003c",0],[">",1]]' in page.replace(" ", "")
    roster = pages()["roster"].write(events, policy, tmp_path / "roster.html")
    assert roster[2] == tuner.flagged and roster[0].exists()


def aura_says(installed: Path, *arguments: str | Path, code: int = 0) -> str:
    environment = os.environ | {"PYTHONPATH": str(installed), "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, "-m", "aura_analytics", *map(str, arguments)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == code, done.stderr
    return done.stdout if code == 0 else done.stderr


@pytest.mark.slow
def test_at_the_command_line(events: pl.DataFrame, policy: Path, installed: Path, tmp_path: Path) -> None:
    log = aura.write_events(events, tmp_path / "log.parquet")
    listed = aura_says(installed, "metrics")
    assert all(name in listed for name in ADDED)
    told: list[dict[str, Any]] = json.loads(aura_says(installed, "dossiers", log, "--policy", policy, "--json"))
    board = aura.dossiers(events, window="all").filter(pl.col("night_share_n") > 0)
    assert {row["actor"]: row["night_share"] for row in told if row["night_share_n"]} == dict(
        board.select("actor", "night_share").iter_rows()
    )
    assert "2 passed" in aura_says(installed, "rules", "test", policy) or "pass" in aura_says(installed, "rules", "test", policy)
    aura_says(installed, "export", log, "--page", "roster", "--policy", policy, "--out", tmp_path / "names.html")
    assert (tmp_path / "names.html").read_text().startswith("<ul>")


def test_a_reader_of_ones_own(installed: Path, tmp_path: Path) -> None:
    path = tmp_path / "day.psv"
    path.write_text("type|actor|ts\nOVERRIDE|anne|2026-01-05T10:00:00Z\nDECISION|anne\n")
    with pytest.raises(EventError, match="psv_unreadable"):
        aura.as_events(path).collect()
    aside = tmp_path / "aside.jsonl"
    with pytest.warns(aura.io.checked.QuarantineWarning):
        assert aura.as_events(path, quarantine=aside).collect().select("type", "actor").row(0) == ("OVERRIDE", "anne")
    assert json.loads(aside.read_text())["line"] == 3
    assert aura.dossiers(aura.read_events(path, quarantine=aside)).height == 1
    path.write_text("type|actor|ts\nOVERRIDE|anne|2026-01-05T10:00:00Z\n")
    assert "anne" in aura_says(installed, "dossiers", path)


# -- what is refused -----------------------------------------------------------------------------------------------------------


def test_a_catalogue_refuses_what_it_cannot_use() -> None:
    mine = Catalogue(DEFAULT)
    mine.add(plain_night_share)
    assert mine.add(plain_night_share) is plain_night_share
    taken = Rate("override_rate", "Other", "fraction", 0, 1, "lower", "decisions", ("override",), hit=pl.col("override"))
    with pytest.raises(ParameterError, match="there is a metric of that name: got 'override_rate'"):
        mine.add(taken)

    class Empty(Metric):
        """A kind without anything."""

    with pytest.raises(ParameterError, match="kind Empty of metric 'x' lacks parts: got 'collect, finish, limits'"):
        mine.add(Empty("x", "X", "hours", 0, None, "lower", "handled"))
    with pytest.raises(ParameterError, match="that is no metric"):
        mine.add("override_rate")  # type: ignore[arg-type]
    with pytest.raises(ParameterError, match=r"unknown metric.*did you mean 'night_share'"):
        mine.named(["night_shar"])


def test_an_operator_that_cannot_be_read_or_whose_name_is_taken() -> None:
    for formula in (["=", 0], [">", 1], ["any"], "above", [">", True, 2]):
        with pytest.raises(ParameterError, match="formula of operator 'odd' cannot be read"):
            Operator("odd", "", formula)  # type: ignore[arg-type]
    for key in ("above", "min_n"):
        with pytest.raises(ParameterError, match="name of an operator is taken"):
            OPERATORS.add(Operator(key, "", ["<", 0]))
