"""`aura record` and `aura ledger`: the commands about the ledger."""

from __future__ import annotations

import json
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aura_analytics.cli.inputs import LEDGER_HELP, Force, Url, load_events, opened
from aura_analytics.cli.output import Json, print_json, progress
from aura_analytics.errors import EventError, ParameterError, Problem
from aura_analytics.strict_json import strict_json

if TYPE_CHECKING:
    from aura_analytics.ledger import Ledger, Recorded

__all__ = ["ledger_app", "record"]

ledger_app: typer.Typer = typer.Typer(help="Look after a ledger.", no_args_is_help=True)


def record(
    events: Annotated[
        str, typer.Argument(help="An event as JSON, a file of events, or - for JSON Lines on standard input.", show_default=False)
    ],
    ledger: Annotated[str | None, typer.Option(help=LEDGER_HELP)] = None,
    skip_conflicts: Annotated[
        bool, typer.Option("--skip-conflicts", help="Store the rest when ids are taken by other content; the exit code is 1.")
    ] = False,
    quarantine: Annotated[
        Path | None, typer.Option(help="File for lines and rows of a file that break the contract; without it they are an error.")
    ] = None,
    import_: Annotated[
        bool,
        typer.Option("--import", help="It is another system's record: its HR actions and future dates count."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Record events in a ledger, which is made if it does not exist.

    For example: aura record '{"type": "OVERRIDE", "actor": "anne@agency.gov"}'

    Of a file, events without an id get one made of their content, so that recording it twice changes nothing. An event given as
    JSON, here or on standard input, is a new one each time unless it brings its event_id; without ts it gets the present moment.
    """
    with progress(quiet=as_json) as bar:
        task = bar.add_task("recording", total=1)
        given = _given(events, quarantine)
        store = opened(ledger, create=True)
        if isinstance(given, list):  # so that the answer can say which
            given = [{"event_id": uuid.uuid4().hex, **event} for event in given]
        done = store.record_events_report(
            given, on_conflict="skip" if skip_conflicts else "raise", door="import" if import_ else "told"
        )
        bar.update(task, advance=1)
    ids = [str(event["event_id"]) for event in given] if isinstance(given, list) else []
    _account(store, done, ids, as_json=as_json)
    if done.conflicts:
        raise typer.Exit(1)


def _given(events: str, quarantine: Path | None) -> Any:
    text = events.strip()
    if text.startswith("{"):
        return [_event(text, "the argument")]
    if text == "-":
        return [_event(line, f"line {number}") for number, line in enumerate(sys.stdin, 1) if line.strip("\ufeff \r\n\t")]
    return load_events(events, quarantine)


def _event(text: str, where: str) -> dict[str, Any]:
    try:
        found = strict_json(text.lstrip("\ufeff"))
    except ValueError as error:
        raise EventError(Problem("this is no JSON", got=str(error), where=where, expected='{"type": "OVERRIDE", ...}')) from None
    if not isinstance(found, dict):
        raise EventError(Problem("an event is a JSON object", got=found, where=where, expected='{"type": "OVERRIDE", ...}'))
    return found


def _account(store: Ledger, done: Recorded, ids: list[str], *, as_json: bool) -> None:
    if as_json:
        conflicts = [str(problem) for problem in done.conflicts]
        counts = {name: getattr(done, name) for name in ("stored", "duplicates", "retold", "told", "ahead")}
        print_json({"ledger": store.url, **counts, "conflicts": conflicts, "ids": ids})
        return
    known = f", {done.duplicates:,} known already" if done.duplicates else ""
    known += f", {done.retold:,} known already with other attributes (the first stand)" if done.retold else ""
    name = f" (id {ids[0]})" if len(ids) == 1 else ""
    typer.echo(f"{done.stored:,} recorded{name}{known} in {store.url}")
    if done.told:
        text = "HR action came as an event and moves nobody" if done.told == 1 else "HR actions came as events and move nobody"
        typer.echo(f"{done.told:,} {text} (aura hr faults); --import brings over another system's record", err=True)
    if done.ahead:
        text = f"{done.ahead:,} {'event is' if done.ahead == 1 else 'events are'} dated more than a day after the present"
        typer.echo(f"{text}: kept, and counted when their time has come (aura ledger ahead)", err=True)
    for problem in done.conflicts:
        typer.echo(f"not recorded: {problem}", err=True)


@ledger_app.command()
def info(ledger: Url = None, as_json: Json = False) -> None:
    """Say what a ledger holds."""
    found = opened(ledger).info()
    if as_json:
        print_json(vars(found))
        return
    span = "" if found.first is None else f", {found.first:%Y-%m-%d %H:%M} to {found.last:%Y-%m-%d %H:%M} UTC"
    many = "event" if found.events == 1 else "events"
    late = "" if found.recorded_at is None else f"; last recorded {found.recorded_at:%Y-%m-%d %H:%M} UTC"
    typer.echo(
        f"{found.url}\n{found.events:,} {many}{span}{late}\nledger {found.ledger_id}, schema {found.schema}\nhead {found.chain}"
    )


@ledger_app.command()
def ahead(ledger: Url = None, as_json: Json = False) -> None:
    """Events that are dated more than a day after the present: they are kept, and count when their time has come."""
    rows = opened(ledger).ahead()
    if as_json:
        print_json(rows.to_dicts())
        return
    for row in rows.iter_rows(named=True):
        typer.echo(f"{row['ts']:%Y-%m-%d %H:%M}  {row['event_id']}")
    if rows.is_empty():
        typer.echo("none")


@ledger_app.command()
def verify(
    ledger: Url = None,
    heads: Annotated[Path | None, typer.Option(help="File of heads exported earlier.")] = None,
    key: Annotated[Path | None, typer.Option(help="Public key by which the heads must be signed.")] = None,
    as_json: Json = False,
) -> None:
    """Check every event against the hash chain.

    The exit code is 1 when an event was altered, removed, moved or put in. Without --heads, somebody who may write the database
    could have computed the chain anew, or cut off its end.
    """
    store = opened(ledger)
    with progress(quiet=as_json) as bar:
        task = bar.add_task("verifying", total=None)
        found = store.verify(heads, lambda checked: bar.update(task, completed=checked), key=key)
    if as_json:
        print_json(vars(found))
    else:
        typer.echo(("" if found.ok else "NOT AS RECORDED: ") + found.message)
    if not found.ok:
        raise typer.Exit(1)


@ledger_app.command()
def upgrade(
    ledger: Url = None,
    backup: Annotated[Path | None, typer.Option(help="Where to put the backup; default beside the ledger.")] = None,
    as_json: Json = False,
) -> None:
    """Bring an older ledger to this version of the library, after a backup."""
    from aura_analytics.ledger.info import upgrade_ledger

    before, after, kept = upgrade_ledger(ledger, backup)
    if as_json:
        print_json({"before": before, "after": after, "backup": None if kept is None else str(kept)})
    elif kept is None:
        typer.echo(f"schema {after}: nothing to do")
    else:
        typer.echo(f"schema {before} -> {after}\nBackup: {kept}")


@ledger_app.command("by-month")
def by_month(
    ledger: Url = None,
    backup: Annotated[Path | None, typer.Option(help="Where to put the backup; default in the working directory.")] = None,
    ahead: Annotated[int, typer.Option(help="Months to make from the present one on.", min=0, max=120)] = 12,
    as_json: Json = False,
) -> None:
    """Have a PostgreSQL ledger keep its events by month, after a backup; of one that does, make the months to come."""
    from aura_analytics.ledger.by_month import keep_by_month

    months, kept = keep_by_month(ledger, backup, ahead)
    if as_json:
        print_json({"months": months, "backup": None if kept is None else str(kept)})
    elif kept is None:
        typer.echo(f"kept by month already: {months} months")
    else:
        typer.echo(f"kept by month: {months} months\nBackup: {kept}")


@ledger_app.command()
def snapshot(
    out: Annotated[Path, typer.Option(help="File to write: .parquet, or (of a SQLite ledger) .db.", show_default=False)],
    ledger: Url = None,
    as_json: Json = False,
) -> None:
    """Write a copy of a ledger for other tools."""
    from aura_analytics.io.front_door import LEDGER_SUFFIXES

    if out.suffix not in (".parquet", *LEDGER_SUFFIXES):
        raise ParameterError(Problem("unknown kind of snapshot", got=out.name, expected=".parquet or .db"))
    store = opened(ledger)
    with progress(quiet=as_json) as bar:
        task = bar.add_task(f"writing {out.name}", total=1)
        path = store.snapshot(out)
        bar.update(task, advance=1)
    if as_json:
        print_json({"snapshot": str(path), "bytes": path.stat().st_size})
    else:
        typer.echo(f"Snapshot: {path}")


@ledger_app.command()
def delta(
    table: Annotated[
        str, typer.Argument(help="Folder or address of the Delta table; made where there is none.", show_default=False)
    ],
    ledger: Url = None,
    as_json: Json = False,
) -> None:
    """Bring a Delta table up to the end of a ledger, each event exactly once; run it again to go on."""
    from aura_analytics.ledger.delta import copy_to_delta

    store = opened(ledger)
    with progress(quiet=as_json) as bar:
        task = bar.add_task("copying", total=len(store))
        done = copy_to_delta(store, table, progress=lambda seq: bar.update(task, completed=seq))
    if as_json:
        print_json(done._asdict())
    else:
        many = "event" if done.events == 1 else "events"
        typer.echo(f"{table}: {done.events:,} {many} more, up to row {done.seq:,} of the ledger (version {done.version})")


@ledger_app.command("export-heads")
def export_heads(
    out: Annotated[
        Path, typer.Option(help="File to add the head to; keep it where the ledger's writers cannot write.", show_default=False)
    ],
    ledger: Url = None,
    key: Annotated[Path | None, typer.Option(help="Private key that signs the head (`aura ledger new-key`).")] = None,
    as_json: Json = False,
) -> None:
    """Add the head of the chain to a file.

    Keep the file where the ledger's writers cannot write: `verify --heads` then proves that nothing before the head was changed.
    """
    head = opened(ledger).export_heads(out, key=key)
    if as_json:
        print_json(vars(head))
    else:
        typer.echo(f"{out}: head {head.chain} at seq {head.seq:,}{', signed' if head.signature else ''}")


@ledger_app.command("new-key")
def new_key(
    out: Annotated[Path, typer.Option(help="File of the private key; the public one is NAME.pub.", show_default=False)],
    as_json: Json = False,
) -> None:
    """Make a key that signs heads; keep it where the ledger's writers cannot read."""
    from aura_analytics.ledger import signing

    public = signing.new_key(out)
    if as_json:
        print_json({"private": str(out), "public": str(public)})
    else:
        typer.echo(f"{out}: the private key, for you alone\n{public}: the public key, for everybody who checks")


@ledger_app.command()
def prove(
    event_id: Annotated[str, typer.Argument(help="The event.", show_default=False)],
    out: Annotated[Path, typer.Option(help="File to write.", show_default=False)],
    ledger: Url = None,
    head: Annotated[int | None, typer.Option(help="Seq of the exported head that it leads to; default the present end.")] = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Prove that one event is in the ledger without showing the others.

    Who kept a head checks it by a short script that needs nothing else of the library: aura_analytics/ledger/check_proof.py, or
    `python -m aura_analytics.ledger.check_proof PROOF HEADS`.
    """
    from aura_analytics.outputs import written_text

    proof = opened(ledger).prove(event_id, head)
    written_text(out, json.dumps(proof, ensure_ascii=False) + "\n", overwrite=force)
    if as_json:
        print_json(proof)
    else:
        typer.echo(f"{out}: event {event_id!r} at seq {proof['seq']:,} of {proof['size']:,}, {len(proof['path'])} hashes")
