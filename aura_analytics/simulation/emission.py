"""From cases to events on the contract: a block of columns for every kind of event, and the blocks in the order of time where that
is asked.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from aura_analytics.events import EVENT_TYPES, SCHEMA
from aura_analytics.scoring.frames import score_frame
from aura_analytics.scoring.penalties import PenaltyPolicy
from aura_analytics.simulation.ids import Texts, again
from aura_analytics.simulation.worktime import DAY
from aura_analytics.simulation.world import STEPS

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from aura_analytics.simulation.world import Columns, World

__all__ = ["Emitter", "score_place", "scores"]

_FINE = "A careful answer that says what was asked for, and why it is so."
_LIE = "The value is undefined here, and so the rest was made up as best it could."
_OF_VERDICTS = ("ai_right", "approve_right", "override", "end")
_RARE = ("first_right", "own_work")
_CONFIDENCE = np.arange(STEPS + 1) / STEPS
_MICROS = SCHEMA["ts"]


@lru_cache(maxsize=1)
def scores() -> pl.DataFrame:
    """Score, penalties and severity of every kind of output (fine, too short, invented) at every confidence, by the Accountant's
    own rule.
    """
    confidence = pl.Series("confidence", _CONFIDENCE)
    texts = [_FINE, "see file", _LIE]
    grid = pl.concat([pl.DataFrame({"output": [text] * (STEPS + 1), "confidence": confidence}) for text in texts])
    return score_frame(grid, PenaltyPolicy.seed()).select("score", "penalties", pl.col("severity").cast(SCHEMA["severity"]))


def score_place(c: Columns) -> NDArray[np.int64]:
    """The row of `scores` of every case."""
    kind = np.where(c["invented"], 2, np.where(c["too_short"], 1, 0))
    return np.asarray(kind * (STEPS + 1) + c["sure"])


@dataclass(frozen=True)
class _Points:
    """`scores` for quick reading: lists of words are gathered from the few that there are."""

    value: NDArray[np.float64]
    severity: NDArray[np.uint8]
    words: pl.Series
    listed: NDArray[np.uint32]


@lru_cache(maxsize=1)
def _points() -> _Points:
    table = scores()
    words = table["penalties"].unique(maintain_order=True)
    known = {tuple(each): place for place, each in enumerate(words.to_list())}
    listed = np.array([known[tuple(each)] for each in table["penalties"].to_list()], dtype=np.uint32)
    codes = table["severity"].to_physical().cast(pl.UInt8).to_numpy()
    return _Points(table["score"].to_numpy().astype(float), codes, words, listed)


class Emitter:
    """Turns cases into events as they come.

    Parameters
    ----------
    world
        Of one replication.
    ordered
        Whether the events come in the order of time (at one instant, by kind); otherwise they come by kind, which is faster.
    says
        Where a router chooses the agents: what its choice of an agent at a moment says of itself, as text.
    """

    def __init__(
        self,
        world: World,
        *,
        ordered: bool = True,
        says: Callable[[NDArray[np.int64], NDArray[np.int64]], pl.Series] | None = None,
    ) -> None:
        self._world, self._ordered, self._says = world, ordered, says
        self._audit = round(world.scenario.audit_days * DAY)
        audits, share = world.scenario.audits, world.scenario.audited
        chances = [share, share if audits.overridden is None else audits.overridden]  # of what was accepted, and overridden
        self._chance = pl.Series(chances if world.scenario.chances_are_known else [None, None], dtype=pl.Float64)
        groups = world.scenario.officers
        self._pooled = np.array([group.pooled for group in groups])[world.officer_group]
        self._kinds = pl.Series([group.kind for group in groups], dtype=SCHEMA["actor_kind"]).gather(_index(world.officer_group))
        self._mixed = any(group.kind != "officer" for group in groups)
        self._texts = Texts([queue.name for queue in world.scenario.queues], world.tag)
        self._officers = pl.Series(world.officers, dtype=pl.String)
        self._agents = pl.Series(world.agents, dtype=pl.String)
        self._queues = pl.Series([queue.name for queue in world.scenario.queues], dtype=pl.String)
        self._words = pl.Series(["REJECT", "APPROVE"], dtype=pl.String)
        self._outcomes = pl.Series(["failure", "success"], dtype=pl.String)
        self._later: list[pl.DataFrame] = []
        self._end = world.moment(world.scenario.days)

    def add(self, arrived: Columns, done: Columns) -> None:
        """Take in what arrived, and what was begun; the very same cases where nothing waits."""
        came = self._known(arrived)
        same = arrived["number"] is done["number"]
        ended = came if same else self._known(done)
        self._block("OPENED", b"op", came, arrived["arrival"])
        if self._says is not None:
            says = self._says(arrived["arrival"], arrived["agent"])
            self._block("ROUTED", b"ro", came, arrived["arrival"], actor="agent", attributes=says)
        if self._world.scenario.scored:
            points, place = _points(), score_place(arrived)
            self._block(
                "EVALUATION",
                b"sc",
                came,
                arrived["arrival"],
                actor="agent",
                value=pl.Series(points.value[place]),
                confidence=came.sure,
                severity=pl.Series(points.severity[place]).cat.to(SCHEMA["severity"]),
                penalties=points.words.gather(pl.Series(points.listed[place])),
            )
        if "drill" in arrived:
            rows = np.flatnonzero(arrived["drill"])
            words = self._words.gather(_index(arrived["approve_right"][rows]))
            self._block("DRILL", b"dr", came.some(rows), arrived["arrival"][rows], outcome=words)
        if not self._pooled.any():
            self._block("ASSIGNED", b"as", came, arrived["arrival"], actor="officer")
        else:
            rows = np.flatnonzero(~self._is_pooled(arrived["officer"]))
            self._block("ASSIGNED", b"as", came.some(rows, "officer"), arrived["arrival"][rows], actor="officer")
            # who takes from the shared line has a case from then on
            self._assigned(ended, done, self._is_pooled(done["officer"]))
        self._block("RESOLVED", b"re", ended, done["end"], actor="officer")
        rows = np.flatnonzero(done["stars"])
        self._block("SAT_SCORE", b"ra", ended.some(rows), done["rated"][rows], value=pl.Series(done["stars"][rows].astype(float)))
        rows = np.flatnonzero(done["audited"])
        if len(rows):
            known, at = ended.some(rows, "agent"), done["end"][rows] + self._audit
            words = self._words.gather(_index(done["approve_right"][rows]))
            chance = self._chance.gather(_index(done["override"][rows]))
            self._block("ADJUDICATION", b"au", known, at, outcome=words, audit_chance=chance)
            right = self._outcomes.gather(_index(done["ai_right"][rows]))
            self._block("OUTCOME", b"ou", known, at, actor="agent", outcome=right)
        if not done["decided"].all():
            rows = np.flatnonzero(done["decided"])
            done, ended = (
                {name: done[name][rows] for name in (*_OF_VERDICTS, *(name for name in _RARE if name in done))},
                ended.some(rows, "officer", "agent", "sure"),
            )
        recommend = done["ai_right"] == done["approve_right"]
        verdict = recommend != done["override"]
        kinds = np.where(done["override"], EVENT_TYPES.index("OVERRIDE"), EVENT_TYPES.index("DECISION")).astype(np.uint8)
        self._block(
            pl.Series(kinds).cat.to(SCHEMA["type"]),
            b"ve",
            ended,
            done["end"],
            actor="officer",
            agent=ended.agent,
            ai_recommendation=self._words.gather(_index(recommend)),
            human_verdict=self._words.gather(_index(verdict)),
            confidence=ended.sure,
            **self._rare(done),
        )

    def _rare(self, done: Columns) -> dict[str, pl.Series]:
        """What some verdicts say besides."""
        found: dict[str, pl.Series] = {}
        if "first_right" in done:
            first = done["first_right"]
            words = self._words.gather(_index(np.where(first == 1, done["approve_right"], ~done["approve_right"])))
            found["initial_verdict"] = words.set(pl.Series(first < 0), None)
        if "own_work" in done:
            found["own_work"] = pl.Series(done["own_work"])
        return found

    def moved(self, cases: Columns) -> None:
        """Take in cases that were given to somebody else."""
        self._assigned(self._known(cases), cases, cases["officer"] >= 0)

    def _assigned(self, known: _Known, cases: Columns, mine: NDArray[np.bool_]) -> None:
        """Assignments of some cases, each the first of its case or one more."""
        for time in np.unique(cases["given"][mine]).tolist():
            rows = np.flatnonzero(mine & (cases["given"] == time))
            self._block(
                "ASSIGNED",
                b"as" if time == 0 else again(time),
                known.some(rows, "officer"),
                cases["assigned"][rows],
                actor="officer",
            )

    def until(self, moment: int, *, last: bool = False) -> pl.DataFrame:
        """The events so far; where they are ordered those before a moment (at the end of the run: up to it), and what comes later
        is kept.
        """
        blocks, self._later = self._later, []
        if self._ordered and not last:
            limit = pl.lit(moment + self._world.zero).cast(_MICROS)
            split = [block if block["ts"].to_physical().max() < moment + self._world.zero else None for block in blocks]  # type: ignore[operator]
            self._later = [block.filter(pl.col("ts") >= limit) for block, whole in zip(blocks, split, strict=True) if whole is None]
            blocks = [
                block.filter(pl.col("ts") < limit) if whole is None else whole for block, whole in zip(blocks, split, strict=True)
            ]
        frame = pl.concat(blocks, rechunk=self._ordered) if blocks else pl.DataFrame(schema=SCHEMA)
        if not self._ordered or not frame.height:
            return frame
        order = _order(frame["ts"].to_physical().to_numpy())
        same = [*(["attributes"] if self._says is None else []), *(["queue"] if len(self._queues) == 1 else [])]  # for all events
        return frame.select(pl.exclude(same).gather(order), *(pl.col(name) for name in same)).select(frame.columns)

    def _is_pooled(self, officer: NDArray[np.int32]) -> NDArray[np.bool_]:
        return np.asarray((officer < 0) | self._pooled[officer])

    def _known(self, c: Columns) -> _Known:
        """What several events say of a case, put into words once."""
        case = (c["queue"].astype(np.int64) << 40) | c["number"]
        heads = self._texts.heads(case)
        officer, agent = self._officers.gather(_index(np.maximum(c["officer"], 0))), self._agents.gather(_index(c["agent"]))
        queue = self._queues.new_from_index(0, len(case)) if len(self._queues) == 1 else self._queues.gather(_index(c["queue"]))
        kind = self._kinds.gather(_index(np.maximum(c["officer"], 0))) if self._mixed else self._kinds.clear()
        return _Known(heads, self._texts.cases(case), queue, officer, kind, agent, pl.Series(_CONFIDENCE[c["sure"]]))

    def _block(
        self, kind: str | pl.Series, tag: bytes, known: _Known, at: NDArray[np.int64], actor: str | None = None, **given: pl.Series
    ) -> None:
        """The events of one kind."""
        late = at > self._end  # nobody has seen these by the end of the run
        if late.any():
            rows = np.flatnonzero(~late)
            keep = pl.Series(rows.astype(np.uint32))
            known, at = known.some(rows, *([] if actor is None else [actor])), at[rows]
            given = {name: series.gather(keep) for name, series in given.items()}
            kind = kind if isinstance(kind, str) else kind.gather(keep)
        n = len(at)
        if not n:
            return
        columns: dict[str, pl.Series] = {
            "event_id": self._texts.events(known.heads, tag),
            "ts": pl.Series(at + self._world.zero).cast(_MICROS),
            "type": pl.Series([kind], dtype=SCHEMA["type"]).new_from_index(0, n) if isinstance(kind, str) else kind,
            "case_id": known.case,
            "queue": known.queue,
            **given,
        }
        if actor is not None:
            columns["actor"] = known.officer if actor == "officer" else known.agent
            mixed = actor == "officer" and len(known.kind) > 0
            columns["actor_kind"] = known.kind if mixed else pl.Series([actor], dtype=SCHEMA["actor_kind"]).new_from_index(0, n)
        parts = [
            (columns[name] if name in columns else pl.Series([None], dtype=dtype).new_from_index(0, n)).alias(name)
            for name, dtype in SCHEMA.items()
        ]
        self._later.append(pl.DataFrame(parts))


@dataclass(frozen=True)
class _Known:
    heads: NDArray[Any]
    case: pl.Series
    queue: pl.Series
    officer: pl.Series
    kind: pl.Series  # of the officer; empty where all are officers
    agent: pl.Series
    sure: pl.Series

    def some(self, rows: NDArray[np.int64], *names: str) -> _Known:
        """The same of some cases; of officer, agent and sure only what is named."""
        keep = pl.Series(rows.astype(np.uint32))
        others = {"officer": self.officer, "kind": self.kind, "agent": self.agent, "sure": self.sure}
        wanted = {*names, *(["kind"] if "officer" in names and len(self.kind) else [])}
        parts = {name: each.gather(keep) if name in wanted else each.clear() for name, each in others.items()}
        return _Known(self.heads[rows], self.case.gather(keep), self.queue.gather(keep), **parts)


def _index(numbers: NDArray[Any]) -> pl.Series:
    return pl.Series(numbers.astype(np.uint32))


def _order(at: NDArray[np.int64]) -> pl.Series:
    """The order of moments, ties as given: moment and place in one number are sorted faster than places by moments."""
    low, bits = int(at.min()), int(len(at) - 1).bit_length()
    if (int(at.max()) - low) >> (63 - bits):
        return _index(np.argsort(at, kind="stable"))
    packed = pl.Series(((at - low) << bits) | np.arange(len(at))).sort().to_numpy()
    return _index(packed & ((1 << bits) - 1))
