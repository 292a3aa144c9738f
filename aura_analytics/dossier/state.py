"""Dossiers that are kept up to date: append events, read the board, without counting everything again.

What `dossiers` computes in two steps (events to facts, facts to numbers) is kept after the first: the facts of every case, with
actors as numbers. New events touch few cases; these are followed again from all their events, old and new, so an event that
arrives late, or out of order, ends in the same facts as if it had been there from the start. The second step is the very code
of `dossiers`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from copy import deepcopy
from datetime import date, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np
import polars as pl

from aura_analytics import cases
from aura_analytics.cases import DECISIONS, RATINGS, Fact, Facts, Options, spells
from aura_analytics.cases.collecting import FEW, collect, in_memory
from aura_analytics.cases.decisions import ever_agreed
from aura_analytics.cases.growing_log import Change, GrowingLog
from aura_analytics.clock import times
from aura_analytics.clock.calendars import CalendarLike, as_calendar
from aura_analytics.clock.sla import SlaLike, parse_sla
from aura_analytics.dossier.board import Count, Judgement, check_confidence
from aura_analytics.dossier.counting import queue_names, with_counted
from aura_analytics.dossier.doubts import Seen, bursts
from aura_analytics.dossier.history import first_needed, folded, moments_before, reads_sums
from aura_analytics.dossier.kept_folds import KeptFolds
from aura_analytics.dossier.pip import with_pip
from aura_analytics.dossier.summary import Groups, assembled, collected, grouped, needs_of, summarise
from aura_analytics.dossier.sums import NO_KIND, RunningSums
from aura_analytics.errors import ParameterError, Problem
from aura_analytics.events import ACTOR_KINDS, SCHEMA
from aura_analytics.io.front_door import EventsLike, as_events
from aura_analytics.metrics.catalogue import MetricsLike, metrics_named
from aura_analytics.metrics.kinds.base import Context, Metric
from aura_analytics.rules.over_time import Fold
from aura_analytics.rules.policy import Policy, PolicyLike, as_policy
from aura_analytics.rules.roles import RolesLike, as_roles, with_roles

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["DossierState"]


def _named(table: pl.DataFrame, names: pl.Series) -> pl.DataFrame:
    """A table of facts with actors by name instead of number."""
    return table if table["actor"].dtype == pl.String else table.with_columns(names.gather(table["actor"]).alias("actor"))


_EVER = -(2**62)
_KINDS = pl.Series(ACTOR_KINDS, dtype=SCHEMA["actor_kind"])


class DossierState:
    """Dossiers of a growing log.

    Parameters
    ----------
    events
        The log so far, on the contract.
    metrics, attribution, holding, ratings, calendar, sla, confidence
        As in `dossiers`.

    Examples
    --------
    >>> import aura_analytics as aura
    >>> log = aura.events.sample(600, seed=3)
    >>> state = aura.DossierState(log.head(500))
    >>> state.append(log.tail(log.height - 500))
    >>> state.dossiers().equals(aura.dossiers(log))
    True
    """

    def __init__(
        self,
        events: EventsLike,
        *,
        metrics: MetricsLike = None,
        attribution: cases.Attribution = "last_decider",
        holding: cases.Holding = "closer",
        ratings: cases.Counting = "once",
        calendar: CalendarLike = None,
        sla: SlaLike = None,
        confidence: float = 0.95,
    ) -> None:
        check_confidence(confidence)
        self._metrics = metrics_named(metrics)
        self._options = Options(attribution, holding, as_calendar(calendar), ratings)
        self._sla = parse_sla(sla)
        self._confidence = confidence
        needs = needs_of(one for one in self._metrics if self._sla or not one.needs_sla)
        self._alphabet = (np.zeros(0, dtype=np.int64), pl.Series([], dtype=pl.String))
        self._running: dict[tuple[Fact, str], RunningSums] = {}
        self._since: datetime | None = None
        self._folds = KeptFolds()
        lazy = as_events(events)
        self._queues = set(queue_names(lazy, self._sla))
        self._log = GrowingLog(lazy, needs, self._options)

    @property
    def last(self) -> datetime | None:
        """The time of the last event about work taken in."""
        return self._log.last

    def append(self, events: EventsLike) -> None:
        """Take in more events, in any order; each event once.

        Parameters
        ----------
        events
            As `dossiers`.

        Raises
        ------
        InputError, SchemaError, EventError
            As `dossiers`.
        """
        if (new := collect(as_events(events))).is_empty():
            return
        self._queues.update(queue_names(new.lazy(), self._sla))
        with in_memory() if new.height < FEW else nullcontext():
            for fact, change in self._log.add(new).items():
                self._account(fact, change)
        self._folds.forget(new["ts"].to_physical().min() if self._log.turned.is_empty() else _EVER)

    # -- from facts to dossiers --------------------------------------------------------------------------------------------

    def dossiers(
        self,
        as_of: datetime | date | str | None = None,
        window: str | timedelta | None = None,
        *,
        policy: PolicyLike = None,
        roles: RolesLike = None,
        actors: Iterable[str] | None = None,
    ) -> pl.DataFrame:
        """The same frame as `aura.dossiers` over all events taken in so far.

        Parameters
        ----------
        as_of
            End of the window, not before the last event about work. Default: that event.
        window, policy, roles
            As in `aura.dossiers`.
        actors
            Only the rows of these; default everybody's.

        Raises
        ------
        ParameterError
            If `as_of` lies before the last event: the facts are kept as of now, and history needs `aura.dossiers`.
        """
        return self.judged(as_of, window, policy=policy, roles=roles, actors=actors).board

    def judged(
        self,
        as_of: datetime | date | str | None = None,
        window: str | timedelta | None = None,
        *,
        policy: PolicyLike = None,
        roles: RolesLike = None,
        actors: Iterable[str] | None = None,
        texts: Literal["all", "reasons", "none"] = "reasons",
    ) -> Judgement:
        """What `dossiers` gives, with the verdicts as `Policy.evaluate` puts them.

        Parameters
        ----------
        as_of, window, policy, roles, actors
            As in `dossiers`.
        texts
            As in `Policy.evaluate`.

        Raises
        ------
        ParameterError
            As `dossiers`; also if the policy reads metrics that are not kept.
        """
        judged = as_policy(policy).over(window)
        declared = as_roles(roles) or judged.roles
        end = self.last if as_of is None else times.parse_as_of(as_of)
        if end is not None and self.last is not None and end < self.last:
            expected, hint = f"{self.last} or later", "aura.dossiers(events, as_of) looks back"
            raise ParameterError(Problem("as_of lies before the last event", got=str(end), expected=expected, next=hint))
        moment = end if end is not None else times.from_epoch_micros(0)
        since = None if judged.window is None or end is None else end - judged.window
        context = Context(moment, self._confidence, self._sla, self._options.calendar)
        groups = grouped(self._metrics)
        self._slide(groups, moment, since)
        asked, among = None if actors is None else set(actors), any(one.reads_everybody for one in self._metrics)
        only = None if among or judged.compares_peers else asked
        wanted = {fact for fact, subject in groups if (fact, subject) not in self._running}
        facts = self._facts(moment, since, wanted, only)
        past = None if end is None or not judged.spec.over_time else self._past(judged, end, declared)
        standing = {} if past is None else {name: past.kinds.get(name) for name in past.standing()}
        board = self._assembled(facts, groups, context, only, standing)
        count = Count(judged, self._metrics, self._options, self._sla, self._confidence, declared)
        board = with_counted(with_roles(board, declared), count, self._log.extent, end, self._queues)
        agreed_ever = ever_agreed(self._log)

        def agreed(actors: pl.Series) -> pl.Series:
            return actors.filter([name in agreed_ever for name in actors])

        ratings = self._log.table(RATINGS, moment, since, only) if RATINGS in self._log.kept else RATINGS.empty()
        seen, rated = Seen.of(facts.table(DECISIONS), board["actor"]), bursts(ratings, self._log.numbers)
        found = with_pip(board, since, seen, rated, agreed, judged, past, texts)
        mine = pl.lit(value=True) if asked is None or only is not None else pl.col("actor").is_in(list(asked))  # judged among all
        return Judgement(found[0].filter(mine), None if found[1] is None else found[1].filter(mine), past)

    def _past(self, policy: Policy, end: datetime, roles: Mapping[str, str]) -> Fold:
        """What earlier readings leave behind, from the facts that are kept."""
        lacking = [one.name for one in policy.reads if one.name not in {mine.name for mine in self._metrics}]
        if lacking:
            problem = Problem("the policy reads metrics that are not kept", got=", ".join(lacking), next="name them in metrics")
            raise ParameterError(f"policy {policy.name!r} cannot be evaluated", problems=[problem])
        names = pl.Series(list(self._log.numbers), dtype=pl.String)
        first = self._log.start
        moments = [] if first is None else moments_before(policy, first, end).tolist()
        key = policy.spec.model_dump_json(by_alias=True), tuple(sorted(roles.items()))
        after, earlier = self._folds.before(key, moments)
        if reads_sums(policy):
            since, facts = first_needed(policy, end), Facts(end, None)
            if after is not None and policy.window is not None:
                since = times.from_epoch_micros(after) - policy.window
            for fact in needs_of(policy.reads):
                facts.tables[fact] = _named(self._log.table(fact, end, since), names)
            agreed = partial(self._agreed_since, end, names)
            start = None if after is None else first
            return self._folds.keep(policy, key, moments, folded(policy, facts, end, roles, agreed, earlier, after, start))
        fold = Fold(policy.spec) if earlier is None else deepcopy(earlier)
        for moment in moments if after is None else [moment for moment in moments if moment > after]:
            at = times.from_epoch_micros(moment)
            since = None if policy.window is None else at - policy.window
            facts = self._log.looked_back(needs_of(policy.reads), at, since)
            context = Context(at, self._confidence, self._sla, self._options.calendar)
            policy.read_into(fold, with_roles(summarise(facts, policy.reads, context), roles))
        return self._folds.keep(policy, key, moments, fold)

    def _agreed_since(self, end: datetime, names: pl.Series) -> dict[str, int]:
        table = _named(self._log.table(DECISIONS, end, None), names).filter(~pl.col("override"))
        first = table.group_by("actor").agg(pl.col("ts").min().to_physical())
        return dict(first.drop_nulls().iter_rows())

    def _assembled(
        self, facts: Facts, groups: Groups, context: Context, only: set[str] | None, also: Mapping[str, str | None]
    ) -> pl.DataFrame:
        """As `dossier.summarise`, with everyone by number."""
        size = max([running.settle() for running in self._running.values()], default=0)
        others: dict[tuple[Fact, str], tuple[pl.DataFrame, NDArray[np.int64]]] = {}
        for key, members in groups.items():
            if key not in self._running:
                table = collected(facts.table(key[0]), key, members)
                names = table["actor"]
                numbers = names if names.dtype.is_integer() else self._log.number(names)
                others[key] = table, numbers.to_numpy().astype(np.int64)
                size = max(size, int(others[key][1].max(initial=-1)) + 1)
        others_too = self._log.number(pl.Series("actor", list(also), dtype=pl.String)).to_list()  # stand flagged, and fell silent
        size = max([size, *(number + 1 for number in others_too)])
        known = np.zeros(size, dtype=bool)
        # being named as somebody's agent counts only for who never acted under a kind of their own
        kinds = {own: np.full(size, NO_KIND, dtype=np.uint8) for own in (True, False)}
        for running in self._running.values():
            present, first = running.known(size)
            known |= present
            kinds[True] = np.minimum(kinds[True], np.where(present, first, NO_KIND))
        for (_, subject), (table, numbers_of) in others.items():
            known[numbers_of] = True
            codes = table["__kind"].to_physical().cast(pl.UInt8).fill_null(NO_KIND).to_numpy()
            np.minimum.at(kinds[subject == "actor"], numbers_of, codes)
        for number, kind_of in zip(others_too, also.values(), strict=True):
            known[number] = True
            code = NO_KIND if kind_of is None else ACTOR_KINDS.index(kind_of)
            kinds[True][number] = min(kinds[True][number], code)
        if only is not None:
            asked = [n for name in only if (n := self._log.numbers.get(name, size)) < size]
            known &= np.isin(np.arange(size), asked)
        order, names = self._ordered()
        chosen = known[order] if len(order) == size else np.array([n < size and known[n] for n in order], dtype=bool)
        actors = order[chosen]
        kind = np.where(kinds[True] == NO_KIND, kinds[False], kinds[True])[actors]
        board = pl.DataFrame(
            {"actor": names.filter(chosen), "actor_kind": _KINDS.gather(pl.Series(kind).replace(NO_KIND, None).cast(pl.UInt32))}
        ).with_columns(as_of=pl.lit(context.as_of).cast(pl.Datetime("us", "UTC")))
        aligned = {}
        for key, (table, numbers_of) in others.items():
            place = np.full(size, -1, dtype=np.int64)
            place[numbers_of] = np.arange(table.height)
            at = pl.Series(place[actors])
            aligned[key] = table.select(pl.all().gather(at.set(at < 0, None)))

        def columns_of(one: Metric) -> dict[str, pl.Series]:
            key = one.table, one.subject
            return self._running[key].finish(one, actors, context) if key in self._running else one.finish(aligned[key], context)

        return assembled(board, self._metrics, columns_of)

    def _ordered(self) -> tuple[NDArray[np.int64], pl.Series]:
        """The numbers of all actors in the order of their names, and these names."""
        if len(self._alphabet[0]) != len(self._log.numbers):
            names = pl.Series(list(self._log.numbers), dtype=pl.String)
            order = names.arg_sort()
            self._alphabet = order.to_numpy().astype(np.int64), names.gather(order)
        return self._alphabet

    def _slide(self, groups: Groups, end: datetime, since: datetime | None) -> None:
        """Move the window of the running sums; where they cannot be moved, count afresh."""
        if self._since is not None and since is not None and self._running and since >= self._since:
            if since == self._since:
                return
            low, high = spells.micro(self._since), spells.micro(since)
            for (fact, _), running in self._running.items():
                gone = self._log.kept[fact].between(fact, low, high)
                running.change(gone.head(0), gone)
            self._since, self._log.floor = since, high
            return
        self._since, self._running = since, {}
        self._log.floor = None if since is None else spells.micro(since)
        if since is None:
            return
        for key, members in groups.items():
            fact, subject = key
            if fact in self._log.kept and subject == "actor" and self._log.kept[fact].comes_and_goes(fact):
                table = self._log.table(fact, end, since)
                if RunningSums.suits(members, table):
                    fact.check(table)
                    self._running[key] = RunningSums(members, table)

    def _account(self, fact: Fact, change: Change) -> None:
        """Let the running sums know of facts that came and went."""
        running = self._running.get((fact, "actor"))
        if running is None or self._since is None:
            return
        inside = pl.lit(value=True) if change.lasting else pl.col("ts") > self._since
        fact.check(change.added)
        if not running.change(change.added.filter(inside), change.removed.filter(inside)):
            del self._running[fact, "actor"]

    def _facts(self, end: datetime, since: datetime | None, wanted: set[Fact], only: set[str] | None = None) -> Facts:
        tables = {fact: self._log.table(fact, end, since, only) for fact in self._log.needs if fact in wanted}
        return Facts(end, since, tables)
