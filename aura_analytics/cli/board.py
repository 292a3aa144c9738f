"""The board of everybody as tables on a terminal."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    import polars as pl
    from rich.table import Table

    from aura_analytics.metrics import Metric

__all__ = ["show_board", "show_office"]

_MOST = 500  # rows of people, and of machines, that a terminal shows
_NAME = 13  # columns of a name, at least
_STYLES = {"flag": "bold red", "watch": "yellow", "clear": "green", "insufficient": "dim"}


def show_board(
    board: pl.DataFrame,
    title: str,
    policy: str,
    metrics: Iterable[Metric],
    *,
    only: Iterable[Metric] | None = None,
    first: Iterable[str] = (),
    whole: int | None = None,
    given: bool = True,
) -> None:
    """The board of people, then of machines, as tables, in the board's order.

    Parameters
    ----------
    board, title, policy, metrics
        Dossiers, a heading, the policy's name, and what may be shown: what metrics say stands on a board, then the others.
    only
        Just these numbers.
    first
        Names of numbers that are shown before all others.
    whole
        How many actors there are, where the board was narrowed.
    given
        Whether the order was asked for; otherwise the gravest verdicts come first.
    """
    from aura_analytics.dossier.narrowing import sorted_by
    from aura_analytics.metrics.kinds.base import MACHINES

    known = [one for one in metrics if one.name in board.columns]
    if not given and "pip_status" in board.columns:
        board = sorted_by(board)
    rows = board.to_dicts()
    people = [row for row in rows if row["actor_kind"] not in MACHINES]
    if people or not rows:
        people = people[:_MOST]
        chosen = _chosen(known, "people_board", people, only, first)
        _print_fitting(lambda shown: _people(people, shown, title, policy), *chosen)
    machines = [row for row in rows if row["actor_kind"] in MACHINES][:_MOST]
    if machines:
        _print_fitting(lambda shown: _machines(machines, shown), *_chosen(known, "machine_board", machines, only, first))
    left = len(rows) - len(people) - len(machines)
    if left > 0:
        typer.echo(f"{left:,} more actors; --out FILE writes them all, --actor NAME shows one")
    if whole is not None and whole > len(rows):
        typer.echo(f"{len(rows):,} of {whole:,} actors, as asked for.")


def _chosen(
    known: list[Metric], board: str, rows: list[dict[str, Any]], only: Iterable[Metric] | None, first: Iterable[str]
) -> tuple[list[Metric], int]:
    """The numbers of a board in their order, and how many of them are its own; the rest is shown where there is room."""
    if only is not None:
        asked = list(only)
        return asked, len(asked)
    seen = [one for one in known if any(row.get(f"{one.name}_n") for row in rows)]
    placed = sorted((one for one in seen if getattr(one, board) is not None), key=lambda one: int(getattr(one, board)))
    lead = [one for one in placed if one.name in set(first)]
    own = [*placed[:1], *(one for one in lead if one not in placed[:1]), *(one for one in placed[1:] if one not in lead)]
    return [*own, *(one for one in seen if one not in own)], len(own)


def show_office(board: pl.DataFrame, title: str) -> None:
    """The office and its queues as one table."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    from aura_analytics.metrics.sla import receipt_breach_rate, sla_breach_rate

    table = Table(title=_safe(title), title_justify="left", box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("Queue", overflow="fold", min_width=_NAME)
    for heading in ("In", "Out", "Open", "Unassigned", "Oldest", "Late: receipt", "Late: held"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in board.iter_rows(named=True):
        oldest = "-" if row["oldest_open_hours"] is None else f"{row['oldest_open_hours']:,.0f}h"
        counts = [f"{row[name]:,}" for name in ("received", "resolved", "open_cases", "unassigned")]
        rates = [_share(row, one.name) for one in (receipt_breach_rate, sla_breach_rate)]
        table.add_row("the office" if row["queue"] is None else _safe(row["queue"]), *counts, oldest, *rates)
    table.caption = (
        "In, Out: received and resolved in the window. Late: outlasting the limit,\n"
        "from receipt (the citizen's clock) and from assignment (the holder's); in\nbrackets the 95 % interval."
    )
    table.caption_justify = "left"
    Console().print(table)


def _people(rows: list[dict[str, Any]], shown: list[Metric], title: str, policy: str) -> Table:
    table = _table(title, shown)
    table.add_column("Open", justify="right", no_wrap=True)
    table.add_column("PIP", no_wrap=True)
    table.add_column("Status", no_wrap=True, min_width=12)
    for row in rows:
        open_cases, pip = f"{row.get('open_cases') or 0:,}", "yes" if row.get("pip_recommended") else ""
        table.add_row(*_cells(row, shown), open_cases, pip, _status(row))
    shares = "In brackets: 95 % interval of a share, observations of a mean."
    table.caption = f"{shares}\nPIP: the tracker's own rule. Status: policy {_safe(policy)}."
    table.caption_justify = "left"
    return table


def _machines(rows: list[dict[str, Any]], shown: list[Metric]) -> Table:
    table = _table("Agents and components", shown)
    judged = any(row.get("pip_status") not in (None, "insufficient") for row in rows)
    if judged:
        table.add_column("Status", no_wrap=True, min_width=12)
    for row in rows:
        table.add_row(*_cells(row, shown), *([_status(row)] if judged else []))
    return table


def _status(row: Mapping[str, Any]) -> str:
    from aura_analytics.rules.wording import verdict_label

    reasons = row.get("pip_reasons") or [""]
    if reasons[0].startswith("the policy judges "):
        return "[dim]not judged[/]"
    status = str(row.get("pip_status") or "insufficient")
    return f"[{_STYLES[status]}]{verdict_label(status)}[/]"


def _print_fitting(made: Callable[[list[Metric]], Table], shown: list[Metric], own: int) -> None:
    """Print a table with as many of the numbers as there is room for, the first ones first; `own` of them belong on it."""
    from rich.console import Console
    from rich.measure import Measurement

    console = Console()

    def needed(table: Table) -> int:
        """Its width when only names are folded."""
        names = max((len(str(cell)) for cell in table.columns[0].cells), default=0)
        return Measurement.get(console, console.options.update(width=10_000), table).maximum - max(0, names - _NAME)

    counts = range(2, len(shown) + 1)  # the more, the wider
    fitting = bisect_left(counts, x=True, key=lambda count: needed(made(shown[:count])) > console.width)
    most = shown[: fitting + 1]
    console.print(made(most))
    if len(most) < own:
        left_out = ", ".join(one.short or one.title for one in shown[len(most) : own])
        console.print(f"No room here for: {_safe(left_out)}. A wider terminal has; --columns chooses.")


def _safe(text: str) -> str:
    from rich.markup import escape

    from aura_analytics.texts import escaped

    return escape(escaped(text))


def _table(title: str, shown: Iterable[Metric]) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(title=_safe(title), title_justify="left", box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("Actor", overflow="fold", min_width=_NAME)
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
        return [_share(row, one.name) if n else "-", f"{n:,}"]
    if value is None or not n:
        return ["-"]
    if one.unit == "fraction":
        return [f"{100 * value:.1f} %"]
    return [f"{value:.1f}" + (f" ({n:,})" if one.unit == "stars" else "")]


def _share(row: Mapping[str, Any], name: str) -> str:
    """A share with its interval, in percent."""
    value, low, high = row[name], row[f"{name}_lo"], row[f"{name}_hi"]
    return "-" if value is None else f"{100 * value:.1f} % ({100 * low:.0f}-{100 * high:.0f})"
