"""What became of every row of a log, and what has to be known before its numbers are read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from aura_analytics.events import FailureReport
from aura_analytics.io.import_report import ImportReport
from aura_analytics.io.log_table import LogRows
from aura_analytics.io.mapping import LogMapping
from aura_analytics.io.rows.verdicts import Verdicts, near_words

__all__ = ["account"]


def account(
    log: LogRows,
    mapping: LogMapping,
    whole: pl.DataFrame,
    kept: pl.DataFrame,
    table: pl.DataFrame,
    good: pl.DataFrame,
    refused: FailureReport,
    found: list[Verdicts],
    passed: dict[str, pl.Series],
    told_before: list[int],
    twice: int,
) -> ImportReport:
    """Every row once: used, unused or passed over with a reason, or set aside."""
    undecided = [row for one in found for row in one.undecided]
    unanswered = [row for one in found for row in one.unanswered]
    rows = log.frame.height
    bad, used = np.zeros(rows, bool), np.zeros(rows, bool)
    bad[refused.bad["row"].to_numpy()] = True
    used[table["row"].to_numpy()] = True
    for one in found:
        used[one.advised] = True
    loose: list[tuple[Sequence[int] | pl.Series, str]] = [(rows_, reason) for reason, rows_ in passed.items()]
    loose += [
        (unanswered, "a verdict without a recommendation"),
        (undecided, "a recommendation without a verdict, in a case that others opened or decided"),
        (told_before, "an earlier file tells the same"),
    ]
    events_of = np.zeros(rows, bool)
    events_of[table["row"].to_numpy()] = True
    used[undecided] = events_of[undecided]
    used &= ~bad
    free = ~(used | bad)
    over: dict[str, int] = {}
    for which, reason in loose:
        mine = np.zeros(rows, bool)
        mine[np.asarray(which, dtype=np.int64)] = True
        mine &= free
        free &= ~mine
        if mine.any():
            over[reason] = over.get(reason, 0) + int(mine.sum())
    rest = pl.Series(np.flatnonzero(free), dtype=pl.UInt32)
    activities = whole["activity"][rest].fill_null("(no activity)" if mapping.columns.activity is not None else "(nothing in it)")
    unused = activities.value_counts(sort=True, name="n")
    counts = good["type"].value_counts().sort("type")
    cases = _cases(kept, good)
    return ImportReport(
        rows=log.frame.height,
        events=good.height,
        by_type={str(kind): int(n) for kind, n in counts.iter_rows()},
        unused={str(name): int(n) for name, n in unused.iter_rows()},
        undecided=len(undecided),
        unanswered=len(unanswered),
        refused=refused,
        unreadable=log.unreadable,
        used=int(used.sum()),
        passed_over=dict(sorted(over.items())),
        cases=cases,
        warnings=[*log.notes, *_warnings(mapping, good, cases, found, twice)],
        log=log if refused else None,  # what could not be used is told from it
    )


def _cases(kept: pl.DataFrame, good: pl.DataFrame) -> dict[str, int]:
    every = kept["case_id"].drop_nulls().n_unique()
    of = {
        kind[0]: rows["case_id"].n_unique()
        for kind, rows in good.select("type", "case_id").partition_by("type", as_dict=True).items()
    }
    verdicts = good.filter(pl.col("type").is_in(["DECISION", "OVERRIDE"]))["case_id"].n_unique()
    return {
        "cases": every,
        "a start": good.filter(pl.col("type").is_in(["OPENED", "ASSIGNED"]))["case_id"].n_unique(),
        "an end": of.get("RESOLVED", 0),
        "a verdict": verdicts,
    }


def _warnings(mapping: LogMapping, good: pl.DataFrame, cases: dict[str, int], found: list[Verdicts], twice: int) -> list[str]:
    """What somebody who reads the numbers has to know first."""
    every, said = cases["cases"], []
    clock = set(mapping.clock) | set(mapping.milestones)
    starts = {"OPENED", "ASSIGNED"}
    for mapped, what, harm in ((starts, "a start", "how long they took is not known"), (starts, "an end", "they count as open")):
        if clock & mapped and (every - cases[what]) * 2 > every:
            said.append(f"{every - cases[what]:,} of {every:,} cases have no {what.split(' ', 1)[1]}: {harm}")
    if found and (every - cases["a verdict"]) * 2 > every:
        said.append(f"{every - cases['a verdict']:,} of {every:,} cases have no verdict: they are in nobody's override rate")
    for one in found:
        if "ai_recommendation" in one.decided.columns:
            said += near_words(one.decided["ai_recommendation"], one.decided["human_verdict"])
    waiting = _nobodys(good)
    if waiting:
        said.append(
            f"{waiting:,} cases began and have not ended, and nobody was given them: they are in nobody's number "
            "(assign: says who gets a case)"
        )
    if twice:
        said.append(f"{twice:,} events are told twice: the same type, case, actor and moment as another one, under another id")
    return said


def _nobodys(good: pl.DataFrame) -> int:
    """Cases that were opened, neither ended nor given to anybody."""
    opened, other = (
        good.filter(pl.col("type").is_in(kinds))["case_id"].unique() for kinds in (["OPENED"], ["ASSIGNED", "RESOLVED"])
    )
    return int((~opened.is_in(other.implode())).sum())
