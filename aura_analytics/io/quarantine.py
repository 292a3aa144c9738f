"""Where lines that cannot be used go: a file of their own, or an error."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from aura_analytics.errors import EventError, Problem
from aura_analytics.io.readers.base import Unreadable
from aura_analytics.outputs import is_our_quarantine, written

__all__ = ["Quarantine"]


@dataclass
class Quarantine:
    """Where refused lines go: a JSON Lines file when a path is given, otherwise an error."""

    path: Path | None
    rows: int = 0

    def refuse(self, source: Path, unreadable: Iterable[Unreadable], bad: pl.DataFrame) -> None:
        """Put aside lines that are no records and records that are no events; an error when there is nowhere to put them."""
        rows: list[dict[str, Any]] = [
            {
                "file": str(source),
                "line": item.line,
                "reasons": [item.reason],
                "raw": item.raw,
                "offset": item.offset,
                "length": item.length,
            }
            for item in unreadable
        ]
        for row in bad.iter_rows(named=True):
            record = {key: value for key, value in row.items() if not key.startswith("__") and value is not None}
            rows.append({"file": str(source), "line": row["__line"], "reasons": row["__reasons"], "record": record})
        if not rows:
            return
        rows.sort(key=lambda row: int(row["line"]))
        if self.path is None:
            problems = [Problem(why, where=f"{row['file']}:{row['line']}") for row in rows for why in row["reasons"]]
            hint = "mend these lines, or read with quarantine= (command line: --quarantine FILE) to set them aside"
            raise EventError(f"{source.name} holds lines that are not events; {hint}", problems=problems)
        with written(self.path, overwrite=self.rows > 0, ours=is_our_quarantine) as part, part.open("a", encoding="utf-8") as out:
            if self.rows:  # what was set aside before stays
                with self.path.open(encoding="utf-8") as before:
                    shutil.copyfileobj(before, out)
            for row in rows:
                out.write(json.dumps(row, ensure_ascii=False, default=str) + "\n")
        self.rows += len(rows)
