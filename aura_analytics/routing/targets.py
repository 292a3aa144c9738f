"""What a policy that was not followed would have chosen, and whether the log supports saying so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from aura_analytics.errors import InputError, ParameterError, Problem, close_match

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


_ROUNDED = 1e-6

__all__ = ["check_choices", "check_support", "check_weights", "target_of"]


def check_choices(used: pl.DataFrame, total: int) -> None:
    """`InputError` for choices that no estimate can rest on."""
    if used.is_empty():
        problem = Problem(
            "the log holds no choices with chances and outcomes",
            got=f"{total:,} choices",
            next="route with a strategy that logs propensities (thompson, ucb1, epsilon_greedy), and record OUTCOME events",
        )
        raise InputError(problem)
    p = used["propensity"]
    if p.null_count() or not bool(((p > 0) & (p <= 1)).all()):
        raise InputError(Problem("propensities are out of range", expected="chances in (0, 1], none missing"))
    if float(p.min()) > 1 - 1e-9:  # type: ignore[arg-type]
        problem = Problem(
            "the log was routed deterministically",
            got="every propensity is 1",
            expected="choices left to chance",
            next="nothing can be said of models that were never tried on the same kind of job; route with an exploration "
            "above 0 and ask again",
        )
        raise InputError(problem)
    if problems := [*_wrong_rewards(used["reward"]), *_wrong_lists(used)]:
        raise InputError("the log contradicts itself", problems=problems)


def _wrong_rewards(reward: pl.Series) -> list[Problem]:
    """Rewards that are no numbers from 0 to 1: the limits of the estimates rest on that range."""
    wrong = ~(reward.is_finite() & (reward >= 0) & (reward <= 1))
    if not wrong.any():
        return []
    rows = wrong.arg_true()
    return [
        Problem(
            f"{len(rows):,} rewards are out of range",
            got=reward[int(rows[0])],
            expected="numbers from 0 to 1",
            where=f"row {int(rows[0])}",
            next="divide scores by their highest value, and leave out choices without an outcome (null)",
        )
    ]


def _wrong_lists(used: pl.DataFrame) -> list[Problem]:
    """Lists of chances that contradict each other, row by row; of every kind how many, and the first."""
    first: dict[str, tuple[Any, str | None, int]] = {}
    count: Counter[str] = Counter()
    rows = used.select("actor", "propensity", "candidates", "propensities").iter_rows()
    for row, (actor, chance, names, chances) in enumerate(rows):
        if chances is not None and (wrong := _wrong(actor, chance, names, chances)) is not None:
            what, got, expected = wrong
            count[what] += 1
            first.setdefault(what, (got, expected, row))
    return [
        Problem(f"{what}, in {count[what]:,} rows", got=got, expected=expected, where=f"row {row}")
        for what, (got, expected, row) in first.items()
    ]


def _wrong(actor: str, chance: float, names: list[str] | None, chances: list[float | None]) -> tuple[str, Any, str | None] | None:
    """What is wrong with the list of one choice: what, got, expected."""
    if names is None or len(names) != len(chances):
        got = f"{len(chances)} chances for {'no' if names is None else len(names)} candidates"
        return "chances and candidates differ in number", got, None
    if len(set(names)) != len(names):
        return "a candidate stands twice", ", ".join(map(str, names)), None
    known = [each for each in chances if each is not None]
    if len(known) < len(chances) or any(not 0 <= each <= 1 for each in known):
        return "chances of a list are out of range", chances, "chances in [0, 1]"
    if abs(sum(known) - 1) > _ROUNDED:
        return "the chances of a list do not sum to 1", sum(known), None
    if actor not in names:
        return "who was chosen is no candidate", actor, ", ".join(names)
    listed = known[names.index(actor)]
    return (
        None
        if abs(listed - chance) <= _ROUNDED
        else ("propensity and propensities disagree", chance, f"{listed:g}, as in the list")
    )


def target_of(used: pl.DataFrame, policy: Any) -> tuple[Floats, list[str]]:  # noqa: PLR0912  (one line a way that chances can be wrong)
    """Chances of every model on every job under the policy, shape (n, m)."""
    candidates: list[list[str] | None] = used["candidates"].to_list()
    names = sorted({name for each in candidates for name in each or ()} | set(used["actor"]))
    place = {name: i for i, name in enumerate(names)}
    if isinstance(policy, str) and policy != "uniform" and policy not in place:
        hint = close_match(policy, names)
        raise ParameterError(Problem("no such model in the log", got=policy, expected="a model, or uniform", next=hint))
    allowed = np.zeros((used.height, len(names)))
    for i, each in enumerate(candidates):
        allowed[i, [place[name] for name in each or names]] = 1
    if callable(policy):
        weights = np.zeros_like(allowed)
        ask: Callable[[Mapping[str, Any]], Mapping[str, float] | str] = policy
        for i, row in enumerate(used.select("case_id", "queue", "candidates").iter_rows(named=True)):
            said = ask(row)
            for name, chance in ({said: 1.0} if isinstance(said, str) else said).items():
                if name not in place:
                    raise InputError(
                        Problem("the policy chooses a model that the log never tries", got=name, where=f"job {row['case_id']}")
                    )
                weights[i, place[name]] = chance
    elif isinstance(policy, str):
        weights = np.ones_like(allowed) if policy == "uniform" else np.zeros_like(allowed)
        if policy != "uniform":
            weights[:, place[policy]] = 1
    elif isinstance(policy, Mapping):
        strange = [name for name in policy if name not in place and policy[name] > 0]
        if strange:
            raise InputError(
                Problem("the policy chooses models that the log never tries", got=strange, next=close_match(strange[0], names))
            )
        weights = np.tile([float(policy.get(name, 0.0)) for name in names], (used.height, 1))
    else:
        raise ParameterError(
            Problem("a policy cannot be read", got=policy, expected="a model, uniform, chances by model, or a function")
        )
    if not (np.isfinite(weights).all() and (weights >= 0).all()):
        raise ParameterError(Problem("chances of the policy are out of range", expected="numbers, at least 0"))
    weights = weights * allowed
    total = weights.sum(axis=1, keepdims=True)
    if (total <= 0).any():
        poor = int(np.argmin(total))
        problem = Problem(
            "the policy chooses nobody who could do the job", where=f"job {used['case_id'][poor]}", got=candidates[poor]
        )
        raise InputError(problem)
    return weights / total, names


def check_support(used: pl.DataFrame, target: Floats, names: list[str]) -> None:
    """Whatever the policy may choose, the log must have had a chance to choose."""
    place = {name: i for i, name in enumerate(names)}
    tried = np.isin(names, used["actor"].unique().to_list())
    missing = (target > 1e-12) & ~tried[None, :]  # all that can be said of a row without its list
    for i, (each, chances) in enumerate(used.select("candidates", "propensities").iter_rows()):
        if chances is not None:
            logged = np.zeros(len(names))
            logged[[place[name] for name in each]] = chances
            missing[i] = (target[i] > 1e-12) & (logged <= 0)
    if missing.any():
        share = float(missing.any(axis=1).mean())
        problem = Problem(
            "the policy would choose models that the log had no chance to choose",
            got=f"{share:.1%} of the jobs, such as {names[int(np.argmax(missing.any(axis=0)))]}",
            expected="a positive propensity for whatever the policy may choose",
            next="explore more and ask again",
        )
        raise InputError(problem)


def check_weights(weights: Floats, without_list: int) -> None:
    """The weights of a policy that the log supports have mean 1; where lists are missing, this is all that shows that it does."""
    mean = float(weights.mean())
    error = float(weights.std(ddof=1)) / np.sqrt(len(weights))
    if without_list and abs(mean - 1) > max(0.1, 5 * error):
        problem = Problem(
            "the log does not support the policy",
            got=f"a mean weight of {mean:.2f}",
            expected="about 1",
            next="record the chances of all candidates with every choice; the policy would choose where it could not",
        )
        raise InputError(problem)
