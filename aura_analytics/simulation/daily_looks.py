"""What it costs to read a rule every day: how often somebody on the right side of its line is flagged, and how soon others are.

A limit that errs in 5 % of samples is crossed by chance in the end by whoever is looked at often enough. For every share that a
rule compares with a line, streams of verdicts are drawn whose truth is known, and the rule's own comparison reads them each day
over the policy's window, as it reads a board; what else the rule asks (unhappy citizens, say) is taken as met.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from pydantic import Field

from aura_analytics.clock.times import micros
from aura_analytics.errors import ParameterError, Problem
from aura_analytics.metrics.kinds.rate import Rate
from aura_analytics.rules import engine
from aura_analytics.rules.grammar import All, Condition, Leaf
from aura_analytics.rules.policy import PolicyLike, as_policy
from aura_analytics.yaml_models import Strict

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["DailyLooks", "daily_looks"]

_DAY = 86_400_000_000
_APART, _BAD = 0.02, 0.15  # from the line, on its right side and beyond it
_WITHIN = (100, 200, 300)


class DailyLooks(Strict):
    """What reading one line of a rule every day comes to."""

    rule: str
    metric: str
    line: float
    right_side: float = Field(description="the share of somebody who does well, two points from the line")
    ever: float = Field(description="of those the share that is flagged at any look")
    beyond: float = Field(description="the share of somebody who is over the line by fifteen points")
    found: dict[int, float] = Field(description="of those the share that is flagged within so many verdicts")
    per_day: float
    looks: int

    def sentence(self) -> str:
        """It in words."""
        found = ", ".join(f"{100 * share:.0f} %" for share in self.found.values())
        verdicts, ever = ", ".join(map(str, self.found)), f"{100 * self.ever:.{0 if self.ever >= 0.1 else 1}f} %"
        a_day = "one verdict a day" if self.per_day == 1 else f"{self.per_day:g} verdicts a day"
        return (
            f"Read every day, {self.rule} ({self.metric}, line {100 * self.line:g} %): of those at "
            f"{100 * self.right_side:g} % {ever} are flagged ever in {self.looks:,} looks at {a_day}; those at "
            f"{100 * self.beyond:g} % are found within {verdicts} verdicts in {found}."
        )


def daily_looks(
    policy: PolicyLike = None, *, per_day: float = 1.0, looks: int = 1_000, streams: int = 10_000, seed: int = 0
) -> list[DailyLooks]:
    """What reading a policy every day comes to, one entry for each share that a rule of it compares with a line.

    Parameters
    ----------
    policy
        The policy. Only what can flag is read; a rule that never flags may be as eager as it likes.
    per_day
        Verdicts a day: 1 is one each day; another number is drawn (Poisson).
    looks
        Days on which it is read, at least 1.
    streams
        Streams of verdicts that are drawn of each kind, at least 100; the standard error of 5 % from 10,000 is 0.2 points.
    seed
        The same seed draws the same streams.

    Returns
    -------
    list of DailyLooks
        Empty where no rule that flags compares a share. Weighted shares are read as if all weights were equal.

    Raises
    ------
    ParameterError
        For arguments out of range.

    Examples
    --------
    >>> import aura_analytics as aura
    >>> one = aura.daily_looks("sequential_gate", looks=200, streams=200)[0]
    >>> one.metric, one.line, one.ever < 0.05
    ('override_rate', 0.3, True)
    """
    if not (per_day > 0 and looks >= 1 and streams >= 100):
        got, expected = (per_day, looks, streams), "per_day above 0, looks from 1, streams from 100"
        raise ParameterError(Problem("streams cannot be drawn so", got=got, expected=expected))
    chosen = as_policy(policy)
    window = looks if chosen.window is None else max(micros(chosen.window) // _DAY, 1)
    found = []
    for rule in chosen.spec.rules:
        if rule.at_most == "watch":
            continue
        for leaves in _shares(rule.when):
            leaf = next((one for one in leaves if one.is_evidence), leaves[0])
            above = leaf.op.limits == "lower"
            line, sign = leaf.numbers[0], 1 if above else -1
            well, badly = line - sign * _APART, line + sign * _BAD
            if not (0 < well < 1 and 0 < badly < 1):
                continue
            draw = np.random.Generator(np.random.Philox(seed))
            size = round(window * per_day + 8 * (window * per_day) ** 0.5) + 1 if per_day != 1 else window
            flags = _flags(All.model_construct(all=list(leaves)), leaf.metric, size)
            ever, _ = _read(draw, flags, well, per_day, window, looks, streams)
            _, after = _read(draw, flags, badly, per_day, window, looks, streams)
            found.append(
                DailyLooks(
                    rule=rule.id,
                    metric=leaf.metric,
                    line=line,
                    right_side=round(well, 6),
                    ever=round(ever, 5),
                    beyond=round(badly, 6),
                    found={many: round(float((after <= many).mean()), 4) for many in _WITHIN},
                    per_day=per_day,
                    looks=looks,
                )
            )
    return found


def _shares(condition: Condition) -> list[list[Leaf]]:
    """The comparisons of a rule by the share that they read, where they must all hold; of `any` each part by itself."""
    if isinstance(condition, Leaf):
        parts: list[Condition] = [condition]
    elif isinstance(condition, All):
        parts = condition.all
    else:
        return [found for part in condition.any for found in _shares(part)]
    leaves = [part for part in parts if isinstance(part, Leaf) and isinstance(part.kind, Rate) and len(part.numbers) == 1]
    inner = [found for part in parts if not isinstance(part, Leaf) for found in _shares(part)]
    by_metric: dict[str, list[Leaf]] = {}
    for leaf in leaves:
        by_metric.setdefault(leaf.metric, []).append(leaf)
    return [*by_metric.values(), *inner]


def _flags(condition: Condition, metric: str, most: int) -> NDArray[np.bool_]:
    """Whether so many hits of so many verdicts are flagged, shape (most + 1, most + 1): n, then k."""
    n, k = np.tril_indices(most + 1)
    share = np.where(n > 0, k / np.maximum(n, 1), np.nan)
    board = pl.DataFrame(
        {
            metric: pl.Series(share, nan_to_null=True),
            f"{metric}_n": pl.Series(n, dtype=pl.Int64),
            f"{metric}_n_eff": pl.Series(n.astype(np.float64)),
        }
    )
    out = np.zeros((most + 1, most + 1), dtype=bool)
    out[n, k] = engine.answer(condition, board)[0] == engine.YES
    return out


def _read(
    draw: np.random.Generator, flags: NDArray[np.bool_], share: float, per_day: float, window: int, looks: int, streams: int
) -> tuple[float, NDArray[np.float64]]:
    """The share of streams that is flagged at any look, and after how many verdicts (infinite where never)."""
    steady = per_day == 1
    new = np.ones((streams, looks), dtype=np.int32) if steady else draw.poisson(per_day, (streams, looks)).astype(np.int32)
    hits = (draw.random((streams, looks)) < share).astype(np.int32) if steady else draw.binomial(new, share).astype(np.int32)
    seen, hit = np.cumsum(new, axis=1), np.cumsum(hits, axis=1)
    n, k = seen.copy(), hit.copy()
    n[:, window:] -= seen[:, :-window]
    k[:, window:] -= hit[:, :-window]
    flagged = flags[np.minimum(n, len(flags) - 1), np.minimum(k, len(flags) - 1)]
    ever = flagged.any(axis=1)
    after = np.where(ever, seen[np.arange(streams), flagged.argmax(axis=1)], np.inf)
    return float(ever.mean()), after
