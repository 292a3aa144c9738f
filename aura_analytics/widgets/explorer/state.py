"""The state of a dossier explorer: pick somebody, read their numbers, what is behind them, and what follows. No front end is
needed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import polars as pl

from aura_analytics.cases.collecting import collect
from aura_analytics.cases.extent import last_work
from aura_analytics.cases.own_events import of_actor
from aura_analytics.clock import times
from aura_analytics.clock.calendars import CalendarLike
from aura_analytics.clock.sla import SlaLike
from aura_analytics.clock.times import parse_as_of, span_of_time
from aura_analytics.dossier.board import Timing, count_of
from aura_analytics.dossier.counting import beyond
from aura_analytics.dossier.narrowing import RANK
from aura_analytics.dossier.series import rolling, step_and_window
from aura_analytics.dossier.state import DossierState
from aura_analytics.dossier.tracing import observations
from aura_analytics.errors import ParameterError, Problem, close_match
from aura_analytics.hr.acting import judged_actions
from aura_analytics.hr.folds import proposals, standing
from aura_analytics.hr.plans import plan_from
from aura_analytics.hr.vocabulary import now
from aura_analytics.io.front_door import EventsLike
from aura_analytics.metrics.catalogue import MetricsLike, metrics_shown
from aura_analytics.metrics.wording import cards
from aura_analytics.rules.engine import applies
from aura_analytics.rules.grammar import comparisons
from aura_analytics.rules.over_time import Fold
from aura_analytics.rules.policy import Policy, PolicyLike, as_policy
from aura_analytics.rules.roles import RolesLike, as_roles
from aura_analytics.widgets.explorer.banner import Banner
from aura_analytics.widgets.shared.sources import source_of

if TYPE_CHECKING:
    from aura_analytics.hr.plans import ImprovementPlan
    from aura_analytics.ledger import Ledger
    from aura_analytics.metrics import Metric

__all__ = ["Banner", "ExplorerState", "line"]

T = TypeVar("T")
_CHUNKS = 50  # pieces of what was recorded since, before they are put together


class ExplorerState:
    """Everybody's dossier, one of them open.

    Parameters
    ----------
    source
        Whatever holds events; of a ledger (or its address) `refresh` follows it, and plans can be proposed.
    policy
        Whose verdicts are shown: a `Policy`, the name of a shipped one, or a file; default `Policy.default()`.
    as_of
        Moment of the dossiers; default the last event that is work, which moves on with a ledger. What HR does moves nothing.
    window
        Of the dossiers; default the policy's own. `all` is the whole log.
    metrics
        What dossiers show; default all metrics of the shipped catalogue, and what the policy reads.
    sla, calendar, roles
        As in `aura.dossiers`.

    Attributes
    ----------
    metrics
        The metrics shown, by name.
    actor
        Who is open; None in an empty log.
    as_of
        Moment of the dossiers; None in an empty log.
    board
        The dossiers of everybody, with `verdict` (`not_judged` where the policy is not meant for such an actor), the gravest first.

    Examples
    --------
    >>> import aura_analytics as aura
    >>> state = ExplorerState(aura.sample_log(600, seed=3))
    >>> state.found("anne")
    ['officer_anne@sba.gov']
    >>> state.pick("officer_anne@sba.gov")
    >>> state.cards[0]["title"], state.cases("override_rate").height == state.row["override_rate_n"]
    ('Override rate', True)
    """

    def __init__(
        self,
        source: EventsLike,
        policy: PolicyLike = None,
        *,
        as_of: datetime | date | str | None = None,
        window: str | timedelta | None = None,
        metrics: MetricsLike = None,
        sla: SlaLike = None,
        calendar: CalendarLike = None,
        roles: RolesLike = None,
    ) -> None:
        self._given = as_policy(policy)
        self.policy: Policy = self._given.over(window)
        self.metrics: dict[str, Metric] = {one.name: one for one in (*metrics_shown(metrics), *self.policy.reads)}
        self.window: str = times.window_text(self.policy.window)
        self._as_of = None if as_of is None else parse_as_of(as_of)
        self._asked: dict[str, Any] = {"sla": sla, "calendar": calendar}
        self.timing: Timing = count_of(self.policy, **self._asked).timing
        self.roles = as_roles(roles) or self.policy.roles
        self._lock = threading.RLock()
        self._said: pl.DataFrame | None = None
        self._first: datetime | None = None
        self._past: Fold | None = None
        self._state: DossierState | None = None
        self._frame = pl.DataFrame()
        self.as_of: datetime | None = None
        opened = source_of(source)
        self.ledger: Ledger | None
        self.origin: str
        self.events: pl.LazyFrame
        self._made_up = opened.run is not None
        self.ledger, self.origin, self.events = opened.ledger, opened.origin, opened.events
        if self.ledger is not None:
            frame = self._frame = collect(self.events)
            self.events = frame.lazy()
            self._new = self.ledger.subscribe(after=opened.seen)
            self._parts: list[pl.DataFrame] = []
            self._state = DossierState(frame, metrics=tuple(self.metrics.values()), **self.timing) if self._as_of is None else None
        self.actor: str | None = None
        self._kept: dict[str, Any] = {}
        self._held: dict[str, Any] = {}
        self._read()
        if self.board.height:
            self.pick(self.board["actor"][0])

    # -- everybody ---------------------------------------------------------------------------------------------------------------

    @property
    def _options(self) -> dict[str, Any]:
        return {**self.timing, "metrics": tuple(self.metrics.values()), "roles": self.roles}

    def counted_at(self, end: datetime, metrics: tuple[Metric, ...] | None = None) -> pl.DataFrame:
        """The open one's row of the dossiers of another moment, counted the same way; empty where nothing lies in that window."""
        options = self._options if metrics is None else {**self._options, "metrics": metrics}
        count = count_of(self.policy, **options)
        among = self.policy.compares_peers or any(one.reads_everybody for one in count.metrics)
        events = self.events if among else self.own.lazy()
        return count.judged(events, end, "none").board.filter(pl.col("actor") == self._open())

    def _read(self) -> None:
        """Dossiers and verdicts of everybody, as the events stand."""
        options = self._options
        if self._state is not None:
            self.as_of = self._state.last
            judgement = self._state.judged(policy=self.policy, roles=self.roles)
        else:
            self.as_of = self._as_of or last_work(self.events)
            judgement = count_of(self.policy, **options).judged(self.events, self.as_of)
        board, verdicts, self._past = judgement
        assert verdicts is not None  # what the policy reads is among the metrics
        judged = pl.Series(applies(board, self.policy.spec))
        said = verdicts.with_columns(
            verdict=pl.when(judged).then(pl.col("verdict").cast(pl.String)).otherwise(pl.lit("not_judged"))
        )
        rank = pl.col("verdict").replace_strict(RANK, return_dtype=pl.Int8)
        ordered = said.select("actor", "verdict", rank=rank).join(board, on="actor")
        size = [column for column in ("override_rate_n", "overridden_rate_n") if column in ordered.columns]
        most = pl.max_horizontal(size) if size else pl.lit(0)
        self._plain, self._said, self._first = board, None, None
        self.board: pl.DataFrame = ordered.sort("rank", most, "actor", descending=[False, True, False]).drop("rank")
        self._kept, self._held = {}, {}

    @property
    def verdicts(self) -> pl.DataFrame:
        """What the policy says of everybody, with its texts, as `Policy.evaluate`."""
        if self._said is None:
            self._said = self.policy.evaluate(self._plain, past=self._past)
        return self._said

    def found(self, text: str = "", verdict: str | None = None, kind: str | None = None) -> list[str]:
        """Names that contain a text (in any case), of one verdict, of one kind; the gravest verdicts first."""
        rows = self.board.filter(pl.col("actor").str.to_lowercase().str.contains(text.lower(), literal=True))
        if verdict is not None:
            rows = rows.filter(pl.col("verdict") == verdict)
        if kind is not None:
            rows = rows.filter(pl.col("actor_kind").cast(pl.String) == kind)
        return rows["actor"].to_list()

    def look(self, window: str | timedelta | None = None, as_of: datetime | date | str | None = None) -> None:
        """Count everybody over another window, or at another moment.

        Parameters
        ----------
        window
            As in `aura.dossiers`; default the policy's own. The same rules over another window make another rule, whose errors
            nobody may have measured.
        as_of
            Moment of the dossiers; default the last event that is work, which a ledger moves on.

        Raises
        ------
        ParameterError, RuleError
            If it is no window, or the rules cannot be read over it; then everything stays as it was.
        """
        policy, moment = self._given.over(window), None if as_of is None else parse_as_of(as_of)
        with self._lock:
            self.policy, self.window, self._as_of = policy, times.window_text(policy.window), moment
            self.timing = count_of(policy, **self._asked).timing
            self._state = None
            if self.ledger is not None and moment is None:
                self._state = DossierState(self._frame, metrics=tuple(self.metrics.values()), **self.timing)
            self._read()
            if self.actor is None and self.board.height:
                self.actor = self.board["actor"][0]

    def refresh(self) -> int:
        """Take in what was recorded in the ledger since; returns how many events. Of anything but a ledger, 0."""
        if self.ledger is None:
            return 0
        with self._lock:
            parts = self._parts  # what was fetched before and could not be taken in
            last = self.ledger.end()  # a busy ledger has a new end whenever it is asked
            while self._new.seq < last:
                parts.append(self._new.poll())
            if not parts:
                return 0
            told = pl.concat(parts)
            new = self.ledger.due(told.lazy(), quiet=True).collect()
            if self._state is None and self._as_of is None:
                self._state = DossierState(self._frame, metrics=tuple(self.metrics.values()), **self.timing)
            if self._state is not None:
                try:
                    self._state.append(new)
                except BaseException:
                    # half of it may have been taken in: the sums are built anew, from everything, at the next look
                    self._state = None
                    raise
            self._frame = pl.concat([self._frame, new])
            if self._frame.n_chunks() > _CHUNKS:
                self._frame = self._frame.rechunk()
            self._parts = []
            self.events = self._frame.lazy()
            self._read()
            if self.actor is None and self.board.height:
                self.actor = self.board["actor"][0]
            return told.height

    # -- one of them -------------------------------------------------------------------------------------------------------------

    def pick(self, actor: str) -> None:
        """Open somebody's dossier, or that of somebody who dropped out of the window; raises `ParameterError` when nobody has this
        name.
        """
        if actor not in set(self.board["actor"]) and collect(self.events.filter(pl.col("actor") == actor).head(1)).is_empty():
            hint = close_match(actor, self.board["actor"].to_list())
            raise ParameterError(Problem("nobody has this name", got=actor, next=hint))
        self.actor = actor
        self._kept = {}

    def _open(self) -> str:
        if self.actor is None:
            raise ParameterError(Problem("there is nobody in the log", next="record events first"))
        return self.actor

    @property
    def row(self) -> dict[str, Any]:
        """The open dossier, as a row of `aura.dossiers` with `verdict`; only the name of somebody who dropped out of the window."""
        rows = self.board.filter(pl.col("actor") == self._open())
        if rows.height:
            return rows.row(0, named=True)
        kinds = collect(
            self.events.filter(pl.col("actor") == self.actor).select(pl.col("actor_kind").cast(pl.String).drop_nulls().unique())
        )
        kind = kinds["actor_kind"][0] if kinds.height else None
        return {"actor": self.actor, "verdict": "insufficient", "actor_kind": kind}

    @property
    def cards(self) -> list[dict[str, Any]]:
        """The numbers that have a value: `metric`, `title`, `value`, `n`, `interval`, `unit`, as texts."""
        return cards(self.row, self.metrics.values())

    @property
    def banner(self) -> Banner | None:
        """What is to be done, with the evidence and what would clear it; None where nothing is."""
        verdict = self.verdict
        return None if verdict is None else self.banner_of(verdict)

    def banner_of(self, verdict: Mapping[str, Any]) -> Banner | None:
        """The same of a row of `verdicts`."""
        if verdict["verdict"] not in ("flag", "watch"):
            return None
        lists = {name: tuple(verdict[name]) for name in ("rules", "reasons", "would_clear")}
        return Banner(verdict["verdict"], verdict["actor"], f"{self.policy.name} (version {self.policy.spec.version})", **lists)

    @property
    def verdict(self) -> dict[str, Any] | None:
        """The open one's row of `verdicts`; None without one in the window."""
        mine = pl.col("actor") == self._open()
        # where the others and the past do not matter, one row is put into words instead of all
        leaves = [leaf for rule in self.policy.spec.rules for leaf in comparisons(rule.when)]
        alone = all(leaf.numbers for leaf in leaves)
        rows = self.policy.evaluate(self._plain.filter(mine), past=self._past) if alone else self.verdicts.filter(mine)
        return rows.row(0, named=True) if rows.height else None

    @property
    def reasons(self) -> list[str]:
        """Why the verdict is what it is."""
        verdict = self.verdict
        if verdict is None:
            over = (
                "in the whole log"
                if self.window == times.ALL
                else f"in the {span_of_time(self.window)} up to {self.as_of:%Y-%m-%d %H:%M} UTC"
            )
            return [f"no events {over}"]
        return list(verdict["reasons"])

    @property
    def standing(self) -> dict[str, Any] | None:
        """Where they stand with HR, as a row of `aura.standing`: by a ledger now, otherwise at the moment of the dossiers. None
        when nobody ever acted on them.
        """
        found = self.standings(self._open())
        return found.row(0, named=True) if found.height else None

    def standings(self, actor: str | None = None) -> pl.DataFrame:
        """The same of everybody, or of somebody, as `aura.standing`."""
        return standing(self._told(), None if self.ledger is not None else self._as_of, actor=actor)

    def _told(self) -> EventsLike:
        return self.events if self.ledger is None else self.ledger

    @property
    def waiting(self) -> list[str]:
        """Names of the proposals on the open dossier that nobody has answered."""
        return proposals(judged_actions(self._told(), actor=self._open()))["event_id"].to_list()

    @property
    def own(self) -> pl.DataFrame:
        """The events that matter for the open dossier."""
        return cast("pl.DataFrame", self._once("own", lambda: collect(of_actor(self._until(), self._open()))))

    def _until(self) -> pl.LazyFrame:
        return self.events if self._as_of is None else self.events.filter(pl.col("ts") <= self._as_of)

    def once_a_reading(self, what: str, make: Callable[[], T]) -> T:
        """What is made once while nothing new has come, whoever is open."""
        if what not in self._held:
            self._held[what] = make()
        return cast("T", self._held[what])

    def _once(self, what: str, make: Any) -> Any:
        """What is made once while one dossier is open and nothing new has come."""
        if what not in self._kept:
            self._kept[what] = make()
        return self._kept[what]

    @property
    def series_window(self) -> tuple[str, str]:
        """Step of the rolling series, and the window that each of its readings looks back on."""
        if self.as_of is None:
            return step_and_window(now(), now(), self.window)
        return step_and_window(self.first, self.as_of, self.window)

    @property
    def first(self) -> datetime:
        """When the log begins, or the moment of the dossiers where that is earlier."""
        assert self.as_of is not None
        if self._first is None:
            self._first = collect(self.events.select(pl.col("ts").min())).item()
        return min(self._first or self.as_of, self.as_of)

    @property
    def series(self) -> dict[str, pl.DataFrame]:
        """Of every number that has one, how it moved: `as_of`, `value`, `n`, and of shares `lo`, `hi`."""
        return dict(self._once("series", self._series))

    def _series(self) -> dict[str, pl.DataFrame]:
        names = self.moving(self.row)
        if not names or self.as_of is None:
            return {}
        step, wide = self.series_window
        moved = self.moved(self.own.lazy(), [self.metrics[name] for name in names], wide, step).filter(
            pl.col("actor") == self.actor
        )
        return {name: line(moved, name) for name in names}

    def moving(self, row: Mapping[str, Any]) -> list[str]:
        """The numbers of a dossier that have a rolling series."""
        read = set(self.policy.metrics)  # what is counted reading by reading takes longer
        moving = [name for name, one in self.metrics.items() if one.rolls or (one.by_reading and name in read)]
        return [name for name in moving if row.get(f"{name}_n")]

    def moved(self, events: pl.LazyFrame, metrics: list[Metric], window: str, step: str) -> pl.DataFrame:
        """`aura.rolling` of some events up to the moment of the dossiers, counted as these are."""
        own = self.timing
        return rolling(
            events,
            metrics,
            window=window,
            step=step,
            end=self.as_of,
            attribution=own["attribution"],
            holding=own["holding"],
            ratings=own["ratings"],
            calendar=own["calendar"],
        )

    @property
    def fixed(self) -> bool:
        """Whether the moment of the dossiers was chosen; otherwise it is the last event that is work."""
        return self._as_of is not None

    @property
    def thresholds(self) -> dict[str, list[float]]:
        """What the policy compares a number with, where these are plain numbers."""
        found: dict[str, list[float]] = {}
        for rule in self.policy.spec.rules:
            for leaf in comparisons(rule.when):
                if leaf.numbers:
                    found.setdefault(leaf.metric, []).extend(map(float, leaf.numbers))
        return {metric: sorted(set(values)) for metric, values in found.items()}

    def cases(self, metric: str) -> pl.DataFrame:
        """Every observation behind a number, the latest first; see `aura.observations`."""
        if self.as_of is None:
            return observations(self.events, "", self.metrics.get(metric, metric))
        return observations(self.own, self._open(), self.metrics.get(metric, metric), self.as_of, self.window, **self.timing)

    # -- what follows ------------------------------------------------------------------------------------------------------------

    def draft(self, days: int = 60) -> ImprovementPlan:
        """The improvement plan that the verdict asks for, filled in. It starts at the moment of the dossiers; on a ledger, today.

        Raises
        ------
        ParameterError
            If the verdict is no `flag` (a reason to look asks for audits, not for a plan), or the length is out of range.
        """
        verdict = self.verdict
        if verdict is None or self.as_of is None:
            raise ParameterError(Problem("there is no verdict on them in the window", got=self.actor))
        start = max(now().date(), self.as_of.date()) if self.ledger is not None else self.as_of.date()
        return plan_from(verdict, str(self.row["actor_kind"] or "officer"), self.policy, start, days)

    def start_plan(self, by: str, days: int = 60) -> str:
        """Draft the plan and record it in the ledger: for a person as a proposal, that somebody else signs. Returns the name of the
        action.

        Raises
        ------
        ParameterError
            If there is no ledger, the verdict asks for no plan, there is a plan or a proposal already, or nobody asks for it.
        """
        from aura_analytics.hr.desk import HRDesk

        plan = self.draft(days)
        if self.ledger is None:
            problem = Problem(
                "there is no ledger to record a proposal in",
                got=self.origin,
                next="open the explorer on a Ledger, or save the draft",
            )
            raise ParameterError(problem)
        if not by.strip():
            raise ParameterError(Problem("who asks for the plan?", got=by, expected="a name; somebody else has to sign it"))
        name = plan.open(HRDesk(self.ledger), by=by)
        self.refresh()
        return name

    def save_plan(self, path: str | Path, days: int = 60) -> Path:
        """Write the draft as `.md` or `.html`."""
        return self.draft(days).write(path)

    def sentence(self) -> str:
        """What is open, in words."""
        if self.actor is None:
            return "nobody in the log yet" if self.as_of is None else f"no events in the window up to {self.as_of:%Y-%m-%d}"
        over = span_of_time(self.window)
        row = self.row
        return (
            f"{self.actor} ({row['actor_kind'] or 'kind unknown'}): {row['verdict'].replace('_', ' ')}; "
            f"{self.count()} by {self.policy.name} over {over}"
            + "".join(f". {said.removesuffix('.')}" for said in beyond(self._plain, made_up=self._made_up))
        )

    @property
    def behindhand(self) -> bool:
        """Whether something that was recorded could not be taken in yet."""
        return self.ledger is not None and bool(self._parts)

    @property
    def ahead(self) -> str:
        """What the ledger holds that is dated in the future, and is not counted yet, in words; nothing where all is due."""
        early = pl.DataFrame() if self.ledger is None else self.ledger.ahead()
        if early.is_empty():
            return ""
        many = "1 event is" if early.height == 1 else f"{early.height:,} events are"
        return f"{many} dated in the future, up to {early['ts'][-1]:%Y-%m-%d}, and not counted yet."

    def count(self) -> str:
        """How many of those whom the policy judges are flagged, in words."""
        judged = self.board.filter(pl.col("verdict") != "not_judged").height
        return f"{len(self.found(verdict='flag')):,} of {judged:,} flagged"

    def __repr__(self) -> str:
        return f"ExplorerState({self.sentence()})"


def line(moved: pl.DataFrame, name: str) -> pl.DataFrame:
    """A number's column of a rolling table: `as_of`, `value`, `n`, and of shares `lo`, `hi`, where something was observed."""
    limits = {side: f"{name}_{side}" for side in ("lo", "hi") if f"{name}_{side}" in moved.columns}
    return moved.select("as_of", value=name, n=f"{name}_n", **limits).filter(pl.col("value").is_not_null())
