"""`aura simulate`: worlds whose truth is known."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aura_analytics.console import Json, print_json
from aura_analytics.errors import FileMissingError, ParameterError, Problem, close_match

if TYPE_CHECKING:
    import polars as pl

    from aura_analytics.simulation.run import SimulationRun

__all__ = ["scenario_file", "simulate", "told"]


def scenario_file(name: str) -> Path:
    """The file of a scenario that comes with the package, or any other file."""
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
    world: str | None,
    policy: str | None,
    compare: str | None,
    replications: int,
    seed: int,
    every_days: int | None,
    window: str | None,
    *,
    in_loop: bool,
    as_json: bool,
    **options: Any,
) -> None:
    from aura_analytics.console import progress
    from aura_analytics.rules.policy import Policy
    from aura_analytics.simulation.loop import policy_named
    from aura_analytics.simulation.sweeps import compare_in_loop, compare_policies, rule_error_rates

    if world is None:
        raise ParameterError(Problem("a sweep needs a scenario", next="aura simulate sweep loan_forgiveness"))
    if in_loop and compare is None:
        raise ParameterError(Problem("--in-loop compares two policies", next="name the other one with --compare"))
    if in_loop and (every_days or window):
        raise ParameterError(
            Problem("in the loop HR reads as the scenario says", next="set hr.every_days and hr.window in its file")
        )
    reading: dict[str, Any] = {} if in_loop else {"every_days": every_days or 7, "window": window}
    path = scenario_file(world)
    first = Policy.evidence_gated() if policy is None else policy_named(policy)
    second = None if compare is None else policy_named(compare)
    sides: list[tuple[str, pl.DataFrame, str, pl.DataFrame | None]] = []
    differences = None
    with progress(quiet=as_json) as bar:
        task = bar.add_task("worlds", total=replications * (1 if compare is None else 2))

        def step(done: int, _total: int) -> None:
            bar.update(task, completed=done)

        if second is None:
            found = rule_error_rates(first, path, replications, seed, progress=step, **options, **reading)
            sides.append((found.policy, found.rates, str(found), found.detection))
        elif in_loop:
            lived = compare_in_loop(first, second, path, replications, seed, progress=step, **options)
            for each, rates in ((first, lived.first), (second, lived.second)):
                sides.append((each.name, rates, _rates_text(each.name, rates), None))
            differences = lived.differences
        else:
            both = compare_policies(first, second, path, replications, seed, progress=step, **options, **reading)
            sides += [(side.policy, side.rates, str(side), side.detection) for side in (both.first, both.second)]
            differences = both.differences
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


def _refuse(scenario: str, world: str | None, out: Path | None, truth: Path | None, compare: str | None, *, in_loop: bool) -> None:
    """Options that would be read over, and files that would be lost."""
    problems = []
    if scenario == "list" and (world or out or truth):
        problems.append(Problem("list takes nothing else", got=world or str(out or truth)))
    if scenario == "sweep" and (out or truth):
        problems.append(
            Problem("a sweep writes no events", got=str(out or truth), next="--folder keeps its results, --json prints them")
        )
    if scenario == "fit" and truth:
        problems.append(Problem("a fit knows no truth", got=str(truth)))
    if scenario != "sweep" and (compare or in_loop):
        problems.append(Problem("--compare and --in-loop belong to a sweep", next=f"aura simulate sweep {scenario} --compare P"))
    if scenario not in ("list", "sweep", "fit") and world is not None:
        problems.append(Problem("one scenario at a time", got=world, next="aura simulate sweep SCENARIO plays many worlds of one"))
    if truth is not None and truth.suffix != ".parquet":
        problems.append(Problem("the truth is written as Parquet", got=str(truth), expected="a name that ends in .parquet"))
    if out is not None and truth is not None and out.resolve() == truth.resolve():
        problems.append(Problem("events and truth need two files", got=str(out)))
    if problems:
        raise ParameterError("these options do not go together", problems=problems)


def _fit(log: str | None, out: Path | None, replications: int, seed: int, utc_offset: float, *, as_json: bool) -> None:
    """Read a scenario off a log, play it, and show how well each marginal comes back."""
    from aura_analytics.cli_events import load_events
    from aura_analytics.simulation.fitting import fit_check, fit_scenario

    if log is None:
        raise ParameterError(Problem("a fit needs a log", next="aura simulate fit events.parquet --out scenario.yaml"))
    events = load_events(log)
    fitted = fit_scenario(events, name=Path(log).stem if out is None else out.stem, utc_offset=utc_offset)
    check = fit_check(fitted.scenario, events, replications=replications, seed=seed, utc_offset=utc_offset)
    if out is not None:
        out.write_text(fitted.scenario.to_yaml(), encoding="utf-8")
    if as_json:
        print_json({"scenario": None if out is None else str(out), "assumed": fitted.assumed, "check": check.to_dicts()})
        return
    width = max(len(name) for name in check["marginal"])
    typer.echo(f"{'':{width}}  {'real':>9} {'simulated':>9}  range of {replications} worlds")
    for row in check.iter_rows(named=True):
        if row["inside"] is None:
            typer.echo(f"{row['marginal']:{width}}  distance {row['distance']:.3f}")
            continue
        mark = "" if row["inside"] else "  outside"
        typer.echo(
            f"{row['marginal']:{width}}  {row['real']:9.3f} {row['simulated']:9.3f}  {row['lo']:.3f} to {row['hi']:.3f} {row['unit']}{mark}"
        )
    for text in fitted.assumed:
        typer.echo(f"Assumed: {text}")
    if out is not None:
        typer.echo(str(out))


def told(run: SimulationRun) -> dict[str, Any]:
    """What a run amounts to, beside its truth."""
    import polars as pl

    cases = run.truth.cases
    officers = run.truth.actors.filter(pl.col("actor_kind") == "officer")
    plans = run.actions.filter(pl.col("attributes").str.contains('"action": "plan_opened"', literal=True))
    bad = officers.filter("bad")["actor"].to_list()
    return {
        "scenario": run.scenario.name, "seed": run.seed, "days": run.scenario.days, "events": run.scan().select(pl.len()).collect().item(),
        "cases": cases.height, "officers": officers.height, "bad": len(bad), "verdicts_right": cases["human_right"].mean(),
        "plans": plans.height, "plans_for_others": plans.filter(~pl.col("actor").is_in(bad)).height,
    }  # fmt: skip


def simulate(
    scenario: Annotated[
        str, typer.Argument(help="Name of a scenario that comes with the package, a YAML file, or `list`, `sweep` or `fit`.")
    ],
    world: Annotated[
        str | None, typer.Argument(help="After `sweep`: the scenario; after `fit`: a log or ledger.", show_default=False)
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same events.", min=0)] = 0,
    days: Annotated[int | None, typer.Option(help="Horizon, instead of the scenario's own.", min=1)] = None,
    out: Annotated[
        Path | None, typer.Option(help="File for the events: .parquet, .jsonl or .csv; fit: for the scenario (YAML).")
    ] = None,
    truth: Annotated[Path | None, typer.Option(help="File for the cases with their truth: .parquet.")] = None,
    most: Annotated[int, typer.Option(help="Events that may be held in memory.")] = 60_000_000,
    policy: Annotated[
        str | None,
        typer.Option(
            help="Policy (tracker, evidence_gated or a file) that HR goes by; sweep: that is measured (default evidence_gated)."
        ),
    ] = None,
    compare: Annotated[str | None, typer.Option(help="sweep: another policy in the same worlds.")] = None,
    every_days: Annotated[int | None, typer.Option(help="sweep: days between readings; default 7.", min=1)] = None,
    window: Annotated[str | None, typer.Option(help="sweep: window of the dossiers, or `all`; default the policy's own.")] = None,
    utc_offset: Annotated[float, typer.Option(help="fit: hours that people's clocks are ahead of UTC.")] = 0,
    in_loop: Annotated[
        bool, typer.Option("--in-loop", help="sweep: compare what the policies bring about when HR goes by them.")
    ] = False,
    replications: Annotated[int, typer.Option(help="sweep, fit: worlds.", min=2)] = 20,
    workers: Annotated[int, typer.Option(help="sweep: processes.", min=1)] = 2,
    folder: Annotated[Path | None, typer.Option(help="sweep: keep results here, and go on from them.")] = None,
    as_json: Json = False,
) -> None:
    """Play a scenario: events like those of a real log, and the truth that a real log never shows.

    `aura simulate list` names the scenarios; `aura simulate sweep SCENARIO --policy P` says how often a rule is wrong in many worlds;
    `aura simulate fit EVENTS --out scenario.yaml` reads a scenario off a log.
    """
    from aura_analytics.io import write_events
    from aura_analytics.simulation.loop import policy_named
    from aura_analytics.simulation.run import simulate as play

    _refuse(scenario, world, out, truth, compare, in_loop=in_loop)
    for path in (out, truth):
        if path is not None and path.exists():
            raise ParameterError(Problem("the file exists already", got=str(path), next="choose another name"))
    if scenario == "list":
        _listed(as_json=as_json)
        return
    if scenario == "fit":
        _fit(world, out, replications, seed, utc_offset, as_json=as_json)
        return
    if scenario == "sweep":
        _sweep(
            world,
            policy,
            compare,
            replications,
            seed,
            every_days,
            window,
            in_loop=in_loop,
            days=days,
            workers=workers,
            folder=folder,
            as_json=as_json,
        )
        return
    rule = None if policy is None else policy_named(policy)
    for path in (out, truth):
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
    straight = out if out is not None and out.suffix == ".parquet" else None
    run = play(scenario_file(scenario), seed, days=days, policy=rule, most=most, out=straight)
    if out is not None and straight is None:
        write_events(run.events, out)
    if truth is not None:
        run.truth.cases.write_parquet(truth)
    found = told(run)
    if as_json:
        print_json(found)
        return
    typer.echo(
        f"{found['scenario']}, seed {found['seed']}: {found['cases']:,} cases in {found['days']} days, {found['events']:,} events"
    )
    right = "no verdicts" if found["verdicts_right"] is None else f"{found['verdicts_right']:.1%} of the verdicts right"
    typer.echo(f"truth: {right}; {found['bad']} of {found['officers']} officers made to underperform")
    typer.echo(f"HR: {found['plans']} improvement plans, {found['plans_for_others']} of them for officers who are not")
    for path in (out, truth):
        if path is not None:
            typer.echo(str(path))
