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
    ids = [_where(behind[r] & speaking, spec.rules[r].id) for r in range(len(results))]
    reasons = _lists([], pl.String(), size)
    proof: list[list[dict[str, Any]]] = []
    clears: list[list[str]] = []
    more: list[list[dict[str, Any]]] = []
    if texts != "none":
        reasons = _reasons(spec, board, results, behind, blocked, foreign, notes)
    if texts == "all":
        proof, clears, more = _proof(spec, results, behind, speaking, worst, blocked | foreign)
    return pl.DataFrame(
        {
            "actor": board["actor"],
            "as_of": board["as_of"],
            "policy": pl.Series([spec.name], dtype=pl.String).new_from_index(0, size),
            "verdict": pl.Series(engine.VERDICTS, dtype=pl.Enum(engine.VERDICTS)).gather(worst.astype(np.uint32)),
            "rules": _listed(ids),
            "reasons": reasons,
            "evidence": _lists(proof, _EVIDENCE, size),
            "would_clear": _lists(clears, pl.String(), size),
            "more_needed": _lists(more, _LACK, size),
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
    nobody = pl.Series([None] * board.height, dtype=pl.String)
    parts = [
        *(
            pl.Series(note, dtype=pl.String).replace("", None).zip_with(pl.Series(mask), nobody)
            for note, mask in zip(notes, behind, strict=True)
        ),
        _where(foreign, other) + kinds,
        _where(blocked & ~foreign, "one_sided: never once issued the agreeing verdict; the role may not allow it"),
    ]
    for (_, leaves), mask in zip(results, behind, strict=True):
        shown = pl.Series(mask & ~foreign)
        parts += [sentences(leaf).zip_with(shown, nobody) for leaf in leaves]
    return _listed(parts)


def _proof(
    spec: PolicyFile,
    results: list[Result],
    behind: list[NDArray[np.bool_]],
    speaking: NDArray[np.bool_],
    worst: NDArray[np.int8],
    barred: NDArray[np.bool_],
) -> tuple[list[list[dict[str, Any]]], list[list[str]], list[list[dict[str, Any]]]]:
    """Per row: the numbers behind the verdict, what would clear it, and how many more observations would settle it."""
    findings = [list(zip(*(leaf.rows() for leaf in leaves), strict=True)) for _, leaves in results]
    proof: list[list[dict[str, Any]]] = []
    clears: list[list[str]] = []
    more: list[list[dict[str, Any]]] = []
    for i, (verdict, speaks, is_barred) in enumerate(zip(worst.tolist(), speaking.tolist(), barred.tolist(), strict=True)):
        chosen = [r for r in range(len(results)) if behind[r][i]]
        proof.append([evidence(one) for r in chosen for one in findings[r][i]])
        ways = [text for r in chosen for text in would_clear(spec.rules[r], findings[r][i], spec.window)] if speaks else []
        clears.append(list(dict.fromkeys(ways)))
        asked = [lack for r in chosen for one in findings[r][i] if (lack := unsettled(one)) is not None]
        # a leg that already excludes the rule settles it, whatever the others lack
        more.append([] if is_barred or verdict in (engine.FLAG, engine.CLEAR) else asked)
    return proof, clears, more


def _where(mask: NDArray[np.bool_], text: str) -> pl.Series:
    """The text where the mask holds, null elsewhere."""
    return pl.select(pl.when(pl.Series(mask)).then(pl.lit(text))).to_series()


def _listed(parts: list[pl.Series]) -> pl.Series:
    """A list per row of the parts that are not null, each text once."""
    named = [part.alias(f"part{i}") for i, part in enumerate(parts)]
    return (
        pl.DataFrame(named)
        .select(pl.concat_list(pl.all()).list.drop_nulls().list.unique(maintain_order=True).alias("x"))
        .to_series()
    )


def _lists(rows: list[list[Any]], inner: pl.DataType, size: int) -> pl.Series:
    """A list column from Python lists: one flat column, grouped (polars builds nested lists an item at a time)."""
    empty = pl.Series([[]], dtype=pl.List(inner))
    if not rows:
        return empty.new_from_index(0, size)
    flat = [item for row in rows for item in row]
    index = np.repeat(np.arange(len(rows)), [len(row) for row in rows])
    if isinstance(inner, pl.Struct):
        fields = {name: pl.Series([item[name] for item in flat], dtype=dtype) for name, dtype in inner.to_schema().items()}
        values = pl.DataFrame(fields).to_struct("x")
    else:
        values = pl.Series("x", flat, dtype=inner)
    grouped = pl.DataFrame({"i": index, "x": values}).group_by("i", maintain_order=True).agg("x")
    joined = pl.DataFrame({"i": np.arange(size)}).join(grouped, on="i", how="left", maintain_order="left")
    return joined["x"].fill_null(empty.first())
