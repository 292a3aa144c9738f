"""Declared roles: who is compared with whom."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import polars as pl

from aura_analytics.errors import ParameterError, Problem, RuleError
from aura_analytics.yaml_models import load_yaml

__all__ = ["RolesLike", "as_roles", "with_roles"]

RolesLike = Mapping[str, str] | str | Path | None


def as_roles(roles: RolesLike) -> dict[str, str]:
    """Role by actor, from such a mapping or from a YAML file of role -> list of actors; empty for None.

    Raises
    ------
    ParameterError
        If it is neither.
    FileMissingError, RuleError
        If the file is not there, or holds no roles.
    """
    if roles is None:
        return {}
    if isinstance(roles, Mapping):
        wrong = [
            Problem("a role is a text", got=role, where=f"actor {actor!r}")
            for actor, role in roles.items()
            if not isinstance(role, str)
        ]
        if wrong:
            raise ParameterError("roles cannot be read", problems=wrong)
        return dict(roles)
    if not isinstance(roles, (str, Path)):
        raise ParameterError(Problem("roles cannot be read", got=roles, expected="a dict of role by actor, or a YAML file"))
    data = load_yaml(roles, RuleError, "roles")
    problems = [
        Problem("a role holds a list of actors", got=members, where=f"{roles}, {role}")
        for role, members in data.items()
        if not isinstance(members, list)
    ]
    if problems:
        raise RuleError("roles cannot be read", problems=problems)
    return {str(actor): str(role) for role, members in data.items() for actor in members}


def with_roles(board: pl.DataFrame, roles: Mapping[str, str]) -> pl.DataFrame:
    """A board with the declared role of everybody before `as_of`; null without one."""
    if roles:
        role = pl.col("actor").replace_strict(list(roles), list(roles.values()), default=None, return_dtype=pl.String)
    else:
        role = pl.lit(None, dtype=pl.String)
    at = board.columns.index("as_of")
    return board.with_columns(role=role).select(*board.columns[:at], "role", *board.columns[at:])
