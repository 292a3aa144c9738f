"""Which rows a rule means, and whether every name of a mapping occurs in the log."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Iterator
from unicodedata import normalize

import polars as pl

from aura_analytics.errors import MappingError, Problem, close_match
from aura_analytics.io.mapping import LogMapping
from aura_analytics.io.mapping_parts import Given, Matching, OneOrMany, Source, listed
from aura_analytics.io.rows.sources import column, columns_of, text, text_of

__all__ = ["NAMES", "check_columns", "check_names", "is_pattern", "matched", "named", "names_there"]

NAMES = ("columns.actor", "columns.case", "columns.activity", "columns.owner", "pairs.decided_by", "pairs.recommended_by")
_ACTORS = ("columns.actor", ".actor", ".owner", ".decided_by", ".recommended_by", ".by")


def is_pattern(name: str) -> bool:
    """Whether a name of an actor stands for all that look like it: `citizen-*`."""
    return any(sign in name for sign in "*?[")


def _names(given: OneOrMany | None) -> list[str]:
    """Names of actors in the one writing of each sign that rows have."""
    return [normalize("NFC", name) for name in listed(given)]


def matched(rule: Matching) -> pl.Expr:
    """Whether a row is one of a rule, by the columns `activity` and `actor`; `first` and `last` are not looked at here."""
    found = pl.lit(True)  # noqa: FBT003
    if rule.activity is not None:
        found = pl.col("activity").is_in(rule.activities)
    if rule.actor is not None:
        found &= pl.col("actor").is_in(_names(rule.actor)).fill_null(value=False)
    if rule.not_actor is not None:
        found &= ~pl.col("actor").is_in(_names(rule.not_actor)).fill_null(value=False)
    for name, values in rule.where.items():
        found &= pl.col(f"where {name}").is_in(listed(values)).fill_null(value=False)
    return found.fill_null(value=False)


def check_columns(log: pl.DataFrame, mapping: LogMapping, where: str) -> None:
    """Every column that the mapping names is there, and a path leads to something that is no object."""
    problems = []
    for key, source in mapping.sources():
        for name in columns_of(source):
            found = column(log, name)
            if found is None:
                expected = ", ".join(log.columns)
                hint = close_match(name, log.columns)
                problems.append(Problem(f"{key} names a column that the log does not have", name, expected, where, hint))
                continue
            if name != found[0] and log.height and log.select(found[1].is_null().all()).item():
                example = next(iter(log[found[0]].drop_nulls().head(1).cast(pl.String, strict=False)), None)
                problems.append(
                    Problem(
                        f"{key} leads to nothing in any row",
                        name,
                        f"a path into {found[0]}",
                        where,
                        f"it holds {str(example)[:120]}",
                    )
                )
                continue
            if key in NAMES:
                seen = log.select(text(log, name).alias("x"))["x"].str.strip_chars_start()
                nested = seen.filter(seen.str.starts_with("{")).head(1)
                if len(nested):
                    next_ = f"name what is meant within it: {name}.{_keys(nested[0])}"
                    problems.append(Problem(f"{key} holds objects, which are no name", nested[0][:80], "a text", where, next_))
    if problems:
        raise MappingError(f"mapping {mapping.name!r} does not fit the log", problems=problems)


def _keys(text_: str) -> str:
    import json

    try:
        return " or ".join(list(json.loads(text_))[:5])
    except ValueError:
        return "..."


def names_there(log: pl.DataFrame, mapping: LogMapping) -> dict[str, set[str]]:
    """The different names in a log, or in some rows of one, of everything that a mapping names: `activity`, `actor`, `any actor`,
    and of columns `where NAME` and `keep NAME`. What these rows do not have is left out.
    """
    acting = [source for key, source in mapping.sources() if key.endswith(_ACTORS)]
    asked: list[tuple[str, pl.Expr]] = []
    for kind, source in (("activity", mapping.columns.activity), *(("any actor", source) for source in acting)):
        if source is not None and _has(log, source):
            asked.append((kind, text_of(log, source)))
    if mapping.columns.actor is not None and _has(log, mapping.columns.actor):
        asked.append(("actor", named(log, mapping.columns.actor, mapping)))
    for column_ in sorted({column_ for _, column_, _ in _named(mapping)}):
        kind, _, name = column_.partition(" ")
        if kind in ("where", "keep") and column(log, name) is not None:
            asked.append((column_, text(log, name).str.strip_chars()))
    found: dict[str, set[str]] = {}
    if asked:
        values = log.lazy().select(value.unique().implode().alias(str(place)) for place, (_, value) in enumerate(asked)).collect()
        for (kind, _), every in zip(asked, values.row(0), strict=True):
            found.setdefault(kind, set()).update(normalize("NFC", one) for one in every if one is not None)
    return found


def _has(log: pl.DataFrame, source: Source) -> bool:
    return all(column(log, name) is not None for name in columns_of(source))


def named(log: pl.DataFrame, source: Source | None, mapping: LogMapping) -> pl.Expr:
    """Names of actors: null where they mean nobody; one way to write each sign."""
    value = text_of(log, source)
    told = log.select(x=value)["x"]
    words = {word.lower() for word in mapping.nobody}
    nobody = value.is_in([name for name in told.unique().drop_nulls().to_list() if name.lower() in words])
    if (told.str.len_bytes() != told.str.len_chars()).any():
        value = value.str.normalize("NFC")
    return pl.when(~nobody).then(value)


def check_names(found: dict[str, set[str]], mapping: LogMapping, where: str) -> None:
    """Every name in the mapping occurs in the log: a misspelt one would leave events out of the numbers without a word.

    `found` are the names of `names_there`, of the whole log.
    """
    spared = set(mapping.optional) if isinstance(mapping.optional, list) else set()
    sorted_: dict[str, list[str]] = {}

    def known(column_: str) -> list[str]:
        if column_ not in sorted_:
            there = found.get(column_, set())
            if column_ == "any actor" and column_ not in found:
                there = found.get("actor", set())
            sorted_[column_] = sorted(there)
        return sorted_[column_]

    problems = []
    for what, column_, names in _named(mapping):
        there = known(column_)
        for name in names:
            if (
                name in spared
                or normalize("NFC", name) in there
                or (what.startswith("actor_kinds") and is_pattern(name) and fnmatch.filter(there, name))
            ):
                continue
            spot = {"activity": "activity", "actor": "actor"}.get(column_, f"value of {column_.split(' ', 1)[-1]}")
            near = close_match(name, there)
            problems.append(
                Problem(
                    f"{what}: {spot} never occurs in the log",
                    name,
                    ", ".join(there[:20]) or "nothing is there",
                    where,
                    near or "if it need not occur, say so: optional: true",
                )
            )
    activities = [name for _, rule in mapping.rules() for name in rule.activities]
    there = known("activity") if activities else []
    others = mapping.milestones or mapping.pairs or any(not rule.activities for _, rule in mapping.rules())
    if activities and not set(activities).intersection(there) and not others:
        shown = ", ".join(there[:20]) or "none"
        raise MappingError(f"mapping {mapping.name!r} matches nothing in the log (activities there: {shown})", problems=problems)
    if problems and mapping.optional is not True:
        raise MappingError(f"mapping {mapping.name!r} names what the log does not have", problems=problems)


def _named(mapping: LogMapping) -> Iterator[tuple[str, str, Iterable[str]]]:
    """Places in a mapping, the columns they speak of, and the names there."""
    for place, rule in mapping.rules():
        if rule.optional:
            continue
        yield f"{place}.activity", "activity", rule.activities
        yield f"{place}.actor", "actor", listed(rule.actor)
        yield f"{place}.not_actor", "actor", listed(rule.not_actor)
        for name, values in rule.where.items():
            yield f"{place}.where.{name}", f"where {name}", listed(values)
    for name, values in mapping.keep.items():
        yield f"keep.{name}", f"keep {name}", listed(values)
    yield "actor_kinds", "any actor", mapping.actor_kinds
    for kind, milestone in mapping.milestones.items():
        for name, values in milestone.expected.items():
            yield f"milestones.{kind}.expected.{name}", f"keep {name}", listed(values)


def words_of(rules: Iterable[object]) -> list[str]:
    """The words that rules say themselves."""
    return [rule.says for rule in rules if not isinstance(getattr(rule, "says", None), (Given, type(None)))]  # type: ignore[attr-defined]
