"""The comparisons of a condition by name, so that one of them can be set to another value."""

from __future__ import annotations

from typing import Any

from aura_analytics.rules.grammar import All, Condition, Leaf, comparisons

__all__ = ["named", "replaced", "shaped"]


def named(condition: Condition) -> list[tuple[str, Leaf]]:
    """The comparisons of a condition by metric; of several with one metric the later ones are numbered."""
    found = comparisons(condition)
    names: list[str] = []
    for leaf in found:
        same = sum(name.split("#")[0] == leaf.metric for name in names)
        names.append(leaf.metric if not same else f"{leaf.metric}#{same + 1}")
    return list(zip(names, found, strict=True))


def replaced(condition: Condition, place: str, field: str, value: Any) -> Condition:
    """The condition with another threshold, level or least number at one comparison."""
    names = iter([name for name, _ in named(condition)])

    def walk(part: Condition) -> Condition:
        if isinstance(part, Leaf):
            if next(names) != place:
                return part
            return part.model_copy(update=_changed(part, field, value))
        inner = [walk(each) for each in (part.all if isinstance(part, All) else part.any)]
        return part.model_copy(update={"all" if isinstance(part, All) else "any": inner})

    return walk(condition)


def shaped(condition: Condition, prefix: str) -> Any:
    """A condition as nested lists that begin with `all` or `any`, its comparisons as their names behind a prefix."""
    names = iter([f"{prefix}.{place}" for place, _ in named(condition)])

    def walk(part: Condition) -> Any:
        if isinstance(part, Leaf):
            return next(names)
        parts = part.all if isinstance(part, All) else part.any
        return ["all" if isinstance(part, All) else "any", *(walk(each) for each in parts)]

    return walk(condition)


def _changed(leaf: Leaf, field: str, value: Any) -> dict[str, Any]:
    if field not in leaf.op.settings:
        return {field: int(value) if field == "min_n" else float(value)}
    numbers = list(leaf.numbers)
    numbers[leaf.op.settings.index(field)] = float(value)
    return {"threshold": tuple(numbers) if isinstance(leaf.threshold, tuple) else numbers[0]}
