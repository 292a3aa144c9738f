"""Cards of rules: what is measured, kept beside the file, and held against a budget."""

from __future__ import annotations

from math import comb, exp, factorial
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from aura_analytics.cli.app import app
from aura_analytics.errors import FileMissingError, ParameterError, RuleError
from aura_analytics.rules.policy import Policy
from aura_analytics.simulation.budgets import Budget
from aura_analytics.simulation.error_cards import ErrorCard, InWorld, Measure, card_beside, measure_rule, read_card
from aura_analytics.statistics.intervals import exact_rate, poisson_rate

NOTHING = Measure()


def card(policy: Policy, **rates: Measure) -> ErrorCard:
    known = dict.fromkeys(("false_flags", "ever_flagged", "detected", "delay_days", "flips"), NOTHING) | rates
    made = measure_rule(policy, ["fraud_unit"], replications=2, days=7)
    return made.model_copy(update={"measured": [InWorld(scenario="fraud_unit", worlds=400, days=100, **known)]})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump(Policy.tracker().spec.model_dump(mode="json", by_alias=True, exclude_none=True)))
    return path


@pytest.mark.slow
def test_a_card_is_measured_and_kept_beside_its_file(file: Path) -> None:
    told = CliRunner().invoke(
        app, ["rules", "measure", str(file), "--scenario", "fraud_unit", "--replications", "3", "--days", "20", "--workers", "1"]
    )
    assert told.exit_code == 0, told.output
    found = read_card(file, Policy.from_yaml(file))
    assert card_beside(file).name == "mine.card.yaml" and found.measured[0].worlds == 3
    assert ErrorCard.from_yaml(card_beside(file)) == found
    again = measure_rule(Policy.from_yaml(file), ["fraud_unit"], replications=3, days=20)
    assert again.measured == found.measured  # the same seed, the same numbers
    one = found.measured[0]
    assert one.detected.value is not None and one.false_flags.hi is not None and one.false_flags.hi > 0


def test_a_budget_is_held_by_the_limit(file: Path) -> None:
    policy = Policy.from_yaml(file)
    good = card(policy, false_flags=Measure(value=0.01, lo=0.005, hi=0.018), detected=Measure(value=0.97, lo=0.93, hi=0.99))
    assert Budget.of("false_flags<=0.02").over(good) == [] == Budget.of("detected >= 0.9").over(good)
    (said,) = Budget.of("false_flags<=0.015").over(good)
    assert "not shown by 400 worlds" in said and "0.010 (0.005 to 0.018)" in said
    (said,) = Budget.of("detected>=0.98").over(good)
    assert said.endswith("over budget")
    good.write(card_beside(file))
    for budget, code in (("false_flags<=0.02", 0), ("false_flags<=0.015", 1)):
        told = CliRunner().invoke(app, ["rules", "test", str(file), "--budget", budget])
        assert told.exit_code == code, told.output


@pytest.mark.slow
def test_a_card_of_another_rule_is_refused(file: Path) -> None:
    card(Policy.evidence_gated()).write(card_beside(file))
    with pytest.raises(ParameterError, match="card is of another rule"):
        read_card(file, Policy.from_yaml(file))
    # a name or a test more changes nothing of what decides
    renamed = Policy({**Policy.tracker().spec.model_dump(by_alias=True), "name": "other", "description": "x", "tests": []})
    assert card(Policy.tracker()).is_of(renamed)
    stricter = Policy({**Policy.tracker().spec.model_dump(by_alias=True), "window": "30d"})
    assert not card(Policy.tracker()).is_of(stricter)


def test_what_cannot_be_read_is_named(file: Path) -> None:
    with pytest.raises(FileMissingError, match="has no card"):
        read_card(file, Policy.from_yaml(file))
    with pytest.raises(ParameterError, match="did you mean 'false_flags'"):
        Budget.of("false_flag<=0.1")
    with pytest.raises(ParameterError, match="cannot be read"):
        Budget.of("false_flags about 3")
    with pytest.raises(ParameterError, match="no scenario"):
        measure_rule("tracker", [])
    card_beside(file).write_text("name: something else\n")
    with pytest.raises(RuleError):
        read_card(file, Policy.from_yaml(file))
    told = CliRunner().invoke(
        app, ["rules", "measure", str(file), "--scenario", "fraud_unit", "--replications", "2", "--days", "7"]
    )
    assert told.exit_code != 0 and card_beside(file).read_text() == "name: something else\n"


@pytest.mark.parametrize("share", [0.02, 0.1, 0.5])
def test_exact_limits_cover(share: float) -> None:
    n = 20
    covered = 0.0
    for k in range(n + 1):
        low, high = exact_rate(k, n)
        covered += comb(n, k) * share**k * (1 - share) ** (n - k) * (low <= share <= high)
    assert covered >= 0.95


@pytest.mark.parametrize("mean", [0.4, 2.0, 9.0])
def test_exact_limits_of_counts_cover(mean: float) -> None:
    years = 20.0
    covered = 0.0
    for k in range(60):
        low, high = poisson_rate(k, years)
        covered += exp(-mean) * mean**k / factorial(k) * (low <= mean / years <= high)
    assert covered >= 0.95
