"""What the public docstrings say: every parameter, what is raised, and for every name at the root an example that runs."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
import types
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import aura_analytics as aura

NAMES = [name for name in aura.__all__ if not isinstance(getattr(aura, name), types.ModuleType) and name != "EventsLike"]


def callables() -> Iterator[tuple[str, Callable[..., Any], str]]:
    """Every function at the root and every public method of a class there: name, function, its docstring (with its class's)."""
    for name in NAMES:
        found = getattr(aura, name)
        if not isinstance(found, type):
            yield name, found, inspect.getdoc(found) or ""
            continue
        about = found.__doc__ or ""
        if "__init__" in vars(found):
            yield name, vars(found)["__init__"], about
        for method, value in vars(found).items():
            call = value.__func__ if isinstance(value, (classmethod, staticmethod)) else value
            if inspect.isfunction(call) and not method.startswith("_"):
                yield f"{name}.{method}", call, inspect.getdoc(call) or ""


CALLS = {name: (call, text) for name, call, text in callables()}


@pytest.mark.parametrize("name", NAMES)
def test_every_name_at_the_root_has_an_example_that_runs(name: str) -> None:
    text = getattr(aura, name).__doc__ or ""
    assert ">>>" in text, "an example in its docstring, which the doctests run"


@pytest.mark.parametrize("name", CALLS)
def test_every_parameter_is_named(name: str) -> None:
    call, text = CALLS[name]
    parameters = [p for p in inspect.signature(call).parameters if p not in ("self", "cls")]
    missing = [p for p in parameters if not re.search(rf"(?<!\w)`?{p}`?(?!\w)", text)]
    assert not missing


@pytest.mark.parametrize("name", CALLS)
def test_what_is_raised_is_said(name: str) -> None:
    call, text = CALLS[name]
    if call.__code__.co_filename == "<string>":  # made by `dataclass`
        return
    tree = ast.parse(textwrap.dedent(inspect.getsource(call)))
    raised = {
        node.exc.func.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and isinstance(node.exc.func, ast.Name)
    } - {"AssertionError", "AttributeError", "NotImplementedError"}
    unsaid = [error for error in raised if error not in text]
    assert not unsaid


# a number, a unit, or a word that says what is counted
_SAYS_WHAT = re.compile(
    r"\d|\b(microseconds|seconds|hours|days|level|how many|replications|points|as|seed|which|the same|place)\b",
    re.IGNORECASE,
)


@pytest.mark.parametrize("name", CALLS)
def test_every_number_has_a_unit_or_a_range(name: str) -> None:
    call, text = CALLS[name]
    for parameter in inspect.signature(call).parameters.values():
        if re.fullmatch(r"(int|float)( \| None)?", str(parameter.annotation)):
            said = re.search(rf"^(?:[\w, *]*\b)?{parameter.name}\b[\w, ]*\n((?:    .*\n?)+)", text, re.MULTILINE)
            assert said is not None and _SAYS_WHAT.search(said[1]), parameter.name
