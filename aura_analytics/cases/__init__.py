"""From events to cases: who decided, who closed what and how long it took, whom a rating is about."""

from aura_analytics.cases.building import build
from aura_analytics.cases.facts import Attribution, Facts, Holding, Options, check_schema

__all__ = ["Attribution", "Facts", "Holding", "Options", "build", "check_schema"]
