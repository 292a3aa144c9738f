"""Checking the chain of a decision log, line by line, against heads kept elsewhere, and its index against the log."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from aura_analytics.decisions.file.chain import START, linked, parted
from aura_analytics.decisions.file.index import Index
from aura_analytics.decisions.file.lines import Line
from aura_analytics.decisions.file.log_file import LogFile
from aura_analytics.decisions.file.parsing import is_entry, parsed
from aura_analytics.decisions.heads import LogHead, LogVerification

__all__ = ["end_of", "until", "verify"]

_RETAINS = b'{"retains": "'


def end_of(log: LogFile) -> LogHead:
    """Where the log's chain ends: how many entries it has had, and the chain after the last one."""
    check = _Check(log, ())
    check.run()
    return LogHead(check.entries, check.chain)


def until(log: LogFile, digest: str) -> list[bytes] | None:
    """The entries, without their chains, up to where the chain was so; None where it never was, or a line before does not fit."""
    chain, found = None, []
    for line in log.lines():
        body, said = parted(line.raw)
        if said is None and not is_entry(line.raw):
            continue
        after = linked(chain or START, body)
        if said is not None and after != said and chain is not None:
            return None
        chain = said or after
        found.append(body)
        if chain == digest:
            return found
    return None


def verify(log: LogFile, index: Index, heads: Sequence[LogHead] = ()) -> LogVerification:
    """Check every line, the heads, and the index; an index that differs is made anew."""
    check = _Check(log, heads)
    check.run()
    faults = list(check.faults)
    if not index.foreign() and not _index_agrees(log, index):
        index.forget()
        faults.append(("index", f"{log.path.name}.index said otherwise than the log; it was made anew"))
    return check.said(faults, foreign_index=index.foreign())


def _index_agrees(log: LogFile, index: Index) -> bool:
    """Whether the index says what one that is made now says."""
    if not index.is_as_left():
        return False
    with tempfile.TemporaryDirectory(prefix="aura-index-") as folder:
        fresh = Index(log, Path(folder) / "index")
        try:
            return fresh.contents() == index.contents()
        finally:
            fresh.close()


class _Check:
    """One look at all lines."""

    def __init__(self, log: LogFile, heads: Iterable[LogHead]) -> None:
        self._log = log
        self._heads = sorted(heads, key=lambda head: head.entries)
        self._met = 0
        self.chain: str = START
        self.entries: int = 0
        self.faults: list[tuple[str, str]] = []
        self._before_chain = 0  # entries that were written before there was a chain
        self._unread = 0
        self._deleted = 0

    def run(self) -> None:
        """Look."""
        starts = [(START, 0), *self._retentions()]
        chains = [chain for chain, _ in starts]
        began = False
        names = {**self._log.segments(), self._log.end()[0]: self._log.path}
        number, segment, plain = 0, -1, 0
        for line in self._log.lines():
            number, segment = (number + 1 if line.segment == segment else 1), line.segment
            if not line.raw.strip():
                continue
            body, said = parted(line.raw)
            if said is None and not is_entry(line.raw):
                self._unread += 1
                continue
            where = f"{names.get(segment, self._log.path).name}, line {number}"
            if not began and said is None:
                chains = [linked(chain, body) for chain in chains]
                plain += 1
                self._meets(chains[0], plain)
                continue
            if not began:
                began = True
                self._begin(starts, chains, plain, (body, said or ""), where)
            else:
                self._next(line, body, said, where)
            self.entries += 1
            self._meets(self.chain, self.entries)
        if not began:
            self.chain, self.entries, self._before_chain = chains[0], plain, plain
        for head in self._heads:
            what = "cut off: a head that was kept names" if head.entries > self.entries else "not that of a head, which names"
            self.faults.append(("head", f"the log is {what} {head.entries:,} entries and chain {head.chain[:16]}"))

    def _retentions(self) -> list[tuple[str, int]]:
        """The chain and the number of entries before each cut that the log says it had."""
        found = []
        for line in self._log.lines():
            if line.raw.startswith(_RETAINS):
                said = parsed(line.raw)
                if isinstance(said, dict):
                    lines = said["retention"].get("lines")
                    found.append((str(said["retains"]), lines if isinstance(lines, int) else 0))
        return found

    def _begin(self, starts: list[tuple[str, int]], chains: list[str], plain: int, first: tuple[bytes, str], where: str) -> None:
        """The first line that says its chain."""
        self._before_chain = plain
        fits = [n for n, chain in enumerate(chains) if linked(chain, first[0]) == first[1]]
        if fits:
            self._deleted = starts[fits[0]][1]
            self.entries = self._deleted + plain
            # of heads from before a retention nothing can be said
            self._heads = [head for head in self._heads if head.entries > self.entries or not self._deleted]
        else:
            self.entries = plain
            self.faults.append(
                ("altered", f"{where}: it, or a line before it, is not as it was written; or the beginning is missing")
            )
        self.chain = first[1]

    def _next(self, line: Line, body: bytes, said: str | None, where: str) -> None:
        if said is None:
            got = line.raw[:60].decode("utf-8", "replace")
            self.faults.append(("unchained", f"{where}: an entry without a chain after entries with one, by something else: {got}"))
            self.chain = linked(self.chain, body)
            return
        if linked(self.chain, body) != said:
            text = "it is not as it was written, or a line before it was taken out, moved or put in"
            self.faults.append(("altered", f"{where}: {text}"))
        self.chain = said

    def _meets(self, chain: str, entries: int) -> None:
        while self._heads and self._heads[0].entries == entries and self._heads[0].chain == chain:
            self._heads.pop(0)
            self._met += 1

    def said(self, faults: list[tuple[str, str]], *, foreign_index: bool) -> LogVerification:
        """The result in words."""
        notes = []
        if self._before_chain:
            notes.append(f"{self._before_chain:,} of before there was a chain, held by what was written after them")
        if self._deleted:
            notes.append(f"{self._deleted:,} of them deleted since (aura log retain)")
        if self._unread:
            notes.append(f"{self._unread:,} lines that are no entries, and count for nothing (aura log repair)")
        if foreign_index:
            notes.append(f"{self._log.path.name}.index is no index of a log, and is left alone")
        kept = f"{self._met:,} heads met" if self._met else "not compared with a head that was kept"
        text = "; ".join([f"{self.entries:,} entries verified, {kept}", *notes]) + f"; chain {self.chain}"
        return LogVerification(not faults, self.entries, self._met, tuple(faults), self.chain, text)
