"""The event contract: the columns, dtypes, vocabularies and rules of the one table that everything else reads.

One row is one event. Two doors let data in, and neither loses a row:

- `validate` returns the events on the contract, or raises one `EventError` that lists every problem;
- `filter` returns the good rows and a `FailureReport` that holds the bad ones with the reason for each.

A rule is a polars expression that is true for a good row; a null in it counts as good, so a rule speaks only of what is there.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from aura_analytics.clock import times
from aura_analytics.errors import EventError, ParameterError, Problem
from aura_analytics.events.conforming import assign_ids, conform
from aura_analytics.events.records import frame_of_records, frame_of_rows
from aura_analytics.events.rules import row_is_bad, row_reasons
from aura_analytics.events.schema import IMPORTED, SCHEMA, empty
from aura_analytics.outputs import written

__all__ = ["FailureReport", "filter", "from_records", "from_rows", "validate"]


@dataclass
class FailureReport:
    """The rows that did not pass, and why.

    Attributes
    ----------
    bad
        The refused rows as they came, plus `row` (0-based position in the input) and `reasons` (list of texts).
    counts
        Refused rows per rule.
    duplicates
        Rows dropped because the very same event was there already; a repeat is not an error.
    """

    bad: pl.DataFrame
    counts: dict[str, int] = field(default_factory=dict)
    duplicates: int = 0

    def __bool__(self) -> bool:
        return self.bad.height > 0

    def __len__(self) -> int:
        return self.bad.height

    def __str__(self) -> str:
        repeats = f"; {self.duplicates:,} exact repeats counted once" if self.duplicates else ""
        if not self:
            return f"no bad rows{repeats}"
        rules = ", ".join(f"{name} {count:,}" for name, count in sorted(self.counts.items()))
        return f"{len(self):,} bad {'row' if len(self) == 1 else 'rows'} ({rules}){repeats}"

    def problems(self, limit: int = 20) -> list[Problem]:
        """The first problems, in the order of the rows."""
        found = [
            Problem(reason, where=f"row {row['row']}")
            for row in self.bad.head(limit).select("row", "reasons").iter_rows(named=True)
            for reason in row["reasons"]
        ]
        hidden = len(self) - limit
        return [*found, Problem(f"{hidden:,} more bad rows, see the failure report")] if hidden > 0 else found

    def write(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Save the bad rows with their reasons: `.parquet`, or JSON Lines under any other name.

        Parameters
        ----------
        path
            The file.
        overwrite
            Whether one that is there may be replaced.
        """
        path = Path(path)
        with written(path, overwrite=overwrite) as part:
            if path.suffix == ".parquet":
                self.bad.write_parquet(part)
            else:
                self.bad.write_ndjson(part)
        return path


def _content() -> pl.Expr:
    """What makes two events of one id the same; of an imported one its attributes may differ from export to export."""
    own = {name: pl.col(name) for name in SCHEMA if name != "event_id"}
    own["ts"] = pl.col("ts").cast(pl.String)
    own["attributes"] = pl.when(~pl.col("event_id").str.starts_with(IMPORTED)).then(pl.col("attributes"))
    return pl.struct([value.alias(name) for name, value in own.items()])


def _id_reasons(frame: pl.DataFrame) -> pl.DataFrame:
    """Rows (`__row`, `__why`) whose id is used twice with different content."""
    doubled = frame.filter(pl.col("event_id").is_duplicated())
    if doubled.is_empty():
        return pl.DataFrame(schema={"__row": pl.UInt32, "__why": pl.String})
    lists = doubled["penalties"].to_list()
    texts = pl.Series([None if item is None else json.dumps(item) for item in lists], dtype=pl.String)
    contents = doubled.with_columns(penalties=texts).with_columns(__content=_content())
    kinds = contents.group_by("event_id").agg(n=pl.col("__content").n_unique(), rows=pl.len())
    conflict = kinds.filter(pl.col("n") > 1)
    why = pl.format(
        "id_conflict: got event_id {} on {} rows with {} different contents, expected one event per id", "event_id", "rows", "n"
    )
    return doubled.join(conflict, on="event_id").select("__row", __why=why)


def _time_travel(frame: pl.DataFrame) -> pl.DataFrame:
    """Rows (`__row`, `__why`) that resolve a case before it was first opened."""
    opened = frame.filter(pl.col("type") == "OPENED").group_by("case_id").agg(opened=pl.col("ts").min())
    late = frame.filter(pl.col("type") == "RESOLVED").join(opened, on="case_id").filter(pl.col("ts") < pl.col("opened"))
    why = pl.format("time_travel: got RESOLVED at {}, expected a time not before OPENED at {}", "ts", "opened")
    return late.select("__row", __why=why)


def filter(  # noqa: A001  (the name users know from dataframely; the module is always read as events.filter)
    frame: pl.LazyFrame | pl.DataFrame,
    *,
    zone: str = "UTC",
    ambiguous: times.Ambiguous = "reject",
    now: datetime | None = None,
) -> tuple[pl.DataFrame, FailureReport]:
    """Split a table into the events that keep the contract and a report of the rows that do not.

    Parameters
    ----------
    frame
        Any table with at least `type` and `ts`. Types are cast; unknown columns move to `attributes`; missing event ids are
        made from the content.
    zone
        Time zone of times that carry none (IANA name).
    ambiguous
        What to do with a naive time that happens twice when clocks go back: `reject`, `earliest` or `latest`.
    now
        Stamp for events without a time; by default such rows are bad.

    Returns
    -------
    tuple
        `(good, report)`: events on the contract in input order, and the `FailureReport`. Exact repeats of an event id are
        counted once; an id that carries two different events condemns both, since nothing says which is true.

    Raises
    ------
    SchemaError
        If required columns are missing, or a column has a type that cannot hold what the contract says.

    Examples
    --------
    >>> import polars as pl
    >>> from aura_analytics import events
    >>> good, report = events.filter(pl.DataFrame({
    ...     "type": ["OVERRIDE", "OVERIDE", "SAT_SCORE"], "ts": ["2026-01-05T10:00:00Z"] * 3,
    ...     "actor": ["anne", "anne", None], "value": [None, None, 7.0]}))
    >>> good.height, len(report)
    (1, 2)
    >>> print(report.bad["reasons"][0][0])
    type_unreadable: got OVERIDE, expected one of OPENED, ASSIGNED, PAUSED, RESUMED, RESOLVED, DECISION, OVERRIDE, SAT_SCORE, \
EVALUATION, OUTCOME, ADJUDICATION, HR_ACTION, ROUTED, DRILL; did you mean 'OVERRIDE'?
    """
    times.check_zone(zone)
    times.check_ambiguous(ambiguous)
    source = frame.lazy().collect().with_row_index("__row")
    table = conform(source, zone=zone, ambiguous=ambiguous, now=now, keep_raw=True).collect()
    table = assign_ids(table)
    bad = table.filter(row_is_bad(table.columns))
    reasons = bad.select("__row", __why=row_reasons(bad.columns)).explode("__why")
    doubled = bool(table["event_id"].is_duplicated().any())
    reasons = pl.concat([reasons, *([_id_reasons(table)] if doubled else []), _time_travel(table)])
    good = table
    if not reasons.is_empty():
        good = good.join(reasons.select("__row").unique(), on="__row", how="anti", maintain_order="left")
    kept = good.unique("event_id", keep="first", maintain_order=True) if doubled else good
    repeats, good = good.height - kept.height, kept
    refused = reasons.group_by("__row", maintain_order=True).agg(reasons=pl.col("__why")).sort("__row")
    source = source.rename({name: f"{name} (input)" for name in ("row", "reasons") if name in source.columns})
    report = FailureReport(
        bad=source.join(refused, on="__row", how="inner", maintain_order="right").rename({"__row": "row"}),
        counts=dict(Counter(why.split(":", 1)[0] for why in reasons["__why"])),
        duplicates=repeats,
    )
    return good.select(SCHEMA.names()), report


def validate(
    frame: pl.LazyFrame | pl.DataFrame,
    *,
    zone: str = "UTC",
    ambiguous: times.Ambiguous = "reject",
    now: datetime | None = None,
) -> pl.DataFrame:
    """The events of a table, on the contract; raises when any row breaks it.

    Parameters are those of `filter`.

    Raises
    ------
    SchemaError
        If required columns are missing, or a column has a type that cannot hold what the contract says.
    EventError
        If rows break rules; its text lists the problems, its `problems` holds them, its `report` the bad rows.

    Examples
    --------
    >>> import polars as pl
    >>> from aura_analytics import events
    >>> events.validate(pl.DataFrame({"type": ["OVERRIDE"], "ts": ["2026-01-05T10:00:00+01:00"], "actor": ["anne"]}))["ts"][0]
    datetime.datetime(2026, 1, 5, 9, 0, tzinfo=zoneinfo.ZoneInfo(key='UTC'))
    """
    good, report = filter(frame, zone=zone, ambiguous=ambiguous, now=now)
    if report:
        error = EventError(f"events break the contract: {report}", problems=report.problems())
        error.report = report  # type: ignore[attr-defined]
        raise error
    return good


def from_records(records: Sequence[Mapping[str, Any]], *, now: datetime | None = None) -> pl.DataFrame:
    """Events from dicts as an application sends them: ids made, absent times stamped, extra fields kept in `attributes`.

    Parameters
    ----------
    records
        One dict per event; only `type` is required.
    now
        The stamp for events without `ts`; by default the present moment.

    Raises
    ------
    EventError, SchemaError
        As `validate`.

    Examples
    --------
    >>> from aura_analytics import events
    >>> table = events.from_records([
    ...     {"type": "SAT_SCORE", "value": 3, "case_id": "CLAIM_9001"},
    ...     {"type": "OVERRIDE", "actor": "test@agency.gov", "channel": "web"}])
    >>> table.select("type", "value", "attributes").rows()
    [('SAT_SCORE', 3.0, None), ('OVERRIDE', None, '{"channel": "web"}')]
    """
    stamp = now if now is not None else datetime.now(timezone.utc)
    if stamp.tzinfo is None:
        raise ParameterError(Problem("now has no time zone", got=stamp, expected="an aware datetime"))
    return _validated(partial(frame_of_records, records), stamp) if records else empty()


def from_rows(names: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> pl.DataFrame:
    """Events from tuples whose columns, all on the contract, are named once: as `from_records`, of many quicker.

    Parameters
    ----------
    names
        The columns, `type` among them.
    rows
        A tuple per event, None where it says nothing.

    Raises
    ------
    EventError, SchemaError
        As `validate`.

    Examples
    --------
    >>> from_rows(("type", "value"), [("SAT_SCORE", 3)]).select("type", "value").rows()
    [('SAT_SCORE', 3.0)]
    """
    return _validated(partial(frame_of_rows, names, rows), datetime.now(timezone.utc)) if rows else empty()


def _validated(make: Callable[[], pl.DataFrame], stamp: datetime) -> pl.DataFrame:
    try:
        loose = make()
    except UnicodeEncodeError as error:
        hint = "it holds half of a character (a lone surrogate): decode what it comes from as UTF-8"
        raise EventError(Problem("a text is none that can be stored", got=ascii(error.object[:60]), next=hint)) from None
    return validate(loose, now=stamp)
