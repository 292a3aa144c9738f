"""Confidences as the files of an orchestrator hold them, each with the line it stands on."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from aura_analytics.errors import FileFormatError, FileMissingError, Problem

if TYPE_CHECKING:
    pass


__all__ = ["MEMORY", "Confidence", "confidences_in", "plain_number", "read_confidences", "text_of"]

_FLOOR, _CEILING = 0.01, 0.99
MEMORY = re.compile(r"\s*# aura: (?P<base>[0-9.]+) x (?P<multiplier>[0-9.]+) .*$")


@dataclass(frozen=True)
class Confidence:
    """A confidence in its file: the value, where it stands, and what it was before all approved changes."""

    value: float
    line: int
    start: int
    end: int
    base: float
    edited: bool  # an approved change was changed by hand since


def text_of(path: Path) -> str:
    """The text of a file that must be there and be text."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return file.read()
    except FileNotFoundError:
        raise FileMissingError(Problem("no such file", got=str(path), next="name the YAML file of confidences")) from None
    except (OSError, UnicodeDecodeError) as error:
        raise FileFormatError(Problem("the file cannot be read", got=str(error), where=str(path))) from None


def read_confidences(path: str | Path) -> dict[str, Confidence]:
    """The confidences of a file by component.

    Raises
    ------
    FileMissingError, FileFormatError
        If it is not there, is no YAML, or holds something else than numbers from 0 to 1; all problems at once.
    """
    target = Path(path)
    return confidences_in(text_of(target), target)


def confidences_in(text: str, target: Path) -> dict[str, Confidence]:
    """The confidences that a text holds, by name, each with its place."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise FileFormatError(Problem("the file is no YAML", got=str(error), where=str(target))) from None
    expected = "a mapping of components to confidences, at the top or under `confidence`"
    if isinstance(root, yaml.MappingNode):
        inner = [value for key, value in root.value if key.value == "confidence"]
        root = inner[0] if inner else root
    if not isinstance(root, yaml.MappingNode):
        raise FileFormatError(Problem("the file holds no confidences", where=str(target), expected=expected))
    lines = text.splitlines()
    found: dict[str, Confidence] = {}
    problems = []
    taken: set[int] = set()
    for key, node in root.value:
        at = node.start_mark
        where = f"{target}, line {at.line + 1}"
        try:
            value = float(node.value) if isinstance(node, yaml.ScalarNode) else float("nan")
        except ValueError:
            value = float("nan")
        if not 0 <= value <= 1:
            problems.append(
                Problem(f"{key.value} has no confidence", got=str(node.value)[:60], expected="a number from 0 to 1", where=where)
            )
        elif key.value in found:
            problems.append(Problem(f"{key.value} stands there twice", where=where))
        elif at.line in taken:
            problems.append(
                Problem("two confidences stand on one line", got=key.value, where=where, next="write each on a line of its own")
            )
        else:
            taken.add(at.line)
            memory = MEMORY.search(lines[at.line][node.end_mark.column :])
            base = float(memory["base"]) if memory else value
            edited = memory is not None and value != changed(base, float(memory["multiplier"]))
            found[str(key.value)] = Confidence(value, at.line, at.column, node.end_mark.column, base, edited)
    if problems:
        raise FileFormatError("the file of confidences cannot be used", problems=problems)
    return found


def plain_number(value: float) -> str:
    """A number without an exponent."""
    return f"{value:.15f}".rstrip("0").rstrip(".") or "0"


def changed(base: float, multiplier: float) -> float:
    return round(min(max(base * multiplier, min(base, _FLOOR)), max(base, _CEILING)), 4)
