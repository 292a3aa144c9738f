"""The router: who gets a task."""

from __future__ import annotations

import hashlib
import json
import threading
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from aura_analytics.errors import ParameterError, Problem, RoutingError, close_match
from aura_analytics.io.front_door import EventsLike
from aura_analytics.routing.models import Choice, model_of, needs_of
from aura_analytics.routing.record import Record
from aura_analytics.routing.strategies import STRATEGIES, choice_probabilities, with_floor

if TYPE_CHECKING:
    from aura_analytics.ledger.store import Ledger

__all__ = ["Router"]

_UNSEEN = 70.0  # score of a model without history


class Router:
    """Choose models by their record.

    Parameters
    ----------
    models
        Objects (or dicts) with `name` and `capabilities`.
    ledger
        A `Ledger` (followed; choices for tasks with a `job_id` are recorded as ROUTED events), events on the contract, or None.
    strategy
        `seed`: the Accountant's ranking. `thompson`, `ucb1`, `epsilon_greedy`: by realised outcomes (OUTCOME events), not by what
        models say of themselves.
    exploration
        Share of choices that is spread evenly over all candidates, in [0, 1]. Default 0 for `seed`, 0.1 for `epsilon_greedy`, else
        0.02.
    seed
        Of all choices: the same seed, record and job give the same choice.

    Raises
    ------
    ParameterError
        For models that cannot be read or share a name, and options out of range.

    Examples
    --------
    >>> from aura_analytics.routing.models import Model
    >>> router = Router([Model("a"), Model("b", ("code",))])
    >>> router.observe("b", score=90)
    >>> router.route({}).name
    'b'
    """

    def __init__(
        self,
        models: Iterable[Any],
        ledger: Ledger | EventsLike | None = None,
        *,
        strategy: str = "seed",
        exploration: float | None = None,
        seed: int = 0,
    ) -> None:
        self.models: list[Any] = [model_of(m) if isinstance(m, Mapping) else m for m in models]
        problems = [
            Problem("a model has no name or capabilities", got=model, expected="objects with name and capabilities")
            for model in self.models
            if not isinstance(getattr(model, "name", None), str) or isinstance(getattr(model, "capabilities", ""), str)
        ]
        names = [model.name for model in self.models if hasattr(model, "name")]
        if len(set(names)) < len(names):
            problems.append(Problem("two models have one name", got=sorted({name for name in names if names.count(name) > 1})[:5]))
        if strategy not in STRATEGIES:
            hint = close_match(strategy, list(STRATEGIES))
            problems.append(Problem("unknown strategy", got=strategy, expected=", ".join(STRATEGIES), next=hint))
        chosen = {"seed": 0.0, "epsilon_greedy": 0.1}.get(strategy, 0.02) if exploration is None else exploration
        if not 0 <= chosen <= 1:
            problems.append(Problem("exploration is out of range", got=exploration, expected="a share from 0 to 1"))
        if problems:
            raise ParameterError("a router cannot be made", problems=problems)
        self.strategy: str
        self.exploration: float
        self.strategy, self.exploration, self._seed = strategy, chosen, seed
        self._ledger = cast("Ledger", ledger) if hasattr(ledger, "record_event") else None
        self._record = Record(ledger)
        self._lock = threading.RLock()
        self._count = 0

    def observe(self, name: str, *, score: float | None = None, success: bool | None = None) -> None:
        """Take in a score (0 to 100) or an outcome without a ledger.

        Parameters
        ----------
        name
            Of the model.
        score
            0 to 100.
        success
            Whether its work was right.

        Raises
        ------
        ParameterError
            For a model that the router does not know, or a score out of range.
        """
        names = [model.name for model in self.models]
        if name not in names:
            raise ParameterError(Problem("unknown model", got=name, next=close_match(name, names)))
        if score is not None and not 0 <= score <= 100:
            raise ParameterError(Problem("a score is out of range", got=score, expected="0 to 100"))
        with self._lock:
            self._record.observe(name, score=score, success=success)

    def observe_many(self, name: str, *, scores: Iterable[float] = (), trials: int = 0, successes: int = 0) -> None:
        """Take in scores (in the order of time) and counted outcomes of one model without a ledger.

        Parameters
        ----------
        name
            Of the model.
        scores
            0 to 100 each.
        trials, successes
            How many outcomes there are, and how many of them were right.

        Raises
        ------
        ParameterError
            For a model that the router does not know, a score out of range, or more successes than trials.
        """
        if not 0 <= successes <= trials:
            raise ParameterError(Problem("successes are out of range", got=successes, expected=f"0 to {trials} (the trials)"))
        with self._lock:
            for score in scores:
                self.observe(name, score=score)
            self._record.count(name, trials, successes)

    def chances(self, *, without: Iterable[str] = ()) -> dict[str, float]:
        """With which chance each model would be chosen next, by name.

        Parameters
        ----------
        without
            Names of models that may not be chosen.

        Raises
        ------
        RoutingError
            If nobody is left.
        """
        with self._lock:
            self._record.refresh()
            models = self._available({}, set(without))
            models = self._ranked(models) if self.strategy == "seed" else models
            return {model.name: float(chance) for model, chance in zip(models, self._chances(models), strict=True)}

    def available(self, task: Mapping[str, Any]) -> list[Any]:
        """Models that are not suspended and have what the task needs (`capabilities`), in their order.

        Raises
        ------
        RoutingError
            If nobody is left; says why each one is not.
        """
        with self._lock:
            self._record.refresh()
            return self._available(task, set())

    def _available(self, task: Mapping[str, Any], without: set[str]) -> list[Any]:
        needs = needs_of(task)
        away = self._record.suspended()
        left, why = [], []
        for model in self.models:
            lacking = needs - set(model.capabilities)
            if model.name in without:
                why.append(f"{model.name}: taken off this task")
            elif model.name in away:
                why.append(f"{model.name}: suspended")
            elif lacking:
                why.append(f"{model.name}: lacks {', '.join(sorted(lacking))}")
            else:
                left.append(model)
        if not left:
            shown = "; ".join(why[:10]) + (f"; and {len(why) - 10} more" if len(why) > 10 else "")
            problem = Problem(
                "nobody is left for the task",
                got=shown or "no models",
                expected="a model that is not suspended and can do it",
                next="reinstate one, or add a model",
            )
            raise RoutingError(problem)
        return left

    def ranked(self, task: Mapping[str, Any], *, check: bool = True) -> list[Any]:
        """Models in the Accountant's order: mean of the last 10 scores (70 without any), then fewer capabilities, then their own
        order.

        Parameters
        ----------
        task
            What is to be done.
        check
            Whether suspended models and those that lack a capability are left out; False gives the bare rule.
        """
        with self._lock:
            self._record.refresh()
            return self._ranked(self._available(task, set()) if check else self.models)

    def _ranked(self, models: Sequence[Any]) -> list[Any]:
        scores = self._record.scores
        return sorted(models, key=lambda model: (scores.get(model.name, _UNSEEN), -len(model.capabilities)), reverse=True)

    def route(self, task: Mapping[str, Any], *, check: bool = True) -> Any:
        """The model for a task; see `choose`.

        Parameters
        ----------
        task, check
            As in `choose`.
        """
        return self.choose(task, check=check).model

    def choose(
        self,
        task: Mapping[str, Any],
        *,
        check: bool = True,
        without: Iterable[str] = (),
        record: bool = True,
        salt: str = "",
        attributes: Mapping[str, Any] | None = None,
    ) -> Choice:
        """Choose a model.

        Parameters
        ----------
        task
            A dict: `capabilities` that it needs, `job_id`, `queue`; all may be missing.
        check
            As in `ranked`.
        without
            Names of models that may not be chosen.
        record
            Whether to record the choice, where there is a ledger and a `job_id`.
        salt
            Another draw for the same job, as when it is given to somebody else.
        attributes
            Anything else that is kept with the event.

        Returns
        -------
        Choice

        Raises
        ------
        RoutingError
            If nobody is left.
        ParameterError
            If the task cannot be read.
        """
        if not isinstance(task, Mapping):
            raise ParameterError(Problem("a task cannot be read", got=task, expected="a dict, which may be empty"))
        with self._lock:
            made = self._chosen(task, set(without), check=check, salt=salt)
        if self._ledger is None or task.get("job_id") is None or not record:
            return made
        event = self.routed(made, task, attributes=attributes)
        self._ledger.record_event(event)
        return Choice(made.model, made.strategy, made.propensity, made.candidates, made.propensities, event["event_id"])

    def _chosen(self, task: Mapping[str, Any], without: set[str], *, check: bool, salt: str) -> Choice:
        self._record.refresh()
        models = self._available(task, without) if check else [model for model in self.models if model.name not in without]
        if not models:
            raise RoutingError(Problem("nobody is left for the task", got="no models"))
        models = self._ranked(models) if self.strategy == "seed" else models
        chances = self._chances(models)
        job = task.get("job_id")
        place = _draw(self._seed, f"{self._count}" if job is None else f"job {job}/{salt}", chances)
        self._count += 1
        return Choice(
            models[place], self.strategy, float(chances[place]), tuple(model.name for model in models), tuple(chances.tolist())
        )

    def _chances(self, models: Sequence[Any]) -> np.ndarray:
        if self.strategy == "seed":
            first = np.zeros(len(models))
            first[0] = 1
            return with_floor(first, self.exploration)
        counts = [self._record.outcomes.get(model.name, (0, 0)) for model in models]
        found = choice_probabilities(self.strategy, [n for n, _ in counts], [k for _, k in counts])
        return with_floor(found, self.exploration)

    @staticmethod
    def routed(
        choice: Choice, task: Mapping[str, Any], *, event_id: str | None = None, attributes: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """A choice as a ROUTED event: who, for which job, by which rule, out of whom, with which chances.

        Parameters
        ----------
        choice
            The choice.
        task
            As in `choose`.
        event_id
            Of the event; default a new one.
        attributes
            Anything else that is kept with it.
        """
        says = {
            "strategy": choice.strategy,
            "propensity": choice.propensity,
            "candidates": choice.candidates,
            "propensities": choice.propensities,
            **(attributes or {}),
        }
        event = {
            "event_id": event_id or f"routed/{uuid.uuid4().hex}",
            "type": "ROUTED",
            "actor": choice.model.name,
            "actor_kind": "agent",
            "case_id": str(task["job_id"]),
            "queue": task.get("queue"),
            "attributes": json.dumps(says, ensure_ascii=False),
        }
        return {name: value for name, value in event.items() if value is not None}


def _draw(seed: int, key: object, chances: np.ndarray) -> int:
    """A place, by a number that belongs to the seed and the job and to nothing else."""
    word = hashlib.blake2b(f"{seed}/{key}".encode(), digest_size=8).digest()
    number = int.from_bytes(word, "big") / 2**64
    place = int(np.searchsorted(np.cumsum(chances), number * float(chances.sum()), side="right"))
    return min(place, len(chances) - 1)
