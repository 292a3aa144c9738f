"""`aura lab` and `aura export`: the notebooks in JupyterLab, and pages for people without Python."""

from __future__ import annotations

import importlib.util
import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from aura_analytics.console import Json, print_json
from aura_analytics.errors import ParameterError, Problem

__all__ = ["export", "lab"]


class Page(StrEnum):
    """What is exported."""

    TUNER = "tuner"
    EXPLORER = "explorer"


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
    page: Annotated[Page, typer.Option(help="tuner: thresholds to move; explorer: everybody's dossier.")] = Page.TUNER,
    out: Annotated[
        Path | None, typer.Option(help="Page to write; default tuner.html or explorer.html.", show_default=False)
    ] = None,
    policy: Annotated[str, typer.Option(help="tracker, evidence_gated, or a policy file.")] = "evidence_gated",
    scenario: Annotated[
        str | None, typer.Option(help="World in which the tuner counts errors; without events it is played, too.")
    ] = None,
    as_of: Annotated[str | None, typer.Option(help="Moment of the dossiers; default the last event.")] = None,
    seed: Annotated[int, typer.Option(help="Of the worlds.", min=0)] = 0,
    window: Annotated[str | None, typer.Option(help="Of the explorer's dossiers, such as 90d; default the policy's.")] = None,
    sla: Annotated[str | None, typer.Option(help="Limit of a case in the explorer, such as 48h.")] = None,
    most: Annotated[int, typer.Option(help="Actors in the explorer's page, the gravest verdicts first.", min=1)] = 50,
    as_json: Json = False,
) -> None:
    """Write the threshold tuner or the dossier explorer as one page that works from a file, for people without Python."""
    from aura_analytics.cli_events import load_events
    from aura_analytics.cli_simulate import scenario_file
    from aura_analytics.simulation.loop import policy_named
    from aura_analytics.simulation.run import simulate
    from aura_analytics.simulation.scenario import Scenario
    from aura_analytics.widgets import DossierExplorer, ThresholdTuner

    target = out or Path(f"{page.value}.html")
    if target.exists():
        raise ParameterError(Problem("the file exists already", got=str(target), next="choose another name"))
    world = None if scenario is None else Scenario.from_yaml(scenario_file(scenario))
    rule = policy_named(policy)
    if source:
        events: Any = load_events(source)
    elif world is not None:
        events = simulate(world, seed)
    else:
        raise ParameterError(
            Problem(
                "a page needs events or a scenario", next="aura export events.parquet, or aura export --scenario loan_forgiveness"
            )
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    if page is Page.EXPLORER:
        if source and world is not None:
            raise ParameterError(
                Problem("--scenario belongs to the tuner", next="leave it out, or leave out the events to play it")
            )
        explorer = DossierExplorer(events, rule, as_of=as_of, window=window, sla=sla)
        written, said, flagged = explorer.export_html(target, most=most), explorer.sentence(), explorer.state.found(verdict="flag")
    else:
        given = [name for name, value in (("--window", window), ("--sla", sla)) if value is not None]
        if given:
            raise ParameterError(
                Problem(f"{' and '.join(given)} belong to the explorer", next="--page explorer, or a policy with a window")
            )
        tuner = ThresholdTuner(events, rule, scenario=world, as_of=as_of, seed=seed)
        written, said, flagged = tuner.export_html(target), tuner.sentence(), tuner.state.flagged
    if as_json:
        print_json({"page": str(written), "bytes": written.stat().st_size, "flagged": flagged})
        return
    typer.echo(f"{said}\nPage: {written.resolve()} ({written.stat().st_size / 1000:,.0f} kB)")
