"""`aura lab` and `aura export`: the notebooks in JupyterLab, and pages for people without Python."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from aura_analytics.console import Json, print_json
from aura_analytics.errors import ParameterError, Problem

__all__ = ["export", "lab"]


def lab(
    folder: Annotated[Path, typer.Argument(help="Where the notebooks are copied to; what is there stays.")] = Path("aura-lab"),
    start: Annotated[bool, typer.Option("--start/--no-start", help="Whether JupyterLab is started there.")] = True,
    as_json: Json = False,
) -> None:
    """Copy the notebooks and open them in JupyterLab."""
    from aura_analytics.lab import copied

    there = importlib.util.find_spec("jupyterlab") is not None
    if start and not there:
        raise ParameterError(
            Problem("JupyterLab is not installed", next="pip install 'aura-analytics[notebook]', or --no-start to only copy")
        )
    place = copied(folder)
    if as_json:
        print_json({"notebooks": str(place)})
    else:
        typer.echo(f"Notebooks: {place}")
    if start:
        os.execv(  # noqa: S606  (this Python, no shell)
            sys.executable,
            [
                sys.executable,
                "-m",
                "jupyterlab",
                f"--ServerApp.root_dir={folder.resolve()}",
                "--LabApp.default_url=/lab/tree/notebooks",
            ],
        )


def export(
    source: Annotated[
        str, typer.Argument(help="Events (a file, a folder, a ledger), or with --scenario nothing.", show_default=False)
    ] = "",
    out: Annotated[Path, typer.Option(help="Page to write.")] = Path("tuner.html"),
    policy: Annotated[str, typer.Option(help="tracker, evidence_gated, or a policy file.")] = "evidence_gated",
    scenario: Annotated[
        str | None, typer.Option(help="World in which errors are counted; without events it is played, too.")
    ] = None,
    as_of: Annotated[str | None, typer.Option(help="Moment of the dossiers; default the last event.")] = None,
    seed: Annotated[int, typer.Option(help="Of the worlds.", min=0)] = 0,
    as_json: Json = False,
) -> None:
    """Write the threshold tuner as one page that works from a file, for people without Python."""
    from aura_analytics.cli_ledger import opened
    from aura_analytics.cli_simulate import scenario_file
    from aura_analytics.io import read_events
    from aura_analytics.simulation.loop import policy_named
    from aura_analytics.simulation.run import simulate
    from aura_analytics.simulation.scenario import Scenario
    from aura_analytics.widgets import ThresholdTuner

    if out.exists():
        raise ParameterError(Problem("the file exists already", got=str(out), next="choose another name"))
    world = None if scenario is None else Scenario.from_yaml(scenario_file(scenario))
    rule = policy_named(policy)
    if source:
        path = Path(source)
        events = read_events(path) if path.is_dir() or path.suffix in (".parquet", ".jsonl", ".csv") else opened(source).events()
        tuner = ThresholdTuner(events, rule, scenario=world, as_of=as_of, seed=seed)
    elif world is not None:
        tuner = ThresholdTuner(simulate(world, seed), rule, as_of=as_of, seed=seed)
    else:
        raise ParameterError(
            Problem(
                "a page needs events or a scenario", next="aura export events.parquet, or aura export --scenario loan_forgiveness"
            )
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    page = tuner.export_html(out)
    if as_json:
        print_json({"page": str(page), "bytes": page.stat().st_size, "flagged": tuner.state.flagged})
        return
    typer.echo(f"{tuner.sentence()}\nPage: {page.resolve()} ({page.stat().st_size / 1000:,.0f} kB)")
