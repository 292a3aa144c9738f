"""Dossiers that are kept up to date: append events, read the board, without counting everything again.

What `dossiers` computes in two steps (events to facts, facts to numbers) is kept after the first: the facts of every case, with
actors as numbers. New events touch few cases; these are followed again from all their events, old and new, so an event that
arrives late, or out of order, ends in the same facts as if it had been there from the start. The second step is the very code
of `dossiers`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from datetime import date, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from aura_analytics import cases, times
from aura_analytics.cases import building, deciders, follow, spells
from aura_analytics.cases.facts import FACT_SCHEMAS, Facts, Options, collect, empty_table, in_memory
from aura_analytics.errors import ParameterError, Problem
from aura_analytics.events import ACTOR_KINDS, CLOCK_TYPES, SCHEMA, VERDICT_TYPES
from aura_analytics.metrics.base import Context, Metric, Sla
from aura_analytics.metrics.dossier import (
    assembled,
    check_confidence,
    check_values,
    collected,
    grouped,
    needs_of,
    parse_sla,
    with_pip,
    with_roles,
)
from aura_analytics.metrics.keyed import Grown, Keyed
from aura_analytics.metrics.registry import metrics_named
from aura_analytics.metrics.running import NO_KIND, RunningSums

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from aura_analytics.calendars import Calendar
    from aura_analytics.rules.policy import Policy

__all__ = ["DossierState"]

_FEW = 100_000  # rows, up to which starting cost decides
_KINDS = pl.Series(ACTOR_KINDS, dtype=SCHEMA["actor_kind"])


def _shaped(followed: pl.DataFrame, floor: int, fact: str) -> pl.DataFrame:
    """`handled` or `open` of followed cases whose actors are numbers."""
    table = follow.shaped(followed, floor, {fact})[fact]
    return table if table.height else table.with_columns(pl.col("actor").cast(pl.UInt32))


class DossierState:
    """Dossiers of a growing log.

    Parameters
    ----------
    events
        The log so far, on the contract.
    metrics, attribution, holding, calendar, sla, confidence
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
        events: pl.LazyFrame | pl.DataFrame,
        *,
        metrics: Iterable[str | Metric] | None = None,
        attribution: cases.Attribution = "last_decider",
        holding: cases.Holding = "closer",
        calendar: Calendar | None = None,
        sla: str | Sla | Mapping[str, str | Sla] | None = None,
        confidence: float = 0.95,
    ) -> None:
        check_confidence(confidence)
        self._metrics = metrics_named(metrics)
        self._options = Options(attribution, holding, calendar)
        self._sla = parse_sla(sla)
        self._confidence = confidence
        self._needs = needs_of(self._metrics)
        if not self._sla:
            self._needs.pop("cohort", None)
        self._queue = "cohort" in self._needs
        self._numbers: dict[str, int] = {}
        self._alphabet = (np.zeros(0, dtype=np.int64), pl.Series([], dtype=pl.String))
        self._agreed: set[str] = set()
        self._running: dict[tuple[str, str], RunningSums] = {}
        self._since: datetime | None = None
        lazy = cases.check_schema(events)
        self._last: datetime | None = None
        self._start(lazy)

    @property
    def last(self) -> datetime | None:
        """The time of the last event taken in."""
        return self._last

    # -- from events to facts --------------------------------------------------------------------------------------------

    def _start(self, lazy: pl.LazyFrame) -> None:
        last = collect(lazy.select(pl.col("ts").max())).item()
        self._last = None if last is None else times.parse_as_of(last)
        rows = self._case_rows(lazy)
        in_case, loose = rows.filter(pl.col("h").is_not_null()), rows.filter(pl.col("h").is_null())
        self._store = Keyed(in_case, "ts")
        self._cases = Keyed(self._follow(in_case), "closed_at")
        self._ratings, self._results = Keyed(self._rate(in_case), "ts"), Keyed(self._judge(in_case), "ts")
        self._loose = {"ratings": Grown(self._rate(loose), "ts"), "outcomes": Grown(self._judge(loose), "ts")}
        self._decisions = Grown(self._decide(rows), "ts")
        self._scores = self._score(lazy)

    def append(self, events: pl.LazyFrame | pl.DataFrame) -> None:
        """Take in more events, on the contract, in any order; each event once.

        Raises
        ------
        SchemaError
            If they are not on the contract.
        """
        new = collect(cases.check_schema(events))
        if new.is_empty():
            return
        with in_memory() if new.height < _FEW else nullcontext():
            self._append(new)

    def _append(self, new: pl.DataFrame) -> None:
        latest = times.parse_as_of(new["ts"].max())  # type: ignore[arg-type]
        self._last = latest if self._last is None else max(self._last, latest)
        rows = self._case_rows(new.lazy())
        in_case, loose = rows.filter(pl.col("h").is_not_null()), rows.filter(pl.col("h").is_null())
        self._store.add(in_case)
        touched = in_case["h"].unique().sort()  # sorted keys are looked up several times faster
        if touched.len():
            everything = self._store.of(touched)
            verdicts = self._verdicts(everything)
            self._swap(("ratings",), self._ratings, touched, self._rate(everything, verdicts))
            self._swap(("outcomes",), self._results, touched, self._judge(everything, verdicts))
            self._swap(("handled", "open"), self._cases, touched, self._follow(everything))
        for fact, table in self._loose.items():
            if loose.height:
                found = self._rate(loose) if fact == "ratings" else self._judge(loose)
                self._account(fact, found, found.head(0))
                table.add(found)
        decided = self._decide(rows)
        self._account("decisions", decided, decided.head(0))
        self._decisions.add(decided)
        self._scores = building.last_of(pl.concat([self._scores, self._score(new.lazy())]))

    def _swap(self, facts: tuple[str, ...], table: Keyed, touched: pl.Series, rows: pl.DataFrame) -> None:
        """Put the facts of the touched cases in the place of what was known of them."""
        old = table.replace(touched, rows)
        if not self._running or self._since is None:
            return
        if table is self._cases:
            floor = spells.micro(self._since)
            for fact in facts:
                after, before = (_shaped(part, floor, fact) for part in (rows, old))
                self._account(fact, after, before)
        else:
            self._account(facts[0], rows, old)

    def _case_rows(self, lazy: pl.LazyFrame) -> pl.DataFrame:
        types = [*CLOCK_TYPES, *VERDICT_TYPES, "SAT_SCORE", "OUTCOME"]
        columns = ["type", "ts", "actor", "actor_kind", "case_id", "value", "outcome"]
        if self._queue or "queue" in self._needs.get("decisions", ()):
            columns.append("queue")
        if not self._needs.get("decisions", set()) <= {"override"}:
            columns += ["agent", "ai_recommendation", "human_verdict"]
        if "right" in self._needs.get("decisions", ()):
            types.append("ADJUDICATION")
        return collect(lazy.filter(pl.col("type").is_in(types)).select(*columns, follow.case_hash()))

    def _now(self) -> Facts:
        return Facts(self._last or datetime(1970, 1, 1, tzinfo=timezone.utc), None)

    def _follow(self, rows: pl.DataFrame) -> pl.DataFrame:
        if not {"handled", "open", "cohort"} & set(self._needs):
            rows = rows.head(0)
        past = rows.lazy()
        pass_ = building.follow_pass(past, timed=True, verdicts=False, queue=self._queue)
        assert pass_ is not None
        found = follow.follow(past, pass_, self._now(), self._options, queue=self._queue)
        return found.drop("row", "start_row", strict=False).with_columns(self._number(found["actor"]))

    def _rate(self, rows: pl.DataFrame, verdicts: pl.DataFrame | None = None) -> pl.DataFrame:
        if "ratings" not in self._needs:
            rows, verdicts = rows.head(0), None
        verdicts = self._verdicts(rows) if verdicts is None else verdicts
        found = deciders.ratings(rows.lazy(), rows.lazy(), verdicts, self._options)
        return found.with_columns(self._number(found["actor"]))

    def _judge(self, rows: pl.DataFrame, verdicts: pl.DataFrame | None = None) -> pl.DataFrame:
        if "outcomes" not in self._needs:
            rows = rows.head(0)
        columns = [*FACT_SCHEMAS["outcomes"], "h"]
        of_type = rows.filter(pl.col("type") == "OUTCOME")
        named = of_type.filter(pl.col("actor").is_not_null()).select(columns)
        nameless = of_type.filter(pl.col("actor").is_null()).select("case_id", "ts", "outcome", "h")
        found = named
        if nameless.height:
            verdicts = self._verdicts(rows) if verdicts is None else verdicts
            found = pl.concat([named, deciders.outcomes(nameless, rows.lazy(), verdicts).select(columns)])
        return found.with_columns(self._number(found["actor"]))

    def _verdicts(self, rows: pl.DataFrame) -> pl.DataFrame:
        found = building.follow_pass(rows.lazy(), timed=False, verdicts=True, queue=False)
        assert found is not None
        return found

    def _decide(self, rows: pl.DataFrame) -> pl.DataFrame:
        needed = self._needs.get("decisions", set())
        thin = needed <= {"override"}
        columns = ["actor", "actor_kind", "ts"] if thin else [n for n in FACT_SCHEMAS["decisions"] if n in rows.columns]
        verdicts = rows.filter(pl.col("type").is_in(list(VERDICT_TYPES)))
        found = verdicts.select(*columns, override=pl.col("type") == "OVERRIDE")
        self._agreed.update(found.filter(~pl.col("override"))["actor"].unique().drop_nulls())
        return found.with_columns(self._number(found["actor"])) if thin else found

    def _score(self, lazy: pl.LazyFrame) -> pl.DataFrame:
        columns = list(FACT_SCHEMAS["evaluations"])
        scored = lazy.filter((pl.col("type") == "EVALUATION") & pl.col("actor").is_not_null())
        return building.last_of(collect(scored.select(columns)))

    def _number(self, actors: pl.Series) -> pl.Series:
        """Actors as numbers, new ones numbered as they come."""
        numbers = self._numbers
        if actors.len() < _FEW:
            found = [None if name is None else numbers.setdefault(name, len(numbers)) for name in actors.to_list()]
            return pl.Series("actor", found, dtype=pl.UInt32)
        distinct = actors.unique().drop_nulls().to_list()
        chosen = [numbers.setdefault(name, len(numbers)) for name in distinct]
        return actors.replace_strict(distinct, chosen, default=None, return_dtype=pl.UInt32).alias("actor")

    # -- from facts to dossiers --------------------------------------------------------------------------------------------

    def dossiers(
        self,
        as_of: datetime | date | str | None = None,
        window: str | timedelta | None = "90d",
        *,
        policy: Policy | None = None,
        roles: Mapping[str, str] | None = None,
        actors: Iterable[str] | None = None,
    ) -> pl.DataFrame:
        """The same frame as `aura.dossiers` over all events taken in so far.

        Parameters
        ----------
        as_of
            End of the window, not before the last event. Default: the last event.
        window, policy, roles
            As in `aura.dossiers`.
        actors
            Only the rows of these; default everybody's.

        Raises
        ------
        ParameterError
            If `as_of` lies before the last event: the facts are kept as of now, and history needs `aura.dossiers`.
        """
        end = self._last if as_of is None else times.parse_as_of(as_of)
        if end is not None and self._last is not None and end < self._last:
            problem = Problem("as_of lies before the last event", got=str(end), expected=f"{self._last} or later",
                              next="aura.dossiers(events, as_of) looks back")  # fmt: skip
            raise ParameterError(problem)
        moment = end if end is not None else datetime.min
        since = None if window is None or end is None else end - times.parse_span(window)
        context = Context(moment, self._confidence, self._sla, self._options.calendar)
        groups = grouped(self._metrics)
        self._slide(groups, moment, since)
        only = None if actors is None else set(actors)
        facts = self._facts(moment, since, {fact for fact, _ in groups if (fact, "actor") not in self._running}, only)
        board = self._assembled(facts, groups, context, only)

        def agreed(actors: pl.Series) -> pl.Series:
            return actors.filter([name in self._agreed for name in actors])

        return with_pip(with_roles(board, roles), facts, agreed, policy)

    def _assembled(
        self, facts: Facts, groups: dict[tuple[str, str], list[Metric]], context: Context, only: set[str] | None
    ) -> pl.DataFrame:
        """As `dossier.summarise`, with everyone by number."""
        size = max([running.settle() for running in self._running.values()], default=0)
        others: dict[tuple[str, str], tuple[pl.DataFrame, NDArray[np.int64]]] = {}
        for key, members in groups.items():
            if key not in self._running:
                table = collected(facts.table(key[0]), key, members)
                names = table["actor"]
                numbers = names if names.dtype.is_integer() else self._number(names)
                others[key] = table, numbers.to_numpy().astype(np.int64)
                size = max(size, int(others[key][1].max(initial=-1)) + 1)
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
        if only is not None:
            asked = [n for name in only if (n := self._numbers.get(name, size)) < size]
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
            key = one.fact, one.subject
            return self._running[key].finish(one, actors, context) if key in self._running else one.finish(aligned[key], context)

        return assembled(board, self._metrics, columns_of)

    def _ordered(self) -> tuple[NDArray[np.int64], pl.Series]:
        """The numbers of all actors in the order of their names, and these names."""
        if len(self._alphabet[0]) != len(self._numbers):
            names = pl.Series(list(self._numbers), dtype=pl.String)
            order = names.arg_sort()
            self._alphabet = order.to_numpy().astype(np.int64), names.gather(order)
        return self._alphabet

    def _slide(self, groups: dict[tuple[str, str], list[Metric]], end: datetime, since: datetime | None) -> None:
        """Move the window of the running sums; where they cannot be moved, count afresh."""
        if self._since is not None and since is not None and self._running and since >= self._since:
            if since == self._since:
                return
            low, high = spells.micro(self._since), spells.micro(since)
            for (fact, _), running in self._running.items():
                gone = self._between(fact, low, high)
                running.change(gone.head(0), gone)
            self._since = since
            return
        self._since, self._running = since, {}
        if since is None:
            return
        kept = {fact for fact, subject in groups if subject == "actor" and self._keeps(fact)}
        facts = self._facts(end, since, kept)
        for key, members in groups.items():
            if key[1] == "actor" and key[0] in kept and RunningSums.suits(members, facts.table(key[0])):
                check_values(key[0], facts.table(key[0]))
                self._running[key] = RunningSums(members, facts.table(key[0]))

    def _keeps(self, fact: str) -> bool:
        """Whether the facts of a table depend on nothing but their own case, so that they can come and go one by one."""
        if fact == "decisions":
            return self._needs["decisions"] <= {"override"}
        return fact in ("ratings", "outcomes") or (fact in ("handled", "open") and self._options.holding == "closer")

    def _between(self, fact: str, low: int, high: int) -> pl.DataFrame:
        """Facts that leave the window when it moves on."""
        if fact == "decisions":
            return self._decisions.between(low, high)
        if fact in self._loose:
            table = self._ratings if fact == "ratings" else self._results
            return pl.concat([table.between(low, high), self._loose[fact].between(low, high)])
        if fact == "open":  # an open case is counted however long it has waited
            return empty_table("open").with_columns(pl.col("actor").cast(pl.UInt32))
        return _shaped(self._cases.between(max(low, -1), high), low, "handled")

    def _account(self, fact: str, added: pl.DataFrame, removed: pl.DataFrame) -> None:
        """Let the running sums know of facts that came and went."""
        running = self._running.get((fact, "actor"))
        if running is None or self._since is None:
            return
        inside = pl.lit(value=True) if fact == "open" else pl.col("ts") > self._since
        check_values(fact, added)
        if not running.change(added.filter(inside), removed.filter(inside)):
            del self._running[fact, "actor"]

    def _facts(self, end: datetime, since: datetime | None, wanted: set[str], only: set[str] | None = None) -> Facts:
        facts = Facts(end, since)
        inside = pl.lit(value=True) if since is None else pl.col("ts") > since
        if "decisions" in wanted:
            facts.decisions = self._decisions.rows(inside)
            columns = self._needs["decisions"]
            if columns & {"answered", "right", "final"}:
                past = self._store.rows(pl.col("type").is_in(["SAT_SCORE", "ADJUDICATION", "OUTCOME"])).lazy()
                facts.decisions = building.with_hindsight(facts.decisions, past, past.filter(inside), columns)
        if "evaluations" in wanted:
            mine = inside if only is None else inside & pl.col("actor").is_in(sorted(only))
            facts.evaluations = self._scores.filter(mine)
        if "ratings" in wanted:
            facts.ratings = pl.concat([self._ratings.rows(inside), self._loose["ratings"].rows(inside)]).drop("h")
        if "outcomes" in wanted:
            facts.outcomes = pl.concat([self._results.rows(inside), self._loose["outcomes"].rows(inside)]).drop("h")
        timed = {"handled", "open", "cohort"} & set(self._needs) & wanted
        if timed:
            floor, now = spells.micro(since), spells.micro(end)
            relevant = pl.col("open") | (pl.col("closed_at") > floor) | (pl.col("start") > floor)
            for name, table in follow.shaped(self._until(self._cases.rows(relevant), now), floor, timed).items():
                setattr(facts, name, table)
        return facts

    def _until(self, followed: pl.DataFrame, now: int) -> pl.DataFrame:
        """Open cases, which were followed up to the last event of their day, carried on to the present moment."""
        end = followed["end"].to_numpy()
        still = followed["open"].to_numpy()
        present = np.where(still, now, end)
        idle = followed["idle"].to_numpy()
        more = np.where(idle, 0, spells.clock(end, present, self._options))
        off = np.where(idle, spells.working_days(end, present, self._options), 0) if idle.any() else np.zeros_like(end)
        return followed.with_columns(
            end=pl.Series(present), elapsed=pl.col("elapsed") + pl.Series(more), days_off=pl.col("days_off") + pl.Series(off)
        )
