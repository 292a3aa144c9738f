"""Who asks, and what they may do."""

from __future__ import annotations

from dataclasses import dataclass

from aura_analytics.errors import ParameterError, Problem, close_match

__all__ = ["SCOPES", "Reader", "scopes_of"]

SCOPES = (
    "events:write",
    "events:write:self",
    "dossiers:read:self",
    "dossiers:read:team",
    "dossiers:read:all",
    "verdicts:sign",
    "policies:write",
    "audit:read",
    "admin",
)
_IMPLIED = {
    "events:write": ("events:write:self",),
    "dossiers:read:all": ("dossiers:read:team", "dossiers:read:self"),
    "dossiers:read:team": ("dossiers:read:self",),
}


def scopes_of(given: str) -> frozenset[str]:
    """Scopes from a text, by spaces or commas, with those that each implies; `admin` has all but signing.

    Raises
    ------
    ParameterError
        For a scope that there is not.

    Examples
    --------
    >>> sorted(scopes_of("dossiers:read:team"))
    ['dossiers:read:self', 'dossiers:read:team']
    """
    found: set[str] = set()
    for name in given.replace(",", " ").split():
        if name not in SCOPES:
            raise ParameterError(Problem("unknown scope", name, ", ".join(SCOPES), next=close_match(name, SCOPES)))
        found |= {name, *_IMPLIED.get(name, ())}
        if name == "admin":
            found |= set(SCOPES) - {"verdicts:sign"}
    return frozenset(found)


@dataclass(frozen=True)
class Reader:
    """Who asks.

    Attributes
    ----------
    name
        Of the person or the service.
    scopes
        What they may do.
    person
        Whether it is a person, who may sign: a service never does.
    team
        Whom they answer for.
    """

    name: str
    scopes: frozenset[str]
    person: bool = False
    team: frozenset[str] = frozenset()

    def may(self, *scopes: str) -> bool:
        """Whether they have one of some scopes."""
        return not self.scopes.isdisjoint(scopes)

    def may_read(self, actor: str | None) -> bool:
        """Whether they may see the dossier of somebody."""
        if "dossiers:read:all" in self.scopes:
            return True
        if actor is None:
            return False
        mine = "dossiers:read:self" in self.scopes and actor == self.name
        return mine or ("dossiers:read:team" in self.scopes and actor in self.team)
