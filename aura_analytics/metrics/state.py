"""Dossiers that are kept up to date: append events, read the board, without counting everything again.

What `dossiers` computes in two steps (events to facts, facts to numbers) is kept after the first: the facts of every case, with
actors as numbers. New events touch few cases; these are followed again from all their events, old and new, so an event that
arrives late, or out of order, ends in the same facts as if it had been there from the start. The second step is the very code
of `dossiers`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta, timezone
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from aura_analytics import cases, times
from aura_analytics.cases import building, deciders, follow, spells
from aura_analytics.cases.facts import FACT_SCHEMAS, Facts, Options, empty_table
from aura_analytics.errors import ParameterError, Problem
from aura_analytics.events import CLOCK_TYPES, VERDICT_TYPES
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
from aura_analytics.metrics.registry import metrics_named
from aura_analytics.metrics.running import RunningSums

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from aura_analytics.calendars import Calendar
    from aura_analytics.rules.policy import Policy

__all__ = ["DossierState"]


class _Keyed:
    """Rows by the hash of their case: a large part with an index, and a small part of what came since."""

    def __init__(self, rows: pl.DataFrame) -> None:
        self._settle(rows)

    def _settle(self, rows: pl.DataFrame) -> None:
        self._base = rows.rechunk()
        self._order: NDArray[np.uint32] = rows["h"].arg_sort().to_numpy()
        self._keys: NDArray[np.uint64] = rows["h"].to_numpy()[self._order]
        self._alive = np.ones(rows.height, dtype=bool)
        self._recent = rows.head(0)

    def _places(self, keys: NDArray[np.uint64]) -> NDArray[np.uint32]:
        low = np.searchsorted(self._keys, keys, side="left")
        # a case has few rows: stepping through them is faster than a second search
        counts = np.zeros(len(keys), dtype=np.int64)
        ahead = np.arange(len(keys))
        while len(ahead):
            place = low[ahead] + counts[ahead]
            inside = place < len(self._keys)
            ahead = ahead[inside][self._keys[place[inside]] == keys[ahead[inside]]]
            counts[ahead] += 1
        first = np.repeat(low - np.concatenate([[0], np.cumsum(counts)[:-1]]), counts) if len(keys) else low
        return np.asarray(self._order[first + np.arange(len(first))])

    def of(self, keys: pl.Series) -> pl.DataFrame:
        """The rows of some cases."""
        places = self._places(keys.to_numpy())
        old = self._base[places[self._alive[places]]]
        return pl.concat([old, self._recent.filter(pl.col("h").is_in(keys.implode()))])

    def add(self, rows: pl.DataFrame) -> None:
        """Put rows in."""
        self._recent = pl.concat([self._recent, rows.select(self._recent.columns)])
        if self._recent.height > 100_000 + self._base.height // 8:
            self._settle(self.rows())

    def replace(self, keys: pl.Series, rows: pl.DataFrame) -> None:
        """Put rows in the place of all rows of some cases."""
        self._alive[self._places(keys.to_numpy())] = False
        self._recent = self._recent.filter(~pl.col("h").is_in(keys.implode()))
        self.add(rows)

    def rows(self, keep: pl.Expr | None = None) -> pl.DataFrame:
        """All rows, or those that an expression keeps."""
        base = self._base
        if keep is None:
            return pl.concat([base if self._alive.all() else base.filter(pl.Series(self._alive)), self._recent])
        chosen = base.select(keep.alias("keep"))["keep"] & pl.Series(self._alive)
        return pl.concat([base.filter(chosen), self._recent.filter(keep)])


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
        self._running: dict[tuple[str, str], RunningSums] = {}
        self._since: datetime | None = None
        lazy = cases.check_schema(events)
        self._last: datetime | None = None
        self._start(lazy)

    # -- from events to facts --------------------------------------------------------------------------------------------

    def _start(self, lazy: pl.LazyFrame) -> None:
        last = building.collect(lazy.select(pl.col("ts").max())).item()
        self._last = None if last is None else times.parse_as_of(last)
        rows = self._case_rows(lazy)
        in_case = rows.filter(pl.col("h").is_not_null())
        self._store = _Keyed(in_case)
        self._cases = _Keyed(self._follow(in_case))
        self._ratings = _Keyed(self._rate(in_case))
        self._results = _Keyed(self._judge(in_case))
        loose = rows.filter(pl.col("h").is_null())
        self._loose = (self._rate(loose), self._judge(loose))
        self._decisions = self._decide(rows)
        self._scores = self._score(lazy)

    def append(self, events: pl.LazyFrame | pl.DataFrame) -> None:
        """Take in more events, on the contract, in any order; each event once.

        Raises
        ------
        SchemaError
            If they are not on the contract.
        """
        new = building.collect(cases.check_schema(events))
        if new.is_empty():
            return
        latest = times.parse_as_of(new["ts"].max())  # type: ignore[arg-type]
        self._last = latest if self._last is None else max(self._last, latest)
        rows = self._case_rows(new.lazy())
        in_case, loose = rows.filter(pl.col("h").is_not_null()), rows.filter(pl.col("h").is_null())
        self._store.add(in_case)
        touched = in_case["h"].unique().sort()  # sorted keys are looked up several times faster
        if touched.len():
            everything = self._store.of(touched)
            self._swap(("ratings",), self._ratings, touched, self._rate(everything))
            self._swap(("outcomes",), self._results, touched, self._judge(everything))
            self._swap(("handled", "open"), self._cases, touched, self._follow(everything))
        rated, judged, decided = self._rate(loose), self._judge(loose), self._decide(rows)
        for fact, new_facts in (("ratings", rated), ("outcomes", judged), ("decisions", decided)):
            self._account(fact, new_facts, new_facts.head(0))
        self._loose = (pl.concat([self._loose[0], rated]), pl.concat([self._loose[1], judged]))
        self._decisions = pl.concat([self._decisions, decided])
        self._scores = building.last_of(pl.concat([self._scores, self._score(new.lazy())]))

    def _swap(self, facts: tuple[str, ...], table: _Keyed, touched: pl.Series, rows: pl.DataFrame) -> None:
        """Put the facts of the touched cases in the place of what was known of them."""
        if self._running and self._since is not None:
            old = table.of(touched)
            if table is self._cases:
                floor, wanted = spells.micro(self._since), set(facts)
                before, after = follow.shaped(old, floor, wanted), follow.shaped(rows, floor, wanted)
                for fact in facts:
                    numbered = [t[fact].with_columns(pl.col("actor").cast(pl.UInt32)) for t in (after, before)]
                    self._account(fact, *numbered)
            else:
                self._account(facts[0], rows, old)
        table.replace(touched, rows)

    def _case_rows(self, lazy: pl.LazyFrame) -> pl.DataFrame:
        types = [*CLOCK_TYPES, *VERDICT_TYPES, "SAT_SCORE", "OUTCOME"]
        columns = ["type", "ts", "actor", "actor_kind", "case_id", "value", "outcome"]
        if self._queue or "queue" in self._needs.get("decisions", ()):
            columns.append("queue")
        if not self._needs.get("decisions", set()) <= {"override"}:
            columns += ["agent", "ai_recommendation", "human_verdict"]
        if "right" in self._needs.get("decisions", ()):
            types.append("ADJUDICATION")
        return building.collect(lazy.filter(pl.col("type").is_in(types)).select(*columns, follow.case_hash()))

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

    def _rate(self, rows: pl.DataFrame) -> pl.DataFrame:
        if "ratings" not in self._needs:
            rows = rows.head(0)
        found = deciders.ratings(rows.lazy(), rows.lazy(), self._verdicts(rows), self._options)
        return found.with_columns(self._number(found["actor"]))

    def _judge(self, rows: pl.DataFrame) -> pl.DataFrame:
        if "outcomes" not in self._needs:
            rows = rows.head(0)
        columns = [*FACT_SCHEMAS["outcomes"], "h"]
        of_type = rows.filter(pl.col("type") == "OUTCOME")
        named = of_type.filter(pl.col("actor").is_not_null()).select(columns)
        nameless = of_type.filter(pl.col("actor").is_null()).select("case_id", "ts", "outcome", "h")
        verdicts = self._verdicts(rows)
        found = named
        if nameless.height and verdicts is not None:
            found = pl.concat([named, deciders.outcomes(nameless, rows.lazy(), verdicts).select(columns)])
        return found.with_columns(self._number(found["actor"]))

    def _verdicts(self, rows: pl.DataFrame) -> pl.DataFrame | None:
        return building.follow_pass(rows.lazy(), timed=False, verdicts=True, queue=False)

    def _decide(self, rows: pl.DataFrame) -> pl.DataFrame:
        needed = self._needs.get("decisions", set())
        thin = needed <= {"override"}
        columns = ["actor", "actor_kind", "ts"] if thin else [n for n in FACT_SCHEMAS["decisions"] if n in rows.columns]
        verdicts = rows.filter(pl.col("type").is_in(list(VERDICT_TYPES)))
        found = verdicts.select(*columns, override=pl.col("type") == "OVERRIDE")
        return found.with_columns(self._number(found["actor"])) if thin else found

    def _score(self, lazy: pl.LazyFrame) -> pl.DataFrame:
        columns = list(FACT_SCHEMAS["evaluations"])
        scored = lazy.filter((pl.col("type") == "EVALUATION") & pl.col("actor").is_not_null())
        return building.last_of(building.collect(scored.select(columns)))

    def _number(self, actors: pl.Series) -> pl.Series:
        """Actors as numbers, new ones numbered as they come."""
        distinct = actors.unique().drop_nulls().to_list()
        for name in distinct:
            self._numbers.setdefault(name, len(self._numbers))
        chosen = [self._numbers[name] for name in distinct]
        if not chosen:
            return actors.cast(pl.UInt32).alias("actor")
        return actors.replace_strict(distinct, chosen, default=None, return_dtype=pl.UInt32).alias("actor")

    # -- from facts to dossiers --------------------------------------------------------------------------------------------

    def dossiers(
        self,
        as_of: datetime | date | str | None = None,
        window: str | timedelta | None = "90d",
        *,
        policy: Policy | None = None,
        roles: Mapping[str, str] | None = None,
    ) -> pl.DataFrame:
        """The same frame as `aura.dossiers` over all events taken in so far.

        Parameters
        ----------
        as_of
            End of the window, not before the last event. Default: the last event.
        window, policy, roles
            As in `aura.dossiers`.

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
        names = pl.Series(list(self._numbers), dtype=pl.String)
        context = Context(moment, self._confidence, self._sla, self._options.calendar)
        groups = grouped(self._metrics)
        self._slide(groups, moment, since)
        facts = self._facts(moment, since, {fact for fact, _ in groups if (fact, "actor") not in self._running})
        tables = {
            key: self._running[key].table() if key in self._running else collected(facts.table(key[0]), key, members)
            for key, members in groups.items()
        }
        for key, table in tables.items():
            if table["actor"].dtype.is_integer():
                tables[key] = table.with_columns(actor=names.gather(table["actor"]))
        board = assembled(tables, self._metrics, context)

        def agreed(actors: pl.Series) -> pl.Series:
            known = self._decisions.filter(~pl.col("override"))["actor"].unique().drop_nulls()
            found = names.gather(known) if known.dtype.is_integer() else known
            return found.filter(found.is_in(actors.implode()))

        return with_pip(with_roles(board, roles), facts, agreed, policy)

    def _slide(self, groups: dict[tuple[str, str], list[Metric]], end: datetime, since: datetime | None) -> None:
        """Move the window of the running sums; where they cannot be moved, count afresh."""
        if self._since is not None and since is not None and self._running and since >= self._since:
            leaving = (pl.col("ts") > self._since) & (pl.col("ts") <= since)
            for (fact, _), running in self._running.items():
                gone = self._between(fact, leaving, spells.micro(self._since), spells.micro(since))
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

    def _between(self, fact: str, leaving: pl.Expr, low: int, high: int) -> pl.DataFrame:
        """Facts that leave the window when it moves on."""
        if fact == "decisions":
            return self._decisions.filter(leaving)
        if fact == "ratings":
            return pl.concat([self._ratings.rows(leaving), self._loose[0].filter(leaving)])
        if fact == "outcomes":
            return pl.concat([self._results.rows(leaving), self._loose[1].filter(leaving)])
        if fact == "open":  # an open case is counted however long it has waited
            return empty_table("open").with_columns(pl.col("actor").cast(pl.UInt32))
        closed = self._cases.rows(pl.col("closed") & (pl.col("closed_at") > low) & (pl.col("closed_at") <= high))
        return follow.shaped(closed, low, {"handled"})["handled"].with_columns(pl.col("actor").cast(pl.UInt32))

    def _account(self, fact: str, added: pl.DataFrame, removed: pl.DataFrame) -> None:
        """Let the running sums know of facts that came and went."""
        running = self._running.get((fact, "actor"))
        if running is None or self._since is None:
            return
        inside = pl.lit(value=True) if fact == "open" else pl.col("ts") > self._since
        check_values(fact, added)
        if not running.change(added.filter(inside), removed.filter(inside)):
            del self._running[fact, "actor"]

    def _facts(self, end: datetime, since: datetime | None, wanted: set[str]) -> Facts:
        facts = Facts(end, since)
        inside = pl.lit(value=True) if since is None else pl.col("ts") > since
        if "decisions" in wanted:
            facts.decisions = self._decisions.filter(inside)
            columns = self._needs["decisions"]
            if columns & {"answered", "right", "final"}:
                past = self._store.rows(pl.col("type").is_in(["SAT_SCORE", "ADJUDICATION", "OUTCOME"])).lazy()
                facts.decisions = building.with_hindsight(facts.decisions, past, past.filter(inside), columns)
        if "evaluations" in wanted:
            facts.evaluations = self._scores.filter(inside)
        if "ratings" in wanted:
            facts.ratings = pl.concat([self._ratings.rows(inside), self._loose[0].filter(inside)]).drop("h")
        if "outcomes" in wanted:
            facts.outcomes = pl.concat([self._results.rows(inside), self._loose[1].filter(inside)]).drop("h")
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
