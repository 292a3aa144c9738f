"""A policy in one sentence."""

from __future__ import annotations

from aura_analytics.clock.times import span_of_time
from aura_analytics.rules.grammar import PolicyFile
from aura_analytics.rules.wording import condition_words

__all__ = ["policy_sentence"]


def policy_sentence(spec: PolicyFile) -> str:
    """What a policy flags, and what it only watches, in words made from its rules.

    Examples
    --------
    >>> import aura_analytics as aura
    >>> policy_sentence(aura.Policy.tracker().spec)
    'tracker (version 1) reads 90 days and flags officers, agents, components and systems with Override rate above 30.0 % and Satisfaction below 3.00 stars.'
    """  # noqa: E501
    kinds = " and ".join(f"{kind}s" for kind in spec.kinds[-2:])
    kinds = ", ".join([*(f"{kind}s" for kind in spec.kinds[:-2]), kinds])
    reads = f"{spec.name} (version {spec.version}) reads {span_of_time(spec.window)}"
    parts = []
    for does, at_most in (("flags", "flag"), ("watches", "watch")):
        rules = [condition_words(rule.when) for rule in spec.rules if rule.at_most == at_most]
        if rules:
            parts.append(f"{does} {kinds} with {', or '.join(rules)}")
    held = ""
    if spec.persistence is not None:
        step = "" if spec.persistence.step is None else f", {span_of_time(spec.persistence.step)} apart"
        held = f", in {spec.persistence.k} of {spec.persistence.m} readings{step}"
    return f"{reads} and {'; it '.join(parts)}{held}."
