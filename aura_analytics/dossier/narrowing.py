"""A board narrowed to whom one looks for, and put in order."""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl

from aura_analytics.cases.collecting import collect
from aura_analytics.errors import ParameterError, Problem, close_match
from aura_analytics.rules.engine import VERDICTS

__all__ = ["RANK", "narrowed", "said_verdict", "sorted_by", "worked_in"]

RANK = {"flag": 0, "watch": 1, "clear": 2, "insufficient": 3, "not_judged": 4}  # who is not known stands below who is


def worked_in(events: pl.LazyFrame, end: datetime | None, window: timedelta | None) -> pl.DataFrame:
    """Who had events in which queue: `actor`, `queue`, each pair once.

    Parameters
    ----------
    events
        Events on the contract.
    end, window
        The window `(end - window, end]`; without a window everything up to the end, without an end nothing.
    """
    if end is None:
        return pl.DataFrame(schema={"actor": pl.String, "queue": pl.String})
    inside = pl.col("ts") <= end
    if window is not None:
        inside &= pl.col("ts") > end - window
    named = events.filter(inside & pl.col("actor").is_not_null() & pl.col("queue").is_not_null())
    return collect(named.select("actor", "queue").unique())


def said_verdict() -> pl.Expr:
    """The verdict of a board's rows as people are told it: `not_judged` where the policy is not meant for such an actor. (There a
    board has `insufficient`, with that reason.)
    """
    foreign = pl.col("pip_reasons").list.first().str.starts_with("the policy judges ").fill_null(value=False)
    return pl.when(foreign).then(pl.lit("not_judged")).otherwise(pl.col("pip_status").cast(pl.String))


def narrowed(
    board: pl.DataFrame,
    *,
    verdicts: list[str] | None = None,
    kinds: list[str] | None = None,
    queues: list[str] | None = None,
    pairs: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """The rows of some verdicts, kinds of actor, and of who worked in some queues; each that is not given leaves everybody.

    Parameters
    ----------
    board
        What `aura.dossiers` returns.
    verdicts
        Of `flag`, `watch`, `clear` (or `not flagged`), `insufficient`, `not_judged`.
    kinds
        Such as `officer`, `agent`.
    queues, pairs
        Names of queues, and what `worked_in` returns.

    Raises
    ------
    ParameterError
        If there is no such verdict, kind or queue.
    """
    if verdicts:
        spelt = {"not flagged": "clear", "not judged": "not_judged"}
        chosen = [_known("verdict", spelt.get(one, one), [*VERDICTS, "not_judged"]) for one in verdicts]
        board = board.filter(said_verdict().is_in(chosen))
    if kinds:
        there = board["actor_kind"].cast(pl.String).drop_nulls().unique().sort().to_list()
        board = board.filter(pl.col("actor_kind").cast(pl.String).is_in([_known("kind", one, there) for one in kinds]))
    if queues:
        assert pairs is not None
        there = pairs["queue"].unique().sort().to_list()
        chosen = [_known("queue", one, there) for one in queues]
        board = board.filter(pl.col("actor").is_in(pairs.filter(pl.col("queue").is_in(chosen))["actor"].implode()))
    return board


def _known(what: str, given: str, there: list[str]) -> str:
    if given not in there:
        expected = ", ".join(there) or f"nobody has a {what}"
        raise ParameterError(Problem(f"no such {what}", got=given, expected=expected, next=close_match(given, there)))
    return given


def sorted_by(board: pl.DataFrame, column: str | None = None, *, ascending: bool = False) -> pl.DataFrame:
    """A board in the order of a column, the most first; who has no number is last either way.

    Parameters
    ----------
    board
        What `aura.dossiers` returns.
    column
        A number, `actor`, or `verdict` (the gravest first); default `verdict`, and within it the most overrides.
    ascending
        The least first; names and verdicts the other way round.

    Raises
    ------
    ParameterError
        If there is no such column, or it is no number.

    Examples
    --------
    >>> import aura_analytics as aura
    >>> board = sorted_by(aura.dossiers(aura.events.sample(400, seed=1)), "override_rate")
    >>> board["actor"].to_list()
    ['officer_anne', 'officer_cleo', 'officer_bob', 'claims-model', 'gpt-4.1']
    """
    if column == "actor":
        return board.sort("actor", descending=ascending)
    if column in (None, "verdict"):
        known = {"pip_status", "pip_reasons"} <= set(board.columns)
        rank = said_verdict().replace_strict(RANK, return_dtype=pl.Int8) if known else pl.lit(0)
        most = pl.col("override_rate") if "override_rate" in board.columns else pl.lit(0.0)
        by = board.with_columns(__unknown=rank > RANK["clear"], __rank=rank, __most=most)
        order = by.sort("__unknown", "__rank", "__most", "actor", descending=[False, ascending, True, False], nulls_last=True)
        return order.drop("__unknown", "__rank", "__most")
    numbers = [name for name, dtype in board.schema.items() if dtype.is_numeric()]
    if column not in numbers:
        assert column is not None
        hint = close_match(column, numbers)
        raise ParameterError(Problem("no such number to sort by", got=column, expected="actor, verdict or a metric", next=hint))
    n = f"{column}_n"
    if board.height and board[column].null_count() == board.height:
        raise ParameterError(Problem("nobody has that number", got=column, next="see its _status; lateness needs a limit (sla)"))
    empty = pl.col(column).is_null() | (pl.col(n) == 0) if n in board.columns else pl.col(column).is_null()
    return board.sort(empty, column, "actor", descending=[False, not ascending, False], nulls_last=True)
