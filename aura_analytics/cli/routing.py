"""`aura route`: who gets a task, and what the arms of an experiment achieved."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Annotated

import typer

from aura_analytics.cli.commands import with_default
from aura_analytics.cli.inputs import Events, LedgerUrl, Quarantine, load_events, opened
from aura_analytics.cli.output import Json, print_json
from aura_analytics.errors import ParameterError, Problem

__all__ = ["route_app"]

route_app: typer.Typer = typer.Typer(
    cls=with_default("choose"), help="Choose a model for a task; compare ways of choosing.", no_args_is_help=True
)


@route_app.command("choose")
def choose(
    models: Annotated[Path, typer.Argument(help="YAML or JSON: under `models` a list of name and capabilities.")],
    task: Annotated[str, typer.Option(help="The task as JSON: capabilities, job_id, queue.")] = "{}",
    strategy: Annotated[str, typer.Option(help="seed, thompson, ucb1 or epsilon_greedy.")] = "seed",
    exploration: Annotated[float | None, typer.Option(help="Share of choices spread evenly.")] = None,
    seed: Annotated[
        int | None, typer.Option(help="Of the choice; default 0 for a task with a job_id, and another each time without one.")
    ] = None,
    bare: Annotated[bool, typer.Option("--bare", help="Without looking at suspensions and capabilities.")] = False,
    experiment: Annotated[
        Path | None, typer.Option(help="YAML of an experiment: its arms say how, by the job_id; instead of --strategy.")
    ] = None,
    ledger: LedgerUrl = None,
    as_json: Json = False,
) -> None:
    """Choose a model for a task by its record; a task with a job_id is recorded as a ROUTED event."""
    from aura_analytics.routing import Experiment, Router
    from aura_analytics.routing.models_file import load_models

    entries = load_models(models)
    try:
        wanted = json.loads(task)
    except ValueError as error:
        raise ParameterError(Problem("--task is no JSON", got=str(error), expected='{"capabilities": ["code"]}')) from None
    named = isinstance(wanted, dict) and wanted.get("job_id") is not None
    drawn = seed if seed is not None else 0 if named else secrets.randbits(32)
    arm = None
    if experiment is not None:
        if bare or strategy != "seed" or exploration is not None:
            problem = Problem(
                "an experiment says itself how it chooses", got="--strategy, --exploration or --bare", next="leave it out"
            )
            raise ParameterError(problem)
        trial = Experiment(experiment, entries, opened(ledger), seed=drawn)
        made = trial.choose(wanted)
        arm = trial.arm_of(wanted["job_id"])
    else:
        router = Router(entries, opened(ledger), strategy=strategy, exploration=exploration, seed=drawn)
        made = router.choose(wanted, check=not bare)
    if as_json:
        print_json(
            {
                "model": made.model.name,
                "strategy": made.strategy,
                "propensity": made.propensity,
                "candidates": list(made.candidates),
                "propensities": list(made.propensities),
                "event_id": made.event_id,
                **({} if arm is None else {"arm": arm}),
            }
        )
        return
    of_arm = "" if arm is None else f"arm {arm}, "
    typer.echo(f"{made.model.name} ({of_arm}by {made.strategy}, with a chance of {made.propensity:.1%}, of {len(made.candidates)})")
    if made.event_id is not None:
        typer.echo(f"recorded: {made.event_id}")


@route_app.command()
def compare(
    events: Events,
    experiment: Annotated[str | None, typer.Option(help="Its name, or its YAML file; needed where the log holds several.")] = None,
    first: Annotated[str | None, typer.Option(help="The arm that the others are compared with; default the file's first.")] = None,
    effect: Annotated[float, typer.Option(help="The smallest difference of success rates that matters.")] = 0.05,
    alpha: Annotated[float, typer.Option(help="Chance that limits are ever wrong, over all looks.")] = 0.05,
    quarantine: Quarantine = None,
    as_json: Json = False,
) -> None:
    """Say what the arms of an experiment achieved, with limits that hold however often one looks."""
    from aura_analytics.routing import compare_arms
    from aura_analytics.routing.experiment import ExperimentFile

    shares, name = None, experiment
    if experiment is not None and Path(experiment).suffix in (".yaml", ".yml"):
        file = ExperimentFile.from_yaml(experiment)
        name, first = file.name, first or next(iter(file.arms))
        shares = {arm: each.share for arm, each in file.arms.items()}
    found = compare_arms(load_events(events, quarantine), name, first=first, shares=shares, effect=effect, alpha=alpha)
    if as_json:
        print_json(
            {
                "experiment": found.experiment,
                "arms": found.arms.to_dicts(),
                "differences": found.differences.to_dicts(),
                "effect": found.effect,
                "alpha": found.alpha,
                "warnings": list(found.warnings),
            }
        )
    else:
        typer.echo(str(found))
