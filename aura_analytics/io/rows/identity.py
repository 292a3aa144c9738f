"""Which event it is: ids made of what identifies an event, so that a later export that tells it again tells the same."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import polars as pl

from aura_analytics.events import IMPORTED
from aura_analytics.io.mapping import LogMapping

__all__ = ["Named", "once_a_record", "told_before", "with_ids"]

# always all of them: a rule that is added to a mapping must not rename the events of the others
_IDENTITY = ("type", "case_id", "ts", "actor", "value", "human_verdict", "outcome")


@dataclass
class Named:
    """Events with ids.

    Attributes
    ----------
    events
        With `event_id`; what an earlier file told is left out.
    told_before
        Rows of the log all of whose events stand in an earlier file.
    twice
        Events that another one of the same file equals in type, case, actor and moment.
    """

    events: pl.DataFrame
    told_before: list[int]
    twice: int


def once_a_record(table: pl.DataFrame, records: pl.Series) -> pl.DataFrame:
    """Events (`row` and more) of a log whose records are a row for each of their elements (`[*]`): what is said of the record is
    told with each of them, and is one event.
    """
    named = [name for name in _IDENTITY if name in table.columns]
    known = table.with_columns(__record=records[table["row"]])
    first = pl.struct("__record", *named).is_first_distinct() | pl.col("ts").is_null()
    return known.filter(first).drop("__record")


def told_before(rows: pl.DataFrame, said: pl.Series, files: pl.Series) -> pl.Series:
    """Rows of a log with one row an activity that an earlier file holds too: exports overlap, and columns no rule reads change.

    `said` is what rules read of every row of the log beside `case_id`, `activity`, `ts` and `actor`.
    """
    key = ["case_id", "activity", "ts", "actor", "said"]
    told = rows.select("row", *key[:-1]).with_columns(file=files[rows["row"]], said=said[rows["row"]])
    told = told.filter(pl.col("ts").is_not_null() & pl.col("case_id").is_not_null())
    told = told.with_columns(ordinal=pl.int_range(pl.len()).over("file", *key))
    again = pl.col("file") > pl.col("file").min().over(*key, "ordinal")
    return told.filter(again)["row"]


def with_ids(table: pl.DataFrame, files: pl.Series, mapping: LogMapping) -> Named:
    """Ids for events (`row`, `type`, `case_id`, `ts`, `actor`, `own_id`, `identity`).

    The log's own ids are used where it has them (with the type, where one row gives several events). Else an id is a hash of type,
    case, moment, actor and what was said (value, verdict, outcome), or of type and the columns of `id_from` where these hold
    something; of several such events in one file each has its own. An event that several files tell is one.

    Parameters
    ----------
    table
        Events.
    files
        The number of the file of each row of the log.
    mapping
        Where the log says itself which event is which.
    """
    if mapping.columns.event_id is not None:
        several = pl.len().over("row") > 1
        own = pl.when(several).then(pl.concat_str("own_id", pl.lit(":"), "type")).otherwise(pl.col("own_id"))
        named = table.with_columns(event_id=own)
        place = pl.struct("event_id", "row").rank("ordinal").over("row", "event_id")
        if named.filter(pl.struct("row", "event_id").is_duplicated() & pl.col("event_id").is_not_null()).height:
            named = named.with_columns(
                event_id=pl.when(place > 1)
                .then(pl.concat_str("event_id", pl.lit("-"), place.cast(pl.String)))
                .otherwise("event_id")
            )
        key = pl.struct("type", "case_id", "ts", "actor")
        kinds = named.filter(key.is_duplicated()).select(pl.struct("type", "case_id", "ts", "actor", "event_id").n_unique()).item()
        same = named.filter(key.is_duplicated()).select(key.n_unique()).item()
        missing = named["event_id"].is_null()
        if missing.any():
            made = _made(named.filter(missing), files, mapping)
            named = pl.concat([named.filter(~missing), made.events], how="diagonal")
            return Named(named, made.told_before, int(kinds - same) + made.twice)
        return Named(named, [], int(kinds - same))
    return _made(table, files, mapping)


def _made(table: pl.DataFrame, files: pl.Series, mapping: LogMapping) -> Named:
    gap = pl.lit("\x1e")
    said = {name: pl.col(name) if name in table.columns else pl.lit(None) for name in _IDENTITY} | {
        "ts": pl.col("ts").dt.epoch("us")
    }
    key = pl.concat_str([part.cast(pl.String).fill_null(gap) for part in said.values()], separator="\x1f")
    if mapping.id_from:
        own = pl.concat_str(["type", pl.lit("\x1d"), "identity"])
        key = pl.when(pl.col("identity").is_not_null()).then(own).otherwise(key)
    keys = table.with_columns(key=key, file=files[table["row"]])
    before: list[int] = []
    twice = 0
    if keys["key"].hash().n_unique() < keys.height:
        order = keys.sort("file", "key", "row")
        order = order.with_columns(ordinal=pl.int_range(1, pl.len() + 1).over("file", "key"))
        first = order.unique(["key", "ordinal"], keep="first", maintain_order=True)
        if first.height < order.height:
            gone = set(order["row"].to_list()) - set(first["row"].to_list())
            before = sorted(gone)
        twice = int((first["ordinal"] > 1).sum())
        keys = first.with_columns(
            key=pl.when(pl.col("ordinal") > 1)
            .then(pl.concat_str("key", pl.lit("\x1f#"), pl.col("ordinal").cast(pl.String)))
            .otherwise("key")
        ).drop("ordinal")
    ids = [f"{IMPORTED}{hashlib.blake2b(key.encode(), digest_size=14).hexdigest()}" for key in keys["key"].to_list()]
    return Named(keys.drop("key", "file").with_columns(pl.Series("event_id", ids, dtype=pl.String)), before, twice)
