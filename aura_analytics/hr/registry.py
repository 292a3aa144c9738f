"""Who may sign: people with all their names, from a file, or from the groups of an identity provider."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from aura_analytics.errors import ParameterError, Problem, RuleError, close_match
from aura_analytics.people import same_person
from aura_analytics.yaml_models import Strict, YamlModel, load_yaml

__all__ = ["Person", "Registry"]


class Person(Strict):
    """Somebody who is known by name.

    Attributes
    ----------
    name
        As it is recorded.
    also
        Other names, addresses and user names of the same person.
    signs
        Whether they may sign.
    users
        Accounts of the operating system that are theirs; where any are given, only these sign in their name.
    """

    name: str = Field(min_length=1)
    also: tuple[str, ...] = ()
    signs: bool = True
    users: tuple[str, ...] = ()

    def called(self, name: str) -> bool:
        """Whether a name, as it is written there, is theirs."""
        return _plain(name) in {_plain(one) for one in (self.name, *self.also)}


class Registry(YamlModel):
    """People who may sign, and those who are acted upon where they have several names.

    Examples
    --------
    >>> registry = Registry.of([{"name": "A. Lee", "also": ["ann.lee@agency.gov"]}, {"name": "B. Kim", "signs": False}])
    >>> registry.signer("ann.lee@agency.gov").name
    'A. Lee'
    """

    called: ClassVar[str] = "registry of people"
    parts: ClassVar[Any] = (Person,)

    people: tuple[Person, ...]

    @classmethod
    def of(cls, people: Iterable[Person | Mapping[str, Any]]) -> Registry:
        """A registry of people, or of dicts of their fields.

        Parameters
        ----------
        people
            Who they are.

        Raises
        ------
        RuleError
            If they cannot be read, or a name stands with two of them.
        """
        found = cls.read({"people": [one.model_dump() if isinstance(one, Person) else dict(one) for one in people]})
        return _distinct(found, "registry")

    @classmethod
    def from_yaml(cls, path: str | Path) -> Registry:
        """A registry from a file.

        Parameters
        ----------
        path
            YAML: `people`, a list of `name`, `also`, `signs`, `users`.

        Raises
        ------
        FileMissingError, RuleError
            If there is none, or it cannot be read; every problem with its place.
        """
        data = load_yaml(path, RuleError, cls.called)
        return _distinct(cls.read(data, str(path)), str(path))

    @classmethod
    def from_claims(cls, claims: Iterable[Mapping[str, Any]], group: str) -> Registry:
        """A registry of the claims of verified OpenID Connect tokens: who is in a group signs.

        Parameters
        ----------
        claims
            Of each token: `sub`, and `name`, `email`, `preferred_username`, `groups` where there are any.
        group
            The group whose members sign.
        """
        people = []
        for one in claims:
            names = [str(one[key]) for key in ("name", "email", "preferred_username", "sub") if one.get(key)]
            groups = one.get("groups") or ()
            member = group in ([groups] if isinstance(groups, str) else groups)
            if names:
                people.append(Person(name=names[0], also=tuple(names[1:]), signs=member))
        return cls.of(people)

    def person(self, name: str) -> Person | None:
        """Whose name it is; None for a name that is nobody's here."""
        return next((person for person in self.people if person.called(name)), None)

    def signer(self, name: str, user: str | None = None) -> Person:
        """The person who signs by a name.

        Parameters
        ----------
        name
            As it was given.
        user
            Account of the operating system that signs; None where there is none.

        Raises
        ------
        ParameterError
            If it is nobody's, or they may not sign, or sign by another account only.
        """
        person = self.person(name)
        signers = [one.name for one in self.people if one.signs]
        if person is None:
            hint = close_match(name, signers)
            raise ParameterError(Problem("nobody of that name may sign", got=name, expected=_some(signers), next=hint))
        if not person.signs:
            raise ParameterError(Problem("they may not sign", got=name, expected=_some(signers)))
        if person.users and user not in person.users:
            raise ParameterError(Problem("another account signs in their name", got=user, expected=_some(person.users)))
        return person

    def same(self, one: str, other: str) -> bool:
        """Whether two names are one person's: by the registry where it knows both, otherwise by how they are written."""
        first, second = self.person(one), self.person(other)
        if first is not None and second is not None:
            return first == second
        known = [name for person in (first, second) if person is not None for name in (person.name, *person.also)]
        return same_person(one, other) or any(same_person(name, one if first is None else other) for name in known)


def _distinct(registry: Registry, where: str) -> Registry:
    """The registry, unless a name stands with two people."""
    owners: dict[str, str] = {}
    for person in registry.people:
        for name in {_plain(one) for one in (person.name, *person.also)}:
            if name in owners:
                raise RuleError(Problem("a name stands with two people", got=f"{owners[name]}, {person.name}", where=where))
            owners[name] = person.name
    return registry


def _plain(name: str) -> str:
    return " ".join(name.split()).casefold()


def _some(names: Collection[str]) -> str:
    listed = list(names)
    return ", ".join(listed[:5]) + (f" and {len(listed) - 5} more" if len(listed) > 5 else "") or "nobody"
