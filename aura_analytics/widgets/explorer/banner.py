"""What a policy says of somebody, where something is to be done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Banner"]


@dataclass(frozen=True)
class Banner:
    """What the policy says of somebody, where it says that something is to be done.

    Attributes
    ----------
    verdict
        `flag` (a plan is recommended) or `watch` (a reason to look at the cases, and no more).
    actor, policy, rules
        Of whom, by which rules of which policy.
    reasons
        The evidence, a sentence for each comparison.
    would_clear
        What would clear it, in words.
    """

    verdict: Literal["flag", "watch"]
    actor: str
    policy: str
    rules: tuple[str, ...]
    reasons: tuple[str, ...]
    would_clear: tuple[str, ...]
