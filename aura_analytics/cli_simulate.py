"""`aura simulate`: worlds whose truth is known."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from aura_analytics.console import Json, print_json
from aura_analytics.errors import FileMissingError, ParameterError, Problem, close_match

__all__ = ["simulate"]


def _found(name: str) -> Path:
    from aura_analytics.simulation.scenario import shipped

    path = Path(name)
    if path.suffix in (".yaml", ".yml") or path.exists():
        return path
    known = shipped()
    if name not in known:
        hint = close_match(name, list(known)) or f"there are {', '.join(known)}, or name a file"
        raise FileMissingError(Problem("no such scenario", got=name, next=hint))
    return known[name]


def _listed(*, as_json: bool) -> None:
    from aura_analytics.simulation.scenario import Scenario, shipped

    worlds = {name: Scenario.from_yaml(path) for name, path in shipped().items()}
    if as_json:
        print_json(
            [
                {"name": name, "description": world.description, "days": world.days, "cases": world.cases_expected}
                for name, world in worlds.items()
            ]
        )
        return
    for name, world in worlds.items():
        typer.echo(f"{name}: {world.description} ({world.days} days, about {world.cases_expected:,.0f} cases)")


def simulate(
    scenario: Annotated[str, typer.Argument(help="Name of a scenario that comes with the package, a YAML file, or `list`.")],
    seed: Annotated[int, typer.Option(help="The same seed gives the same events.", min=0)] = 0,
    days: Annotated[int | None, typer.Option(help="Horizon, instead of the scenario's own.", min=1)] = None,
    out: Annotated[Path | None, typer.Option(help="File for the events: .parquet, .jsonl or .csv.")] = None,
    truth: Annotated[Path | None, typer.Option(help="File for the cases with their truth: .parquet.")] = None,
    most: Annotated[int, typer.Option(help="Events that may be made.")] = 20_000_000,
    as_json: Json = False,
) -> None:
    """Play a scenario: events like those of a real log, and the truth that a real log never shows."""
    import polars as pl

    from aura_analytics.io import write_events
    from aura_analytics.simulation.run import simulate as play

    if scenario == "list":
        _listed(as_json=as_json)
        return
    for path in (out, truth):
        if path is not None and path.exists():
            raise ParameterError(Problem("the file exists already", got=str(path), next="choose another name"))
    run = play(_found(scenario), seed, days=days, most=most)
    if out is not None:
        write_events(run.events, out)
    if truth is not None:
        run.truth.cases.write_parquet(truth)
    cases = run.truth.cases
    officers = run.truth.actors.filter(pl.col("actor_kind") == "officer")
    plans = run.actions.filter(pl.col("attributes").str.contains('"action": "plan_opened"', literal=True))
    bad = set(officers.filter("bad")["actor"])
    found: dict[str, Any] = {
        "scenario": run.scenario.name, "seed": run.seed, "days": run.scenario.days, "events": run.events.height, "cases": cases.height,
        "officers": officers.height, "bad": len(bad), "verdicts_right": cases["human_right"].mean(),
        "plans": plans.height, "plans_for_others": plans.filter(~pl.col("actor").is_in(list(bad))).height,
    }  # fmt: skip
    if as_json:
        print_json(found)
        return
    typer.echo(
        f"{found['scenario']}, seed {found['seed']}: {found['cases']:,} cases in {found['days']} days, {found['events']:,} events"
    )
    typer.echo(
        f"truth: {found['verdicts_right']:.1%} of the verdicts right; {found['bad']} of {found['officers']} officers made to underperform"
    )
    typer.echo(f"HR: {found['plans']} improvement plans, {found['plans_for_others']} of them for officers who are not")
    for path in (out, truth):
        if path is not None:
            typer.echo(str(path))
