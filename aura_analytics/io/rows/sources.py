"""Where a value of a row comes from: a column, a path into nested data, several columns, or a constant."""

from __future__ import annotations

import json
from collections.abc import Iterable

import polars as pl

from aura_analytics.io.mapping_parts import Given, Source

__all__ = ["column", "columns_of", "number", "text", "text_of"]


def columns_of(source: Source | None) -> list[str]:
    """The names that a source takes its value from."""
    given = source.column if isinstance(source, Given) else source
    return [] if given is None else [given] if isinstance(given, str) else list(given)


def column(log: pl.DataFrame, name: str) -> tuple[str, pl.Expr] | None:
    """The column that a name means, and its value; None when the log has no such column.

    A column of just that name is meant first; else a path: what stands before a dot is a column with nested data.
    """
    if name in log.columns:
        return name, pl.col(name)
    for at in (place for place in reversed(range(len(name))) if name[place] == "."):
        head, rest = name[:at], name[at + 1 :]
        if head not in log.columns or not rest:
            continue
        keys = rest.split(".")
        dtype: pl.DataType = log.schema[head]
        value = pl.col(head)
        while keys and isinstance(dtype, pl.Struct):
            fields = {field.name: field.dtype for field in dtype.fields}
            if keys[0] not in fields:
                break
            value, dtype = value.struct.field(keys[0]), pl.DataFrame(schema={"x": fields[keys.pop(0)]}).schema["x"]
        if not keys:
            return head, value
        if dtype == pl.String:
            path = "$" + "".join(f"[{json.dumps(key)}]" if not key.isdigit() else f"[{key}]" for key in keys)
            return head, value.str.json_path_match(path)
    return None


def _plain(value: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    if dtype.is_nested():
        encoded = pl.struct(value.alias("x")).struct.json_encode()
        return pl.when(value.is_not_null()).then(encoded.str.slice(5).str.head(-1))
    if dtype == pl.Binary:
        return value.bin.encode("base64")
    if dtype.is_float():  # a whole number is one, whatever type its column got: 7, not 7.0
        whole = (value == value.round(0)) & (value.abs() < 1e15)
        return pl.when(whole).then(value.cast(pl.Int64, strict=False).cast(pl.String)).otherwise(value.cast(pl.String))
    return value.cast(pl.String)


def text(log: pl.DataFrame, name: str) -> pl.Expr:
    """A column, or what a path leads to, as text; JSON where it is nested. The log must have it."""
    found = column(log, name)
    assert found is not None, name
    value = found[1]
    return _plain(value, log.lazy().select(x=value).collect_schema()["x"])


def text_of(log: pl.DataFrame, source: Source | None) -> pl.Expr:
    """The text of a source: stripped, null where it is empty; several columns joined by "/", null where one of them is."""
    if source is None:
        return pl.lit(None, dtype=pl.String)
    if isinstance(source, Given) and source.constant is not None:
        said = source.constant
        return pl.lit(str(said).lower() if isinstance(said, bool) else str(said), dtype=pl.String)
    parts = [_stripped(text(log, name)) for name in columns_of(source)]
    if len(parts) == 1:
        return parts[0]
    return pl.concat_str([part.str.replace_all("/", "%2F", literal=True) for part in parts], separator="/")


def _stripped(value: pl.Expr) -> pl.Expr:
    bare = value.str.strip_chars()
    return pl.when(bare != "").then(bare)


def number(log: pl.DataFrame, source: Source | None, decimal: str, onto: tuple[float, float]) -> tuple[pl.Expr, pl.Expr]:
    """A source as a number, and as the text it was read from.

    With a `scale`, its lowest and highest values become those of `onto`; a per cent sign is read only with a scale up to 100, and
    `true` and `false` only with one from 0 to 1.
    """
    raw = text_of(log, source)
    if source is None:
        return pl.lit(None, dtype=pl.Float64), raw
    scale = source.scale if isinstance(source, Given) else None
    bare = raw
    if decimal == ",":
        plain = ~bare.str.contains(".", literal=True)  # which of the two would it be?
        bare = pl.when(plain).then(bare.str.replace(",", ".", literal=True))
    if scale is not None and scale[1] == 100:
        bare = bare.str.strip_suffix("%").str.strip_chars_end()
    if scale == (0, 1):
        lowered = bare.str.to_lowercase()
        bare = pl.when(lowered == "true").then(pl.lit("1")).when(lowered == "false").then(pl.lit("0")).otherwise(bare)
    value = bare.cast(pl.Float64, strict=False)
    value = pl.when(value.is_finite()).then(value)
    if scale is not None:
        low, high = scale
        inside = value.is_between(low, high)
        moved = onto[0] + (value - low) * ((onto[1] - onto[0]) / (high - low))
        value = pl.when(inside).then(moved.clip(*onto))
    return value, raw


def names(sources: Iterable[Source | None]) -> set[str]:
    """Every column that some sources name."""
    return {name for source in sources for name in columns_of(source)}
