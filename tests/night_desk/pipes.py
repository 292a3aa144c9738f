"""A reader of files."""

from collections.abc import Iterator
from pathlib import Path

from aura_analytics.io.readers.base import Item, Reader, Unreadable


class Pipes(Reader):
    """`.psv`: cells between pipes, under a header."""

    name = "pipes"
    suffixes = (".psv",)

    def items(self, path: Path) -> Iterator[Item]:
        lines = path.read_text(encoding="utf-8").splitlines()
        header = lines[0].split("|")
        for line, text in enumerate(lines[1:], 2):
            cells = text.split("|")
            if len(cells) == len(header):
                yield line, {name: cell or None for name, cell in zip(header, cells, strict=True)}
            else:
                yield Unreadable(line, f"psv_unreadable: got {len(cells)} cells, expected {len(header)}", text)
