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


def _sweep(
    world: str | None, policy: Path | None, compare: Path | None, replications: int, seed: int, *, as_json: bool, **options: Any
) -> None:
    from aura_analytics.console import progress
    from aura_analytics.rules.policy import Policy
    from aura_analytics.simulation.sweeps import compare_policies, rule_error_rates

    if world is None:
        raise ParameterError(Problem("a sweep needs a scenario", next="aura simulate sweep loan_forgiveness"))
    path = _found(world)
    first = Policy.evidence_gated() if policy is None else Policy.from_yaml(policy)
    with progress(quiet=as_json) as bar:
        task = bar.add_task("worlds", total=replications * (1 if compare is None else 2))

        def step(_done: int, _total: int) -> None:
            bar.update(task, advance=1)

        if compare is None:
            found = rule_error_rates(first, path, replications, seed, progress=step, **options)
            sides, differences = [found], None
        else:
            both = compare_policies(first, Policy.from_yaml(compare), path, replications, seed, progress=step, **options)
            sides, differences = [both.first, both.second], both.differences
    if as_json:
        print_json({"policies": [{"policy": side.policy, "rates": side.rates.to_dicts(), "detection": side.detection.to_dicts()} for side in sides],
                    "differences": None if differences is None else differences.to_dicts()})  # fmt: skip
        return
    for side in sides:
        typer.echo(str(side))
    for row in differences.iter_rows(named=True) if differences is not None else ():
        limits = "" if row["lo"] is None else f" ({row['lo']:+.3f} to {row['hi']:+.3f})"
        typer.echo(
            f"difference in {row['rate'].replace('_', ' ')}: "
            + ("undefined" if row["value"] is None else f"{row['value']:+.3f}{limits}")
        )


def simulate(
    scenario: Annotated[
        str, typer.Argument(help="Name of a scenario that comes with the package, a YAML file, or `list` or `sweep`.")
    ],
    world: Annotated[str | None, typer.Argument(help="After `sweep`: the scenario.", show_default=False)] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same events.", min=0)] = 0,
    days: Annotated[int | None, typer.Option(help="Horizon, instead of the scenario's own.", min=1)] = None,
    out: Annotated[Path | None, typer.Option(help="File for the events: .parquet, .jsonl or .csv.")] = None,
    truth: Annotated[Path | None, typer.Option(help="File for the cases with their truth: .parquet.")] = None,
    most: Annotated[int, typer.Option(help="Events that may be made.")] = 20_000_000,
    policy: Annotated[Path | None, typer.Option(help="sweep: policy (YAML); default evidence_gated.")] = None,
    compare: Annotated[Path | None, typer.Option(help="sweep: another policy in the same worlds.")] = None,
    replications: Annotated[int, typer.Option(help="sweep: worlds.", min=2)] = 20,
    workers: Annotated[int, typer.Option(help="sweep: processes.", min=1)] = 2,
    folder: Annotated[Path | None, typer.Option(help="sweep: keep results here, and go on from them.")] = None,
    as_json: Json = False,
) -> None:
    """Play a scenario: events like those of a real log, and the truth that a real log never shows.

    `aura simulate list` names the scenarios; `aura simulate sweep SCENARIO --policy P` says how often a rule is wrong in many worlds.
    """
    import polars as pl

    from aura_analytics.io import write_events
    from aura_analytics.simulation.run import simulate as play

    if scenario == "list":
        _listed(as_json=as_json)
        return
    if scenario == "sweep":
        _sweep(world, policy, compare, replications, seed, days=days, workers=workers, folder=folder, as_json=as_json)
        return
    if world is not None:
        raise ParameterError(
            Problem("one scenario at a time", got=world, next="aura simulate sweep SCENARIO plays many worlds of one")
        )
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
