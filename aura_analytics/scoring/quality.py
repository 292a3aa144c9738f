"""How good the heuristics are, on outputs whose truth somebody has judged."""

from __future__ import annotations

import numpy as np
import polars as pl

from aura_analytics.errors import ParameterError, Problem, close_match
from aura_analytics.scoring.frames import score_frame
from aura_analytics.scoring.penalties import PenaltyPolicy
from aura_analytics.statistics.intervals import wilson

__all__ = ["score_quality"]


def score_quality(labelled: pl.DataFrame, policy: PenaltyPolicy | None = None, *, confidence: float = 0.95) -> pl.DataFrame:
    """Precision and recall of every heuristic.

    Parameters
    ----------
    labelled
        As `score_frame` takes it, and `labels`: the penalties that an output deserves, by a person's judgement (list of names).
        Rows that cannot be scored, or whose labels are null, are left out and counted.
    policy
        Default: the Accountant's own rule.
    confidence
        Two-sided level of the intervals, in (0, 1).

    Returns
    -------
    polars.DataFrame
        Per penalty of the policy: `penalty`, `n` (rows judged), `held` (held against), `deserved`, `right` (both), `precision` with
        `precision_lo`, `precision_hi`, `recall` with `recall_lo`, `recall_hi` (Wilson; null where there is nothing to divide by),
        `left_out`.

    Raises
    ------
    ParameterError
        If `labels` is missing, or names a penalty that the policy does not have.

    Examples
    --------
    >>> table = pl.DataFrame({"output": ["x is undefined until it is assigned", "Paris is in Spain"], "confidence": [0.9, 0.9],
    ...                       "labels": [["too_short"], ["too_short", "hallucination"]]})
    >>> score_quality(table).filter(penalty="hallucination").select("held", "deserved", "right").row(0)
    (1, 1, 0)
    """
    chosen = policy or PenaltyPolicy.seed()
    if labelled.schema.get("labels") != pl.List(pl.String):
        problem = Problem(
            "the frame has no labels", got=str(labelled.schema.get("labels")), expected="labels: a list of penalties per row"
        )
        raise ParameterError(problem)
    names = [penalty.name for penalty in chosen.penalties]
    strange = sorted(set(labelled["labels"].explode(empty_as_null=False).drop_nulls().unique()) - set(names))
    if strange:
        hint = close_match(strange[0], names)
        raise ParameterError(Problem("labels that no penalty has", got=", ".join(strange), expected=", ".join(names), next=hint))
    scored = score_frame(labelled, chosen.model_copy(update={"on_invalid": "quarantine"}))
    judged = scored.filter(pl.col("problem").is_null() & pl.col("labels").is_not_null())
    held = np.array([judged["penalties"].list.contains(name).sum() for name in names], dtype=float)
    deserved = np.array([judged["labels"].list.contains(name).sum() for name in names], dtype=float)
    both = [pl.col("penalties").list.contains(name) & pl.col("labels").list.contains(name) for name in names]
    right = np.array([judged.select(test.sum()).item() for test in both], dtype=float)
    (p_lo, p_hi), (r_lo, r_hi) = wilson(right, held, confidence), wilson(right, deserved, confidence)
    with np.errstate(invalid="ignore"):
        rates = {
            "precision": right / held,
            "precision_lo": p_lo,
            "precision_hi": p_hi,
            "recall": right / deserved,
            "recall_lo": r_lo,
            "recall_hi": r_hi,
        }
    counts = {"held": held, "deserved": deserved, "right": right}
    return pl.DataFrame({"penalty": names, "n": [judged.height] * len(names)}).with_columns(
        **{name: pl.Series(values.astype(np.int64)) for name, values in counts.items()},
        **{name: pl.Series(values, nan_to_null=True) for name, values in rates.items()},
        left_out=pl.lit(scored.height - judged.height),
    )
