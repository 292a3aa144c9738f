"""What commands take: events, ledgers, policies, limits. Every command takes them in the same words."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aura_analytics.errors import ParameterError, Problem
from aura_analytics.outputs import free_to_write

if TYPE_CHECKING:
    import polars as pl

    from aura_analytics.ledger import Ledger

__all__ = [
    "Actor",
    "AsOf",
    "CalendarOption",
    "Cluster",
    "Events",
    "Force",
    "LedgerUrl",
    "Out",
    "PolicyName",
    "Quarantine",
    "Roles",
    "Scratch",
    "SlaOption",
    "Url",
    "Window",
    "events_for",
    "is_ledger",
    "load_events",
    "name_of",
    "opened",
    "sla_of",
    "unused",
]

_EVENTS = "Events: .parquet, .jsonl, .csv, a folder, a glob, or a ledger (URL or .db file)."
LEDGER_HELP = "Ledger: sqlite:///FILE, postgresql+psycopg://..., or a SQLite file; default AURA_LEDGER, else aura.db here."
Events = Annotated[str, typer.Argument(help=_EVENTS, show_default=False)]
AsOf = Annotated[str | None, typer.Option(help="End of the window, ISO 8601; default the last event.")]
Window = Annotated[str | None, typer.Option(help="Length of the window, such as 90d, or 'all'; default the policy's.")]
PolicyName = Annotated[
    str | None,
    typer.Option("--policy", help="Policy: reliance, evidence_gated, tracker, agents, or a file (YAML).", show_default="reliance"),
]
CalendarOption = Annotated[
    Path | None, typer.Option("--calendar", help="YAML file of a calendar: zone, hours, country, closed days.")
]
SlaOption = Annotated[
    list[str] | None, typer.Option("--sla", help="Limit of a case: 72h, '20 working days', or QUEUE=LIMIT; repeatable.")
]
Cluster = Annotated[
    str | None, typer.Option("--cluster", help="Have it done on a cluster: address of a Dask scheduler, tcp://HOST:8786.")
]
Scratch = Annotated[Path | None, typer.Option(help="With --cluster: a folder that every worker sees, for what is laid aside.")]
Roles = Annotated[Path | None, typer.Option(help="YAML file: role -> list of actors.")]
Quarantine = Annotated[
    Path | None, typer.Option(help="File for lines and rows that break the contract; without it they are an error.")
]
Actor = Annotated[list[str] | None, typer.Option(help="Only this actor; repeatable.")]
Force = Annotated[bool, typer.Option("--force", help="Replace a file that is there; a ledger never is.")]
Out = Annotated[Path | None, typer.Option(help="Write the dossiers as .parquet, .csv or .jsonl too.")]
Url = Annotated[str | None, typer.Argument(metavar="LEDGER", help=LEDGER_HELP, show_default=False)]
LedgerUrl = Annotated[str | None, typer.Option("--ledger", help="Ledger; default AURA_LEDGER, else aura.db here.")]


def is_ledger(text: str) -> bool:
    """Whether a command's argument names a ledger rather than a file of events."""
    from aura_analytics.io.front_door import is_ledger_address

    return is_ledger_address(text)


def opened(text: str | None, *, create: bool = False) -> Ledger:
    """The ledger that a command's argument names."""
    from aura_analytics.ledger import Ledger

    return Ledger(text, create=create)


def load_events(source: str, quarantine: Path | None = None) -> pl.LazyFrame:
    """Events from whatever an argument names; what was set aside is said on standard error."""
    from aura_analytics.io.checked import QuarantineWarning
    from aura_analytics.io.front_door import as_events

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always", QuarantineWarning)
        frame = as_events(source, quarantine=quarantine)
    for one in said:
        if issubclass(one.category, QuarantineWarning):
            typer.echo(str(one.message), err=True)
        else:
            warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)
    return frame


def events_for(cluster: str | None, source: str, quarantine: Path | None) -> pl.LazyFrame | str:
    """Events as `load_events` reads them; for a cluster where they are."""
    if cluster is None:
        return load_events(source, quarantine)
    if quarantine is not None:
        hint = "leave out --cluster, or mend the file first"
        raise ParameterError(Problem("a cluster reads events itself, and sets nothing aside", got=str(quarantine), next=hint))
    return source


def name_of(events: str) -> str:
    """What the events come from, in short, and without a password."""
    return opened(events).url if is_ledger(events) else Path(events).name


def sla_of(options: list[str] | None) -> dict[str, str] | None:
    """Limits of cases by queue, from the options of a command."""
    if not options:
        return None
    return {(parts := one.rpartition("="))[0] or "default": parts[2] for one in options}


def unused(path: Path | None, *, overwrite: bool | None = None) -> Path | None:
    """A file to write that is not there yet, or may be replaced.

    Raises
    ------
    ParameterError
        If it is.
    """
    return path if path is None else free_to_write(path, overwrite=overwrite)
