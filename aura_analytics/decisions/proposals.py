"""Proposals to change a file of confidences: a diff with its evidence, applied by a named person or not at all.

The file is YAML: a mapping of components to confidences, or the rules of an orchestrator (see `confidences.confidences_in`). Only
the numbers change; comments and everything else stay as they are. What an approved change was made of stays on its line as a
comment, so that the next one starts from the confidence before all changes: nothing is ever multiplied twice.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aura_analytics.decisions.confidences import (
    MEMORY,
    Confidence,
    changed,
    plain_number,
    read_confidences,
    text_of,
)
from aura_analytics.learning.sequential import many_looks
from aura_analytics.outputs import written_text
from aura_analytics.statistics.intervals import z_value
from aura_analytics.yaml_text import dumped

if TYPE_CHECKING:
    import polars as pl

__all__ = [
    "Change",
    "Proposal",
    "name_of",
    "propose",
    "with_changes",
]

_LOW, _HIGH = 0.7, 1.3  # the document's limits of a multiplier
_LEAST = 10
_LEARNED_AT = 0.95  # level at which limits are learned; others are made of it


@dataclass(frozen=True)
class Change:
    """A proposed change of one line, and why."""

    entry: str
    component: str
    before: float
    after: float
    base: float
    multiplier: float
    lo: float
    hi: float
    n: int
    because: str


@dataclass(frozen=True)
class Proposal:
    """What is proposed for a file of confidences.

    Attributes
    ----------
    proposal
        Its name: a digest of everything in it.
    file, file_sha256
        The file as it was named, and its content when the proposal was made.
    file_path
        Where it is: the one file that the proposal is ever applied to.
    log_at, log_digest
        How much of the log the proposal rests on, and the log's chain there: `apply` learns anew from just that.
    method, level
        How the multipliers were learned, and the level of every interval: 95 % for all components together, and however often one
        asks.
    made_at
        ISO 8601.
    outcomes
        Decisions with outcomes that it rests on.
    changes
        Lines to change.
    left
        Components that are left as they are, and why.
    diff
        The change as a unified diff; evidence stands on the lines.
    """

    file: str
    file_sha256: str
    method: str
    level: float
    made_at: str
    outcomes: int
    changes: tuple[Change, ...]
    left: dict[str, str]
    diff: str
    file_path: str = ""
    log_at: str = ""
    log_digest: str = ""
    proposal: str = field(default="")

    def __bool__(self) -> bool:
        """Whether it proposes anything."""
        return bool(self.changes)

    def __str__(self) -> str:
        """The diff, and what was left alone."""
        lines = [self.diff.rstrip("\n")] if self.changes else [f"{self.file}: no change is proposed"]
        lines += [f"# left: {name}: {why}" for name, why in self.left.items()]
        return "\n".join(lines)

    def write(self, path: str | Path) -> Path:
        """Write it as YAML for review; raises `ParameterError` when the file exists."""
        target = Path(path)
        body = asdict(self) | {"changes": [asdict(change) for change in self.changes]}
        return written_text(target, f"# Review, then: aura learn apply {target.name} --approver NAME\n" + dumped(body, 120))


def propose(
    path: str | Path,
    learn: Callable[[float], pl.DataFrame],
    *,
    method: str,
    outcomes: int,
    confidence: float = 0.95,
    level: float | None = None,
    log: tuple[str, str] = ("", ""),
    overrides: pl.DataFrame | None = None,
    last_n: Mapping[str, int] | None = None,
) -> Proposal:
    """Compare a file of confidences with what was learned.

    Parameters
    ----------
    path
        The file.
    learn
        Multipliers with `component`, `n`, `multiplier`, `lo`, `hi`, `status`, for a level of the intervals.
    method, outcomes
        For the record.
    confidence
        Level for all components of the file together and for all times that one asks: at most `1 - confidence` of the files whose
        components do not differ are ever proposed to be changed, from 10 outcomes to 10,000 (`many_looks`).
    level
        Level of each interval instead.
    log
        How much of the log was read, and its chain there.
    overrides
        What users did, for the evidence.
    last_n
        Outcomes by component that the last approved change of this file rested on.
    """
    target = Path(path)
    held = read_confidences(target)
    if level is None:
        level = _ever(confidence, len({there.component for there in held.values()}))
    learned = {row["component"]: _at_level(row, level) for row in learn(_LEARNED_AT).iter_rows(named=True)}
    users = {} if overrides is None else {row["component"]: row for row in overrides.iter_rows(named=True)}
    changes, left = [], {}
    for entry, there in held.items():
        name = there.component if there.component in learned else there.component.rpartition(":")[2]
        row = learned.get(name)
        why = _why_not(there, row, (last_n or {}).get(there.component))
        if why is not None or row is None:
            left[entry] = why or "no outcomes"
            continue
        multiplier = round(min(max(row["multiplier"], _LOW), _HIGH), 4)
        after = changed(there.base, multiplier)
        if after == there.value:
            left[entry] = "it stands at the proposed value"
            continue
        because = f"{row['status']}: {row['multiplier']:.3f} ({row['lo']:.3f}-{row['hi']:.3f}) from {row['n']:,} outcomes, {method}"
        if name in users and users[name]["overridden"]:
            because += f"; users overrode it in {users[name]['overridden']} of {users[name]['chosen']}"
        numbers = (there.value, after, there.base, multiplier, row["lo"], row["hi"], row["n"])
        changes.append(Change(entry, there.component, *numbers, because))
    text = text_of(target)
    after_text = with_changes(text, held, changes, "APPROVER", "DATE")
    diff = "".join(
        difflib.unified_diff(text.splitlines(keepends=True), after_text.splitlines(keepends=True), target.name, target.name)
    )
    digest = hashlib.sha256(text.encode()).hexdigest()
    made = Proposal(
        str(target),
        digest,
        method,
        level,
        datetime.now(timezone.utc).isoformat(timespec="seconds"),
        outcomes,
        tuple(changes),
        left,
        diff,
        str(target.resolve()),
        *log,
    )
    return Proposal(**{**{name: getattr(made, name) for name in made.__dataclass_fields__}, "proposal": name_of(asdict(made))})


def _ever(confidence: float, components: int) -> float:
    """The level of each interval at which the files of components that do not differ are ever proposed to be changed so seldom."""
    from scipy.special import ndtr

    return float(2 * ndtr(many_looks((1 - confidence) / max(components, 1))) - 1)


def _at_level(row: dict[str, Any], level: float) -> dict[str, Any]:
    """What was learned of a component with limits at another level: wider on the scale of logarithms, where they are even."""
    if not (row["n"] and row["lo"] > 0 and row["multiplier"] > 0):
        return row
    wider = z_value(level) / z_value(_LEARNED_AT)
    low = row["multiplier"] * (row["lo"] / row["multiplier"]) ** wider
    high = row["multiplier"] * (row["hi"] / row["multiplier"]) ** wider
    settled = row["status"] == "insufficient" or low > 1 or high < 1
    return row | {"lo": low, "hi": high} | ({} if settled else {"status": "insufficient", "reason": "not_settled"})


def _why_not(there: Confidence, row: Mapping[str, Any] | None, last: int | None) -> str | None:
    if row is None or not row["n"]:
        return "no outcomes"
    if there.edited:
        return "an approved change was edited by hand since; take its comment off the line to start from the new value"
    if row["n"] < _LEAST:
        return f"too few outcomes (n = {row['n']})"
    if row["status"] == "insufficient":
        reason = row.get("reason")
        together = f" with {', '.join(row['together'])}" if reason == "always_together" else ""
        return f"not settled: {row['multiplier']:.2f} ({row['lo']:.2f}-{row['hi']:.2f}), n = {row['n']}" + (
            f", {reason}{together}" if reason not in (None, "not_settled") else ""
        )
    if last is not None and row["n"] <= last:
        return f"no outcome since the last approved change (n = {row['n']})"
    return None


def with_changes(text: str, held: Mapping[str, Confidence], changes: list[Change], approver: str, day: str) -> str:
    """The text of a file of confidences after changes."""
    lines = text.splitlines(keepends=True)
    for change in changes:
        there = held[change.entry]
        line = lines[there.line]
        end = line[len(line.rstrip("\r\n")) :]
        rest = MEMORY.sub("", line[there.end :].rstrip("\r\n"))
        memory = (
            f"# aura: {plain_number(change.base)} x {plain_number(change.multiplier)} ({change.lo:.3f}-{change.hi:.3f}, "
            f"n={change.n}), approved by {approver} {day}"
        )
        lines[there.line] = f"{line[: there.start]}{plain_number(change.after)}{rest.rstrip()}  {memory}{end}"
    return "".join(lines)


def name_of(body: Mapping[str, Any]) -> str:
    """A proposal's name: a digest of everything else in it."""
    kept = {key: value for key, value in body.items() if key != "proposal"}
    return hashlib.sha256(json.dumps(kept, sort_keys=True, default=str).encode()).hexdigest()[:16]
