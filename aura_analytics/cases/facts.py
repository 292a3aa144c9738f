"""Facts: what the events say happened, as small tables that the metrics count.

One table per kind of fact, one row per act, only what lies in the window.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Literal

import polars as pl

from aura_analytics.errors import ParameterError, Problem, SchemaError
from aura_analytics.events import SCHEMA

if TYPE_CHECKING:
    from aura_analytics.calendars import Calendar

__all__ = ["FACT_SCHEMAS", "Attribution", "Facts", "Holding", "Options", "check_schema", "collect", "empty_table", "in_memory"]

Attribution = Literal["last_decider", "event_actor", "all_deciders"]
Holding = Literal["closer", "holder"]

_small: ContextVar[bool] = ContextVar("aura_analytics.cases.small", default=False)


def collect(frame: pl.LazyFrame) -> pl.DataFrame:
    """Run a query in bounded memory; inside `in_memory`, at once."""
    return frame.collect(engine="in-memory" if _small.get() else "streaming")


@contextmanager
def in_memory() -> Iterator[None]:
    """For few rows: starting the streaming engine costs a millisecond a query."""
    token = _small.set(True)
    try:
        yield
    finally:
        _small.reset(token)


_TS = SCHEMA["ts"]
FACT_SCHEMAS: dict[str, dict[str, pl.DataType]] = {
    "decisions": {
        "actor": pl.String(), "actor_kind": SCHEMA["actor_kind"], "ts": _TS, "case_id": pl.String(), "queue": pl.String(),
        "override": pl.Boolean(), "agent": pl.String(), "ai_recommendation": pl.String(), "human_verdict": pl.String(),
        "answered": pl.Boolean(), "right": pl.Boolean(), "final": pl.Boolean(),
    },
    "handled": {"actor": pl.String(), "actor_kind": SCHEMA["actor_kind"], "ts": _TS, "elapsed": pl.Int64()},
    "open": {"actor": pl.String(), "actor_kind": SCHEMA["actor_kind"], "ts": _TS, "elapsed": pl.Int64()},
    "ratings": {"actor": pl.String(), "ts": _TS, "value": pl.Float64()},
    "evaluations": {"actor": pl.String(), "actor_kind": SCHEMA["actor_kind"], "ts": _TS, "value": pl.Float64()},
    "outcomes": {"actor": pl.String(), "actor_kind": SCHEMA["actor_kind"], "ts": _TS, "outcome": pl.String()},
    "cohort": {
        "actor": pl.String(), "queue": pl.String(), "start": pl.Int64(), "end": pl.Int64(), "elapsed": pl.Int64(),
        "days_off": pl.Int64(), "ended": pl.Boolean(),
    },
}  # fmt: skip


@dataclass(frozen=True)
class Options:
    """How cases are attributed and timed.

    Parameters
    ----------
    attribution
        Whom a rating that names no actor is about: the last to decide its case before it (`last_decider`), everyone who did
        (`all_deciders`), or nobody (`event_actor`).
    holding
        Whose time a handed-over case is: `closer` gives it to who resolved it, from their assignment on; `holder` gives
        everyone the time that they held it.
    calendar
        Business hours that elapsed time is counted in; None counts every hour.
    """

    attribution: Attribution = "last_decider"
    holding: Holding = "closer"
    calendar: Calendar | None = None

    def __post_init__(self) -> None:
        for name, allowed in (("attribution", Attribution.__args__), ("holding", Holding.__args__)):  # type: ignore[attr-defined]
            if getattr(self, name) not in allowed:
                raise ParameterError(Problem(f"unknown {name}", got=getattr(self, name), expected=" or ".join(allowed)))


@dataclass
class Facts:
    """What happened, as far as dossiers count it: one table per kind of fact, every row inside the window.

    Attributes
    ----------
    decisions
        Verdicts on recommendations: actor, ts, case_id, `override`, the recommending agent and both words; `answered` when the
        citizen rated the case, `right` when an adjudication or outcome says the verdict was (null while nobody said), `final`
        for the actor's last verdict on a recommendation.
    handled
        Cases resolved in the window: actor, ts of the end, `elapsed` (microseconds, null where no start is known).
    open
        Cases held and not resolved at `as_of`: actor, ts of the start, elapsed so far.
    ratings
        Stars with the actor they are about; null actor where nobody could be found.
    evaluations, outcomes
        Scores, and what became of an actor's work.
    cohort
        Cases whose clock started in the window, for the SLA: start and end (microseconds since 1970), elapsed on the calendar
        and without pauses (censored where not `ended`), queue.
    """

    as_of: datetime
    since: datetime | None
    decisions: pl.DataFrame = field(default_factory=lambda: empty_table("decisions"))
    handled: pl.DataFrame = field(default_factory=lambda: empty_table("handled"))
    open: pl.DataFrame = field(default_factory=lambda: empty_table("open"))
    ratings: pl.DataFrame = field(default_factory=lambda: empty_table("ratings"))
    evaluations: pl.DataFrame = field(default_factory=lambda: empty_table("evaluations"))
    outcomes: pl.DataFrame = field(default_factory=lambda: empty_table("outcomes"))
    cohort: pl.DataFrame = field(default_factory=lambda: empty_table("cohort"))

    def table(self, name: str) -> pl.DataFrame:
        """A table of facts by its name."""
        found = getattr(self, name)
        assert isinstance(found, pl.DataFrame)
        return found


def empty_table(name: str) -> pl.DataFrame:
    """A table of facts without rows."""
    return pl.DataFrame(schema=FACT_SCHEMAS[name])


def check_schema(events: pl.LazyFrame | pl.DataFrame) -> pl.LazyFrame:
    """The events as a lazy frame; `SchemaError` when they are not on the contract."""
    lazy = events.lazy()
    schema = lazy.collect_schema()
    problems = [
        Problem(f"column {name!r} " + ("is missing" if name not in schema else "has the wrong type"),
                got=str(schema[name]) if name in schema else None, expected=str(dtype),
                next="read_events, import_log and events.validate give tables on the contract")
        for name, dtype in SCHEMA.items() if schema.get(name) != dtype
    ]  # fmt: skip
    if problems:
        raise SchemaError("these are not events", problems=problems)
    return lazy
