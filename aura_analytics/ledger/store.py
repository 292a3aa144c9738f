"""The ledger: the durable home of the events."""

from __future__ import annotations

import os
import re
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Literal, overload

import polars as pl
from sqlalchemy import Connection, Select, func, literal_column, select

from aura_analytics import events as contract
from aura_analytics import extensions, settings
from aura_analytics.errors import AuraError, OutputError, ParameterError, Problem
from aura_analytics.events import SCHEMA
from aura_analytics.io.front_door import EventsLike
from aura_analytics.ledger import reading, schema, tables
from aura_analytics.ledger.engines import Engines, ledger_address, snapshot
from aura_analytics.ledger.evidence import Evidence
from aura_analytics.ledger.failures import shown, translated
from aura_analytics.ledger.feed import Feed
from aura_analytics.ledger.heads import read_head
from aura_analytics.ledger.info import LedgerInfo
from aura_analytics.ledger.mirror import Mirror
from aura_analytics.ledger.plain_events import Row
from aura_analytics.ledger.queries import Queries, moment_of
from aura_analytics.ledger.records import checked, frame_or_dicts, rows_of, rows_of_records
from aura_analytics.ledger.subscription import Subscription
from aura_analytics.ledger.writing import Door, Recorded, Stored, append

__all__ = [
    "Ledger",
]

_SLICE = 50_000  # rows that are made ready at once
_MIRROR_FROM = 200_000  # rows, from which on the mirror is read


class Ledger(Feed, Queries, Evidence):
    """An append-only store of events in SQLite or PostgreSQL.

    Safe for several threads and processes. What a call recorded is durable when the call returns. A process that was forked may go
    on recording dicts; reading frames needs polars, which cannot be used after a fork: start such workers with `spawn`.

    Parameters
    ----------
    url
        `sqlite:///aura.db`, `postgresql+psycopg://user@host/database`, or the path of a SQLite file. Default: `AURA_LEDGER`.
    create
        Whether to make a ledger that does not exist.
    timeout
        Seconds to wait for other writers. Default: `AURA_LEDGER_TIMEOUT`, or 30.
    synchronous
        SQLite only: `FULL` (the loss of power loses nothing) or `NORMAL` (faster; it may lose the last transactions, never half of
        one).
    mirror
        Folder of the Parquet mirror; False does without. Default: `AURA_MIRROR`, or beside the SQLite file.

    Raises
    ------
    FileMissingError
        If there is no ledger and `create` is false.
    LedgerUnavailableError, LedgerSchemaError, LedgerDamagedError
        If it cannot be opened.
    ParameterError
        If the URL cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> ledger = Ledger(f"sqlite:///{folder.name}/aura.db")
    >>> ledger.record_event({"event_id": "e1", "type": "OVERRIDE", "actor": "test@agency.gov"})
    {'ok': True, 'stored_id': 'e1'}
    >>> ledger.events(actor="test@agency.gov").collect().height
    1
    >>> ledger.close(); folder.cleanup()
    """

    def __init__(
        self,
        url: str | Path | None = None,
        *,
        create: bool = True,
        timeout: float | None = None,
        synchronous: Literal["FULL", "NORMAL"] = "FULL",
        mirror: str | Path | Literal[False] | None = None,
    ) -> None:
        if synchronous not in ("FULL", "NORMAL"):
            raise ParameterError(Problem("unknown durability", got=synchronous, expected="FULL or NORMAL"))
        wait = settings.ledger_timeout() if timeout is None else timeout
        if isinstance(wait, bool) or not isinstance(wait, (int, float)) or not 0 <= wait <= 86_400:
            raise ParameterError(Problem("timeout is out of range", got=wait, expected="seconds, at least 0"))
        self._engines = Engines(ledger_address(settings.ledger_url() if url is None else url), wait, synchronous)
        try:
            schema.ensure(self._engines, create=create)
            self._engines.check_file()
            folder = self._mirror_folder(mirror)
            self._mirror = None if folder is None else Mirror(self._engines, folder, wait)
        except BaseException:
            self._engines.close()  # no connection stays behind of a ledger that cannot be opened
            raise
        self._kinds_seen = {}
        self._begin_feed()

    def _mirror_folder(self, given: str | Path | Literal[False] | None) -> Path | None:
        chosen = settings.mirror_folder() if given is None else given
        if chosen is False or chosen == "off":
            return None
        if chosen is not None and given is not None:
            return Path(chosen).absolute()
        if self._engines.sqlite and chosen is None:
            return Path(f"{self._engines.url.database}.mirror")
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "aura" if chosen is None else Path(chosen)
        with translated(self._engines.url), self._engines.reader.connect() as connection:
            # several ledgers may share a folder of mirrors; what the database says is no path until it is read as a name
            return base.absolute() / re.sub(r"[^0-9A-Za-z-]", "_", read_head(connection)[0])[:64]

    def __repr__(self) -> str:
        return f"Ledger({shown(self._engines.url)!r})"

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections; a later call opens them again."""
        self._engines.close()

    @property
    def engines(self) -> Engines:
        """The connections, for what else is kept in this database."""
        return self._engines

    @property
    def url(self) -> str:
        """Address, without the password."""
        return shown(self._engines.url)

    # -- writing ---------------------------------------------------------------------------------------------------------

    def record_event(self, event: Mapping[str, Any], *, door: Door = "told") -> Stored:
        """Store one event.

        Parameters
        ----------
        event
            A dict on the contract; only `type` is required. Without `event_id` and `ts` it gets a new id and the present moment;
            fields that the contract does not know are kept in `attributes`.
        door
            Who answers for it: `told`, nobody (an HR action is kept and moves nobody, see `aura hr faults`; an event dated more
            than a day ahead is kept and counts when its time has come); `desk`, the HR desk; `import`, whoever brings over the
            record of another system, whose HR actions and dates count as they stand.

        Returns
        -------
        dict
            `ok`, `stored_id`; and `duplicate: True` when the very same event was there already.

        Raises
        ------
        EventError
            If it breaks the contract.
        ConflictError
            If its id is taken by other content.
        LedgerUnavailableError
            If it cannot be stored; then nothing was.
        """
        now = time.time_ns() // 1000
        rows, stamped = rows_of_records([event], now)
        done = self._append(lambda: [rows], now=now, stamped=stamped, door=door)
        answer = Stored(ok=True, stored_id=rows[0][0])
        if done.duplicates:
            answer["duplicate"] = True
        return answer

    @overload
    def record_events(self, events: Iterable[Mapping[str, Any]], *, door: Door = "told") -> int: ...

    @overload
    def record_events(self, events: EventsLike, *, door: Door = "told") -> int: ...

    def record_events(self, events: EventsLike, *, door: Door = "told") -> int:
        """Store events, all or none; returns how many are new.

        The very same event sent again counts once. Frames without event ids get ids made of their content, so that a file can
        be recorded twice; dicts without an id are new events each.

        Parameters
        ----------
        events
            Whatever holds events: see `aura.as_events`.
        door
            As in `record_event`.

        Raises
        ------
        EventError, SchemaError
            If events break the contract; all problems at once, nothing is stored.
        ConflictError
            If ids are taken by other content; nothing is stored (`record_events_report` with `on_conflict="skip"` stores the rest).
        LedgerUnavailableError
            If they cannot be stored; then nothing was.
        """
        return self.record_events_report(events, door=door).stored

    def record_events_report(
        self,
        events: EventsLike,
        *,
        on_conflict: Literal["raise", "skip"] = "raise",
        door: Door = "told",
    ) -> Recorded:
        """As `record_events`, with an account of every event: stored, duplicates, conflicts.

        Parameters
        ----------
        events
            As `record_events`.
        on_conflict
            What happens when an id is taken by other content: `raise` stores nothing, `skip` stores the others.
        door
            As in `record_event`.

        Raises
        ------
        ParameterError
            For another way with conflicts, or another door.
        InputError, EventError, SchemaError, ConflictError, LedgerUnavailableError
            As `record_events`.
        """
        if on_conflict not in ("raise", "skip"):
            raise ParameterError(Problem("unknown way with conflicts", got=on_conflict, expected="raise or skip"))
        now = time.time_ns() // 1000
        strict = on_conflict == "raise"
        given = frame_or_dicts(events)
        if isinstance(given, (pl.DataFrame, pl.LazyFrame)):
            table = given.lazy().collect()
            good = checked(table)
            repeats = table.height - good.height  # exact repeats within the frame
            done = self._append(lambda: (rows_of(piece) for piece in good.iter_slices(_SLICE)), now=now, strict=strict, door=door)
            done.duplicates += repeats
            return done
        rows, stamped = rows_of_records(given, now)
        if not rows:
            return Recorded(last_seq=self.info().events)
        return self._append(lambda: _sliced(rows), now=now, stamped=stamped, strict=strict, door=door)

    def _append(self, batches: Callable[[], Iterable[list[Row]]], *, door: Door, **options: Any) -> Recorded:
        if door not in ("told", "import", "desk"):
            raise ParameterError(Problem("unknown door", got=door, expected="told, import or desk"))
        self._engines.check_file()
        done = append(self._engines, batches, door=door, **options)
        if done.stored:
            self.recorded_here += 1
            self.wake()
        return done

    # -- reading ---------------------------------------------------------------------------------------------------------

    def events(
        self,
        since: datetime | str | None = None,
        until: datetime | str | None = None,
        actor: str | Sequence[str] | None = None,
        type: str | Sequence[str] | None = None,  # noqa: A002  (the contract's name)
        *,
        case_id: str | Sequence[str] | None = None,
    ) -> pl.LazyFrame:
        """The events recorded up to this moment, on the contract.

        Parameters
        ----------
        since, until
            Only events with `since < ts <= until`.
        actor, type, case_id
            Only of this actor, type or case, or of any of several.

        Returns
        -------
        polars.LazyFrame
            In the order of the ledger; large results come from the Parquet mirror, in any order.

        Raises
        ------
        ParameterError
            For an event type that does not exist, or a time that cannot be read.
        """
        narrowed: dict[str, Any] = {"since": since, "until": until, "actor": actor, "type": type, "case_id": case_id}
        column = tables.events.c
        query = reading.matching(select(*(column[name] for name in tables.COLUMNS)), **narrowed)
        with translated(self._engines.url), self._engines.reader.connect() as connection:
            end = read_head(connection)[1]
            whole = all(value is None for value in narrowed.values())
            small = self._mirror is None or end <= _MIRROR_FROM
            if small or not whole:
                found = self._looked_up(connection, query, end, None if small else _MIRROR_FROM)
                if found is not None:
                    return found.lazy()
        actors = [actor] if isinstance(actor, str) else None if actor is None else list(actor)
        mirrored = self._scanned(end, actors)
        if mirrored is not None:
            return reading.narrowed(mirrored, **narrowed).select(SCHEMA.names())
        with translated(self._engines.url), self._engines.reader.connect() as connection:
            found = self._looked_up(connection, query, end, None)
            assert found is not None
            return found.lazy()

    @staticmethod
    def _looked_up(connection: Connection, query: Select[Any], end: int, most: int | None) -> pl.DataFrame | None:
        """The events of a query up to a place in the ledger, in its order; None when there are more than `most`."""
        seq = tables.events.c.seq
        # `seq + 0`: the index of what was asked for serves better than that of `seq`, whose order is made afterwards
        bounded = query.add_columns(seq).where(seq + literal_column("0") <= end)
        frames = list(reading.event_frames(connection, bounded if most is None else bounded.limit(most + 1), extra=1))
        if not frames:
            return contract.empty()
        found = pl.concat(frames)
        return None if most is not None and found.height > most else found.sort("seq").drop("seq")

    def _scanned(self, end: int, actors: list[str] | None = None) -> pl.LazyFrame | None:
        """The mirror up to a place in the ledger; None, with a warning, when it cannot be written."""
        assert self._mirror is not None
        try:
            return self._mirror.scan(end, actors)
        except (OSError, pl.exceptions.ComputeError) as error:
            if isinstance(error, AuraError) and not isinstance(error, OutputError):
                raise
            text = f"the ledger's mirror cannot be written ({error}); reading from the database, which is slower"
            warnings.warn(text, UserWarning, stacklevel=3)
            return None

    def events_upto(self, seq: int) -> pl.LazyFrame:
        """The first events of the ledger, up to a place in it.

        Parameters
        ----------
        seq
            The place of the last of them, from 1.
        """
        mirrored = self._scanned(seq) if self._mirror is not None and seq > _MIRROR_FROM else None
        return self.after(0, seq)[0].lazy() if mirrored is None else mirrored.select(SCHEMA.names())

    def lazy(self) -> pl.LazyFrame:
        """All events, as `events()`."""
        return self.events()

    def __aura_events__(self) -> pl.LazyFrame:
        """What takes events takes a ledger too; of the decision log that it may hold, the events are among them."""
        return self.due(self.with_decisions(self.events()))

    def dossier(
        self, actor: str, as_of: datetime | date | str | None = None, window: str | timedelta | None = None
    ) -> Mapping[str, Any]:
        """The dossier of one actor, as `aura.get_dossier(actor, ledger=...)` gives it.

        Parameters
        ----------
        actor
            Whose.
        as_of, window
            As in `aura.dossiers`.
        """
        found: Mapping[str, Any] = extensions.provided("dossier in a ledger")(actor, as_of=as_of, window=window, ledger=self)
        return found

    def info(self) -> LedgerInfo:
        """What the ledger holds."""
        column = tables.events.c
        with translated(self._engines.url), snapshot(self._engines) as connection:
            ledger_id, seq, recorded_at, end = read_head(connection)
            first = connection.execute(select(func.min(column.ts))).scalar()
            last = connection.execute(select(func.max(column.ts))).scalar()
        moments = [None if ts is None else moment_of(ts) for ts in (first, last, recorded_at or None)]
        return LedgerInfo(self.url, ledger_id, schema.REVISION, seq, end.hex(), *moments)

    def __bool__(self) -> bool:
        return True

    def __len__(self) -> int:
        return self.info().events

    # -- following -------------------------------------------------------------------------------------------------------

    def subscribe(self, after: int | None = None, interval: float = 0.5) -> Subscription:
        """New events as they come, from this process and others; see `Subscription`.

        Parameters
        ----------
        after
            The place in the ledger to go on from; default its end.
        interval
            Seconds between looks, positive.
        """
        return Subscription(self, after, interval)


def _sliced(rows: list[Row]) -> Iterator[list[Row]]:
    for first in range(0, len(rows), _SLICE):
        yield rows[first : first + _SLICE]
