"""Folds of policies over a log that is followed: a later reading goes on with them."""

from __future__ import annotations

from collections.abc import Hashable

from aura_analytics.rules.over_time import Fold
from aura_analytics.rules.policy import Policy

__all__ = ["KeptFolds"]

_MOST = 8  # policies whose past readings are kept


class KeptFolds:
    """What earlier readings left behind, by policy, and up to which moment (microseconds since 1970)."""

    def __init__(self) -> None:
        self._kept: dict[Hashable, tuple[int, Fold]] = {}

    def before(self, key: Hashable, moments: list[int]) -> tuple[int | None, Fold | None]:
        """The last moment that was read, and the fold after it; none where there is nothing that these moments go on with."""
        after, fold = self._kept.get(key, (None, None))
        return (None, None) if after is None or not moments or after > moments[-1] else (after, fold)

    def keep(self, policy: Policy, key: Hashable, moments: list[int], fold: Fold) -> Fold:
        """Keep a fold whose moments are those of the calendar; returns it."""
        if policy.spec.sticky and moments:
            self._kept.pop(key, None)
            self._kept[key] = moments[-1], fold
            if len(self._kept) > _MOST:
                self._kept.pop(next(iter(self._kept)))
        return fold

    def forget(self, first: object) -> None:
        """Events came in, the first of them at this moment: what was read from it on may have changed."""
        self._kept = {key: kept for key, kept in self._kept.items() if isinstance(first, int) and kept[0] < first}
