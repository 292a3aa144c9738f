"""What a simulated world knows and no log says: who was right, and how good everybody is."""

from __future__ import annotations

from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

import polars as pl

from aura_analytics.simulation.ids import Texts
from aura_analytics.simulation.scenario import Scenario
from aura_analytics.simulation.world import STEPS, World, together

if TYPE_CHECKING:
    from aura_analytics.simulation.world import Columns


__all__ = ["Truth", "true_actors"]


class Truth:
    """What a real log never shows.

    Attributes
    ----------
    cases
        Per case: `case_id`, `queue`, `day`, `number`, `agent`, `officer`, `arrival`, `assigned`, `start`, `end`,
        `ai_recommendation`, `decided`, `human_verdict` (null where the case was only resolved), `right_verdict`, `ai_right`,
        `human_right`, `override`, `confidence`, `invented`, `too_short`, `stars` (0: not rated), `rated`, `audited`, `audit_at`;
        where the scenario has them `drill`, `first_right` (null where there was no first verdict) and `own_work`.
        Cases that are not over by the end of the horizon are there with how they would go on.
    actors
        Per officer and agent: `actor`, `actor_kind`, `group`, `bad` (chronically underperforming), `bad_since` (from when on), and
        the true rates: `overrides_wrong`, `overrides_right` of officers, `accuracy` of agents (mean over queues, before any drift;
        where APPROVE is right).
    """

    def __init__(self, world: World, parts: list[Columns]) -> None:
        self._world, self._parts = world, parts

    @cached_property
    def cases(self) -> pl.DataFrame:
        """Per case what happened, and what was right."""
        world, c = self._world, together(self._parts)
        recommend, right = c["ai_right"] == c["approve_right"], c["approve_right"]
        verdict = recommend != c["override"]
        words = pl.Series(["REJECT", "APPROVE"])
        micros = pl.Datetime("us", "UTC")
        texts = Texts([queue.name for queue in world.scenario.queues], world.tag)
        queues = pl.Series([queue.name for queue in world.scenario.queues], dtype=pl.String)

        def named(series: pl.Series, places: Any) -> pl.Series:
            return series.gather(pl.Series(places.astype("u4")))

        moments = {name: pl.Series(c[name] + world.zero).cast(micros) for name in ("arrival", "assigned", "start", "end")}
        rated = pl.Series(c["rated"] + world.zero).cast(micros).set(pl.Series(c["stars"] == 0), None)
        rare: dict[str, pl.Series] = {name: pl.Series(c[name]) for name in ("drill", "own_work") if name in c}
        if "first_right" in c:
            rare["first_right"] = pl.Series(c["first_right"] == 1).set(pl.Series(c["first_right"] < 0), None)
        return pl.DataFrame(
            {
                "case_id": texts.cases((c["queue"].astype("i8") << 40) | c["number"]),
                "queue": named(queues, c["queue"]),
                "day": c["day"],
                "number": c["number"],
                "agent": named(pl.Series(world.agents), c["agent"]),
                "officer": named(pl.Series(world.officers), c["officer"]),
                **moments,
                "ai_recommendation": named(words, recommend),
                "decided": c["decided"],
                "human_verdict": named(words, verdict).set(pl.Series(~c["decided"]), None),
                "right_verdict": named(words, right),
                "ai_right": c["ai_right"],
                "human_right": pl.Series(verdict == right).set(pl.Series(~c["decided"]), None),
                "override": c["override"],
                "confidence": c["sure"] / STEPS,
                "invented": c["invented"],
                "too_short": c["too_short"],
                "stars": c["stars"],
                "rated": rated,
                "audited": c["audited"],
                **rare,
            }
        ).with_columns(audit_at=pl.when("audited").then(pl.col("end") + timedelta(days=world.scenario.audit_days)))

    @cached_property
    def actors(self) -> pl.DataFrame:
        """Per officer and agent the true rates."""
        return true_actors(self._world.scenario)


def true_actors(scenario: Scenario) -> pl.DataFrame:
    """Per officer and agent the true rates."""
    rows: list[dict[str, Any]] = [
        {
            "actor": name,
            "actor_kind": group.kind,
            "group": group.name,
            "bad": group.bad,
            "bad_since": scenario.start if group.bad else None,
            "overrides_wrong": group.overrides_wrong,
            "overrides_right": group.overrides_right,
            "accuracy": None,
        }
        for group in scenario.officers
        for name in group.names
    ]
    for agents in scenario.agents:
        shares = list(agents.accuracy.values()) if isinstance(agents.accuracy, dict) else [agents.accuracy]
        rows += [
            {
                "actor": name,
                "actor_kind": "agent",
                "group": agents.name,
                "bad": agents.bad,
                "bad_since": scenario.start if agents.bad else None,
                "overrides_wrong": None,
                "overrides_right": None,
                "accuracy": sum(shares) / len(shares),
            }
            for name in agents.names
        ]
    floats = dict.fromkeys(("overrides_wrong", "overrides_right", "accuracy"), pl.Float64)
    return pl.DataFrame(rows, schema_overrides={**floats, "bad_since": pl.Date})
