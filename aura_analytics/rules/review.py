"""What can be said of a policy without any data: rules that can never hold, and readings that share their events."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from aura_analytics.clock import times
from aura_analytics.errors import Problem
from aura_analytics.rules.comparisons.peers import PeerRate
from aura_analytics.rules.grammar import Any_, Condition, Leaf, PolicyFile, comparisons
from aura_analytics.yaml_text import Mapped

__all__ = ["mistakes_in", "notes_on"]

_MOST = 1000  # ways of meeting a condition that are looked at


def notes_on(spec: PolicyFile) -> list[str]:
    """What whoever wrote the policy should know."""
    notes = []
    if spec.persistence is not None and spec.persistence.m > 1 and spec.step is not None:
        step = times.span_of_time(times.window_text(spec.step))
        if spec.span is None:
            notes.append(
                f"readings {step} apart of the whole log share almost all their events; a window would make them independent"
            )
        elif spec.step < spec.span:
            share = 1 - spec.step / spec.span
            window = times.span_of_time(times.window_text(spec.span))
            notes.append(
                f"readings {step} apart with a window of {window} share {share:.0%} of their days with the next: one bad day "
                f"counts in up to {-(-spec.span // spec.step)} of them; without 'step' they share none"
            )
    return notes


def mistakes_in(spec: PolicyFile, where: str, data: object = None) -> list[Problem]:
    """What a policy says that has no effect, or that no numbers can meet.

    Parameters
    ----------
    spec
        The policy.
    where
        Its file.
    data
        The file's values, where they say at which line and column each stands.
    """
    found = []
    for number, rule in enumerate(spec.rules):
        for key, condition in (("when", rule.when), ("clear_when", rule.clear_when)):
            if condition is not None:
                at = _place(where, data, ("rules", number, key)) or f"{where}, {key}"
                found += [*_idle(rule.id, condition, at), *_never(rule.id, key, condition, at)]
    return found


def _place(where: str, data: object, path: tuple[str | int, ...]) -> str | None:
    if not isinstance(data, Mapped):
        return None
    line, column = data.place(path)
    return f"{where}:{line}:{column}"


def _idle(rule: str, condition: Condition, at: str) -> list[Problem]:
    return [
        Problem(
            f"rule {rule!r}: confidence without a limit does nothing",
            got=leaf.confidence,
            where=at,
            next=f"say limit: {leaf.op.limits} beside it, or leave it out",
        )
        for leaf in comparisons(condition)
        if leaf.limit is None and "confidence" in leaf.model_fields_set
    ]


def _never(rule: str, key: str, condition: Condition, at: str) -> list[Problem]:
    if any(_possible(way) for way in itertools.islice(_ways(condition), _MOST)):
        return []
    what = "can never hold" if key == "when" else "can never be cleared"
    return [Problem(f"rule {rule!r} {what}", where=at, next="no value of its metrics meets every comparison")]


def _ways(condition: Condition) -> Iterator[list[Leaf]]:
    """The ways to meet a condition, each a list of comparisons that must all be met."""
    if isinstance(condition, Leaf):
        yield [condition]
    elif isinstance(condition, Any_):
        for part in condition.any:
            yield from _ways(part)
    else:
        for parts in itertools.product(*(list(itertools.islice(_ways(part), _MOST)) for part in condition.all)):
            yield [leaf for part in parts for leaf in part]


def _possible(leaves: list[Leaf]) -> bool:
    """Whether one value of each metric meets all its comparisons; thresholds taken from peers may be anything."""
    by_metric: dict[str, list[Leaf]] = {}
    for leaf in leaves:
        if not isinstance(leaf.threshold, PeerRate):
            by_metric.setdefault(leaf.metric, []).append(leaf)
    return all(_together(mine) for mine in by_metric.values())


def _together(leaves: list[Leaf]) -> bool:
    kind = leaves[0].kind
    low = -np.inf if kind.low is None else kind.low
    high = np.inf if kind.high is None else kind.high
    edges = sorted({number for leaf in leaves for number in leaf.numbers} | {end for end in (low, high) if np.isfinite(end)})
    beyond = [edges[0] - 1, *((a + b) / 2 for a, b in itertools.pairwise(edges)), edges[-1] + 1]
    values = np.array([value for value in (*edges, *beyond) if low <= value <= high])
    met = np.all([leaf.op.met(values, list(leaf.numbers)) for leaf in leaves], axis=0)
    nothing = all(
        leaf.missing_as is not None and leaf.op.met(np.array([leaf.missing_as]), list(leaf.numbers))[0] for leaf in leaves
    )
    return bool(met.any()) or nothing
