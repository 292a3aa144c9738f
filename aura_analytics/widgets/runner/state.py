"""The state of a scenario runner: choose a world, change it, play it, and see how two rules do in it. No front end is needed."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from aura_analytics.errors import ParameterError, Problem
from aura_analytics.rules.policy import SHIPPED, Policy, as_policy
from aura_analytics.simulation.rates import PolicyComparison
from aura_analytics.simulation.run import simulate
from aura_analytics.simulation.scenario import Scenario, ScenarioLike, as_scenario, shipped
from aura_analytics.simulation.sweeps import compare_policies, rule_error_rates
from aura_analytics.widgets.runner.result import RunResult
from aura_analytics.widgets.shared.setting import Setting, checked

__all__ = ["RunnerState"]

NONE = "none"
_AT_ONCE = 500_000  # cases between two looks at whether to go on


class _Stopped(Exception):
    """Somebody asked to stop."""


class RunnerState:
    """A scenario, its main fields, and one policy or two.

    Parameters
    ----------
    scenario
        Name of one that comes with the package, a `Scenario`, or the path of a file.
    policies
        Policies to choose from, besides those that come with the package.
    seed
        Of the world that is played; the error rates use the same one.
    worlds
        In how many worlds errors are counted.

    Attributes
    ----------
    result
        Of the last run, as far as it got; None before.

    Examples
    --------
    >>> state = RunnerState("fraud_unit", worlds=4)
    >>> state.set("days", 60)
    >>> state.set("other", "tracker")
    >>> result = state.run()
    >>> list(result.rates), result.worlds, result.complete
    (['evidence_gated', 'tracker'], 4, True)
    """

    def __init__(
        self,
        scenario: ScenarioLike = "loan_forgiveness",
        policies: Iterable[Policy | str | Path] = (),
        *,
        seed: int = 0,
        worlds: int = 20,
    ) -> None:
        self._shipped = shipped()
        named = [*(as_policy(name) for name in SHIPPED), *map(as_policy, policies)]
        self._policies = {one.name: one for one in named}
        if len(self._policies) < len(named):
            names = sorted({one.name for one in named if sum(other.name == one.name for other in named) > 1})
            raise ParameterError(Problem("two policies have one name", got=", ".join(names), next="give one of them another name"))
        self._base = as_scenario(scenario)
        self._chosen = self._base.name
        # a scenario of one's own may have the name of one that comes along, and be another world
        self._own = None
        if self._base.name not in self._shipped or as_scenario(self._base.name) != self._base:
            self._own = self._base
            self._chosen = f"{self._base.name} (yours)" if self._base.name in self._shipped else self._base.name
        self._own_name = self._chosen
        self._values: dict[str, Any] = {}
        self._run_values: dict[str, Any] = {"seed": seed, "worlds": worlds, "policy": "evidence_gated", "other": NONE}
        for key in ("seed", "worlds"):
            checked(self.settings, key, self._run_values[key])
        self._folder = tempfile.TemporaryDirectory(prefix="aura-runner-")
        self._stop = threading.Event()
        self.result: RunResult | None = None

    # -- what is set -------------------------------------------------------------------------------------------------------------

    @property
    def scenarios(self) -> list[str]:
        """Names to choose from."""
        return [*self._shipped, *([self._own_name] if self._own is not None else [])]

    @property
    def chosen(self) -> str:
        """Which of them is chosen."""
        return self._chosen

    def choose(self, name: str) -> None:
        """Begin anew with another scenario; raises `ParameterError` when there is none of that name."""
        if name not in self.scenarios:
            raise ParameterError(Problem("no such scenario", got=name, expected=", ".join(self.scenarios)))
        self._base = self._own if self._own is not None and name == self._own_name else as_scenario(name)
        self._chosen, self._values = name, {}

    @property
    def scenario(self) -> Scenario:
        """The scenario as it is set."""
        return self._made(self._values)

    def _made(self, values: Mapping[str, Any]) -> Scenario:
        base = self._base
        if not values:
            return base
        scale = values.get("per_day", 0) / sum(queue.per_day for queue in base.queues)
        data = base.model_dump()
        if scale:
            for queue in data["queues"]:
                queue["per_day"] *= scale
        for key, value in values.items():
            *where, name = key.split("/")
            if key in ("days", "audited"):
                data[key] = value
            elif key == "response":
                data["citizens"]["response"] = value
            elif where:
                part, number = where[0], int(where[1])
                if len(where) == 3:  # accuracy of the queue of that number
                    shares = data[part][number][where[2]]
                    shares[list(shares)[int(name)]] = value
                else:
                    data[part][number][name] = value
        return Scenario.read(data)

    @property
    def settings(self) -> list[Setting]:
        """Everything that can be set, with its range: first what is run, then the world."""
        values = getattr(self, "_run_values", {})
        names = tuple(self._policies)
        found = [
            Setting("policy", "Rule", "", 0, 0, 0, values.get("policy", names[0]), names),
            Setting("other", "compared with", "", 0, 0, 0, values.get("other", NONE), (NONE, *names)),
            Setting("worlds", "Worlds in which errors are counted", "cases", 2, 500, 1, values.get("worlds", 20)),
            Setting("seed", "Seed", "cases", 0, 9_999, 1, values.get("seed", 0)),
        ]
        base, now = self._base, self._made(getattr(self, "_values", {}))
        load, before = (sum(queue.per_day for queue in one.queues) for one in (now, base))
        found.append(Setting("days", "Days", "cases", 7, max(730, base.days), 1, now.days))
        found.append(
            Setting("per_day", "Cases a day", "cases", round(before / 10, 3), round(before * 3, 3), _step(before), round(load, 3))
        )
        for i, (group, was) in enumerate(zip(now.officers, base.officers, strict=True)):
            if group.kind != "officer":
                continue
            name = f"{group.name}{' (made to underperform)' if group.bad else ''}"
            found.append(Setting(f"officers/{i}/count", f"{name}: how many", "cases", 1, max(30, 3 * was.count), 1, group.count))
            found.append(
                Setting(
                    f"officers/{i}/overrides_wrong",
                    f"{name}: wrong recommendations overridden",
                    "fraction",
                    0,
                    1,
                    0.01,
                    group.overrides_wrong,
                )
            )
            found.append(
                Setting(
                    f"officers/{i}/overrides_right",
                    f"{name}: right recommendations overridden",
                    "fraction",
                    0,
                    1,
                    0.01,
                    group.overrides_right,
                )
            )
        for i, agents in enumerate(now.agents):
            if isinstance(agents.accuracy, dict):
                found += [
                    Setting(f"agents/{i}/accuracy/{k}", f"{agents.name}: right in {queue}", "fraction", 0, 1, 0.01, share)
                    for k, (queue, share) in enumerate(agents.accuracy.items())
                ]
            else:
                found.append(Setting(f"agents/{i}/accuracy", f"{agents.name}: right", "fraction", 0, 1, 0.01, agents.accuracy))
        found.append(Setting("response", "Cases that citizens rate", "fraction", 0, 1, 0.01, now.citizens.response))
        found.append(Setting("audited", "Cases that are audited", "fraction", 0, 1, 0.01, now.audited))
        return found

    def set(self, key: str, value: float | str) -> None:
        """Set something.

        Raises
        ------
        ParameterError
            If there is no such setting, or the value is out of its range.
        RuleError
            If the world would be impossible, such as one with more work than can be done; nothing is changed then.
        """
        checked(self.settings, key, value)
        plain = int(value) if key in ("seed", "worlds", "days") or key.endswith("/count") else value
        if key in self._run_values:
            self._run_values[key] = plain
            return
        values = {**self._values, key: plain}
        self._made(values)
        self._values = values

    @property
    def policies(self) -> list[Policy]:
        """The policy, and the one that it is compared with."""
        chosen = dict.fromkeys([self._run_values["policy"], self._run_values["other"]])
        return [self._policies[name] for name in chosen if name != NONE]

    # -- what comes of it --------------------------------------------------------------------------------------------------------

    def run(
        self, progress: Callable[[float, str], None] | None = None, found: Callable[[RunResult], None] | None = None
    ) -> RunResult:
        """Play the world with each policy in its loop, then count the policies' errors in more and more worlds.

        Parameters
        ----------
        progress
            Called with the share that is done (0 to 1), and what is being done.
        found
            Called with the result so far, whenever there is more of it.

        Returns
        -------
        RunResult
            Also as `result`. What `cancel` stopped is there as far as it got.

        Notes
        -----
        Worlds that were counted before, of the same scenario, seed and policy, are not played again.
        """
        self._stop.clear()
        return self.go_on(progress, found)

    def go_on(
        self, progress: Callable[[float, str], None] | None = None, found: Callable[[RunResult], None] | None = None
    ) -> RunResult:
        """`run`, unless it was cancelled already: for a thread that starts later than it was asked to."""
        scenario, policies = self.scenario, self.policies
        seed, worlds = self._run_values["seed"], self._run_values["worlds"]
        result = self.result = RunResult(scenario, seed, asked=worlds)
        parts = 2 * len(policies)
        tell = progress or (lambda _share, _words: None)

        furthest = [0.0]

        def told(done: float, words: str) -> None:
            furthest[0] = max(furthest[0], done / parts)  # what was counted before comes again, and is no step back
            tell(furthest[0], words)
            if self._stop.is_set():
                raise _Stopped

        def kept(new: RunResult) -> RunResult:
            self.result = new
            if found is not None:
                found(new)
            return new

        try:
            for number, policy in enumerate(policies):

                def played(day: int, days: int, number: int = number, name: str = policy.name) -> None:
                    told(number + day / days, f"a world under {name}")

                run = simulate(scenario, seed, policy=policy, progress=played)
                result = kept(replace(result, runs={**result.runs, policy.name: run}))
            most = max(2, int(_AT_ONCE // max(scenario.cases_expected, 1)))
            count = 0
            while count < worlds:  # twice as many each time, as long as a look does not take too long
                count = min(worlds, count + min(max(count, 2), most))

                def counted(done: int, total: int, count: int = count) -> None:
                    share = len(policies) * count / worlds * done / max(total, 1)
                    told(len(policies) + share, f"errors in {count} of {worlds} worlds")

                result = kept(self._rated(result, policies, count, counted))
        except _Stopped:
            tell(0.0, "stopped")
        else:
            tell(1.0, "done")
        return result

    def _rated(self, result: RunResult, policies: list[Policy], count: int, progress: Callable[[int, int], None]) -> RunResult:
        """Error rates in so many worlds; those that were counted before are read from the folder."""
        options: dict[str, Any] = {"replications": count, "seed": result.seed, "folder": self._folder.name, "progress": progress}
        options["every_days"] = result.every_days
        if len(policies) == 2:
            both: PolicyComparison = compare_policies(policies[0], policies[1], result.scenario, **options)
            rates, differences = {both.first.policy: both.first, both.second.policy: both.second}, both.differences
        else:
            one = rule_error_rates(policies[0], result.scenario, **options)
            rates, differences = {one.policy: one}, None
        return replace(result, rates=rates, differences=differences, worlds=count)

    @property
    def outdated(self) -> bool:
        """Whether the result is of other settings than those that are set now."""
        held = self.result
        return held is not None and (
            held.scenario != self.scenario
            or held.seed != self._run_values["seed"]
            or list(held.runs) != [one.name for one in self.policies]
        )

    def ready(self) -> None:
        """Forget an earlier `cancel`."""
        self._stop.clear()

    def cancel(self) -> None:
        """Stop the run that is going on, soon; what it found stays."""
        self._stop.set()

    def close(self) -> None:
        """Stop, and forget the worlds that were counted."""
        self.cancel()
        self._folder.cleanup()

    def sentence(self) -> str:
        """What is set and found, in words."""
        rules = " and ".join(one.name for one in self.policies)
        if self.result is None or not self.result.rates:
            return f"{self.chosen} under {rules}, not played yet"
        said = []
        for name, rates in self.result.rates.items():
            row = rates.rates.row(0, named=True)
            said.append(f"{name} {row['value']:.3f}" if row["value"] is not None else f"{name} unknown")
        return (
            f"{self.result.scenario.name}, {self.result.scenario.days} days, {self.result.worlds} worlds: false "
            f"flags per officer-year: {', '.join(said)}"
        )

    def __repr__(self) -> str:
        return f"RunnerState({self.sentence()})"


def _step(most: float) -> float:
    return 1.0 if most >= 20 else 0.1
