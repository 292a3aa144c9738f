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
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import polars as pl

from aura_analytics import intervals
from aura_analytics.metrics.base import Rate
from aura_analytics.metrics.registry import METRICS
from aura_analytics.rules.grammar import All, Any_, Condition, Leaf, PeerRate, PolicyFile

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Codes = NDArray[np.int8]
    Floats = NDArray[np.float64]

__all__ = ["VERDICTS", "Answer", "Board", "answer", "gravest", "one_sided", "peers_rate", "verdict_codes"]

NO, LEANS_NO, UNKNOWN, LEANS_YES, YES = range(5)
VERDICTS = ("insufficient", "clear", "watch", "flag")
INSUFFICIENT, CLEAR, WATCH, FLAG = range(4)
_VERDICT_OF = np.array([CLEAR, CLEAR, INSUFFICIENT, WATCH, FLAG], dtype=np.int8)
# order in which `all` takes the minimum: an unknown leg outweighs a leaning "no", never a decided one
_WEAK = np.array([0, 2, 1, 3, 4], dtype=np.int8)


@dataclass
class Answer:
    """What one comparison came out as, for every row of a dossier frame."""

    leaf: Leaf
    codes: Codes
    value: Floats
    n: Floats
    bound: Floats
    threshold: Floats

    def rows(self) -> Iterator[Finding]:
        """What was found about each row, as plain numbers, for putting it into words."""
        arrays = (self.codes, self.value, self.n, self.bound, self.threshold)
        for code, value, n, bound, threshold in zip(*(array.tolist() for array in arrays), strict=True):
            yield Finding(self.leaf, code, value, n, bound, threshold)


class Finding(NamedTuple):
    """What one comparison came out as for one actor; NaN where there is no number."""

    leaf: Leaf
    code: int
    value: float
    n: float
    bound: float
    threshold: float


def answer(condition: Condition, board: pl.DataFrame | Board) -> tuple[Codes, list[Answer]]:
    """The answers of a condition and of every comparison in it."""
    rows = board if isinstance(board, Board) else Board(board)
    if isinstance(condition, Leaf):
        one = _compare(condition, rows)
        return one.codes, [one]
    parts = [answer(part, rows) for part in (condition.all if isinstance(condition, All) else condition.any)]
    codes = np.stack([code for code, _ in parts])
    leaves = [leaf for _, found in parts for leaf in found]
    if isinstance(condition, Any_):
        return codes.max(axis=0), leaves
    return _WEAK[_WEAK[codes].min(axis=0)], leaves


def verdict_codes(codes: Codes) -> Codes:
    """Verdicts (positions in `VERDICTS`) of answers."""
    return _VERDICT_OF[codes]


def _floats(board: pl.DataFrame, column: str) -> Floats:
    return board[column].cast(pl.Float64).fill_null(float("nan")).to_numpy()


def _met(values: Floats, thresholds: Floats, leaf: Leaf) -> NDArray[np.bool_]:
    with np.errstate(invalid="ignore"):
        if leaf.side == "high":
            return values > thresholds if leaf.strict else values >= thresholds
        return values < thresholds if leaf.strict else values <= thresholds


class Board:
    """A dossier frame whose numbers are taken out once, however often they are compared.

    Parameters
    ----------
    frame
        Dossiers.
    """

    def __init__(self, frame: pl.DataFrame) -> None:
        self.frame = frame
        self._numbers: dict[str, tuple[Floats, Floats, NDArray[np.bool_]]] = {}
        self._limits: dict[tuple[str, float], tuple[Floats, Floats]] = {}
        self._kept: dict[str, NDArray[np.bool_]] = {}

    def numbers(self, metric: str) -> tuple[Floats, Floats, NDArray[np.bool_]]:
        """Values, observations, and where there are none, of a metric."""
        if metric not in self._numbers:
            value, n_column = _floats(self.frame, metric), f"{metric}_n"
            n = _floats(self.frame, n_column) if n_column in self.frame.columns else np.ones(self.frame.height)
            n = np.where(np.isnan(n), 0, n)
            self._numbers[metric] = value, n, np.isnan(value) | (n == 0)
        return self._numbers[metric]

    def limits(self, metric: str, level: float) -> tuple[Floats, Floats]:
        """Two-sided limits of a metric at a level."""
        if (metric, level) not in self._limits:
            self._limits[metric, level] = METRICS[metric].limits(self.frame, level)
        return self._limits[metric, level]

    def once(self, name: str, make: Callable[[], NDArray[np.bool_]]) -> NDArray[np.bool_]:
        """What depends on nothing that is moved."""
        if name not in self._kept:
            self._kept[name] = make()
        return self._kept[name]


def _compare(leaf: Leaf, rows: Board) -> Answer:
    board = rows.frame
    value, n, missing = rows.numbers(leaf.metric)
    if leaf.zero_is_missing:
        missing = missing | (value == 0)
    shown = np.where(missing, np.nan, value)
    threshold, known = _thresholds(leaf, board)
    filled = shown if leaf.missing_as is None else np.where(missing, leaf.missing_as, shown)
    met = _met(filled, threshold, leaf)
    unknown = (
        (np.isnan(filled) | (n < leaf.min_n) | ~known) if leaf.missing_as is None else (~known | (~missing & (n < leaf.min_n)))
    )
    bound = np.full(board.height, np.nan)
    if leaf.anytime is not None:
        k = np.round(np.where(missing, 0, value) * n)
        e = intervals.mixture_e_value(k, n, float(leaf.above)) if isinstance(leaf.above, float) else bound
        bound = np.exp(np.minimum(e, 700))
        codes = np.where(e >= -math.log(leaf.anytime), YES, np.where(met, LEANS_YES, LEANS_NO))
    elif leaf.limit is not None:
        low, high = rows.limits(leaf.metric, 2 * leaf.confidence - 1)
        if isinstance(leaf.threshold, PeerRate):  # peers are not known without doubt either: the difference is what counts
            low, high = _from_peers(low, high, value, threshold, leaf, board)
        near, far = (low, high) if leaf.limit == "lower" else (high, low)
        decided_yes = _met(near, threshold, leaf)
        decided_no = ~np.isnan(far) & ~_met(far, threshold, leaf)
        codes = np.where(decided_yes, YES, np.where(decided_no, NO, np.where(met, LEANS_YES, LEANS_NO)))
        # the limit that speaks: towards the threshold where it is met, from it where it is not
        bound = np.where(met, near, far)
        # what the data excludes is excluded, however few they are
        unknown &= ~(decided_no & ~missing & known)
    else:
        codes = np.where(met, YES, NO)
    codes = np.where(unknown, UNKNOWN, codes).astype(np.int8)
    return Answer(leaf, codes, shown, n, bound, threshold)


def _thresholds(leaf: Leaf, board: pl.DataFrame) -> tuple[Floats, NDArray[np.bool_]]:
    threshold = leaf.threshold
    if not isinstance(threshold, PeerRate):
        return np.full(board.height, float(threshold)), np.ones(board.height, dtype=bool)
    rate, peers = peers_rate(board, leaf.metric)
    known = peers >= threshold.at_least_peers
    return np.where(known, rate + threshold.role_rate_plus, np.nan), known


def _from_peers(
    low: Floats, high: Floats, value: Floats, threshold: Floats, leaf: Leaf, board: pl.DataFrame
) -> tuple[Floats, Floats]:
    """Limits of an actor's rate as seen from the peers' rate, whose own uncertainty widens them.

    The hybrid score interval of the difference (Newcombe 1998, Stat Med 17:873-890, method 10), put back on the peers' rate.
    """
    rate, _ = peers_rate(board, leaf.metric)
    k, n = _pooled_others(board, leaf.metric)
    peers_low, peers_high = intervals.wilson(k, n, 2 * leaf.confidence - 1)
    with np.errstate(invalid="ignore"):
        below = value - np.sqrt((value - low) ** 2 + (peers_high - rate) ** 2)
        above = value + np.sqrt((high - value) ** 2 + (rate - peers_low) ** 2)
    known = ~np.isnan(threshold)
    return np.where(known, below, np.nan), np.where(known, above, np.nan)


def peers_rate(board: pl.DataFrame, metric: str) -> tuple[Floats, Floats]:
    """The pooled rate of the other actors of the same role, and how many of them have observations; NaN without a role."""
    k, n = _pooled_others(board, metric)
    one = pl.DataFrame({"as_of": board["as_of"], "role": board["role"], "one": (board[f"{metric}_n"] > 0).cast(pl.Float64)})
    peers = one.select(pl.col("one").sum().over("as_of", "role"))["one"].to_numpy() - one["one"].to_numpy()
    peers = np.where(board["role"].is_not_null().to_numpy(), peers, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(n > 0, k / n, np.nan), peers


def _pooled_others(board: pl.DataFrame, metric: str) -> tuple[Floats, Floats]:
    """Hits and observations of the other actors of the same role at the same reading."""
    assert isinstance(METRICS[metric], Rate)
    n = np.nan_to_num(_floats(board, f"{metric}_n"))
    k = np.round(np.nan_to_num(_floats(board, metric)) * n)
    table = pl.DataFrame({"as_of": board["as_of"], "role": board["role"], "k": k, "n": n})
    sums = table.select(pl.col("k", "n").sum().over("as_of", "role"))
    has_role = board["role"].is_not_null().to_numpy()
    return np.where(has_role, sums["k"].to_numpy() - k, 0), np.where(has_role, sums["n"].to_numpy() - n, 0)


# -- words ----------------------------------------------------------------------------------------------------------------


def figure(value: float, unit: str) -> str:
    """A number as people read it: rates in percent, the rest with two decimals."""
    if math.isnan(value):
        return _UNDEFINED
    if unit == "fraction":
        return f"{100 * value:.1f} %"
    return f"{value:.2f} {unit}"


def sentences(one: Answer) -> pl.Series:
    """What a comparison found about every row, with its numbers."""
    leaf, unit = one.leaf, METRICS[one.leaf.metric].unit
    peers = leaf.threshold if isinstance(leaf.threshold, PeerRate) else None
    margin = "" if peers is None else f" (peers' rate plus {100 * peers.role_rate_plus:.0f} points)"
    default = "" if leaf.missing_as is None else f", counted as {leaf.missing_as:g}"
    name, word = leaf.metric, leaf.word
    thresholds = _figures(one.threshold, unit) if peers else [figure(float(leaf.threshold), unit)] * len(one.codes)  # type: ignore[arg-type]
    other = {"lower": "upper", "upper": "lower", None: ""}[leaf.limit]
    level = f"{100 * leaf.confidence:g} % limit" + (" as seen from the peers" if peers else "")

    def sentence(code: int, value: str, n: int, bound: str, limit: str) -> str:
        if limit == _UNDEFINED:
            return f"{name}: no role declared, or too few peers to compare with"
        asked = f"{word} {limit}{margin}"
        if value == _UNDEFINED:
            return f"{name}: no data{default} ({asked} is asked)"
        if code == UNKNOWN:
            return f"{name} {value} on n = {n}: at least {leaf.min_n} needed"
        if leaf.anytime is not None:
            state = "beyond doubt" if code == YES else "not beyond doubt"
            return f"{name} {value} (n = {n}), {state}: e-value {bound} of {1 / leaf.anytime:g} needed for {asked}"
        if leaf.limit is None:
            return f"{name} {value} (n = {n}) is {'' if code == YES else 'not '}{asked}"
        seen = "" if bound == _UNDEFINED else f", {leaf.limit if code >= LEANS_YES else other} {level} {bound}"
        return f"{name} {value} (n = {n}{seen}) is {'' if code >= LEANS_YES else 'not '}{asked}{_ENDINGS[code]}"

    bounds = [f"{bound:.3g}" for bound in one.bound.tolist()] if leaf.anytime is not None else _figures(one.bound, unit)
    columns = one.codes.tolist(), _figures(one.value, unit), one.n.astype(np.int64).tolist(), bounds, thresholds
    return pl.Series(list(map(sentence, *columns)), dtype=pl.String)


def _figures(values: Floats, unit: str) -> list[str]:
    """`figure` of many numbers; equal texts are made once."""
    shown = np.round(values, 3 if unit == "fraction" else 2)
    distinct, which = np.unique(shown, return_inverse=True)
    texts = np.array([figure(value, unit) for value in distinct.tolist()], dtype=object)
    found: list[str] = texts[which].tolist()
    return found


_UNDEFINED = "undefined"
_ENDINGS = {
    YES: " beyond doubt",
    LEANS_YES: ", but not beyond doubt",
    LEANS_NO: ", but that is not beyond doubt",
    NO: ", beyond doubt",
}


def unsettled(one: Finding) -> dict[str, Any] | None:
    """What an undecided comparison lacks: the metric, and how many more observations would settle it at this very rate.

    None when it is decided; `more` is None where no number can be given (a mean may settle at any time, or never).
    """
    leaf, kind = one.leaf, METRICS[one.leaf.metric]
    if one.code in (NO, YES):
        return None
    more: int | None = max(0, leaf.min_n - int(one.n)) or None
    if isinstance(kind, Rate) and leaf.limit is not None and not isinstance(leaf.threshold, PeerRate) and not math.isnan(one.value):
        total = float(intervals.decisions_to_settle([one.value], one.threshold, 2 * leaf.confidence - 1)[0])
        more = None if math.isnan(total) else max(more or 0, math.ceil(total - one.n), 1)
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
    leaf, kind = one.leaf, METRICS[one.leaf.metric]
    text = f"{leaf.metric} not {leaf.word} {figure(one.threshold, kind.unit)}"
    if isinstance(kind, Rate) and leaf.side == "high" and one.threshold > 1e-9:
        k = round(one.value * one.n)
        # the fewest further observations without a hit after which the rate itself no longer meets the condition
        total = math.ceil(k / one.threshold - 1e-9) if leaf.strict else math.floor(k / one.threshold + 1e-9) + 1
        text += f": for instance {max(1, total - round(one.n)):,} more without a single one"
    return text


def evidence(one: Finding) -> dict[str, Any]:
    """The numbers behind a comparison."""
    return {
        "metric": one.leaf.metric,
        "value": None if math.isnan(one.value) else one.value,
        "n": int(one.n),
        "bound": None if math.isnan(one.bound) else one.bound,
        "comparison": one.leaf.word,
        "threshold": None if math.isnan(one.threshold) else one.threshold,
        "answer": ("no", "leans_no", "unknown", "leans_yes", "yes")[one.code],
    }


def gravest(codes: Codes) -> Codes:
    """Over several rules (the rows): the gravest of flag and watch; otherwise insufficient when any rule lacks evidence; else clear."""
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
