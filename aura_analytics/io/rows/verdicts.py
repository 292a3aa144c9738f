"""Recommendations and what officers made of them, in a log that has a row for each."""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from aura_analytics.errors import MappingError, Problem, close_match
from aura_analytics.io.mapping import LogMapping
from aura_analytics.io.mapping_parts import Act, Given
from aura_analytics.io.rows.long import masked
from aura_analytics.io.rows.sources import number, text_of

__all__ = ["Verdicts", "check_words", "verdicts_of"]


@dataclass
class Verdicts:
    """What came of recommendations and verdicts.

    Attributes
    ----------
    decided
        DECISION and OVERRIDE events.
    waiting
        OPENED (and ASSIGNED, where an owner is named) of recommendations that nobody decided on, in cases that nothing else opens.
    undecided, unanswered
        Rows of recommendations without a verdict, and of verdicts without a recommendation.
    advised
        Rows of all recommendations.
    refused
        Rows whose confidence cannot be read, with the reason.
    """

    decided: pl.DataFrame
    waiting: list[pl.DataFrame] = field(default_factory=list)
    undecided: list[int] = field(default_factory=list)
    unanswered: list[int] = field(default_factory=list)
    advised: list[int] = field(default_factory=list)
    refused: list[tuple[int, str]] = field(default_factory=list)


def _acts(log: pl.DataFrame, rows: pl.DataFrame, acts: list[Act], mapping: LogMapping) -> pl.DataFrame:
    """Rows of the first act that they match, with its word in `says`."""
    parts = []
    for act in acts:
        found = masked(rows, act)
        if isinstance(act.says, Given):
            word = log[found["row"]].select(says=text_of(log, act.says))["says"]
        else:
            word = pl.Series("says", [act.says] * found.height, dtype=pl.String)
        parts.append(found.with_columns(word))
    every = pl.concat(parts).unique("row", keep="first", maintain_order=True)
    return every.with_columns(pl.col("says").replace(mapping.words)) if mapping.words else every


def verdicts_of(log: pl.DataFrame, rows: pl.DataFrame, mapping: LogMapping, begun: pl.Series, where: str) -> Verdicts:
    """Every verdict beside the last recommendation on its case at or before its time.

    `begun` are cases that other rows open or resolve.
    """
    advice = _acts(log, rows, mapping.recommendations, mapping)
    value, raw = number(log, mapping.columns.confidence, mapping.decimal, (0.0, 1.0))
    if mapping.columns.confidence is not None:
        advice = advice.with_columns(log[advice["row"]].select(confidence=value, raw_confidence=raw).get_columns())
    else:
        advice = advice.with_columns(confidence=value, raw_confidence=raw)
    advice, refused = sure(advice)
    if not mapping.verdicts:
        nothing = rows.head(0).with_columns(type=pl.lit(None, dtype=pl.String))
        return Verdicts(nothing, advised=advice["row"].to_list(), refused=refused)
    said = _acts(log, rows, mapping.verdicts, mapping)
    both = said.filter(pl.col("row").is_in(advice["row"].implode()))
    if both.height:
        row = both.row(0, named=True)
        raise MappingError(
            f"mapping {mapping.name!r} would compare rows with themselves",
            problems=[
                Problem(
                    f"{both.height:,} rows are both a recommendation and a verdict",
                    f"{row['activity']!r} by {row['actor']!r}",
                    "a row is one of them",
                    where,
                    "say whose recommendations are (actor: ...) and whose verdicts (not_actor: ...), or tell them apart by where",
                )
            ],
        )
    check_words(advice["says"], said["says"], where)
    sound = advice.filter(pl.col("case_id").is_not_null() & pl.col("ts").is_not_null())
    given = sound.select(
        "case_id",
        "ts",
        agent="actor",
        ai_recommendation="says",
        confidence="confidence",
        advice_row="row",
        advice_attributes="attributes",
    ).sort("ts", "advice_row")
    joined = said.rename({"says": "human_verdict"}).sort("ts", "row")
    joined = joined.join_asof(given, on="ts", by="case_id", strategy="backward", check_sortedness=False)
    answered = joined.filter(pl.col("ai_recommendation").is_not_null())
    agree = pl.col("ai_recommendation") == pl.col("human_verdict")
    decided = answered.with_columns(
        type=pl.when(agree).then(pl.lit("DECISION")).otherwise(pl.lit("OVERRIDE")), attributes=with_advice()
    )
    left = sound.filter(~pl.col("row").is_in(answered["advice_row"].implode()))
    return Verdicts(
        decided.drop("advice_row", "advice_attributes"),
        _waiting(left, answered, begun),
        left["row"].to_list(),
        joined.filter(pl.col("ai_recommendation").is_null())["row"].to_list(),
        advice["row"].to_list(),
        refused,
    )


def sure(advice: pl.DataFrame) -> tuple[pl.DataFrame, list[tuple[int, str]]]:
    """Recommendations whose confidence can be read, or says nothing; and the rows of the others, with the reason."""
    said, value = pl.col("raw_confidence"), pl.col("confidence")
    lost = said.is_not_null() & ~value.is_between(0, 1).fill_null(value=False)
    rows = advice.filter(lost).select("row", "raw_confidence").rows()
    if not rows:
        return advice.drop("raw_confidence"), []
    hint = "expected a number from 0 to 1; another sign before the fraction is said by decimal, per cent by scale: [0, 100]"
    reasons = [(row, f"confidence_unreadable: got {text}, {hint}") for row, text in rows]
    return advice.with_columns(confidence=pl.when(~lost).then(value)).drop("raw_confidence"), reasons


def with_advice() -> pl.Expr:
    """The attributes of a verdict and, under `recommendation`, those of the recommendation; the bare activity says nothing."""
    own, advice = pl.col("attributes"), pl.col("advice_attributes")
    says = advice.is_not_null() & ~advice.str.contains(r'^\{"activity": "(?:[^"\\]|\\.)*"\}$')
    both = pl.concat_str(own.str.head(-1), pl.lit(', "recommendation": '), advice, pl.lit("}"))
    alone = pl.concat_str(pl.lit('{"recommendation": '), advice, pl.lit("}"))
    return pl.when(says).then(pl.coalesce(both, alone)).otherwise(own)


def _waiting(left: pl.DataFrame, answered: pl.DataFrame, begun: pl.Series) -> list[pl.DataFrame]:
    """A recommendation that nobody decided on is an open case, with its owner where one is named."""
    known = pl.concat([begun, answered["case_id"]])
    last = left.sort("ts", "row").unique("case_id", keep="last", maintain_order=True)
    owned = last.filter(pl.col("owner").is_not_null())
    parts = []
    fresh = last.filter(~pl.col("case_id").is_in(known.implode()))
    if fresh.height:
        parts.append(
            fresh.with_columns(type=pl.lit("OPENED"), agent=pl.col("actor"), ai_recommendation=pl.col("says")).drop("says")
        )
    owned = owned.filter(~pl.col("case_id").is_in(answered["case_id"].implode()))
    if owned.height:
        kind = pl.lit("officer")
        parts.append(owned.with_columns(type=pl.lit("ASSIGNED"), actor=pl.col("owner"), actor_kind=kind).drop("says"))
    return [part.sort("row") for part in parts]


def check_words(advised: pl.Series, said: pl.Series, where: str) -> None:
    """A word of a verdict that is written in another way than a recommendation's would be an override each time."""
    theirs = advised.drop_nulls().unique().to_list()
    plain = {_bare(word): word for word in theirs}
    problems = []
    for word in sorted(said.drop_nulls().unique().to_list()):
        if word in theirs:
            continue
        twin = plain.get(_bare(word))
        if twin is not None:
            next_ = f"write them alike, or say words: {{{word}: {twin}}}"
            problems.append(
                Problem("a verdict's word is written in another way than the recommendation's", word, repr(twin), where, next_)
            )
    if problems:
        raise MappingError("verdicts and recommendations do not speak of the same", problems=problems)


def near_words(advised: pl.Series, said: pl.Series) -> list[str]:
    """What is worth a warning: a verdict's word that no recommendation has, near one that it has."""
    theirs = sorted(advised.drop_nulls().unique().to_list())
    found = []
    for word in sorted(said.drop_nulls().unique().to_list()):
        near = None if word in theirs else close_match(word, theirs)
        if near:
            found.append(f"no recommendation says {word!r}, which verdicts say: {near}")
    return found


def _bare(word: str) -> str:
    return "".join(sign for sign in word.casefold() if sign.isalnum())
