"""How long cases took: the fast road for plain cases, and the careful one (`spells`) for all others.

A case is plain when it was assigned once, resolved at most once, after it was assigned, and never paused. Plain cases need one
join by the hash of their id. Every other case (reassigned, reopened, resolved twice, paused, never assigned) is found by the
same join, because its hash then turns up twice or out of order, and is followed again from all its events.

Two ids with one 64-bit hash turn up twice as well and are told apart there by a second hash. Only an open case whose id shares
its hash with one that was closed before the window would be missed: a chance of 10^-8 with 100,000 open cases among ten million.
"""

from __future__ import annotations

import polars as pl

from aura_analytics.cases import spells
from aura_analytics.cases.facts import FACT_SCHEMAS, Facts, Options, collect, empty_table
from aura_analytics.events import SCHEMA

__all__ = ["case_hash", "cases", "follow", "shaped"]

_TS = SCHEMA["ts"]
_COLUMNS = ["h", "actor", "actor_kind", "start", "end", "elapsed", "closed_at", "closed", "open", "resolved", "idle", "days_off"]


def case_hash() -> pl.Expr:
    """The hash that cases are matched by, as `h`. It lives no longer than one call."""
    # polars gives null a hash like any other value; events without a case have none in common
    return pl.when(pl.col("case_id").is_not_null()).then(pl.col("case_id").hash(11)).alias("h")


def cases(past: pl.LazyFrame, pass_: pl.DataFrame, facts: Facts, wanted: set[str], options: Options) -> dict[str, pl.DataFrame]:
    """Handled and open cases, and the cohort of the SLA."""
    followed = follow(past, pass_, facts, options, queue="cohort" in wanted)
    return shaped(followed, spells.micro(facts.since), wanted)


def follow(past: pl.LazyFrame, pass_: pl.DataFrame, facts: Facts, options: Options, *, queue: bool) -> pl.DataFrame:
    """Every case (or, held by several, every spell) that ends in the window or is open, as `spells.follow` describes it."""
    extra = ["queue"] if queue else []
    if options.holding == "holder":
        return spells.follow(past, facts, options, None, queue=queue)
    plain, others = _plain(pass_, facts, options, extra)
    if not others.len():
        return plain
    careful = spells.follow(past, facts, options, others, queue=queue)
    return pl.concat([plain.select(*_COLUMNS, *extra), careful.select(*_COLUMNS, *extra)])


def shaped(followed: pl.DataFrame, floor: int, wanted: set[str], keep: tuple[str, ...] = ()) -> dict[str, pl.DataFrame]:
    """The tables of facts that followed cases give, for a window that starts after `floor` (microseconds), with columns to `keep`."""
    out: dict[str, pl.DataFrame] = {}
    if "handled" in wanted:
        closed = followed.lazy().filter(pl.col("closed") & (pl.col("closed_at") > floor))
        if "case" in followed.columns:  # held by several: one row per case and holder
            closed = closed.group_by("h", "case", "actor").agg(
                pl.col("actor_kind").min(), pl.col("closed_at").max(), pl.col("elapsed").sum()
            )
        out["handled"] = closed.select("actor", "actor_kind", pl.col("closed_at").cast(_TS).alias("ts"), "elapsed", *keep).collect()
    if "open" in wanted:
        still = (
            followed.lazy().filter("open").select("actor", "actor_kind", pl.col("start").cast(_TS).alias("ts"), "elapsed", *keep)
        )
        out["open"] = still.collect()
    if "cohort" in wanted:
        began = followed.lazy().filter((pl.col("start") > floor) & (pl.col("start") >= 0)).rename({"resolved": "ended"})
        out["cohort"] = began.select(*FACT_SCHEMAS["cohort"], *keep).collect()
    return {name: table if table.height else empty_table(name) for name, table in out.items()}


def _plain(pass_: pl.DataFrame, facts: Facts, options: Options, queue: list[str]) -> tuple[pl.DataFrame, pl.Series]:
    """The plain cases, followed; and the hashes of all that are not plain."""
    # names stay out of the join: rows are joined by number, and only those that are kept fetch their names
    rows = pass_.lazy().select("type", "h", "ts").with_row_index("row")
    crowded = _crowded(pass_["h"])
    if crowded.len():
        rows = rows.filter(~pl.col("h").is_in(crowded.implode()).fill_null(value=False))
    given = rows.filter(pl.col("type") == "ASSIGNED").select("h", "ts", "row")
    done = rows.filter(pl.col("type") == "RESOLVED").select("h", "ts", "row")
    recent = pl.lit(value=True) if facts.since is None else pl.col("ts_right") > facts.since
    kept = pl.col("ts_right").is_null() | recent | (pl.col("ts_right") < pl.col("ts"))
    joined = collect(given.join(done, on="h", how="left").filter(kept))
    others = _not_plain(pass_, joined, facts)
    if crowded.len():
        others = pl.concat([others, crowded]).unique()
    if others.len():
        joined = joined.lazy().join(pl.LazyFrame({"h": others}), on="h", how="anti").collect()
    resolved = joined["ts_right"].is_not_null()
    start = joined["ts"].to_physical().to_numpy()
    end = joined["ts_right"].to_physical().fill_null(spells.micro(facts.as_of)).to_numpy()
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


def _not_plain(pass_: pl.DataFrame, joined: pl.DataFrame, facts: Facts) -> pl.Series:
    """Hashes of the cases that the join alone cannot settle."""
    rows = pass_.lazy()
    odd = joined.lazy().filter((pl.col("ts_right") < pl.col("ts")) | pl.col("h").is_null()).select("h")
    nameless = rows.filter((pl.col("type") == "RESOLVED") & pl.col("actor").is_null()).select("h")
    twice = joined.lazy().select("h").filter(pl.col("h").is_duplicated())
    paused = rows.filter(pl.col("type").is_in(["PAUSED", "RESUMED"])).select("h")
    ends = rows.filter(pl.col("type") == "RESOLVED")
    recent = ends if facts.since is None else ends.filter(pl.col("ts") > facts.since)
    unassigned = recent.select("h").join(joined.lazy().select("h"), on="h", how="anti")
    found = pl.concat([odd, nameless, twice, paused, unassigned]).select(pl.col("h").drop_nulls().unique())
    return collect(found)["h"]
