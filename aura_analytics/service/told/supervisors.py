"""Who answers for whom, as a YAML file."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Self

from pydantic import Field

from aura_analytics.errors import Problem, RuleError
from aura_analytics.yaml_models import Strict, YamlModel

__all__ = ["Supervisor", "Supervisors"]


class Supervisor(Strict):
    """Somebody who answers for others."""

    name: str = Field(min_length=1, description="as the door knows them: of a key, a token or the proxy")
    mail: str | None = Field(None, pattern=r"^[^@\s<>,;]+@[^@\s<>,;]+$", description="where they are told")
    actors: tuple[str, ...] = Field(min_length=1, description="for whom, as events name them; * is everybody else")


class Supervisors(YamlModel):
    """Who answers for whom: each actor has one supervisor, who alone is told of their verdicts.

    Examples
    --------
    >>> known = Supervisors.read({"supervisors": [
    ...     {"name": "B. Kim", "mail": "kim@agency.gov", "actors": ["anne", "bob"]}, {"name": "C. Roe", "actors": ["*"]}]})
    >>> [getattr(known.of(actor), "name", None) for actor in ("anne", "zoe")], sorted(known.team_of("B. Kim"))
    (['B. Kim', 'C. Roe'], ['anne', 'bob'])
    """

    called: ClassVar[str] = "map of supervisors"
    parts: ClassVar[tuple[type, ...]] = (Supervisor,)

    supervisors: tuple[Supervisor, ...] = ()

    @classmethod
    def from_yaml(cls, path: str | Path) -> Self:
        """Read a map.

        Parameters
        ----------
        path
            YAML: `supervisors`, a list of `name`, `mail`, `actors`.

        Raises
        ------
        FileMissingError, RuleError
            If there is none, it cannot be read, or an actor or a name stands in it twice.
        """
        found = super().from_yaml(path)
        problems, seen = [], dict[str, str]()
        for one in found.supervisors:
            if sum(other.name == one.name for other in found.supervisors) > 1:
                problems.append(Problem("a supervisor stands in the map twice", one.name, where=str(path)))
            for actor in one.actors:
                if actor in seen:
                    problems.append(Problem("an actor has two supervisors", actor, f"one: {seen[actor]} or {one.name}", str(path)))
                seen[actor] = one.name
                if actor == one.name:
                    problems.append(Problem("nobody answers for themselves", actor, where=str(path)))
        if problems:
            raise RuleError("the map of supervisors contradicts itself", problems=problems)
        return found

    def of(self, actor: str) -> Supervisor | None:
        """Who answers for an actor.

        Parameters
        ----------
        actor
            As events name them.
        """
        named = next((one for one in self.supervisors if actor in one.actors), None)
        return named or next((one for one in self.supervisors if "*" in one.actors and one.name != actor), None)

    def team_of(self, name: str) -> frozenset[str]:
        """For whom somebody answers by name.

        Parameters
        ----------
        name
            Of the supervisor.
        """
        return frozenset(actor for one in self.supervisors if one.name == name for actor in one.actors if actor != "*")
