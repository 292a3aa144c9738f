"""A log made into facts by actor, by whoever runs tasks: what comes before anything is counted of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import polars as pl

from aura_analytics.cases import Fact, Options
from aura_analytics.cases.extent import Extent
from aura_analytics.cases.window import Window
from aura_analytics.clock import times
from aura_analytics.dossier.in_parts.laying import Laid, LayTask, RepeatsTask, WordsTask, lay_piece, repeats_in, words_in
from aura_analytics.dossier.in_parts.making import AGREED, Made, MakeTask, Needs, make_bucket
from aura_analytics.dossier.in_parts.scratch import laid, scratch_folder
from aura_analytics.errors import ParameterError, Problem
from aura_analytics.io.event_pieces import EventPiece, pieces_of, read_together
from aura_analytics.io.front_door import EventsLike
from aura_analytics.io.many_files import overlapping
from aura_analytics.tasks import ExecutorLike, run_tasks

__all__ = ["Parted", "Reach", "parted", "window_up_to"]

LEAST = 8  # buckets, and parts
ROWS = 2_500_000  # events of a bucket, about


class Reach(NamedTuple):
    """Times of the first event, of the last one about work, and of the last one; None where there is none."""

    first: datetime | None
    work: datetime | None
    last: datetime | None


def window_up_to(asked: datetime | None, span: timedelta | None) -> Callable[[Reach], tuple[datetime, datetime | None] | None]:
    """The window that ends at a moment, or else with the last event about work; of a length, or else the whole log."""

    def window(reach: Reach) -> tuple[datetime, datetime | None] | None:
        end = asked or reach.work or reach.last
        return None if end is None else (end, None if span is None else end - span)

    return window


class Parted:
    """A log whose facts are laid by actor.

    Attributes
    ----------
    folder, parts, needs
        Where the facts are, in how many parts, and which they are.
    end, since
        The window; `end` None where the log is empty.
    reach, queues
        How far the log reaches, and the queues that it names.
    """

    def __init__(
        self, folder: Path, parts: int, needs: Needs, window: tuple[datetime | None, datetime | None], made: Sequence[Made]
    ) -> None:
        self.folder: Path = folder
        self.parts: int = parts
        self.needs: Needs = needs
        self.end: datetime | None
        self.since: datetime | None
        self.end, self.since = window
        self.reach: Extent = Extent()
        for one in made:
            self.reach.add(one.reach)
        self.queues: list[str] = sorted({name for one in made for name in one.queues})

    def agreed(self, actors: pl.Series) -> pl.Series:
        """Which of some actors ever issued an agreeing verdict."""
        among = pl.col("actor").is_in(actors.implode())
        files = laid(self.folder, AGREED)
        return (
            pl.scan_parquet(files, glob=False).filter(among).select(pl.col("actor").unique()).collect()["actor"]
            if files
            else actors.clear()
        )


@contextmanager
def parted(
    source: EventsLike,
    window: Callable[[Reach], tuple[datetime, datetime | None] | None],
    needs: Mapping[Fact, set[str]],
    options: Options,
    executor: ExecutorLike,
    scratch: str | Path | None = None,
    *,
    asked: datetime | None = None,
    rows: Callable[[Window], pl.DataFrame] | None = None,
) -> Iterator[Parted]:
    """Make a log into facts by actor.

    Parameters
    ----------
    source
        Where the events are; files and addresses must mean the same where tasks are run.
    window
        The window `(since, end]`, from how far the log reaches; None where there is nothing to count.
    needs, options
        Which facts, which of their columns, and how cases are counted.
    executor
        As of `run_tasks`.
    scratch
        A folder that every worker sees; default the one of temporary files, which workers on this machine see.
    asked
        The moment that was asked for, if any: then it is said how many events lie after it.
    rows
        What is made of the cases of each bucket in place of facts; importable by its name.

    Raises
    ------
    ParameterError
        If a fact cannot be made of some cases at a time.
    """
    for fact in needs:
        if not fact.by_case:
            problem = Problem(
                "these facts are not made in parts", got=str(fact), expected="facts with by_case", next="leave out executor"
            )
            raise ParameterError(problem)
    chosen: Needs = tuple((fact, frozenset(columns)) for fact, columns in needs.items())
    with scratch_folder(scratch) as folder:
        found, parts = _laid(pieces_of(source, folder), folder, executor)
        if _some_repeat(found, parts, folder, executor):
            # which of two of one id counts is for who sees the whole log to say
            folder = folder / "together"
            folder.mkdir()
            found, parts = _laid(read_together(source, folder), folder, executor)
        chosen_window = window(_reach([one for _, one in found]))
        if chosen_window is None:
            yield Parted(folder, parts, chosen, (None, None), [])
            return
        end, since = chosen_window
        drills = sorted({case for _, one in found for case, said in one.drills if times.parse_as_of(said) <= end})
        words: frozenset[str] | None = None
        if any(one.asks for _, one in found):
            asking = [WordsTask(str(folder), at, end, drills) for at in range(parts)]
            words = frozenset[str]().union(*run_tasks(words_in, asking, executor=executor, named=str))
        making = [MakeTask(str(folder), at, asked, end, since, chosen, options, drills, words, parts, rows) for at in range(parts)]
        made: list[Made] = list(run_tasks(make_bucket, making, executor=executor, named=str))
        _check_likeness([one.like for one in made])
        yield Parted(folder, parts, chosen, (end, since), made)


Pieces = list[tuple[EventPiece, Laid]]


def _laid(pieces: list[EventPiece], folder: Path, executor: ExecutorLike) -> tuple[Pieces, int]:
    """The pieces with what was laid of them, and in how many buckets."""
    parts = max(LEAST, getattr(executor, "_max_workers", 1), -(-sum(piece.about for piece in pieces) // ROWS))
    several = len({piece.file for piece in pieces}) > 1
    tasks = [LayTask(piece, number, str(folder), parts, several) for number, piece in enumerate(pieces)]
    found = list(run_tasks(lay_piece, tasks, executor=executor, named=str))
    _check_likeness([one.like for one in found])
    return list(zip(pieces, found, strict=True)), parts


def _some_repeat(pieces: Pieces, parts: int, folder: Path, executor: ExecutorLike) -> bool:
    """Whether files that overlap in time hold ids of one hash, as `many_files.once` asks."""
    files: dict[int, tuple[datetime | None, datetime | None]] = {}
    for piece, one in pieces:
        first, last = files.get(piece.file, (None, None))
        ends = [at for at in (first, one.first) if at is not None], [at for at in (last, one.last) if at is not None]
        files[piece.file] = min(ends[0], default=None), max(ends[1], default=None)
    numbers = list(files)
    near = {numbers[at] for at in overlapping(list(files.values()))} if len(files) > 1 else set()
    if not near:
        return False
    compared = tuple(number for number, (piece, _) in enumerate(pieces) if piece.file in near)
    tasks = [RepeatsTask(str(folder), at, compared) for at in range(parts)]
    return any(run_tasks(repeats_in, tasks, executor=executor, named=str))


def _check_likeness(workers: Sequence[tuple[str, tuple[int, ...]]]) -> None:
    """`ParameterError` unless all workers lay things apart in the same way."""
    if len(set(workers)) > 1:
        versions = sorted({version for version, _ in workers})
        problem = Problem(
            "the workers are not alike: what belongs together would lie apart",
            got=f"polars {', '.join(versions)}" if len(versions) > 1 else f"polars {versions[0]} on machines of different kinds",
            expected="one version of polars, on machines of one kind",
        )
        raise ParameterError(problem)


def _reach(found: Sequence[Laid]) -> Reach:
    first = min((one.first for one in found if one.first is not None), default=None)
    work = max((one.work for one in found if one.work is not None), default=None)
    last = max((one.last for one in found if one.last is not None), default=None)
    return Reach(*(None if at is None else times.parse_as_of(at) for at in (first, work, last)))
