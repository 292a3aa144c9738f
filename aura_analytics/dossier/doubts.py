"""Doubts about the data behind a row of a board: verdicts that contradict themselves, names that look alike, bursts of ratings."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from aura_analytics.errors import close_match

__all__ = ["Seen", "bursts", "doubts", "doubts_said"]

_MANY = 10  # ratings
_SHORT = 600_000_000  # microseconds
_WORDS = ("ai_recommendation", "human_verdict", "initial_verdict")


class Seen(NamedTuple):
    """What there is to doubt about verdicts, by actor.

    Attributes
    ----------
    mixed, contrary, disputed
        Cases with both kinds of verdict of one actor, verdicts that contradict their own type, and those that audits disagree
        about.
    judged
        By what audits said was right: verdicts of each actor.
    used
        The words of all verdicts; None where the facts have none.
    """

    mixed: dict[str, int]
    contrary: dict[str, int]
    disputed: dict[str, int]
    judged: dict[str, dict[str, int]]
    used: frozenset[str] | None

    @classmethod
    def of(cls, decisions: pl.DataFrame, actors: pl.Series | None = None) -> Seen:
        """From the facts `DECISIONS`; where actors are named only of these."""
        columns, own = set(decisions.columns), decisions
        if actors is not None and len(actors) * 4 < decisions.height:  # of a few only their own verdicts are looked at
            own = decisions.filter(pl.col("actor").is_in(actors.implode()))
        mixed, contrary, disputed = {}, {}, {}
        if {"case_id", "ai_recommendation", "human_verdict"} <= columns:
            repeated = own.filter(pl.col("case_id").is_not_null() & pl.col("case_id").is_duplicated())
            mixed = _counts(repeated.group_by("actor", "case_id").agg(both=pl.col("override").n_unique() == 2).filter("both"))
            contrary = _counts(own.filter((pl.col("ai_recommendation") == pl.col("human_verdict")) == pl.col("override")))
        judged: dict[str, dict[str, int]] = {}
        if {"truth", "disputed"} <= columns:
            told = own.filter(pl.col("truth").is_not_null() & pl.col("actor").is_not_null())
            disputed = _counts(told.filter("disputed"))
            for word, actor, count in told.group_by("truth", "actor").len().sort("truth", "actor").iter_rows():
                judged.setdefault(word, {})[actor] = count
        return cls(mixed, contrary, disputed, judged, cls.words(decisions) if judged else None)

    @staticmethod
    def words(decisions: pl.DataFrame) -> frozenset[str] | None:
        """The words of verdicts, where anything may have been judged."""
        named = [name for name in _WORDS if name in decisions.columns]
        if not named or not {"truth", "disputed"} <= set(decisions.columns):
            return None
        return frozenset(word for name in named for word in decisions[name].drop_nulls().unique())

    @classmethod
    def together(cls, parts: Sequence[Seen]) -> Seen:
        """What was seen in parts, each of other actors."""

        def merged(name: str) -> dict[str, int]:
            found = (item for part in parts for item in getattr(part, name).items())
            return dict(sorted(found, key=lambda item: (item[0] is not None, item[0] or "")))  # verdicts of nobody come first

        judged: dict[str, dict[str, int]] = {}
        for part in parts:
            for word, counts in part.judged.items():
                judged.setdefault(word, {}).update(counts)
        words = {word: dict(sorted(counts.items())) for word, counts in sorted(judged.items())}
        told = [part.used for part in parts if part.used is not None]
        used = frozenset[str]().union(*told) if told and words else None
        return cls(merged("mixed"), merged("contrary"), merged("disputed"), words, used)


def _counts(rows: pl.DataFrame) -> dict[str, int]:
    return dict(rows.group_by("actor").len().sort("actor").iter_rows())


def doubts(board: pl.DataFrame, seen: Seen, ratings: Mapping[str, list[str]]) -> pl.Series:
    """What is doubtful about the data behind each row of a board, as lists of texts; `ratings` is what `bursts` found."""
    found: dict[str, list[str]] = {}
    for counts, text in (
        (seen.mixed, "cases carry both a DECISION and an OVERRIDE of this actor"),
        (seen.contrary, "verdicts contradict their own type (an OVERRIDE that agrees, or the reverse)"),
    ):
        for actor, count in counts.items():
            found.setdefault(actor, []).append(f"{count} {text}")
    for actor, said in _of_truth(seen):
        found.setdefault(actor, []).append(said)
    for actor, some in ratings.items():
        found.setdefault(actor, []).extend(some)
    for names in _alike(board["actor"]):
        shown = ", ".join(repr(name) for name in names[:5])
        for actor in names:
            found.setdefault(actor, []).append(
                f"{len(names)} names differ only in case, spaces or normal form, and may be one person: {shown}"
            )
    nothing = pl.Series([[]], dtype=pl.List(pl.String))
    if not found:
        return nothing.new_from_index(0, board.height)
    texts = pl.DataFrame(
        {"actor": list(found), "texts": list(found.values())}, schema={"actor": pl.String, "texts": pl.List(pl.String)}
    )
    joined = board.select("actor").join(texts, on="actor", how="left", maintain_order="left")
    return joined["texts"].fill_null(nothing.first())


def _of_truth(seen: Seen) -> Iterator[tuple[str, str]]:
    """Audits that disagree, and words of audits that no verdict uses: these may be spelled otherwise."""
    for actor, count in seen.disputed.items():
        yield actor, f"audits disagree about {count} of these verdicts; the last one counts"
    if seen.used is None:
        return
    for word in [word for word in seen.judged if word not in seen.used][:_MANY]:
        hint = close_match(word, sorted(seen.used))
        told = f"were judged to be {word!r}, which no verdict says" + (f"; {hint}" if hint else "")
        for actor, count in seen.judged[word].items():
            yield actor, f"{count} of these verdicts {told}"


def doubts_said(board: pl.DataFrame, but: Collection[str] = (), most: int = 10) -> list[str]:
    """The doubts of a board in sentences, each with whom it is about.

    Parameters
    ----------
    board
        Of `aura_analytics.dossiers`.
    but
        Actors who are left out, since they have a page of their own that says it.
    most
        Sentences; how many more there are is said after them.
    """
    if "warnings" not in board.columns:
        return []
    named = board.select("actor", "warnings").filter(~pl.col("actor").is_in(list(but))).explode("warnings").drop_nulls()
    said = [f"{actor}: {text}." for actor, text in named.head(most).iter_rows()]
    return (
        [*said, f"{named.height - most:,} more doubts about the data stand in the board's warnings."]
        if named.height > most
        else said
    )


def bursts(ratings: pl.DataFrame, numbers: Collection[str] = ()) -> dict[str, list[str]]:
    """Who was rated in bursts, and how: by the same rater of the same case again and again, on few cases, or within minutes.

    Parameters
    ----------
    ratings
        The facts `RATINGS`.
    numbers
        The names of actors in the order of their numbers, where the facts have these in their place.

    Returns
    -------
    dict
        Texts by actor: where ten ratings or more repeat one and do not count; where of ten or more that count most are not the
        first of their case; where ten or more that count, and at least half of all, came within ten minutes.

    Examples
    --------
    >>> from datetime import datetime, timezone
    >>> at = datetime(2026, 1, 5, tzinfo=timezone.utc)
    >>> one = {"actor": "anne", "ts": at, "value": 1.0, "first_of_case": True, "repeats": 99}
    >>> bursts(pl.DataFrame([one]))
    {'anne': ['99 ratings repeat one of the same case by the same rater, or by nobody named, and do not count']}
    """
    if not {"first_of_case", "repeats"} <= set(ratings.columns) or ratings.is_empty():
        return {}
    bucket = pl.col("ts").to_physical() // _SHORT
    by_time = ratings.lazy().filter(pl.col("actor").is_not_null()).group_by("actor", bucket=bucket)
    parts = by_time.agg(
        n=pl.len().cast(pl.Int64),
        firsts=pl.col("first_of_case").sum().cast(pl.Int64),
        repeats=pl.col("repeats").sum().cast(pl.Int64),
    )
    per_actor = parts.group_by("actor").agg(
        pl.col("n").sum(), pl.col("firsts").sum(), pl.col("repeats").sum(), most=pl.col("n").max()
    )
    repeated = pl.col("repeats") >= _MANY
    few = (pl.col("n") >= _MANY) & (2 * pl.col("firsts") < pl.col("n"))
    # ten minutes lie in two buckets: where neither holds a quarter of all there is no burst
    sudden = (pl.col("n") >= _MANY) & (4 * pl.col("most") >= pl.col("n")) & (2 * pl.col("most") >= _MANY)
    asked = per_actor.with_columns(few=few, sudden=sudden).filter(repeated | few | sudden).sort("actor").collect()
    if asked.is_empty():
        return {}
    times = ratings.filter(pl.col("actor").is_in(asked.filter("sudden")["actor"].implode()))
    counts = _most_within(times)
    found: dict[str, list[str]] = {}
    names = list(numbers)
    for actor, n, firsts, again, _, is_few, _ in asked.iter_rows():
        texts = []
        if again >= _MANY:
            texts.append(f"{again:,} ratings repeat one of the same case by the same rater, or by nobody named, and do not count")
        if is_few:
            texts.append(f"{n:,} ratings are of {firsts:,} known cases only")
        most = counts.get(actor, 0)
        if most >= _MANY and 2 * most >= n:
            texts.append(f"{most:,} of {n:,} ratings came within ten minutes")
        if texts:
            found[actor if isinstance(actor, str) else names[actor]] = texts
    return found


def _most_within(ratings: pl.DataFrame) -> dict[Any, int]:
    """Of each actor, the most ratings that came within ten minutes."""
    most: dict[Any, int] = {}
    for actor, moments in ratings.group_by("actor").agg(pl.col("ts").sort().to_physical()).iter_rows():
        begin = np.asarray(moments, dtype=np.int64)
        most[actor] = int((np.searchsorted(begin, begin + _SHORT, side="right") - np.arange(len(begin))).max())
    return most


def _alike(actors: pl.Series) -> list[list[str]]:
    """Groups of names that a reader would take for one."""
    plain = pl.col("actor").str.normalize("NFKC").str.to_lowercase().str.replace_all(r"\s+", " ").str.strip_chars()
    same = pl.DataFrame({"actor": actors}).with_columns(plain=plain).filter(pl.col("plain").is_duplicated())
    return [sorted(names) for names in same.group_by("plain", maintain_order=True).agg("actor")["actor"].to_list()]
