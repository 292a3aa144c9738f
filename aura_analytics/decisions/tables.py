"""A decision log as tables: what counts of every entry, and the forms that statistics and learning read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any

import polars as pl

from aura_analytics.decisions.file.parsing import moment
from aura_analytics.decisions.records import DecisionLog, components_of

__all__ = [
    "Conditions",
    "decision_table",
    "entries_table",
    "entry_facts",
    "entry_of",
    "number_of",
    "outcome_facts",
    "pattern_table",
    "served",
    "tally_table",
]

_LEVELS = ["LOW", "MEDIUM", "HIGH", "CRITICAL"]
_MICROS = pl.Datetime("us", "UTC")
_NAMES = pl.List(pl.String)
_SORTED = json.JSONEncoder(sort_keys=True).encode
_HUGE = 9e12  # beyond it microseconds do not fit


@dataclass(frozen=True)
class Conditions:
    """What the entries of a query must meet: times in microseconds since 1970, both ends included."""

    request_id: str | None = None
    since: int | None = None
    until: int | None = None
    outcome: str | None = None
    has_outcome: bool | None = None


def number_of(value: object) -> float | None:
    """A number that counts: none that is true or false, not finite, or too big for microseconds."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < _HUGE:
        return None
    return float(value)


def entry_facts(entry: Mapping[str, Any]) -> dict[str, Any]:
    """What counts of an entry: `request_id`, `ts`, `confidence` and its `bin`, `components` and those that `served` (JSON),
    `covariates` (JSON), `outcome`, `micros` that it took, and when it `ended`.
    """
    decisions = entry.get("decisions")
    decisions = decisions if isinstance(decisions, Mapping) else {}
    confidence = number_of(decisions.get("total_confidence"))
    inside = confidence is not None and 0 <= confidence <= 1
    components = json.dumps(components_of(decisions))
    return {
        "request_id": entry["request_id"],
        "ts": moment(entry.get("timestamp")),
        "confidence": confidence if inside else None,
        "bin": (int(confidence >= 0.6) + int(confidence >= 0.8)) if confidence is not None and inside else None,
        "components": components,
        "served": components,
        "covariates": _covariates(entry.get("diagnosis")),
        **outcome_facts(entry.get("outcome"), entry.get("logged_at")),
    }


def outcome_facts(outcome: object, logged_at: object) -> dict[str, Any]:
    """`outcome`, `micros` and `ended` of an outcome; an outcome of a kind that nobody knows is an empty text."""
    if not isinstance(outcome, Mapping):
        return {"outcome": None, "micros": None, "ended": None}
    kind, seconds = outcome.get("outcome_type"), number_of(outcome.get("time_taken_seconds"))
    return {
        "outcome": kind if isinstance(kind, str) and kind else "unknown",
        "micros": None if seconds is None else round(seconds * 1e6),
        "ended": moment(logged_at),
    }


def _covariates(diagnosis: object) -> str:
    """What a diagnosis says of how hard the task is: its numbers, texts and truths (no confidences), and its highest risk."""
    if not isinstance(diagnosis, Mapping):
        return "{}"
    kept = {
        _plain_name(str(name)): value
        for name, value in diagnosis.items()
        if (isinstance(value, (bool, str)) or number_of(value) is not None) and not str(name).endswith("confidence")
    }
    risks = diagnosis.get("risks")
    levels = [str(item.get("level")).upper() for item in risks if isinstance(item, Mapping)] if isinstance(risks, list) else []
    known = [level for level in levels if level in _LEVELS]
    if isinstance(risks, list):
        kept["risk"] = max(known, key=_LEVELS.index) if known else "NONE"
    return _SORTED(kept)


@lru_cache(maxsize=4096)
def _plain_name(name: str) -> str:
    return re.sub(r"\W", "_", name)


def served(components: Sequence[str], override: Mapping[str, Any]) -> list[str]:
    """The components that serve a decision after a user's override.

    Examples
    --------
    >>> served(["agent:a", "agent:b"], {"component": "agent:a", "replacement": "agent:c"})
    ['agent:c', 'agent:b']
    """
    gone, new = override.get("component"), override.get("replacement")
    found = [new if name == gone else name for name in components]
    if new is not None and new not in found:
        found.append(new)
    return [str(name) for name in dict.fromkeys(found) if name is not None]


def entry_of(found: dict[str, Any], amendment: Mapping[str, Any] | None = None) -> DecisionLog:
    """A decision with its last outcome."""
    if amendment is not None:
        found |= {"outcome": amendment["outcome"], "logged_at": amendment.get("logged_at")}
    fields: dict[str, Any] = {name: found.get(name) for name in DecisionLog.__dataclass_fields__}
    return DecisionLog(**fields)


def _names(column: str) -> pl.Expr:
    return pl.col(column).str.json_decode(_NAMES)


def tally_table(rows: Iterable[Sequence[Any]]) -> pl.DataFrame:
    """`components`, `served`, `bin`, `outcome`, `decisions`, `timed` (how many have a time), `micros` (of these): one row a
    combination.
    """
    schema = {
        "components": pl.String,
        "served": pl.String,
        "bin": pl.Int64,
        "outcome": pl.String,
        "decisions": pl.Int64,
        "timed": pl.Int64,
        "micros": pl.Int64,
    }
    return pl.DataFrame(list(rows), schema=schema, orient="row").with_columns(_names("components"), _names("served"))


def pattern_table(rows: Iterable[Sequence[Any]]) -> pl.DataFrame:
    """`components` (those that served), `covariates` (JSON), `outcome`, `n`."""
    schema = {"components": pl.String, "covariates": pl.String, "outcome": pl.String, "n": pl.Int64}
    return pl.DataFrame(list(rows), schema=schema, orient="row").with_columns(_names("components"))


def decision_table(rows: Iterable[Sequence[Any]]) -> pl.DataFrame:
    """One row a decision: `request_id`, `ts`, `confidence`, `decided` (its components), `components` (those that served),
    `covariates` (JSON), `outcome`, `seconds`, `ended`.
    """
    schema = {
        "request_id": pl.String,
        "ts": pl.Int64,
        "confidence": pl.Float64,
        "decided": pl.String,
        "components": pl.String,
        "covariates": pl.String,
        "outcome": pl.String,
        "micros": pl.Int64,
        "ended": pl.Int64,
    }
    frame = pl.DataFrame(list(rows), schema=schema, orient="row")
    return frame.with_columns(
        _names("decided"), _names("components"), pl.col("ts", "ended").cast(_MICROS), seconds=pl.col("micros") / 1e6
    ).select("request_id", "ts", "confidence", "decided", "components", "covariates", "outcome", "seconds", "ended")


def entries_table(entries: Iterable[DecisionLog | Mapping[str, Any]]) -> pl.DataFrame:
    """`decision_table` of entries as a query returns them, or of dicts of the same form, and their `user_request`."""
    names = ("request_id", "ts", "confidence", "components", "served", "covariates", "outcome", "micros", "ended")
    plain = [asdict(entry) if isinstance(entry, DecisionLog) else entry for entry in entries]
    table = decision_table([tuple(fact[name] for name in names) for fact in map(entry_facts, plain)])
    return table.with_columns(user_request=pl.Series([entry.get("user_request") for entry in plain], dtype=pl.String))
