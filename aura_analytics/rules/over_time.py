"""Rules over time: readings of one actor after another, folded into verdicts that stand.

A fold goes from moment to moment. What it keeps of an actor is small: whether a rule's flag stands, since when it may count again,
and at which of the last moments the rule held. Two things follow from the moment alone, and never from the day on which somebody
asks: `k` of the last `m` readings a step apart, and a flag that stands until its clearing condition holds. Silence is no
improvement: who has no row at a moment keeps what stands.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np

from aura_analytics.clock import times
from aura_analytics.rules.engine import FLAG, WATCH

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from aura_analytics.rules.grammar import PolicyFile

    Mask = NDArray[np.bool_]

__all__ = ["Fold", "RuleFold"]

_DAY = times.micros(timedelta(days=1))
_STANDS = "the flag stands until the condition for clearing it is met"


class RuleFold:
    """The verdicts of one rule over time.

    Parameters
    ----------
    k, m, step
        A flag needs `k` of the last `m` readings, a step (in microseconds) apart.
    sticky
        Whether a flag stands until it is cleared.
    """

    def __init__(self, k: int, m: int, step: int, *, sticky: bool) -> None:
        self._k, self._m, self._step, self._sticky = k, m, step, sticky
        self.seen = 0  # readings that the last step looked at
        self._moments: list[int] = []
        self._held: list[Mask] = []  # at each of these moments, who met the rule
        self._standing = np.zeros(0, dtype=bool)
        self._since = np.zeros(0, dtype=np.int64)  # readings up to here count no more

    def standing(self, size: int) -> Mask:
        """Who stands flagged after the last moment."""
        self._grow(size)
        return self._standing.copy()

    def step(self, moment: int, held: Mask, may_clear: Mask, present: Mask) -> tuple[Mask, Mask, NDArray[np.int64]]:
        """Go on to a moment, for all actors at once.

        Parameters
        ----------
        moment
            Microseconds since 1970, later than the last one.
        held, may_clear, present
            Who meets the rule, who meets its clearing condition, and who has a reading at all.

        Returns
        -------
        tuple
            Who is flagged now, whose flag stands only because it was not cleared, and in how many of the last readings the rule
            held.
        """
        size = len(held)
        self._grow(size)
        before = self._standing
        if self._sticky:
            cleared = before & present & may_clear & ~held
            self._since = np.where(cleared, moment, self._since)
        recent = (held & present).astype(np.int64)
        self.seen = 1
        for back in range(1, self._m):
            at = self._near(moment - back * self._step)
            if at is not None:
                self.seen += 1
                past = self._held[at]
                recent[: len(past)] += past & (self._moments[at] > self._since[: len(past)])
        if self._sticky:
            recent = np.where(cleared, 0, recent)
        raised = recent >= self._k
        stays = before & ~(present & may_clear) if self._sticky else np.zeros(size, dtype=bool)
        self._standing = raised | stays
        self._keep(moment, held & present)
        return self._standing.copy(), stays & ~raised, recent

    def _grow(self, size: int) -> None:
        more = size - len(self._standing)
        if more > 0:
            self._standing = np.concatenate([self._standing, np.zeros(more, dtype=bool)])
            self._since = np.concatenate([self._since, np.full(more, np.iinfo(np.int64).min)])

    def _keep(self, moment: int, held: Mask) -> None:
        self._moments.append(moment)
        self._held.append(held)
        oldest = moment - self._m * self._step
        while self._moments and (self._m == 1 or self._moments[0] < oldest):
            self._moments.pop(0)
            self._held.pop(0)

    def _near(self, moment: int) -> int | None:
        """The reading at a moment: the last one up to it, less than a day ago (so that it shares nothing with later ones), or
        else the nearest; calendar months differ in length, so a tenth of a step is allowed for.
        """
        place = int(np.searchsorted(self._moments, moment, side="right"))
        if place and moment - self._moments[place - 1] < min(_DAY, self._step):
            return place - 1
        near = [at for at in (place - 1, place) if 0 <= at < len(self._moments)]
        at = min(near, key=lambda at: abs(self._moments[at] - moment), default=None)
        return at if at is not None and abs(self._moments[at] - moment) * 10 <= self._step else None


class Fold:
    """The verdicts of a policy over time; actors are known by name.

    Parameters
    ----------
    spec
        The policy.
    """

    def __init__(self, spec: PolicyFile) -> None:
        k, m = (spec.persistence.k, spec.persistence.m) if spec.persistence else (1, 1)
        self._k, self._m = k, m
        step = times.micros(spec.step or timedelta(days=1))
        self.rules: list[RuleFold] = [RuleFold(k, m, step, sticky=rule.clear_when is not None) for rule in spec.rules]
        self.kinds: dict[str, str | None] = {}  # of what kind they acted
        self._places: dict[str, int] = {}
        self._ids: list[str] = [rule.id for rule in spec.rules]

    def places(self, actors: Sequence[str]) -> NDArray[np.int64]:
        """The numbers of some actors; who is new gets the next one."""
        return np.array([self._places.setdefault(actor, len(self._places)) for actor in actors], dtype=np.int64)

    def standing(self) -> list[str]:
        """Who stands flagged by any rule."""
        names = list(self._places)
        flagged = np.zeros(len(names), dtype=bool)
        for rule in self.rules:
            flagged |= rule.standing(len(names))
        return [names[at] for at in np.flatnonzero(flagged)]

    def read(
        self,
        moment: int,
        at: NDArray[np.int64],
        held: Sequence[Mask],
        may_clear: Sequence[Mask],
        *,
        silent: Mask | None = None,
    ) -> list[tuple[NDArray[np.int8], dict[int, str]]]:
        """Read a moment: per rule, the codes that it sets (0 where it sets none) and, by row, notes that say why.

        Parameters
        ----------
        moment
            Microseconds since 1970.
        at
            Who has a row: their `places`.
        held, may_clear
            Per rule, by row.
        silent
            Rows without any observation; default none.
        """
        size = len(self._places)
        quiet = np.zeros(len(at), dtype=bool) if silent is None else silent
        found = []
        for rule, flagged, clears in zip(self.rules, held, may_clear, strict=True):
            wide = [np.zeros(size, dtype=bool) for _ in range(3)]
            for target, values in zip(wide, (flagged, clears & ~quiet, ~quiet), strict=True):
                target[at] = values
            now, kept, counted = rule.step(moment, *wide)
            stands, stays, recent = now[at], kept[at], counted[at]
            codes = np.where(stands, FLAG, np.where(flagged, WATCH, 0)).astype(np.int8)
            found.append((codes, self._notes(flagged, stands, stays, recent, quiet, rule.seen)))
        return found

    def _notes(self, flagged: Mask, stands: Mask, stays: Mask, recent: NDArray[np.int64], quiet: Mask, seen: int) -> dict[int, str]:
        notes = {}
        for i in np.flatnonzero(stays | (flagged != stands)).tolist():
            if stays[i]:
                notes[i] = _STANDS + ("; nothing was recorded in the window, and silence is no improvement" if quiet[i] else "")
                continue
            notes[i] = f"flagged in {recent[i]} of the last {seen} readings"
            if not stands[i]:
                notes[i] += f"; {self._k} of {self._m} are needed"
        return notes
