"""Two or more ways of routing side by side: every job belongs to one arm, for good."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import BaseModel, Field, field_validator, model_validator

from aura_analytics.errors import ParameterError, Problem
from aura_analytics.io.front_door import EventsLike
from aura_analytics.routing.models import Choice
from aura_analytics.routing.router import Router
from aura_analytics.routing.strategies import STRATEGIES
from aura_analytics.yaml_models import Strict, YamlModel

if TYPE_CHECKING:
    from aura_analytics.ledger.store import Ledger

__all__ = ["Arm", "Experiment", "ExperimentFile"]


class Arm(Strict):
    """One way of routing."""

    strategy: str = Field(description=f"one of {', '.join(STRATEGIES)}")
    exploration: float | None = Field(None, ge=0, le=1, description="share of choices spread evenly; default the strategy's own")
    share: float = Field(1, gt=0, le=1_000_000, description="how many of the jobs it gets, beside the others")

    @field_validator("strategy")
    @classmethod
    def _known(cls, strategy: str) -> str:
        if strategy not in STRATEGIES:
            raise ValueError(f"unknown strategy {strategy}; one of {', '.join(STRATEGIES)}")
        return strategy


class ExperimentFile(YamlModel):
    """An experiment as a file: its name, and its arms, the first of which the others are compared with."""

    called = "experiment"
    parts: ClassVar[tuple[type[BaseModel], ...]] = (Arm,)

    name: str = Field(min_length=1, max_length=200)
    arms: dict[str, Arm] = Field(description="arm -> how it routes")

    @model_validator(mode="after")
    def _several(self) -> ExperimentFile:
        if len(self.arms) < 2:
            raise ValueError("an experiment has two arms or more")
        return self


class Experiment:
    """Route jobs by the arm that they belong to.

    Which arm that is follows from the name of the experiment and the id of the job alone, so that it is the same in every process
    and whenever the job is asked about again. It stands in the ROUTED event (`experiment`, `arm`).

    Parameters
    ----------
    experiment
        An `ExperimentFile`, the path of one (YAML), or a mapping of its keys.
    models, ledger
        As `Router`.

    Raises
    ------
    RuleError, FileMissingError
        If the experiment cannot be read.
    ParameterError
        As `Router`.

    Examples
    --------
    >>> from aura_analytics.routing import Model
    >>> both = Experiment({"name": "trial", "arms": {"old": {"strategy": "seed"}, "new": {"strategy": "thompson"}}},
    ...                   [Model("a"), Model("b")])
    >>> both.arm_of("job 1"), both.arm_of("job 1"), both.arm_of("job 3")
    ('old', 'old', 'new')
    """

    def __init__(
        self,
        experiment: ExperimentFile | str | Path | Mapping[str, Any],
        models: Iterable[Any],
        ledger: Ledger | EventsLike | None = None,
        *,
        seed: int = 0,
    ) -> None:
        self.file: ExperimentFile
        if isinstance(experiment, ExperimentFile):
            self.file = experiment
        elif isinstance(experiment, Mapping):
            self.file = ExperimentFile.read(experiment)
        else:
            self.file = ExperimentFile.from_yaml(experiment)
        listed = list(models)
        self._routers = {
            name: Router(listed, ledger, strategy=arm.strategy, exploration=arm.exploration, seed=seed)
            for name, arm in self.file.arms.items()
        }

    @property
    def name(self) -> str:
        """Its name."""
        return self.file.name

    def arm_of(self, job_id: object) -> str:
        """The arm that a job belongs to.

        Parameters
        ----------
        job_id
            The job.

        Raises
        ------
        ParameterError
            Without a job.
        """
        if job_id is None or not str(job_id).strip():
            raise ParameterError(Problem("a job of an experiment needs an id", got=job_id, expected="a job_id in the task"))
        word = hashlib.blake2b(f"{self.name}\n{job_id}".encode(), digest_size=8).digest()
        drawn = int.from_bytes(word, "big") / 2**64 * sum(arm.share for arm in self.file.arms.values())
        for name, arm in self.file.arms.items():
            drawn -= arm.share
            if drawn < 0:
                return name
        return list(self.file.arms)[-1]

    def choose(self, task: Mapping[str, Any]) -> Choice:
        """Choose a model by the arm of the job; recorded where there is a ledger.

        Parameters
        ----------
        task
            As `Router.choose`; with a `job_id`.

        Raises
        ------
        ParameterError, RoutingError
            As `Router.choose`, and without a `job_id`.
        """
        if not isinstance(task, Mapping):
            raise ParameterError(Problem("a task cannot be read", got=task, expected="a dict with a job_id"))
        arm = self.arm_of(task.get("job_id"))
        return self._routers[arm].choose(task, attributes={"experiment": self.name, "arm": arm})

    @property
    def shares(self) -> dict[str, float]:
        """The share of the jobs that each arm gets."""
        whole = sum(arm.share for arm in self.file.arms.values())
        return {name: arm.share / whole for name, arm in self.file.arms.items()}
