"""Dossier numbers computed the slow and obvious way, one event at a time in plain Python, for comparison."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from fractions import Fraction
from typing import Any

import polars as pl


def slow_dossiers(
    table: pl.DataFrame, as_of: datetime, since: datetime | None, attribution: str = "last_decider", ratings: str = "once"
) -> dict[str, dict[str, Any]]:
    """Numbers of every actor that has any, by the definitions, for `holding="closer"` without a calendar."""
    rows = [row for row in table.iter_rows(named=True) if row["ts"] <= as_of]
    inside = [row for row in rows if since is None or row["ts"] > since]
    board: dict[str, dict[str, Any]] = defaultdict(lambda: defaultdict(list))
    for row in inside:
        if row["type"] in ("DECISION", "OVERRIDE"):
            board[row["actor"]]["verdicts"].append(row["type"] == "OVERRIDE")
            if row["agent"]:
                board[row["agent"]]["overridden"].append(row["type"] == "OVERRIDE")
        if row["type"] == "OUTCOME" and row["outcome"] in ("success", "failure", "partial", "cancelled"):
            who = row["actor"] or _last_decider(rows, row)
            if who:
                board[who]["outcomes"].append(row["outcome"] == "success")
        if row["type"] == "EVALUATION":
            board[row["actor"]]["scores"].append((row["ts"], row["value"]))
    seen = set()
    for row in sorted((row for row in rows if row["type"] == "SAT_SCORE"), key=lambda row: (row["ts"], row["value"])):
        rater = row["actor"] if row["actor_kind"] == "citizen" else None
        for who in _rated(rows, row, attribution):
            again = row["case_id"] is not None and (row["case_id"], rater, who) in seen
            seen.add((row["case_id"], rater, who))
            if row in inside and not (again and ratings == "once"):
                board[who]["stars"].append(row["value"])
    for case in {row["case_id"] for row in rows if row["case_id"]}:
        _follow([row for row in rows if row["case_id"] == case], board, as_of, since)
    return {actor: dict(facts) for actor, facts in board.items() if actor is not None}


def _last_decider(rows: list[dict[str, Any]], subject: dict[str, Any]) -> str | None:
    found = [
        (r["ts"], r["actor"])
        for r in rows
        if r["type"] in ("DECISION", "OVERRIDE")
        and r["case_id"] == subject["case_id"]
        and subject["case_id"] is not None
        and r["ts"] <= subject["ts"]
    ]
    return max(found)[1] if found else None


def _rated(rows: list[dict[str, Any]], rating: dict[str, Any], attribution: str) -> list[str]:
    if rating["actor"] is not None and rating["actor_kind"] != "citizen":
        return [rating["actor"]]
    if attribution == "event_actor":
        return []
    if attribution == "last_decider":
        who = _last_decider(rows, rating)
        return [who] if who else []
    return sorted(
        {
            r["actor"]
            for r in rows
            if r["type"] in ("DECISION", "OVERRIDE")
            and r["case_id"] == rating["case_id"]
            and rating["case_id"] is not None
            and r["ts"] <= rating["ts"]
        }
    )


def _follow(rows: list[dict[str, Any]], board: dict[str, dict[str, Any]], as_of: datetime, since: datetime | None) -> None:
    def of(kind: str) -> list[tuple[datetime, str | None]]:
        return sorted((row["ts"], row["actor"] or "") for row in rows if row["type"] == kind)

    assigned, resolved = of("ASSIGNED"), of("RESOLVED")
    marks = sorted((ts, kind == "RESOLVED", actor) for kind in ("OPENED", "RESOLVED") for ts, actor in of(kind))
    # an OPENED that repeats an earlier one restarts nothing
    opened = [(ts, actor) for i, (ts, over, actor) in enumerate(marks) if not over and (i == 0 or marks[i - 1][1])]
    begun = assigned or []
    end = resolved[-1] if resolved else None
    if end is not None:
        before = [start for start in begun if start[0] <= end[0]]
        after = [start for start in begun if start[0] > end[0]]
        # nobody held it before it was resolved: the clock started when it was opened
        if not before and not after:
            before = [start for start in opened if start[0] <= end[0]]
            after = [start for start in opened if start[0] > end[0]]
            if after:
                return
        if not after:
            if since is None or end[0] > since:
                actor = end[1] or (max(begun)[1] if begun else None)
                elapsed = None if not before else (end[0] - before[-1][0]) - _paused(rows, before[-1][0], end[0])
                if actor:
                    board[actor]["handled"].append(elapsed)
            return
        begun = after
    if begun:
        start, holder = begun[-1]
        assert holder is not None
        board[holder]["open"].append((as_of - start) - _paused(rows, start, as_of))


def _paused(rows: list[dict[str, Any]], start: datetime, end: datetime) -> Any:
    marks = sorted((row["ts"], row["type"] == "PAUSED") for row in rows if row["type"] in ("PAUSED", "RESUMED"))
    total = end - end
    since = None
    for moment, stops in [*marks, (None, False)]:
        if stops and since is None:
            since = moment
        elif not stops and since is not None:
            until = end if moment is None else moment
            total += max(end - end, min(until, end) - max(since, start))
            since = None
    return total


def mean(values: list[float]) -> float | None:
    """The mean, summed exactly."""
    return float(sum(Fraction(v) for v in values) / len(values)) if values else None
