"""`aura demo`: a simulated year, from events to the report."""

from __future__ import annotations

import shlex
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aura_analytics.cli.output import Json, print_json, progress
from aura_analytics.errors import ConflictError, ParameterError, Problem

if TYPE_CHECKING:
    import polars as pl

__all__ = ["demo"]


def demo(
    out: Annotated[Path, typer.Option(help="Folder for the ledger, the log, its truth and the report.")] = Path("aura-demo"),
    scenario: Annotated[str, typer.Option(help="World to play; `aura simulate list` names those there are.")] = "loan_forgiveness",
    days: Annotated[int, typer.Option(min=1, help="Its horizon.")] = 365,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same log.")] = 7,
    as_json: Json = False,
) -> None:
    """Play a simulated year, record it, and make its dossiers, verdicts and report; needs nothing but the package."""
    with progress(quiet=as_json) as bar:
        task = bar.add_task("playing a year", total=4)
        from aura_analytics.cli.board import show_board
        from aura_analytics.cli.simulate import summary
        from aura_analytics.dossier.board import dossiers
        from aura_analytics.io.writing import write_events
        from aura_analytics.metrics.catalogue import metrics_shown
        from aura_analytics.outputs import written, written_text
        from aura_analytics.report.page import write_report
        from aura_analytics.rules.policy import Policy
        from aura_analytics.simulation.run import simulate
        from aura_analytics.simulation.scenario import as_scenario

        out.mkdir(parents=True, exist_ok=True)
        world = as_scenario(scenario)
        world = world.model_copy(update={"start": _first_day(out, days)})
        run = simulate(world, seed, days=days)
        log = run.events
        bar.update(task, advance=1, description="recording")
        again = (out / "aura.db").exists()  # the files beside it are then an earlier demo's
        ledger = _recorded(log, out)
        written_text(out / "world.yaml", run.scenario.to_yaml(), overwrite=again)
        path = write_events(log, out / "events.parquet", overwrite=again)
        with written(out / "truth.parquet", overwrite=again) as part:
            run.truth.cases.write_parquet(part)
        bar.update(task, advance=1, description="dossiers")
        board = dossiers(log, metrics=metrics_shown(), sla="24h")
        bar.update(task, advance=1, description="report")
        source = f"a simulated world: {run.scenario.name}, {run.scenario.days} days, seed {seed}"
        report = write_report(run, out / "report.html", sla="24h", title=f"A made-up office: {run.scenario.name}", source=source)
        bar.update(task, advance=1)
    flagged = board.filter(board["pip_status"].cast(str) == "flag")["actor"].to_list()
    truth = summary(run)
    if as_json:
        files = {"ledger": ledger.url, "events": str(path), "truth": str(out / "truth.parquet"), "report": str(report)}
        print_json({**files, "n_events": log.height, "flagged": flagged, "world": truth, "dossiers": board.to_dicts()})
        return
    show_board(
        board,
        f"Dossiers of {log.height:,} events, 90 days up to {board['as_of'][0]:%Y-%m-%d}",
        Policy.default().name,
        metrics_shown(),
        given=False,
    )
    bad = run.truth.actors.filter(run.truth.actors["bad"])["actor"].to_list()
    found = [actor for actor in flagged if actor in bad]
    watched = [actor for actor in board.filter(board["pip_status"].cast(str) == "watch")["actor"].to_list() if actor in bad]
    typer.echo("What only a made-up world knows:")
    typer.echo(f"  made to do badly: {', '.join(bad) or 'nobody'}")
    also = f", and has {_names(watched)} looked at" if watched else ""
    typer.echo(f"  of these the policy flags {_names(found)}{also}; of the others it flags {_names(sorted({*flagged} - {*bad}))}")
    typer.echo(f"  {100 * (truth['verdicts_right'] or 0.0):.1f} % of the verdicts were right")
    typer.echo(f"Ledger: {ledger.url}\nEvents: {path}\nTruth: {out / 'truth.parquet'}\nReport: {report.resolve()}")
    first = next(iter([*flagged, *board["actor"].to_list()]), "")
    typer.echo("Next:")
    for words in (
        f"aura dossiers {shlex.quote(str(out / 'aura.db'))} --verdict watch --sla 24h",
        f"aura export {shlex.quote(str(out / 'aura.db'))} --page explorer --out {shlex.quote(str(out / 'explorer.html'))}",
        f"aura plan {shlex.quote(first)} {shlex.quote(str(out / 'aura.db'))}"
        if flagged
        else f"aura audits draw {shlex.quote(str(out / 'aura.db'))} --n 30 --seed 1",
    ):
        typer.echo(f"  {words}")


def _names(actors: list[str]) -> str:
    return ", ".join(actors) or "nobody"


def _first_day(folder: Path, days: int) -> date:
    """So that the last day is yesterday; of a demo that is there already, its own."""
    from aura_analytics.simulation.scenario import Scenario

    there = folder / "world.yaml"
    if there.exists():
        return Scenario.from_yaml(there).start
    return datetime.now(timezone.utc).date() - timedelta(days=days)


def _recorded(log: pl.DataFrame, folder: Path) -> Any:
    """The ledger of the demo, with the log in it."""
    from aura_analytics.ledger import Ledger

    ledger = Ledger(f"sqlite:///{folder / 'aura.db'}")
    held = len(ledger)
    problem = Problem("the folder holds the ledger of another demo", got=str(folder), next="choose another folder with --out")
    if held and held != log.height:  # events of another run have other ids, and would be recorded beside these
        raise ParameterError(problem)
    try:
        if held and ledger.event(log["event_id"][0]) is None:
            raise ParameterError(problem)
        ledger.record_events(log, door="import")
    except ConflictError:
        raise ParameterError(problem) from None
    return ledger
