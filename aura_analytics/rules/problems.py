"""What is wrong with a policy, said with the names that its grammar knows."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ValidationError

from aura_analytics.errors import Problem
from aura_analytics.rules import grammar
from aura_analytics.rules.comparisons import OPERATORS
from aura_analytics.rules.comparisons.peers import PeerRate
from aura_analytics.yaml_models import problems_of

__all__ = ["problems_in_policy"]


def problems_in_policy(error: ValidationError, where: str, data: Any = None) -> list[Problem]:
    """The problems of a policy that breaks the grammar."""
    models: list[type[BaseModel]] = [
        grammar.PolicyFile,
        grammar.RuleSpec,
        grammar.Leaf,
        grammar.Persistence,
        grammar.Evidence,
        grammar.TestCase,
        grammar.All,
        grammar.Any_,
        PeerRate,
    ]
    named = {name for model in models for name in model.model_fields} - {"operator", "threshold"}
    known = sorted(named | set(OPERATORS))
    return problems_of(error, where, known, data)
