"""YAML as people mean it: the scalars of YAML 1.2 (only `true` and `false` are booleans, no octal numbers, none of base 60, no
times), every key once, nothing merged, and every value with its place.

A text has at most 1 MiB, and what its aliases repeat at most 10,000 values.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

import yaml

from aura_analytics.errors import Problem

__all__ = ["Mapped", "YamlTextError", "composed", "dumped", "loaded"]

Place = tuple[int, int]  # line and column, from 1
_PLAIN = ("tag:yaml.org,2002:seq", "tag:yaml.org,2002:map")
_DEPTH, _REPEATED, _LONGEST = 100, 10_000, 1 << 20
_DIGITS = 300
_SCALARS = (
    ("null", r"^(?:~|null|Null|NULL|)$", ("~", "n", "N", "")),
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", tuple("tTfF")),
    ("int", r"^[-+]?[0-9]+$", tuple("-+0123456789")),
    ("float", r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$", tuple("-+.0123456789")),
    ("float", r"^(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$", tuple("-+.")),
)


class YamlTextError(ValueError):
    """A text that is no such YAML; with every problem."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = list(problems)
        super().__init__("; ".join(map(str, self.problems)))


class Mapped(dict[str, Any]):
    """The values of a file, and where each of them stands.

    Attributes
    ----------
    places
        By path (keys, and numbers of list items from 0): line and column, from 1.
    """

    def __init__(self, values: dict[str, Any], places: dict[tuple[Any, ...], Place]) -> None:
        super().__init__(values)
        self.places = places

    def place(self, path: Iterable[Any]) -> Place:
        """Where a value stands, or the innermost that holds it; parts of the path that are no keys are passed over."""
        found: tuple[Any, ...] = ()
        for part in path:
            if (*found, part) in self.places:
                found = (*found, part)
        return self.places.get(found, (1, 1))


class _Loader(yaml.SafeLoader):
    """Safe, with the scalars of YAML 1.2."""


_Loader.yaml_implicit_resolvers = {}
for _name, _pattern, _first in _SCALARS:
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_name}", re.compile(_pattern), list(_first))


_DIFFERENT = re.compile(r"[\t\r\ufeff!?]|[|>](?![-+]?\n)")  # where libyaml reads something else, or more than is YAML
_LEADING = re.compile(r"^[ \t?:-]+", re.MULTILINE)
_FastLoader: type | None = None
if hasattr(yaml, "CSafeLoader"):

    class _Fast(yaml.CSafeLoader):
        """The same, by libyaml."""

    _Fast.yaml_implicit_resolvers = _Loader.yaml_implicit_resolvers
    _FastLoader = _Fast


class _Dumper(yaml.SafeDumper):
    """Safe, with quotes around texts that YAML 1.1 or 1.2 would take for something else (12345678e1234567 is a number of 1.2)."""


_Dumper.yaml_implicit_resolvers = {first: list(known) for first, known in yaml.SafeDumper.yaml_implicit_resolvers.items()}
for _name, _pattern, _first in _SCALARS:
    _Dumper.add_implicit_resolver(f"tag:yaml.org,2002:{_name}", re.compile(_pattern), list(_first))
_Dumper.add_representer(
    str, lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)
)


def dumped(data: Any, width: int = 140) -> str:
    """Values as a text that `loaded` reads as the very same; texts of several lines as blocks.

    Examples
    --------
    >>> dumped({"digest": "12345678e1234567"}).strip(), loaded(dumped({"digest": "12345678e1234567"}), "here")["digest"]
    ("digest: '12345678e1234567'", '12345678e1234567')
    """
    return str(yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=width))


def loaded(text: str | bytes, where: str) -> Any:
    """The value of a text (bytes are UTF-8); a mapping comes as `Mapped`.

    Raises
    ------
    YamlTextError
        If it is no YAML that can be loaded safely, is too long, or a key stands twice; all problems, with their places.
    """
    decoded = text if isinstance(text, str) else _decoded(text, where)
    fast = _fast(decoded, where)
    return _read(decoded, where)[0] if fast is None else fast


def _fast(text: str, where: str) -> Mapped | None:
    """The mapping of a text that is plainly shallow and without a fault, by libyaml; None where it has to be read with care."""
    made: Any = _FastLoader
    if made is None or len(text) > _LONGEST or text.count("[") + text.count("{") > _DEPTH:
        return None
    if _DIFFERENT.search(text) or any(
        len(run) > _DEPTH for run in _LEADING.findall(text)
    ):  # libyaml does not look at how deep it is
        return None
    loader = None
    try:
        loader = made(text)
        root, reader = loader.get_single_node(), _Reader(where)
        value = None if root is None else reader.value(root, (), 0)
    except (yaml.YAMLError, UnicodeError, RecursionError):
        return None  # read once more, to say what is wrong
    finally:
        if loader is not None:
            loader.dispose()
    return Mapped(value, reader.places) if isinstance(value, dict) and not reader.problems else None


def _decoded(raw: bytes, where: str) -> str:
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        line = raw.count(b"\n", 0, fault.start) + 1
        problem = Problem("this is not UTF-8", got=fault.reason, where=f"{where}:{line}", next="save it as UTF-8")
        raise YamlTextError([problem]) from None


def _read(text: str, where: str) -> tuple[Any, yaml.Node | None]:
    if len(text) > _LONGEST:
        expected = f"at most {_LONGEST:,}"
        raise YamlTextError([Problem("the text is too long", got=f"{len(text):,} characters", expected=expected, where=where)])
    loader = None
    try:
        loader = _Loader(text)
        root = loader.get_single_node()
        reader = _Reader(where)
        value = None if root is None else reader.value(root, (), 0)
    except yaml.reader.ReaderError as fault:
        line = text.count("\n", 0, fault.position) + 1
        what = Problem("this is not YAML", got=f"the character U+{ord(text[fault.position]):04X}", where=f"{where}:{line}")
        raise YamlTextError([what]) from None
    except (yaml.YAMLError, RecursionError) as fault:
        mark = getattr(fault, "problem_mark", None)
        place = f"{where}:{mark.line + 1}:{mark.column + 1}" if mark else where
        said = getattr(fault, "problem", None) or str(fault)
        raise YamlTextError([Problem("this is not YAML that can be loaded safely", got=said, where=place)]) from None
    finally:
        if loader is not None:
            loader.dispose()
    if reader.problems:
        raise YamlTextError(reader.problems)
    return (Mapped(value, reader.places) if isinstance(value, dict) else value), root


def composed(text: str, where: str) -> yaml.Node | None:
    """The nodes of a text, each with its tag and its place, once all that `loaded` checks holds.

    Raises
    ------
    YamlTextError
        As `loaded`.
    """
    return _read(text, where)[1]


class _Reader:
    """Values out of nodes."""

    def __init__(self, where: str) -> None:
        self._where = where
        self.places: dict[tuple[Any, ...], Place] = {}
        self.problems: list[Problem] = []
        self._seen: set[int] = set()
        self._repeated = 0

    def value(self, node: yaml.Node, path: tuple[Any, ...], depth: int) -> Any:
        """The value of a node; where it stands is kept."""
        self._repeated += id(node) in self._seen
        self._seen.add(id(node))
        if depth > _DEPTH or self._repeated > _REPEATED:
            said = "nested too deep" if depth > _DEPTH else f"its aliases repeat more than {_REPEATED:,} values"
            raise yaml.constructor.ConstructorError(None, None, said, node.start_mark)
        self.places.setdefault(path, (node.start_mark.line + 1, node.start_mark.column + 1))
        if not isinstance(node, yaml.ScalarNode) and node.tag not in _PLAIN:
            raise _unknown(node)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*path, i), depth + 1) for i, item in enumerate(node.value)]
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path, depth)
        return self._scalar(node)

    def _mapping(self, node: yaml.MappingNode, path: tuple[Any, ...], depth: int) -> dict[Any, Any]:
        found: dict[Any, Any] = {}
        first: dict[Any, yaml.Node] = {}
        for key_node, item in node.value:
            key = self._scalar(key_node) if isinstance(key_node, yaml.ScalarNode) else None
            if key_node.tag.endswith(":merge") or not isinstance(key_node, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "a key is a plain word", key_node.start_mark)
            if key in first:
                before = first[key].start_mark
                self.problems.append(
                    Problem(
                        f"key {str(key)!r} stands twice",
                        where=f"{self._where}:{key_node.start_mark.line + 1}:{key_node.start_mark.column + 1}",
                        next=f"the first one is in line {before.line + 1}, column {before.column + 1}; keep one of them",
                    )
                )
                continue
            first[key] = key_node
            self.places[(*path, key)] = (key_node.start_mark.line + 1, key_node.start_mark.column + 1)
            found[key] = self.value(item, (*path, key), depth + 1)
        return found

    @staticmethod
    def _scalar(node: yaml.Node) -> Any:
        text, kind = str(node.value), node.tag.rpartition(":")[2]
        if kind == "str":
            return text
        if kind == "null":
            return None
        if kind == "bool":
            return text.lower() == "true"
        if kind == "int":
            if len(text) > _DIGITS:
                raise yaml.constructor.ConstructorError(None, None, "a number has too many digits", node.start_mark)
            return _number(int, text, node)
        if kind == "float":
            return _number(float, text.lower().replace(".inf", "inf").replace(".nan", "nan"), node)
        raise _unknown(node)


def _number(kind: Callable[[str], int | float], text: str, node: yaml.Node) -> int | float:
    try:
        return kind(text)
    except ValueError:  # a tag said that it is one
        raise yaml.constructor.ConstructorError(None, None, f"{text!r} is no number", node.start_mark) from None


def _unknown(node: yaml.Node) -> yaml.YAMLError:
    return yaml.constructor.ConstructorError(
        None, None, f"could not determine a constructor for the tag {node.tag!r}", node.start_mark
    )
