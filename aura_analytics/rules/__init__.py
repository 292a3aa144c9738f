"""Rules as YAML: a closed grammar (`grammar`), its evaluation over dossiers (`engine`), and policies (`policy`)."""

from aura_analytics.rules.policy import Policy, PolicyReport

__all__ = ["Policy", "PolicyReport"]
