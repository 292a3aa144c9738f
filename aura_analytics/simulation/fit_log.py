"""What is read off a real log before a scenario is fitted to it: verdicts, and when cases ended."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import polars as pl

from aura_analytics.cases.collecting import collect
from aura_analytics.cases.window import drill_cases, split_off
from aura_analytics.errors import ParameterError, Problem
from aura_analytics.events import VERDICT_TYPES
from aura_analytics.io.front_door import EventsLike, as_events

if TYPE_CHECKING:
    pass


__all__ = ["busy", "ended_cases", "prepared", "verdicts_of"]

_YES = re.compile(r"^(?:[a-z]_)?(?:approv\w*|accept\w*|grant\w*|yes|allow\w*|eligible|pass\w*|ok)$", re.IGNORECASE)


def prepared(events: EventsLike, utc_offset: float) -> pl.DataFrame:
    """The log on people's clocks, with names as scenarios have them."""
    if not -14 <= utc_offset <= 14:
        raise ParameterError(Problem("utc_offset is out of range", got=utc_offset, expected="hours from -14 to 14"))
    plain = [
        pl.col(name).str.replace_all(r"[\x00-\x1f\x7f]", " ").str.strip_chars().str.slice(0, 200)
        for name in ("queue", "actor", "agent")
    ]
    lazy = as_events(events)
    work, _ = split_off(lazy, drill_cases(lazy))  # drills are nobody's arrivals
    return collect(work).with_columns(*plain, ts=pl.col("ts") + pl.duration(seconds=round(3600 * utc_offset)))


def busy(log: pl.DataFrame, ended: pl.DataFrame, assumed: list[str]) -> pl.DataFrame:
    """The log without queues of which no case was ever ended."""
    of_cases = (
        log.filter(pl.col("case_id").is_not_null())
        .group_by("case_id")
        .agg(queue=pl.col("queue").drop_nulls().first().fill_null("cases"))
    )
    idle = of_cases.filter(~pl.col("queue").is_in(ended["queue"].unique().implode()))
    if idle.is_empty():
        return log
    names = ", ".join(sorted(idle["queue"].unique())[:5])
    assumed.append(f"No case of {names} was ever ended: its {idle.height:,} cases are left out.")
    return log.join(idle, on="case_id", how="anti")


def ended_cases(log: pl.DataFrame, assumed: list[str]) -> pl.DataFrame:
    """Per case that somebody ended: queue, opened, assigned to whose it was, ended, whose (and of which kind).

    A case is theirs who gave the last verdict, otherwise who resolved it; it ends when it is first resolved, otherwise with the
    verdict.
    """
    of_cases = log.filter(pl.col("case_id").is_not_null() & (pl.col("case_id") != ""))
    opened = of_cases.group_by("case_id").agg(opened=pl.col("ts").min(), queue=pl.col("queue").drop_nulls().first())
    acts = of_cases.filter(pl.col("type").is_in(["RESOLVED", *VERDICT_TYPES]) & pl.col("actor").is_not_null())
    done, decided = pl.col("type") == "RESOLVED", pl.col("type").is_in(list(VERDICT_TYPES))
    kind = pl.col("actor_kind").cast(pl.String)
    end = (
        acts.sort("ts", maintain_order=True)
        .group_by("case_id")
        .agg(
            ended=pl.coalesce(pl.col("ts").filter(done).first(), pl.col("ts").last()),
            actor=pl.coalesce(pl.col("actor").filter(decided).last(), pl.col("actor").filter(done).first()),
            actor_kind=pl.coalesce(kind.filter(decided).last(), kind.filter(done).first()),
            other=(pl.col("actor").filter(decided).last() != pl.col("actor").filter(done).first()).fill_null(value=False),
            again=(pl.col("ts").filter(done).n_unique() > 1),
        )
    )
    for column, said in (
        ("other", "were resolved by somebody else than who decided them, and count as the decider's"),
        ("again", "were resolved more than once, and end with the first time"),
    ):
        if count := int(end[column].sum()):
            assumed.append(f"{count:,} of {end.height:,} cases {said}.")
    end = end.drop("other", "again")
    given = of_cases.filter(pl.col("type") == "ASSIGNED").select("case_id", "actor", assigned="ts")
    mine = (
        given.join(end, on=["case_id", "actor"])
        .filter(pl.col("assigned") <= pl.col("ended"))
        .group_by("case_id")
        .agg(pl.col("assigned").max())
    )
    found = (
        end.join(opened, on="case_id")
        .join(mine, on="case_id", how="left")
        .with_columns(pl.coalesce("assigned", "opened").alias("assigned"))
    )
    return found.with_columns(pl.col("queue").fill_null("cases")).sort("assigned", "case_id")


def verdicts_of(log: pl.DataFrame, assumed: list[str]) -> pl.DataFrame:
    """The last verdict on every case: who, on whose recommendation, whether it was an override, whether APPROVE was recommended,
    and whether that was right (null where nobody said).
    """
    rows = log.filter(pl.col("type").is_in(list(VERDICT_TYPES)) & pl.col("case_id").is_not_null()).sort("ts")
    words = pl.concat([rows["ai_recommendation"], rows["human_verdict"]]).drop_nulls().unique().sort().to_list()
    yes = [word for word in words if _YES.match(word)]
    if words and not yes:
        yes = (
            [rows["ai_recommendation"].drop_nulls().mode().sort()[0]] if rows["ai_recommendation"].drop_nulls().len() else words[:1]
        )
        assumed.append(f"None of the words {', '.join(words[:6])} reads like an approval: {yes[0]} is taken for one.")
    truth = log.filter((pl.col("type") == "ADJUDICATION") & pl.col("outcome").is_not_null()).sort("ts")
    said = truth.group_by("case_id").agg(truth=pl.col("outcome").last().is_in(yes))
    last = rows.group_by("case_id", maintain_order=True).last()
    return (
        last.select(
            "case_id",
            "actor",
            "agent",
            "confidence",
            "queue",
            "ts",
            override=pl.col("type") == "OVERRIDE",
            advice=pl.when(pl.col("ai_recommendation").is_not_null()).then(pl.col("ai_recommendation").is_in(yes)),
            approved=pl.col("human_verdict").is_in(yes).fill_null(value=False),
        )
        .join(said, on="case_id", how="left")
        .with_columns(pl.col("queue").fill_null("cases"), right=pl.col("advice") == pl.col("truth"))
    )
