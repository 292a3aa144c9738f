"""Files of settings: YAML that is read safely, into models that know every key and name every mistake."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self, get_args

from pydantic import BaseModel, ConfigDict, ValidationError, ValidationInfo, field_validator

from aura_analytics.errors import AuraError, FileMissingError, Problem, RuleError, close_match

if TYPE_CHECKING:
    from aura_analytics.yaml_text import Mapped

__all__ = ["Strict", "YamlModel", "load_yaml", "problems_of"]


class Strict(BaseModel):
    """A model that refuses keys it does not know, and does not change."""

    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", frozen=True)

    @field_validator("*", mode="before")
    @classmethod
    def _no_number(cls, value: Any, info: ValidationInfo) -> Any:
        """`true` and `false` are no numbers: without this they would count as 1 and 0."""
        field = cls.model_fields.get(info.field_name or "")
        if isinstance(value, bool) and field is not None and not _takes_booleans(field.annotation):
            raise ValueError(f"{str(value).lower()} is neither a number nor a text")
        return value


def _takes_booleans(annotation: Any) -> bool:
    return annotation in (bool, Any) or any(_takes_booleans(part) for part in get_args(annotation))


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
            raise RuleError(f"this is not a {cls.called}", problems=problems_of(error, where or cls.called, known, data)) from None

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
        from aura_analytics.yaml_text import dumped

        return dumped(self.model_dump(mode="json", exclude_defaults=True))


def load_yaml(path: str | Path, error: type[AuraError], what: str) -> Mapped:
    """A YAML file that must hold one mapping of keys to values: strict, safe (no tags, no code), every value with its place."""
    from aura_analytics.yaml_text import Mapped, YamlTextError, loaded

    path = Path(path)
    if not path.is_file():
        raise FileMissingError(Problem(f"no {what} file there", got=str(path)))
    try:
        data = loaded(path.read_bytes(), str(path))
    except YamlTextError as fault:
        raise error(f"{path} cannot be read", problems=fault.problems) from None
    if not isinstance(data, Mapped):
        raise error(Problem(f"a {what} file holds keys and values", got=type(data).__name__, where=f"{path}:1:1"))
    return data


def problems_of(error: ValidationError, source: str, known: list[str], data: Any = None) -> list[Problem]:
    """Pydantic's findings as our problems, with close matches for misspelt keys, and their place where `data` is of a file."""
    from aura_analytics.yaml_text import Mapped

    found = []
    for item in error.errors():
        where = ":".join(map(str, (source, *data.place(item["loc"])))) if isinstance(data, Mapped) else source
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
