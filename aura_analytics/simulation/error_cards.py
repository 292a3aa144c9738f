"""A rule's card: how often it is wrong in worlds whose truth is known, beside the file of the rule.

A card says which rule it is of (name, version, and a digest of everything that decides), so that one of another rule is never taken
for it.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable
from datetime import date, datetime, timezone
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from aura_analytics.errors import FileMissingError, ParameterError, Problem
from aura_analytics.outputs import written_text
from aura_analytics.rules.policy import SHIPPED, Policy, PolicyLike, as_policy
from aura_analytics.simulation.daily_looks import DailyLooks, daily_looks
from aura_analytics.simulation.rates import RuleErrorRates
from aura_analytics.simulation.scenario import ScenarioLike, as_scenario
from aura_analytics.simulation.sweeps import rule_error_rates
from aura_analytics.statistics.intervals import exact_rate
from aura_analytics.tasks import ExecutorLike
from aura_analytics.version import __version__
from aura_analytics.yaml_models import Strict, YamlModel
from aura_analytics.yaml_text import dumped

__all__ = ["ErrorCard", "InWorld", "Measure", "card_beside", "digest_of", "error_card", "measure_rule", "read_card"]

_DAYS = (30, 90, 180, 365)  # by which it is said who was found
_SOON = 90
_ALIKE = 5  # of 100: worlds that differ by more are named one by one


class Measure(Strict):
    """A number with its 95 % limits; null where it is undefined."""

    value: float | None = None
    lo: float | None = None
    hi: float | None = None

    def __str__(self) -> str:
        """For a table."""
        if self.value is None:
            return "undefined"
        limits = "" if self.lo is None or self.hi is None else f" ({self.lo:.3f} to {self.hi:.3f})"
        return f"{self.value:.3f}{limits}"


class InWorld(Strict):
    """What was measured in the worlds of one scenario."""

    scenario: str
    worlds: int = Field(ge=2)
    days: int = Field(ge=1)
    false_flags: Measure = Field(description="flags of officers who do well, per officer-year")
    ever_flagged: Measure = Field(description="share of the officers who do well that were ever flagged")
    detected: Measure = Field(description="share of those made to underperform that were ever flagged")
    detected_by: dict[int, Measure] = Field(default_factory=dict, description="the same by a day")
    delay_days: Measure = Field(description="days until then, of those found")
    flips: Measure = Field(description="changes into and out of the flag, per officer-year")

    def sentence(self, every_days: int) -> str:
        """What was measured, in words."""
        said = [f"In {self.worlds:,} worlds of {self.scenario}, {self.days} days each and read every {every_days}:"]
        if self.ever_flagged.value is not None:
            said.append(f"{_share(self.ever_flagged)} of those who do well were ever flagged;")
        if self.detected.value is None:
            said.append("nobody there is made to do badly.")
            return " ".join(said)
        soon = [f"{_share(one)} by day {day}" for day, one in self.detected_by.items() if day == _SOON < self.days]
        said.append(f"of those made to do badly {_share(self.detected)} were found{', ' + soon[0] if soon else ''}.")
        return " ".join(said)


def _share(one: Measure) -> str:
    """A share in percent with its limits."""
    value, low, high = (0.0 if part is None else 100 * part for part in (one.value, one.lo, one.hi))
    return f"{value:.2g} % ({low:.2g} to {high:.2g})" if value < 99.5 else f"{value:.3g} % ({low:.3g} to {high:.3g})"


class ErrorCard(YamlModel):
    """How often a rule is wrong.

    Examples
    --------
    >>> card = measure_rule("tracker", ["fraud_unit"], replications=2, days=20)
    >>> card.policy, card.measured[0].scenario, card.measured[0].worlds
    ('tracker', 'fraud_unit', 2)
    """

    called: ClassVar[str] = "card"

    policy: str
    version: int
    digest: str
    window: str | None = None
    every_days: int
    seed: int
    date: date
    made_with: str
    measured: list[InWorld] = Field(min_length=1)
    daily: list[DailyLooks] = Field(default_factory=list, description="what reading its lines every day comes to")

    def to_yaml(self) -> str:
        """The card as a file."""
        head = f"# How often {self.policy} (version {self.version}) is wrong, in worlds whose truth is known: aura rules measure\n"
        return head + dumped(self.model_dump(mode="json"))

    def write(self, path: str | Path, *, overwrite: bool = False) -> Path:
        """Write it.

        Parameters
        ----------
        path
            The file; `card_beside` says where a policy's is looked for.
        overwrite
            Whether one that is there may be replaced.
        """
        return written_text(path, self.to_yaml(), overwrite=overwrite)

    def sentences(self) -> list[str]:
        """What it says, a sentence a world, and one for each line that is read every day."""
        return [one.sentence(self.every_days) for one in self.measured] + [one.sentence() for one in self.daily]

    def in_short(self) -> str:
        """How many of 100 who do well it flags, over all the worlds that it was measured in, in a sentence."""
        known = [one for one in self.measured if one.ever_flagged.lo is not None and one.ever_flagged.hi is not None]
        if not known:
            return "Nobody does well in the worlds that it was measured in, so that it is not known whom it would flag wrongly."
        ranges = {one.scenario: (one.ever_flagged.lo or 0.0, one.ever_flagged.hi or 0.0) for one in known}
        whole = {name: (math.floor(100 * low), math.ceil(100 * high)) for name, (low, high) in ranges.items()}
        days = {one.days for one in known}
        time = "a year" if days == {365} else f"in {min(days)} days" if len(days) == 1 else f"in {min(days)} to {max(days)} days"
        low, high = min(low for low, _ in whole.values()), max(high for _, high in whole.values())
        if high - low <= _ALIKE:
            return f"Of 100 who do well it flags {low} to {high} {time}, in worlds whose truth is known ({', '.join(whole)})."
        said = ", ".join(f"{low} to {high} in {name}" for name, (low, high) in whole.items())
        return f"Of 100 who do well it flags {time} {said}, worlds whose truth is known."

    def is_of(self, policy: PolicyLike) -> bool:
        """Whether it was measured of this very rule."""
        return self.digest == digest_of(as_policy(policy))


def digest_of(policy: Policy) -> str:
    """Sixteen hexadecimal digits of everything in a policy that decides: rules, evidence, window, persistence, kinds."""
    said = policy.spec.model_dump_json(by_alias=True, exclude={"name", "version", "description", "tests"})
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def card_beside(path: str | Path) -> Path:
    """Where the card of a policy file is.

    Examples
    --------
    >>> str(card_beside("rules/mine.yaml"))
    'rules/mine.card.yaml'
    """
    file = Path(path)
    return file.with_name(f"{file.stem}.card.yaml")


def measure_rule(
    policy: PolicyLike,
    scenarios: Iterable[ScenarioLike],
    replications: int = 400,
    seed: int = 0,
    *,
    days: int | None = None,
    every_days: int = 7,
    workers: int = 1,
    executor: ExecutorLike = None,
    folder: str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> ErrorCard:
    """Play worlds, read them as the rule would, and say how often it is wrong.

    Parameters
    ----------
    policy
        The rule.
    scenarios
        The worlds, by name, file or as objects.
    replications, seed, days, every_days, workers, executor, folder, progress
        As in `aura.rule_error_rates`, of each scenario.

    Returns
    -------
    ErrorCard

    Raises
    ------
    ParameterError, RuleError, FileMissingError
        As `aura.rule_error_rates`; also without a scenario.

    Examples
    --------
    >>> measure_rule("tracker", ["fraud_unit"], replications=2, days=20).measured[0].days
    20
    """
    rule = as_policy(policy)
    measured = []
    for one in scenarios:
        world = as_scenario(one)
        kept = None if folder is None else Path(folder) / world.name
        options: dict[str, Any] = {
            "days": days,
            "every_days": every_days,
            "workers": workers,
            "executor": executor,
            "progress": progress,
        }
        found = rule_error_rates(rule, world, replications, seed, folder=kept, **options)
        measured.append(_in_world(found, days or world.days))
    if not measured:
        raise ParameterError(Problem("a rule is measured in worlds", got="no scenario", next="--scenario fraud_unit"))
    return ErrorCard(
        policy=rule.name,
        version=rule.spec.version,
        digest=digest_of(rule),
        window=rule.spec.window,
        every_days=every_days,
        seed=seed,
        date=datetime.now(timezone.utc).date(),
        made_with=f"aura-analytics {__version__}",
        measured=measured,
        daily=daily_looks(rule),
    )


def _in_world(found: RuleErrorRates, days: int) -> InWorld:
    rates = {row["rate"]: row for row in found.rates.iter_rows(named=True)}

    def rate(name: str) -> Measure:
        return Measure(**{part: _rounded(rates[name][part]) for part in ("value", "lo", "hi")})

    by = {}
    for day in _DAYS:
        until = found.detection.filter(found.detection["day"] <= day)
        if day <= days and until.height:
            last = until.row(-1, named=True)
            by[day] = Measure(value=_rounded(last["share"]), lo=_rounded(last["lo"]), hi=_rounded(last["hi"]))
    ever = Measure()
    if found.good:
        low, high = exact_rate(found.falsely, found.good)
        ever = Measure(value=_rounded(found.falsely / found.good), lo=_rounded(low), hi=_rounded(high))
    return InWorld(
        scenario=found.scenario,
        worlds=found.worlds.height,
        days=days,
        false_flags=rate("false_flags_per_officer_year"),
        ever_flagged=ever,
        detected=rate("detected"),
        detected_by=by,
        delay_days=rate("delay_days"),
        flips=rate("flips_per_officer_year"),
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 5)


def read_card(path: str | Path, policy: PolicyLike) -> ErrorCard:
    """The card beside a policy file.

    Raises
    ------
    FileMissingError
        If there is none.
    ParameterError
        If it is of another rule.
    """
    beside = card_beside(path)
    hint = f"aura rules measure {path} --scenario fraud_unit"
    if not beside.exists():
        raise FileMissingError(Problem("the policy has no card", got=str(beside), next=hint))
    card = ErrorCard.from_yaml(beside)
    if not card.is_of(policy):
        text = f"of {card.policy}, version {card.version}, of {card.date}"
        raise ParameterError(Problem("the card is of another rule", got=text, where=str(beside), next=f"measure again: {hint}"))
    return card


def error_card(policy: PolicyLike = None) -> ErrorCard | None:
    """The card of a rule: how often it is wrong in worlds whose truth is known.

    Parameters
    ----------
    policy
        A shipped policy, or the path of a file with a card beside it; default the default policy.

    Returns
    -------
    ErrorCard or None
        None where nobody measured this very rule: another window or another threshold makes another rule.

    Examples
    --------
    >>> card = error_card("reliance")
    >>> assert card is not None
    >>> card.policy, [one.scenario for one in card.measured]
    ('reliance', ['fraud_unit', 'loan_forgiveness', 'benefit_rush'])
    """
    rule = as_policy(policy)
    beside = [] if policy is None or isinstance(policy, Policy) or str(policy) in SHIPPED else [card_beside(policy)]
    for card in [*_shipped_cards(), *(ErrorCard.from_yaml(path) for path in beside if path.exists())]:
        if card.is_of(rule):
            return card
    return None


@lru_cache(maxsize=1)
def _shipped_cards() -> tuple[ErrorCard, ...]:
    folder = Path(str(resources.files("aura_analytics.rules") / "policies"))
    return tuple(ErrorCard.from_yaml(path) for path in sorted(folder.glob("*.card.yaml")))
