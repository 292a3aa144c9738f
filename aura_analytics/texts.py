"""Texts from outside on their way to people: what a terminal, a picture or a spreadsheet must not be told is shown instead.

A name may hold anything. Control characters stop an XML reader and move a terminal's cursor, and a cell that begins with `=` is a
formula. Data are kept as they came; only what is shown passes through here.
"""

from __future__ import annotations

import re
from typing import Any

import polars as pl

__all__ = ["escaped", "escaped_within", "spreadsheet_safe"]

_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_FORMULA = r"^[=+\-@\t\r]"


def escaped(text: str) -> str:
    r"""A text whose control characters, lone surrogates and characters that XML forbids are shown, not sent.

    Examples
    --------
    >>> escaped("Anne" + chr(11) + "Lee")
    'Anne\\x0bLee'
    """
    return _FORBIDDEN.sub(lambda found: f"\\x{ord(found[0]):02x}", text)


def escaped_within(value: Any) -> Any:
    """The same for every text in lists and dicts, keys too."""
    if isinstance(value, str):
        return escaped(value)
    if isinstance(value, dict):
        return {escaped(str(key)): escaped_within(item) for key, item in value.items()}
    return [escaped_within(item) for item in value] if isinstance(value, list) else value


def spreadsheet_safe(table: pl.DataFrame) -> pl.DataFrame:
    """A table whose texts are no formulas: those that begin like one get an apostrophe before them, and control characters are
    shown.
    """
    texts = [name for name, dtype in table.schema.items() if dtype == pl.String]
    shown = [pl.col(name).map_elements(escaped, return_dtype=pl.String) for name in texts]
    safe = table.with_columns(shown)
    return safe.with_columns(
        pl.when(pl.col(name).str.contains(_FORMULA)).then(pl.lit("'") + pl.col(name)).otherwise(pl.col(name)).alias(name)
        for name in texts
    )
