"""The Parquet mirror: what analytics read at scale.

A folder of Parquet files, partitioned by a hash of the actor that never changes (BLAKE2b of the name, modulo 16), and a manifest
that says up to which row, with which chain, it holds the ledger. It follows the ledger by what is new; whenever it does not fit
(another ledger, a chain that differs, a file that is gone), it is made anew. It can be deleted at any time.

Who may write the folder must not be able to change what is read: the digest of every file stands in the database, and a file that
has another one, or that the database does not know, is not read. `verify` compares the rows themselves with what was recorded.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
import uuid
import warnings
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
from sqlalchemy import Connection, select

from aura_analytics.errors import LedgerUnavailableError
from aura_analytics.events import SCHEMA
from aura_analytics.io.locks import locked
from aura_analytics.ledger import tables
from aura_analytics.ledger.engines import Engines
from aura_analytics.ledger.failures import translated
from aura_analytics.ledger.reading import event_frames, matching
from aura_analytics.ledger.records import rows_of
from aura_analytics.outputs import replacing

__all__ = ["PARTS", "Mirror", "part_of"]

PARTS = 16
_FORMAT = 4
_NAME = re.compile(
    r"part-\d\d-\d{12,19}-[0-9a-f]{8}\.parquet", re.ASCII
)  # of a file: what else a manifest names is no path of ours
_FILES = 24  # of one partition, beyond which they are put together
_AT_ONCE = 500  # names in one query
_COMPARED = 100_000  # new rows, beyond which only `verify` compares them with what was recorded
_PIECE = 1_000_000  # rows that are held at once while it is made
_STALE = 600.0  # seconds that a file which was replaced is kept for those who still read it


def part_of(actor: str | None) -> int:
    """The partition of an actor.

    Examples
    --------
    >>> part_of("officer_anne@sba.gov")
    5
    """
    return int.from_bytes(hashlib.blake2b((actor or "").encode(), digest_size=8).digest(), "big") % PARTS


@dataclass
class _Manifest:
    ledger_id: str
    seq: int = 0
    chain: str = ""
    files: list[list[Any]] = field(default_factory=list)  # partition, name, rows, SHA-256
    format: int = _FORMAT

    def sound(self) -> bool:
        """Whether it can be a manifest at all."""
        if [type(item) for item in (self.ledger_id, self.seq, self.chain, self.files, self.format)] != [str, int, str, list, int]:
            return False
        if not all(isinstance(one, list) and [type(item) for item in one] == [int, str, int, str] for one in self.files):
            return False
        if not all(_NAME.fullmatch(one[1]) for one in self.files):
            return False
        return self.format == _FORMAT and sum(one[2] for one in self.files) == self.seq


class Mirror:
    """The mirror of a ledger in a folder.

    Parameters
    ----------
    engines
        The ledger.
    folder
        Where the mirror is, or is to be.
    timeout
        Seconds to wait for another process that is writing it.
    """

    def __init__(self, engines: Engines, folder: Path, timeout: float) -> None:
        self._engines = engines
        self._folder = folder
        self._timeout = timeout
        self._parts: dict[str, int] = {}
        self._seen: dict[str, tuple[int, int]] = {}
        self._own: dict[str, tuple[int, str]] = {}  # rows and digests of what this process wrote for a ledger that it may not write

    def reached(self) -> int:
        """The place in the ledger up to which the files go; 0 without any."""
        manifest = self._read()
        return 0 if manifest is None else manifest.seq

    def scan(self, upto: int, actors: list[str] | None = None) -> pl.LazyFrame:
        """The events up to a row, brought up to date first; of some actors only their partitions are opened.

        The columns are the contract's and `seq`; the order of the rows is not that of the ledger.
        """
        manifest = self.sync(upto)
        wanted = None if actors is None else {part_of(actor) for actor in actors}
        files = [self._folder / name for part, name, *_ in manifest.files if wanted is None or part in wanted]
        if not files:
            return pl.LazyFrame(schema={**SCHEMA, "seq": pl.Int64})
        return pl.scan_parquet(files, glob=False).filter(pl.col("seq") <= upto)

    def sync(self, upto: int) -> _Manifest:
        """Bring the mirror up to a row at least."""
        manifest = self._read()
        if manifest is not None and manifest.seq >= upto and self._fits(manifest):
            return manifest
        self._folder.mkdir(parents=True, exist_ok=True)
        with locked(self._folder / "lock", max(self._timeout, 60.0)):
            manifest = self._read()
            if manifest is None or not self._fits(manifest):
                manifest = _Manifest(self._ledger_id())
            if manifest.seq < upto:
                self._extend(manifest, upto)
                self._tidy(manifest)
            return manifest

    def _ledger_id(self) -> str:
        with translated(self._engines.url), self._engines.reader.connect() as connection:
            return str(connection.execute(select(tables.head.c.ledger_id)).scalar_one())

    def _fits(self, manifest: _Manifest) -> bool:
        """Whether the mirror is of this ledger, as it is."""
        if not all(self._as_written(name, digest) for _, name, _, digest in manifest.files):
            return False
        with translated(self._engines.url), self._engines.reader.connect() as connection:
            if manifest.ledger_id != connection.execute(select(tables.head.c.ledger_id)).scalar_one():
                return False
            if not self._known(connection, manifest):
                text = f"the ledger's mirror holds files that the ledger does not know ({self._folder}); it is made anew"
                warnings.warn(text, UserWarning, stacklevel=2)
                return False
            return manifest.seq == 0 or manifest.chain == self._chain(connection, manifest.seq)

    def _as_written(self, name: str, digest: str) -> bool:
        """Whether a file is there and holds what was written; hashed once, then known by its size and time."""
        path = self._folder / name
        try:
            about = path.stat()
            state = about.st_size, about.st_mtime_ns
            if self._seen.get(name) != state:
                if _digest(path) != digest:
                    text = f"the ledger's mirror was altered or damaged ({path}); it is made anew from the ledger"
                    warnings.warn(text, UserWarning, stacklevel=2)
                    return False
                self._seen[name] = state
        except OSError:
            return False
        return True

    def _known(self, connection: Connection, manifest: _Manifest) -> bool:
        """Whether the database, or this process, wrote every file of a manifest."""
        part = tables.mirror_parts.c
        names = [name for _, name, _, _ in manifest.files if name not in self._own]
        found = dict(self._own)
        for first in range(0, len(names), _AT_ONCE):
            query = select(part.name, part.rows, part.sha256).where(part.name.in_(names[first : first + _AT_ONCE]))
            found.update({name: (rows, digest) for name, rows, digest in connection.execute(query)})
        return all(found.get(name) == (rows, digest) for _, name, rows, digest in manifest.files)

    def _note(self, added: list[list[Any]], gone: list[str]) -> None:
        """Tell the database what files hold that were written, and which are no more."""
        part = tables.mirror_parts
        rows = [{"name": name, "rows": count, "sha256": digest} for _, name, count, digest in added]
        try:
            with translated(self._engines.url), self._engines.writer.begin() as connection:
                if rows:
                    connection.execute(part.insert(), rows)
                for first in range(0, len(gone), _AT_ONCE):
                    connection.execute(part.delete().where(part.c.name.in_(gone[first : first + _AT_ONCE])))
        except LedgerUnavailableError:  # a ledger that may only be read: then the files are trusted by this process alone
            self._own.update({name: (count, digest) for _, name, count, digest in added})

    @staticmethod
    def _chain(connection: Connection, seq: int) -> str | None:
        found = connection.execute(select(tables.events.c.chain).where(tables.events.c.seq == seq)).scalar()
        return None if found is None else bytes(found).hex()

    def _extend(self, manifest: _Manifest, upto: int) -> None:
        column = tables.events.c
        before = len(manifest.files)
        query = select(*(column[name] for name in tables.COLUMNS), column.seq).order_by(column.seq)
        with translated(self._engines.url), self._engines.reader.connect() as connection:
            held: list[pl.DataFrame] = []
            few = upto - manifest.seq <= _COMPARED
            for frame in event_frames(connection, matching(query, after=manifest.seq, upto=upto), extra=1, compared=few):
                held.append(frame)
                if sum(one.height for one in held) >= _PIECE:
                    self._write(manifest, pl.concat(held))
                    held = []
            if held:
                self._write(manifest, pl.concat(held))
            self._note(manifest.files[before:], [])
            manifest.seq, manifest.chain = upto, self._chain(connection, upto) or ""
        self._save(manifest)

    def _write(self, manifest: _Manifest, frame: pl.DataFrame) -> None:
        actors = frame["actor"].unique()
        numbers = pl.Series([self._part(actor) for actor in actors], dtype=pl.UInt8)
        parts = pl.DataFrame({"actor": actors, "__part": numbers})
        numbered = frame.join(parts, on="actor", how="left", nulls_equal=True, maintain_order="left")
        for (number,), rows in numbered.group_by("__part"):
            name = f"part-{int(number):02d}-{int(rows['seq'][0]):012d}-{uuid.uuid4().hex[:8]}.parquet"
            path = self._folder / name
            with replacing(path) as part:  # on the disk before a manifest names it
                rows.drop("__part").write_parquet(part, compression="lz4", statistics=True)
            manifest.files.append([int(number), name, rows.height, _digest(path)])

    def _part(self, actor: str | None) -> int:
        key = actor or ""
        if key not in self._parts:
            self._parts[key] = part_of(actor)
        return self._parts[key]

    def _tidy(self, manifest: _Manifest) -> None:
        """Put the many small files of a partition together, and remove what no manifest names."""
        gone: list[Path] = []
        for part in range(PARTS):
            small = [item for item in manifest.files if item[0] == part and item[2] < _PIECE // PARTS]
            if len(small) > _FILES:
                frame = pl.concat([pl.read_parquet(self._folder / name, glob=False) for _, name, *_ in small])
                manifest.files = [item for item in manifest.files if item not in small]
                kept = len(manifest.files)
                self._write(manifest, frame)
                self._note(manifest.files[kept:], [])
                gone += [self._folder / name for _, name, *_ in small]
        if gone:
            self._save(manifest)
        for path in gone:  # from now on it counts as replaced, and is kept a while for those who still read it
            os.utime(path)
        named, old = {name for _, name, *_ in manifest.files}, list[str]()
        for path in self._folder.glob("part-*.parquet"):
            # others may still be reading a file that was replaced just now
            if path.name not in named and time.time() - path.stat().st_mtime > _STALE:
                old.append(path.name)
                path.unlink(missing_ok=True)
        if old:
            self._note([], old)

    def _read(self) -> _Manifest | None:
        try:
            found = _Manifest(**json.loads((self._folder / "manifest.json").read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None
        return found if found.sound() else None

    def check(self) -> str | None:
        """Disown a mirror that is not what was recorded; it is made anew when it is next read. Returns what is wrong, in words."""
        manifest = self._read()
        self._seen = {}
        if manifest is None:
            return None
        with translated(self._engines.url), self._engines.reader.connect() as connection:
            ledger_id, seq = connection.execute(select(tables.head.c.ledger_id, tables.head.c.seq)).one()
        if (manifest.ledger_id, manifest.seq) != (ledger_id, min(manifest.seq, seq)):
            other = (
                "of another ledger" if manifest.ledger_id != ledger_id else f"of this ledger when it held {manifest.seq:,} events"
            )
            return f"the mirror beside it ({self._folder}) is {other}: was the database emptied or replaced?"
        fits = self._fits(manifest)
        fault = self._altered(manifest) if fits else self._foreign(manifest)
        if not fits or fault is not None:
            # nothing else: the folder is the user's, and others may be reading the parts
            (self._folder / "manifest.json").unlink(missing_ok=True)
        return fault

    def _foreign(self, manifest: _Manifest) -> str | None:
        """That the manifest names files which the ledger does not know, in words: damage is none of that."""
        with translated(self._engines.url), self._engines.reader.connect() as connection:
            known = self._known(connection, manifest)
        return None if known else f"the mirror was forged ({self._folder}): the ledger does not know its files; it is made anew"

    def _altered(self, manifest: _Manifest) -> str | None:
        """The first row of the mirror whose content is not that of the ledger, in words."""
        column = tables.events.c
        for _, name, rows, _ in manifest.files:
            frame = pl.read_parquet(self._folder / name, glob=False)
            seqs = frame["seq"].to_list()
            if frame.height != rows or len(set(seqs)) != rows:
                return f"the mirror's file {name} holds {frame.height:,} rows for {rows:,}"
            contents: dict[int, bytes] = {}
            with translated(self._engines.url), self._engines.reader.connect() as connection:
                query = select(column.seq, column.content).where(column.seq.between(min(seqs), max(seqs)))
                contents.update({seq: bytes(content) for seq, content in connection.execute(query)})
            for seq, row in zip(seqs, rows_of(frame), strict=True):
                if contents.get(seq) != tables.content_hash(row):
                    return f"the mirror's row at seq {seq} ({name}) is not what was recorded: it is made anew from the ledger"
        return None

    def _save(self, manifest: _Manifest) -> None:
        with replacing(self._folder / "manifest.json") as part:
            part.write_text(json.dumps(asdict(manifest)), encoding="utf-8")


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
