"""Confidences as the files of an orchestrator hold them, each with the line it stands on."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import yaml

from aura_analytics.errors import FileFormatError, FileMissingError, Problem
from aura_analytics.yaml_text import YamlTextError, composed

__all__ = ["MEMORY", "Confidence", "confidences_in", "plain_number", "read_confidences", "text_of"]

_FLOOR, _CEILING = 0.01, 0.99
_SECTIONS = {f"{word}{plural}": word for word in ("skill", "agent", "workflow") for plural in ("s", "")}
_NAMES = ("name", "id", "component", "use", "skill", "agent", "workflow")
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
    component: str = ""  # whose it is; several entries may be of one component


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
    """The confidences of a file by entry, see `confidences_in`.

    Raises
    ------
    FileMissingError, FileFormatError
        If it is not there, is no YAML, or holds something else than numbers from 0 to 1; all problems at once.
    """
    target = Path(path)
    return confidences_in(text_of(target), target)


def confidences_in(text: str, target: Path) -> dict[str, Confidence]:
    """The confidences that a text holds, by entry, each with its place.

    Two shapes are read. A plain mapping of components to numbers, at the top or under `confidence`. And the rules of an
    orchestrator: under `skills`, `agents` and `workflows` (or anywhere) whatever has a `confidence`, as a mapping by name or as a
    list of entries with a `name`; a component that has several, each with a `when` of its own, has an entry for each.
    """
    try:
        root = composed(text, str(target))
    except YamlTextError as error:
        raise FileFormatError("the file of confidences cannot be used", problems=error.problems) from None
    reader = _Reader(text, target)
    if isinstance(root, yaml.MappingNode):
        plain = [value for key, value in root.value if key.value == "confidence" and isinstance(value, yaml.MappingNode)]
        if plain or all(isinstance(value, yaml.ScalarNode) for _, value in root.value):
            for key, node in (plain[0] if plain else root).value:
                reader.take(str(key.value), str(key.value), node)
        else:
            reader.walk(root, "", None)
    if reader.problems:
        raise FileFormatError("the file of confidences cannot be used", problems=reader.problems)
    if not reader.found and not (isinstance(root, yaml.MappingNode) and not root.value):
        expected = "components and confidences as `name: 0.9`, or entries with a `confidence` under skills, agents, workflows"
        raise FileFormatError(Problem("the file holds no confidences", where=str(target), expected=expected))
    return reader.found


class _Reader:
    """Collects the confidences of a text."""

    def __init__(self, text: str, target: Path) -> None:
        self._text, self._lines, self._target = text, text.splitlines(), target
        self.found: dict[str, Confidence] = {}
        self.problems: list[Problem] = []
        self._taken: set[int] = set()

    def walk(self, node: yaml.Node, kind: str, name: str | None) -> None:
        """Take what has a confidence in a part of the file: of components of a `kind`, the part itself called `name`."""
        if isinstance(node, yaml.SequenceNode):
            for item in node.value:
                self.walk(item, kind, None)
        if not isinstance(node, yaml.MappingNode):
            return
        parts = {str(key.value): value for key, value in node.value}
        own = parts.get("confidence")
        if isinstance(own, yaml.ScalarNode):
            self._entry(parts, own, kind, name)
        for key, value in parts.items():
            if key == "when" or value is own:
                continue
            inside = _SECTIONS.get(key)
            if name is None and kind and inside is None and value.tag.endswith((":float", ":int")):
                self.take(_full(key, kind), _full(key, kind), value)  # `agents: {reviewer: 0.9}`
            self.walk(value, inside or kind, None if inside else key)

    def _entry(self, parts: dict[str, yaml.Node], own: yaml.ScalarNode, kind: str, name: str | None) -> None:
        word = next((word for word in _NAMES if isinstance(parts.get(word), yaml.ScalarNode)), None)
        called = name if word is None else str(parts[word].value)
        kind = word if word in _SECTIONS else kind
        if called is None:
            where = f"{self._target}, line {own.start_mark.line + 1}"
            problem = Problem("a confidence belongs to nobody", got=str(own.value), expected="a name beside it", where=where)
            self.problems.append(problem)
            return
        component = _full(called, kind)
        when = parts.get("when")
        entry = component
        if component in self.found and when is not None:
            text = " ".join(self._text[when.start_mark.index : when.end_mark.index].split())
            entry = f"{component} [{text}]"
        self.take(entry, component, own)

    def take(self, entry: str, component: str, node: yaml.Node) -> None:
        """Take a confidence, or say why not."""
        at = node.start_mark
        where = f"{self._target}, line {at.line + 1}"
        number = isinstance(node, yaml.ScalarNode) and node.tag.endswith((":float", ":int"))
        value = float(node.value) if number and node.value[-1].isdigit() else float("nan")
        if not 0 <= value <= 1:
            problem = Problem(f"{entry} has no confidence", got=str(node.value)[:60], expected="a number from 0 to 1", where=where)
        elif entry in self.found:
            problem = Problem(f"{entry} stands there twice", where=where)
        elif at.line in self._taken:
            problem = Problem("two confidences stand on one line", got=entry, where=where, next="write each on a line of its own")
        else:
            self._taken.add(at.line)
            memory = MEMORY.search(self._lines[at.line][node.end_mark.column :])
            base = float(memory["base"]) if memory else value
            edited = memory is not None and value != changed(base, float(memory["multiplier"]))
            self.found[entry] = Confidence(value, at.line, at.column, node.end_mark.column, base, edited, component)
            return
        self.problems.append(problem)


def _full(name: str, kind: str) -> str:
    """A component's name as decision logs have it."""
    return name if ":" in name or not kind else f"{kind}:{name}"


def plain_number(value: float) -> str:
    """A number without an exponent."""
    return f"{value:.15f}".rstrip("0").rstrip(".") or "0"


def changed(base: float, multiplier: float) -> float:
    return round(min(max(base * multiplier, min(base, _FLOOR)), max(base, _CEILING)), 4)
