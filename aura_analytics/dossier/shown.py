"""A board as it shows itself: a table with verdicts and intervals in a notebook, a sentence before the numbers on a terminal."""

from __future__ import annotations

import html
from collections.abc import Iterable
from typing import Any

import polars as pl

from aura_analytics.clock.times import span_of_time
from aura_analytics.dossier.narrowing import said_verdict, sorted_by
from aura_analytics.metrics.catalogue import METRICS
from aura_analytics.metrics.kinds.base import MACHINES, Metric
from aura_analytics.rules.control import sentence
from aura_analytics.rules.wording import verdict_label
from aura_analytics.texts import escaped

__all__ = ["Board", "board_html", "board_words"]

_MOST = 50  # rows of people, and of machines, in a notebook
_MARKS = {"flag": "▲", "watch": "◆", "clear": "●", "insufficient": "■", "not_judged": "○"}
_STYLE = """<style>
.aura-board { --ink: var(--jp-ui-font-color1, #1b1f24); --muted: var(--jp-ui-font-color2, #5b6470); --line: var(--jp-border-color2, #d5d9de); color: var(--ink); font: 13px/1.45 system-ui, sans-serif; }
.aura-board table { border-collapse: collapse; font-variant-numeric: tabular-nums; margin: 6px 0; } .aura-board th { font-weight: normal; color: var(--muted); text-align: left; }
.aura-board th, .aura-board td { padding: 3px 10px 3px 0; border-bottom: 1px solid var(--line); white-space: nowrap; text-align: left; vertical-align: middle; } .aura-board td.n { text-align: right; }
.aura-board small { color: var(--muted); } .aura-board svg { width: 74px; height: 14px; vertical-align: middle; margin-left: 6px; }
.aura-board .flag { color: #b34700; } .aura-board .watch { color: #8a5f00; } .aura-board .clear { color: #0072b2; } .aura-board .insufficient { color: #68707a; }
[data-jp-theme-light=false] .aura-board .flag { color: #ff8a3d; } [data-jp-theme-light=false] .aura-board .watch { color: #f0b429; } [data-jp-theme-light=false] .aura-board .clear { color: #56b4e9; }
</style>"""  # noqa: E501


class Board(pl.DataFrame):
    """Dossiers: a frame like any other that shows itself as a table of people, with intervals and verdicts.

    Examples
    --------
    >>> import aura_analytics as aura
    >>> board = aura.dossiers(aura.events.sample(400, seed=1))
    >>> print(repr(board).splitlines()[0])
    5 actors over 90 days up to 2026-04-29, by reliance 2: 1 watch, 2 insufficient, 2 not judged.
    """

    @classmethod
    def of(cls, frame: pl.DataFrame) -> pl.DataFrame:
        """A frame of dossiers that shows itself."""
        return cls(frame)

    def __repr__(self) -> str:
        return f"{words}\n{super().__repr__()}" if (words := board_words(self)) else super().__repr__()

    def _repr_html_(self, *, _from_series: bool = False) -> str:
        shown = None if _from_series else board_html(self)
        return str(super()._repr_html_(_from_series=_from_series)) if shown is None else shown


def board_words(board: pl.DataFrame) -> str:
    """What a board is, in a sentence; nothing for a frame that is none any more."""
    if not {"actor", "pip_status", "pip_reasons", "counted", "as_of"} <= set(board.columns):
        return ""
    if board.is_empty():
        return "No actors: no events in the window."
    counted = board["counted"][0]
    found = dict(board.select(said_verdict().alias("verdict"))["verdict"].value_counts().iter_rows())
    said = ", ".join(f"{found[name]:,} {verdict_label(name)}" for name in _MARKS if found.get(name))
    who = f"{board.height:,} actor{'' if board.height == 1 else 's'}"
    end = f"up to {board['as_of'][0]:%Y-%m-%d}"
    words = f"{who} over {span_of_time(counted['window'])} {end}, by {counted['policy']}: {said}."
    return f"{words} {by_chance}" if (by_chance := sentence(board)) is not None else words


def board_html(board: pl.DataFrame) -> str | None:
    """The board as a table, the gravest verdicts first; None for a frame that is none any more."""
    words = board_words(board)
    if not words:
        return None
    parts = []
    machine = pl.col("actor_kind").cast(pl.String).is_in(list(MACHINES)).fill_null(value=False)
    both = {"People": (board.filter(~machine), "people_board"), "Machines": (board.filter(machine), "machine_board")}
    for heading, (rows, place) in both.items():
        shown = _shown(rows, place)
        if rows.height and shown:
            parts.append(_table(heading, sorted_by(pl.DataFrame(rows)), shown))
    level = f"{100 * board['counted'][0]['confidence']:g} %"
    note = f"<p><small>Points with {level} intervals. A verdict is a reason to look, not a finding.</small></p>"
    return f'{_STYLE}<div class="aura-board"><p>{html.escape(words)}</p>{"".join(parts)}{note}</div>'


def _shown(rows: pl.DataFrame, place: str) -> list[Metric]:
    placed = [one for one in METRICS.values() if getattr(one, place) is not None and f"{one.name}_n" in rows.columns]
    return sorted((one for one in placed if rows[f"{one.name}_n"].sum()), key=lambda one: int(getattr(one, place)))


def _table(heading: str, rows: pl.DataFrame, shown: Iterable[Metric]) -> str:
    metrics = list(shown)
    head = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in (heading, "Verdict", *(one.title for one in metrics)))
    lines = []
    for row in rows.head(_MOST).with_columns(__said=said_verdict()).iter_rows(named=True):
        verdict = str(row["__said"])
        cells = "".join(_cell(one, row) for one in metrics)
        mark = f'<span class="{verdict}">{_MARKS[verdict]}</span> {verdict_label(verdict)}'
        lines.append(f"<tr><td>{html.escape(escaped(row['actor']))}</td><td>{mark}</td>{cells}</tr>")
    more = f"<p><small>and {rows.height - _MOST:,} more</small></p>" if rows.height > _MOST else ""
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>{more}"


def _cell(one: Metric, row: dict[str, Any]) -> str:
    cell = one.cell(row)
    if cell.get("empty") or row.get(one.name) is None:
        return '<td class="n">–</td>'
    unit = f" {cell['unit']}" if cell["unit"] else ""
    n = f" <small>n {cell['n']}</small>" if cell["n"] else ""
    return f'<td class="n">{html.escape(cell["value"] + unit)}{n}{_bar(one, row)}</td>'


def _bar(one: Metric, row: dict[str, Any]) -> str:
    """The interval on the metric's own range; nothing where it has no end."""
    low, high = row.get(f"{one.name}_lo"), row.get(f"{one.name}_hi")
    if low is None or high is None or one.low is None or one.high is None:
        return ""
    span = one.high - one.low

    def at(value: float) -> float:
        return round(74 * (value - one.low) / span, 1)  # type: ignore[operator]

    return (
        f'<svg viewBox="0 0 74 14" role="img" aria-label="{html.escape(str(one.cell(row)["interval"]))}">'
        f'<line x1="0" x2="74" y1="7" y2="7" stroke="var(--line)"/>'
        f'<line x1="{at(low)}" x2="{at(high)}" y1="7" y2="7" stroke="var(--ink)" stroke-width="3" opacity="0.45"/>'
        f'<circle cx="{at(row[one.name])}" cy="7" r="3" fill="var(--ink)"/></svg>'
    )
