"""What another way of routing would have achieved, from a log of choices whose chances are known."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from aura_analytics.errors import InputError, ParameterError, Problem
from aura_analytics.events import is_on_contract
from aura_analytics.io.front_door import EventsLike, as_events
from aura_analytics.routing.targets import check_choices, check_support, check_weights, target_of

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    Floats = NDArray[np.float64]

__all__ = ["PolicyValue", "estimated_propensities", "evaluate_routing", "routed_choices", "weighted_means"]

_FOLDS = 5
_WANTED, _SEEN = 0.1, 10  # share of jobs, and choices in the first half, from which a model counts as turned away from
_PRIOR = 2.0  # outcomes that a model of a queue starts with, at its overall rate


@dataclass(frozen=True)
class PolicyValue:
    """What a way of routing would have achieved, as the mean reward of a job.

    Attributes
    ----------
    n, left_out
        Choices used; those without a known outcome are left out.
    logged
        Mean reward of what was done.
    ips, snips, dr
        Inverse propensity weighting; the same, self-normalised; doubly robust. Each as (estimate, lower limit, upper limit).
    ess
        Effective sample size, of `n`: how many choices drawn by the new way would say as much.
    largest_weight
        The largest weight; where it is a large part of `n`, one choice decides the answer.
    mean_weight
        The mean weight: near 1 where the log supports the policy.
    with_lists
        Choices, of `n`, that say the chances of all their candidates: only of these it is sure that the policy was possible.
    confidence
        Two-sided level of the limits.
    turned_away
        Models that the policy would choose and the log, which learned as it went, turned away from: of them it knows mostly what
        was seen until they looked bad, so that the estimate is too low and the limits hold less often than they say.
    """

    n: int
    left_out: int
    logged: float
    ips: tuple[float, float, float]
    snips: tuple[float, float, float]
    dr: tuple[float, float, float]
    ess: float
    largest_weight: float
    mean_weight: float
    with_lists: int
    confidence: float
    turned_away: tuple[str, ...] = ()

    def __str__(self) -> str:
        """A few lines for people."""
        lines = [
            f"{self.n:,} choices ({self.left_out:,} without outcome left out), done: {self.logged:.3f}; effective "
            f"sample size {self.ess:,.0f}, mean weight {self.mean_weight:.2f}"
        ]
        if self.with_lists < self.n:
            lines.append(
                f"  whether the policy was possible is known of {self.with_lists:,} of {self.n:,} choices (the others lack a list)"
            )
        if self.turned_away:
            names = ", ".join(self.turned_away)
            lines.append(f"  the log turned away from {names}: estimates are too low, and limits hold less often than they say")
        for name in ("ips", "snips", "dr"):
            value, low, high = getattr(self, name)
            lines.append(f"  {name}: {value:.3f} ({low:.3f} to {high:.3f})")
        return "\n".join(lines)


def routed_choices(events: EventsLike) -> pl.DataFrame:
    """The choices of a log and what came of them.

    Parameters
    ----------
    events
        ROUTED events with `propensity`, `candidates` and `propensities` in their attributes, and OUTCOME events of the chosen actor
        on the same case.

    Returns
    -------
    polars.DataFrame
        Per ROUTED event that has a propensity: `case_id`, `ts`, `actor`, `queue`, `propensity`, `candidates`, `propensities`,
        `experiment` and `arm` (of a job of an experiment), `reward` (1 for success, 0 for any other outcome, null while none is
        known). Of several choices of one case an outcome belongs to the last before it.
    """
    lazy = as_events(events)
    routed = (
        lazy.filter(pl.col("type") == "ROUTED").select("case_id", "ts", "actor", "queue", "attributes").collect(engine="in-memory")
    )
    said = [json.loads(text) if text else {} for text in routed["attributes"]]
    choices = routed.drop("attributes").with_columns(
        propensity=pl.Series([item.get("propensity") for item in said], dtype=pl.Float64, strict=False),
        candidates=pl.Series([item.get("candidates") for item in said], dtype=pl.List(pl.String)),
        propensities=pl.Series([item.get("propensities") for item in said], dtype=pl.List(pl.Float64)),
        experiment=pl.Series([item.get("experiment") for item in said], dtype=pl.String, strict=False),
        arm=pl.Series([item.get("arm") for item in said], dtype=pl.String, strict=False),
        taken_from=pl.Series([item.get("rerouted_from") for item in said], dtype=pl.String),
    )
    # a task that was taken away for an error is a failure of whom it was taken from; whoever got it then was not chosen like the
    # others
    lost = (
        choices.filter(pl.col("taken_from").is_not_null()).select("case_id", actor="taken_from", lost=pl.lit(value=True)).unique()
    )
    choices = choices.filter(pl.col("taken_from").is_null()).drop("taken_from")
    choices = choices.filter(pl.col("propensity").is_not_null()).with_row_index("row").sort("ts")
    outcomes = lazy.filter((pl.col("type") == "OUTCOME") & pl.col("actor").is_not_null()).select(
        "case_id", "ts", "actor", "outcome"
    )
    ended = outcomes.collect(engine="in-memory").sort("ts")
    joined = ended.join_asof(
        choices.select("row", "case_id", "actor", "ts"), on="ts", by=["case_id", "actor"], check_sortedness=False
    )
    last = joined.drop_nulls("row").group_by("row").agg(reward=(pl.col("outcome").last() == "success").cast(pl.Float64))
    told = choices.join(last, on="row", how="left").join(lost, on=["case_id", "actor"], how="left")
    reward = pl.when(pl.col("lost")).then(0.0).otherwise("reward")
    return told.with_columns(reward=reward).sort("row").drop("row", "lost")


def estimated_propensities(context: ArrayLike, action: ArrayLike) -> Floats:
    """How often each choice was made in its context: propensities where none were logged and the context explains the choices.

    Parameters
    ----------
    context, action
        Shape (n,).

    References
    ----------
    Hernán MA, Robins JM (2020) Causal Inference: What If, chapter 2.

    Examples
    --------
    >>> estimated_propensities([0, 0, 1, 1, 1], ["a", "b", "a", "a", "b"]).round(3).tolist()
    [0.5, 0.5, 0.667, 0.667, 0.333]
    """
    frame = pl.DataFrame({"context": np.asarray(context), "action": np.asarray(action)})
    found = frame.select(p=pl.len().over("context", "action") / pl.len().over("context"))
    return np.asarray(found["p"].to_numpy())


def weighted_means(reward: ArrayLike, propensity: ArrayLike, target: ArrayLike) -> tuple[float, float]:
    """IPS and SNIPS: means of rewards weighted by how much likelier the target is to make each choice.

    Parameters
    ----------
    reward, propensity, target
        Of each choice made: its reward, its logged chance (positive), and its chance under the target; shape (n,).

    References
    ----------
    Horvitz DG, Thompson DJ (1952) JASA 47:663-685. Swaminathan A, Joachims T (2015) NeurIPS 28.

    Examples
    --------
    >>> weighted_means([1, 0], [0.5, 0.5], [1, 0])
    (1.0, 1.0)
    """
    r, p, t = (np.asarray(each, dtype=float) for each in (reward, propensity, target))
    if not (p > 0).all():
        raise ParameterError(Problem("a propensity is not positive", expected="chances in (0, 1]"))
    w = t / p
    return float(np.mean(w * r)), float(np.sum(w * r) / np.sum(w)) if w.sum() > 0 else float("nan")


def evaluate_routing(
    log: EventsLike,
    policy: str | Mapping[str, float] | Callable[[Mapping[str, Any]], Mapping[str, float] | str],
    *,
    confidence: float = 0.95,
    least: float = 20,
) -> PolicyValue:
    """What another way of routing would have achieved on the jobs of a log.

    Parameters
    ----------
    log
        Events, a ledger, or a table as `routed_choices`.
    policy
        The name of a model (always that one), `uniform` over the candidates, chances by model (rescaled to the candidates of each
        job), or a function from a row (`case_id`, `queue`, `candidates`) to chances by model, or to the name of one.
    confidence
        Two-sided level, in (0, 1).
    least
        Effective sample size below which there is no answer.

    Returns
    -------
    PolicyValue

    Raises
    ------
    InputError
        If the log cannot answer: it holds no choices with chances and outcomes; it was routed deterministically; the policy would
        choose models that the log never tries, or hardly ever (`least`); or it contradicts itself: chances that are none, do not
        sum to 1 or disagree with their list, rewards outside 0 to 1.
    ParameterError
        If the policy cannot be read.

    Notes
    -----
    Limits are those of Student's t with the effective sample size, of the estimates' linear forms, kept within 0 and 1; the doubly
    robust one uses means by queue and model from other folds. They hold for jobs like those of the log, as long as one choice does
    not change the next job, and for chances that were fixed beforehand: where the log's own router learned (Thompson, UCB), what it
    turned away from was tried when it looked bad, and the limits of such models cover less often than they say (in simulations 80
    to 90 % instead of 95 %).

    References
    ----------
    Dudík M, Langford J, Li L (2011) ICML 28:1097-1104. Swaminathan A, Joachims T (2015) NeurIPS 28.

    Examples
    --------
    >>> import aura_analytics as aura
    >>> import json
    >>> log = []
    >>> for job in range(400):  # two models, drawn by a coin; one is right in three of four jobs, the other in one of two
    ...     name, right = (("a", job % 8 < 6), ("b", job % 4 < 2))[job // 200]
    ...     says = {"strategy": "coin", "propensity": 0.5, "candidates": ["a", "b"], "propensities": [0.5, 0.5]}
    ...     log.append({"type": "ROUTED", "actor": name, "case_id": f"J{job}", "ts": "2026-01-05", "attributes": json.dumps(says)})
    ...     outcome = "success" if right else "failure"
    ...     log.append({"type": "OUTCOME", "actor": name, "case_id": f"J{job}", "ts": "2026-01-06", "outcome": outcome})
    >>> found = evaluate_routing(log, "a")
    >>> found.n, found.logged, round(found.snips[0], 2)
    (400, 0.625, 0.75)
    """
    lazy = log.lazy() if isinstance(log, (pl.DataFrame, pl.LazyFrame)) else as_events(log)
    frame = routed_choices(lazy) if is_on_contract(lazy) else lazy.collect(engine="in-memory")
    lacking = {"actor", "propensity", "candidates", "reward"} - set(frame.columns)
    if lacking:
        raise ParameterError(Problem("the log lacks columns", got=", ".join(frame.columns), expected=", ".join(sorted(lacking))))
    for name, dtype in (("queue", pl.String), ("case_id", pl.String), ("propensities", pl.List(pl.Float64))):
        if name not in frame.columns:
            frame = frame.with_columns(pl.lit(None, dtype=dtype).alias(name))
    used = frame.filter(pl.col("reward").is_not_null())
    check_choices(used, frame.height)
    target, names = target_of(used, policy)
    place = {name: i for i, name in enumerate(names)}
    chosen = used["actor"].replace_strict(place, return_dtype=pl.Int64).to_numpy()
    check_support(used, target, names)
    reward, p = used["reward"].to_numpy().astype(float), used["propensity"].to_numpy()
    w = target[np.arange(len(chosen)), chosen] / p
    n = len(reward)
    ess = float(w.sum() ** 2 / (w**2).sum()) if (w > 0).any() else 0.0
    if ess < least:
        problem = Problem(
            "the log says too little of this policy",
            got=f"an effective sample size of {ess:.1f} of {n:,}",
            expected=f"at least {least:g}",
            next="explore more, or ask about a policy that is closer to what was done",
        )
        raise InputError(problem)
    check_weights(w, used["propensities"].null_count())
    from scipy.special import stdtrit

    z = float(stdtrit(ess - 1, (1 + confidence) / 2))  # as few as count

    def limits(value: float, terms: Floats) -> tuple[float, float, float]:
        error = float(np.std(terms, ddof=1)) / np.sqrt(n) if n > 1 else float("inf")
        return value, max(value - z * error, 0.0), min(value + z * error, 1.0)

    if not 0 < confidence < 1:
        raise ParameterError(Problem("confidence is out of range", got=confidence, expected="a level in (0, 1), such as 0.95"))
    ips, snips = weighted_means(reward, p, target[np.arange(n), chosen])
    model = _means(used, reward, chosen, len(names))
    baseline = (target * model).sum(axis=1)
    robust = baseline + w * (reward - model[np.arange(n), chosen])
    return PolicyValue(
        n=n,
        left_out=frame.height - n,
        logged=float(reward.mean()),
        ips=limits(ips, w * reward),
        snips=limits(snips, w * (reward - snips) / max(float(w.mean()), 1e-300)),
        dr=limits(float(robust.mean()), robust),
        ess=ess,
        largest_weight=float(w.max()),
        mean_weight=float(w.mean()),
        with_lists=used.height - used["propensities"].null_count(),
        confidence=confidence,
        turned_away=_turned_away(used, target, chosen, names),
    )


def _turned_away(used: pl.DataFrame, target: Floats, chosen: NDArray[np.int64], names: Sequence[str]) -> tuple[str, ...]:
    """Models that the target chooses in a tenth of jobs or more, and the later half of the log a third as often as the first."""
    order = np.argsort(used["ts"].to_physical().to_numpy(), kind="stable") if "ts" in used.columns else np.arange(len(chosen))
    half = len(order) // 2
    counts = [np.bincount(chosen[part], minlength=len(names)) for part in (order[:half], order[half:])]
    wanted = target.mean(axis=0) >= _WANTED
    fewer = (counts[0] >= _SEEN) & (counts[1] * 3 < counts[0])
    return tuple(name for name, away in zip(names, wanted & fewer, strict=True) if away)


def _means(used: pl.DataFrame, reward: Floats, chosen: NDArray[np.int64], m: int) -> Floats:
    """Expected reward of every model on every job, by queue and model, from the other folds; shape (n, m)."""
    n = len(reward)
    queue = used["queue"].fill_null("").rank("dense").to_numpy().astype(np.int64) - 1
    cells = int(queue.max()) + 1
    fold = np.arange(n) % _FOLDS
    cell = queue * m + chosen
    found = np.zeros((n, m))
    for each in range(_FOLDS):
        rest, here = fold != each, fold == each
        if not rest.any():
            found[here] = reward.mean()
            continue
        count = np.bincount(cell[rest], minlength=cells * m).reshape(cells, m)
        total = np.bincount(cell[rest], weights=reward[rest], minlength=cells * m).reshape(cells, m)
        by_model = (total.sum(axis=0) + _PRIOR * reward[rest].mean()) / (count.sum(axis=0) + _PRIOR)
        mean = (total + _PRIOR * by_model) / (count + _PRIOR)
        found[here] = mean[queue[here]]
    return found
