"""`aura import`: foreign logs through a mapping."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aura_analytics.cli.inputs import Cluster, Force, Quarantine
from aura_analytics.cli.output import Json, print_json, print_json_rows, progress
from aura_analytics.errors import ParameterError, Problem
from aura_analytics.outputs import free_to_write

__all__ = ["import_", "import_many"]


def import_(
    log: Annotated[
        list[str],
        typer.Argument(
            help="Foreign log: .csv, .tsv, .jsonl, .json, .parquet, .xlsx, .xes (.csv and .xes also as .gz), .jsonocel, .xmlocel, "
            ".sqlite, .eval, a folder, a glob; several are one log.",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option(help="Events to write: .parquet, .jsonl or .csv.", show_default=False)],
    mapping: Annotated[Path | None, typer.Option(help="Mapping file (YAML).", show_default=False)] = None,
    system: Annotated[
        str | None,
        typer.Option(
            "--from",
            help="Instead of a mapping: the system that wrote it: mlflow, langfuse, label-studio, inspect-ai, otel, phoenix, "
            "langsmith, argilla, servicenow, jira, zendesk. With one: ocel.",
            show_default=False,
        ),
    ] = None,
    reviewer: Annotated[
        str | None, typer.Option(help="With --from: who the human was where the export names nobody.", show_default=False)
    ] = None,
    scale: Annotated[
        list[str] | None,
        typer.Option(
            help="With --from: the scale of a score, as relevance=1:5, or *=0:1 for all others; may be given several times.",
            show_default=False,
        ),
    ] = None,
    quarantine: Quarantine = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Turn a foreign log into events, by a mapping or by the rules of the system that wrote it."""
    from aura_analytics.io.foreign import convert_log
    from aura_analytics.io.readers.registry import readers
    from aura_analytics.io.systems.importing import SYSTEMS, import_from_report
    from aura_analytics.io.writing import write_events

    objects = system == "ocel"
    if (mapping is None) == (system is None or objects):
        got = "both" if mapping is not None else "neither"
        expected = f"--mapping FILE, or --from with one of {', '.join(SYSTEMS)}; --from ocel with a mapping"
        raise ParameterError(Problem("it has to be said what the log means", got, expected))
    if mapping is not None and (reviewer is not None or scale):
        raise ParameterError(Problem("--reviewer and --scale belong to --from", "--mapping", "a mapping that says it itself"))
    readers().of(out, events=True)
    free_to_write(out, overwrite=force)
    with progress(quiet=as_json) as bar:
        task = bar.add_task(f"importing {Path(log[0]).name}" + (f" and {len(log) - 1} more" if len(log) > 1 else ""), total=2)
        source = log[0] if len(log) == 1 else log
        if mapping is not None:
            report = convert_log(source, mapping, out, quarantine=quarantine, overwrite=force)
            bar.update(task, advance=1)
        else:
            table, report = import_from_report(source, str(system), reviewer=reviewer, scales=_scales(scale or []))
            report.set_aside(source, quarantine)
            bar.update(task, advance=1, description=f"writing {out.name}")
            write_events(table, out, overwrite=force)
        bar.update(task, advance=1)
    if as_json:
        aside = str(quarantine) if report.aside else None
        print_json({"out": str(out), **report.to_dict(), "quarantine": aside})
        return
    typer.echo(str(report))
    typer.echo(f"Events: {out}" + (f"\nSet aside: {quarantine}" if report.aside else ""))


def import_many(
    log: Annotated[list[str], typer.Argument(help="Foreign logs, a folder or a glob; each by itself.", show_default=False)],
    mapping: Annotated[Path, typer.Option(help="Mapping file (YAML).", show_default=False)],
    folder: Annotated[Path, typer.Option(help="Where the files of events go, of the names of the logs.", show_default=False)],
    quarantine: Annotated[Path | None, typer.Option(help="Folder for lines and rows that cannot be used.")] = None,
    workers: Annotated[int, typer.Option(help="Processes.", min=1)] = 2,
    cluster: Cluster = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Turn many foreign logs into events, each into a file of its own."""
    from aura_analytics.io.many_logs import convert_logs

    with progress(quiet=as_json) as bar:
        task = bar.add_task("importing", total=None)

        def step(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total)

        made = convert_logs(
            log,
            mapping,
            folder,
            quarantine=quarantine,
            overwrite=force,
            workers=workers,
            executor=cluster,
            progress=step,
        )
    if as_json:
        print_json_rows(made)
        return
    rows, events, aside = (made[name].sum() for name in ("rows", "events", "aside"))
    typer.echo(f"{made.height} logs, {rows:,} rows, {events:,} events: {folder}")
    if aside:
        typer.echo(f"Set aside: {aside:,} rows, in {quarantine}")


def _scales(said: list[str]) -> dict[str, tuple[float, float]]:
    """Scales by the names of scores.

    Examples
    --------
    >>> _scales(["relevance=1:5"])
    {'relevance': (1.0, 5.0)}
    """
    found = {}
    for one in said:
        name, _, ends = one.rpartition("=")
        low, _, high = ends.partition(":")
        try:
            found[name] = (float(low), float(high))
        except ValueError:
            name = ""
        if not name:
            raise ParameterError(Problem("--scale", one, "NAME=LOWEST:HIGHEST, as relevance=1:5"))
    return found
