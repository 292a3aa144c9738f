"""`aura audits`: how many audits decide, where they decide soonest, and which cases to have judged."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aura_analytics.cli.inputs import Actor, AsOf, Events, Force, PolicyName, Window, load_events
from aura_analytics.cli.output import Json, print_json, print_json_rows, write_table

__all__ = ["audits_app"]

audits_app: typer.Typer = typer.Typer(help="Plan and draw audits: cases to have judged by somebody else.", no_args_is_help=True)


@audits_app.command()
def draw(
    events: Events,
    n: Annotated[int, typer.Option("--n", help="Audits.", min=1, show_default=False)],
    seed: Annotated[int, typer.Option(help="The same seed draws the same cases from the same events.", min=0)] = 0,
    as_of: AsOf = None,
    window: Window = None,
    actor: Actor = None,
    policy: PolicyName = None,
    out: Annotated[Path | None, typer.Option(help="Write them as .parquet, .csv or .jsonl too.")] = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Draw cases for audits, each with the chance with which it was drawn; its ADJUDICATION takes that as audit_chance."""
    from aura_analytics.dossier.audits import draw_audits

    drawn = draw_audits(load_events(events), n, seed=seed, as_of=as_of, window=window, actors=actor or None, policy=policy)
    if out is not None:
        write_table(drawn, out, overwrite=force)
    if as_json:
        print_json_rows(drawn)
        return
    for row in drawn.iter_rows(named=True):
        queue = "" if row["queue"] is None else f", queue {row['queue']}"
        typer.echo(f"{row['case_id']}: {row['verdict']} by {row['actor']}{queue}; audit_chance {row['audit_chance']:.6g}")


@audits_app.command()
def plan(
    events: Events,
    budget: Annotated[int, typer.Option(help="Audits.", min=1, show_default=False)],
    as_of: AsOf = None,
    window: Window = None,
    actor: Actor = None,
    policy: PolicyName = None,
    as_json: Json = False,
) -> None:
    """Show how a number of audits is best spread over officers: to where they decide soonest."""
    from aura_analytics.dossier.audits import plan_audits

    found = plan_audits(load_events(events), budget, as_of=as_of, window=window, actors=actor or None, policy=policy)
    if as_json:
        print_json_rows(found)
        return
    for row in found.iter_rows(named=True):
        judged = f"{row['judged']} of {row['verdicts']:,} {row['verdict']} judged, {row['wrong']} wrong"
        ahead = "decided already" if row["decided"] else f"{row['planned']} more decide with a chance of {row['chance']:.0%}"
        planned = f", {row['planned']} planned" if row["decided"] and row["planned"] else ""
        typer.echo(f"{row['actor']}: {judged}; {ahead}{planned}")


@audits_app.command()
def needed(
    limit: Annotated[float, typer.Option(help="Share that must not be exceeded.")] = 0.10,
    bad: Annotated[float, typer.Option(help="Share that is to be found.")] = 0.36,
    good: Annotated[float, typer.Option(help="Share that must not be flagged.")] = 0.05,
    missed: Annotated[float, typer.Option(help="How often the one may be missed.")] = 0.05,
    false: Annotated[float, typer.Option(help="How often the other may be flagged.")] = 0.01,
    confidence: Annotated[float, typer.Option(help="One-sided level of the rule that reads them at once.")] = 0.95,
    as_json: Json = False,
) -> None:
    """Say how many audits of one officer decide at given error rates, read at once or one by one."""
    from dataclasses import asdict

    from aura_analytics.statistics.audit_plans import audits_to_decide, sequential_audits

    at_once = audits_to_decide(limit, bad, good, missed=missed, false=false, confidence=confidence)
    one_by_one = sequential_audits(limit, bad, good, missed=missed, false=false)
    if as_json:
        print_json({"at_once": asdict(at_once), "one_by_one": {**vars(one_by_one), "table": one_by_one.table.to_dicts()}})
        return
    typer.echo(f"Read at once: {at_once}")
    typer.echo(f"Read one by one, stopped early: {one_by_one}")


@audits_app.command()
def drills(
    events: Events,
    bad: Annotated[float, typer.Option(help="Share of wrong recommendations accepted that is to be found.")] = 0.85,
    good: Annotated[float, typer.Option(help="Share that must not be flagged.")] = 0.30,
    missed: Annotated[float, typer.Option(help="How often the one may be missed.")] = 0.05,
    false: Annotated[float, typer.Option(help="How often the other may be flagged.")] = 0.01,
    within: Annotated[str, typer.Option(help="Time in which they are to come.")] = "90d",
    as_of: AsOf = None,
    window: Window = None,
    actor: Actor = None,
    policy: PolicyName = None,
    as_json: Json = False,
) -> None:
    """Say how many drills with a wrong recommendation each officer needs until they decide, and which share of cases that is."""
    from aura_analytics.dossier.drill_plans import plan_drills

    found = plan_drills(
        load_events(events),
        bad=bad,
        good=good,
        missed=missed,
        false=false,
        within=within,
        as_of=as_of,
        window=window,
        actors=actor or None,
        policy=policy,
    )
    if as_json:
        print_json_rows(found)
        return
    for row in found.iter_rows(named=True):
        so_far = f"{row['accepted']} of {row['answered']} wrong recommendations of drills accepted"
        share = "" if row["share"] is None else f", {row['share']:.1%} of the cases of {within}"
        typer.echo(f"{row['actor']}: {so_far}; {'decided' if row['decided'] else str(row['needed']) + ' more needed' + share}")
