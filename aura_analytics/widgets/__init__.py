"""Interactive parts for notebooks: a state that needs no front end, and a thin view of it."""

from __future__ import annotations

from aura_analytics.widgets.brief.page import write_brief
from aura_analytics.widgets.explorer.state import Banner, ExplorerState
from aura_analytics.widgets.explorer.view import DossierExplorer
from aura_analytics.widgets.runner.result import RunResult
from aura_analytics.widgets.runner.state import RunnerState
from aura_analytics.widgets.runner.view import ScenarioRunner
from aura_analytics.widgets.shared.setting import Setting
from aura_analytics.widgets.tuner.state import TunerState
from aura_analytics.widgets.tuner.view import ThresholdTuner

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
    "write_brief",
]
