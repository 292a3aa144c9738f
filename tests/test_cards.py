"""The cards of the shipped policies: of these very rules, of enough worlds, within what is promised, and on the page of cards."""

from __future__ import annotations

from pathlib import Path

import pytest

import aura_analytics as aura
from aura_analytics.rules.policy import SHIPPED
from aura_analytics.simulation.error_cards import ErrorCard, InWorld, Measure

ROOT = Path(__file__).parents[1]


def card(name: str) -> ErrorCard:
    found = aura.error_card(name)
    assert found is not None, f"measure it again: aura rules measure aura_analytics/rules/policies/{name}.yaml --scenario ..."
    return found


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_policy_has_its_card(name: str) -> None:
    found = card(name)
    assert found.policy == name and found.is_of(name)
    assert all(one.worlds >= 400 for one in found.measured)
    assert len(found.sentences()) == len(found.measured) + len(found.daily)


def test_a_rule_that_was_changed_has_no_card() -> None:
    assert aura.error_card(aura.Policy.reliance().over("30d")) is None


def test_the_default_rule_keeps_what_is_promised() -> None:
    by = {one.scenario: one for one in card("reliance").measured}
    fraud, loans = by["fraud_unit"], by["loan_forgiveness"]
    assert fraud.ever_flagged.hi is not None and fraud.ever_flagged.hi <= 0.02
    assert fraud.detected.lo is not None and fraud.detected.lo >= 0.95
    assert loans.ever_flagged.value is not None and loans.ever_flagged.value <= 0.005
    assert loans.detected.lo is not None and loans.detected.lo >= 0.90


def shown(one: Measure) -> str:
    if one.value is None:
        return "–"
    value, low, high = (f"{100 * part:.1f}" for part in (one.value, one.lo or 0.0, one.hi or 0.0))
    return f"{value} % ({low}–{high})"


def line(policy: str, one: InWorld) -> str:
    soon = shown(one.detected_by[90]) if 90 in one.detected_by and one.days > 90 else "–"
    return f"| `{policy}` | `{one.scenario}` | {one.days} | {shown(one.ever_flagged)} | {shown(one.detected)} | {soon} |"


def test_the_page_of_cards_says_what_the_cards_say() -> None:
    text = (ROOT / "docs/cards.md").read_text("utf-8")
    for name in SHIPPED:
        for one in card(name).measured:
            assert line(name, one) in text
