"""What rules found, in words."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import polars as pl

from aura_analytics.metrics.wording import UNDEFINED, figure, figures
from aura_analytics.rules.comparisons.peers import PeerRate
from aura_analytics.rules.engine import ANSWERS, LEANS_NO, LEANS_YES, NO, UNKNOWN, YES, Answer, Finding
from aura_analytics.rules.grammar import All, Condition, Leaf, RuleSpec

__all__ = ["clearing", "evidence", "sentences", "unsettled", "verdict_words", "would_clear"]

_ENDINGS = {
    YES: " beyond doubt",
    LEANS_YES: ", but not beyond doubt",
    LEANS_NO: ", but that is not beyond doubt",
    NO: ", beyond doubt",
}
_OTHER = {"lower": "upper", "upper": "lower", "both": "", None: ""}
_VERDICTS = {
    "flag": "flagged: a plan is recommended",
    "watch": "watch: it looks so, but not beyond doubt",
    "clear": "clear",
    "insufficient": "not enough evidence to say",
    "not_judged": "not judged",
}


def verdict_words(verdict: str) -> str:
    """A verdict as a phrase."""
    return _VERDICTS.get(verdict, verdict)


def sentences(one: Answer) -> pl.Series:
    """What a comparison found about every row, with its numbers."""
    leaf, unit = one.leaf, one.leaf.kind.unit
    peers = leaf.threshold if isinstance(leaf.threshold, PeerRate) else None
    margin = "" if peers is None else f" (peers' rate plus {100 * peers.role_rate_plus:.0f} points)"
    default = "" if leaf.missing_as is None else f", counted as {leaf.missing_as:g}"
    name, word = leaf.metric, leaf.word
    fixed = " and ".join(figure(number, unit) for number in leaf.numbers)
    thresholds = figures(one.thresholds[0], unit) if peers else [fixed] * len(one.codes)
    level = f"{100 * leaf.confidence:g} % limit" + (" as seen from the peers" if peers else "")

    def sentence(code: int, value: str, n: int, bound: str, limit: str) -> str:
        if limit == UNDEFINED:
            return f"{name}: no role declared, or too few peers to compare with"
        asked = f"{word} {limit}{margin}"
        if value == UNDEFINED:
            return f"{name}: no data{default} ({asked} is asked)"
        if code == UNKNOWN:
            return f"{name} {value} on n = {n}: at least {leaf.min_n} needed"
        if leaf.anytime is not None:
            state = "beyond doubt" if code == YES else "not beyond doubt"
            return f"{name} {value} (n = {n}), {state}: e-value {bound} of {1 / leaf.anytime:g} needed for {asked}"
        if leaf.limit is None:
            return f"{name} {value} (n = {n}) is {'' if code == YES else 'not '}{asked}"
        speaks = leaf.limit if code >= LEANS_YES else _OTHER[leaf.limit]
        seen = "" if bound == UNDEFINED else f", {speaks} {level} {bound}"
        return f"{name} {value} (n = {n}{seen}) is {'' if code >= LEANS_YES else 'not '}{asked}{_ENDINGS[code]}"

    bounds = [f"{bound:.3g}" for bound in one.bound.tolist()] if leaf.anytime is not None else figures(one.bound, unit)
    columns = one.codes.tolist(), figures(one.value, unit), one.n.astype(np.int64).tolist(), bounds, thresholds
    return pl.Series(list(map(sentence, *columns)), dtype=pl.String)


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
    text = f"{leaf.metric} not {leaf.word} {' and '.join(figure(number, leaf.kind.unit) for number in one.thresholds)}"
    if leaf.op.limits == "lower" and len(one.thresholds) == 1:
        more = leaf.kind.observations_to_leave(one.value, one.n, one.thresholds[0], strict=leaf.op.strict)
        text += "" if more is None else f": for instance {more:,} more without a single one"
    return text


def would_clear(rule: RuleSpec, findings: Iterable[Finding]) -> list[str]:
    """What would end a rule's speaking against an actor, each way enough."""
    if rule.clear_when is not None:
        return [f"{rule.id}: {_in_words(rule.clear_when)}"]
    return [f"{rule.id}: {way}" for way in clearing(rule.when, iter(findings))]


def _in_words(condition: Condition) -> str:
    if isinstance(condition, Leaf):
        limit = f" at its {condition.limit} limit" if condition.limit else ""
        threshold = condition.threshold if isinstance(condition.threshold, PeerRate) else " and ".join(map(str, condition.numbers))
        return f"{condition.metric} {condition.word} {threshold}{limit}"
    joint = " and " if isinstance(condition, All) else " or "
    return joint.join(_in_words(part) for part in (condition.all if isinstance(condition, All) else condition.any))


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
