"""Import of a foreign log through a mapping."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from aura_analytics import events
from aura_analytics.clock import times
from aura_analytics.errors import MappingError, Problem, close_match
from aura_analytics.events import FailureReport
from aura_analytics.io.import_report import ImportReport
from aura_analytics.io.log_table import log_table
from aura_analytics.io.mapping import Act, LogMapping, Matching

__all__ = ["import_log", "import_log_report"]


def _check_columns(log: pl.DataFrame, mapping: LogMapping, where: str) -> None:
    named = {f"columns.{key}": name for key, name in mapping.columns.model_dump().items() if name is not None}
    named |= {f"keep.{name}": name for name in mapping.keep} | {
        f"ratings.{i}.value": r.value for i, r in enumerate(mapping.ratings)
    }
    problems = [
        Problem(
            f"{key} names a column that the log does not have",
            got=name,
            expected=", ".join(log.columns),
            where=where,
            next=close_match(name, log.columns),
        )
        for key, name in named.items()
        if name not in log.columns
    ]
    if problems:
        raise MappingError(f"mapping {mapping.name!r} does not fit the log", problems=problems)


def _check_matches(log: pl.DataFrame, mapping: LogMapping, where: str) -> None:
    """An activity that never occurs is a slip when it is near one that does, and an error when nothing occurs at all."""
    present = set(log["__activity"].drop_nulls().unique().to_list())
    named = mapping.activities
    if not present.intersection(named):
        problems = [
            Problem("activity never occurs in the log", got=name, where=where, next=close_match(name, sorted(present)))
            for name in named
        ]
        seen = ", ".join(sorted(present)[:20]) or "none"
        raise MappingError(f"mapping {mapping.name!r} matches nothing in the log (activities there: {seen})", problems=problems)


def _matches(rule: Matching) -> pl.Expr:
    matched = pl.col("__activity").is_in(rule.activities)
    if rule.actor is not None:
        actors = [rule.actor] if isinstance(rule.actor, str) else rule.actor
        matched &= pl.col("actor").is_in(actors).fill_null(value=False)
    if rule.not_actor is not None:
        actors = [rule.not_actor] if isinstance(rule.not_actor, str) else rule.not_actor
        matched &= ~pl.col("actor").is_in(actors).fill_null(value=False)
    return matched


def _word(acts: list[Act]) -> pl.Expr:
    """The word of the first act that a row matches, null when it matches none."""
    return pl.coalesce(*(pl.when(_matches(act)).then(pl.lit(act.says)) for act in acts), pl.lit(None, dtype=pl.String))


def _time(mapping: LogMapping, dtype: pl.DataType) -> pl.Expr:
    column, how = pl.col(mapping.columns.time), mapping.time
    if how.format == "iso" or isinstance(dtype, (pl.Datetime, pl.Date)):
        return times.to_utc(column, dtype, how.zone, how.ambiguous)
    if how.format in ("epoch_seconds", "epoch_milliseconds"):
        factor = 1_000_000 if how.format == "epoch_seconds" else 1_000
        number = column.cast(pl.String).cast(pl.Float64, strict=False)
        return (number * factor).round().cast(pl.Int64, strict=False).cast(pl.Datetime("us", "UTC"))
    if "%z" in how.format or "%Z" in how.format:
        return column.cast(pl.String).str.to_datetime(how.format, time_unit="us", strict=False).dt.convert_time_zone("UTC")
    naive = column.cast(pl.String).str.to_datetime(how.format, time_unit="us", strict=False)
    return times.to_utc(naive, pl.Datetime("us"), how.zone, how.ambiguous)


def _base(log: pl.DataFrame, mapping: LogMapping) -> pl.DataFrame:
    columns = mapping.columns

    def optional(name: str | None, dtype: type[pl.DataType] = pl.String) -> pl.Expr:
        return pl.lit(None, dtype=dtype) if name is None else pl.col(name).cast(dtype, strict=False)

    used = {name for name in columns.model_dump().values() if name is not None}
    extra = [name for name in log.columns if name not in used and not name.startswith("__")]
    actor = optional(columns.actor)
    kind = (
        actor.replace_strict(mapping.actor_kinds, default=mapping.default_kind)
        if mapping.actor_kinds
        else (pl.lit(mapping.default_kind))
    )
    return log.select(
        __row="__row",
        __activity="__activity",
        __raw_ts=pl.col(columns.time).cast(pl.String),
        event_id=optional(columns.event_id),
        ts=_time(mapping, log.schema[columns.time]),
        case_id=pl.col(columns.case).cast(pl.String),
        actor=actor,
        actor_kind=pl.when(actor.is_not_null()).then(kind),
        queue=optional(columns.queue),
        confidence=optional(columns.confidence, pl.Float64),
        __extra=pl.struct(*(pl.col(name) for name in extra), pl.col("__activity").alias("activity")),
        **{f"__stars_{i}": pl.col(rating.value).cast(pl.Float64, strict=False) for i, rating in enumerate(mapping.ratings)},
    )


def _verdicts(base: pl.DataFrame, mapping: LogMapping) -> tuple[pl.DataFrame, int, int]:
    """DECISION and OVERRIDE rows; recommendations left undecided; verdicts without a recommendation."""
    empty = base.head(0).with_columns(type=pl.lit(None, dtype=pl.String))
    if not mapping.verdicts:
        return empty, 0, 0
    advice = base.with_columns(says=_word(mapping.recommendations)).filter(
        pl.col("says").is_not_null() & pl.col("case_id").is_not_null() & pl.col("ts").is_not_null()
    )
    verdicts = base.with_columns(human_verdict=_word(mapping.verdicts)).filter(pl.col("human_verdict").is_not_null())
    given = advice.select(
        "case_id",
        "ts",
        pl.col("actor").alias("agent"),
        pl.col("says").alias("ai_recommendation"),
        pl.col("confidence").alias("__confidence"),
        pl.col("__row").alias("__advice_row"),
    )
    order = ["ts", "__advice_row"]
    joined = (
        verdicts.sort("ts", "__row")
        .join_asof(given.sort(order), on="ts", by="case_id", strategy="backward", check_sortedness=False)
        .with_columns(confidence=pl.col("__confidence"))
    )
    answered = joined.filter(pl.col("ai_recommendation").is_not_null())
    agree = pl.col("ai_recommendation") == pl.col("human_verdict")
    decided = answered.with_columns(type=pl.when(agree).then(pl.lit("DECISION")).otherwise(pl.lit("OVERRIDE")))
    undecided = advice.height - decided["__advice_row"].n_unique()
    return decided.drop("__confidence", "__advice_row"), undecided, joined.height - answered.height


def import_log(
    path: str | Path | Sequence[str | Path],
    mapping: LogMapping | str | Path,
    *,
    quarantine: str | Path | None = None,
) -> pl.DataFrame:
    r"""Read a foreign log as events: `import_log_report` without the report.

    Parameters
    ----------
    path, mapping
        As in `import_log_report`.
    quarantine
        File that takes the rows that break the contract, with reasons. Without it such rows raise.

    Returns
    -------
    polars.DataFrame
        Events on the contract, sorted by time.

    Raises
    ------
    EventError
        If rows break the contract and there is no `quarantine`.
    MappingError, FileMissingError, FileFormatError
        As `import_log_report`.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import aura_analytics as aura
    >>> log = pathlib.Path(tempfile.mkdtemp()) / "claims.csv"
    >>> _ = log.write_text("claim,step,at,who\nC1,suggest-pay,2026-01-05 09:00,bot\nC1,refuse,2026-01-05 11:00,anne\n")
    >>> mapping = aura.LogMapping.model_validate({
    ...     "name": "claims", "columns": {"case": "claim", "activity": "step", "time": "at", "actor": "who"},
    ...     "recommendations": [{"activity": "suggest-pay", "says": "PAY"}],
    ...     "verdicts": [{"activity": "refuse", "says": "REFUSE"}]})
    >>> aura.import_log(log, mapping).select("type", "actor", "agent", "ai_recommendation", "human_verdict").row(0)
    ('OVERRIDE', 'anne', 'bot', 'PAY', 'REFUSE')
    """
    table, report = import_log_report(path, mapping)
    report.set_aside(path, quarantine)
    return table


def import_log_report(
    path: str | Path | Sequence[str | Path],
    mapping: LogMapping | str | Path,
) -> tuple[pl.DataFrame, ImportReport]:
    r"""Read a foreign log as events, with an account of every row.

    Parameters
    ----------
    path
        The log: a file (Parquet, CSV, JSON Lines, XES or gzipped XES), a folder or a glob of such files, or a list of these;
        several files are one log.
    mapping
        A `LogMapping` or the path of its YAML file.

    Returns
    -------
    tuple
        `(events, report)`: events on the contract, sorted by time, and the `ImportReport` that accounts for every row. A verdict
        is compared with the last recommendation on its case at or before its time: DECISION when the words agree, OVERRIDE when
        they differ. A verdict without a recommendation only resolves the case. Columns that the mapping does not name go to
        `attributes`.

    Raises
    ------
    MappingError
        If the mapping is wrong, names columns that the log lacks, or matches none of its activities.
    FileMissingError, FileFormatError
        If the log is not there or cannot be read.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import aura_analytics as aura
    >>> log = pathlib.Path(tempfile.mkdtemp()) / "claims.csv"
    >>> _ = log.write_text("claim,step,at\nC1,filed,2026-01-05 09:00\nC1,phone call,2026-01-05 10:00\nC1,closed,2026-01-06 09:00\n")
    >>> mapping = aura.LogMapping.model_validate({
    ...     "name": "claims", "columns": {"case": "claim", "activity": "step", "time": "at"},
    ...     "open": ["filed"], "resolve": ["closed"]})
    >>> events, report = import_log_report(log, mapping)
    >>> report.rows, report.events, report.unused
    (3, 2, {'phone call': 1})
    """
    chosen = mapping if isinstance(mapping, LogMapping) else LogMapping.from_yaml(mapping)
    log, unreadable = log_table(path)
    if log.height == 0 and not log.columns:
        return events.empty(), ImportReport(0, 0, {}, {}, 0, 0, FailureReport(pl.DataFrame()), unreadable)
    _check_columns(log, chosen, str(path))
    log = log.with_row_index("__row").with_columns(__activity=pl.col(chosen.columns.activity).cast(pl.String))
    _check_matches(log, chosen, str(path))
    kept = log
    for column, values in chosen.keep.items():
        kept = kept.filter(pl.col(column).cast(pl.String).is_in([values] if isinstance(values, str) else values))
    base = _base(kept, chosen)
    decided, undecided, unanswered = _verdicts(base, chosen)
    parts = [base.filter(pl.col("__activity").is_in(names)).with_columns(type=pl.lit(kind)) for kind, names in chosen.clock.items()]
    parts.append(decided)
    for i, rating in enumerate(chosen.ratings):
        stars = base.filter(_matches(rating)).with_columns(value=pl.col(f"__stars_{i}"), type=pl.lit("SAT_SCORE"))
        parts.append(stars)
    parts += [
        base.filter(_matches(word)).with_columns(type=pl.lit("OUTCOME"), outcome=pl.lit(word.outcome)) for word in chosen.outcomes
    ]
    table = pl.concat(parts, how="diagonal").with_columns(__order=pl.int_range(pl.len()))
    table = _named_ids(table, chosen).sort("ts", "__row", "__order")
    used = set(table["__row"].to_list())
    advised = base.filter(_word(chosen.recommendations).is_not_null()) if chosen.recommendations else base.head(0)
    unanswered_rows = base.filter(_word(chosen.verdicts).is_not_null()) if chosen.verdicts else base.head(0)
    used |= set(advised["__row"].to_list()) | set(unanswered_rows["__row"].to_list())
    rest = log.filter(~pl.col("__row").is_in(list(used)))["__activity"].value_counts(sort=True, name="n")
    good, refused = _through_the_door(table)
    counts = good["type"].value_counts().sort("type")
    return good, ImportReport(
        rows=log.height,
        events=good.height,
        by_type={str(kind): int(n) for kind, n in counts.iter_rows()},
        unused={str(name): int(n) for name, n in rest.iter_rows()},
        undecided=undecided,
        unanswered=unanswered,
        refused=refused,
        unreadable=unreadable,
    )


def _named_ids(table: pl.DataFrame, mapping: LogMapping) -> pl.DataFrame:
    """The log's own ids, made unique where one row gives several events."""
    if mapping.columns.event_id is None:
        return table
    several = pl.len().over("__row") > 1
    own = pl.when(several).then(pl.concat_str("event_id", pl.lit(":"), "type")).otherwise(pl.col("event_id"))
    return table.with_columns(event_id=own)


def _through_the_door(table: pl.DataFrame) -> tuple[pl.DataFrame, FailureReport]:
    loose = table.with_columns(
        # a time that cannot be read goes to the door as it was written, so that the report shows it
        ts=pl.coalesce(pl.col("ts").dt.strftime("%Y-%m-%dT%H:%M:%S%.6fZ"), pl.col("__raw_ts")),
        attributes=pl.col("__extra"),
    ).select(pl.col("^[^_].*$"))
    # text that ISO reading would accept must not slip through after the mapping's own format refused it
    refused_time = table["ts"].is_null() & table["__raw_ts"].is_not_null()
    shown = pl.when(refused_time).then(pl.concat_str(pl.lit("«"), "ts", pl.lit("»"))).otherwise(pl.col("ts"))
    return events.filter(loose.with_columns(ts=shown).drop("activity", strict=False))
