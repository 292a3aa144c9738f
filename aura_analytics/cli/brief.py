"""`aura brief`: one page for the head of a department."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aura_analytics.cli.inputs import (
    AsOf,
    CalendarOption,
    Events,
    PolicyName,
    Quarantine,
    Roles,
    SlaOption,
    Window,
    load_events,
    name_of,
    sla_of,
)
from aura_analytics.cli.output import Json, print_json, progress
from aura_analytics.outputs import free_to_write, is_our_page

__all__ = ["brief"]


def brief(
    events: Events,
    out: Annotated[Path, typer.Option(help="HTML file to write.")] = Path("brief.html"),
    as_of: AsOf = None,
    window: Window = None,
    sla: SlaOption = None,
    calendar: CalendarOption = None,
    policy: PolicyName = None,
    roles: Roles = None,
    scenario: Annotated[str, typer.Option(help="World in which the rule's errors are counted.")] = "loan_forgiveness",
    worlds: Annotated[int, typer.Option(min=1, help="How many of it.")] = 40,
    seed: Annotated[int, typer.Option(min=0, help="Of these worlds.")] = 0,
    title: Annotated[str, typer.Option(help="Heading.")] = "Oversight brief",
    quarantine: Quarantine = None,
    as_json: Json = False,
) -> None:
    """Write one page: who needs a conversation, why, how sure one can be, and how often the rule is wrong."""
    from aura_analytics.widgets.brief.page import write_brief

    free_to_write(out, ours=is_our_page)  # before the work
    with progress(quiet=as_json) as bar:
        task = bar.add_task(f"reading {name_of(events)}", total=2)
        log = load_events(events, quarantine)
        bar.update(task, advance=1, description="brief")
        path = write_brief(
            log,
            out,
            policy=policy,
            as_of=as_of,
            window=window,
            sla=sla_of(sla),
            calendar=calendar,
            roles=roles,
            scenario=scenario,
            worlds=worlds,
            seed=seed,
            title=title,
        )
        bar.update(task, advance=1)
    if as_json:
        print_json({"brief": str(path), "bytes": path.stat().st_size})
    else:
        typer.echo(f"Brief: {path.resolve()}")
