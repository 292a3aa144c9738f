"""A column of a log looked at: what it may be by its name, and by what stands in it."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

import polars as pl

from aura_analytics.clock import times
from aura_analytics.io.rows.sources import column, text

__all__ = ["Looked", "looked_at", "paths"]

_NAMES: dict[str, str] = {
    "case": r"^(case|claim|ticket|trace|application|request|incident|task|job|issue|file|item|unique)?[ _.:-]*"
    r"(id|key|no|nr|number|name|concept:name)?$|^case|claim|ticket|trace_?id|application|unique_?key|request_?id|incident|task_?id",
    "activity": r"activity|^concept:name$|^concept$|^step$|^event$|event_?type|^action$|^status$|^state$|phase|transition",
    "actor": r"actor|^who$|officer|user|resource|assignee|assigned_?to|handler|reviewer|annotator|agency|agent$|owner|completed_by"
    r"|author",
    "queue": r"queue|department|team|group|category|product|^type$|case_?type|desk",
    "confidence": r"conf|prob|ai_?score|model_?score",
    "stars": r"stars?|rating|satisf|csat",
    "recommended": r"recommend|suggest|advice|predict|^ai|model_?(says|output|verdict|label)|machine",
    "model": r"^model(_?(name|version|id))?$|^agent(_?(name|id))?$|recommended_?by",
    "verdict": r"verdict|decision|officer_?says|human|final|outcome|annotat|says$|label$",
    "truth": r"truth|gold|actual|ground|correct|expected",
    "initial": r"initial|first|before|prior",
}
_FORMS = (
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y",
    "%d/%m/%Y %H:%M",
    "%m/%d/%Y %H:%M",
    "%m/%d/%Y %I:%M:%S %p",
    "%d/%m/%Y",
    "%m/%d/%Y",
)


@dataclass
class Looked:
    """A column: its values as texts, and how it writes time, if it does."""

    name: str
    texts: pl.Series
    form: str | None

    @property
    def words(self) -> list[str]:
        """Its different values."""
        return sorted(self.texts.unique().to_list())

    def numbers(self) -> pl.Series:
        """Its values as numbers; null where one is none."""
        return self.texts.cast(pl.Float64, strict=False)

    def is_number(self) -> bool:
        """Whether all of them are."""
        return bool(len(self.texts)) and self.numbers().null_count() == 0

    def called(self, what: str) -> bool:
        """Whether its name is one for something."""
        return bool(re.search(_NAMES[what], self.name, re.IGNORECASE))


def paths(frame: pl.DataFrame) -> list[str]:
    """The columns, and one step into nested data."""
    found = []
    for one in frame.columns:
        head = frame[one].drop_nulls().head(1)
        if isinstance(frame.schema[one], pl.Struct):
            found += [f"{one}.{each.name}" for each in frame.schema[one].fields]  # type: ignore[attr-defined]
        elif frame.schema[one] == pl.String and len(head) and str(head[0]).startswith("{"):
            try:
                found += [f"{one}.{key}" for key in json.loads(head[0])]
            except ValueError:
                found.append(one)
        else:
            found.append(one)
    return [one for one in found if column(frame, one) is not None]


def looked_at(frame: pl.DataFrame, name: str) -> Looked:
    """A column of a log, or what a path leads to."""
    texts = frame.select(x=text(frame, name).str.strip_chars())["x"].drop_nulls()
    texts = texts.filter(texts != "")
    return Looked(name, texts, _form(texts, frame.schema.get(name)))


def _form(texts: pl.Series, dtype: pl.DataType | None) -> str | None:
    """How a column writes time, if it does."""
    if dtype is not None and dtype.is_temporal():
        return "iso"
    sample = texts.head(2_000)
    if not len(sample) or sample.str.len_chars().max() > 40:  # type: ignore[operator]
        return None
    most = 0.95 * len(sample)
    read = pl.DataFrame({"x": sample}).select(times.to_utc(pl.col("x"), pl.String())).to_series()
    if len(read) - read.null_count() >= most:
        return "iso"
    numbers = sample.cast(pl.Float64, strict=False)
    for form, factor in (
        ("epoch_seconds", 1),
        ("epoch_milliseconds", 1e3),
        ("epoch_microseconds", 1e6),
        ("epoch_nanoseconds", 1e9),
    ):
        if (numbers / factor).is_between(946_684_800, 4_102_444_800).sum() >= most:  # 2000 to 2100
            return form
    daily = [form for form in _FORMS if "%H" not in form and "%I" not in form]
    fits = [form for form in _FORMS if form not in daily and _reads(sample.str.to_datetime(form, strict=False), most)]
    fits = fits or [form for form in daily if _reads(sample.str.to_date(form, strict=False), most)]
    return "|".join(fits) or None


def _reads(read: pl.Series, most: float) -> bool:
    return len(read) - read.null_count() >= most
