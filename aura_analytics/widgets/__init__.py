"""Interactive parts for notebooks: a state that needs no front end, and a thin view of it."""

from __future__ import annotations

from aura_analytics.widgets.explorer import DossierExplorer
from aura_analytics.widgets.explorer_state import Banner, ExplorerState
from aura_analytics.widgets.tuner import ThresholdTuner
from aura_analytics.widgets.tuner_state import Setting, TunerState

__all__ = ["Banner", "DossierExplorer", "ExplorerState", "Setting", "ThresholdTuner", "TunerState"]
