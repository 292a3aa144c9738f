"""The rules of the contract, row by row, and why a row breaks one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial

import polars as pl

from aura_analytics.errors import close_match
from aura_analytics.events.schema import ACTOR_KINDS, CLOCK_TYPES, EVENT_TYPES, SEVERITIES, VOCABULARIES

__all__ = ["ROW_RULES", "Rule", "row_is_bad", "row_reasons"]


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
        ~_of(*CLOCK_TYPES, "OUTCOME", "ADJUDICATION", "DRILL") | _present("case_id"),
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
        "chance_range",
        "audit_chance",
        (pl.col("audit_chance") > 0) & (pl.col("audit_chance") <= 1),
        "the chance with which its case was drawn for the audit: over 0, at most 1",
    ),
    Rule(
        "chance_without_audit",
        "audit_chance",
        pl.col("audit_chance").is_null() | _of("ADJUDICATION"),
        "a chance on an ADJUDICATION only: it says with which chance the audited case was drawn",
    ),
    Rule(
        "outcome_missing",
        "outcome",
        ~_of("OUTCOME", "ADJUDICATION") | _present("outcome"),
        "an outcome: success, failure, partial, cancelled, or what turned out true",
    ),
    Rule(
        "answer_missing",
        "outcome",
        ~_of("DRILL") | _present("outcome"),
        "the answer of the drill: which verdict on the case is right",
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


CAST_RULES = {
    "ts": "an ISO 8601 time that the clock of its zone showed exactly once",
    "type": "one of " + ", ".join(EVENT_TYPES),
    "actor_kind": "one of " + ", ".join(ACTOR_KINDS),
    "severity": "one of " + ", ".join(SEVERITIES),
    "value": "a number",
    "confidence": "a number from 0 to 1",
    "penalties": "a list of texts",
    "audit_chance": "a number over 0, at most 1",
    "own_work": "true or false",
}


def failed_flag(column: str) -> str:
    return f"__failed_{column}"


def raw_text(column: str) -> str:
    return f"__raw_{column}"


def _reason(rule: str, got: pl.Expr, expected: str) -> pl.Expr:
    shown = pl.when(got.is_null()).then(pl.lit("nothing")).otherwise(got.cast(pl.String).str.slice(0, 80))
    return pl.concat_str(pl.lit(f"{rule}: got "), shown, pl.lit(f", expected {expected}"))


def row_reasons(columns: Sequence[str]) -> pl.Expr:
    """Expression: the list of reasons why a row of a conformed frame is bad; empty for a good row."""
    reasons = []
    for name, expected in CAST_RULES.items():
        if failed_flag(name) not in columns:
            continue
        got = pl.col(raw_text(name)) if raw_text(name) in columns else pl.lit(None, dtype=pl.String)
        text = _reason(f"{name}_unreadable", got, expected)
        if name in VOCABULARIES:
            hint = got.map_elements(partial(close_match, known=VOCABULARIES[name]), return_dtype=pl.String)
            text = pl.concat_str(text, pl.when(hint.is_null()).then(pl.lit("")).otherwise(pl.lit("; ") + hint))
        reasons.append(pl.when(pl.col(failed_flag(name))).then(text))
    for rule in ROW_RULES:
        broken = ~rule.ok.fill_null(value=True)
        if failed_flag(rule.column) in columns:  # one reason is enough: what could not be read is also missing
            broken &= ~pl.col(failed_flag(rule.column))
        reasons.append(pl.when(broken).then(_reason(rule.name, pl.col(rule.column), rule.expected)))
    return pl.concat_list([reason.cast(pl.String) for reason in reasons]).list.drop_nulls()


def row_is_bad(columns: Sequence[str]) -> pl.Expr:
    """Expression: whether a row of a conformed frame breaks any rule (cheap; `row_reasons` says why)."""
    flags = [pl.col(failed_flag(name)) for name in CAST_RULES if failed_flag(name) in columns]
    return pl.any_horizontal(*flags, *(~rule.ok.fill_null(value=True) for rule in ROW_RULES))
