"""Whose signature a name is, and whether it may stand under a matter."""

from __future__ import annotations

import getpass
import os
import re
from typing import TYPE_CHECKING

from typing_extensions import TypedDict

from aura_analytics.errors import ParameterError, Problem
from aura_analytics.hr.registry import Registry
from aura_analytics.people import RULE, no_signature, same_person

if TYPE_CHECKING:
    from collections.abc import Collection

    from aura_analytics.ledger.store import Ledger

__all__ = ["Signature", "Signatures", "named", "operating_user"]


class Signature(TypedDict):
    """Who signed, why, and by which account of the operating system."""

    approver: str
    reason: str
    user: str


class Signatures:
    """Signatures under HR matters.

    Parameters
    ----------
    ledger
        What is known of everybody.
    registry
        Who may sign; None takes names as they are given, unproven.
    """

    def __init__(self, ledger: Ledger, registry: Registry | None) -> None:
        self._ledger = ledger
        self.registry = registry

    def sign(
        self,
        approver: str,
        reason: str,
        actor: str,
        *,
        proposer: str | None = None,
        contester: str | None = None,
        away: Collection[str] = (),
    ) -> Signature:
        """A signature in a matter.

        Parameters
        ----------
        approver, reason
            Who signs and why.
        actor
            Whom it is about.
        proposer, contester
            Who proposed what is signed, or contested what is decided: they may not sign either.
        away
            Who is suspended.

        Raises
        ------
        ParameterError
            If the name is nobody's, a machine's, suspended, not of the registry, or may not stand under this matter.
        """
        name, user = named(approver, "approver"), operating_user()
        same = self._same
        if same(name, actor):
            raise ParameterError(Problem("nobody signs in their own matter", got=name, expected="another person"))
        if proposer is not None and not proposer.startswith(RULE) and same(name, proposer):
            raise ParameterError(Problem("who proposed it cannot sign it", got=name, expected="another person"))
        if contester is not None and same(name, contester):
            raise ParameterError(Problem("who contested it cannot decide it", got=name, expected="another person"))
        if self._ledger.machines_called(name):
            raise ParameterError(Problem("a machine cannot sign", got=name, expected="a person"))
        why = no_signature(name)
        if why is not None:
            raise ParameterError(Problem(f"that is no signature: {why}", got=name, expected="a person's name"))
        if any(same(name, one) for one in away):
            raise ParameterError(Problem("who is suspended signs nothing", got=name, expected="another person"))
        if self.registry is not None:
            name = self.registry.signer(name, user).name
        return {"approver": name, "reason": named(reason, "reason"), "user": user}

    def _same(self, one: str, other: str) -> bool:
        """Whether two names may be one person's: by how they are written, which is all that the log will be judged by, or by the
        registry.
        """
        if self.registry is None:
            return same_person(one, other)
        person = self.registry.person(one)
        recorded = one if person is None else person.name
        return self.registry.same(one, other) or same_person(recorded, other)


def operating_user() -> str:
    """The account that this process runs under."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # no name for it
        return f"uid {os.getuid()}" if hasattr(os, "getuid") else "unknown"


def named(value: str, what: str) -> str:
    """A text of one line; `ParameterError` for any other."""
    text = value.strip() if isinstance(value, str) else ""
    if not text or re.search(r"[\r\n]", text):
        raise ParameterError(Problem(f"{what} is missing", got=value, expected="a text of one line"))
    return text
