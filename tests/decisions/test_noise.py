"""A year of weekly questions about components that do not differ: nothing is proposed in all but a few years."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import Any

import numpy as np
import polars as pl
import pytest

from aura_analytics.decisions import proposals
from aura_analytics.learning.adjusted import adjusted
from aura_analytics.learning.multipliers import shrunk
from aura_analytics.learning.sequential import many_looks

CONFIDENCES = "confidence:\n" + "".join(f"  agent:{i}: 0.8\n" for i in range(6))


def learned(method: str, seen: Counter[tuple[tuple[str, ...], int, bool]], level: float) -> pl.DataFrame:
    if method == "adjusted":
        rows: list[tuple[Any, ...]] = [
            (list(names), "success" if good else "failure", f'{{"complexity": {hard}}}', n)
            for (names, hard, good), n in seen.items()
        ]
        return adjusted(pl.DataFrame(rows, schema=["components", "outcome", "covariates", "n"], orient="row"), confidence=level)
    counts: dict[str, list[int]] = {}
    for (names, _, good), n in seen.items():
        for name in names:
            one = counts.setdefault(name, [0, 0])
            one[0] += n
            one[1] += n * good
    table = {"component": list(counts), "outcomes": [n for n, _ in counts.values()], "successes": [k for _, k in counts.values()]}
    return shrunk(pl.DataFrame(table), confidence=level)


@pytest.mark.slow
@pytest.mark.parametrize(("method", "years"), [("adjusted", 60), ("shrunk", 100)])
def test_a_year_of_noise(method: str, years: int, tmp_path: Any) -> None:
    """Six components alike, hard and easy cases, weekly questions: proposed ever in at most 5 % (and 3 standard errors)."""
    (tmp_path / "conf.yaml").write_text(CONFIDENCES)
    draw, found = np.random.Generator(np.random.Philox(1)), 0
    for _ in range(years):
        seen: Counter[tuple[tuple[str, ...], int, bool]] = Counter()
        for _week in range(52):
            for _case in range(25):
                names = tuple(f"agent:{i}" for i in sorted(draw.choice(6, size=draw.integers(1, 3), replace=False)))
                hard = int(draw.integers(1, 4))
                seen[names, hard, bool(draw.random() < 0.9 - 0.1 * hard)] += 1
            learn = partial(learned, method, seen.copy())
            made = proposals.propose(tmp_path / "conf.yaml", learn, method=method, outcomes=0)
            if made.changes:
                found += 1
                break
    assert found <= 0.05 * years + 3 * (0.05 * 0.95 * years) ** 0.5
    assert found < 0.15 * years  # one look's limits propose something in 22 %


def test_the_limit_is_crossed_as_often_as_it_says() -> None:
    """Sums of normal numbers at every look from 10 to 10,000: at most 5 %, and not much less than half of that."""
    draw, worlds = np.random.Generator(np.random.Philox(2)), 1_500
    looks = np.unique(np.geomspace(10, 10_000, 1_500).astype(int))
    steps = np.diff(looks, prepend=0)
    walks = np.cumsum(draw.standard_normal((worlds, len(looks))) * np.sqrt(steps), axis=1)
    ever = (np.abs(walks / np.sqrt(looks)) > many_looks(0.05)).any(axis=1).mean()
    assert 0.02 <= ever <= 0.05 + 3 * (0.05 * 0.95 / worlds) ** 0.5
