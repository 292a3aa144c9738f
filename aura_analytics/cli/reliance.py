"""`aura reliance`: what was done with right and with wrong recommendations."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from aura_analytics.cli.inputs import AsOf, Events, Window, load_events
from aura_analytics.cli.output import Json, print_json_rows

__all__ = ["reliance_"]


def reliance_(
    events: Events,
    by: Annotated[Literal["actor", "queue", "agent"], typer.Option(help="Whose table.")] = "actor",
    as_of: AsOf = None,
    window: Window = None,
    as_json: Json = False,
) -> None:
    """Show who accepted and overrode right and wrong recommendations, as far as somebody judged the case."""
    from aura_analytics.dossier.reliance import reliance, reliance_sentence

    found = reliance(load_events(events), by, as_of=as_of, window=window)
    if as_json:
        print_json_rows(found)
        return
    for row in found.iter_rows(named=True):
        typer.echo(f"{row[by] or f'no {by} named'}: {reliance_sentence(row)}")
