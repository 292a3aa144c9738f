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
    words
        What recommendations say, and what verdicts do.
    """

    decided: pl.DataFrame
    waiting: list[pl.DataFrame] = field(default_factory=list)
    undecided: list[int] = field(default_factory=list)
    unanswered: list[int] = field(default_factory=list)
    advised: list[int] = field(default_factory=list)
    refused: list[tuple[int, str]] = field(default_factory=list)
    words: tuple[set[str], set[str]] = field(default_factory=lambda: (set(), set()))


def _acts(
    log: pl.DataFrame, rows: pl.DataFrame, acts: list[Act], mapping: LogMapping, what: str
) -> tuple[pl.DataFrame, list[tuple[int, str]]]:
    """Rows of the first act that they match, with its word in `says`; and those without a word, a case or a time."""
    parts = []
    for act in acts:
        found = masked(rows, act)
        if isinstance(act.says, Given):
            word = log[found["row"]].select(says=text_of(log, act.says))["says"]
        else:
            word = pl.Series("says", [act.says] * found.height, dtype=pl.String)
        parts.append(found.with_columns(word))
    every = pl.concat(parts).unique("row", keep="first", maintain_order=True)
    every = every.with_columns(pl.col("says").replace(mapping.words)) if mapping.words else every
    lost = pl.any_horizontal(pl.col(name).is_null() for name in ("says", "case_id", "ts"))
    reasons = []
    for row, word, case, at, raw in every.filter(lost).select("row", "says", "case_id", "ts", "raw_ts").iter_rows():
        if word is None:
            reasons.append((row, f"word_missing: got nothing, expected what was {what}"))
        if case is None:
            reasons.append((row, "case_missing: got nothing, expected the case"))
        if at is None and raw is None:
            reasons.append((row, "ts_missing: got nothing, expected a time"))
        elif at is None:
            reasons.append((row, f"ts_unreadable: got «{raw}», expected a time that the clock of its zone showed exactly once"))
    return every.filter(~lost), reasons


def verdicts_of(log: pl.DataFrame, rows: pl.DataFrame, mapping: LogMapping, begun: pl.Series, where: str) -> Verdicts:
    """Every verdict beside the last recommendation on its case at or before its time.

    `begun` are cases that other rows open or resolve.
    """
    advice, lost = _acts(log, rows, mapping.recommendations, mapping, "recommended")
    value, raw = number(log, mapping.columns.confidence, mapping.decimal, (0.0, 1.0))
    if mapping.columns.confidence is not None:
        advice = advice.with_columns(log[advice["row"]].select(confidence=value, raw_confidence=raw).get_columns())
    else:
        advice = advice.with_columns(confidence=value, raw_confidence=raw)
    advice, unsure = sure(advice)
    refused = lost + unsure
    if not mapping.verdicts:
        nothing = rows.head(0).with_columns(type=pl.lit(None, dtype=pl.String))
        return Verdicts(nothing, advised=advice["row"].to_list(), refused=refused)
    said, lost = _acts(log, rows, mapping.verdicts, mapping, "decided")
    refused += lost
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
    words = (set(advice["says"].unique().to_list()), set(said["says"].unique().to_list()))
    given = advice.select(
        "case_id",
        "ts",
        agent="actor",
        ai_recommendation="says",
        confidence="confidence",
        advice_row="row",
        advice_attributes="attributes",
    ).sort("ts", "advice_row")
    joined = _joined(said.rename({"says": "human_verdict"}).sort("ts", "row"), given)
    answered = joined.filter(pl.col("ai_recommendation").is_not_null())
    agree = pl.col("ai_recommendation") == pl.col("human_verdict")
    decided = answered.with_columns(
        type=pl.when(agree).then(pl.lit("DECISION")).otherwise(pl.lit("OVERRIDE")), attributes=with_advice()
    )
    left = advice.filter(~pl.col("row").is_in(answered["advice_row"].implode()))
    return Verdicts(
        decided.drop("advice_row", "advice_attributes"),
        _waiting(left, answered, begun),
        left["row"].to_list(),
        joined.filter(pl.col("ai_recommendation").is_null())["row"].to_list(),
        advice["row"].to_list(),
        refused,
        words,
    )


def _joined(said: pl.DataFrame, given: pl.DataFrame) -> pl.DataFrame:
    """Verdicts, each with the last recommendation on its case before it.

    Of one moment, as dates without a clock are, the order of the log tells; where none stands before the verdict, one that stands
    after it there is taken.
    """
    moments = pl.concat([said.select("ts", "row"), given.select("ts", row="advice_row")]).unique().sort("ts", "row")
    places = moments.with_columns(place=pl.int_range(pl.len()))
    here = said.join(places, on=["ts", "row"], how="left", maintain_order="left").sort("place")
    told = given.join(places.rename({"row": "advice_row"}), on=["ts", "advice_row"], how="left", maintain_order="left").sort(
        "place"
    )
    before = here.join_asof(told.drop("ts"), on="place", by="case_id", strategy="backward", check_sortedness=False).drop("place")
    none = before["ai_recommendation"].is_null()
    if not none.any():
        return before
    alone = before.filter(none).select(said.columns).sort("ts", "row")
    beside = alone.join_asof(given, on="ts", by="case_id", strategy="backward", check_sortedness=False)
    return pl.concat([before.filter(~none), beside.select(before.columns)]).sort("ts", "row")


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
        parts.append(
            owned.with_columns(type=pl.lit("ASSIGNED"), actor=pl.col("owner"), actor_kind=pl.col("owner_kind")).drop("says")
        )
    return [part.sort("row") for part in parts]


def check_words(advised: set[str], said: set[str], where: str) -> None:
    """A word of a verdict that is written in another way than a recommendation's would be an override each time."""
    theirs = sorted(advised)
    plain: dict[str, str] = {}
    problems = []
    for word in [*theirs, *sorted(said - advised)]:
        twin = plain.setdefault(_bare(word), word)
        if twin != word:
            next_ = f"write them alike, or say words: {{{word}: {twin}}}"
            problems.append(Problem("a word is written in another way than elsewhere", word, repr(twin), where, next_))
    if problems:
        raise MappingError("verdicts and recommendations do not speak of the same", problems=problems)


def near_words(advised: set[str], said: set[str]) -> list[str]:
    """What is worth a warning: a verdict's word that no recommendation has, near one that it has."""
    found = []
    for word in sorted(said - advised):
        near = close_match(word, sorted(advised))
        if near:
            found.append(f"no recommendation says {word!r}, which verdicts say: {near}")
    return found


def _bare(word: str) -> str:
    return " ".join(word.casefold().split())
