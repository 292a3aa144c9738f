"""Logs with a row for everything that happened: clocks, ratings, outcomes, other events; and states that rows repeat."""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl

from aura_analytics.errors import MappingError, Problem
from aura_analytics.io.mapping import LogMapping
from aura_analytics.io.mapping_parts import EventMap, Given, Matching, Source
from aura_analytics.io.rows.base import kind_of
from aura_analytics.io.rows.matching import matched, named
from aura_analytics.io.rows.sources import columns_of, number, text_of

__all__ = ["Scale", "changes_of_state", "check_scale", "clock_events", "masked", "not_chosen", "other_events", "scale_of"]

STARS, SCORE = (1.0, 5.0), (0.0, 100.0)
_FEW, _SHOWN = 4, 5


def masked(rows: pl.DataFrame, rule: Matching) -> pl.DataFrame:
    """The rows of a rule."""
    found = rows.filter(matched(rule))
    if rule.first or rule.last:
        whole = pl.col("case_id").is_not_null() & pl.col("ts").is_not_null()
        order = found.filter(whole).sort("ts", "row", maintain_order=True)
        chosen = order.unique("case_id", keep="first" if rule.first else "last", maintain_order=True)
        found = pl.concat([chosen, found.filter(~whole)])  # what lacks its case or its time is refused, not passed over
    return found


def not_chosen(rows: pl.DataFrame, mapping: LogMapping) -> pl.Series:
    """Rows that a rule means, but for being neither the first nor the last of their case."""
    chosen = [rule for _, rule in mapping.rules() if rule.first or rule.last]
    if not chosen:
        return rows["row"].head(0)
    return pl.concat([rows.filter(matched(rule))["row"] for rule in chosen]).unique()


def changes_of_state(rows: pl.DataFrame) -> pl.DataFrame:
    """The rows at which the state of a case became another one."""
    order = rows.filter(pl.col("activity").is_not_null()).sort("case_id", "ts", "row", nulls_last=True)
    same = (pl.col("activity") == pl.col("activity").shift(1)) & (pl.col("case_id") == pl.col("case_id").shift(1))
    return order.filter(~same.fill_null(value=False)).sort("row")


def clock_events(rows: pl.DataFrame, every: pl.DataFrame, mapping: LogMapping) -> tuple[list[pl.DataFrame], dict[str, pl.Series]]:
    """Events of the clock; and rows that say nothing new, by reason: a case given to whom it was with already.

    `every` row may give a case to somebody else, also one whose state did not change.
    """
    events, idle = [], {}
    for kind, rules in mapping.clock.items():
        found = pl.concat([masked(every if kind == "ASSIGNED" else rows, rule) for rule in rules]).unique(
            "row", maintain_order=True
        )
        events.append(found.with_columns(type=pl.lit(kind)))
    if mapping.assign:
        given = pl.concat([one for one in events if one.height and one["type"][0] in ("ASSIGNED", "RESOLVED")] or [rows.head(0)])
        if given.height:
            before = given.sort("case_id", "ts", "row", nulls_last=True)
            again = (pl.col("type") == "ASSIGNED") & (pl.col("type").shift(1) == "ASSIGNED")
            again &= (pl.col("case_id") == pl.col("case_id").shift(1)) & (pl.col("actor") == pl.col("actor").shift(1))
            repeated = before.filter(again.fill_null(value=False))["row"]
            if len(repeated):
                idle["given to whom it was with already"] = repeated
                events = [
                    one.filter(~pl.col("row").is_in(repeated.implode())) if one.height and one["type"][0] == "ASSIGNED" else one
                    for one in events
                ]
    return events, idle


def _word(log: pl.DataFrame, given: str | Given | None, mapping: LogMapping) -> pl.Expr:
    said = text_of(log, given) if isinstance(given, Given) else pl.lit(given, dtype=pl.String)
    return said.replace(mapping.words) if mapping.words else said


def author_of(found: pl.DataFrame) -> pl.DataFrame:
    """Rows whose actor is their author: a citizen who rates; of systems and machines nothing is said."""
    machine = pl.col("actor_kind").is_in(["system", "agent", "component"])
    kept = pl.when(~machine).then(pl.col("actor"))
    return found.with_columns(
        actor=kept,
        actor_kind=pl.when(kept.is_not_null()).then(pl.lit("citizen")),
        attributes=_with("author", pl.when(machine).then(pl.col("actor"))),
    )


def without_actor(found: pl.DataFrame, *, keep: bool = True) -> pl.DataFrame:
    """Rows whose actor only wrote them down, and (with `keep`) is named in the attributes."""
    none = pl.lit(None, dtype=pl.String)
    said = _with("author", pl.col("actor")) if keep else pl.col("attributes")
    return found.with_columns(attributes=said, actor=none, actor_kind=none)


def _with(key: str, value: pl.Expr) -> pl.Expr:
    """The attributes with one more text."""
    more = pl.struct(value.alias(key)).struct.json_encode()
    both = pl.concat_str(pl.col("attributes").str.head(-1), pl.lit(", "), more.str.slice(1))
    return pl.when(value.is_null()).then(pl.col("attributes")).otherwise(pl.coalesce(both, more))


def other_events(log: pl.DataFrame, rows: pl.DataFrame, mapping: LogMapping) -> tuple[list[pl.DataFrame], list[Scale | None]]:
    """Ratings, outcomes and the events of `events`; and what the numbers of ratings look like."""
    parts: list[pl.DataFrame] = []
    scales: list[Scale | None] = []
    for place, rating in enumerate(mapping.ratings):
        found = _numbered(log, masked(rows, rating), "value", rating.value, mapping, STARS)
        scales.append(scale_of(found, rating.value, f"ratings[{place}]"))
        found = author_of(found) if rating.about == "case" else found
        parts.append(found.with_columns(type=pl.lit("SAT_SCORE")))
    for word in mapping.outcomes:
        found = masked(rows, word)
        found = _picked(log, found, outcome=_word(log, word.outcome, mapping))
        found = without_actor(found) if word.about == "case" else found
        parts.append(found.with_columns(type=pl.lit("OUTCOME")))
    for place, event in enumerate(mapping.events):
        parts.append(_event(log, rows, event, mapping))
        if event.value is not None and event.type == "SAT_SCORE":
            scales.append(scale_of(parts[-1], event.value, f"events[{place}]"))
    return parts, scales


def _event(log: pl.DataFrame, rows: pl.DataFrame, event: EventMap, mapping: LogMapping) -> pl.DataFrame:
    fields = ("agent", "ai_recommendation", "human_verdict", "initial_verdict", "outcome", "severity")
    words = {name: _word(log, getattr(event, name), mapping) for name in fields if getattr(event, name) is not None}
    found = _picked(log, masked(rows, event), **words)
    if event.by is not None:
        found = _picked(log, found, actor=named(log, event.by, mapping))
        found = found.with_columns(
            actor_kind=kind_of(pl.col("actor"), pl.col("said_kind"), mapping, found["actor"].drop_nulls().to_list())
        )
    if event.value is not None:
        found = _numbered(log, found, "value", event.value, mapping, STARS if event.type == "SAT_SCORE" else SCORE)
    if event.audit_chance is not None:
        found = _numbered(log, found, "audit_chance", event.audit_chance, mapping, (0.0, 1.0))
    return found.with_columns(type=pl.lit(event.type))


def _picked(log: pl.DataFrame, rows: pl.DataFrame, **more: pl.Expr) -> pl.DataFrame:
    """Rows with values of the log beside them."""
    constant = not any(value.meta.root_names() for value in more.values())
    return rows.with_columns(**more) if constant else rows.with_columns(log[rows["row"]].select(**more).get_columns())


def _numbered(
    log: pl.DataFrame, rows: pl.DataFrame, name: str, source: Source, mapping: LogMapping, onto: tuple[float, float]
) -> pl.DataFrame:
    value, raw = number(log, source, mapping.decimal, onto)
    return _picked(log, rows, **{name: value, f"raw_{name}": raw})


@dataclass
class Scale:
    """The ratings of one rule without a scale of their own: figures that add up over the pieces of a log.

    Attributes
    ----------
    place, column
        Where the rule stands in the mapping, and the columns it reads.
    ratings, numbers, outside
        How many there are, how many of them are numbers, and how many of these are no stars.
    values, words
        The different numbers, as far as they are few, and which of `true` and `false` there are.
    most
        The largest number.
    shown
        The first few texts.
    """

    place: str
    column: str
    ratings: int = 0
    numbers: int = 0
    outside: int = 0
    values: set[float] = field(default_factory=set)
    words: set[str] = field(default_factory=set)
    most: float = 0.0
    shown: list[str] = field(default_factory=list)

    def add(self, other: Scale) -> None:
        """Take in the figures of another piece."""
        self.ratings, self.numbers, self.outside = (
            self.ratings + other.ratings,
            self.numbers + other.numbers,
            self.outside + other.outside,
        )
        self.values = set(sorted(self.values | other.values)[:_FEW])
        self.words |= other.words
        self.most = max(self.most, other.most)
        self.shown = list(dict.fromkeys([*self.shown, *other.shown]))[:_SHOWN]


def scale_of(found: pl.DataFrame, source: Source, place: str) -> Scale | None:
    """What ratings (`value`, `raw_value`) look like; None where their scale is said."""
    if isinstance(source, Given) and source.scale is not None:
        return None
    texts = found["raw_value"].drop_nulls().str.to_lowercase()
    values = found["value"].drop_nulls()
    return Scale(
        place,
        ", ".join(columns_of(source)) or "...",
        len(texts),
        len(values),
        int((~values.is_between(*STARS)).sum()),
        set(values.unique().sort().head(_FEW).to_list()),
        {word for word in ("true", "false") if (texts == word).any()},
        float(str(values.max() or 0)),
        texts.unique(maintain_order=True).head(_SHOWN).to_list(),
    )


def check_scale(seen: Scale, where: str) -> None:
    """Ratings that are on another scale than stars are refused: thumbs would be read as one star each."""
    if not seen.ratings:
        return
    kinds: set[float | str] = {*seen.values, *seen.words}
    thumbs = bool(kinds) and kinds <= {-1.0, 0.0, 1.0, "true", "false"} and (kinds != {1.0} or seen.numbers >= 3)
    if thumbs or (seen.outside + seen.ratings - seen.numbers) * 10 > seen.ratings:
        low, high = (0, 1) if thumbs and -1.0 not in kinds else (-1, 1) if thumbs else (0, max(10, int(seen.most or 10)))
        next_ = f"say what its lowest and highest value are: value: {{column: {seen.column}, scale: [{low}, {high}]}}"
        what = f"{seen.place}.value: this is not a scale of 1 to 5"
        raise MappingError(
            "ratings cannot be read", problems=[Problem(what, ", ".join(seen.shown), "stars from 1 to 5", where, next_)]
        )
