"""The event contract: the columns, dtypes, vocabularies and rules of the one table that everything else reads.

One row is one event. Two doors let data in, and neither loses a row:

- `validate` returns the events on the contract, or raises one `EventError` that lists every problem;
- `filter` returns the good rows and a `FailureReport` that holds the bad ones with the reason for each.

A rule is a polars expression that is true for a good row; a null in it counts as good, so a rule speaks only of what is there.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from aura_analytics import times
from aura_analytics.errors import EventError, ParameterError, Problem, SchemaError, close_match

__all__ = [
    "ACTOR_KINDS",
    "EVENT_TYPES",
    "ROW_RULES",
    "SCHEMA",
    "SEVERITIES",
    "VERDICT_TYPES",
    "FailureReport",
    "Rule",
    "empty",
    "filter",
    "from_records",
    "is_on_contract",
    "sample",
    "validate",
]

CLOCK_TYPES = ("OPENED", "ASSIGNED", "PAUSED", "RESUMED", "RESOLVED")
VERDICT_TYPES = ("DECISION", "OVERRIDE")
EVENT_TYPES = (
    *CLOCK_TYPES,
    *VERDICT_TYPES,
    "SAT_SCORE",
    "EVALUATION",
    "OUTCOME",
    "ADJUDICATION",
    "HR_ACTION",
    "ROUTED",
)
ACTOR_KINDS = ("officer", "agent", "component", "citizen", "system")
SEVERITIES = ("low", "medium", "high", "critical")

SCHEMA = pl.Schema(
    {
        "event_id": pl.String(),
        "ts": pl.Datetime("us", "UTC"),
        "type": pl.Enum(EVENT_TYPES),
        "actor": pl.String(),
        "actor_kind": pl.Enum(ACTOR_KINDS),
        "case_id": pl.String(),
        "queue": pl.String(),
        "value": pl.Float64(),
        "agent": pl.String(),
        "ai_recommendation": pl.String(),
        "human_verdict": pl.String(),
        "confidence": pl.Float64(),
        "outcome": pl.String(),
        "severity": pl.Enum(SEVERITIES),
        "penalties": pl.List(pl.String()),
        "attributes": pl.String(),
    }
)
_VOCABULARIES: dict[str, Sequence[str]] = {"type": EVENT_TYPES, "actor_kind": ACTOR_KINDS, "severity": SEVERITIES}
_REQUIRED = ("ts", "type")
_PASSED_ON = ("__row", "__line")  # the place of a row in its source, carried along by the doors
# What other systems call our columns: only ever used to word a hint, never to guess.
_ALIASES = {
    "timestamp": "ts", "time": "ts", "created_at": "ts", "event_type": "type", "kind": "type", "id": "event_id",
    "case": "case_id", "claim_id": "case_id", "job_id": "case_id", "request_id": "case_id", "officer": "actor", "user": "actor",
    "resource": "actor", "model_name": "actor", "recommendation": "ai_recommendation", "verdict": "human_verdict",
    "score": "value", "stars": "value", "rating": "value",
}  # fmt: skip


@dataclass(frozen=True)
class Rule:
    """A rule of the contract: `ok` is true (or null) for a good row.

    Parameters
    ----------
    name
        Short name, as it stands in a failure report.
    column
        The column whose value is shown as "got".
    ok
        Expression over the contract's columns.
    expected
        What a good row has, in words.
    """

    name: str
    column: str
    ok: pl.Expr
    expected: str


def _of(*types: str) -> pl.Expr:
    return pl.col("type").is_in(list(types))


def _present(column: str) -> pl.Expr:
    return pl.col(column).is_not_null() & (pl.col(column).str.strip_chars() != "")


ROW_RULES: tuple[Rule, ...] = (
    Rule("ts_missing", "ts", pl.col("ts").is_not_null(), "a time (ISO 8601)"),
    Rule(
        "ts_plausible",
        "ts",
        pl.col("ts").is_between(datetime(1970, 1, 2, tzinfo=timezone.utc), datetime(2200, 1, 1, tzinfo=timezone.utc)),
        "a time between 1970 and 2200 (were seconds and milliseconds mixed up?)",
    ),
    Rule("type_missing", "type", pl.col("type").is_not_null(), "one of " + ", ".join(EVENT_TYPES)),
    Rule(
        "actor_missing",
        "actor",
        ~_of("DECISION", "OVERRIDE", "EVALUATION", "ASSIGNED", "HR_ACTION") | _present("actor"),
        "an actor: whose act or whose work it is",
    ),
    Rule(
        "case_missing",
        "case_id",
        ~_of(*CLOCK_TYPES, "OUTCOME", "ADJUDICATION") | _present("case_id"),
        "a case_id: this type of event is about a case",
    ),
    Rule(
        "stars_range",
        "value",
        ~_of("SAT_SCORE") | (pl.col("value").is_not_null() & pl.col("value").is_between(1, 5)),
        "stars from 1 to 5",
    ),
    Rule(
        "score_range",
        "value",
        ~_of("EVALUATION") | (pl.col("value").is_not_null() & pl.col("value").is_between(0, 100)),
        "a score from 0 to 100",
    ),
    Rule("value_finite", "value", _of("SAT_SCORE", "EVALUATION") | pl.col("value").is_finite(), "a finite number"),
    Rule("confidence_range", "confidence", pl.col("confidence").is_between(0, 1), "a confidence from 0 to 1"),
    Rule(
        "outcome_missing",
        "outcome",
        ~_of("OUTCOME", "ADJUDICATION") | _present("outcome"),
        "an outcome: success, failure, partial, cancelled, or what turned out true",
    ),
    Rule(
        "attributes_json",
        "attributes",
        pl.col("attributes").is_null()
        | (
            pl.col("attributes").str.strip_chars().str.starts_with("{")
            & pl.col("attributes").str.json_path_match("$").is_not_null()
        ),
        "a JSON object",
    ),
)
_CAST_RULES = {
    "ts": "an ISO 8601 time that the clock of its zone showed exactly once",
    "type": "one of " + ", ".join(EVENT_TYPES),
    "actor_kind": "one of " + ", ".join(ACTOR_KINDS),
    "severity": "one of " + ", ".join(SEVERITIES),
    "value": "a number",
    "confidence": "a number from 0 to 1",
    "penalties": "a list of texts",
}


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

    def write(self, path: str | Path) -> Path:
        """Save the bad rows with their reasons: `.parquet`, or JSON Lines under any other name."""
        path = Path(path)
        if path.suffix == ".parquet":
            self.bad.write_parquet(path)
        else:
            self.bad.write_ndjson(path)
        return path


def empty() -> pl.DataFrame:
    """A table of no events, on the contract."""
    return SCHEMA.to_frame()


def is_on_contract(frame: pl.LazyFrame | pl.DataFrame) -> bool:
    """Whether the columns and dtypes are exactly the contract's, in any order."""
    schema = frame.collect_schema()
    return len(schema) == len(SCHEMA) and all(schema.get(name) == dtype for name, dtype in SCHEMA.items())


# -- bringing any frame onto the contract -------------------------------------------------------------------------------


def _failed(column: str) -> str:
    return f"__failed_{column}"


def _raw(column: str) -> str:
    return f"__raw_{column}"


def _check_columns(schema: pl.Schema, *, stamp: bool) -> None:
    problems = []
    for name in _REQUIRED:
        if name in schema or (stamp and name == "ts"):
            continue
        alias = next((column for column in schema if _ALIASES.get(column.lower()) == name), None)
        hint = f"rename {alias!r} to {name!r}" if alias else "foreign logs come in through import_log with a mapping"
        problems.append(
            Problem(
                f"column {name!r} is missing",
                got=[c for c in schema if not c.startswith("__")],
                expected=", ".join(SCHEMA),
                next=hint,
            )
        )
    for name, dtype in schema.items():
        if name not in SCHEMA or dtype == SCHEMA[name] or dtype == pl.Null:
            continue
        expected = SCHEMA[name]
        textual = dtype in (pl.String, pl.Categorical) or isinstance(dtype, pl.Enum)
        good = {
            "ts": textual or dtype == pl.Date or isinstance(dtype, pl.Datetime),
            "value": textual or dtype.is_numeric(),
            "confidence": textual or dtype.is_numeric(),
            "penalties": textual or (isinstance(dtype, pl.List) and dtype.inner in (pl.String, pl.Null)),
            "attributes": textual or isinstance(dtype, pl.Struct),
        }.get(name, textual or (dtype.is_integer() and name not in _VOCABULARIES))
        if not good:
            advice = "write times as ISO 8601 text" if name == "ts" else None
            problems.append(Problem(f"column {name!r} has the wrong type", got=str(dtype), expected=str(expected), next=advice))
    if problems:
        raise SchemaError("these are not events", problems=problems)


def _cast(name: str, dtype: pl.DataType, zone: str, ambiguous: times.Ambiguous) -> pl.Expr:
    column, target = pl.col(name), SCHEMA[name]
    textual = dtype == pl.String or dtype == pl.Categorical or isinstance(dtype, pl.Enum)
    if dtype == target:
        return column
    if name == "ts":
        return times.to_utc(column, dtype, zone, ambiguous)
    if name in _VOCABULARIES and textual:
        text = column.cast(pl.String).str.strip_chars()
        return (text.str.to_uppercase() if name == "type" else text.str.to_lowercase()).cast(target, strict=False)
    if name == "penalties" and textual:
        return column.cast(pl.String).map_elements(_json_list, return_dtype=target)
    if name == "penalties" and dtype == pl.List(pl.Null):
        return column.cast(target)
    if name == "attributes" and isinstance(dtype, pl.Struct):
        return column.map_elements(_dump, return_dtype=pl.String)
    if textual and target == pl.Float64:
        return column.cast(pl.String).str.strip_chars().cast(target, strict=False)
    return column.cast(target, strict=False)


def _json_list(text: str) -> list[str] | None:
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, list) and all(isinstance(item, str) for item in value) else None


def _dump(value: Mapping[str, Any]) -> str | None:
    """JSON of a row's extra fields: nulls left out (absent and null are one thing), None when nothing is left."""
    kept = {key: item for key, item in value.items() if item is not None and item == item}  # NaN is how some frames write gaps
    return json.dumps(kept, ensure_ascii=False, sort_keys=True, default=str) if kept else None


def _fold_unknown(frame: pl.LazyFrame, schema: pl.Schema, unknown: list[str]) -> pl.LazyFrame:
    """Put the columns that the contract does not know into `attributes`, beside what is there already."""
    has_attributes = "attributes" in schema and schema["attributes"] != pl.Null

    def fold(row: Mapping[str, Any]) -> str | None:
        return attributes_text(row.get("attributes"), {name: row[name] for name in unknown})

    columns = [*unknown, *(["attributes"] if has_attributes else [])]
    folded = pl.struct(columns).map_elements(fold, return_dtype=pl.String, skip_nulls=False).alias("attributes")
    return frame.with_columns(folded).drop(unknown)


def conform(
    frame: pl.LazyFrame | pl.DataFrame,
    *,
    zone: str = "UTC",
    ambiguous: times.Ambiguous = "reject",
    now: datetime | None = None,
    keep_raw: bool = False,
) -> pl.LazyFrame:
    """Bring a frame onto the contract's columns, with one `__failed_<column>` flag per column that had to be cast.

    Unknown columns go to `attributes`. `now`, when given, stamps events without a time. Event ids are not made here: they
    depend on the whole table (`assign_ids`).
    """
    lazy = frame.lazy()
    schema = lazy.collect_schema()
    _check_columns(schema, stamp=now is not None)
    unknown = [name for name in schema if name not in SCHEMA and name not in _PASSED_ON]
    if unknown:
        lazy = _fold_unknown(lazy, schema, unknown)
        schema = pl.Schema({**{n: t for n, t in schema.items() if n not in unknown}, "attributes": pl.String()})
    columns, flags = [], []
    for name, target in SCHEMA.items():
        if name not in schema or schema[name] == pl.Null:
            columns.append(pl.lit(now if name == "ts" and now is not None else None, dtype=target).alias(name))
            continue
        cast = _cast(name, schema[name], zone, ambiguous)
        if schema[name] != target and name in _CAST_RULES:
            flags.append((cast.is_null() & pl.col(name).is_not_null()).alias(_failed(name)))
            if keep_raw:
                raw = pl.lit(None, dtype=pl.String) if isinstance(schema[name], pl.List) else pl.col(name).cast(pl.String)
                flags.append(raw.alias(_raw(name)))
        columns.append((cast.fill_null(now) if name == "ts" and now is not None else cast).alias(name))
    return lazy.select(*columns, *flags, *(pl.col(name) for name in schema if name in _PASSED_ON))


def assign_ids(frame: pl.DataFrame, seen: Counter[str] | None = None) -> pl.DataFrame:
    """Give events without an id one made of their content, so that reading the same log twice gives the same ids.

    Two identical events without ids are two events: the second gets another id than the first. `seen` carries the count from
    batch to batch of one source.
    """
    missing = frame["event_id"].is_null()
    if not missing.any():
        return frame
    seen = Counter() if seen is None else seen
    content = frame.filter(missing).select(pl.col("ts").dt.epoch("us"), pl.exclude("event_id", "ts", "^__.*$"))
    made = []
    for row in content.iter_rows():
        digest = hashlib.blake2b(repr(row).encode(), digest_size=14).hexdigest()
        seen[digest] += 1
        made.append(f"c-{digest}" if seen[digest] == 1 else f"c-{digest}-{seen[digest]}")
    ids = frame["event_id"].to_list()
    fresh = iter(made)
    return frame.with_columns(pl.Series("event_id", [next(fresh) if one is None else one for one in ids], dtype=pl.String))


# -- the rules ----------------------------------------------------------------------------------------------------------


def _reason(rule: str, got: pl.Expr, expected: str) -> pl.Expr:
    shown = pl.when(got.is_null()).then(pl.lit("nothing")).otherwise(got.cast(pl.String).str.slice(0, 80))
    return pl.concat_str(pl.lit(f"{rule}: got "), shown, pl.lit(f", expected {expected}"))


def row_reasons(columns: Sequence[str]) -> pl.Expr:
    """Expression: the list of reasons why a row of a conformed frame is bad; empty for a good row."""
    reasons = []
    for name, expected in _CAST_RULES.items():
        if _failed(name) not in columns:
            continue
        got = pl.col(_raw(name)) if _raw(name) in columns else pl.lit(None, dtype=pl.String)
        text = _reason(f"{name}_unreadable", got, expected)
        if name in _VOCABULARIES:
            hint = got.map_elements(partial(close_match, known=_VOCABULARIES[name]), return_dtype=pl.String)
            text = pl.concat_str(text, pl.when(hint.is_null()).then(pl.lit("")).otherwise(pl.lit("; ") + hint))
        reasons.append(pl.when(pl.col(_failed(name))).then(text))
    for rule in ROW_RULES:
        broken = ~rule.ok.fill_null(value=True)
        if _failed(rule.column) in columns:  # one reason is enough: what could not be read is also missing
            broken &= ~pl.col(_failed(rule.column))
        reasons.append(pl.when(broken).then(_reason(rule.name, pl.col(rule.column), rule.expected)))
    return pl.concat_list([reason.cast(pl.String) for reason in reasons]).list.drop_nulls()


def row_is_bad(columns: Sequence[str]) -> pl.Expr:
    """Expression: whether a row of a conformed frame breaks any rule (cheap; `row_reasons` says why)."""
    flags = [pl.col(_failed(name)) for name in _CAST_RULES if _failed(name) in columns]
    return pl.any_horizontal(*flags, *(~rule.ok.fill_null(value=True) for rule in ROW_RULES))


def _content() -> pl.Expr:
    return pl.struct([pl.col(name).cast(pl.String) if name == "ts" else pl.col(name) for name in SCHEMA if name != "event_id"])


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
    why = pl.format("id_conflict: got event_id {} on {} rows with {} different contents, expected one event per id",
                    "event_id", "rows", "n")  # fmt: skip
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
EVALUATION, OUTCOME, ADJUDICATION, HR_ACTION, ROUTED; did you mean 'OVERRIDE'?
    """
    times.check_zone(zone)
    times.check_ambiguous(ambiguous)
    source = frame.lazy().collect().with_row_index("__row")
    table = conform(source, zone=zone, ambiguous=ambiguous, now=now, keep_raw=True).collect()
    table = assign_ids(table)
    bad = table.filter(row_is_bad(table.columns))
    reasons = bad.select("__row", __why=row_reasons(bad.columns)).explode("__why")
    reasons = pl.concat([reasons, _id_reasons(table), _time_travel(table)])
    good = table
    if not reasons.is_empty():
        good = good.join(reasons.select("__row").unique(), on="__row", how="anti", maintain_order="left")
    kept = good.unique("event_id", keep="first", maintain_order=True)
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
    return validate(frame_of_records(records), now=stamp) if records else empty()


def frame_of_records(records: Sequence[Mapping[str, Any]]) -> pl.DataFrame:
    """Loose records as a frame of text columns on the contract's names; what the contract does not know goes to attributes.

    Everything is carried as text (lists and numbers in JSON form) and read by `conform`, so that one value of a wrong type
    spoils its own row, not its column.
    """
    columns: dict[str, list[Any]] = {name: [] for name in SCHEMA}
    for record in records:
        unknown = {key: value for key, value in record.items() if key not in SCHEMA}
        for name, values in columns.items():
            if name == "attributes":
                values.append(attributes_text(record.get(name), unknown))
            elif name == "penalties":
                value = record.get(name)
                values.append(value if value is None or isinstance(value, str) else json.dumps(value, default=str))
            else:
                values.append(_scalar_text(record.get(name)))
    return pl.DataFrame({n: pl.Series(n, v, dtype=pl.String) for n, v in columns.items()})


def attributes_text(own: object, unknown: Mapping[str, Any]) -> str | None:
    """The `attributes` of a record: what it calls so itself, and the fields that the contract does not know."""
    if isinstance(own, str):
        if not unknown:
            return own
        try:
            own = json.loads(own)
        except ValueError:
            return str(own)  # the attributes_json rule refuses the row; nothing is lost
        if not isinstance(own, Mapping):
            return json.dumps(own)
    if own is None:
        return _dump(unknown)
    if not isinstance(own, Mapping):
        return json.dumps(own, default=str) if not unknown else _dump({"attributes": own, **unknown})
    # a field that both hold keeps both values
    kept = {
        (f"attributes.{key}" if unknown.get(key) is not None and unknown[key] != item else key): item for key, item in own.items()
    }
    return _dump({**kept, **unknown})


def _scalar_text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, (bool, Mapping, list, tuple)):
        return json.dumps(value, default=str)
    enum_value = getattr(value, "value", None)
    return enum_value if isinstance(enum_value, str) else str(value)


def sample(n: int = 200, *, seed: int = 0) -> pl.DataFrame:
    """A valid table of about `n` events of every type, for tests and for trying things out.

    Examples
    --------
    >>> from aura_analytics import events
    >>> table = events.sample(50, seed=1)
    >>> events.validate(table).height == table.height
    True
    """
    import numpy as np

    rng = np.random.default_rng(seed)
    start = datetime(2026, 1, 1, tzinfo=timezone.utc).timestamp()
    officers, agents = ["officer_anne", "officer_bob", "officer_cleo"], ["gpt-4.1", "claims-model"]
    records: list[dict[str, Any]] = []
    case = 0
    while len(records) < n:
        case += 1
        moments = np.sort(start + rng.uniform(0, 120 * 86_400, 1) + np.cumsum(rng.exponential(20_000, 9)))
        ts = [datetime.fromtimestamp(moment, timezone.utc) for moment in moments.tolist()]
        officer, agent = str(rng.choice(officers)), str(rng.choice(agents))
        override = bool(rng.random() < 0.3)
        common = {"case_id": f"CASE_{case}", "queue": str(rng.choice(["loan", "grant"]))}
        who = {"actor": officer, "actor_kind": "officer"}
        says = "APPROVE" if rng.random() < 0.6 else "REJECT"
        other = "REJECT" if says == "APPROVE" else "APPROVE"
        confidence = round(float(rng.random()), 3)
        score = round(float(rng.uniform(0, 100)), 2)
        steps: list[dict[str, Any]] = [
            {"type": "OPENED", "actor": "portal", "actor_kind": "system"},
            {"type": "ROUTED", "actor": agent, "actor_kind": "agent"},
            {"type": "EVALUATION", "actor": agent, "actor_kind": "agent", "value": score, "confidence": confidence,
             "severity": "low", "penalties": ["too_short"] if score < 50 else []},
            {"type": "ASSIGNED", **who},
            {"type": "PAUSED", **who} if rng.random() < 0.2 else {},
            {"type": "RESUMED", **who},
            {"type": "OVERRIDE" if override else "DECISION", **who, "agent": agent, "ai_recommendation": says,
             "human_verdict": other if override else says, "confidence": confidence},
            {"type": "RESOLVED", **who} if rng.random() < 0.8 else {},
            {"type": "SAT_SCORE", "value": float(rng.integers(1, 6))} if rng.random() < 0.4 else {},
        ]  # fmt: skip
        if not steps[4]:
            steps[5] = {}
        records += [{"ts": at, **common, **step} for at, step in zip(ts, steps, strict=True) if step]
        after = {"ts": ts[-1], **common}
        if rng.random() < 0.3:
            truth = "success" if rng.random() < 0.7 else "failure"
            records.append({"type": "OUTCOME", "actor": agent, "actor_kind": "agent", "outcome": truth, **after})
            records.append({"type": "ADJUDICATION", "outcome": says, **after})
        if rng.random() < 0.1:
            records.append({"type": "HR_ACTION", "actor": agent, "actor_kind": "agent", "value": -1.0, **after})
    return validate(frame_of_records(records))
