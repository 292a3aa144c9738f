"""Times: from text and naive clocks to UTC microseconds, and the spans that windows are written in."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Literal
from zoneinfo import ZoneInfo

import polars as pl

from aura_analytics.errors import ParameterError, Problem

__all__ = [
    "ALL",
    "Ambiguous",
    "check_ambiguous",
    "check_zone",
    "epoch_micros",
    "every_span",
    "from_epoch_micros",
    "micros",
    "moment_of",
    "parse_as_of",
    "parse_span",
    "parse_window",
    "span_of_time",
    "to_utc",
    "window_text",
]

ALL = "all"  # the window that is no window
Ambiguous = Literal["reject", "earliest", "latest"]
UTC = pl.Datetime("us", "UTC")

_OFFSET = r"[T ]\S*?([+-]\d{2}:?\d{2}|[Zz])$"
_OFFSET_TAIL = r"([+-]\d{2}:?\d{2}|[Zz])$"
_LONGEST = 100 * 366 * 86_400
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}


def check_zone(zone: str) -> str:
    """The zone itself when it is an IANA name; `ParameterError` otherwise."""
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError, TypeError):
        problem = Problem("unknown time zone", got=zone, expected="an IANA name such as 'Europe/Amsterdam'")
        raise ParameterError(problem) from None
    return zone


def check_ambiguous(choice: str) -> None:
    """`ParameterError` unless it says what a time that happened twice means."""
    if choice not in ("reject", "earliest", "latest"):
        raise ParameterError(Problem("unknown choice for ambiguous times", got=choice, expected="reject, earliest or latest"))


def _localize(naive: pl.Expr, zone: str, ambiguous: Ambiguous) -> pl.Expr:
    """Naive wall-clock times of `zone` in UTC; null for a time that never was, or (with `reject`) was twice."""
    if zone == "UTC":
        return naive.dt.replace_time_zone("UTC")
    twice: Literal["earliest", "latest", "null"] = "null" if ambiguous == "reject" else ambiguous
    return naive.dt.replace_time_zone(zone, ambiguous=twice, non_existent="null").dt.convert_time_zone("UTC")


def to_utc(column: pl.Expr, dtype: pl.DataType, zone: str = "UTC", ambiguous: Ambiguous = "reject") -> pl.Expr:
    """Expression for a column of times as `Datetime("us", "UTC")`; null where a time cannot be read.

    Text is ISO 8601, date alone allowed, offsets may differ from row to row; times without an offset are wall-clock times of
    `zone`.
    """
    if isinstance(dtype, pl.Datetime):
        micro = column.dt.cast_time_unit("us")
        return micro.dt.convert_time_zone("UTC") if dtype.time_zone else _localize(micro, zone, ambiguous)
    if dtype == pl.Date:
        return _localize(column.cast(pl.Datetime("us")), zone, ambiguous)

    def read(texts: pl.Series) -> pl.Series:
        return _plain_texts(texts, zone, ambiguous)

    return column.cast(pl.String).map_batches(read, return_dtype=UTC, is_elementwise=True)


# without a fraction polars reads a text in a fifth of the time
_FORMS = (
    "%Y-%m-%dT%H:%M:%SZ",
    "%Y-%m-%dT%H:%M:%S%.fZ",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%d %H:%M",
)


def _plain_texts(texts: pl.Series, zone: str, ambiguous: Ambiguous) -> pl.Series:
    """Texts as times: of one form all of them, mostly, which is read several times faster than each for itself."""
    sample = texts.drop_nulls().head(50)
    for form in _FORMS if len(sample) else ():
        if sample.str.to_datetime(form, time_unit="us", strict=False).null_count():
            continue
        read = texts.str.to_datetime(form, time_unit="us", strict=False)
        if read.null_count() == texts.null_count():
            local = _localize(pl.col("x"), "UTC" if form.endswith("Z") else zone, ambiguous)
            return pl.DataFrame({"x": read}).select(local).to_series().alias(texts.name)
    return pl.DataFrame({"x": texts}).select(_each_text(pl.col("x"), zone, ambiguous)).to_series().alias(texts.name)


def _each_text(column: pl.Expr, zone: str, ambiguous: Ambiguous) -> pl.Expr:
    text = column.str.strip_chars()
    offset = text.str.extract(_OFFSET, 1)
    body = (
        pl.when(offset.is_null())
        .then(text)
        .otherwise(text.str.replace(_OFFSET_TAIL, ""))
        .str.replace(" ", "T", literal=True)
        .str.strip_chars()
    )
    naive = pl.coalesce(
        body.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", time_unit="us", strict=False),
        body.str.to_datetime("%Y-%m-%dT%H:%M", time_unit="us", strict=False),
        body.str.to_date("%Y-%m-%d", strict=False).cast(pl.Datetime("us")),
    )
    sign = pl.when(offset.str.starts_with("-")).then(-1).otherwise(1)
    hours = offset.str.slice(1, 2).cast(pl.Int64, strict=False)
    minutes = offset.str.slice(-2).cast(pl.Int64, strict=False)
    known = (hours <= 18) & (minutes < 60)  # the widest offset ISO 8601 clocks use is 14 hours
    shift = pl.when(offset.str.to_uppercase() == "Z").then(0).when(known).then(sign * (hours * 60 + minutes))
    shifted = (naive - pl.duration(minutes=shift)).dt.replace_time_zone("UTC")
    return pl.when(offset.is_null()).then(_localize(naive, zone, ambiguous)).otherwise(shifted)


def parse_span(text: str | timedelta, *, name: str = "window") -> timedelta:
    """A length of time: `timedelta`, or text such as `90d`, `12h`, `2w`.

    Raises
    ------
    ParameterError
        If the text is not a positive number and a unit (s, m, h, d, w).

    Examples
    --------
    >>> parse_span("90d").days
    90
    """
    if isinstance(text, timedelta):
        span = text
    else:
        found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([smhdw])\s*", text) if isinstance(text, str) else None
        if not found:
            everything = ", or 'all' for the whole log" if name == "window" else ""
            raise ParameterError(
                Problem(f"{name} is not a span of time", got=text, expected=f"such as '90d', '12h' or '2w'{everything}")
            )
        seconds = Decimal(found[1]) * _UNITS[found[2]]
        if seconds > _LONGEST:
            raise ParameterError(Problem(f"{name} is too long", got=text, expected="at most 100 years"))
        span = timedelta(microseconds=int(seconds * 1_000_000))
    if span <= timedelta(0):
        raise ParameterError(Problem(f"{name} must be longer than nothing", got=str(text)))
    return span


def parse_window(window: str | timedelta) -> timedelta | None:
    """A window: a span of time, or None for `all`, the whole log.

    Raises
    ------
    ParameterError
        If it is neither.

    Examples
    --------
    >>> parse_window("90d"), parse_window("all")
    (datetime.timedelta(days=90), None)
    """
    return None if window == ALL else parse_span(window)


def window_text(window: timedelta | None) -> str:
    """A window as it is written.

    Examples
    --------
    >>> window_text(timedelta(days=90)), window_text(timedelta(hours=36)), window_text(None)
    ('90d', '36h', 'all')
    """
    if window is None:
        return ALL
    for unit, seconds in (("d", 86_400), ("h", 3600), ("m", 60)):
        count, rest = divmod(window, timedelta(seconds=seconds))
        if not rest:
            return f"{count}{unit}"
    return f"{micros(window) / 1e6:.6f}s"


def parse_as_of(as_of: datetime | date | str, *, name: str = "as_of") -> datetime:
    """A moment in UTC: `datetime` (naive = UTC), `date` (its first moment) or ISO 8601 text.

    Examples
    --------
    >>> parse_as_of("2026-03-31").isoformat()
    '2026-03-31T00:00:00+00:00'
    """
    if isinstance(as_of, str):
        try:
            as_of = datetime.fromisoformat(as_of)
        except ValueError:
            problem = Problem(f"{name} is not a time", got=as_of, expected="ISO 8601, such as 2026-03-31 or 2026-03-31T17:00:00Z")
            raise ParameterError(problem) from None
    elif not isinstance(as_of, datetime):
        as_of = datetime(as_of.year, as_of.month, as_of.day, tzinfo=timezone.utc)
    if not 1970 <= as_of.year < 2200:
        raise ParameterError(Problem(f"{name} is not a plausible time", got=str(as_of), expected="a year from 1970 to 2199"))
    return as_of.replace(tzinfo=timezone.utc) if as_of.tzinfo is None else as_of.astimezone(timezone.utc)


def micros(span: timedelta) -> int:
    """A span in whole microseconds."""
    return span // timedelta(microseconds=1)


_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def epoch_micros(moment: datetime) -> int:
    """Microseconds since 1970 of a moment; a naive one is UTC.

    Examples
    --------
    >>> epoch_micros(datetime(1970, 1, 2))
    86400000000
    """
    aware = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
    return (aware - _EPOCH) // timedelta(microseconds=1)


def from_epoch_micros(count: int) -> datetime:
    """The moment so many microseconds after 1970, in UTC."""
    return _EPOCH + timedelta(microseconds=count)


def every_span(span: str | timedelta) -> str:
    """How often something is read, in words.

    Examples
    --------
    >>> every_span("1d"), every_span("3d")
    ('every day', 'every 3 days')
    """
    words = span_of_time(span)
    return f"every {words.removeprefix('1 ')}"


def span_of_time(span: str | timedelta | None) -> str:
    """A window in words.

    Examples
    --------
    >>> span_of_time("90d"), span_of_time("1d"), span_of_time(None)
    ('90 days', '1 day', 'the whole log')
    """
    if span is None or span == ALL:
        return "the whole log"
    if isinstance(span, timedelta):
        whole_days = span % timedelta(days=1) == timedelta(0)
        span = f"{span.days}d" if whole_days else f"{span // timedelta(hours=1)}h"
    unit = {"d": "day", "h": "hour", "w": "week", "m": "minute", "s": "second"}[span.strip()[-1]]
    count = span.strip()[:-1].strip()
    return f"{count} {unit}{'' if float(count) == 1 else 's'}"


def moment_of(text: object) -> datetime:
    """A time in a text, for comparing; without a zone it is UTC, and one that cannot be read is before all others.

    Examples
    --------
    >>> moment_of("2026-01-05T10:00:00Z") < moment_of("2026-01-05T10:00:00.5Z")
    True
    """
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return datetime.min.replace(tzinfo=timezone.utc)
    return found if found.tzinfo else found.replace(tzinfo=timezone.utc)
