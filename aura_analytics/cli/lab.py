"""`aura lab` and `aura export`: the notebooks in JupyterLab, and pages for people without Python."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from aura_analytics.cli.inputs import CalendarOption, PolicyName, SlaOption, load_events, sla_of
from aura_analytics.cli.output import Json, print_json, progress
from aura_analytics.errors import ParameterError, Problem
from aura_analytics.outputs import free_to_write, is_our_page

__all__ = ["export", "lab"]


def lab(
    folder: Annotated[Path, typer.Argument(help="Where the notebooks are copied to; what is there stays.")] = Path("aura-lab"),
    start: Annotated[bool, typer.Option("--start/--no-start", help="Whether JupyterLab is started there.")] = True,
    as_json: Json = False,
) -> None:
    """Copy the notebooks and open them in JupyterLab."""
    from aura_analytics.lab import copied, own_ledger

    there = importlib.util.find_spec("jupyterlab") is not None
    if start and not there:
        raise ParameterError(
            Problem(
                "JupyterLab is not installed",
                next="in a clone: python -m uv run --no-dev --extra notebook aura lab; "
                "elsewhere: pip install 'aura-analytics[notebook]'; or --no-start to only copy",
            )
        )
    place = copied(folder)
    if as_json:
        print_json({"notebooks": str(place)})
    else:
        typer.echo(f"Notebooks: {place}")
    if start:
        ledger = own_ledger(Path.cwd())
        if ledger is not None:
            os.environ["AURA_LEDGER"] = ledger
        os.execv(  # noqa: S606  (this Python, no shell)
            sys.executable,
            [
                sys.executable,
                "-m",
                "jupyterlab",
                f"--ServerApp.root_dir={folder.resolve()}",
                "--LabApp.default_url=/lab/tree/notebooks/00_index.ipynb",
            ],
        )


def export(
    source: Annotated[
        str, typer.Argument(help="Events (a file, a folder, a ledger), or with --scenario nothing.", show_default=False)
    ] = "",
    page: Annotated[
        str, typer.Option(help="tuner: thresholds to move; explorer: everybody's dossier; or a widget of an installed package.")
    ] = "tuner",
    out: Annotated[
        Path | None, typer.Option(help="Page to write; default tuner.html or explorer.html.", show_default=False)
    ] = None,
    policy: PolicyName = None,
    scenario: Annotated[
        str | None, typer.Option(help="World in which the tuner counts errors; without events it is played, too.")
    ] = None,
    as_of: Annotated[str | None, typer.Option(help="Moment of the dossiers; default the last event.")] = None,
    seed: Annotated[int, typer.Option(help="Of the worlds.", min=0)] = 0,
    window: Annotated[str | None, typer.Option(help="Of the explorer's dossiers, such as 90d; default the policy's.")] = None,
    sla: SlaOption = None,
    calendar: CalendarOption = None,
    most: Annotated[int, typer.Option(help="Actors in the explorer's page, the gravest verdicts first.", min=1)] = 50,
    as_json: Json = False,
) -> None:
    """Write a widget as one page that works from a file, for people without Python."""
    from aura_analytics.simulation.run import simulate
    from aura_analytics.widgets.pages import page_of

    maker = page_of(page)
    target = free_to_write(out or Path(f"{page}.html"), ours=is_our_page)
    if source:
        events: Any = load_events(source)
    elif scenario is not None:
        events = simulate(scenario, seed)
    else:
        hint = "aura export events.parquet, or aura export --scenario loan_forgiveness"
        raise ParameterError(Problem("a page needs events or a scenario", next=hint))
    given: dict[str, Any] = {
        "as_of": as_of,
        "scenario": scenario if source or "scenario" in maker.options else None,
        "window": window,
        "sla": sla_of(sla),
        "calendar": calendar,
    }
    given |= {"seed": seed or None, "most": most if most != 50 else None}
    asked = {name: value for name, value in given.items() if value is not None}
    wrong = [f"--{name.replace('_', '-')}" for name in asked if name not in maker.options]
    if wrong:
        others = sorted({name for name in ("tuner", "explorer") if all(w[2:] in page_of(name).options for w in wrong)})
        hint = f"--page {others[0]} takes them" if others else "leave them out"
        belongs = f"{' and '.join(wrong)} {'belongs' if len(wrong) == 1 else 'belong'}"
        raise ParameterError(Problem(f"{belongs} to the {others[0] if others else 'other pages'}", next=hint))
    assert target is not None
    target.parent.mkdir(parents=True, exist_ok=True)
    with progress(quiet=as_json) as bar:
        if page == "explorer":
            task = bar.add_task("dossiers", total=None)
            asked["progress"] = lambda done, whole: bar.update(task, completed=done, total=whole)
        written, said, flagged = maker.write(events, policy, target, **asked)
    if as_json:
        print_json({"page": str(written), "bytes": written.stat().st_size, "flagged": flagged})
        return
    typer.echo(f"{said}\nPage: {written.resolve()} ({written.stat().st_size / 1000:,.0f} kB)")
