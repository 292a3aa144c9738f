"""The threshold tuner as a widget, and as one self-contained page."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import traitlets

from aura_analytics.clock.calendars import CalendarLike
from aura_analytics.clock.sla import SlaLike
from aura_analytics.io.front_door import EventsLike
from aura_analytics.metrics.units import unit_of
from aura_analytics.rules import engine
from aura_analytics.rules.policy import PolicyLike
from aura_analytics.rules.roles import RolesLike
from aura_analytics.simulation.error_cards import error_card
from aura_analytics.simulation.policy_words import policy_words, provenance
from aura_analytics.simulation.scenario import ScenarioLike
from aura_analytics.widgets.shared.view import View, script
from aura_analytics.widgets.tuner.heat import heat, thresholds_of
from aura_analytics.widgets.tuner.state import WHOLE_NUMBERS, WINDOWS, WORLDS, TunerState

__all__ = ["ThresholdTuner"]

_ARRAYS = ("value", "n", "low", "high")
_HEATS = 6  # maps that a page without a kernel holds
_LISTED = 200  # of who enters and leaves, how many are listed with their reasons


class ThresholdTuner(View):
    """Sliders for every threshold of a policy, and at once who is affected and how often the rule would be wrong.

    Parameters
    ----------
    source, policy, as_of, windows, scenario, worlds, seed, sla, calendar, roles
        As `TunerState`.

    Attributes
    ----------
    state
        The `TunerState` behind it: what is set on the sliders is set there.

    Examples
    --------
    >>> import aura_analytics as aura
    >>> ThresholdTuner(aura.events.sample(400, seed=1))
    ThresholdTuner: 0 of 3 flagged by reliance
    """

    _esm = script("tuner")
    data: traitlets.Dict[str, Any] = traitlets.Dict().tag(sync=True)
    settings: Any = traitlets.List().tag(sync=True)
    leaves: Any = traitlets.List().tag(sync=True)
    result: traitlets.Dict[str, Any] = traitlets.Dict().tag(sync=True)
    curve: traitlets.Dict[str, Any] = traitlets.Dict().tag(sync=True)
    exported: traitlets.Dict[str, Any] = traitlets.Dict().tag(sync=True)
    heat: traitlets.Dict[str, Any] = traitlets.Dict().tag(sync=True)
    views: Any = traitlets.List().tag(sync=True)

    def __init__(
        self,
        source: EventsLike,
        policy: PolicyLike = None,
        *,
        as_of: datetime | str | None = None,
        windows: Iterable[str] = WINDOWS,
        scenario: ScenarioLike | None = None,
        worlds: int = WORLDS,
        seed: int = 0,
        sla: SlaLike = None,
        calendar: CalendarLike = None,
        roles: RolesLike = None,
    ) -> None:
        self.state: TunerState = TunerState(
            source,
            policy,
            as_of=as_of,
            windows=windows,
            scenario=scenario,
            worlds=worlds,
            seed=seed,
            sla=sla,
            calendar=calendar,
            roles=roles,
        )
        self._before, self._first = self.state.flagged, self.state.settings
        self._card = error_card(self.state.saved)
        self._sent, self._asking = self._seen(), False
        settings = self._settings()
        super().__init__(
            title=f"Thresholds of {self.state.saved.name}",
            data=self._data(),
            leaves=self._leaves(),
            settings=settings,
            result=self._result(),
        )
        self.state.on_change(self._show)

    def _settings(self) -> list[dict[str, Any]]:
        return [one.to_dict() for one in self.state.settings]

    def _data(self) -> dict[str, Any]:
        state = self.state
        leaves = state.comparisons()
        ranges = {}
        for leaf in leaves:
            known = leaf["value"][~np.isnan(leaf["value"])]
            kind = state.saved.catalogue[leaf["metric"]]
            whole = kind.high is not None and not unit_of(kind.unit).percent
            ranges[leaf["key"]] = [kind.low or 0.0, kind.high if whole else _round(float(known.max(initial=0)), kind.unit)]
        arrays = {leaf["key"]: {name: leaf[name].astype("<f8").tobytes() for name in _ARRAYS} for leaf in leaves}
        return {
            "actors": state.actors.to_list(),
            "silent": state.silent.tolist(),
            "shape": state.shape(),
            "arrays": arrays,
            "ranges": ranges,
            "before": self._before,
            "rules": engine.as_data(),
            "card": [policy_words(self.state.saved), *([] if self._card is None else self._card.sentences())],
        }

    def _leaves(self) -> list[dict[str, Any]]:
        """The comparisons without their arrays, which change with the window and the confidence alone."""
        return [{name: value for name, value in leaf.items() if name not in _ARRAYS} for leaf in self.state.comparisons()]

    def _seen(self) -> tuple[Any, ...]:
        """What the arrays depend on."""
        return tuple(one.value for one in self.state.settings if one.choices)

    def _result(self, at: int = 0) -> dict[str, Any]:
        changes = self.state.changed(_LISTED)
        reasons = {actor: "; ".join(why) for actor, why in changes.select("actor", "reasons").rows()}
        return {
            "verdicts": self.state.verdicts.astype("u1").tobytes(),
            "plain": self.state.plain,
            "errors": _plain(self.state.errors),
            "saved": _plain(self.state.saved_errors),
            "confusion": self.state.confusion,
            "played": list(self.state.played),
            "reasons": reasons,
            "at": at,
        }

    def _curve(self, key: str) -> dict[str, Any]:
        """How often the rule is wrong as one threshold moves, for the cost curve; nothing without a scenario."""
        setting = next((one for one in self.state.settings if one.key == key and not one.choices), None)
        if setting is None or self.state.errors is None:
            return {}
        frame = self.state.curve(key)
        lists = {name: frame[name].to_list() for name in ("value", "false_per_100", "missed_per_100")}
        days, worlds, _ = self.state.played
        stands = self._stand(key)
        return {"key": key, "label": setting.label, "unit": setting.unit, "days": days, "worlds": worlds, "stands": stands, **lists}

    def _heat(self, first: str, second: str) -> dict[str, Any]:
        """The map of two thresholds, for the front end."""
        table = heat(self.state, first, second)
        known = {one.key: one for one in self.state.settings}
        axes = {}
        for axis, key, column in (("x", first, "first"), ("y", second, "second")):
            values = table[column].unique().sort().to_list()
            axes[axis] = {"key": key, "label": known[key].label, "unit": known[key].unit, "values": values}
        lists = {name: table[name].to_list() for name in ("flagged", "false_per_100", "missed_per_100")}
        stands = [[one.key, one.value] for one in self.state.settings if one.key not in (first, second)]
        return {**axes, **lists, "stands": stands, "people": self.state.actors.len()}

    def _view(self, name: str) -> dict[str, Any]:
        """What is set now, and what it amounts to, to be kept beside others."""
        wrong = self.state.errors or {}
        saved = {one.key: one.value for one in self._first}
        moved = [f"{one.label}: {one.words()}" for one in self.state.settings if one.value != saved.get(one.key)]
        return {
            "name": name.strip() or f"view {len(self.views) + 1}",
            "values": {one.key: one.value for one in self.state.settings},
            "moved": moved,
            "flagged": len(self.state.flagged),
            "false_per_100": _known(wrong.get("false_per_100")),
            "missed_per_100": _known(wrong.get("missed_per_100")),
        }

    def _stand(self, key: str) -> list[list[Any]]:
        """What a curve depends on besides the threshold that moves along it."""
        return [[one.key, one.value] for one in self.state.settings if one.key != key]

    def _answer(self, asked: dict[str, Any]) -> None:
        if "curve" in asked:
            self._values(asked.get("values", {}))
            self.curve = self._curve(asked["curve"])
            return
        if "heat" in asked:
            self._values(asked.get("values", {}))
            self.heat = self._heat(*asked["heat"])
            return
        if "keep" in asked:
            self._values(asked.get("values", {}))
            self.views = [*self.views, self._view(asked["keep"])]
            return
        if "view" in asked:
            self._values(self.views[asked["view"]]["values"], asked.get("at", 0))
            return
        if "author" in asked:
            self.exported = {
                "yaml": self.state.to_yaml(asked["author"]),
                "name": f"{self.state.saved.name}_tuned.yaml",
                "at": asked.get("at", 0),
            }
            return
        if asked.get("reset"):
            self._asking = True
            try:
                self.state.reset()
            finally:
                self._asking = False
                self._show(asked.get("at", 0))
            return
        self._values(asked["values"], asked.get("at", 0))

    def _values(self, values: dict[str, Any], at: int = 0) -> None:
        """Set what the sliders say; shown at once for all."""
        if not values:
            return
        self._asking = True
        try:
            for key, value in values.items():
                self.state.set(key, _whole(value, key))
        finally:  # what was refused goes back to what it was
            self._asking = False
            self._show(at)

    def _show(self, at: int = 0) -> None:
        """Everything as the state has it now."""
        if self._asking:
            return
        seen, result, leaves, settings = self._seen(), self._result(at), self._leaves(), self._settings()
        with self.hold_sync():
            if seen != self._sent:
                self.data, self._sent = self._data(), seen
            self.leaves = leaves
            self.settings = settings
            self.result = result

    # -- without a kernel, without a notebook ------------------------------------------------------------------------------------

    def sentence(self) -> str:
        """What the widget shows, in words."""
        return f"{len(self.state.flagged):,} of {self.state.actors.len():,} flagged by {self.state.saved.name}"

    def picture(self) -> bytes:
        """The board as a PNG picture: everybody by the first two metrics, with the thresholds."""
        import altair as alt

        from aura_analytics import charts
        from aura_analytics.charts.render import png
        from aura_analytics.charts.theme import LIGHT, MAX_ROWS, styled

        leaves = self.state.comparisons()
        x, y = leaves[0], leaves[-1]
        words = pl.Series(engine.VERDICTS).gather(pl.Series(self.state.verdicts.astype(np.uint32)))
        frame = pl.DataFrame({"x": x["value"], "y": y["value"], "verdict": words, "code": self.state.verdicts})
        # of more than a chart may hold, those who are flagged and watched first
        frame = frame.drop_nans()
        if frame.is_empty():
            return png(charts.note(self.sentence()))
        frame = frame.sort("code", descending=True, maintain_order=True).drop("code").head(MAX_ROWS - 10)
        scale = alt.Scale(domain=list(engine.VERDICTS), range=LIGHT.verdicts)
        points = (
            alt.Chart(frame)
            .mark_point(filled=True, size=45)
            .encode(
                x=alt.X("x:Q", title=x["title"], axis=alt.Axis(format="%" if x["unit"] == "fraction" else "")),
                y=alt.Y(
                    "y:Q",
                    title=y["title"],
                    axis=alt.Axis(format="%" if y["unit"] == "fraction" else ""),
                    scale=alt.Scale(zero=False),
                ),
                color=alt.Color("verdict:N", scale=scale, title=None),
                shape=alt.Shape("verdict:N", title=None),
            )
        )
        lines = [
            alt.Chart(pl.DataFrame({"v": [threshold]})).mark_rule(strokeDash=[5, 4], color=LIGHT.flag).encode(**{axis: "v:Q"})
            for axis, leaf in (("x", x), ("y", y))
            for threshold in leaf["thresholds"]
        ]
        return png(styled(alt.layer(points, *lines), LIGHT, width=520, height=300))

    def export_html(self, path: str | Path) -> Path:
        """Write the tuner as one page that works from a file, without a kernel or a network.

        Thresholds and least numbers can be moved there; what needs the log again (window, confidence, persistence, and everything
        of policies that look at more than one reading or at others) stands as it is set.
        """
        data = self._data()
        for arrays in data["arrays"].values():
            arrays.update({name: base64.b64encode(packed).decode() for name, packed in arrays.items()})
        result = self._result()
        result["verdicts"] = base64.b64encode(result["verdicts"]).decode()
        settings = self._settings()
        curves = {one["key"]: self._curve(one["key"]) for one in settings if not one["choices"] and one["unit"]}
        keys = thresholds_of(self.state)
        heats = {f"{first} {second}": self._heat(first, second) for first, second in list(pairwise(keys))[:_HEATS]}
        state = {
            "data": data,
            "leaves": self._leaves(),
            "settings": settings,
            "result": result,
            "curve": {},
            "curves": curves,
            "exported": {},
            "heat": {},
            "heats": heats,
            "views": self.views,
            "answered": 0,
            "here": 0,
            "heard": 0,
        }
        return self._page(path, "tuner", state, foot=provenance(self.state.saved, self.state.digest[:16]))


def _round(most: float, unit: str) -> float:
    """The end of an axis: a little above the most, on a round number that four steps divide."""
    if unit == "fraction":
        return float(min(max(0.2 * np.ceil(most * 1.02 / 0.2), 0.2), 1.0))
    size = 10.0 ** np.floor(np.log10(max(most, 1e-6)))
    return float(next(size * step for step in (1, 2, 4, 8, 12) if size * step >= most))


def _whole(value: Any, key: str) -> Any:
    return int(value) if key.rsplit(".", 1)[-1] in WHOLE_NUMBERS and not isinstance(value, str) else value


def _known(value: float | None) -> float | None:
    return None if value is None or np.isnan(value) else value


def _plain(found: dict[str, float] | None) -> dict[str, float | None] | None:
    """Numbers as JSON has them: undefined is null."""
    return None if found is None else {name: None if np.isnan(value) else value for name, value in found.items()}
