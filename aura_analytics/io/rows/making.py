"""Rows of a foreign log made into events."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import polars as pl

from aura_analytics import events
from aura_analytics.errors import MappingError, Problem
from aura_analytics.events import SCHEMA, FailureReport
from aura_analytics.io.log_table import LogRows
from aura_analytics.io.mapping import LogMapping
from aura_analytics.io.mapping_parts import listed
from aura_analytics.io.readers.base import Unreadable
from aura_analytics.io.rows.account import Account, account
from aura_analytics.io.rows.base import rows_of
from aura_analytics.io.rows.identity import once_a_record, told_before, with_ids
from aura_analytics.io.rows.long import changes_of_state, clock_events, not_chosen, other_events
from aura_analytics.io.rows.matching import check_columns, check_names
from aura_analytics.io.rows.sources import columns_of, text
from aura_analytics.io.rows.verdicts import Verdicts, verdicts_of
from aura_analytics.io.rows.wide import milestone_events, pair_events

__all__ = ["check_log", "in_order_of", "made_of", "stars_of"]


def stars_of(mapping: LogMapping) -> list[str]:
    """The lists in nested data of which each element is a row, from the outside in."""
    names = [name for _, source in mapping.sources() for name in columns_of(source)]
    found = sorted({name[: at + 3] for name in names for at in range(len(name)) if name.startswith("[*]", at)}, key=len)
    beside = next((inner for outer, inner in pairwise(found) if not inner.startswith(outer)), None)
    if beside is not None:
        what = "the mapping takes elements of lists that do not lie within each other: each would be set beside each"
        next_ = "name one element of one of them, such as predictions.0.result, or write a mapping for each"
        raise MappingError(Problem(what, ", ".join(found), "lists within each other", next=next_))
    return found


def _said_of(frame: pl.DataFrame, mapping: LogMapping) -> pl.Series:
    """What rules read of each row beside case, activity, time and actor, as one text."""
    rules = {place for place, _ in mapping.rules()}
    names = {name for place, source in mapping.sources() if place.rpartition(".")[0] in rules for name in columns_of(source)}
    if not names:
        return pl.repeat("", frame.height, dtype=pl.String, eager=True)
    return frame.select(said=pl.concat_str([text(frame, name).fill_null("\x1e") for name in sorted(names)], separator="\x1f"))[
        "said"
    ]


def check_log(
    frame: pl.DataFrame, names: dict[str, set[str]], unreadable: list[Unreadable], mapping: LogMapping, where: str
) -> None:
    """Refuse a log that lacks what its mapping names.

    Parameters
    ----------
    frame
        The log, or some of its rows: of every column one that has something in it.
    names
        Of `names_there`, of the whole log.
    unreadable
        Lines that are no records.
    mapping, where
        The mapping, and where the log is.

    Raises
    ------
    MappingError
        With every column and name that is not there.
    """
    check_columns(frame, mapping, where)
    try:
        check_names(names, mapping, where)
    except MappingError as error:
        if not unreadable:
            raise
        lost = [Problem(item.reason, where=f"{item.file}:{item.line}") for item in unreadable[:5]]
        text_ = f"{len(unreadable):,} lines cannot be read, and mapping {mapping.name!r} does not fit the others"
        raise MappingError(text_, problems=[*lost, *error.problems]) from None


def made_of(log: LogRows, mapping: LogMapping, where: str) -> tuple[pl.DataFrame, pl.Series, Account]:
    """Events of a log that its mapping fits, in the order of time; the row of each; and what became of every row.

    Parameters
    ----------
    log
        The rows; of a log that is read in pieces, all rows of some cases.
    mapping, where
        The mapping, and where the log is.

    Raises
    ------
    MappingError
        If words or numbers are not what the mapping says.
    """
    frame = log.frame
    whole = rows_of(frame, mapping, log.nested)
    kept = whole
    for column, values in mapping.keep.items():
        said = frame.select(x=text(frame, column).str.strip_chars())["x"]
        kept = kept.filter(said.is_in(listed(values)).fill_null(value=False)[kept["row"]])
    passed: dict[str, pl.Series] = {}
    rows, files = kept, log.files()
    if mapping.columns.activity is not None and log.several and mapping.columns.event_id is None and not mapping.id_from:
        passed["an earlier file tells the same"] = told_before(kept, _said_of(frame, mapping), files)
        rows = rows.filter(~pl.col("row").is_in(passed["an earlier file tells the same"].implode()))
    every = rows
    if mapping.states:
        rows = changes_of_state(every)
        named = every.filter(pl.col("activity").is_in([name for _, rule in mapping.rules() for name in rule.activities]))
        passed["the state of the case is what it was"] = named.filter(~pl.col("row").is_in(rows["row"].implode()))["row"]
    passed["neither the first nor the last of its case"] = not_chosen(rows, mapping)
    parts, idle = clock_events(rows, every, mapping)
    passed |= idle
    reached, lacking = milestone_events(frame, every, mapping)
    parts += reached
    others, scales = other_events(frame, every, mapping)
    parts += others
    begun = pl.concat(
        [part["case_id"] for part in parts if part.height and part["type"][0] in ("OPENED", "RESOLVED")]
        or [rows["case_id"].head(0)]
    )
    found: list[Verdicts] = []
    refused_rows = lacking
    if mapping.recommendations:
        found.append(verdicts_of(frame, rows, mapping, begun, where))
    if mapping.pairs is not None:
        pairs, beside, scale = pair_events(frame, every, mapping, begun)
        scales.append(scale)
        found.append(pairs)
        parts += beside
    for one in found:
        parts += [one.decided, *one.waiting]
        refused_rows += one.refused
    table = pl.concat(parts, how="diagonal_relaxed") if parts else rows.head(0)
    refused_rows += _far_off(table, mapping)
    table = table.with_columns(__order=pl.int_range(pl.len()))
    if stars_of(mapping):
        table = once_a_record(table, log.records())
    named_ = with_ids(table, files, mapping)
    table = in_order_of(named_.events, "ts", "row", "__order")
    good, refused = _through_the_door(table, refused_rows)
    same = good.height == table.height
    rows_ = (
        table["row"]
        if same
        else good.select("event_id").join(
            table.unique("event_id", keep="first").select("event_id", "row"), on="event_id", how="left", maintain_order="left"
        )["row"]
    )
    return (
        good,
        rows_,
        account(log, mapping, whole, kept, table, good, refused, found, passed, named_.told_before, named_.twice, scales),
    )


def in_order_of(table: pl.DataFrame, *by: str) -> pl.DataFrame:
    """Rows in the order of columns, nulls last: to sort by one after the other is faster than by all at once."""
    order = table.select(by).with_row_index("\x00at")
    for name in reversed(by):
        order = order.sort(name, maintain_order=True, nulls_last=True)
    return table[order["\x00at"]]


def _far_off(table: pl.DataFrame, mapping: LogMapping) -> list[tuple[int, str]]:
    """Rows with a time that is read and cannot be meant, as an end of all times is."""
    first, last = mapping.time.years
    far = table.filter(~pl.col("ts").dt.year().is_between(first, last)).select("row", pl.col("ts").dt.strftime("%Y-%m-%d"))
    expected = f"a year from {first} to {last} (time: {{years: ...}} allows others, never: says what means no time)"
    return [(row, f"ts_far_off: got {at}, expected {expected}") for row, at in far.unique(maintain_order=True).iter_rows()]


def _through_the_door(table: pl.DataFrame, lacking: list[tuple[int, str]]) -> tuple[pl.DataFrame, FailureReport]:
    """Events on the contract; and the rows that are none, with `row` and `reasons`. Of a refused row no event is kept."""
    columns = [
        pl.col(name) for name in SCHEMA if name in table.columns and name not in ("ts", "value", "confidence", "audit_chance")
    ]
    numbers = [name for name in ("value", "confidence", "audit_chance") if name in table.columns]
    columns += [_or_raw(table, name, pl.col(name).cast(pl.String)) for name in numbers]
    # a time that cannot be read goes to the door as it was written, so that the report shows it; text that ISO reading would accept
    # must not slip through after the mapping's own format refused it
    columns.append(_or_raw(table, "ts", pl.col("ts").dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ"), "«{}»"))
    loose = table.select(*columns, __line=pl.col("row"))
    # the attributes are JSON by the way they were made: they are looked at only with something else that is wrong
    good, report = events.filter(loose.drop("attributes", strict=False))
    if not report and good.height == table.height:
        good = good.with_columns(table["attributes"])
    else:
        good, report = events.filter(loose)
    reasons = [(row, why) for row, whys in report.bad.select("__line", "reasons").iter_rows() for why in whys] if report else []
    reasons += lacking
    if not reasons:
        report.bad = pl.DataFrame(schema={"row": pl.UInt32, "reasons": pl.List(pl.String)})
        return good, report
    bad = pl.DataFrame(reasons, schema={"row": pl.UInt32, "why": pl.String}, orient="row")
    bad = bad.group_by("row").agg(reasons=pl.col("why").unique(maintain_order=True)).sort("row")
    counts = Counter(report.counts) + Counter(why.split(":", 1)[0] for _, why in lacking)
    gone = table.filter(pl.col("row").is_in(bad["row"].implode()))["event_id"]
    return good.filter(~pl.col("event_id").is_in(gone.implode())), FailureReport(bad, dict(counts), report.duplicates)


def _or_raw(table: pl.DataFrame, name: str, as_text: pl.Expr, form: str = "{}") -> pl.Expr:
    """A column as it was read; where some of it could not be, as text, with what stands there."""
    raw = f"raw_{name}"
    if raw not in table.columns:
        return pl.col(name)
    lost = pl.col(name).is_null() & pl.col(raw).is_not_null()
    if not table.select(lost.any()).item():
        return pl.col(name)
    return pl.when(lost).then(pl.format(form, raw)).otherwise(as_text).alias(name)
