"""Many actors, many looks: which flags are more than chance among all of them explains, and how many flags chance alone would make.

Whoever reads a thousand innocent officers at 95 % limits flags fifty. Under `control` a flag must also be named by a procedure that
keeps the share of false flags: of e-values (e-BH; Wang and Ramdas 2022), which may be looked at as often as one likes, or of
p-values (Benjamini and Hochberg 1995) for a single look. The hypothesis about an actor is that they are over no line at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from aura_analytics.rules.engine import FLAG
from aura_analytics.rules.grammar import All, Any_, Condition, Leaf, PolicyFile
from aura_analytics.rules.grammar_parts import Control
from aura_analytics.rules.numbers import Board
from aura_analytics.statistics.multiple import adjusted_p_values, e_benjamini_hochberg

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    Bools = NDArray[np.bool_]
    Floats = NDArray[np.float64]

__all__ = ["GROUP", "flag_chances", "held_back", "named_under", "sentence", "with_held_back"]

GROUP = ("as_of", "world")  # who is compared with whom: the rows of one reading, and of one world where a simulation plays several
_LARGEST = 700.0  # log e-value


def named_under(control: Control, conditions: Sequence[Condition], rows: Board, judged: Bools) -> Bools:
    """Whom the procedure names, shape (rows,).

    Parameters
    ----------
    control
        The share of false flags that is allowed, and whether there are many looks.
    conditions
        Those of the rules that flag.
    rows
        The board.
    judged
        Whom the policy judges: only they count as compared.
    """
    named = np.zeros(rows.frame.height, dtype=bool)
    if not conditions:
        return named
    if control.looks == "many":
        parts = np.stack([_log_e(one, rows) for one in conditions])
        evidence = np.exp(np.minimum(np.logaddexp.reduce(parts, axis=0) - np.log(len(parts)), _LARGEST))
    else:
        evidence = np.minimum(np.stack([_p(one, rows) for one in conditions]).min(axis=0) * len(conditions), 1)
    for places in _groups(rows.frame, judged):
        mine = evidence[places]
        many = control.looks == "many"
        named[places] = e_benjamini_hochberg(mine, control.fdr) if many else adjusted_p_values(mine) <= control.fdr
    return named


def _groups(frame: pl.DataFrame, judged: Bools) -> list[NDArray[np.int64]]:
    keys = [name for name in GROUP if name in frame.columns]
    table = frame.select(keys).with_row_index("__row").filter(pl.Series(judged))
    return [part.to_numpy() for part in table.group_by(keys).agg("__row")["__row"]] if keys else [np.flatnonzero(judged)]


def _log_e(condition: Condition, rows: Board) -> Floats:
    """The log e-value that a condition's lines are exceeded: of `all` the least, of `any` the mean."""
    if isinstance(condition, Leaf):
        if not condition.is_evidence:
            return np.full(rows.frame.height, np.inf)  # a condition beside the evidence
        e = condition.kind.e_values(rows.frame, condition.numbers[0], above=condition.op.limits == "lower")
        return np.where(rows.numbers(condition.metric)[2], 0.0, e)
    if isinstance(condition, All):
        return np.asarray(np.min([_log_e(part, rows) for part in condition.all], axis=0))
    parts = np.stack([_log_e(part, rows) for part in condition.any])
    return np.asarray(np.logaddexp.reduce(parts, axis=0) - np.log(len(parts)))


def _p(condition: Condition, rows: Board) -> Floats:
    """The p-value that a condition's lines are exceeded: of `all` the greatest, of `any` the least times their number."""
    if isinstance(condition, Leaf):
        if not condition.is_evidence:
            return np.zeros(rows.frame.height)
        p = condition.kind.p_values(rows.frame, condition.numbers[0], above=condition.op.limits == "lower")
        return np.where(rows.numbers(condition.metric)[2], 1.0, p)
    if isinstance(condition, All):
        return np.asarray(np.max([_p(part, rows) for part in condition.all], axis=0))
    return np.asarray(np.minimum(np.min([_p(part, rows) for part in condition.any], axis=0) * len(condition.any), 1))


def held_back(
    control: Control | None, conditions: Sequence[Condition], rows: Board, codes: NDArray[np.int8], barred: Bools
) -> Bools:
    """Flags that control of false flags does not let through, shape (rules, rows); none without it.

    Parameters
    ----------
    control, conditions, rows
        As in `named_under`.
    codes
        Verdicts of the rules, shape (rules, rows).
    barred
        Of whom the policy never says anything, shape (rows,).
    """
    flagged = codes == FLAG
    if control is None or not flagged.any():
        return np.zeros(codes.shape, dtype=bool)
    return np.asarray(flagged & ~named_under(control, conditions, rows, ~barred)[None, :])


def with_held_back(spec: PolicyFile, held: Bools, notes: list[list[str]]) -> list[list[str]]:
    """Notes per rule and row, with why somebody past a line is not flagged."""
    if spec.control is None:
        return notes
    looks = "many looks" if spec.control.looks == "many" else "one look"
    why = f"past a line, but not more than chance among all explains (false discovery rate {100 * spec.control.fdr:g} %, {looks})"
    return [
        [why if back else note for back, note in zip(mask.tolist(), texts, strict=True)]
        for mask, texts in zip(held, notes, strict=True)
    ]


def flag_chances(spec: PolicyFile, rows: Board, barred: Bools) -> Floats:
    """The chance, at most, that a reading flags somebody who stands exactly on a line, shape (rows,).

    Parameters
    ----------
    spec
        The policy.
    rows
        The board.
    barred
        Of whom the policy never says anything.

    Notes
    -----
    A limit at 99 % errs in at most 1 %; a value without a limit lies over its line in half of all samples. Who has too few
    observations is not flagged. Of `all` a chance is that of the metric that stands on its line while the others are past theirs;
    over rules and `any` chances add up. Under control they are at most an equal share of `fdr / (1 - fdr)^2`, which is what the
    procedure of Benjamini and Hochberg names among independent actors of whom none is over a line; e-values name fewer.
    """
    found = np.zeros(rows.frame.height)
    for rule in spec.rules:
        if rule.at_most == "flag":
            found += _chance(rule.when, rows)
    found = np.where(barred, 0.0, np.minimum(found, 1.0))
    if spec.control is not None:
        for places in _groups(rows.frame, ~barred):
            share = spec.control.fdr / (1 - spec.control.fdr) ** 2 / max(len(places), 1)
            found[places] = np.minimum(found[places], share)
    return found


def _chance(condition: Condition, rows: Board) -> Floats:
    if isinstance(condition, Leaf):
        _, n, missing = rows.numbers(condition.metric)
        chance = 0.5
        if condition.anytime is not None:
            chance = condition.anytime
        elif condition.limit is not None:
            chance = (1 - condition.confidence) * (2 if condition.op.limits == "both" else 1)
        return np.asarray(np.where(missing | (n < condition.min_n), 0.0, chance))
    if isinstance(condition, Any_):
        return np.asarray(np.minimum(np.sum([_chance(part, rows) for part in condition.any], axis=0), 1.0))
    alike: dict[str, Floats] = {}
    possible = np.ones(rows.frame.height, dtype=bool)
    for place, part in enumerate(condition.all):
        one = _chance(part, rows)
        possible &= one > 0
        key = part.metric if isinstance(part, Leaf) else f"part {place}"
        alike[key] = np.minimum(alike[key], one) if key in alike else one
    return np.where(possible, np.max(list(alike.values()), axis=0), 0.0)


def sentence(board: pl.DataFrame) -> str | None:
    """How many flags chance would make, in words, from a board's `flag_chance`; None where nobody can be flagged.

    Examples
    --------
    >>> sentence(pl.DataFrame({"flag_chance": [0.05] * 40 + [0.0] * 3}))
    'If nobody were over a line, at most 2.0 flags of 40 actors would be expected by chance at this one reading.'
    """
    if "flag_chance" not in board.columns:
        return None
    chances = board["flag_chance"].drop_nulls()
    judged = int((chances > 0).sum())
    if not judged:
        return None
    expected = float(chances.sum())
    number = f"{expected:.1f}" if expected >= 0.95 else f"{expected:.2g}"
    who = f"{judged:,} actor{'' if judged == 1 else 's'}"
    return f"If nobody were over a line, at most {number} flags of {who} would be expected by chance at this one reading."
