"""`aura simulate`: worlds whose truth is known."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypedDict

import typer

from aura_analytics import outputs
from aura_analytics.cli.commands import with_default
from aura_analytics.cli.inputs import Cluster, Events, Force, PolicyName, load_events, unused
from aura_analytics.cli.output import Json, print_json, print_json_rows, progress
from aura_analytics.errors import ParameterError, Problem

if TYPE_CHECKING:
    import polars as pl

    from aura_analytics.simulation.run import SimulationRun

__all__ = ["simulate_app", "summary"]

simulate_app: typer.Typer = typer.Typer(
    cls=with_default("run"),
    help="Play worlds whose truth is known: events like those of a real log, and the truth that a real log never shows.",
    no_args_is_help=True,
)
Name = Annotated[
    str, typer.Argument(help="Name of a scenario that comes along (`list` names them), or a YAML file.", show_default=False)
]
Seed = Annotated[int, typer.Option(help="The same seed gives the same events.", min=0)]
Days = Annotated[int | None, typer.Option(help="Horizon, instead of the scenario's own.", min=1)]
Worlds = Annotated[int, typer.Option("--replications", help="Worlds.", min=2)]


@simulate_app.command("run")
def run_(
    scenario: Name,
    seed: Seed = 0,
    days: Days = None,
    out: Annotated[Path | None, typer.Option(help="File for the events: .parquet, .jsonl or .csv.")] = None,
    truth: Annotated[Path | None, typer.Option(help="File for the cases with their truth: .parquet.")] = None,
    most: Annotated[int, typer.Option(help="Events that may be held in memory.")] = 60_000_000,
    policy: Annotated[str | None, typer.Option(help="Policy that HR goes by: evidence_gated, tracker, or a file (YAML).")] = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Play a scenario; `aura simulate NAME` is the same."""
    from aura_analytics.io.writing import write_events
    from aura_analytics.simulation.run import simulate

    problems = []
    if truth is not None and truth.suffix != ".parquet":
        problems.append(Problem("the truth is written as Parquet", got=str(truth), expected="a name that ends in .parquet"))
    if out is not None and truth is not None and out.resolve() == truth.resolve():
        problems.append(Problem("events and truth need two files", got=str(out)))
    if problems:
        raise ParameterError("these options do not go together", problems=problems)
    for path in (out, truth):
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
    written = [path for path in (unused(out, overwrite=force), unused(truth, overwrite=force)) if path is not None]
    straight = out if out is not None and out.suffix == ".parquet" else None
    played = simulate(scenario, seed, days=days, policy=policy, most=most, out=straight, overwrite=force)
    if out is not None and straight is None:
        write_events(played.events, out, overwrite=force)
    if truth is not None:
        with outputs.written(truth, overwrite=force) as part:
            played.truth.cases.write_parquet(part)
    found = summary(played)
    if as_json:
        print_json(found)
        return
    what = f"{found['cases']:,} cases in {found['days']} days, {found['events']:,} events"
    right = "no verdicts" if found["verdicts_right"] is None else f"{found['verdicts_right']:.1%} of the verdicts right"
    typer.echo(f"{found['scenario']}, seed {found['seed']}: {what}")
    typer.echo(f"truth: {right}; {found['bad']} of {found['officers']} officers made to underperform")
    typer.echo(f"HR: {found['plans']} improvement plans, {found['plans_for_others']} of them for officers who are not")
    for path in written:
        typer.echo(str(path))


@simulate_app.command("many")
def many_(
    scenario: Name,
    folder: Annotated[Path, typer.Option(help="Where the files of events go; a world that is there is not played again.")],
    replications: Annotated[int, typer.Option(help="Worlds.", min=1)] = 20,
    seed: Seed = 0,
    days: Days = None,
    policy: Annotated[str | None, typer.Option(help="Policy that HR goes by: evidence_gated, tracker, or a file (YAML).")] = None,
    workers: Annotated[int, typer.Option(help="Processes.", min=1)] = 2,
    cluster: Cluster = None,
    as_json: Json = False,
) -> None:
    """Play many worlds, the events of each to a file of its own."""
    from aura_analytics.simulation.many_worlds import simulate_many

    with progress(quiet=as_json) as bar:
        task = bar.add_task("worlds", total=replications)

        def step(done: int, _total: int) -> None:
            bar.update(task, completed=done)

        made = simulate_many(
            scenario,
            replications,
            seed,
            folder=folder,
            days=days,
            policy=policy,
            workers=workers,
            executor=cluster,
            progress=step,
        )
    if as_json:
        print_json_rows(made)
        return
    typer.echo(f"{made.height} worlds, {made['events'].sum():,} events: {folder}")


@simulate_app.command("list")
def list_(as_json: Json = False) -> None:
    """Name the scenarios that come along."""
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


@simulate_app.command()
def sweep(
    scenario: Name,
    policy: PolicyName = None,
    compare: Annotated[str | None, typer.Option(help="Another policy in the same worlds.")] = None,
    in_loop: Annotated[bool, typer.Option("--in-loop", help="Compare what the policies bring about when HR goes by them.")] = False,
    replications: Worlds = 20,
    seed: Seed = 0,
    days: Days = None,
    every_days: Annotated[int | None, typer.Option(help="Days between readings; default 7.", min=1)] = None,
    window: Annotated[str | None, typer.Option(help="Window of the dossiers, or `all`; default the policy's own.")] = None,
    workers: Annotated[int, typer.Option(help="Processes.", min=1)] = 2,
    cluster: Cluster = None,
    folder: Annotated[Path | None, typer.Option(help="Keep results here, and go on from them.")] = None,
    as_json: Json = False,
) -> None:
    """Say how often a rule is wrong in many worlds, or which of two is better."""
    from aura_analytics.rules.policy import as_policy
    from aura_analytics.simulation.scenario import as_scenario
    from aura_analytics.simulation.sweeps import compare_in_loop, compare_policies, rule_error_rates

    if in_loop and compare is None:
        raise ParameterError(Problem("--in-loop compares two policies", next="name the other one with --compare"))
    if in_loop and (every_days or window):
        raise ParameterError(
            Problem("in the loop HR reads as the scenario says", next="set hr.every_days and hr.window in its file")
        )
    world, first = as_scenario(scenario), as_policy(policy)
    second = None if compare is None else as_policy(compare)
    options: dict[str, Any] = {"days": days, "workers": workers, "executor": cluster, "folder": folder}
    reading: dict[str, Any] = {"every_days": every_days or 7, "window": window}
    sides: list[tuple[str, pl.DataFrame, str, pl.DataFrame | None]] = []
    differences = None
    with progress(quiet=as_json) as bar:
        task = bar.add_task("worlds", total=replications * (1 if compare is None else 2))

        def step(done: int, _total: int) -> None:
            bar.update(task, completed=done)

        if second is None:
            found = rule_error_rates(first, world, replications, seed, progress=step, **options, **reading)
            sides.append((found.policy, found.rates, str(found), found.detection))
        elif in_loop:
            lived = compare_in_loop(first, second, world, replications, seed, progress=step, **options)
            for each, rates in ((first, lived.first), (second, lived.second)):
                sides.append((each.name, rates, _rates_text(each.name, rates), None))
            differences = lived.differences
        else:
            both = compare_policies(first, second, world, replications, seed, progress=step, **options, **reading)
            sides += [(side.policy, side.rates, str(side), side.detection) for side in (both.first, both.second)]
            differences = both.differences
    _show_sweep(sides, differences, as_json=as_json)


def _show_sweep(
    sides: list[tuple[str, pl.DataFrame, str, pl.DataFrame | None]], differences: pl.DataFrame | None, *, as_json: bool
) -> None:
    if as_json:
        policies = [
            {"policy": name, "rates": rates.to_dicts(), **({} if detection is None else {"detection": detection.to_dicts()})}
            for name, rates, _, detection in sides
        ]
        print_json({"policies": policies, "differences": None if differences is None else differences.to_dicts()})
        return
    for _, _, text, _ in sides:
        typer.echo(text)
    for row in differences.iter_rows(named=True) if differences is not None else ():
        typer.echo(f"difference in {row['rate'].replace('_', ' ')}: {_with_limits(row, '+.3f')}")


def _rates_text(name: str, rates: pl.DataFrame) -> str:
    lines = [f"  {row['rate'].replace('_', ' ')}: {_with_limits(row, '.3f')}" for row in rates.iter_rows(named=True)]
    return "\n".join([f"HR going by {name}", *lines])


def _with_limits(row: dict[str, Any], form: str) -> str:
    if row["value"] is None:
        return "undefined"
    return f"{row['value']:{form}}" + ("" if row["lo"] is None else f" ({row['lo']:{form}} to {row['hi']:{form}})")


@simulate_app.command()
def fit(
    events: Events,
    out: Annotated[Path | None, typer.Option(help="File for the scenario (YAML).")] = None,
    replications: Worlds = 20,
    seed: Seed = 0,
    utc_offset: Annotated[float, typer.Option(help="Hours that people's clocks are ahead of UTC.")] = 0,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Read a scenario off a log, play it, and show how well each marginal comes back."""
    from aura_analytics.simulation.fit_quality import fit_check
    from aura_analytics.simulation.fitting import fit_scenario

    unused(out, overwrite=force)
    log = load_events(events)
    fitted = fit_scenario(log, name=Path(events).stem if out is None else out.stem, utc_offset=utc_offset)
    check = fit_check(fitted.scenario, log, replications=replications, seed=seed, utc_offset=utc_offset)
    if out is not None:
        outputs.written_text(out, fitted.scenario.to_yaml(), overwrite=force)
    if as_json:
        print_json({"scenario": None if out is None else str(out), "assumed": fitted.assumed, "check": check.to_dicts()})
        return
    width = max(len(name) for name in check["marginal"])
    typer.echo(f"{'':{width}}  {'real':>9} {'simulated':>9}  range of {replications} worlds")
    for row in check.iter_rows(named=True):
        if row["inside"] is None:
            typer.echo(f"{row['marginal']:{width}}  distance {row['distance']:.3f}")
            continue
        numbers = f"{row['real']:9.3f} {row['simulated']:9.3f}  {row['lo']:.3f} to {row['hi']:.3f} {row['unit']}"
        typer.echo(f"{row['marginal']:{width}}  {numbers}{'' if row['inside'] else '  outside'}")
    for text in fitted.assumed:
        typer.echo(f"Assumed: {text}")
    if out is not None:
        typer.echo(str(out))


class Summary(TypedDict):
    """What a run amounts to, beside its truth; `verdicts_right` is a share, None without verdicts."""

    scenario: str
    seed: int
    days: int
    events: int
    cases: int
    officers: int
    bad: int
    verdicts_right: float | None
    plans: int
    plans_for_others: int


def summary(run: SimulationRun) -> Summary:
    """What a run amounts to, beside its truth."""
    import polars as pl

    cases = run.truth.cases
    officers = run.truth.actors.filter(pl.col("actor_kind") == "officer")
    plans = run.actions.filter(pl.col("attributes").str.contains('"action": "plan_opened"', literal=True))
    bad = officers.filter("bad")["actor"].to_list()
    return {
        "scenario": run.scenario.name,
        "seed": run.seed,
        "days": run.scenario.days,
        "events": run.scan().select(pl.len()).collect().item(),
        "cases": cases.height,
        "officers": officers.height,
        "bad": len(bad),
        "verdicts_right": cases.select(pl.col("human_right").mean()).item(),
        "plans": plans.height,
        "plans_for_others": plans.filter(~pl.col("actor").is_in(bad)).height,
    }
