"""Lines of a decision log that are no entries: said, and set aside."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path

from aura_analytics.decisions.file.lines import written
from aura_analytics.decisions.file.log_file import WAIT, LogFile
from aura_analytics.decisions.file.parsing import parsed
from aura_analytics.decisions.file.segments import pack
from aura_analytics.errors import FileFormatError, Problem
from aura_analytics.io.locks import locked
from aura_analytics.outputs import replacing

__all__ = ["faults", "repair"]


def faults(log: LogFile, skipped: Mapping[tuple[int, int], str] | None = None) -> list[Problem]:
    """Lines that are no entries: what is wrong with each, and where.

    Parameters
    ----------
    log
        The file.
    skipped
        Why entries that can be read do not count, by segment and offset; they are reported as well.
    """
    found = []
    names = {**log.segments(), log.end()[0]: log.path}
    number, segment = 0, -1
    for line in log.lines():
        number, segment = (number + 1 if line.segment == segment else 1), line.segment
        said = parsed(line.raw) if line.raw.strip() else ""
        if isinstance(said, str) and said:
            torn = "" if line.complete else ", cut off at the end of the file"
            found.append(
                Problem(
                    f"a line is {said}{torn}",
                    got=line.raw[:60].decode("utf-8", "replace"),
                    where=f"{names.get(segment, log.path)}, line {number}",
                    next="aura log repair sets it aside",
                )
            )
        elif skipped and (line.segment, line.offset) in skipped:
            found.append(
                Problem(
                    skipped[line.segment, line.offset],
                    got=line.raw[:60].decode("utf-8", "replace"),
                    where=f"{names.get(segment, log.path)}, line {number}",
                )
            )
    return found


def repair(log: LogFile) -> tuple[int, Path | None]:
    """Take the lines that are no entries out of the file and its segments, and keep their bytes in another beside it.

    Parameters
    ----------
    log
        The file.

    Returns
    -------
    tuple
        How many lines, and the file that holds them (None when there were none).
    """
    with locked(log.lock, WAIT):
        bad, good = [], 0
        for line in log.lines():
            if line.raw.strip():
                if isinstance(parsed(line.raw), str):
                    bad.append(line)
                else:
                    good += 1
        if not bad:
            return 0, None
        if not good:
            problem = Problem(
                "no line of the file is an entry", where=str(log.path), expected="a decision log", next="it is left as it is"
            )
            raise FileFormatError(problem)
        stamp = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%S%fZ")
        aside = log.path.with_name(f"{log.path.name}.aside-{stamp}")
        mode = log.path.stat().st_mode if log.path.exists() else 0o600
        written((line.raw for line in bad), aside, mode)
        closed = log.segments()
        for number in sorted({line.segment for line in bad}):
            wrong = {line.offset for line in bad if line.segment == number}
            path = closed.get(number, log.path)
            kept = (line.raw for line in log.lines((number, 0), number) if line.offset not in wrong and line.raw.strip())
            with replacing(path) as part:
                (pack if path.suffix == ".gz" else written)(kept, part, path.stat().st_mode)
        return len(bad), aside
