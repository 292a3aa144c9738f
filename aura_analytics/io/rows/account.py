"""What became of every row of a log, and what has to be known before its numbers are read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from aura_analytics.events import FailureReport
from aura_analytics.io.import_report import ImportReport
from aura_analytics.io.log_table import LogRows
from aura_analytics.io.mapping import LogMapping
from aura_analytics.io.rows.long import Scale
from aura_analytics.io.rows.verdicts import Verdicts, near_words

__all__ = ["Account", "account", "warned"]


@dataclass
class Account:
    """What became of the rows of a log, or of a piece of one with all rows of its cases: each figure is a sum over pieces.

    Attributes
    ----------
    report
        Without warnings.
    waiting
        Cases that were opened, neither ended nor given to anybody.
    twice
        Events that are told twice.
    words
        Of each way that verdicts are told: the words of recommendations, and those of verdicts.
    compared
        The same of those that were compared with each other.
    scales
        What the numbers of each rule of ratings look like.
    """

    report: ImportReport
    waiting: int
    twice: int
    words: list[tuple[set[str], set[str]]]
    compared: list[tuple[set[str], set[str]]]
    scales: list[Scale | None]


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
    scales: list[Scale | None],
) -> Account:
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
    report = ImportReport(
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
        log=log if refused else None,  # what could not be used is told from it
    )
    compared = [
        (_words(one.decided["ai_recommendation"]), _words(one.decided["human_verdict"]))
        if "ai_recommendation" in one.decided.columns
        else (set[str](), set[str]())
        for one in found
    ]
    return Account(report, _nobodys(good), twice, [one.words for one in found], compared, scales)


def _words(said: pl.Series) -> set[str]:
    return set(said.drop_nulls().unique().to_list())


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


def warned(whole: Account, mapping: LogMapping, notes: list[str]) -> ImportReport:
    """The report of a log with what somebody who reads the numbers has to know first, after some `notes`."""
    report, said = whole.report, list(notes)
    every, cases = report.cases["cases"], report.cases
    clock = set(mapping.clock) | set(mapping.milestones)
    starts = {"OPENED", "ASSIGNED"}
    for mapped, what, harm in ((starts, "a start", "how long they took is not known"), (starts, "an end", "they count as open")):
        if clock & mapped and (every - cases[what]) * 2 > every:
            said.append(f"{every - cases[what]:,} of {every:,} cases have no {what.split(' ', 1)[1]}: {harm}")
    if whole.compared and (every - cases["a verdict"]) * 2 > every:
        said.append(f"{every - cases['a verdict']:,} of {every:,} cases have no verdict: they are in nobody's override rate")
    for advised, decided in whole.compared:
        said += near_words(advised, decided)
    if whole.waiting:
        said.append(
            f"{whole.waiting:,} cases began and have not ended, and nobody was given them: they are in nobody's number "
            "(assign: says who gets a case)"
        )
    if whole.twice:
        said.append(
            f"{whole.twice:,} events are told twice: the same type, case, actor and moment as another one, under another id"
        )
    report.warnings = said
    return report


def _nobodys(good: pl.DataFrame) -> int:
    """Cases that were opened, neither ended nor given to anybody."""
    opened, other = (
        good.filter(pl.col("type").is_in(kinds))["case_id"].unique() for kinds in (["OPENED"], ["ASSIGNED", "RESOLVED"])
    )
    return int((~opened.is_in(other.implode())).sum())
