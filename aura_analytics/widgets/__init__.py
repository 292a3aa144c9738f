"""Interactive parts for notebooks: a state that needs no front end, and a thin view of it."""

from __future__ import annotations

from aura_analytics.widgets.explorer import DossierExplorer
from aura_analytics.widgets.explorer_state import Banner, ExplorerState
from aura_analytics.widgets.runner import ScenarioRunner
from aura_analytics.widgets.runner_state import RunnerState, RunResult
from aura_analytics.widgets.setting import Setting
from aura_analytics.widgets.tuner import ThresholdTuner
from aura_analytics.widgets.tuner_state import TunerState

__all__ = [
    "Banner",
    "DossierExplorer",
    "ExplorerState",
    "RunResult",
    "RunnerState",
    "ScenarioRunner",
    "Setting",
    "ThresholdTuner",
    "TunerState",
]
