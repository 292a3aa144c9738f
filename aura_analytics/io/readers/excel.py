"""Workbooks: a sheet whose first row holds the names of the columns."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from aura_analytics.errors import FileFormatError, Problem, close_match
from aura_analytics.io.readers.base import Item, Reader

if TYPE_CHECKING:
    from aura_analytics.io.mapping_parts import FileMap

__all__ = ["Excel"]


class Excel(Reader):
    """`.xlsx`, `.xlsm`, `.xls`, `.xlsb`, `.ods`, with the extra `aura-analytics[excel]`. Dates are read as dates, whole numbers
    without a fraction.

    Parameters
    ----------
    sheet
        Name of the sheet; without it the first.
    """

    name = "excel"
    suffixes: ClassVar[tuple[str, ...]] = (".xlsx", ".xlsm", ".xls", ".xlsb", ".ods")
    holds_events = False

    def __init__(self, sheet: str | None = None) -> None:
        self.sheet = sheet

    def told(self, how: FileMap) -> Excel:
        """With the sheet of a mapping."""
        return Excel(how.sheet) if how.sheet else self

    def items(self, path: Path) -> Iterator[Item]:
        """Records with the numbers of their rows; rows without any value are passed over."""
        try:
            from python_calamine import CalamineError, CalamineWorkbook
        except ImportError:
            what = "workbooks are read with the extra `excel`"
            raise FileFormatError(
                Problem(what, where=str(path), next="pip install 'aura-analytics[excel]', or save it as CSV")
            ) from None
        try:
            book = CalamineWorkbook.from_path(str(path))
            names = book.sheet_names
            chosen = self.sheet if self.sheet is not None else next(iter(names), None)
            if chosen not in names:
                known = ", ".join(names)
                raise FileFormatError(
                    Problem("there is no such sheet", self.sheet, known, str(path), close_match(str(self.sheet), names))
                )
            rows = book.get_sheet_by_name(chosen).to_python(skip_empty_area=False)
        except FileFormatError:
            raise
        except (CalamineError, OSError, ValueError) as error:
            raise FileFormatError(Problem("the workbook cannot be read", str(error), where=str(path))) from None
        if not rows:
            return
        header = [str(cell).strip() for cell in rows[0]]
        filled = [name for name in header if name]
        if len(set(filled)) < len(filled) or not filled:
            raise FileFormatError(Problem("the first row holds no names of columns", header[:20], "different names", f"{path}:1"))
        for place, row in enumerate(rows[1:], 2):
            record = {name: _plain(cell) for name, cell in zip(header, row, strict=False) if name}
            if any(value is not None for value in record.values()):
                yield place, record


def _plain(cell: Any) -> Any:
    if isinstance(cell, (datetime, date, time)):
        return cell.isoformat()
    if isinstance(cell, timedelta):
        return str(cell)
    if isinstance(cell, float) and cell.is_integer():
        return int(cell)
    return None if cell == "" else cell
