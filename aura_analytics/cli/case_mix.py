"""`aura case-mix`: what officers did beside what the others would do with the same cases."""

from __future__ import annotations

from typing import Annotated, Any, cast

import typer

from aura_analytics.cli.inputs import (
    AsOf,
    CalendarOption,
    Cluster,
    Events,
    Force,
    Out,
    Quarantine,
    Scratch,
    SlaOption,
    Window,
    events_for,
    sla_of,
)
from aura_analytics.cli.output import Json, print_json, write_table

__all__ = ["case_mix_"]

_MOST = 40  # rows that are printed
_WITHHELD = {"few": "under 5 cases", "no_overlap": "nobody else's", "selective_audits": "picked audits"}


def case_mix_(
    events: Events,
    covariates: Annotated[
        str, typer.Option(help="What cases differ in: of queue, ai_recommendation, agent, confidence, hour, weekday.")
    ] = "queue,ai_recommendation",
    outcome: Annotated[
        str, typer.Option(help="override, wrong_verdict, low_rating, breach, or overridden (of agents).")
    ] = "override",
    spread: Annotated[
        str, typer.Option(help="What limits allow for beside chance: none, multiplicative or additive.")
    ] = "additive",
    level: Annotated[float, typer.Option(help="Two-sided level beyond which somebody is named.")] = 0.99,
    sla: SlaOption = None,
    calendar: CalendarOption = None,
    attribution: Annotated[
        str, typer.Option(help="Whom a rating is about: last_decider, all_deciders, event_actor.")
    ] = "last_decider",
    as_of: AsOf = None,
    window: Window = None,
    cluster: Cluster = None,
    scratch: Scratch = None,
    out: Out = None,
    force: Force = False,
    quarantine: Quarantine = None,
    as_json: Json = False,
) -> None:
    """Show what officers did beside what the others would be expected to do with the same cases."""
    import polars as pl

    from aura_analytics.dossier.case_mix import case_mix

    names = [name.strip() for name in covariates.split(",") if name.strip()]
    found = case_mix(
        events_for(cluster, events, quarantine),
        names,
        outcome=cast("Any", outcome),
        as_of=as_of,
        window=window,
        sla=sla_of(sla),
        calendar=calendar,
        attribution=cast("Any", attribution),
        executor=cluster,
        scratch=scratch,
    )
    beyond = found.outliers(level, cast("Any", spread))
    if out is not None:
        write_table(found.actors, out, overwrite=force)
    if as_json:
        known = found.dispersion.units > 1
        between = {"phi": found.dispersion.phi, "tau2": found.dispersion.tau2} if known else {"phi": None, "tau2": None}
        tables = {"actors": found.actors, "effects": found.effects, "calibration": found.calibration, "outliers": beyond}
        print_json(
            {"outcome": found.outcome, "covariates": found.covariates, **between} | {k: t.to_dicts() for k, t in tables.items()}
        )
        return
    _show(found.actors.sort(pl.col("z").abs(), "actor", descending=[True, False], nulls_last=True), outcome)
    typer.echo(f"Expected: by a model of all others over {', '.join(found.covariates)}. O/E: observed / expected.")
    if beyond.height:
        who = ", ".join(beyond["actor"].head(10))
        typer.echo(f"Beyond the {100 * level:g} % limits ({spread}): {who}{' and more' if beyond.height > 10 else ''}.")
        typer.echo("That is a reason to look at their cases, and no finding: cases may differ in what no covariate has.")
    else:
        typer.echo(f"Nobody is beyond the {100 * level:g} % limits ({spread}).")


def _show(actors: Any, outcome: str) -> None:
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table

    title = f"Case mix: {outcome.replace('_', ' ')}"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("Actor", "n", "observed", "expected", "O/E", "95 %", "adjusted rate"):
        table.add_column(heading, justify="left" if heading == "Actor" else "right")
    for row in actors.head(_MOST).iter_rows(named=True):
        observed = (
            "–" if row["observed"] is None else f"{row['observed']:,.{0 if row['observed'] == round(row['observed']) else 1}f}"
        )
        cells = [row["actor"], f"{row['n']:,}", observed]
        if row["status"] == "ok":
            limits = f"{row['oe_lo']:.2f} " + ("or more" if row["oe_hi"] is None else f"to {row['oe_hi']:.2f}")
            cells += [f"{row['expected']:,.1f}", f"{row['oe']:.2f}", limits, f"{100 * row['adjusted_rate']:.1f} %"]
        else:
            cells += ["–", "–", _WITHHELD[row["status"]], "–"]
        table.add_row(*cells)
    Console().print(table)
    if actors.height > _MOST:
        typer.echo(f"{actors.height - _MOST:,} more; --out FILE writes all.")
