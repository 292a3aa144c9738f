"""What every page says of its policy: the rule in words, how often it is wrong, and where the page comes from."""

from __future__ import annotations

from aura_analytics.rules.policy import PolicyLike, as_policy
from aura_analytics.rules.sentence import policy_sentence
from aura_analytics.simulation.error_cards import digest_of, error_card
from aura_analytics.version import __version__

__all__ = ["policy_words", "provenance"]


def policy_words(policy: PolicyLike = None) -> str:
    """A policy in two sentences: what it flags, and how often it is wrong.

    Parameters
    ----------
    policy
        A `Policy`, the name of a shipped one, or a file; default the default policy.

    Examples
    --------
    >>> said = policy_words("reliance")
    >>> said[said.index("Of 100") :]
    'Of 100 who do well it flags 0 to 1 a year, in worlds whose truth is known (fraud_unit, loan_forgiveness, benefit_rush).'
    """
    rule, card = as_policy(policy), error_card(policy)
    wrong = "How often it is wrong has not been measured (aura rules measure)." if card is None else card.in_short()
    return f"{policy_sentence(rule.spec)} {wrong}"


def provenance(policy: PolicyLike, data: str) -> str:
    """What stands under a page: by which rule, of which data, made by what, and what it is not.

    Parameters
    ----------
    policy
        The rule.
    data
        Digest of the data.

    Examples
    --------
    >>> provenance("tracker", "0f0f")[:26]
    'Policy tracker, version 1,'
    """
    rule, card = as_policy(policy), error_card(policy)
    measured = "not measured" if card is None else f"measured on {card.date} (card {card.digest})"
    return (
        f"Policy {rule.name}, version {rule.spec.version}, digest {digest_of(rule)}, errors {measured}. Data: digest {data}. "
        f"aura-analytics {__version__}. A verdict here is a reason to look, not a finding."
    )
