"""`aura disparity`: whether groups of citizens get other decisions than the others' cases would lead one to expect."""

from __future__ import annotations

from typing import Annotated, Any, cast

import typer

from aura_analytics.cli.inputs import AsOf, Events, Quarantine, Window, load_events
from aura_analytics.cli.output import Json, print_json

__all__ = ["disparity_"]


def disparity_(
    events: Events,
    by: Annotated[str, typer.Option(help="What groups cases: a column of events, or attributes.NAME.")],
    outcome: Annotated[str, typer.Option(help="verdict, override or wrong_verdict.")] = "verdict",
    verdict: Annotated[str | None, typer.Option(help="The verdict whose share is counted.")] = None,
    covariates: Annotated[str, typer.Option(help="What cases differ in; empty for none.")] = "queue,ai_recommendation",
    as_of: AsOf = None,
    window: Window = None,
    quarantine: Quarantine = None,
    as_json: Json = False,
) -> None:
    """Show whether groups of citizens get other decisions than the others' cases would lead one to expect: no verdict."""
    from aura_analytics.dossier.disparity import disparity

    names = [name.strip() for name in covariates.split(",") if name.strip()]
    found = disparity(
        load_events(events, quarantine),
        by,
        outcome=cast("Any", outcome),
        verdict=verdict,
        covariates=names,
        as_of=as_of,
        window=window,
    )
    if as_json:
        print_json(found.to_dicts())
        return
    for row in found.iter_rows(named=True):
        head = f"{row['group']}: {100 * row['rate']:.1f} % of {row['n']:,}"
        if row["status"] != "ok":
            typer.echo(f"{head}, cannot be compared ({row['status'].replace('_', ' ')})")
            continue
        limits = "–".join("" if row[side] is None else f"{row[side]:.2f}" for side in ("odds_ratio_lo", "odds_ratio_hi"))
        odds = "without bound" if row["odds_ratio"] is None else f"{row['odds_ratio']:.2f}"
        mark = "  <- a warning" if row["warning"] else ""
        typer.echo(f"{head}, {100 * row['expected_rate']:.1f} % expected by the others; odds ratio {odds} ({limits}){mark}")
    typer.echo("A warning is a reason to look, and no verdict: groups may differ in what no covariate has.")
