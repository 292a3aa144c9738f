"""The rows of a log under our own names, with everything that rules ask of them."""

from __future__ import annotations

import fnmatch
import json
from unicodedata import normalize

import polars as pl

from aura_analytics.clock import times
from aura_analytics.io.json_text import json_text
from aura_analytics.io.mapping import LogMapping
from aura_analytics.io.mapping_parts import Source
from aura_analytics.io.rows.matching import is_pattern, named
from aura_analytics.io.rows.sources import columns_of, names, text, text_of

__all__ = ["attributes", "conditions", "kind_of", "moment", "rows_of"]

_PER_SECOND = {"epoch_seconds": 1_000_000, "epoch_milliseconds": 1_000, "epoch_microseconds": 1}


def moment(log: pl.DataFrame, source: Source | None, mapping: LogMapping) -> tuple[pl.Expr, pl.Expr]:
    """A time in UTC, null where it cannot be read; and the text it was read from, null where nothing is there."""
    how = mapping.time
    if source is None:
        return pl.lit(None, dtype=times.UTC), pl.lit(None, dtype=pl.String)
    only = columns_of(source)
    raw = text_of(log, source)
    if how.never:
        raw = pl.when(~raw.is_in(how.never)).then(raw)
    value: pl.Expr = raw
    dtype: pl.DataType = pl.String()
    if len(only) == 1 and only[0] in log.columns and log.schema[only[0]].is_temporal():
        value, dtype = pl.when(raw.is_not_null()).then(pl.col(only[0])), log.schema[only[0]]
    if how.format == "iso" or isinstance(dtype, (pl.Datetime, pl.Date)):
        return times.to_utc(value, dtype, how.zone, how.ambiguous), raw
    if how.format == "epoch_nanoseconds":
        return (raw.cast(pl.Int64, strict=False) // 1_000).cast(times.UTC), raw
    if how.format in _PER_SECOND:
        count = raw.cast(pl.Float64, strict=False) * _PER_SECOND[how.format]
        return count.round().cast(pl.Int64, strict=False).cast(times.UTC), raw
    form = how.format.replace(".%f", "%.f")  # Python's way to say a fraction
    if "%z" in form or "%:z" in form:
        return raw.str.to_datetime(form, time_unit="us", strict=False).dt.convert_time_zone("UTC"), raw
    naive = raw.str.to_datetime(form, time_unit="us", strict=False)
    if not any(sign in form for sign in ("%H", "%k", "%I", "%l", "%T", "%R")):
        naive = raw.str.to_date(form, strict=False).cast(pl.Datetime("us"))
    return times.to_utc(naive, pl.Datetime("us"), how.zone, how.ambiguous), raw


def kind_of(actor: pl.Expr, said: pl.Expr, mapping: LogMapping, actors: list[str]) -> pl.Expr:
    """The kind of an actor: by its name, by a pattern of names, by what its row says, else the default."""
    exact = {normalize("NFC", name): kind for name, kind in mapping.actor_kinds.items()}  # a name may look like a pattern
    for pattern, kind in mapping.actor_kinds.items():
        if is_pattern(pattern):
            exact |= {name: kind for name in fnmatch.filter(actors, normalize("NFC", pattern)) if name not in exact}
    by_name = actor.replace_strict(exact, default=None, return_dtype=pl.String) if exact else pl.lit(None, dtype=pl.String)
    ours = said.replace(mapping.kinds) if mapping.kinds else said.str.to_lowercase()
    return pl.when(actor.is_not_null()).then(pl.coalesce(by_name, ours, pl.lit(mapping.default_kind)))


def attributes(log: pl.DataFrame, mapping: LogMapping, nested: frozenset[str]) -> pl.Expr:
    """What no other column holds, as the inside of one JSON object; the activity among it. A name that is taken keeps its own
    column's value. `nested` are text columns that hold JSON.
    """
    sources = [source for key, source in mapping.sources() if key.startswith(("columns.", "pairs."))]
    sources += [milestone.column for milestone in mapping.milestones.values()]
    used = {name for name in names(sources) if name in log.columns}
    rest = {name: pl.col(name) if name in nested else json_text(log, name) for name in log.columns if name not in used}
    activity = columns_of(mapping.columns.activity)
    if activity:
        free = "activity" if "activity" not in rest else activity[0]
        rest[free] = _quoted(log, text_of(log, mapping.columns.activity))
    parts = [pl.lit(_key(name)) + rest[name] for name in sorted(rest)]
    if not parts:
        return pl.lit(None, dtype=pl.String)
    return pl.concat_str(parts, separator=", ", ignore_nulls=True)


def _quoted(log: pl.DataFrame, value: pl.Expr) -> pl.Expr:
    """A text as JSON."""
    words = log.select(x=value)["x"].drop_nulls().unique().to_list()
    return value.replace_strict(
        words, [json.dumps(word, ensure_ascii=False) for word in words], default=None, return_dtype=pl.String
    )


def _key(name: str) -> str:
    return json.dumps(name, ensure_ascii=False) + ": "


def conditions(log: pl.DataFrame, mapping: LogMapping) -> dict[str, pl.Expr]:
    """The columns that rules ask for values, under names of their own."""
    asked = {name for _, rule in mapping.rules() for name in rule.where}
    return {f"where {name}": text(log, name).str.strip_chars() for name in sorted(asked)}


def rows_of(log: pl.DataFrame, mapping: LogMapping, nested: frozenset[str] = frozenset()) -> pl.DataFrame:
    """One row per row of the log: `row` (its place), `activity`, `ts` and `raw_ts`, `case_id`, `actor`, `actor_kind`, `queue`,
    `confidence` (text), `own_id`, `owner`, `attributes`, `identity` (of `id_from`), and the columns of conditions.
    """
    columns = mapping.columns
    ts, raw_ts = moment(log, columns.time, mapping)
    first = log.select(
        activity=text_of(log, columns.activity),
        ts=ts,
        raw_ts=raw_ts,
        case_id=text_of(log, columns.case),
        actor=named(log, columns.actor, mapping),
        said_kind=text_of(log, columns.actor_kind),
        queue=text_of(log, columns.queue),
        own_id=text_of(log, columns.event_id),
        owner=named(log, columns.owner, mapping),
        attributes=attributes(log, mapping, nested),
        identity=pl.concat_str([text_of(log, name) for name in mapping.id_from], separator="\x1f", ignore_nulls=False)
        if mapping.id_from
        else pl.lit(None, dtype=pl.String),
        **conditions(log, mapping),
    )
    if first.height != log.height:  # everything is a constant
        first = pl.concat([first] * log.height) if log.height else first.clear()
    actors = first["actor"].drop_nulls().unique().to_list() if any(map(is_pattern, mapping.actor_kinds)) else []
    kind = kind_of(pl.col("actor"), pl.col("said_kind"), mapping, actors)
    owners = first["owner"].drop_nulls().unique().to_list() if any(map(is_pattern, mapping.actor_kinds)) else []
    owner_kind = kind_of(pl.col("owner"), pl.lit(None, dtype=pl.String), mapping, owners)
    inside = pl.col("attributes")
    said = pl.when(inside != "").then(pl.concat_str(pl.lit("{"), inside, pl.lit("}")))  # by itself: within, it is made twice
    return first.with_row_index("row").with_columns(actor_kind=kind, owner_kind=owner_kind, attributes=said)
