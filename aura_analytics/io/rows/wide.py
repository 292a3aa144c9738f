"""Logs with one row a case or a decision: times in columns (milestones), recommendations beside verdicts (pairs)."""

from __future__ import annotations

import polars as pl

from aura_analytics.io.mapping import LogMapping
from aura_analytics.io.mapping_parts import Milestone, Source, listed
from aura_analytics.io.rows.base import kind_of, moment
from aura_analytics.io.rows.long import STARS, Scale, scale_of, without_actor
from aura_analytics.io.rows.matching import named
from aura_analytics.io.rows.sources import number, text, text_of
from aura_analytics.io.rows.verdicts import Verdicts, sure

__all__ = ["milestone_events", "pair_events"]


def _acted(log: pl.DataFrame, rows: pl.DataFrame, source: Source | None, mapping: LogMapping) -> pl.DataFrame:
    """Rows whose actor stands in another column."""
    if source is None:
        return rows
    actor = log[rows["row"]].select(actor=named(log, source, mapping))
    kind = kind_of(pl.col("actor"), pl.lit(None, dtype=pl.String), mapping, actor["actor"].drop_nulls().unique().to_list())
    return rows.with_columns(actor["actor"]).with_columns(actor_kind=kind)


def _timed(log: pl.DataFrame, rows: pl.DataFrame, source: Source | None, mapping: LogMapping) -> pl.DataFrame:
    """Rows at the time of another column, where it holds one; else at their own."""
    if source is None:
        return rows
    ts, raw = moment(log, source, mapping)
    told = log.select(at=ts, raw_at=raw)[rows["row"]]
    there = told["raw_at"].is_not_null()
    both = rows.with_columns(told.get_columns())
    return both.with_columns(
        ts=pl.when(there).then(pl.col("at")).otherwise(pl.col("ts")),
        raw_ts=pl.when(there).then(pl.col("raw_at")).otherwise(pl.col("raw_ts")),
    ).drop("at", "raw_at")


def milestone_events(
    log: pl.DataFrame, rows: pl.DataFrame, mapping: LogMapping
) -> tuple[list[pl.DataFrame], list[tuple[int, str]]]:
    """An event for every time that a row holds; and rows that lack one they should have, with the reason."""
    events, refused = [], []
    for kind, milestone in mapping.milestones.items():
        ts, raw = moment(log, milestone.column, mapping)
        told = rows.with_columns(log.select(ts=ts, raw_ts=raw)[rows["row"]].get_columns())
        refused += _lacking(log, told, kind, milestone)
        there = _acted(log, told.filter(pl.col("raw_ts").is_not_null()), milestone.actor, mapping)
        if kind == "ASSIGNED":  # a case that names nobody was given to nobody
            there = there.filter(pl.col("actor").is_not_null())
        if kind == "OPENED" and milestone.actor is None:  # whom the row names decides the case; who began it is not said
            there = without_actor(there, keep=False)
        events.append(there.with_columns(type=pl.lit(kind)))
    return events, refused


def _lacking(log: pl.DataFrame, told: pl.DataFrame, kind: str, milestone: Milestone) -> list[tuple[int, str]]:
    found = []
    empty = told.filter(pl.col("raw_ts").is_null())["row"]
    for name, values in milestone.expected.items():
        said = log[empty].select(said=text(log, name).str.strip_chars()).with_columns(row=empty)
        for row, word in said.filter(pl.col("said").is_in(listed(values))).select("row", "said").iter_rows():
            found.append((row, f"time_missing: got no {kind} time, expected one since {name} is {word}"))
    return found


def pair_events(
    log: pl.DataFrame, rows: pl.DataFrame, mapping: LogMapping, begun: pl.Series
) -> tuple[Verdicts, list[pl.DataFrame], Scale | None]:
    """DECISION and OVERRIDE of rows that hold both words; audits and ratings beside them."""
    pairs = mapping.pairs
    assert pairs is not None
    confidence, raw = number(log, pairs.confidence or mapping.columns.confidence, mapping.decimal, (0.0, 1.0))
    words = {
        "ai_recommendation": text_of(log, pairs.recommendation),
        "human_verdict": text_of(log, pairs.verdict),
        "initial_verdict": text_of(log, pairs.initial),
        "truth": text_of(log, pairs.truth),
    }
    if mapping.words:
        words = {name: word.replace(mapping.words) for name, word in words.items()}
    chance, raw_chance = number(log, pairs.audit_chance, mapping.decimal, (0.0, 1.0))
    said = log[rows["row"]].select(
        **words,
        agent=named(log, pairs.recommended_by, mapping),
        confidence=confidence,
        raw_confidence=raw,
        truth_chance=chance,
        raw_truth_chance=raw_chance,
    )
    whole, refused = sure(rows.with_columns(said.get_columns()))
    advised, verdicts = (set(whole[name].drop_nulls().unique().to_list()) for name in ("ai_recommendation", "human_verdict"))
    fields = ["truth", "truth_chance", "raw_truth_chance"]
    decided = whole.filter(pl.col("human_verdict").is_not_null() & pl.col("ai_recommendation").is_not_null())
    decided = _timed(log, _acted(log, decided, pairs.decided_by, mapping), pairs.decided_at, mapping)
    agree = pl.col("ai_recommendation") == pl.col("human_verdict")
    decided = decided.with_columns(type=pl.when(agree).then(pl.lit("DECISION")).otherwise(pl.lit("OVERRIDE")))
    open_ = whole.filter(pl.col("human_verdict").is_null() & pl.col("ai_recommendation").is_not_null())
    alone = whole.filter(pl.col("human_verdict").is_not_null() & pl.col("ai_recommendation").is_null())
    waiting = _timed(log, open_, pairs.recommended_at, mapping).with_columns(
        type=pl.lit("OPENED"), actor=pl.col("agent"), actor_kind=pl.when(pl.col("agent").is_not_null()).then(pl.lit("agent"))
    )
    owned = waiting.filter(pl.col("owner").is_not_null()).with_columns(
        type=pl.lit("ASSIGNED"), actor=pl.col("owner"), actor_kind=pl.col("owner_kind")
    )
    waiting = waiting.filter(~pl.col("case_id").is_in(begun.implode()))
    result = Verdicts(
        decided.drop(fields),
        [one.drop(fields) for one in (waiting, owned)],
        open_["row"].to_list(),
        alone["row"].to_list(),
        refused=refused,
        words=(advised, verdicts),
    )
    return result, *_beside(log, whole, mapping)


def _beside(log: pl.DataFrame, whole: pl.DataFrame, mapping: LogMapping) -> tuple[list[pl.DataFrame], Scale | None]:
    """What a row tells beside its verdict: the truth of its case, and stars; and what these look like."""
    pairs, parts, scale = mapping.pairs, [], None
    assert pairs is not None
    plain = whole.drop("ai_recommendation", "human_verdict", "initial_verdict", "agent", "confidence")
    if pairs.truth is not None:
        judged = plain.filter(pl.col("truth").is_not_null()).rename(
            {"truth": "outcome", "truth_chance": "audit_chance", "raw_truth_chance": "raw_audit_chance"}
        )
        judged = _timed(log, judged, pairs.truth_at or pairs.decided_at, mapping)
        parts.append(without_actor(judged, keep=False).with_columns(type=pl.lit("ADJUDICATION")))
    if pairs.stars is not None:
        value, raw = number(log, pairs.stars, mapping.decimal, STARS)
        rated = plain.drop("truth", "truth_chance", "raw_truth_chance")
        rated = rated.with_columns(log[rated["row"]].select(value=value, raw_value=raw).get_columns())
        rated = rated.filter(pl.col("raw_value").is_not_null())
        scale = scale_of(rated, pairs.stars, "pairs.stars")
        rated = _timed(log, rated, pairs.stars_at or pairs.decided_at, mapping)
        parts.append(without_actor(rated, keep=False).with_columns(type=pl.lit("SAT_SCORE")))
    return parts, scale
