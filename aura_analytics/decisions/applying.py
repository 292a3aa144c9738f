"""Applying a proposal: read as it was made, held against its log, approved by a named person, written into its file alone."""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Callable, Collection
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aura_analytics.decisions.confidences import confidences_in, read_confidences, text_of
from aura_analytics.decisions.proposals import Change, Proposal, name_of, with_changes
from aura_analytics.errors import FileFormatError, ParameterError, Problem
from aura_analytics.outputs import replacing
from aura_analytics.people import no_signature, same_person
from aura_analytics.yaml_text import YamlTextError, loaded

if TYPE_CHECKING:
    from aura_analytics.decisions.accountability import AccountabilityLogger

__all__ = ["apply_proposal", "confirmed", "differences", "read_proposal"]


def read_proposal(path: str | Path) -> Proposal:
    """A proposal as it was written.

    Raises
    ------
    FileMissingError, FileFormatError
        If it is not there, is none, or was changed: what is approved is what was proposed.
    """
    target = Path(path)
    try:
        body = loaded(text_of(target), str(target))
        changes = tuple(Change(**change) for change in body["changes"])
        made = Proposal(**{**body, "changes": changes})
    except (YamlTextError, TypeError, KeyError) as error:
        problem = Problem("the file is no proposal", got=str(error)[:100], where=str(target), next="aura learn propose writes one")
        raise FileFormatError(problem) from None
    if name_of(asdict(made)) != made.proposal:
        problem = Problem(
            "the proposal was changed after it was made", where=str(target), next="change nothing in it, or make a new one"
        )
        raise FileFormatError(problem)
    return made


def differences(made: Proposal, again: Proposal) -> list[Problem]:
    """What a proposal says that the same log, read anew, does not."""
    ours = {change.entry: change for change in again.changes}
    theirs = {change.entry: change for change in made.changes}
    found = []
    for entry in dict.fromkeys([*theirs, *ours]):
        here, there = theirs.get(entry), ours.get(entry)
        if here is None or there is None or _numbers(here) != _numbers(there):
            got = "no change" if here is None else f"{here.before:g} -> {here.after:g} from {here.n:,} outcomes"
            expected = "no change" if there is None else f"{there.before:g} -> {there.after:g} from {there.n:,} outcomes"
            found.append(Problem(f"{entry} is not what the log says", got=got, expected=expected))
    if made.outcomes != again.outcomes:
        found.append(Problem("the log had another number of outcomes", got=made.outcomes, expected=str(again.outcomes)))
    return found


def _numbers(change: Change) -> tuple[Any, ...]:
    return (change.component, change.n, *(round(x, 4) for x in (change.before, change.after, change.base, change.multiplier)))


def confirmed(made: Proposal, lines: list[bytes] | None, opened: Callable[[Path], AccountabilityLogger], where: str) -> list[str]:
    """The components of the log as it was when a proposal was made; raises where it does not say what the proposal says.

    Parameters
    ----------
    made
        The proposal.
    lines
        The log's lines until then; None where they are others.
    opened
        Opens a log.
    where
        The log's name.
    """
    if lines is None:
        text = "the proposal was not made from this log, or the log has changed since in what it rests on"
        raise ParameterError(Problem(text, got=made.log_digest[:16] or None, where=where, next="make a new proposal"))
    with tempfile.TemporaryDirectory(prefix="aura-proposal-") as folder:
        path = Path(folder) / "log.jsonl"
        path.write_bytes(b"".join(line + b"\n" for line in lines))
        then = opened(path)
        try:
            again = then.propose_adjustments(made.file_path, method=made.method, level=made.level)  # type: ignore[arg-type]
            components = then.component_outcomes()["component"].to_list()
        finally:
            then.close()
    problems = differences(made, again)
    if problems:
        raise ParameterError("the proposal says what its log does not", problems=problems)
    return [str(name) for name in components]


def apply_proposal(
    path: str | Path,
    approver: str,
    reason: str,
    record: Callable[[str, dict[str, Any]], None],
    approved: Collection[str],
    check: Callable[[Proposal], Collection[str]],
) -> Proposal:
    """Apply a proposal to its file; `record` keeps the approval of a proposal's name, `approved` are the names that have one, and
    `check` raises where the log does not say what the proposal says, and returns the names of its components.

    Raises
    ------
    ParameterError
        Without an approver, or where the file is not any more what the proposal was made for.
    FileMissingError, FileFormatError
        If the proposal or its file cannot be read.
    """
    made = read_proposal(path)
    name = approver.strip()
    if not name or re.search(r"[\r\n#]", name):
        raise ParameterError(
            Problem("an approval needs a name", got=approver, expected="the person who approves, such as --approver 'A. Lee'")
        )
    if not made.changes:
        raise ParameterError(Problem("the proposal changes nothing", where=str(path)))
    why = no_signature(name)
    if why is not None:
        raise ParameterError(Problem(f"nobody approves: {why}", got=approver, expected="the person who approves"))
    target = Path(made.file_path)
    if not made.file_path or target.resolve() != target:
        problem = Problem("the proposal leads to another file than it was made from", got=made.file_path, next="make a new one")
        raise ParameterError(problem)
    text = text_of(target)
    if hashlib.sha256(text.encode()).hexdigest() != made.file_sha256:
        known = " (this proposal was approved before)" if made.proposal in approved else ""
        problem = Problem(f"the file has changed since the proposal was made{known}", where=str(target), next="make a new proposal")
        raise ParameterError(problem)
    day = datetime.now(timezone.utc).date().isoformat()
    held = read_confidences(target)
    for component in dict.fromkeys([*(there.component for there in held.values()), *check(made)]):
        if same_person(name, component) or same_person(name, component.rpartition(":")[2]):
            problem = Problem("a component approves nothing", got=approver, expected="a person", where=f"the component {component}")
            raise ParameterError(problem)
    changed = with_changes(text, held, list(made.changes), name, day)
    wanted = {entry: there.value for entry, there in held.items()} | {change.entry: change.after for change in made.changes}
    if {entry: there.value for entry, there in confidences_in(changed, target).items()} != wanted:
        problem = Problem(
            "the change cannot be written into this file", where=str(target), next="write one confidence a line, as `name: 0.9`"
        )
        raise FileFormatError(problem)
    if made.proposal not in approved:  # a crash may have come between the approval and the file
        record(
            made.proposal,
            {
                "approver": name,
                "reason": reason,
                "file": made.file,
                "file_path": made.file_path,
                "method": made.method,
                "outcomes": made.outcomes,
                "changes": [asdict(change) for change in made.changes],
            },
        )
    with replacing(target) as part:
        part.write_bytes(changed.encode())
    return made
