"""`aura dossiers`, `aura office`, `aura report`, `aura metrics`: who performs how, and how sure one can be."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from aura_analytics.cli.inputs import (
    Actor,
    AsOf,
    CalendarOption,
    Cluster,
    Events,
    Force,
    Out,
    PolicyName,
    Quarantine,
    Roles,
    Scratch,
    SlaOption,
    Window,
    events_for,
    load_events,
    name_of,
    sla_of,
)
from aura_analytics.cli.output import Json, print_json, print_json_rows, progress, write_table
from aura_analytics.errors import ParameterError, Problem

__all__ = ["correlations_", "dossiers_", "metrics_", "office", "report"]

_WHO = ("actor", "actor_kind", "role", "as_of", "pip_status", "pip_reasons")


def dossiers_(
    events: Events,
    as_of: AsOf = None,
    window: Window = None,
    sla: SlaOption = None,
    calendar: CalendarOption = None,
    policy: PolicyName = None,
    roles: Roles = None,
    actor: Actor = None,
    attribution: Annotated[
        str | None, typer.Option(help="last_decider, event_actor or all_deciders.", show_default="last_decider")
    ] = None,
    holding: Annotated[str | None, typer.Option(help="closer or holder.", show_default="closer")] = None,
    ratings: Annotated[
        str | None, typer.Option(help="Of several ratings of a case by one rater: once or every.", show_default="once")
    ] = None,
    verdict: Annotated[
        list[str] | None, typer.Option(help="Only flag, watch, clear, insufficient, not_judged; repeatable.")
    ] = None,
    kind: Annotated[list[str] | None, typer.Option(help="Only officer, agent, component, ...; repeatable.")] = None,
    queue: Annotated[list[str] | None, typer.Option(help="Only who worked in this queue; repeatable.")] = None,
    sort: Annotated[
        str | None,
        typer.Option(help="A metric (the most first), actor, or verdict.", show_default="verdict; in JSON and files the actor"),
    ] = None,
    ascending: Annotated[bool, typer.Option("--ascending", help="The least first.")] = False,
    top: Annotated[int | None, typer.Option(min=1, help="At most this many actors.")] = None,
    columns: Annotated[str | None, typer.Option(help="Metrics to show, with commas between them.")] = None,
    cluster: Cluster = None,
    scratch: Scratch = None,
    out: Out = None,
    force: Force = False,
    quarantine: Quarantine = None,
    as_json: Json = False,
) -> None:
    """Show one row per actor: rates with intervals, and what the policy says."""
    import polars as pl

    from aura_analytics.cli.board import show_board
    from aura_analytics.dossier.board import dossiers
    from aura_analytics.dossier.counting import beyond
    from aura_analytics.dossier.doubts import doubts_said
    from aura_analytics.dossier.narrowing import narrowed, sorted_by, worked_in
    from aura_analytics.io.front_door import as_events
    from aura_analytics.metrics.catalogue import metrics_named, metrics_shown
    from aura_analytics.rules.policy import as_policy
    from aura_analytics.rules.roles import as_roles

    chosen = as_policy(policy)
    read = metrics_named((*metrics_shown(), *chosen.reads))
    with progress(quiet=as_json) as bar:
        task = bar.add_task(f"reading {name_of(events)}", total=2)
        log = events_for(cluster, events, quarantine)
        bar.update(task, advance=1, description="dossiers")
        options: dict[str, Any] = {
            "metrics": read,
            "sla": sla_of(sla),
            "calendar": calendar,
            "roles": as_roles(roles) or chosen.roles,
            "attribution": attribution,
            "holding": holding,
            "ratings": ratings,
        }
        board = dossiers(log, as_of, window, policy=chosen, executor=cluster, scratch=scratch, **options)
        bar.update(task, advance=1)
    if actor:
        unknown = sorted(set(actor) - set(board["actor"]))
        if unknown:
            from aura_analytics.errors import close_match

            problem = Problem("no such actor in the window", got=unknown[0], next=close_match(unknown[0], board["actor"].to_list()))
            raise ParameterError(problem)
        board = board.filter(pl.col("actor").is_in(actor))
    whole = board.height
    if queue:
        end = board["as_of"][0] if board.height else None
        pairs = worked_in(as_events(log), end, chosen.over(window).window)
        board = narrowed(board, queues=queue, pairs=pairs)
    board = narrowed(board, verdicts=verdict, kinds=kind)
    if sort is not None or top is not None or ascending:
        board = sorted_by(board, sort, ascending=ascending).head(len(board) if top is None else top)
    asked = None if columns is None else metrics_named([name.strip() for name in columns.split(",") if name.strip()])
    if asked is not None and (lacking := [one.name for one in asked if one.name not in board.columns]):
        raise ParameterError(Problem("that is not on the board", got=lacking[0], next="aura metrics lists them"))
    shown = board if asked is None else board.select(*_WHO, *dict.fromkeys(c for one in asked for c in one.columns))
    if out is not None:
        write_table(shown, out, overwrite=force)
    if as_json:
        print_json_rows(shown)
    else:
        first = [one.name for one in read if one.needs_sla and sla]
        show_board(
            board,
            f"Dossiers of {events}",
            chosen.name,
            read,
            only=asked,
            first=first,
            whole=whole,
            given=sort is not None or ascending,
        )
        for said in (*beyond(board), *doubts_said(board)):
            typer.echo(said)


def office(
    events: Events,
    as_of: AsOf = None,
    window: Window = None,
    sla: SlaOption = None,
    calendar: CalendarOption = None,
    holding: Annotated[str, typer.Option(help="closer or holder.")] = "closer",
    out: Out = None,
    force: Force = False,
    quarantine: Quarantine = None,
    as_json: Json = False,
) -> None:
    """Show the office and its queues: cases received, open, given to nobody, and both breach rates."""
    from aura_analytics.cli.board import show_office
    from aura_analytics.dossier import office as offices
    from aura_analytics.dossier.counting import beyond

    options: dict[str, Any] = {"sla": sla_of(sla), "calendar": calendar, "holding": holding}
    with progress(quiet=as_json) as bar:
        task = bar.add_task(f"reading {name_of(events)}", total=1)
        board = offices.office(load_events(events, quarantine), as_of, window, **options)
        bar.update(task, advance=1)
    if out is not None:
        write_table(board, out, overwrite=force)
    if as_json:
        print_json_rows(board)
    else:
        show_office(board, f"The office behind {events}")
        for said in beyond(board):
            typer.echo(said)


def correlations_(
    events: Events,
    as_of: AsOf = None,
    window: Window = None,
    calendar: CalendarOption = None,
    out: Out = None,
    force: Force = False,
    quarantine: Quarantine = None,
    as_json: Json = False,
) -> None:
    """Show how satisfaction, speed and overrides go together, over cases and over officers."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    from aura_analytics.dossier.correlations import MEASURES, correlations

    found = correlations(load_events(events, quarantine), as_of, window, calendar=calendar)
    if out is not None:
        write_table(found, out, overwrite=force)
    if as_json:
        print_json_rows(found)
        return
    table = Table(title="Rank correlations", title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("Of", "with", "over", "n", "correlation", "95 %"):
        table.add_column(heading, justify="right" if heading in ("n", "correlation", "95 %") else "left")
    for row in found.iter_rows(named=True):
        known = row["status"] == "ok"
        numbers = [f"{row['correlation']:+.2f}", f"{row['lo']:+.2f} to {row['hi']:+.2f}"] if known else [row["status"], ""]
        table.add_row(MEASURES[row["first"]], MEASURES[row["second"]], row["level"], f"{row['n']:,}", *numbers)
    Console().print(table)
    for text in found["warning"].drop_nulls().unique(maintain_order=True):
        typer.echo(f"Beware: {text}.")


def report(
    events: Events,
    out: Annotated[Path, typer.Option(help="HTML file to write.")] = Path("report.html"),
    force: Force = False,
    as_of: AsOf = None,
    window: Window = None,
    sla: SlaOption = None,
    calendar: CalendarOption = None,
    policy: PolicyName = None,
    compare: Annotated[str | None, typer.Option(help="Another policy, set beside the first.")] = None,
    roles: Roles = None,
    title: Annotated[str, typer.Option(help="Heading.")] = "Oversight report",
    quarantine: Quarantine = None,
    as_json: Json = False,
) -> None:
    """Write the report: one HTML file that opens without a network."""
    from aura_analytics.report.page import write_report
    from aura_analytics.rules.policy import as_policy

    chosen = as_policy(policy)
    with progress(quiet=as_json) as bar:
        task = bar.add_task(f"reading {name_of(events)}", total=2)
        log = load_events(events, quarantine)
        bar.update(task, advance=1, description="report")
        path = write_report(
            log,
            out,
            as_of=as_of,
            window=window,
            policy=chosen,
            compare=compare,
            sla=sla_of(sla),
            calendar=calendar,
            roles=roles,
            title=title,
            source=name_of(events),
            overwrite=force,
        )
        bar.update(task, advance=1)
    if as_json:
        print_json({"report": str(path), "bytes": path.stat().st_size})
    else:
        typer.echo(f"Report: {path.resolve()}")


def metrics_(as_json: Json = False) -> None:
    """List the metrics: unit, range, direction, and what each is about."""
    from aura_analytics.metrics import METRICS

    rows = [
        {
            "name": one.name,
            "title": one.title,
            "unit": one.unit,
            "low": one.low,
            "high": one.high,
            "direction": one.direction,
            "kinds": list(one.kinds),
        }
        for one in METRICS.values()
    ]
    if as_json:
        print_json(rows)
        return
    from rich.console import Console
    from rich.table import Table

    table = Table()
    for name in ("Metric", "Meaning", "Unit", "Range", "Better"):
        table.add_column(name, overflow="fold")
    for row in rows:
        low = "" if row["low"] is None else f"{row['low']:g}"
        high = "" if row["high"] is None else f"{row['high']:g}"
        table.add_row(str(row["name"]), str(row["title"]), str(row["unit"]), f"{low}-{high}", str(row["direction"]))
    console = Console()
    (console if console.is_terminal else Console(width=160)).print(table)
