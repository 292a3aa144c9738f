"""`aura agreement`: who agrees with whom beyond chance."""

from __future__ import annotations

from typing import Annotated, Any, cast

import typer

from aura_analytics.cli.inputs import AsOf, Events, Quarantine, Window, load_events
from aura_analytics.cli.output import Json, print_json

__all__ = ["agreement_"]

_MOST = 60


def agreement_(
    events: Events,
    between: Annotated[str, typer.Option(help="officers_and_agents, officers or adjudicators.")] = "officers_and_agents",
    as_of: AsOf = None,
    window: Window = None,
    quarantine: Quarantine = None,
    as_json: Json = False,
) -> None:
    """Show who agrees with whom on the same cases, beyond what chance would give."""
    from aura_analytics.dossier.agreeing import agreement

    found = agreement(load_events(events, quarantine), cast("Any", between), as_of=as_of, window=window)
    if as_json:
        print_json(found.to_dicts())
        return
    for row in found.head(_MOST).iter_rows(named=True):
        who = row["first"] if row["second"] is None else f"{row['first']} and {row['second']}"
        agree = "" if row["observed"] is None else f", {100 * row['observed']:.0f} % agree"
        limits = "" if row["lo"] is None else f" ({row['lo']:.2f} to {row['hi']:.2f})"
        beyond = "undefined" if row["kappa"] is None else f"{row['kappa']:.2f}{limits}"
        typer.echo(f"{who}: {row['n']:,} cases{agree}, beyond chance {beyond}")
    if not found.height:
        typer.echo("No two of them have a case in common.")
    elif found.height > _MOST:
        typer.echo(f"{found.height - _MOST:,} more; --json has all.")
