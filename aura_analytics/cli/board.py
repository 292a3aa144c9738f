"""The board of everybody as tables on a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl

    from aura_analytics.metrics import Metric

__all__ = ["show_board"]

_STYLES = {"flag": "bold red", "watch": "yellow", "clear": "green", "insufficient": "dim"}


def show_board(board: pl.DataFrame, title: str, policy: str, metrics: Iterable[Metric]) -> None:
    """The board of people, then of machines, as tables; the numbers are those that metrics say stand on a board."""
    from rich.console import Console

    from aura_analytics.metrics.kinds.base import MACHINES

    console, known = Console(), [one for one in metrics if one.name in board.columns]
    rows = board.to_dicts()
    people = [row for row in rows if row["actor_kind"] not in MACHINES]
    if people or not rows:
        shown = _placed(known, "people_board")
        table = _table(title, shown)
        for name in ("Open", "PIP", "Status"):
            table.add_column(
                name, justify="right" if name == "Open" else "left", no_wrap=True, min_width=12 if name == "Status" else None
            )
        for row in sorted(people, key=lambda row: (-(row.get("override_rate") or 0.0), row["actor"])):
            status = str(row.get("pip_status") or "insufficient")
            table.add_row(
                *_cells(row, shown),
                f"{row.get('open_cases') or 0:,}",
                "yes" if row.get("pip_recommended") else "",
                f"[{_STYLES[status]}]{status}[/]",
            )
        table.caption = f"In brackets: 95 % interval of a share, observations of a mean. PIP: the tracker's own rule.\nStatus: policy {_safe(policy)}."
        table.caption_justify = "left"
        console.print(table)
    machines = [row for row in rows if row["actor_kind"] in MACHINES]
    if machines:
        shown = [one for one in _placed(known, "machine_board") if any(row.get(f"{one.name}_n") for row in machines)]
        table = _table("Agents and components", shown)
        for row in machines:
            table.add_row(*_cells(row, shown))
        console.print(table)


def _placed(metrics: Iterable[Metric], board: str) -> list[Metric]:
    return sorted((one for one in metrics if getattr(one, board) is not None), key=lambda one: int(getattr(one, board)))


def _safe(text: str) -> str:
    from rich.markup import escape

    return escape(text)


def _table(title: str, shown: Iterable[Metric]) -> Any:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(title=_safe(title), title_justify="left", box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("Actor", overflow="fold", min_width=13)
    for one in shown:
        table.add_column(one.short or one.title, justify="right", no_wrap=True)
        if one.counts_hits:
            table.add_column("n", justify="right", no_wrap=True)
    return table


def _cells(row: Mapping[str, Any], shown: Iterable[Metric]) -> list[str]:
    cells = [_safe(row["actor"])]
    for one in shown:
        cells += _brief(one, row)
    return cells


def _brief(one: Metric, row: Mapping[str, Any]) -> list[str]:
    value, n = row.get(one.name), row.get(f"{one.name}_n") or 0
    if one.counts_hits:
        if not n or value is None:
            return ["-", f"{n:,}"]
        return [f"{100 * value:.1f}% ({100 * row[f'{one.name}_lo']:.0f}-{100 * row[f'{one.name}_hi']:.0f})", f"{n:,}"]
    if value is None or not n:
        return ["-"]
    if one.unit == "fraction":
        return [f"{100 * value:.1f}%"]
    return [f"{value:.1f}" + (f" ({n:,})" if one.unit == "stars" else "")]
