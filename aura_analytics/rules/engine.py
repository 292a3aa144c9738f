"""Evaluation of a policy over dossiers.

Every comparison comes out as one of five answers, from which verdicts follow:

    NO           decided: not met                      -> clear
    LEANS_NO     undecided, the value is on this side  -> clear
    UNKNOWN      not enough observations to say        -> insufficient
    LEANS_YES    undecided, the value meets it         -> watch
    YES          decided: met                          -> flag

`all` is the weakest of its answers, `any` the strongest; UNKNOWN is weaker than a leaning "no" in `all`, and stronger in `any`,
since it could turn out either way.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import polars as pl

from aura_analytics.rules.comparisons.peers import PeerRate, from_peers
from aura_analytics.rules.grammar import All, Any_, Condition, Leaf, PolicyFile
from aura_analytics.rules.numbers import Board
from aura_analytics.statistics import intervals

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Codes = NDArray[np.int8]
    Floats = NDArray[np.float64]

__all__ = ["ANSWERS", "VERDICTS", "Answer", "Finding", "answer", "applies", "as_data", "gravest", "one_sided", "verdict_codes"]

ANSWERS = ("no", "leans_no", "unknown", "leans_yes", "yes")
NO, LEANS_NO, UNKNOWN, LEANS_YES, YES = range(5)
VERDICTS = ("insufficient", "clear", "watch", "flag")
INSUFFICIENT, CLEAR, WATCH, FLAG = range(4)
_VERDICT_OF = np.array([CLEAR, CLEAR, INSUFFICIENT, WATCH, FLAG], dtype=np.int8)
# order in which `all` takes the minimum: an unknown leg outweighs a leaning "no", never a decided one
_WEAK = np.array([0, 2, 1, 3, 4], dtype=np.int8)


def as_data() -> dict[str, Any]:
    """The tables of this module, for a script that evaluates comparisons by itself."""
    return {"answers": list(ANSWERS), "verdicts": list(VERDICTS), "verdict_of": _VERDICT_OF.tolist(), "weak": _WEAK.tolist()}


@dataclass
class Answer:
    """What one comparison came out as, for every row of a dossier frame."""

    leaf: Leaf
    codes: Codes
    value: Floats
    n: Floats
    bound: Floats
    thresholds: list[Floats]
    why: Callable[[], pl.Series]  # why there is no value, in words

    def row(self, at: int) -> Finding:
        """What was found about one row, as plain numbers, for putting it into words."""
        limits = tuple(float(array[at]) for array in self.thresholds)
        return Finding(self.leaf, int(self.codes[at]), float(self.value[at]), float(self.n[at]), float(self.bound[at]), limits)


class Finding(NamedTuple):
    """What one comparison came out as for one actor; NaN where there is no number."""

    leaf: Leaf
    code: int
    value: float
    n: float
    bound: float
    thresholds: tuple[float, ...]


def answer(condition: Condition, board: pl.DataFrame | Board) -> tuple[Codes, list[Answer]]:
    """The answers of a condition and of every comparison in it."""
    rows = board if isinstance(board, Board) else Board(board)
    if isinstance(condition, Leaf):
        one = rows.answered(condition, _compare)
        return one.codes, [one]
    parts = [answer(part, rows) for part in (condition.all if isinstance(condition, All) else condition.any)]
    codes = np.stack([code for code, _ in parts])
    leaves = [leaf for _, found in parts for leaf in found]
    if isinstance(condition, Any_):
        return codes.max(axis=0), leaves
    return _WEAK[_WEAK[codes].min(axis=0)], leaves


def verdict_codes(codes: Codes, at_most: str = "flag") -> Codes:
    """Verdicts (positions in `VERDICTS`) of answers, the gravest of which is a flag, or a reason to look."""
    found = _VERDICT_OF[codes]
    return np.minimum(found, WATCH).astype(np.int8) if at_most == "watch" else found


def _compare(leaf: Leaf, rows: Board) -> Answer:
    board, operator = rows.frame, leaf.op
    value, n, missing = rows.numbers(leaf.metric)
    if leaf.zero_is_missing:
        missing = missing | (value == 0)
    shown = np.where(missing, np.nan, value)
    thresholds, known = _thresholds(leaf, board)
    filled = shown if leaf.missing_as is None else np.where(missing, leaf.missing_as, shown)
    met = operator.met(filled, thresholds)
    few = n < leaf.min_n
    unknown = np.isnan(filled) | few | ~known if leaf.missing_as is None else ~known | (~missing & few)
    bound = np.full(board.height, np.nan)
    codes = met.view(np.int8) * np.int8(LEANS_YES - LEANS_NO) + np.int8(LEANS_NO)
    if leaf.anytime is not None:
        k = np.round(np.where(missing, 0, value) * n)
        e = intervals.mixture_e_value(k, n, leaf.numbers[0])
        bound = np.exp(np.minimum(e, 700))
        codes[e >= -math.log(leaf.anytime)] = YES
    elif leaf.limit is not None:
        low, high = rows.limits(leaf.kind, 2 * leaf.confidence - 1)
        if isinstance(leaf.threshold, PeerRate):  # peers are not known without doubt either: the difference is what counts
            low, high = from_peers(low, high, value, thresholds[0], leaf.confidence, leaf.metric, board)
        decided_yes, decided_no = operator.decided(low, high, thresholds)
        np.putmask(codes, decided_no, NO)
        np.putmask(codes, decided_yes, YES)
        if operator.limits != "both":  # the limit that speaks: towards the threshold where it is met, from it where it is not
            near, far = (low, high) if operator.limits == "lower" else (high, low)
            bound = np.where(met, near, far)
        # what the data excludes is excluded, however few they are
        unknown &= ~(decided_no & ~missing & known)
    else:
        codes = met.view(np.int8) * np.int8(YES)
    np.putmask(codes, unknown, UNKNOWN)
    return Answer(leaf, codes, shown, n, bound, thresholds, partial(rows.reasons, leaf.metric))


def _thresholds(leaf: Leaf, board: pl.DataFrame) -> tuple[list[Floats], NDArray[np.bool_]]:
    if isinstance(leaf.threshold, PeerRate):
        threshold, known = leaf.threshold.of(board, leaf.metric)
        return [threshold], known
    return [np.full(board.height, number) for number in leaf.numbers], np.ones(board.height, dtype=bool)


def gravest(codes: Codes) -> Codes:
    """Over several rules (the rows): the gravest of flag and watch; otherwise insufficient when any rule lacks evidence; else
    clear.
    """
    grave = codes.max(axis=0)
    lacking = (codes == INSUFFICIENT).any(axis=0)
    return np.where(grave >= WATCH, grave, np.where(lacking, INSUFFICIENT, CLEAR)).astype(np.int8)


def one_sided(board: pl.DataFrame, policy: PolicyFile) -> NDArray[np.bool_]:
    """Who never once issued the agreeing verdict, where the policy asks for both."""
    if not policy.evidence.both_verdicts:
        return np.zeros(board.height, dtype=bool)
    decided = board["agreed_ever"].is_not_null() if "override_rate_n" not in board.columns else board["override_rate_n"] > 0
    return (decided & (board["agreed_ever"] == False).fill_null(value=False)).to_numpy()  # noqa: E712


def applies(board: pl.DataFrame, policy: PolicyFile) -> NDArray[np.bool_]:
    """Whose kind the policy judges; an actor of unknown kind is judged."""
    kind = board["actor_kind"].cast(pl.String)
    return (kind.is_null() | kind.is_in(policy.kinds)).to_numpy()
