"""Scoring a frame: the same rule as for one output, as polars expressions."""

from __future__ import annotations

from typing import overload

import polars as pl

from aura_analytics.errors import InputError, ParameterError, Problem
from aura_analytics.scoring.penalties import SEVERITIES, Penalty, PenaltyPolicy

__all__ = ["score_frame"]

# what Python's str.strip takes for white space, and Rust's \s does not
_INK = r"[^\s\x1c-\x1f]"
_FEW = 4  # words that are faster looked for one by one
_SEVERITY = pl.Enum(list(SEVERITIES))


@overload
def score_frame(frame: pl.DataFrame, policy: PenaltyPolicy | None = None) -> pl.DataFrame: ...
@overload
def score_frame(frame: pl.LazyFrame, policy: PenaltyPolicy | None = None) -> pl.LazyFrame: ...
def score_frame(frame: pl.DataFrame | pl.LazyFrame, policy: PenaltyPolicy | None = None) -> pl.DataFrame | pl.LazyFrame:
    """Score many outputs.

    Parameters
    ----------
    frame
        `output` (text), `confidence` (number in [0, 1]) and, where tasks ask for one, `min_length`; other columns are kept.
    policy
        Default: the Accountant's own rule.

    Returns
    -------
    polars.DataFrame or LazyFrame
        With `score` (0 to 100), `penalties` (list of names), `severity` (Enum) and `problem`: what is wrong with the row (its
        score, penalties and severity are then null), null when nothing is. Row by row the same as `Scorer.score` and
        `ErrorClassifier.classify`.

    Raises
    ------
    ParameterError
        If a column is missing or of the wrong kind.
    InputError
        With `on_invalid: raise` (and a DataFrame): if rows are invalid; all of them at once. A LazyFrame is never raised on: see
        `problem`.

    Examples
    --------
    >>> table = pl.DataFrame({"output": ["", "The value is UNDEFINED here, sorry about that."], "confidence": [0.4, 0.95]})
    >>> score_frame(table).select("score", "severity").rows()
    [(10.0, 'high'), (85.0, 'critical')]
    """
    chosen = policy or PenaltyPolicy.seed()
    lazy = frame.lazy()
    _check(lazy.collect_schema())
    columns = lazy.collect_schema().names()
    scored = (
        lazy.with_columns(_problem(chosen, columns))
        .with_columns(_code(chosen, columns))
        .with_columns(*_read_off(chosen))
        .drop("aura:code")
    )
    if isinstance(frame, pl.LazyFrame):
        return scored
    done = scored.collect(engine="in-memory")
    if chosen.on_invalid == "raise" and done["problem"].null_count() < done.height:
        bad = done.with_row_index("row").filter(pl.col("problem").is_not_null())
        problems = [Problem(text, where=f"row {row}") for row, text in bad.head(20).select("row", "problem").rows()]
        raise InputError(
            f"{bad.height:,} of {done.height:,} outputs cannot be scored (on_invalid: quarantine keeps them aside)",
            problems=problems,
        )
    return done


def _check(schema: pl.Schema) -> None:
    taken = [name for name in ("score", "penalties", "severity", "problem") if name in schema]
    problems = [Problem(f"the frame has a column {name} already", next="rename or drop it") for name in taken]
    for name, kind, said in (
        ("output", (pl.String, pl.Null), "text"),
        ("confidence", None, "numbers"),
        ("min_length", None, "numbers"),
    ):
        if name not in schema:
            if name != "min_length":
                problems.append(Problem(f"the frame has no column {name}", got=", ".join(schema), expected="output, confidence"))
            continue
        dtype = schema[name]
        fits = dtype in kind if kind is not None else dtype.is_numeric() or dtype == pl.Null
        if not fits:
            problems.append(Problem(f"{name} is of the wrong kind", got=str(dtype), expected=said))
    if problems:
        raise ParameterError("the frame cannot be scored", problems=problems)


def _confidence() -> pl.Expr:
    return pl.col("confidence").cast(pl.Float64)


def _problem(policy: PenaltyPolicy, columns: list[str]) -> pl.Expr:
    number = _confidence()
    odd = number.is_null() | number.is_nan()
    too_long = (pl.col("output").str.len_bytes() > policy.longest) & (pl.col("output").str.len_chars() > policy.longest)
    parts = [(too_long, f"output is too long (expected at most {policy.longest:,} characters)")]
    if policy.on_invalid != "clip":
        parts += [
            (pl.col("output").is_null(), "output is no text"),
            (odd, "confidence is no number"),
            ((number < 0) | (number > 1), "confidence is out of range (expected 0 to 1)"),
        ]
    if "min_length" in columns:
        parts.append((pl.col("min_length").cast(pl.Float64).is_nan(), "min_length is no number"))
    said = pl.concat_str([pl.when(test).then(pl.lit(text)) for test, text in parts], separator="; ", ignore_nulls=True)
    bad = pl.any_horizontal([test.fill_null(value=False) for test, _ in parts])
    return pl.when(bad).then(said).alias("problem")


def _code(policy: PenaltyPolicy, columns: list[str]) -> pl.Expr:
    """Which penalties hold, a bit each; null for rows that are invalid."""
    text = pl.col("output").fill_null("") if policy.on_invalid == "clip" else pl.col("output")
    number = _confidence()
    if policy.on_invalid == "clip":
        number = pl.when(number.is_nan() | number.is_null() | number.is_infinite()).then(0.0).otherwise(number.clip(0, 1))
    bits = [
        _holds(penalty, text, number, columns).fill_null(value=False).cast(pl.UInt32) * (1 << i)
        for i, penalty in enumerate(policy.penalties)
    ]
    return pl.when(pl.col("problem").is_null()).then(pl.sum_horizontal(bits)).alias("aura:code")


def _holds(penalty: Penalty, text: pl.Expr, confidence: pl.Expr, columns: list[str]) -> pl.Expr:
    if penalty.confidence_below is not None:
        return confidence < penalty.confidence_below
    if penalty.contains_any is not None:
        return _contains(text, [word.lower() for word in penalty.contains_any])
    if penalty.shorter_than is not None:
        least = pl.lit(penalty.shorter_than)
        if "min_length" in columns:
            least = pl.col("min_length").cast(pl.Float64).fill_null(penalty.shorter_than)
        # a text of n characters has n to 4 n bytes: most need no counting
        size = text.str.len_bytes()
        return (size < least) | ((size < 4 * least) & (text.str.len_chars() < least))
    return ~text.str.contains(_INK)


def _contains(text: pl.Expr, words: list[str]) -> pl.Expr:
    low = text.str.to_lowercase()
    if len(words) > _FEW:
        return low.str.contains_any(words)
    found = [low.str.contains(word, literal=True) for word in words]  # the lower case is made once
    return found[0] if len(found) == 1 else pl.any_horizontal(found)


def _read_off(policy: PenaltyPolicy) -> list[pl.Expr]:
    """Penalties, severity and points from tables over all combinations."""
    names = [penalty.name for penalty in policy.penalties]
    kept = [policy.kept([name for i, name in enumerate(names) if code >> i & 1]) for code in range(1 << len(names))]
    code = pl.col("aura:code")
    points = pl.lit(pl.Series([float(policy.points(each)) for each in kept])).gather(code)
    number = _confidence()
    if policy.on_invalid == "clip":
        number = pl.when(number.is_nan() | number.is_null() | number.is_infinite()).then(0.0).otherwise(number.clip(0, 1))
    base = number * 100 - points
    return [
        pl.when(base > 0).then(base).otherwise(pl.when(base.is_not_null()).then(0.0)).alias("score"),
        pl.lit(pl.Series(kept, dtype=pl.List(pl.String))).gather(code).alias("penalties"),
        pl.lit(pl.Series([policy.severity(each) for each in kept], dtype=_SEVERITY)).gather(code).alias("severity"),
    ]
