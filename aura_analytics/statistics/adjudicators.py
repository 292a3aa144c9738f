"""What was right, from several who judge and err: how each of them errs, and how likely each answer is.

The model of A. P. Dawid and A. M. Skene 1979, "Maximum likelihood estimation of observer error-rates using the EM algorithm",
Applied Statistics 28:20-28: judges err independently of each other given what is right, each in their own way. Where they share a
mistake (they were taught the same, or saw the same advice) it takes that mistake for the truth; things whose answer is known hold
against it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from aura_analytics.errors import ParameterError, Problem

__all__ = ["Adjudicators", "dawid_skene"]

Floats = NDArray[np.float64]
_STEPS = 10_000


@dataclass(frozen=True)
class Adjudicators:
    """What several judges say together.

    Attributes
    ----------
    truth
        A row a thing: `thing`, `answer` (the likeliest), `chance` (that it is right, if the model holds), `judges`.
    errors
        `judge`, `truth`, `answer`, `share`: of things for which the one is right, the share that the judge gives the other.
    prevalence
        `answer`, `share`: of things for which it is right.
    log_likelihood
        At the fit.
    converged
        Whether it changed no more.
    """

    truth: pl.DataFrame
    errors: pl.DataFrame
    prevalence: pl.DataFrame
    log_likelihood: float
    converged: bool


def dawid_skene(
    things: Sequence[str],
    judges: Sequence[str],
    answers: Sequence[str],
    known: Mapping[str, str] | None = None,
    *,
    smoothing: float = 0.0,
    tolerance: float = 1e-9,
) -> Adjudicators:
    """What was right, and how judges err.

    Parameters
    ----------
    things, judges, answers
        One of each for every judgement: what was judged, by whom, and what they said. A judge may judge a thing more than once.
    known
        Things whose right answer is known: they stay as they are, and say how judges err.
    smoothing
        Pseudo-counts, from 0, that each answer of each judge begins with: 0 is maximum likelihood; 1 keeps few things from making a
        judge infallible.
    tolerance
        Change of the log likelihood per judgement below which the fit is finished, above 0.

    Returns
    -------
    Adjudicators
        Shares are of maximum likelihood: with few things per judge they are 0 or 1 too easily, and `chance` is too sure. Do not
        conclude from a `chance` near 1 that an answer is right where judges are not independent.

    Raises
    ------
    ParameterError
        If the three are not as long, there is nothing in them, or a known thing is none of those judged.

    Examples
    --------
    >>> found = dawid_skene(["a", "a", "a", "b", "b", "b"], ["x", "y", "z"] * 2, ["yes", "yes", "no", "no", "no", "no"])
    >>> found.truth.select("thing", "answer").rows()
    [('a', 'yes'), ('b', 'no')]
    """
    if not len(things) == len(judges) == len(answers) or not len(things):
        got = f"{len(things)} things, {len(judges)} judges, {len(answers)} answers"
        raise ParameterError(
            Problem("judgements need a thing, a judge and an answer each", got=got, expected="as many of each, 1 or more")
        )
    if not tolerance > 0 or not smoothing >= 0:
        asked = (smoothing, tolerance)
        raise ParameterError(Problem("smoothing or tolerance is out of range", got=asked, expected="a number from 0, one above 0"))
    names, who = sorted(set(things)), sorted(set(judges))
    sure = dict(known or {})
    if strange := sorted(set(sure) - set(names)):
        raise ParameterError(Problem("a thing that is known was not judged", got=", ".join(strange[:5])))
    said = sorted({*answers, *sure.values()})
    at = [{name: place for place, name in enumerate(each)} for each in (names, who, said)]
    counts = np.zeros((len(names), len(who), len(said)))
    np.add.at(
        counts, tuple(np.array([where[one] for one in each]) for where, each in zip(at, (things, judges, answers), strict=True)), 1
    )
    fixed = {at[0][name]: at[2][answer] for name, answer in sure.items()}
    votes = counts.sum(axis=1)
    chance = _held(votes / votes.sum(axis=1, keepdims=True), fixed)
    before, likelihood, done = -np.inf, -np.inf, False
    prevalence, errors = np.empty(0), np.empty(0)
    for _ in range(_STEPS):
        prevalence = chance.mean(axis=0)
        told = np.einsum("ta,tjb->jab", chance, counts) + smoothing
        total = told.sum(axis=2, keepdims=True)
        errors = np.divide(told, total, out=np.full_like(told, 1 / len(said)), where=total > 0)
        with np.errstate(divide="ignore"):
            log = np.log(prevalence) + np.einsum("tjb,jab->ta", counts, np.maximum(np.log(errors), -1e3))
        top = log.max(axis=1, keepdims=True)
        likelihood = float((top[:, 0] + np.log(np.exp(log - top).sum(axis=1))).sum())
        raw = np.exp(log - top)
        chance = _held(raw / raw.sum(axis=1, keepdims=True), fixed)
        if abs(likelihood - before) <= tolerance * len(things):
            done = True
            break
        before = likelihood
    best = chance.argmax(axis=1)
    truth = pl.DataFrame(
        {
            "thing": names,
            "answer": [said[place] for place in best],
            "chance": chance.max(axis=1),
            "judges": (counts.sum(axis=2) > 0).sum(axis=1),
        },
        schema={"thing": pl.String, "answer": pl.String, "chance": pl.Float64, "judges": pl.Int64},
    )
    rows = [
        {"judge": judge, "truth": right, "answer": answer, "share": float(errors[j, a, b])}
        for j, judge in enumerate(who)
        for a, right in enumerate(said)
        for b, answer in enumerate(said)
    ]
    shares = pl.DataFrame({"answer": said, "share": prevalence}, schema={"answer": pl.String, "share": pl.Float64})
    return Adjudicators(truth, pl.DataFrame(rows), shares, likelihood, done)


def _held(chance: Floats, fixed: Mapping[int, int]) -> Floats:
    """With what is known."""
    for thing, answer in fixed.items():
        chance[thing] = 0
        chance[thing, answer] = 1
    return chance
