"""What earlier readings of a log leave behind for policies with persistence or hysteresis.

Readings lie on a grid that depends on the calendar alone. A flag that stands until it is cleared is followed day by day (midnight,
UTC) from the beginning of the log; `k` of `m` readings lie the policy's step before the moment that is asked about. So the verdict
of a day is the same from every later day.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from aura_analytics.cases import Fact, Facts
from aura_analytics.clock import times
from aura_analytics.dossier.grid import Cells, Grid, is_settled
from aura_analytics.events import ACTOR_KINDS, SCHEMA
from aura_analytics.metrics.kinds.base import Context, Metric, series_of
from aura_analytics.rules import engine
from aura_analytics.rules.grammar import All, Any_, Condition, Leaf
from aura_analytics.rules.over_time import Fold
from aura_analytics.rules.policy import Policy
from aura_analytics.rules.roles import with_roles

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Whole = NDArray[np.int64]
    Mask = NDArray[np.bool_]

__all__ = ["COARSE", "first_needed", "folded", "moments_before", "reads_sums"]

_DAY = times.micros(timedelta(days=1))
COARSE = 30  # days between readings of metrics that cannot be taken from sums


def reads_sums(policy: Policy) -> bool:
    """Whether the earlier readings of a policy can be taken from sums; otherwise they are counted one by one, every 30 days."""
    return all(is_settled(one) for one in policy.reads)


def first_needed(policy: Policy, end: datetime) -> datetime | None:
    """From where on earlier readings look at the log; None from its beginning."""
    if policy.spec.sticky or policy.window is None:
        return None
    assert policy.spec.persistence is not None and policy.spec.step is not None
    return end - policy.spec.step * (policy.spec.persistence.m - 1) - policy.window


def moments_before(policy: Policy, first: datetime, end: datetime) -> Whole:
    """The moments before `end` at which a policy is read, microseconds since 1970, ascending."""
    begin, until = times.epoch_micros(first), times.epoch_micros(end)
    found: list[int] = []
    if policy.spec.sticky:
        stride = _DAY * (1 if reads_sums(policy) else COARSE)
        found += range((begin // stride + 1) * stride, until, stride)
    if policy.spec.persistence is not None and policy.spec.step is not None and not policy.spec.sticky:
        step = times.micros(policy.spec.step)
        found += [at for i in range(1, policy.spec.persistence.m) if (at := until - i * step) >= begin]
    return np.array(sorted(found), dtype=np.int64)


def folded(
    policy: Policy,
    facts: Facts,
    end: datetime,
    roles: Mapping[str, str],
    agreed_since: Callable[[], dict[str, int]],
    earlier: Fold | None = None,
    after: int | None = None,
    start: datetime | None = None,
) -> Fold:
    """The fold of a policy whose readings can be taken from sums, up to just before `end`.

    Parameters
    ----------
    policy
        The policy.
    facts
        The facts that it reads, from `first_needed` on, actors by name.
    end
        Where the last reading will be.
    roles
        Declared role of actors.
    agreed_since
        When each actor first issued an agreeing verdict, microseconds since 1970; asked only where it matters.
    earlier, after, start
        To go on with a fold: what it was after a moment (microseconds since 1970), that moment, and when the log begins; the facts
        then need reach back from it no further than a window.
    """
    fold = Fold(policy.spec) if earlier is None else deepcopy(earlier)
    tables = {fact: facts.table(fact) for fact in {one.table for one in policy.reads}}
    known = [table.filter(pl.col("actor").is_not_null()) for table in tables.values()]
    tables = dict(zip(tables, known, strict=True))
    starts = pl.concat([table.select("ts") for table in known])["ts"].min() if start is None else start
    if not isinstance(starts, datetime):
        return fold
    moments = moments_before(policy, times.parse_as_of(starts), end)
    if after is not None:
        moments = moments[moments > after]
    if not len(moments):
        return fold
    names = pl.concat([table["actor"] for table in known]).unique().sort()
    code = pl.Enum(names)
    codes = {fact: table["actor"].cast(code).to_physical().to_numpy().astype(np.int64) for fact, table in tables.items()}
    kinds = _kinds(names, tables)
    at = fold.places(names.to_list())
    for name, kind in zip(names.to_list(), kinds.cast(pl.String).to_list(), strict=True):
        fold.kinds[name] = _first_of(fold.kinds.get(name), kind)
    peers = policy.compares_peers
    span = None if policy.window is None else times.micros(policy.window)
    grid = Grid(tables, codes, policy.reads, moments, span)
    everybody = np.arange(len(names))
    if peers or earlier is not None:  # a flag that stands is looked at again
        chosen = everybody
    else:
        chosen = np.concatenate([_ever(policy, grid.totals(some), some) for some in grid.blocks(len(names))])
    if not len(chosen) and earlier is None:
        return fold
    cells = grid.cells(chosen)
    board = _Board(policy, cells, names, kinds, moments, roles if peers else None, agreed_since)
    shape = (len(policy.spec.rules), len(moments), len(fold.kinds))
    held, clears, present = np.zeros(shape, dtype=bool), np.zeros(shape, dtype=bool), np.zeros(shape[1:], dtype=bool)
    who = at[cells.actor]
    present[cells.moment, who] = True
    for r, rule in enumerate(policy.spec.rules):
        if rule.at_most == "watch":  # never flags, so nothing of it stays
            continue
        held[r, cells.moment, who] = board.flags(rule.when)
        if rule.clear_when is not None:
            clears[r, cells.moment, who] = board.meets(rule.clear_when)
    for t, moment in enumerate(moments.tolist()):
        for r, each in enumerate(fold.rules):
            each.step(moment, held[r, t], clears[r, t], present[t])
    return fold


def _first_of(one: str | None, other: str | None) -> str | None:
    """Of two kinds under which somebody acted the one that is judged: an officer's, if ever."""
    kinds = [kind for kind in (one, other) if kind is not None]
    return min(kinds, key=ACTOR_KINDS.index, default=None)


def _ever(policy: Policy, totals: Mapping[str, Mapping[str, Whole]], actors: Whole) -> Whole:
    """Those of some actors of whom a rule may ever have held, by the values alone: nobody else can be flagged."""
    likely = np.zeros(len(actors), dtype=bool)
    for rule in (rule for rule in policy.spec.rules if rule.at_most == "flag"):
        likely |= _plausible(rule.when, totals).any(axis=1)
    return actors[likely]


def _plausible(condition: Condition, totals: Mapping[str, Mapping[str, Whole]]) -> Mask:
    """Where values meet a condition, whatever their limits: where it holds beyond doubt, they do."""
    if not isinstance(condition, Leaf):
        parts = condition.all if isinstance(condition, All) else condition.any
        combine = np.logical_and if isinstance(condition, All) else np.logical_or
        return np.asarray(combine.reduce([_plausible(part, totals) for part in parts]))
    sums = totals[condition.metric]
    n, value = sums["n"], condition.kind.values_of(sums)
    missing = (n == 0) | ((value == 0) & condition.zero_is_missing)
    few = ~missing & (n < condition.min_n)
    if condition.missing_as is None:
        return np.asarray(condition.op.met(value, list(condition.numbers)) & ~missing & ~few)
    return np.asarray(condition.op.met(np.where(missing, condition.missing_as, value), list(condition.numbers)) & ~few)


def _kinds(names: pl.Series, tables: Mapping[Fact, pl.DataFrame]) -> pl.Series:
    """The kind under which somebody acted: an officer's, if ever."""
    said = [table.select("actor", "actor_kind") for table in tables.values() if "actor_kind" in table.columns]
    if not said:
        return pl.Series([None] * len(names), dtype=SCHEMA["actor_kind"])
    found = pl.concat(said).lazy().group_by("actor").agg(pl.col("actor_kind").min()).collect()
    return pl.DataFrame({"actor": names}).join(found, on="actor", how="left", maintain_order="left")["actor_kind"]


class _Board:
    """Cells as rows that rules can be asked of. What only leans towards a rule is sorted out by the values alone, before limits."""

    def __init__(
        self,
        policy: Policy,
        cells: Cells,
        names: pl.Series,
        kinds: pl.Series,
        moments: Whole,
        roles: Mapping[str, str] | None,
        agreed_since: Callable[[], dict[str, int]],
    ) -> None:
        self._policy, self._cells, self._names, self._moments = policy, cells, names, moments
        self._roles, self._agreed_since = roles, agreed_since
        self._kinds = kinds
        self._plain = self._exact(None) if roles is not None else self._values()

    def _values(self) -> pl.DataFrame:
        """Values and observations alone, without intervals."""
        columns = []
        for one in self._policy.reads:
            totals = self._totals(one)
            columns += [series_of(one.values_of(totals)).alias(one.name), pl.Series(f"{one.name}_n", totals["n"])]
        return pl.DataFrame(columns)

    def _totals(self, one: Metric) -> dict[str, Whole]:
        sums = self._cells.sums[one.name]
        return {name: sums[one.part(name)].cast(pl.Int64).to_numpy() for name in one.per_row()}

    def _exact(self, rows: Whole | None) -> pl.DataFrame:
        """Dossier columns of some rows."""
        cells, context = self._cells, Context(datetime.min)
        actor = cells.actor if rows is None else cells.actor[rows]
        moment = cells.moment if rows is None else cells.moment[rows]
        columns = [
            self._names.gather(actor).alias("actor"),
            self._kinds.gather(actor).alias("actor_kind"),
            pl.Series(self._moments[moment]).cast(SCHEMA["ts"]).alias("as_of"),
        ]
        for one in self._policy.reads:
            sums = cells.sums[one.name] if rows is None else cells.sums[one.name][rows]
            columns += [values.alias(name) for name, values in one.finish(sums, context).items()]
        return with_roles(pl.DataFrame(columns), self._roles or {})

    def meets(self, condition: Condition) -> Mask:
        """Where a condition is met beyond doubt."""
        if self._roles is not None:
            return np.asarray(engine.answer(condition, self._plain)[0] == engine.YES)
        likely = np.flatnonzero(engine.answer(_relaxed(condition), self._plain)[0] == engine.YES)
        out = np.zeros(len(self._cells.actor), dtype=bool)
        if len(likely):
            out[likely] = engine.answer(condition, self._exact(likely))[0] == engine.YES
        return out

    def flags(self, condition: Condition) -> Mask:
        """Where a rule flags: where it is met by somebody whom the policy judges."""
        met = self.meets(condition)
        rows = np.flatnonzero(met)
        if len(rows):
            board, spec = self._exact(rows), self._policy.spec
            if spec.evidence.both_verdicts and "override_rate" in board.columns:
                board = board.with_columns(agreed_ever=self._agreed(board))
            met[rows] = engine.applies(board, spec) & ~engine.one_sided(board, spec)
        return met

    def _agreed(self, board: pl.DataFrame) -> pl.Series:
        known = board["override_rate"] < 1
        if known.all():
            return known
        since = self._agreed_since()
        never = np.iinfo(np.int64).max
        first = np.array([since.get(name, never) for name in board["actor"].to_list()])
        return pl.Series(known.fill_null(value=False).to_numpy() | (first <= board["as_of"].to_physical().to_numpy()))


def _relaxed(condition: Condition) -> Condition:
    """A condition on values alone: whatever meets the condition meets this one too."""
    if isinstance(condition, Leaf):
        return condition.model_copy(update={"limit": None, "anytime": None})
    if isinstance(condition, All):
        return All.model_construct(all=[_relaxed(part) for part in condition.all])
    return Any_.model_construct(any=[_relaxed(part) for part in condition.any])
