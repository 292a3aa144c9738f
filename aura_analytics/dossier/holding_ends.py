"""How cases leave somebody's hands: resolved, handed on, or not yet; shares by a time, where one end forestalls the other."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta

import numpy as np
import polars as pl

from aura_analytics.cases.collecting import collect
from aura_analytics.dossier.asked_window import asked_window
from aura_analytics.errors import ParameterError, Problem
from aura_analytics.io.front_door import EventsLike
from aura_analytics.statistics.waiting import cumulative_incidence

__all__ = ["holding_ends"]

_HOUR = 3_600_000_000
_KINDS = ("resolved", "handed_on")
_SCHEMA: dict[str, pl.DataType] = {
    "actor": pl.String(),
    "end": pl.String(),
    "hours": pl.Float64(),
    "n": pl.Int64(),
    "share": pl.Float64(),
    "lo": pl.Float64(),
    "hi": pl.Float64(),
}


def holding_ends(
    events: EventsLike,
    hours: Sequence[float] = (24.0, 72.0, 168.0),
    *,
    as_of: datetime | date | str | None = None,
    window: str | timedelta | None = None,
    confidence: float = 0.95,
) -> pl.DataFrame:
    """How cases leave an officer's hands: the share resolved, and the share handed on, by so many hours after they were given.

    Who hands slow cases on resolves quickly what is left. A survival curve of resolutions that takes a case handed on as one that
    would still have been resolved hides that; here both ends stand beside each other, and with what is still open they make one.

    Parameters
    ----------
    events
        Whatever holds events: see `aura.as_events`.
    hours
        Elapsed hours since the case was given, each above 0.
    as_of, window
        As in `dossiers`: holdings that began in the window, looked at as they stand at its end; the window is by default that of
        the default policy.
    confidence
        Two-sided level, in (0, 1).

    Returns
    -------
    polars.DataFrame
        Per actor, end (`resolved`, `handed_on`) and time, sorted: `actor`, `end`, `hours`, `n` (holdings), `share` (by then) with
        limits. Pauses count as time. Null where nobody was followed that long.

    Raises
    ------
    ParameterError
        For hours or a level out of range.
    InputError, SchemaError, EventError
        As `dossiers`.

    References
    ----------
    Aalen OO, Johansen S (1978) Scand J Stat 5:141-150.

    Examples
    --------
    >>> import aura_analytics as aura
    >>> rows = [{"type": "ASSIGNED", "actor": "anne", "actor_kind": "officer", "case_id": f"C{i}", "ts": "2026-01-05T08:00:00Z"}
    ...         for i in range(4)]
    >>> rows += [{"type": "ASSIGNED", "actor": "bert", "actor_kind": "officer", "case_id": "C0", "ts": "2026-01-05T18:00:00Z"}]
    >>> rows += [{"type": "RESOLVED", "actor": "anne", "actor_kind": "officer", "case_id": f"C{i}", "ts": "2026-01-06T06:00:00Z"}
    ...          for i in (1, 2, 3)]
    >>> aura.holding_ends(aura.events.from_records(rows), [20, 24]).filter(actor="anne").select("end", "hours", "share").rows()
    [('handed_on', 20.0, 0.25), ('handed_on', 24.0, 0.25), ('resolved', 20.0, 0.0), ('resolved', 24.0, 0.75)]
    """
    at = [float(one) for one in hours]
    if not at or not all(one > 0 for one in at):
        raise ParameterError(Problem("hours are out of range", got=list(hours), expected="one or more numbers above 0"))
    if not 0 < confidence < 1:
        raise ParameterError(Problem("confidence is out of range", got=confidence, expected="a share above 0 and below 1"))
    asked = asked_window(events, as_of, window)
    if asked is None:
        return pl.DataFrame(schema=_SCHEMA)
    held = _holdings(asked.events.filter(pl.col("ts") <= asked.end), asked.end)
    if asked.since is not None:
        held = held.filter(pl.col("ts") > asked.since)
    rows: list[dict[str, object]] = []
    for (actor,), part in held.partition_by("actor", as_dict=True).items():
        spent, kinds = part["hours"].to_numpy(), part["end"].to_list()
        found = cumulative_incidence(spent, kinds, confidence)
        followed = float(spent.max())
        everything = all(kind is not None for kind in kinds)
        for kind in _KINDS:
            mine = found.filter(kind=kind)
            for hour in at:
                row: dict[str, object] = {"actor": str(actor), "end": kind, "hours": hour, "n": part.height}
                if hour <= followed or everything:
                    last = int(np.searchsorted(mine["time"].to_numpy(), hour, side="right")) - 1
                    row |= {name: float(mine[name][last]) if last >= 0 else 0.0 for name in ("share", "lo", "hi")}
                rows.append(row)
    table = pl.DataFrame([{name: row.get(name) for name in _SCHEMA} for row in rows], schema=_SCHEMA)
    return table.sort("actor", "end", "hours")


def _holdings(past: pl.LazyFrame, end: datetime) -> pl.DataFrame:
    """From every assignment to what ended it: the resolution, an assignment to somebody else, or nothing yet."""
    kept = past.filter(pl.col("type").is_in(["ASSIGNED", "RESOLVED"]) & pl.col("case_id").is_not_null())
    moves = collect(kept.select("case_id", "ts", "actor", type=pl.col("type").cast(pl.String), event_id="event_id"))
    over = pl.col("type") == "RESOLVED"
    ordered = moves.with_columns(over=over).sort("case_id", "ts", "over", "event_id")
    # given again to whom holds it changes nothing
    again = (
        ~pl.col("over")
        & (pl.col("actor") == pl.col("actor").shift(1))
        & (pl.col("case_id") == pl.col("case_id").shift(1))
        & ~pl.col("over").shift(1)
    )
    ordered = ordered.filter(~again.fill_null(value=False))
    same = pl.col("case_id") == pl.col("case_id").shift(-1)
    next_over = pl.col("over").shift(-1)
    until = pl.when(same).then(pl.col("ts").shift(-1)).otherwise(pl.lit(end).cast(pl.Datetime("us", "UTC")))
    how = pl.when(same & next_over).then(pl.lit("resolved")).when(same).then(pl.lit("handed_on"))
    found = ordered.with_columns(until=until, end=how).filter(~pl.col("over") & pl.col("actor").is_not_null())
    spent = (pl.col("until") - pl.col("ts")).dt.total_microseconds() / _HOUR
    return found.select("actor", "ts", "end", hours=spent.clip(0))
