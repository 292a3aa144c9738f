"""Values of a column as JSON, all at once."""

from __future__ import annotations

import polars as pl

__all__ = ["json_text"]

_NEEDS_ESCAPE = r'["\\\x00-\x1f]'


def json_text(log: pl.DataFrame, name: str, before: str = "") -> pl.Expr:
    """A column's values as JSON, with a text before each; null where there is none."""
    values, value = log.get_column(name), pl.col(name)  # asked for one by one, a schema of very many columns is slow
    dtype = values.dtype
    quoted = pl.lit(f'{before}"')
    if dtype == pl.String:
        if not values.str.contains(_NEEDS_ESCAPE).any():
            return pl.concat_str(quoted, value, pl.lit('"'))
    elif dtype.is_integer() or dtype == pl.Boolean:
        return pl.concat_str(pl.lit(before), value.cast(pl.String))
    elif dtype == pl.Binary:
        return pl.concat_str(quoted, value.bin.encode("base64"), pl.lit('"'))
    elif dtype.is_temporal():
        return pl.concat_str(quoted, value.cast(pl.String), pl.lit('"'))
    encoded = pl.struct(value.alias("x")).struct.json_encode()  # {"x":...}
    present = value.is_not_null() & (value.is_not_nan() if dtype.is_float() else True)
    return pl.when(present).then(pl.concat_str(pl.lit(before), encoded.str.slice(5).str.head(-1)))
