"""Files of settings: YAML that is read safely, into models that know every key and name every mistake."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from aura_analytics.errors import AuraError, FileMissingError, Problem, RuleError, close_match

__all__ = ["Strict", "YamlModel", "load_yaml", "problems_of"]


class Strict(BaseModel):
    """A model that refuses keys it does not know, and does not change."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", frozen=True)


class YamlModel(Strict):
    """A model that stands in a file of its own.

    Attributes
    ----------
    called
        What it is, in words.
    parts
        The models within it, whose keys are offered for misspelt ones as well.
    """

    called: ClassVar[str]
    parts: ClassVar[tuple[type[BaseModel], ...]] = ()

    @classmethod
    def read(cls, data: Any, where: str | None = None) -> Self:
        """One of plain data.

        Raises
        ------
        RuleError
            With every problem at once, each with its path in the data; close matches for misspelt keys.
        """
        try:
            return cls.model_validate(data)
        except ValidationError as error:
            models: list[type[BaseModel]] = [cls, *cls.parts]
            known = sorted({name for model in models for name in model.model_fields})
            raise RuleError(f"this is not a {cls.called}", problems=problems_of(error, where or cls.called, known)) from None

    @classmethod
    def from_yaml(cls, path: str | Path) -> Self:
        """Read one from a YAML file.

        Raises
        ------
        FileMissingError, RuleError
            If the file is missing, no YAML, or breaks the grammar; all problems at once, close matches for misspelt keys.
        """
        return cls.read(load_yaml(path, RuleError, cls.called), str(path))

    def to_yaml(self) -> str:
        """The text of a file that `from_yaml` reads: what differs from the defaults.

        Examples
        --------
        >>> from aura_analytics.hr import Ladder
        >>> print(Ladder(name="mine", promote_at=85).to_yaml(), end="")
        name: mine
        promote_at: 85.0
        """
        import yaml

        return str(
            yaml.safe_dump(self.model_dump(mode="json", exclude_defaults=True), sort_keys=False, allow_unicode=True, width=140)
        )


def load_yaml(path: str | Path, error: type[AuraError], what: str) -> dict[str, Any]:
    """A YAML file that must hold one mapping of keys to values; loaded safely (no tags, no code)."""
    import yaml

    path = Path(path)
    if not path.is_file():
        raise FileMissingError(Problem(f"no {what} file there", got=str(path)))
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as fault:
        mark = getattr(fault, "problem_mark", None)
        where = f"{path}:{mark.line + 1}" if mark else str(path)
        reason = getattr(fault, "problem", None) or str(fault)
        raise error(Problem("this is not YAML that can be loaded safely", got=reason, where=where)) from None
    if not isinstance(data, dict):
        raise error(Problem(f"a {what} file holds keys and values", got=type(data).__name__, where=str(path)))
    return data


def problems_of(error: ValidationError, where: str, known: list[str]) -> list[Problem]:
    """Pydantic's findings as our problems, with close matches for misspelt keys."""
    found = []
    for item in error.errors():
        spot = ".".join(str(part) for part in item["loc"])
        hint = None
        if item["type"] == "extra_forbidden":
            hint = close_match(str(item["loc"][-1]), known)
            found.append(Problem(f"unknown key {spot!r}", where=where, next=hint))
            continue
        if item["type"] == "missing":
            found.append(Problem(f"key {spot!r} is missing", where=where))
            continue
        message = item["msg"].removeprefix("Value error, ")
        got = item["input"] if not isinstance(item["input"], (dict, list)) else None
        found.append(Problem(f"{spot}: {message}" if spot else message, got=got, where=where))
    return found
