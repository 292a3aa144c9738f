"""The scenario runner as a widget: it plays in a thread, so that it can be watched and stopped."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import traitlets

from aura_analytics.errors import AuraError, ParameterError, Problem
from aura_analytics.simulation.rates import RATE_WORDS
from aura_analytics.widgets.runner.result import RunResult
from aura_analytics.widgets.runner.state import RunnerState
from aura_analytics.widgets.shared.view import View, script

if TYPE_CHECKING:
    from aura_analytics.rules.policy import Policy
    from aura_analytics.simulation.scenario import ScenarioLike

__all__ = ["ScenarioRunner"]

_OUTCOMES = {
    "wrong_verdicts": ("wrong verdicts", "share"),
    "stars": ("stars of citizens", "stars"),
    "hours": ("hours per case", "hours"),
    "plans": ("improvement plans", "count"),
    "on_good": ("plans of officers who do well", "count"),
    "events": ("events", "count"),
}


class ScenarioRunner(View):
    """Choose a world, change it, play it under one rule or two, and see how often each is wrong.

    Parameters
    ----------
    scenario, policies, seed, worlds
        As `RunnerState`.

    Attributes
    ----------
    state
        The `RunnerState` behind it; `state.result` has the runs and the rates.

    Examples
    --------
    >>> ScenarioRunner("fraud_unit")
    ScenarioRunner: fraud_unit under evidence_gated, not played yet
    """

    _esm = script("runner")
    world: traitlets.Dict[str, Any] = traitlets.Dict().tag(sync=True)
    settings: Any = traitlets.List().tag(sync=True)
    progress: traitlets.Dict[str, Any] = traitlets.Dict().tag(sync=True)
    result: traitlets.Dict[str, Any] = traitlets.Dict().tag(sync=True)
    said: traitlets.Unicode[str, str | bytes] = traitlets.Unicode().tag(sync=True)

    def __init__(
        self,
        scenario: ScenarioLike = "loan_forgiveness",
        policies: Iterable[Policy | str | Path] = (),
        *,
        seed: int = 0,
        worlds: int = 20,
    ) -> None:
        self.state: RunnerState = RunnerState(scenario, policies, seed=seed, worlds=worlds)
        self._thread: threading.Thread | None = None
        self._told = 0.0
        super().__init__(title="Scenarios", **self._set())

    def _set(self) -> dict[str, Any]:
        state = self.state
        world = {"scenario": state.chosen, "scenarios": state.scenarios, "story": state.scenario.description}
        said = f"About {state.scenario.cases_expected:,.0f} cases over {state.scenario.days} days."
        if state.outdated and not self.running:
            said += " What is shown beside is of other settings: run again."
        return {"world": world, "settings": [one.to_dict() for one in state.settings], "said": said}

    @property
    def running(self) -> bool:
        """Whether a run is going on."""
        thread = self._thread
        return thread is not None and thread.is_alive()

    def close(self) -> None:
        """Stop the run, and take the widget away."""
        self.cancel(wait=30)
        self.state.close()
        super().close()

    def run(self) -> None:
        """Run what is set, in a thread; raises `ParameterError` while another run goes on."""
        if self.running:
            raise ParameterError(Problem("a run is going on", next="cancel it, or wait for its end"))
        self.failed = {}
        self.state.ready()
        self.progress = {"share": 0.0, "words": "begun", "running": True}
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def cancel(self, wait: float | None = None) -> None:
        """Stop the run; what it found stays. With `wait`, for so many seconds at most until it has stopped."""
        self.state.cancel()
        if wait is not None:
            self.wait(wait)

    def wait(self, timeout: float | None = None) -> None:
        """Wait for the end of the run."""
        thread = self._thread
        if thread is not None:
            thread.join(timeout)

    def _run(self) -> None:
        words = "done"
        try:
            result = self.state.go_on(self._tell, self._find)
            words = "done" if result.complete else "stopped"
        except AuraError as error:
            self.failed = {"text": str(error)}
            words = "failed"
        except Exception as error:
            self.failed = {"text": f"{type(error).__name__}: {error}"}
            words = "failed"
            raise
        finally:
            self._thread = None
            self.progress = {"share": 1.0 if words == "done" else 0.0, "words": words, "running": False}
            self.said = self._set()["said"]

    def _tell(self, share: float, words: str) -> None:
        if time.monotonic() - self._told > 0.1:  # a front end needs no more
            self._told = time.monotonic()
            self.progress = {"share": round(share, 4), "words": words, "running": True}

    def _find(self, result: RunResult) -> None:
        self.result = _shown(result)

    def _answer(self, asked: dict[str, Any]) -> None:
        if asked.get("cancel"):
            self.cancel()
            return
        try:
            if "scenario" in asked:
                self.state.choose(asked["scenario"])
            for key, value in asked.get("values", {}).items():
                self.state.set(key, value)
        finally:  # what was refused goes back to what it was
            told = self._set()
            with self.hold_sync():
                for name, value in told.items():
                    setattr(self, name, value)
        if asked.get("run"):
            self.run()

    def sentence(self) -> str:
        """What is set and found, in words."""
        return self.state.sentence()

    def picture(self) -> bytes:
        """The rates of each rule with their limits, as a PNG picture; before a run, the sentence."""
        from aura_analytics import charts
        from aura_analytics.charts.render import png

        rates = {} if self.state.result is None else self.state.result.rates
        if not rates:
            return png(charts.note(self.sentence()))
        return png(charts.comparison({name: one.rates for name, one in rates.items()}))


def _shown(result: RunResult) -> dict[str, Any]:
    """A result as texts and curves."""
    outcomes = result.outcomes
    names = outcomes["policy"].to_list()
    rows = [[label, *(_figure(value, kind) for value in outcomes[key].to_list())] for key, (label, kind) in _OUTCOMES.items()]
    found: dict[str, Any] = {
        "scenario": result.scenario.name,
        "policies": names,
        "outcomes": rows,
        "seed": result.seed,
        "worlds": result.worlds,
        "asked": result.asked,
        "complete": result.complete,
        "every": result.every_days,
        "days": result.scenario.days,
    }
    if not result.rates:
        return found
    table = []
    for i, (rate, label) in enumerate(zip(result.rates[names[0]].rates["rate"], _labels(result), strict=True)):
        # limits are those of the number of worlds that was asked for: on the way there they would find differences that are none
        cells = [_limits(result.rates[name].rates.row(i, named=True), rate, result.complete) for name in names]
        if result.differences is not None:
            cells.append(_limits(result.differences.row(i, named=True), rate, result.complete, signed=True))
        table.append([label, *cells])
    curves = [
        {"policy": name, **{column: one.detection[column].to_list() for column in ("day", "share", "lo", "hi")}}
        for name, one in result.rates.items()
    ]
    bad = any(group.bad for group in result.scenario.officers)
    return {**found, "rates": table, "paired": result.differences is not None, "curves": curves if bad else []}


def _labels(result: RunResult) -> list[str]:
    first = next(iter(result.rates.values()))
    return [RATE_WORDS.get(rate, rate.replace("_", " ")) for rate in first.rates["rate"]]


def _figure(value: float | None, kind: str) -> str:
    if value is None:
        return "–"
    return {"share": f"{value:.1%}", "stars": f"{value:.2f}", "hours": f"{value:.1f}", "count": f"{value:,.0f}"}[kind]


def _limits(row: dict[str, Any], rate: str, complete: bool, *, signed: bool = False) -> list[str]:  # noqa: FBT001
    """A rate with its limits: number, and a smaller line."""
    sign = "+" if signed else ""

    def said(value: float) -> str:
        return (
            f"{100 * value:{sign}.0f} %"
            if rate == "detected"
            else f"{value:{sign}.0f}"
            if rate == "delay_days"
            else f"{value:{sign}.3f}"
        )

    if row["value"] is None:
        return ["–", "no world has it"]
    if not complete:
        return [said(row["value"]), "so far"]
    limits = "no limits: all worlds agree" if row["lo"] is None else f"{said(row['lo'])} to {said(row['hi'])}"
    return [said(row["value"]), limits]
