"""What rules found, in words."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from aura_analytics.clock.times import span_of_time
from aura_analytics.metrics.wording import UNDEFINED, distances, figure, figures, observations, text_series
from aura_analytics.rules.comparisons import OPERATORS, Operator
from aura_analytics.rules.comparisons.peers import PeerRate
from aura_analytics.rules.engine import ANSWERS, LEANS_NO, LEANS_YES, NO, UNKNOWN, YES, Answer, Finding
from aura_analytics.rules.grammar import All, Condition, Leaf, RuleSpec

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "clearing",
    "condition_words",
    "evidence",
    "one_sided_at",
    "sentences",
    "unsettled",
    "verdict_label",
    "verdict_words",
    "would_clear",
]

_STATES = {YES: "met", LEANS_YES: "cannot be told", UNKNOWN: "cannot be told", LEANS_NO: "cannot be told", NO: "not met"}
_OTHER = {"lower": "upper", "upper": "lower", "both": "", None: ""}
_VERDICTS = {
    "flag": "flagged: a plan is recommended",
    "watch": "watch: a reason to look, no finding",
    "clear": "not flagged",
    "insufficient": "not enough evidence to say",
    "not_judged": "not judged",
}


def verdict_words(verdict: str) -> str:
    """A verdict as a phrase. (`clear` reads "not flagged": a value may lie over a line and nothing follow from it.)"""
    return _VERDICTS.get(verdict, verdict)


def verdict_label(verdict: str) -> str:
    """A verdict in a table or a legend.

    Examples
    --------
    >>> verdict_label("clear"), verdict_label("flag")
    ('not flagged', 'flag')
    """
    return {"clear": "not flagged", "not_judged": "not judged"}.get(verdict, verdict)


def one_sided_at(confidence: float) -> str:
    """A one-sided level, in words.

    Examples
    --------
    >>> one_sided_at(0.95)
    'at 95 % confidence (one-sided)'
    """
    return f"at {100 * confidence:g} % confidence (one-sided)"


def sentences(one: Answer) -> pl.Series:
    """What a comparison found about every row: met, not met or cannot be told, by how much, and with one kind of limit."""
    leaf, unit, counted_in = one.leaf, one.leaf.kind.unit, one.leaf.kind.counted_in
    peers = leaf.threshold if isinstance(leaf.threshold, PeerRate) else None
    margin = "" if peers is None else f" (peers' rate plus {100 * peers.role_rate_plus:.0f} points)"
    default = "" if leaf.missing_as is None else f", counted as {figure(leaf.missing_as, unit)}"
    fixed = " and ".join(figure(number, unit) for number in leaf.numbers)
    level = one_sided_at(leaf.confidence) + (", as seen from the peers" if peers else "")
    whole = one.n.astype(np.int64)
    known = pl.DataFrame(
        {
            "code": one.codes,
            "value": text_series(one.value, lambda values: figures(values, unit)),
            "n": text_series(whole, lambda values: [f"{n:,}" for n in values.tolist()]),
            "counted": text_series(whole, lambda values: [observations(n, counted_in) for n in values.tolist()]),
            "limit": text_series(one.thresholds[0], lambda values: figures(values, unit)) if peers else [fixed] * len(one.codes),
            "apart": _apart(one),
            "why": one.why(),
        }
    )
    value, n, code, apart = (pl.col(name) for name in ("value", "n", "code", "apart"))
    asked = pl.format("{} {}{}", pl.lit(leaf.word), pl.col("limit"), pl.lit(margin))
    start = pl.concat_str(code.replace_strict(_STATES, return_dtype=pl.String), pl.lit(f": {leaf.kind.title}"))
    has_none = pl.lit("has no data")
    no_value = pl.when(pl.col("why") == "no data").then(has_none).otherwise(pl.format("cannot be told ({})", pl.col("why")))
    is_met = code >= LEANS_YES
    if leaf.anytime is not None:
        known = known.with_columns(bound=text_series(one.bound, lambda values: [f"{bound:.3g}" for bound in values.tolist()]))
        e_value = pl.lit(f"{1 / leaf.anytime:g}")
        found = pl.format(
            "{} {} (n = {}), {} asks for an e-value of {} and it is {}", start, value, n, asked, e_value, pl.col("bound")
        )
    else:
        known = known.with_columns(bound=text_series(one.bound, lambda values: figures(values, unit)))
        no = pl.when(is_met).then(pl.lit("")).otherwise(pl.lit("not "))
        comma = pl.when(is_met | (apart == "")).then(pl.lit("")).otherwise(pl.lit(","))
        found = pl.format("{} {} (n = {}) is {}{}{}{}", start, value, n, no, asked, comma, apart)
        if leaf.limit is not None:
            doubt = pl.when(code.is_in([YES, NO])).then(pl.lit("")).otherwise(pl.lit("but not "))
            speaks = pl.when(is_met).then(pl.lit(leaf.limit)).otherwise(pl.lit(_OTHER[leaf.limit]))
            seen = (
                pl.when(pl.col("bound") == UNDEFINED)
                .then(pl.lit(""))
                .otherwise(pl.format(": {} limit {}", speaks, pl.col("bound")))
            )
            found = pl.format("{}, {}{}{}", found, doubt, pl.lit(level), seen)
    said = (
        pl.when(pl.col("limit") == UNDEFINED)
        .then(pl.format("{} (no role declared, or too few peers to compare with)", start))
        .when(value == UNDEFINED)
        .then(pl.format("{} {}{} ({} is asked)", start, no_value, pl.lit(default), asked))
        .when(code == UNKNOWN)
        .then(pl.format("{} {} on {}, at least {} needed ({} is asked)", start, value, pl.col("counted"), leaf.min_n, asked))
        .otherwise(found)
    )
    return known.select(said.alias("said")).to_series()


def _apart(one: Answer) -> pl.Series:
    """How far values lie from their threshold, in words; nothing where there are several."""
    if len(one.thresholds) != 1:
        return pl.Series([""], dtype=pl.String).new_from_index(0, len(one.codes))
    unit = one.leaf.kind.unit

    def words(values: Any) -> list[str]:
        return ["" if text == UNDEFINED else f" by {text}" for text in distances(values, unit)]

    return text_series(np.abs(one.value - one.thresholds[0]), words)


def unsettled(one: Answer, rows: NDArray[np.int64]) -> pl.Series:
    """What an undecided comparison lacks: the metric, and how many more observations would settle it at this very rate.

    Of the rows that are named; `more` is null where no number can be given (a mean may settle at any time, or never).
    """
    leaf = one.leaf
    fixed = leaf.limit is not None and not isinstance(leaf.threshold, PeerRate) and len(one.thresholds) == 1
    level = 2 * leaf.confidence - 1

    def more(value: float, n: float) -> int | None:
        short = max(0, leaf.min_n - int(n)) or None
        if not fixed or math.isnan(value):
            return short
        needed = leaf.kind.observations_to_settle(value, n, one.thresholds[0][0], level)
        if needed is None:
            return None if leaf.kind.counts_hits else short  # a mean may settle at any time
        return max(short or 0, needed, 1)

    value, n = one.value[rows], one.n[rows]
    _, first, which = np.unique(np.nan_to_num(value, nan=-1e300) + 1j * n, return_index=True, return_inverse=True)
    found = pl.Series([more(value[at], n[at]) for at in first.tolist()], dtype=pl.Int64).gather(which)
    whole = pl.Series([None], dtype=pl.Int64).new_from_index(0, len(one.codes)).scatter(rows, found)
    return pl.DataFrame({"more": whole}).select(pl.struct(metric=pl.lit(leaf.metric), more="more")).to_series()


def clearing(condition: Condition, findings: Iterator[Finding]) -> list[str]:
    """Ways in which a condition that speaks against an actor would stop doing so; empty when it does not speak.

    `findings` come in the order of the comparisons. Of `all`, any one way is enough; of `any`, every part needs one.
    """
    if isinstance(condition, Leaf):
        one = next(findings)
        return [] if one.code < LEANS_YES else [_way_out(one)]
    parts = [clearing(part, findings) for part in (condition.all if isinstance(condition, All) else condition.any)]
    if isinstance(condition, All):
        return [way for ways in parts for way in ways] if all(parts) else []
    speaking = [" or ".join(ways) for ways in parts if ways]
    return [" and ".join(speaking)] if speaking else []


def _way_out(one: Finding) -> str:
    leaf = one.leaf
    limits = " and ".join(figure(number, leaf.kind.unit) for number in one.thresholds)
    return f"{leaf.kind.title} {_opposite(leaf.op)} {limits}{_of_so_many(leaf)}"


def _opposite(op: Operator) -> str:
    other = OPERATORS.get(op.opposite) if op.opposite else None
    return f"not {op.word}" if other is None else other.word


def _of_so_many(leaf: Leaf) -> str:
    return f" on at least {leaf.min_n:,} {leaf.kind.counted_in}" if leaf.min_n > 1 else ""


def would_clear(rule: RuleSpec, findings: Iterable[Finding], window: str | None = None) -> list[str]:
    """What would end a rule's speaking against an actor, each way enough: numbers over a new window, never a count of what is to
    be left undone.
    """
    if rule.at_most == "watch":
        return [f"{rule.title or rule.id}: judged verdicts that keep the limits of the other rules, not fewer overrides"]
    over = "over the whole log" if window is None else f"over the {span_of_time(window)} to come"
    if rule.clear_when is not None:
        return [f"{rule.title or rule.id}: {condition_words(rule.clear_when)}, {over}"]
    return [f"{rule.title or rule.id}: {way}, {over}" for way in clearing(rule.when, iter(findings))]


def condition_words(condition: Condition) -> str:
    """A condition as a phrase.

    Examples
    --------
    >>> import aura_analytics as aura
    >>> condition_words(aura.Policy.tracker().spec.rules[0].when)
    'Override rate above 30.0 % and Satisfaction below 3.00 stars'
    """
    if isinstance(condition, Leaf):
        level = f" {one_sided_at(condition.confidence)}" if condition.limit else ""
        if condition.anytime is not None:
            level = f", however often one looks (error {100 * condition.anytime:g} %)"
        threshold = condition.threshold
        if isinstance(threshold, PeerRate):
            shown = f"the peers' rate plus {100 * threshold.role_rate_plus:g} points"
        else:
            shown = " and ".join(figure(number, condition.kind.unit) for number in condition.numbers)
        return f"{condition.kind.title} {condition.word} {shown}{level}{_of_so_many(condition)}"
    joint = " and " if isinstance(condition, All) else " or "
    return joint.join(condition_words(part) for part in (condition.all if isinstance(condition, All) else condition.any))


def evidence(one: Answer) -> pl.Series:
    """The numbers behind a comparison, a struct a row; null where there is none."""
    limits = [f"threshold{i}" for i in range(len(one.thresholds))]
    numbers = {"value": one.value, "bound": one.bound, **dict(zip(limits, one.thresholds, strict=True))}
    table = pl.DataFrame({name: pl.Series(values, nan_to_null=True) for name, values in numbers.items()} | {"code": one.codes})
    return table.select(
        pl.struct(
            metric=pl.lit(one.leaf.metric),
            value="value",
            n=pl.Series(one.n.astype(np.int64)),
            bound="bound",
            comparison=pl.lit(one.leaf.word),
            threshold=limits[0],
            answer=pl.col("code").replace_strict(dict(enumerate(ANSWERS)), return_dtype=pl.String),
            operator=pl.lit(one.leaf.operator),
            thresholds=pl.concat_list(limits).list.drop_nulls(),
        )
    ).to_series()
