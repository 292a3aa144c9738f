"""How long cases took: the fast road for plain cases, and the careful one (`spells`) for all others.

A case is plain when it was assigned once, resolved at most once, after it was assigned, and never paused. Plain cases need one
join by the hash of their id. Every other case (reassigned, reopened, resolved twice, paused, never assigned) is found by the
same join, because its hash then turns up twice or out of order, and is followed again from all its events.

Two ids with one 64-bit hash turn up twice as well and are told apart there by a second hash. Only an open case whose id shares
its hash with one that was closed before the window would be missed: a chance of 10^-8 with 100,000 open cases among ten million.
"""

from __future__ import annotations

from datetime import datetime

import polars as pl

from aura_analytics.cases import spells
from aura_analytics.cases.collecting import collect
from aura_analytics.cases.options import Options
from aura_analytics.cases.window import case_hash

__all__ = ["follow"]

_COLUMNS = ["h", "actor", "actor_kind", "start", "end", "elapsed", "closed_at", "closed", "open", "resolved", "idle", "days_off"]


def follow(
    past: pl.LazyFrame, rows: pl.DataFrame, as_of: datetime, since: datetime | None, options: Options, *, queue: bool
) -> pl.DataFrame:
    """Every case (or, held by several, every spell) that ends in the window or is open, as `spells.follow` describes it."""
    extra = ["queue"] if queue else []
    if options.holding == "holder":
        return _with_queue(spells.follow(past, as_of, options, None, queue=queue), past)
    plain, others = _plain(rows, as_of, since, options, extra)
    if not others.len():
        return _with_queue(plain, past)
    careful = spells.follow(past, as_of, options, others, queue=queue)
    return _with_queue(pl.concat([plain.select(*_COLUMNS, *extra), careful.select(*_COLUMNS, *extra)]), past)


def _with_queue(followed: pl.DataFrame, past: pl.LazyFrame) -> pl.DataFrame:
    """Cases that only their opening gives a queue have it."""
    if "queue" not in followed.columns or not followed["queue"].null_count():
        return followed
    told = past.filter((pl.col("type") == "OPENED") & pl.col("case_id").is_not_null() & pl.col("queue").is_not_null())
    first = collect(
        told.select(case_hash(), "ts", pl.col("queue").alias("opened_in")).sort("ts", "opened_in").unique("h", keep="first")
    )
    if first.is_empty():
        return followed
    joined = followed.join(first.select("h", "opened_in"), on="h", how="left", maintain_order="left")
    return joined.with_columns(pl.coalesce("queue", "opened_in").alias("queue")).drop("opened_in")


def _plain(
    pass_: pl.DataFrame, as_of: datetime, since: datetime | None, options: Options, queue: list[str]
) -> tuple[pl.DataFrame, pl.Series]:
    """The plain cases, followed; and the hashes of all that are not plain."""
    # names stay out of the join: rows are joined by number, and only those that are kept fetch their names
    rows = pass_.lazy().select("type", "h", "ts").with_row_index("row")
    crowded = _crowded(pass_["h"])
    if crowded.len():
        rows = rows.filter(~pl.col("h").is_in(crowded.implode()).fill_null(value=False))
    given = rows.filter(pl.col("type") == "ASSIGNED").select("h", "ts", "row")
    done = rows.filter(pl.col("type") == "RESOLVED").select("h", "ts", "row")
    recent = pl.lit(value=True) if since is None else pl.col("ts_right") > since
    kept = pl.col("ts_right").is_null() | recent | (pl.col("ts_right") < pl.col("ts"))
    joined = collect(given.join(done, on="h", how="left").filter(kept))
    others = _not_plain(pass_, joined, since)
    if crowded.len():
        others = pl.concat([others, crowded]).unique()
    if others.len():
        joined = joined.lazy().join(pl.LazyFrame({"h": others}), on="h", how="anti").collect()
    resolved = joined["ts_right"].is_not_null()
    start = joined["ts"].to_physical().to_numpy()
    end = joined["ts_right"].to_physical().fill_null(spells.micro(as_of)).to_numpy()
    answerable = joined["row_right"].zip_with(resolved, joined["row"])
    followed = joined.select(
        pass_["actor"].gather(answerable),
        pass_["actor_kind"].gather(answerable),
        "h",
        *(_first_known(pass_[name].gather(joined["row"]), pass_[name].gather(answerable)) for name in queue),
        start=pl.Series(start),
        end=pl.Series(end),
        elapsed=pl.Series(spells.clock(start, end, options)),
        closed_at=pl.when(resolved).then(pl.Series(end)).otherwise(-1),
        closed=resolved,
        open=~resolved,
        resolved=resolved,
        idle=pl.lit(value=False),
        days_off=pl.lit(0, dtype=pl.Int64),
    )
    return followed, others


def _crowded(h: pl.Series) -> pl.Series:
    """Cases that hundreds of rows share (an id such as `N/A`): joining them would take the square of that.

    A sample finds them. One that it misses is small enough to be joined, and found not to be plain by that.
    """
    sampled = h.gather_every(_SAMPLED).drop_nulls()
    return sampled.filter(sampled.is_duplicated()).value_counts().filter(pl.col("count") >= _CROWD)[h.name]


_SAMPLED, _CROWD = 64, 8


def _first_known(one: pl.Series, other: pl.Series) -> pl.Series:
    return one.zip_with(one.is_not_null(), other)


def _not_plain(pass_: pl.DataFrame, joined: pl.DataFrame, since: datetime | None) -> pl.Series:
    """Hashes of the cases that the join alone cannot settle."""
    rows = pass_.lazy()
    odd = joined.lazy().filter((pl.col("ts_right") < pl.col("ts")) | pl.col("h").is_null()).select("h")
    nameless = rows.filter((pl.col("type") == "RESOLVED") & pl.col("actor").is_null()).select("h")
    twice = joined.lazy().select("h").filter(pl.col("h").is_duplicated())
    paused = rows.filter(pl.col("type").is_in(["PAUSED", "RESUMED"])).select("h")
    ends = rows.filter(pl.col("type") == "RESOLVED")
    recent = ends if since is None else ends.filter(pl.col("ts") > since)
    unassigned = recent.select("h").join(joined.lazy().select("h"), on="h", how="anti")
    found = pl.concat([odd, nameless, twice, paused, unassigned]).select(pl.col("h").drop_nulls().unique())
    return collect(found)["h"]
