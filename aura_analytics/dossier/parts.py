"""Boards that are counted in parts, elsewhere: what the metrics collect of some actors at a time, put together.

What is collected of an actor rests on their own events, those on their recommendations, and their cases, so that parts give the
very sums of the whole. One thing does not: how many verdicts an audited one stands for is a matter of who decided, so what is said
of agents by such weights is counted here.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

import polars as pl

from aura_analytics.cases import DECISIONS, RATINGS, Fact, Options
from aura_analytics.cases.collecting import collect
from aura_analytics.cases.truth import words_of
from aura_analytics.cases.window import Window, case_hash
from aura_analytics.dossier.doubts import Seen, bursts
from aura_analytics.dossier.summary import collected, grouped, needs_of
from aura_analytics.io.front_door import EventsLike, as_events
from aura_analytics.metrics.kinds.base import Metric
from aura_analytics.tasks import run_tasks

if TYPE_CHECKING:
    from aura_analytics.tasks import ExecutorLike

__all__ = ["CountTask", "Counted", "counted_apart"]

PIECES = 8  # of the actors; each task reads the log once, so that more would read it more often


class CountTask(NamedTuple):
    """What one part of a count depends on.

    Attributes
    ----------
    source
        Where the events are: paths, a folder, an address, or a frame.
    end, since
        The window.
    metrics, options
        What is counted, and how.
    words
        Those of all verdicts: what an outcome, or a bare override, says may rest on them.
    part, of
        Of whom: everybody falls into one of so many parts, by name.
    """

    source: object
    end: datetime
    since: datetime | None
    metrics: tuple[Metric, ...]
    options: Options
    words: frozenset[str]
    part: int
    of: int


class Counted(NamedTuple):
    """What was counted.

    Attributes
    ----------
    tables
        By table of facts and subject: what the metrics collect, a row an actor.
    seen, ratings
        What there is to doubt.
    """

    tables: dict[tuple[Fact, str], pl.DataFrame]
    seen: Seen
    ratings: dict[str, list[str]]


def counted_apart(
    source: EventsLike,
    events: pl.LazyFrame,
    end: datetime,
    since: datetime | None,
    metrics: tuple[Metric, ...],
    options: Options,
    executor: ExecutorLike,
) -> Counted:
    """Count by an executor, some actors a task.

    Parameters
    ----------
    source, events
        Where the events are, and the events themselves. Paths, folders and addresses must mean the same where tasks are run;
        everything else is sent.
    end, since, metrics, options
        The window, and what is counted how.
    executor
        As of `run_tasks`.

    """
    here, apart = ([one for one in metrics if _rests_on_others(one) is side] for side in (True, False))
    sent, pieces = _sent(source), getattr(executor, "_max_workers", PIECES)
    whole = Window(events, end, since, needs_of(here), options)
    words = frozenset(words_of(whole.past))
    tasks = [CountTask(sent, end, since, tuple(apart), options, words, part, pieces) for part in range(pieces)]
    found = list(run_tasks(_counted, tasks, executor=executor, named=_words))
    tables: dict[tuple[Fact, str], pl.DataFrame] = {}
    for at, key in enumerate(grouped(apart)):
        parts = [part[0][at] for part in found]
        tables[key] = pl.concat(parts)
    facts = whole.facts()
    for key, members in grouped(here).items():
        own, known = collected(facts.table(key[0]), key, members), tables.get(key)
        tables[key] = own if known is None else own.join(known.drop("__kind"), on="actor", how="left")  # of the same rows
    seen = Seen.together([part[1] for part in found])
    return Counted(tables, seen, {actor: texts for part in found for actor, texts in part[2].items()})


def _rests_on_others(metric: Metric) -> bool:
    """Whether what is collected of somebody rests on verdicts of others beside those on their own cases."""
    return metric.subject != "actor" and "weight" in metric.needs


def _words(task: CountTask) -> str:
    return f"part {task.part + 1} of {task.of} of the actors in {task.source if isinstance(task.source, str) else 'these events'}"


def _falls(name: str, task: CountTask) -> pl.Expr:
    """Whether somebody falls into a task's part."""
    return pl.col(name).is_not_null() & (pl.col(name).hash(17) % task.of == task.part)


def _counted(task: CountTask) -> tuple[list[pl.DataFrame], Seen, dict[str, list[str]]]:
    """Tables of what the metrics collect of a task's actors, what there is to doubt, and bursts of ratings."""
    events = as_events(task.source).filter(pl.col("ts") <= task.end)  # type: ignore[arg-type]
    keyed, theirs = events.with_columns(case_hash()), _falls("actor", task) | _falls("agent", task)
    cases = collect(keyed.filter(theirs & pl.col("h").is_not_null()).select(pl.col("h").unique()))
    whole = keyed.join(cases.lazy(), on="h", how="semi")
    mine = collect(pl.concat([whole, keyed.filter(theirs & pl.col("h").is_null())]).drop("h"))  # looked at more than once
    window = Window(mine.lazy(), task.end, task.since, needs_of(task.metrics), task.options)
    window.once("words", lambda: set(task.words))
    facts = window.facts()
    tables = [
        collected(facts.table(key[0]), key, members).filter(_falls("actor", task)) for key, members in grouped(task.metrics).items()
    ]
    decisions, ratings = facts.table(DECISIONS), facts.table(RATINGS)
    seen = Seen.of(decisions.filter(_falls("actor", task)))._replace(used=Seen.words(decisions))
    return tables, seen, bursts(ratings.filter(_falls("actor", task)))


def _sent(source: EventsLike) -> object:
    """The events in a form that can be sent: where they are, or else themselves."""
    if isinstance(source, (str, pl.DataFrame)) or hasattr(source, "__fspath__"):
        return source
    if isinstance(source, Sequence) and source and all(isinstance(item, str) or hasattr(item, "__fspath__") for item in source):
        return list(source)
    return as_events(source).collect()
