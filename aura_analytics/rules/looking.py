"""What a reason to look asks for: so many judged verdicts, and whether somebody is over a line is decided."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from aura_analytics.errors import ParameterError
from aura_analytics.metrics.kinds.audited import AuditedRate
from aura_analytics.rules import engine
from aura_analytics.rules.comparisons.peers import PeerRate
from aura_analytics.rules.grammar import Leaf, PolicyFile
from aura_analytics.rules.reasons import Result
from aura_analytics.statistics.audit_plans import audits_to_decide

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["audits_asked", "looked_into"]

_LOOK = "a reason to look, which is no finding"


def looked_into(spec: PolicyFile, results: list[Result], codes: NDArray[np.int8]) -> list[list[str]]:
    """Per rule and row what is said before its comparisons: of rules that are a reason to look, how many audits would decide.

    Parameters
    ----------
    spec
        The policy.
    results
        What its rules found.
    codes
        Their verdicts, shape (rules, rows).
    """
    rows = codes.shape[1]
    notes = [[""] * rows for _ in spec.rules]
    if all(rule.at_most == "flag" for rule in spec.rules):
        return notes
    more = np.zeros(rows, dtype=np.int64)
    for rule, (_, leaves) in zip(spec.rules, results, strict=True):
        for one in leaves if rule.at_most == "flag" else ():
            if isinstance(one.leaf.kind, AuditedRate) and not isinstance(one.leaf.threshold, PeerRate):
                undecided = (one.codes != engine.YES) & (one.codes != engine.NO)
                more = np.maximum(more, np.where(undecided, np.maximum(audits_asked(one.leaf) - one.n.astype(np.int64), 1), 0))
    texts = [
        f"{_LOOK}: about {number} more audits decide (draw_audits)" if number else f"{_LOOK}; what was judged keeps the limits"
        for number in more.tolist()
    ]
    for r, rule in enumerate(spec.rules):
        if rule.at_most == "watch":
            notes[r] = [text if code == engine.WATCH else "" for text, code in zip(texts, codes[r].tolist(), strict=True)]
    return notes


def audits_asked(leaf: Leaf) -> int:
    """How many judged verdicts tell who is well over a comparison's threshold from who is well under it."""
    (limit,) = leaf.numbers
    return _needed(limit, leaf.confidence, leaf.min_n)


@lru_cache(maxsize=64)
def _needed(limit: float, confidence: float, least: int) -> int:
    if not 0 < limit < 1:  # whoever is over 0 is so with the first hit, and nobody is over 1
        return max(least, 1)
    bad = min(limit + 0.25, (1 + limit) / 2)
    try:
        return audits_to_decide(limit, bad, limit / 2, confidence=confidence, min_n=max(least, 1), false=0.02).n
    except ParameterError:  # more than anybody will have
        return max(least, 1)
