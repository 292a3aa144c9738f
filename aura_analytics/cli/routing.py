"""`aura route`: who gets a task."""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Annotated

import typer

from aura_analytics.cli.inputs import LedgerUrl, opened
from aura_analytics.cli.output import Json, print_json
from aura_analytics.errors import ParameterError, Problem

__all__ = ["route"]


def route(
    models: Annotated[Path, typer.Argument(help="YAML or JSON: under `models` a list of name and capabilities.")],
    task: Annotated[str, typer.Option(help="The task as JSON: capabilities, job_id, queue.")] = "{}",
    strategy: Annotated[str, typer.Option(help="seed, thompson, ucb1 or epsilon_greedy.")] = "seed",
    exploration: Annotated[float | None, typer.Option(help="Share of choices spread evenly.")] = None,
    seed: Annotated[
        int | None, typer.Option(help="Of the choice; default 0 for a task with a job_id, and another each time without one.")
    ] = None,
    bare: Annotated[bool, typer.Option("--bare", help="Without looking at suspensions and capabilities.")] = False,
    ledger: LedgerUrl = None,
    as_json: Json = False,
) -> None:
    """Choose a model for a task by its record; a task with a job_id is recorded as a ROUTED event."""
    from aura_analytics.errors import RuleError
    from aura_analytics.routing import Router
    from aura_analytics.yaml_models import load_yaml

    entries = load_yaml(models, RuleError, "models").get("models")
    if not isinstance(entries, list) or not all(isinstance(item, dict) and isinstance(item.get("name"), str) for item in entries):
        raise RuleError(Problem("this is no list of models", where=str(models), expected="models: a list of name and capabilities"))
    try:
        wanted = json.loads(task)
    except ValueError as error:
        raise ParameterError(Problem("--task is no JSON", got=str(error), expected='{"capabilities": ["code"]}')) from None
    named = isinstance(wanted, dict) and wanted.get("job_id") is not None
    drawn = seed if seed is not None else 0 if named else secrets.randbits(32)
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
            }
        )
        return
    typer.echo(f"{made.model.name} (by {made.strategy}, with a chance of {made.propensity:.1%}, of {len(made.candidates)})")
    if made.event_id is not None:
        typer.echo(f"recorded: {made.event_id}")
