"""HR actions as a log or a ledger tells them, each with why it does not count, if it does not."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, cast

import polars as pl

from aura_analytics.cases.extent import last_work
from aura_analytics.events import RECORD_TYPES
from aura_analytics.hr.holding import judged
from aura_analytics.hr.vocabulary import ACTIONS, MACHINES, actions_in, actions_of, now
from aura_analytics.io.front_door import EventsLike, as_events, is_ledger_address

if TYPE_CHECKING:
    from aura_analytics.ledger.store import Ledger

__all__ = ["faults", "judged_actions", "kinds_in", "ledger_of", "one_kind_each"]


def judged_actions(
    events: EventsLike, moment: datetime | None = None, *, actor: str | None = None, detail: bool = False
) -> pl.DataFrame:
    """HR actions as `actions_of` has them, with whom they are about (`kind`, as the log knows them) and why one does not count
    (`fault`, null when it does).

    Parameters
    ----------
    events
        The whole log, since kinds are read from the events about work; or a ledger, which also knows through which door each
        action came.
    moment
        Actions after it are left out; None takes the present, or the log's last work if that is later, and calls what is dated
        after it a fault.
    actor
        Only this one's.
    detail
        As in `actions_of`.
    """
    with ledger_of(events) as ledger:
        if ledger is not None:
            return _of_ledger(ledger, moment, actor, detail=detail)
    lazy = as_events(events)
    if actor is not None:
        lazy = lazy.filter((pl.col("actor") == actor) | (pl.col("type") != RECORD_TYPES[0]))
    actions = actions_in(lazy, detail=detail)
    if moment is None:
        present = max(now(), last_work(lazy) or now()) if actions.height else now()
    else:
        present, actions = moment, actions.filter(pl.col("ts") <= moment)
    return judged(actions, kinds_in(lazy, _named(actions)), present)


@contextmanager
def ledger_of(events: object) -> Iterator[Ledger | None]:
    """The ledger that is given, or whose address is; None for anything else.

    Parameters
    ----------
    events
        Whatever holds events.
    """
    if hasattr(events, "told_actions"):
        yield cast("Ledger", events)
    elif is_ledger_address(events):
        from aura_analytics.ledger.store import Ledger

        with Ledger(cast("str", events), create=False) as opened:
            yield opened
    else:
        yield None


def _of_ledger(ledger: Ledger, moment: datetime | None, actor: str | None, *, detail: bool) -> pl.DataFrame:
    rows = ledger.events(type=RECORD_TYPES[0]) if actor is None else ledger.actions_on(actor).lazy()
    actions = actions_of(rows, detail=detail)
    if moment is None:
        present = max(now(), ledger.last_work() or now()) if actions.height else now()
    else:
        present, actions = moment, actions.filter(pl.col("ts") <= moment)
    kinds = ledger.kinds_of_all(_named(actions)) if actions.height else {}
    return judged(actions, kinds, present, ledger.told_actions() if actions.height else ())


def _named(actions: pl.DataFrame) -> list[str]:
    """Whom actions are about, and who signed them."""
    return pl.concat([actions["actor"], actions["approver"]]).drop_nulls().unique().to_list()


def kinds_in(lazy: pl.LazyFrame, names: Collection[str] | None = None) -> dict[str, str]:
    """Of which kind actors are by a log's events about work: who was ever anything but a machine is no machine.

    Parameters
    ----------
    lazy
        Events on the contract.
    names
        Of whom; default everybody.

    Returns
    -------
    dict
        Kinds by name; who never worked is missing.
    """
    if names is not None and not names:
        return {}
    work = lazy.filter(~pl.col("type").is_in(list(RECORD_TYPES)))
    own = work.filter(pl.col("actor_kind").is_not_null() & pl.col("actor").is_not_null())
    asked = work.filter(pl.col("agent").is_not_null())
    found = pl.concat(
        [
            own.select("actor", kind=pl.col("actor_kind").cast(pl.String)).unique(),
            asked.select(actor="agent", kind=pl.lit("agent")).unique(),
        ]
    )
    kinds = one_kind_each(found.collect(engine="in-memory").rows())
    if names is None:
        return kinds
    wanted = {name.strip().casefold() for name in names}  # a machine signs nothing, however its name is written
    return {name: kind for name, kind in kinds.items() if name.casefold() in wanted}


def one_kind_each(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Kinds by name: who was ever anything but a machine is no machine.

    Parameters
    ----------
    pairs
        Names and kinds that they were recorded as.
    """
    kinds: dict[str, str] = {}
    for name, kind in sorted(pairs):
        if name not in kinds or kinds[name] in MACHINES:
            kinds[name] = kind
    return kinds


def faults(events: EventsLike, as_of: datetime | None = None) -> pl.DataFrame:
    """HR actions that do not count, and why.

    Parameters
    ----------
    events
        The whole log, or a ledger.
    as_of
        Moment up to which actions are looked at; default all of them.

    Returns
    -------
    polars.DataFrame
        `event_id`, `ts`, `actor`, `action` (null where it names none that there is) and `fault`, in words, in the order of time.

    Examples
    --------
    >>> import aura_analytics as aura
    >>> log = aura.events.from_records([
    ...     {"type": "DECISION", "actor": "anne", "actor_kind": "officer", "ts": "2026-01-05"},
    ...     {"type": "HR_ACTION", "actor": "anne", "actor_kind": "agent", "ts": "2026-01-06",
    ...      "attributes": '{"action": "suspension"}'}])
    >>> faults(log)["fault"].item(), aura.standing(log)["standing"].item()
    ('done to an officer, and answers no proposal', 'good')
    """
    known = judged_actions(events, as_of)
    with ledger_of(events) as ledger:
        lazy = as_events(events) if ledger is None else ledger.events(type=RECORD_TYPES[0]).collect().lazy()
    said = lazy.filter(pl.col("type").is_in(list(RECORD_TYPES)))
    if as_of is not None:
        said = said.filter(pl.col("ts") <= as_of)
    rest = said.join(known.lazy().select("event_id"), on="event_id", how="anti").select(
        "event_id", "ts", "actor", action=pl.lit(None, dtype=pl.String), fault=_no_action()
    )
    bad = known.filter(pl.col("fault").is_not_null()).select("event_id", "ts", "actor", "action", "fault")
    return pl.concat([bad, rest.collect(engine="in-memory")]).sort("ts", "event_id")


def _no_action() -> pl.Expr:
    named = pl.col("attributes").str.json_path_match("$.action")
    unknown = pl.format("{} is no action; one of " + ", ".join(ACTIONS), named)
    return pl.when(named.is_null()).then(pl.lit("it names no action and takes no points")).otherwise(unknown)
