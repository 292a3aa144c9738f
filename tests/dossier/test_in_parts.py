"""Boards that are counted in parts say, to the last digit, what those say that are counted at once."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

import aura_analytics as aura
from aura_analytics.dossier.in_parts import laying, making, parted
from aura_analytics.errors import AuraError, EventError, FileMissingError, ParameterError
from aura_analytics.io import event_pieces as pieces
from aura_analytics.io import many_files
from aura_analytics.io.many_files import OverlapWarning
from aura_analytics.metrics import METRICS


@pytest.fixture(scope="module")
def pool() -> Iterator[Executor]:
    with ThreadPoolExecutor(2) as found:
        yield found


@pytest.fixture(autouse=True)
def few_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Three parts will do, and no log is so small that it is read as a whole first."""
    monkeypatch.setattr(parted, "LEAST", 3)
    monkeypatch.setattr(pieces, "SMALL", 0)


def drilled(log: pl.DataFrame) -> pl.DataFrame:
    """A log some of whose cases are drills, some rows of which name nobody, and some of which name no case."""
    last = log["ts"].max()
    cases = log["case_id"].drop_nulls().unique().sort().gather_every(40)
    drills = [{"type": "DRILL", "case_id": case, "outcome": "APPROVE", "ts": last, "actor": "auditor"} for case in cases]
    return pl.concat([log, aura.events.from_records(drills)])


LOG = drilled(aura.sample_log(1500, seed=4))


@pytest.mark.parametrize(
    "options",
    [
        {"sla": "48h"},
        {"sla": {"loan": "24h", "nowhere": "3h", "default": "72h"}, "window": "all", "holding": "holder"},
        {"attribution": "all_deciders", "ratings": "every", "window": "30d"},
        {"attribution": "event_actor", "sla": "3 working days", "calendar": {"country": "US"}},
        {"as_of": "2025-04-01", "window": "20d", "policy": "reliance"},
        {"as_of": "1990-01-01"},
    ],
)
def test_every_metric_however_it_is_counted(options: dict[str, Any], pool: Executor) -> None:
    every: dict[str, Any] = {"metrics": list(METRICS)} | options
    assert_frame_equal(aura.dossiers(LOG, executor=pool, **every), aura.dossiers(LOG, **every), check_exact=True)


def odd_log(seed: int) -> pl.DataFrame:
    """Few cases with any events in any order at few distinct times: reopened, shared, judged, without case or actor."""
    draw = np.random.default_rng(seed)
    kinds = ["OPENED", "ASSIGNED", "ASSIGNED", "PAUSED", "RESUMED", "RESOLVED", "DECISION", "DECISION", "OVERRIDE"]
    kinds += ["SAT_SCORE", "EVALUATION", "OUTCOME", "ADJUDICATION", "ROUTED"]
    rows: list[dict[str, Any]] = []
    for at in range(150):
        kind, hour = str(draw.choice(kinds)), int(draw.integers(0, 200))
        row: dict[str, Any] = {"event_id": f"e{at}", "type": kind, "ts": f"2026-01-{1 + hour // 24:02}T{hour % 24:02}:00:00Z"}
        row |= {"actor": str(draw.choice(["anne", "bob", "cleo", "gpt"])), "case_id": f"C{draw.integers(0, 12)}"}
        row |= {"queue": str(draw.choice(["loan", "grant"])), "agent": str(draw.choice(["gpt", "bert"]))}
        row["actor_kind"] = "agent" if row["actor"] == "gpt" else "officer"
        if kind in ("DECISION", "OVERRIDE"):
            says = str(draw.choice(["PAY", "REFUSE"]))
            other = "REFUSE" if says == "PAY" else "PAY"
            row |= {"ai_recommendation": says, "human_verdict": says if kind == "DECISION" else other}
            row |= {"initial_verdict": str(draw.choice(["PAY", "REFUSE"])), "confidence": float(draw.random())}
            if kind == "OVERRIDE" and draw.random() < 0.3:
                del row["human_verdict"]
        elif kind == "SAT_SCORE":
            row["value"] = float(draw.integers(1, 6))
        elif kind == "EVALUATION":
            row["value"] = float(draw.integers(0, 101))
        elif kind == "OUTCOME":
            row["outcome"] = str(draw.choice(["success", "failure", "PAY", "PART"]))
        elif kind == "ADJUDICATION":
            row["outcome"] = str(draw.choice(["PAY", "REFUSE"]))
            if draw.random() < 0.5:
                row["audit_chance"] = 0.25
        for name, share in (("actor", 0.1), ("case_id", 0.1), ("queue", 0.2)):
            if draw.random() < share:
                del row[name]
        rows.append(row)
    return aura.events.filter(aura.events.frame_of_records(rows))[0]


def test_odd_logs(pool: Executor) -> None:
    for seed in range(5):
        log = odd_log(seed)
        assert log.height > 100
        for options in ({"window": "all"}, {"window": "3d", "sla": "24h", "holding": "holder", "attribution": "all_deciders"}):
            every: dict[str, Any] = {"metrics": list(METRICS)} | options
            assert_frame_equal(aura.dossiers(log, executor=pool, **every), aura.dossiers(log, **every), check_exact=True)


def same_from(source: Any, pool: Executor) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", OverlapWarning)
        whole = aura.dossiers(source)
        parts = aura.dossiers(source, executor=pool)
    assert whole.height
    assert_frame_equal(parts, whole, check_exact=True)


def test_wherever_the_events_are(tmp_path: Path, pool: Executor, monkeypatch: pytest.MonkeyPatch) -> None:
    days = LOG.sort("ts").with_row_index("row")
    thirds = [days.filter(pl.col("row") % 1000 // 334 == at).drop("row") for at in range(3)]
    folder = tmp_path / "log"
    folder.mkdir()
    for at, part in enumerate(thirds):
        part.write_parquet(folder / f"{at}.parquet")
    same_from(folder, pool)
    same_from([folder / "1.parquet", folder / "0.parquet"], pool)
    same_from(str(folder / "*.parquet"), pool)
    for name in ("log.jsonl", "log.csv"):
        aura.write_events(LOG, tmp_path / name)
        same_from(tmp_path / name, pool)
    LOG.write_parquet(tmp_path / "one.parquet", row_group_size=500)
    monkeypatch.setattr(pieces, "ROWS", 1000)
    assert len(pieces.pieces_of(tmp_path / "one.parquet", tmp_path)) > 3
    same_from(tmp_path / "one.parquet", pool)
    same_from(LOG.lazy(), pool)
    ledger = aura.Ledger(f"sqlite:///{tmp_path / 'aura.db'}")
    ledger.record_events(LOG)
    same_from(ledger, pool)
    ledger.close()


def test_values_that_stand_in_the_names_of_folders(tmp_path: Path, pool: Executor) -> None:
    for queue in ("loans", "grants"):
        below = tmp_path / f"queue={queue}"
        below.mkdir()
        part = LOG.filter(pl.col("case_id").hash(1) % 2 == (queue == "loans")).with_columns(queue=pl.lit(None, dtype=pl.String))
        part.write_parquet(below / "part.parquet")
    every: dict[str, Any] = {"sla": {"loans": "24h", "default": "72h"}}
    assert_frame_equal(aura.dossiers(tmp_path, executor=pool, **every), aura.dossiers(tmp_path, **every), check_exact=True)


def test_an_event_in_several_files_counts_once(tmp_path: Path, pool: Executor) -> None:
    LOG.head(900).write_parquet(tmp_path / "a.parquet")
    LOG.tail(LOG.height - 600).write_parquet(tmp_path / "b.parquet")
    with pytest.warns(OverlapWarning, match="300 events stand in more than one file"):
        parts = aura.dossiers(tmp_path, executor=pool)
    with pytest.warns(OverlapWarning):
        whole = aura.dossiers(tmp_path)
    assert_frame_equal(parts, whole, check_exact=True)


def test_bad_rows_are_found_where_they_are_read(tmp_path: Path, pool: Executor) -> None:
    broken = LOG.with_columns(value=pl.when(pl.col("type") == "SAT_SCORE").then(9.0).otherwise("value"))
    broken.write_parquet(tmp_path / "log.parquet")
    said = []
    both: list[dict[str, Any]] = [{}, {"executor": pool}]
    for options in both:
        with pytest.raises(EventError) as failed:
            aura.dossiers(tmp_path / "log.parquet", **options)
        said.append(str(failed.value))
    assert said[0].split("log.parquet")[-1] == said[1].split("log.parquet")[-1]
    with pytest.raises(FileMissingError, match="no events there"):
        aura.dossiers(tmp_path / "nothing.parquet", executor=pool)


def of_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "SMALL", 5_000_000)


def agree(source: Any, pool: Executor, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same board with the same warnings, or the same error."""
    of_small(monkeypatch)
    said: list[Any] = []
    for options in ({}, {"executor": pool}):
        given: dict[str, Any] = options
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            try:
                found: Any = aura.dossiers(source, **given)
            except AuraError as error:
                found = f"{type(error).__name__}: {error}"
        said.append((found, [str(one.message) for one in warned]))
    assert said[0][1] == said[1][1]
    assert type(said[0][0]) is type(said[1][0]), said
    same = said[0][0] == said[1][0] if isinstance(said[0][0], str) else said[0][0].equals(said[1][0])
    assert same


def test_logs_that_contradict_themselves(tmp_path: Path, pool: Executor, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same file twice, ids that repeat in other files with other cases or times, cases that end before they begin."""
    one, two = tmp_path / "a.parquet", tmp_path / "b.parquet"
    LOG.head(600).write_parquet(one)
    agree([one, one], pool, monkeypatch)
    again = LOG.slice(100, 50)
    for other in (
        again.with_columns(case_id=pl.lit("other")),
        again.with_columns(case_id=pl.lit(None, dtype=pl.String), actor=pl.lit("somebody")),
        again.with_columns(pl.col("ts") + timedelta(days=900)),
        pl.concat([again, again]),
    ):
        other.write_parquet(two)
        agree([one, two], pool, monkeypatch)
        for at, part in enumerate((LOG.head(600), other)):
            aura.write_events(part, tmp_path / f"{at}.jsonl", overwrite=True)
        agree([tmp_path / "0.jsonl", tmp_path / "1.jsonl"], pool, monkeypatch)
    rows = [{"type": "OPENED", "case_id": "X", "ts": "2026-02-02"}, {"type": "RESOLVED", "case_id": "X", "ts": "2026-02-01"}]
    for row, path in zip(rows, (one, two), strict=True):
        aura.events.from_records([row | {"actor": "anne"}]).write_parquet(path)
    agree([one, two], pool, monkeypatch)


def test_large_logs_whose_ids_repeat(tmp_path: Path, pool: Executor) -> None:
    """Where files overlap in time and an id stands in two of them, the log is put together first."""
    one, two = tmp_path / "a.parquet", tmp_path / "b.parquet"
    LOG.head(600).write_parquet(one)
    LOG.slice(100, 50).with_columns(case_id=pl.lit("other")).write_parquet(two)
    with pytest.warns(OverlapWarning, match="50 events stand in more than one file"):
        parts = aura.dossiers([one, two], executor=pool)
    with pytest.warns(OverlapWarning):
        assert_frame_equal(parts, aura.dossiers([one, two]), check_exact=True)
    assert (
        many_files.overlapping([(datetime(2026, 1, 1), datetime(2026, 1, 2)), (datetime(2026, 1, 3), datetime(2026, 1, 4))])
        == set()
    )


def test_drills_that_are_said_later(pool: Executor) -> None:
    first, last = LOG["ts"].min(), LOG["ts"].max()
    assert isinstance(first, datetime) and isinstance(last, datetime)
    cases = LOG.filter(pl.col("type") == "OVERRIDE")["case_id"].head(60)
    later = [{"type": "DRILL", "case_id": case, "outcome": "APPROVE", "ts": last + timedelta(days=1)} for case in cases]
    log = pl.concat([LOG, aura.events.from_records(later)])
    for as_of in (last, last + timedelta(days=2)):
        every: dict[str, Any] = {"as_of": as_of, "window": "all"}
        assert_frame_equal(aura.dossiers(log, executor=pool, **every), aura.dossiers(log, **every), check_exact=True)
        here, there = aura.case_mix(log, **every), aura.case_mix(log, executor=pool, **every)
        assert_frame_equal(there.actors, here.actors, check_exact=True)


def test_doubtful_verdicts_of_nobody(pool: Executor) -> None:
    """A frame on the contract is taken as it is, also where it does not say who decided."""
    row = {"type": "OVERRIDE", "ts": "2026-01-05", "agent": "gpt", "ai_recommendation": "PAY", "human_verdict": "PAY"}
    log = aura.events.from_records([row | {"case_id": case, "actor": "anne", "actor_kind": "officer"} for case in "ab"])
    log = log.with_columns(actor=pl.when(pl.col("case_id") == "a").then("actor"))
    assert_frame_equal(aura.dossiers(log, executor=pool), aura.dossiers(log), check_exact=True)


def test_names_that_look_like_patterns(tmp_path: Path, pool: Executor) -> None:
    odd = tmp_path / "s[1]"
    odd.mkdir()
    LOG.write_parquet(odd / "log[x].parquet")
    whole = aura.dossiers(odd / "log[x].parquet")
    assert_frame_equal(aura.dossiers(LOG, executor=pool, scratch=odd).drop("counted"), whole.drop("counted"), check_exact=True)
    assert_frame_equal(aura.dossiers(odd / "log[x].parquet", executor=pool), whole, check_exact=True)


def test_nothing_is_left_behind_by_what_fails(tmp_path: Path) -> None:
    broken = LOG.with_columns(value=pl.when(pl.col("type") == "SAT_SCORE").then(9.0).otherwise("value"))
    broken.head(1500).write_parquet(tmp_path / "a.parquet")
    for at in range(6):
        LOG.write_parquet(tmp_path / f"b{at}.parquet")
    (tmp_path / "scratch").mkdir()
    for _ in range(4):
        with ThreadPoolExecutor(2) as two, pytest.raises(EventError):
            aura.dossiers(sorted(tmp_path.glob("*.parquet")), executor=two, scratch=tmp_path / "scratch")
    assert list((tmp_path / "scratch").iterdir()) == []


def test_a_folder_that_workers_do_not_see(tmp_path: Path) -> None:
    LOG.write_parquet(tmp_path / "log.parquet")
    piece = pieces.EventPiece(str(tmp_path / "log.parquet"))
    with pytest.raises(FileMissingError, match="a worker does not see the folder .* scratch="):
        laying.lay_piece(laying.LayTask(piece, 0, str(tmp_path / "elsewhere"), 2, several=False))


def test_what_is_laid_is_gone_in_the_end(tmp_path: Path, pool: Executor) -> None:
    aura.dossiers(LOG, executor=pool, scratch=tmp_path)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(AuraError, match="there is no folder to work in"):
        aura.dossiers(LOG, executor=pool, scratch=tmp_path / "missing")


def test_facts_that_are_not_made_by_case(pool: Executor) -> None:
    from dataclasses import replace

    from aura_analytics.cases import RATINGS

    whole = replace(METRICS["sat_score_mean"], name="mine", fact=replace(RATINGS, by_case=False))
    with pytest.raises(ParameterError, match="not made in parts"):
        aura.dossiers(LOG, metrics=[whole], executor=pool)
    median = replace(METRICS["processing_hours_median"], name="mine", subject="agent")
    with pytest.raises(ParameterError, match="that metric is not counted in parts"):
        aura.dossiers(LOG, metrics=[median], executor=pool)


def test_more_buckets_than_cases(pool: Executor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parted, "LEAST", 64)
    log = LOG.head(30).with_columns(pl.col("ts") + timedelta(days=1))
    assert_frame_equal(aura.dossiers(log, executor=pool), aura.dossiers(log), check_exact=True)


@pytest.mark.parametrize(
    "options", [{}, {"window": "all", "step": "30d"}, {"start": "2025-03-01", "end": "2025-05-01", "step": "7d"}]
)
def test_series(options: dict[str, Any], pool: Executor) -> None:
    assert_frame_equal(aura.rolling(LOG, executor=pool, **options), aura.rolling(LOG, **options), check_exact=True)
    for seed in range(3):
        log = odd_log(seed)
        names = [name for name, one in METRICS.items() if (one.rolls or one.by_reading) and one.subject == "actor"]
        some: dict[str, Any] = {"window": "2d", "step": "1d"}
        assert_frame_equal(aura.rolling(log, names, executor=pool, **some), aura.rolling(log, names, **some), check_exact=True)


def test_series_that_are_not_counted_in_parts(pool: Executor) -> None:
    with pytest.raises(ParameterError, match="no series in parts"):
        aura.rolling(LOG, ["overridden_rate"], executor=pool)
    empty = LOG.clear()
    assert_frame_equal(aura.rolling(empty, executor=pool), aura.rolling(empty))


@pytest.mark.parametrize("outcome", ["override", "wrong_verdict", "low_rating", "breach", "overridden"])
def test_case_mix(outcome: Any, pool: Executor) -> None:
    names = ["queue", "ai_recommendation", "hour"]
    for log in (LOG, odd_log(1), LOG.clear()):
        options: dict[str, Any] = {"outcome": outcome, "window": "all", "sla": "24h"}
        here, there = aura.case_mix(log, names, **options), aura.case_mix(log, names, executor=pool, **options)
        for table in ("actors", "effects", "calibration"):
            assert_frame_equal(getattr(there, table), getattr(here, table), check_exact=True)
        assert str(there.dispersion) == str(here.dispersion)
    with pytest.raises(ParameterError, match="fifths of all cases are not found in parts"):
        aura.case_mix(LOG, ["confidence"], executor=pool)


def test_workers_that_are_not_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hashes may differ from machine to machine: then nothing is counted, rather than wrongly."""
    kinds = [("2.0.0", (1, 2)), ("2.0.0", (1, 3)), ("2.0.1", (1, 2))]
    for one, other, said in ((0, 1, "machines of different kinds"), (0, 2, "polars 2.0.0, 2.0.1")):
        answers = itertools.cycle([kinds[one], kinds[other]])
        monkeypatch.setattr(making, "likeness", lambda answers=answers: next(answers))
        with ThreadPoolExecutor(1) as alone, pytest.raises(ParameterError, match=f"the workers are not alike.*{said}"):
            aura.dossiers(LOG, executor=alone)
