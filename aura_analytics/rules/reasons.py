"""Verdicts put into words and into a table: rules behind them, reasons, evidence, ways out, and what is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import polars as pl

from aura_analytics.rules import engine
from aura_analytics.rules.grammar import PolicyFile
from aura_analytics.rules.wording import evidence, sentences, unsettled, would_clear

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["VERDICT_SCHEMA", "Judged", "Result", "worded"]

Result = tuple["NDArray[np.int8]", list[engine.Answer]]
_EVIDENCE = pl.Struct(
    {
        "metric": pl.String,
        "value": pl.Float64,
        "n": pl.Int64,
        "bound": pl.Float64,
        "comparison": pl.String,
        "threshold": pl.Float64,
        "answer": pl.String,
        "operator": pl.String,
        "thresholds": pl.List(pl.Float64),
    }
)
_LACK = pl.Struct({"metric": pl.String, "more": pl.Int64})
VERDICT_SCHEMA = pl.Schema(
    {
        "actor": pl.String(),
        "as_of": pl.Datetime("us", "UTC"),
        "policy": pl.String(),
        "verdict": pl.Enum(engine.VERDICTS),
        "rules": pl.List(pl.String()),
        "reasons": pl.List(pl.String()),
        "evidence": pl.List(_EVIDENCE),
        "would_clear": pl.List(pl.String()),
        "more_needed": pl.List(_LACK),
    }
)


class Judged(NamedTuple):
    """What the rules of a policy say of the rows of a board, each row by itself."""

    board: pl.DataFrame
    results: list[Result]
    codes: NDArray[np.int8]
    clears: list[NDArray[np.bool_]]
    blocked: NDArray[np.bool_]
    foreign: NDArray[np.bool_]
    held_back: NDArray[np.bool_]  # flags that chance among all who are judged explains, shape (rules, rows)


def worded(
    spec: PolicyFile,
    board: pl.DataFrame,
    worst: NDArray[np.int8],
    codes: NDArray[np.int8],
    results: list[Result],
    blocked: NDArray[np.bool_],
    foreign: NDArray[np.bool_],
    notes: list[list[str]],
    texts: str,
) -> pl.DataFrame:
    """The table of verdicts: with the rules behind each, why, and what would change it."""
    size = board.height
    speaking = (worst == engine.WATCH) | (worst == engine.FLAG)
    behind = [(codes[r] == worst) | blocked for r in range(len(results))]
    ids = [pl.Series([rule.id]).new_from_index(0, size) for rule in spec.rules]
    reasons = _nothing(pl.String(), size)
    nothing = [_nothing(inner, size) for inner in (_EVIDENCE, pl.String(), _LACK)]
    if texts != "none":
        reasons = _reasons(spec, board, results, behind, blocked, foreign, notes)
    if texts == "all":
        undecided = (worst != engine.FLAG) & (worst != engine.CLEAR) & ~blocked & ~foreign
        nothing = [_proof(results, behind), _clears(spec, results, behind, speaking), _lacks(results, behind, undecided)]
    proof, clears, more = nothing
    return pl.DataFrame(
        {
            "actor": board["actor"],
            "as_of": board["as_of"],
            "policy": pl.Series([spec.name], dtype=pl.String).new_from_index(0, size),
            "verdict": pl.Series(engine.VERDICTS, dtype=pl.Enum(engine.VERDICTS)).gather(worst.astype(np.uint32)),
            "rules": _items(ids, [mask & speaking for mask in behind], pl.String()),
            "reasons": reasons,
            "evidence": proof,
            "would_clear": clears,
            "more_needed": more,
        },
        schema=VERDICT_SCHEMA,
    )


def _reasons(
    spec: PolicyFile,
    board: pl.DataFrame,
    results: list[Result],
    behind: list[NDArray[np.bool_]],
    blocked: NDArray[np.bool_],
    foreign: NDArray[np.bool_],
    notes: list[list[str]],
) -> pl.Series:
    """Note, one-sidedness, then what every comparison of the rules behind the verdict found."""
    kinds = board["actor_kind"].cast(pl.String).fill_null("unknown")
    other = f"the policy judges {', '.join(spec.kinds)}, not "
    size = board.height
    notes_of = [pl.Series(note, dtype=pl.String) for note in notes]
    parts: list[tuple[str | None, pl.Series, NDArray[np.bool_]]]
    parts = [(None, note, mask & (note != "").to_numpy()) for note, mask in zip(notes_of, behind, strict=True)]
    parts.append((None, other + kinds, foreign))
    one_sided = pl.Series(["one_sided: never once issued the agreeing verdict; the role may not allow it"])
    parts.append((None, one_sided.new_from_index(0, size), blocked & ~foreign))
    for (_, leaves), mask in zip(results, behind, strict=True):
        parts += [(leaf.leaf.metric, sentences(leaf), mask & ~foreign) for leaf in leaves]
    masks: list[NDArray[np.bool_]] = []
    for at, (metric, said, mask) in enumerate(parts):  # each text once
        for (earlier, same, _), before in zip(parts[:at], masks, strict=True):
            if earlier == metric:
                mask = mask & ~(before & (said == same).to_numpy())
        masks.append(mask)
    return _items([said for _, said, _ in parts], masks, pl.String())


def _proof(results: list[Result], behind: list[NDArray[np.bool_]]) -> pl.Series:
    """The numbers behind each verdict."""
    leaves = [(leaf, mask) for (_, found), mask in zip(results, behind, strict=True) for leaf in found]
    return _items([evidence(leaf) for leaf, _ in leaves], [mask for _, mask in leaves], _EVIDENCE)


def _clears(spec: PolicyFile, results: list[Result], behind: list[NDArray[np.bool_]], speaking: NDArray[np.bool_]) -> pl.Series:
    """What would clear each verdict: equal answers are put into words once."""
    size = len(speaking)
    parts = [_nothing(pl.String(), size)]
    for rule, (_, leaves), mask in zip(spec.rules, results, behind, strict=True):
        keys: dict[str, NDArray[Any]] = {f"c{i}": one.codes >= engine.LEANS_YES for i, one in enumerate(leaves)}
        keys |= {f"t{i}.{j}": array for i, one in enumerate(leaves) for j, array in enumerate(one.thresholds)}
        asked = np.flatnonzero(mask & speaking)
        table = pl.DataFrame({"row": asked} | {name: values[asked] for name, values in keys.items()})
        kinds = table.unique(list(keys), keep="first", maintain_order=True) if keys else table.head(1)
        said = [would_clear(rule, [leaf.row(row) for leaf in leaves], spec.window) for row in kinds["row"].to_list()]
        ways = kinds.drop("row").with_columns(ways=pl.Series(said, dtype=pl.List(pl.String)))
        found = table.join(ways, on=list(keys), how="left", nulls_equal=True, maintain_order="left")
        whole = pl.DataFrame({"row": np.arange(size)}).join(
            found.select("row", "ways"), on="row", how="left", maintain_order="left"
        )
        parts.append(whole["ways"].fill_null(_nothing(pl.String(), 1).first()))
    named = [part.alias(f"part{i}") for i, part in enumerate(parts)]
    return pl.DataFrame(named).select(pl.concat_list(pl.all()).list.unique(maintain_order=True)).to_series()


def _lacks(results: list[Result], behind: list[NDArray[np.bool_]], undecided: NDArray[np.bool_]) -> pl.Series:
    """How many more observations would settle each; a leg that already excludes the rule settles it, whatever the others lack."""
    parts, masks = [], []
    for (_, leaves), mask in zip(results, behind, strict=True):
        for leaf in leaves:
            masks.append(mask & undecided & (leaf.codes != engine.NO) & (leaf.codes != engine.YES))
            parts.append(unsettled(leaf, np.flatnonzero(masks[-1])))
    return _items(parts, masks, _LACK)


def _items(parts: list[pl.Series], masks: list[NDArray[np.bool_]], inner: pl.DataType) -> pl.Series:
    """A list per row of the items that a mask lets through: one flat column, grouped (polars joins lists of structs slowly)."""
    size = len(masks[0])
    rows = [np.flatnonzero(mask) for mask in masks]
    flat = pl.concat([part.cast(inner).gather(chosen).alias("x") for part, chosen in zip(parts, rows, strict=True)])
    order = np.argsort(np.concatenate(rows), kind="stable")
    lengths = np.sum(masks, axis=0)
    index = np.repeat(np.arange(size), lengths)
    grouped = pl.DataFrame({"i": index, "x": flat.gather(order)}).group_by("i", maintain_order=True).agg("x")
    joined = pl.DataFrame({"i": np.arange(size)}).join(grouped, on="i", how="left", maintain_order="left")
    return joined["x"].fill_null(_nothing(inner, 1).first())


def _nothing(inner: pl.DataType, size: int) -> pl.Series:
    return pl.Series([[]], dtype=pl.List(inner)).new_from_index(0, size)
