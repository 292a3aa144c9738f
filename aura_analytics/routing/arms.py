"""What the arms of an experiment achieved, with limits that hold however often one looks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl

from aura_analytics.errors import InputError, ParameterError, Problem, close_match
from aura_analytics.io.front_door import EventsLike
from aura_analytics.learning.sequential import anytime_interval
from aura_analytics.routing.evaluation import routed_choices

__all__ = ["ArmComparison", "compare_arms", "difference_limits"]

_MOST = 10_000_000  # jobs an arm, beyond which none are promised
_TUNED = 1_000  # known jobs of an arm at which the limits are narrowest
_UNEVEN = 0.001  # chance of shares as uneven, below which something is wrong with the drawing


@dataclass(frozen=True)
class ArmComparison:
    """The arms of an experiment beside each other.

    Attributes
    ----------
    experiment
        Its name.
    arms
        Per arm: `arm`, `jobs`, `known` (jobs with an outcome), `successes`, `rate`, `lo`, `hi` (limits that hold at every moment).
    differences
        Per arm but the first: `arm`, `difference` of its rate from the first one's, `lo`, `hi` (that hold at every moment),
        `verdict` (`better`, `worse`, `alike`: surely within `effect`, `open`), `power` (chance that a real difference of `effect`
        would be settled with the jobs so far), `jobs_needed` (known jobs an arm for a power of 0.8; null beyond ten million).
    effect, alpha
        What was asked.
    warnings
        What makes the comparison doubtful: jobs in several arms, shares that the drawing cannot explain, outcomes known of one arm
        sooner than of the other.
    """

    experiment: str
    arms: pl.DataFrame
    differences: pl.DataFrame
    effect: float
    alpha: float
    warnings: tuple[str, ...]

    def __str__(self) -> str:
        """A few lines for people."""
        lines = [f"Experiment {self.experiment}; limits hold at every look ({1 - self.alpha:.0%})"]
        for row in self.arms.iter_rows(named=True):
            rate = "nothing known" if row["rate"] is None else f"{row['rate']:.1%} ({row['lo']:.1%} to {row['hi']:.1%})"
            lines.append(f"  {row['arm']}: {rate}; {row['known']:,} of {row['jobs']:,} jobs with an outcome")
        for row in self.differences.iter_rows(named=True):
            if row["difference"] is None:
                lines.append(f"  {row['arm']}: nothing to compare yet")
                continue
            needed = "more than ten million" if row["jobs_needed"] is None else f"{row['jobs_needed']:,}"
            lines.append(
                f"  {row['arm']} against {self.arms['arm'][0]}: {row['difference']:+.1%} ({row['lo']:+.1%} to {row['hi']:+.1%}), "
                f"{row['verdict']}; a difference of {self.effect:.1%} would be settled by now with a chance of {row['power']:.0%}, "
                f"with one of 80 % by {needed} jobs an arm"
            )
        return "\n".join([*lines, *(f"  beware: {text}" for text in self.warnings)])


def compare_arms(
    events: EventsLike,
    experiment: str | None = None,
    *,
    first: str | None = None,
    shares: Mapping[str, float] | None = None,
    effect: float = 0.05,
    alpha: float = 0.05,
) -> ArmComparison:
    """Compare the arms of an experiment by the outcomes of their jobs.

    Parameters
    ----------
    events
        Whatever holds events: ROUTED events of `Experiment.choose` and OUTCOME events of the chosen models on the same jobs.
    experiment
        Its name; may be left out where the log holds one.
    first
        The arm that the others are compared with; default the first in the alphabet.
    shares
        Which shares of the jobs the arms should get, by name; default the same.
    effect
        The smallest difference of rates that matters, in (0, 1).
    alpha
        Chance that any of the limits is ever wrong, over all looks, per arm compared.

    Returns
    -------
    ArmComparison

    Raises
    ------
    InputError
        If the log holds no such experiment, or not at least two arms.
    ParameterError
        For numbers out of range, and arms that there are none.

    Notes
    -----
    A job counts as what its arm made of it, once: with the outcome of the model that was chosen first; a job that was taken away
    for an error is a failure. Limits of a difference are those of both rates, each at alpha / 2: they hold whatever makes the
    outcomes of one arm depend on each other's past, and are wider than an interval for one look (at equal rates of 0.5 and 1,000
    jobs an arm about 2.4 times).

    References
    ----------
    Howard SR, Ramdas A, McAuliffe J, Sekhon J (2021) Ann Stat 49:1055-1080.

    Examples
    --------
    >>> import json
    >>> log = []
    >>> for i in range(400):
    ...     arm, model = ("old", "a") if i % 2 else ("new", "b")
    ...     says = {"propensity": 1.0, "candidates": [model], "propensities": [1.0], "experiment": "trial", "arm": arm}
    ...     log.append({"type": "ROUTED", "actor": model, "case_id": f"J{i}", "ts": "2026-01-05", "attributes": json.dumps(says)})
    ...     outcome = "success" if i % 10 < (9 if arm == "new" else 4) else "failure"
    ...     log.append({"type": "OUTCOME", "actor": model, "case_id": f"J{i}", "ts": "2026-01-06", "outcome": outcome})
    >>> compare_arms(log, first="old").differences.select("arm", "difference", "verdict").row(0)
    ('new', 0.6, 'better')
    """
    if not 0 < effect < 1 or not 0 < alpha < 1:
        raise ParameterError(Problem("effect or alpha is out of range", got=(effect, alpha), expected="both in (0, 1)"))
    name, jobs, doubled = _jobs(events, experiment)
    names = sorted(jobs["arm"].unique().to_list())
    if len(names) < 2:
        raise InputError(
            Problem("an experiment with one arm cannot be compared", got=", ".join(names), expected="two arms or more")
        )
    control = names[0] if first is None else first
    if control not in names:
        hint = close_match(control, names)
        raise ParameterError(Problem("there is no such arm", got=control, expected=", ".join(names), next=hint))
    names = [control, *(each for each in names if each != control)]
    counted = jobs.group_by("arm").agg(
        jobs=pl.len().cast(pl.Int64), known=pl.col("reward").count().cast(pl.Int64), successes=pl.col("reward").sum().cast(pl.Int64)
    )
    arms = pl.DataFrame({"arm": names}).join(counted, on="arm", how="left", maintain_order="left")
    k, n = arms["successes"].to_numpy(), arms["known"].to_numpy()
    low, high = anytime_interval(k, n, alpha=alpha, tuned_for=_TUNED)
    rate = pl.when(pl.col("known") > 0).then(pl.col("successes") / pl.col("known"))
    arms = arms.with_columns(rate=rate, lo=pl.Series(low), hi=pl.Series(high))
    rows = [_difference(names[i], k[[0, i]], n[[0, i]], effect, alpha) for i in range(1, len(names))]
    warnings = [*doubled, *_uneven(arms, shares), *_unevenly_known(arms)]
    return ArmComparison(name, arms, pl.DataFrame(rows, schema=_DIFFERENCES), effect, alpha, tuple(warnings))


_DIFFERENCES: dict[str, pl.DataType] = {
    "arm": pl.String(),
    "difference": pl.Float64(),
    "lo": pl.Float64(),
    "hi": pl.Float64(),
    "verdict": pl.String(),
    "power": pl.Float64(),
    "jobs_needed": pl.Int64(),
}


def _jobs(events: EventsLike, experiment: str | None) -> tuple[str, pl.DataFrame, list[str]]:
    """The name of the experiment, and one row per job: its arm and what came of it."""
    choices = routed_choices(events).filter(pl.col("arm").is_not_null() & pl.col("experiment").is_not_null())
    there = choices["experiment"].unique().sort().to_list()
    if not there or (experiment is not None and experiment not in there):
        hint = close_match(experiment or "", there) or "jobs are routed by an Experiment, which records the arm"
        raise InputError(Problem("the log holds no such experiment", got=experiment, expected=", ".join(there) or None, next=hint))
    if experiment is None and len(there) > 1:
        raise ParameterError(Problem("the log holds several experiments", got=", ".join(there), next="name one of them"))
    name = experiment or there[0]
    mine = choices.filter(experiment=name).sort("ts")
    several = mine.group_by("case_id").agg(arms=pl.col("arm").n_unique()).filter(pl.col("arms") > 1).height
    jobs = mine.unique("case_id", keep="first", maintain_order=True)
    said = [f"{several:,} jobs were routed in several arms; each counts where it was first"] if several else []
    return name, jobs, said


def _difference(arm: str, k: np.ndarray, n: np.ndarray, effect: float, alpha: float) -> dict[str, object]:
    if not n.all():
        return {"arm": arm, "verdict": "open"}
    rates = k / n
    lo, hi = (float(limit[0]) for limit in difference_limits(k[:, None], n[:, None], alpha))
    verdict: Literal["better", "worse", "alike", "open"] = (
        "better" if lo > 0 else "worse" if hi < 0 else "alike" if -effect < lo and hi < effect else "open"
    )
    base = float(k.sum() / n.sum())
    return {
        "arm": arm,
        "difference": float(rates[1] - rates[0]),
        "lo": lo,
        "hi": hi,
        "verdict": verdict,
        "power": _power(base, effect, n.astype(float), alpha),
        "jobs_needed": _needed(base, effect, alpha),
    }


def difference_limits(k: np.ndarray, n: np.ndarray, alpha: float) -> tuple[np.ndarray, np.ndarray]:
    """Limits of the difference of two rates that hold at every moment.

    Parameters
    ----------
    k, n
        Successes and trials so far, shape (2, m): of the first, and of the other.
    alpha
        Chance that they ever miss.
    """
    low, high = anytime_interval(k.ravel(), n.ravel(), alpha=alpha / 2, tuned_for=_TUNED)
    low, high = low.reshape(k.shape), high.reshape(k.shape)
    return low[1] - high[0], high[1] - low[0]


def _power(base: float, effect: float, n: np.ndarray, alpha: float) -> float:
    """The chance that limits exclude no difference, where there is one of `effect` around a rate: normal approximation."""
    from scipy.special import ndtr

    p, q = _apart(base, effect)
    low, high = anytime_interval(np.array([p, q]) * n, n, alpha=alpha / 2, tuned_for=_TUNED)
    wide = (high[0] - p) + (q - low[1])
    error = np.sqrt(p * (1 - p) / n[0] + q * (1 - q) / n[1])
    return float(ndtr((q - p - wide) / max(error, 1e-12)))


def _apart(base: float, effect: float) -> tuple[float, float]:
    """Two rates that differ by `effect`, around a rate as far as there is room."""
    low = min(max(base - effect / 2, 0.0), 1 - effect)
    return low, low + effect


def _needed(base: float, effect: float, alpha: float) -> int | None:
    """Known jobs an arm for a power of 0.8."""
    few, many = 1, 64
    while _power(base, effect, np.array([many, many], dtype=float), alpha) < 0.8:
        few, many = many, many * 2
        if many > _MOST:
            return None
    while many - few > max(1, many // 200):
        middle = (few + many) // 2
        enough = _power(base, effect, np.array([middle, middle], dtype=float), alpha) >= 0.8
        few, many = (few, middle) if enough else (middle, many)
    return many


def _uneven(arms: pl.DataFrame, shares: Mapping[str, float] | None) -> list[str]:
    """Shares of jobs that the drawing cannot explain."""
    from scipy.stats import chisquare

    names, jobs = arms["arm"].to_list(), arms["jobs"].to_numpy()
    wanted = np.array([1.0 if shares is None else float(shares.get(name, 0)) for name in names])
    if wanted.min() <= 0:
        problem = Problem("an arm has no share", got=str(shares), expected=f"a positive share of each of {', '.join(names)}")
        raise ParameterError(problem)
    p = float(chisquare(jobs, jobs.sum() * wanted / wanted.sum()).pvalue)
    if p >= _UNEVEN:
        return []
    said = ", ".join(f"{name} {count:,}" for name, count in zip(names, jobs.tolist(), strict=True))
    return [f"the arms did not get the jobs that they should ({said}; by chance in {p:.1e}): some jobs may be missing"]


def _unevenly_known(arms: pl.DataFrame) -> list[str]:
    """Outcomes that are known of one arm more often than of another."""
    from scipy.stats import chi2_contingency

    known, jobs = arms["known"].to_numpy(), arms["jobs"].to_numpy()
    if (known == jobs).all() or not known.any():
        return []
    p = float(chi2_contingency(np.stack([known, jobs - known])).pvalue)
    if p >= _UNEVEN:
        return []
    said = ", ".join(f"{name} {k / n:.0%}" for name, k, n in zip(arms["arm"], known.tolist(), jobs.tolist(), strict=True))
    return [f"outcomes are known of the arms to different parts ({said}): what is not known yet may change the answer"]
