"""What rules found, in words."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import polars as pl

from aura_analytics.clock.times import span_of_time
from aura_analytics.metrics.wording import UNDEFINED, distances, figure, figures, observations
from aura_analytics.rules.comparisons import OPERATORS, Operator
from aura_analytics.rules.comparisons.peers import PeerRate
from aura_analytics.rules.engine import ANSWERS, LEANS_NO, LEANS_YES, NO, UNKNOWN, YES, Answer, Finding
from aura_analytics.rules.grammar import All, Condition, Leaf, RuleSpec

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
    name, word = leaf.kind.title, leaf.word
    fixed = " and ".join(figure(number, unit) for number in leaf.numbers)
    thresholds = figures(one.thresholds[0], unit) if peers else [fixed] * len(one.codes)
    level = one_sided_at(leaf.confidence) + (", as seen from the peers" if peers else "")

    def sentence(code: int, value: str, n: int, bound: str, limit: str, apart: str) -> str:
        state = _STATES[code]
        if limit == UNDEFINED:
            return f"{state}: {name} (no role declared, or too few peers to compare with)"
        asked, counted = f"{word} {limit}{margin}", observations(n, counted_in)
        if value == UNDEFINED:
            return f"{state}: {name} has no data{default} ({asked} is asked)"
        if code == UNKNOWN:
            return f"{state}: {name} {value} on {counted}, at least {leaf.min_n} needed ({asked} is asked)"
        if leaf.anytime is not None:
            return f"{state}: {name} {value} (n = {n:,}), {asked} asks for an e-value of {1 / leaf.anytime:g} and it is {bound}"
        is_met = code >= LEANS_YES
        found = (
            f"{state}: {name} {value} (n = {n:,}) is {'' if is_met else 'not '}{asked}{'' if is_met or not apart else ','}{apart}"
        )
        if leaf.limit is None:
            return found
        speaks = leaf.limit if is_met else _OTHER[leaf.limit]
        seen = "" if bound == UNDEFINED else f": {speaks} limit {bound}"
        return f"{found}, {'' if code in (YES, NO) else 'but not '}{level}{seen}"

    bounds = [f"{bound:.3g}" for bound in one.bound.tolist()] if leaf.anytime is not None else figures(one.bound, unit)
    columns = one.codes.tolist(), figures(one.value, unit), one.n.astype(np.int64).tolist(), bounds, thresholds, _apart(one)
    return pl.Series(list(map(sentence, *columns)), dtype=pl.String)


def _apart(one: Answer) -> list[str]:
    """How far values lie from their threshold, in words; nothing where there are several."""
    if len(one.thresholds) != 1:
        return [""] * len(one.codes)
    unit = one.leaf.kind.unit
    return ["" if text == UNDEFINED else f" by {text}" for text in distances(np.abs(one.value - one.thresholds[0]), unit)]


def unsettled(one: Finding) -> dict[str, Any] | None:
    """What an undecided comparison lacks: the metric, and how many more observations would settle it at this very rate.

    None when it is decided; `more` is None where no number can be given (a mean may settle at any time, or never).
    """
    leaf = one.leaf
    if one.code in (NO, YES):
        return None
    more: int | None = max(0, leaf.min_n - int(one.n)) or None
    fixed = leaf.limit is not None and not isinstance(leaf.threshold, PeerRate) and len(one.thresholds) == 1
    if fixed and not math.isnan(one.value):
        needed = leaf.kind.observations_to_settle(one.value, one.n, one.thresholds[0], 2 * leaf.confidence - 1)
        if needed is None and not leaf.kind.counts_hits:  # a mean may settle at any time
            return {"metric": leaf.metric, "more": more}
        more = None if needed is None else max(more or 0, needed, 1)
    return {"metric": leaf.metric, "more": more}


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


def evidence(one: Finding) -> dict[str, Any]:
    """The numbers behind a comparison."""
    return {
        "metric": one.leaf.metric,
        "value": None if math.isnan(one.value) else one.value,
        "n": int(one.n),
        "bound": None if math.isnan(one.bound) else one.bound,
        "comparison": one.leaf.word,
        "threshold": None if math.isnan(one.thresholds[0]) else one.thresholds[0],
        "answer": ANSWERS[one.code],
        "operator": one.leaf.operator,
        "thresholds": [number for number in one.thresholds if not math.isnan(number)],
    }
