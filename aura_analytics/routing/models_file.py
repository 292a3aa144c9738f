"""The models that a router chooses among, from a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aura_analytics.errors import Problem, RuleError
from aura_analytics.yaml_models import load_yaml

__all__ = ["load_models"]


def load_models(path: str | Path) -> list[dict[str, Any]]:
    """Models from YAML or JSON: under `models` a list of `name` and `capabilities`.

    Raises
    ------
    RuleError
        If it is no such list.
    FileMissingError, FileFormatError
        If the file is not there, or cannot be read.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "models.yaml"
    >>> _ = path.write_text("models: [{name: gpt-code, capabilities: [code]}]")
    >>> load_models(path)
    [{'name': 'gpt-code', 'capabilities': ['code']}]
    """
    entries = load_yaml(path, RuleError, "models").get("models")
    if not isinstance(entries, list) or not all(isinstance(item, dict) and isinstance(item.get("name"), str) for item in entries):
        raise RuleError(Problem("this is no list of models", where=str(path), expected="models: a list of name and capabilities"))
    return entries
