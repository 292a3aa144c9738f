"""`aura compare`: two officers, agents, queues or spans of time beside each other."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

from aura_analytics.cli.inputs import AsOf, Events, Quarantine, Window, load_events
from aura_analytics.cli.output import Json, print_json

__all__ = ["compare_"]

_GROUP = "An actor, or KEY=VALUE,... of actor, queue, agent, since, until."


def compare_(
    events: Events,
    first: Annotated[str, typer.Argument(help=_GROUP)],
    second: Annotated[str, typer.Argument(help=_GROUP)],
    metric: Annotated[str, typer.Option(help="A share or a mean, by name; or hours: how long cases take.")] = "override_rate",
    paired: Annotated[bool, typer.Option("--paired", help="The same cases only.")] = False,
    margin: Annotated[
        float | None, typer.Option(help="What may be lost, in the metric's unit: is the first worse by more than that?")
    ] = None,
    until: Annotated[float | None, typer.Option(help="Horizon of hours.")] = None,
    as_of: AsOf = None,
    window: Window = None,
    sla: Annotated[str | None, typer.Option(help="Limit of a case, such as 48h.")] = None,
    level: Annotated[float, typer.Option(help="Two-sided level of limits.")] = 0.95,
    quarantine: Quarantine = None,
    as_json: Json = False,
) -> None:
    """Compare two of them by a number of theirs: the difference with limits, a test, and what follows."""
    from aura_analytics.dossier.compare import compare

    found = compare(
        load_events(events, quarantine),
        _group(first),
        _group(second),
        metric,
        paired=paired,
        margin=margin,
        until=until,
        as_of=as_of,
        window=window,
        sla=sla,
        confidence=level,
    )
    if as_json:
        print_json(asdict(found))
        return
    typer.echo(str(found))


def _group(text: str) -> str | dict[str, Any]:
    if "=" not in text:
        return text
    return {key.strip(): value.strip() for key, _, value in (part.partition("=") for part in text.split(","))}
