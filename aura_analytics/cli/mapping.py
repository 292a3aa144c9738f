"""`aura mapping` and `aura start`: from somebody's log to a mapping, and from a mapping to dossiers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aura_analytics.cli.commands import Sections
from aura_analytics.cli.inputs import Force
from aura_analytics.cli.output import Json, print_json
from aura_analytics.errors import ParameterError, Problem, close_match

if TYPE_CHECKING:
    import polars as pl

    from aura_analytics.io.import_report import ImportReport
    from aura_analytics.io.mapping import LogMapping

__all__ = ["mapping_app", "start"]

mapping_app: typer.Typer = typer.Typer(
    help="Write, check and understand the mapping of a foreign log.", cls=Sections, no_args_is_help=True, rich_markup_mode=None
)
Log = Annotated[list[str], typer.Argument(help="Foreign log: a file, a folder or a glob; several are one log.", show_default=False)]
MappingFile = Annotated[Path, typer.Option("--mapping", help="Mapping file (YAML).", show_default=False)]


def _source(log: list[str]) -> str | list[str]:
    return log[0] if len(log) == 1 else log


@mapping_app.command("suggest")
def suggest(
    log: Log,
    out: Annotated[Path | None, typer.Option(help="Write it to this file; by default it is printed.", show_default=False)] = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Look at a log, and write a first mapping for it with the reason for every line.

    It is a guess from names and contents: read every line, then `aura mapping check`.
    """
    from aura_analytics.io.suggest import suggest_mapping
    from aura_analytics.outputs import written_text

    found = suggest_mapping(_source(log))
    if out is not None:
        written_text(out, found.text, overwrite=force)
    if as_json:
        print_json({"out": None if out is None else str(out), "doubts": found.doubts, "mapping": found.text})
        return
    if out is None:
        typer.echo(found.text, nl=False)
    else:
        typer.echo(f"Mapping: {out}\nNext: aura mapping check {' '.join(log)} --mapping {out}")
    for doubt in found.doubts:
        typer.echo(f"look at: {doubt}", err=True)


@mapping_app.command("check")
def check(
    log: Log,
    mapping: MappingFile,
    rows: Annotated[int, typer.Option(min=1, max=1_000, help="Events to show.")] = 10,
    as_json: Json = False,
) -> None:
    """Show what a mapping makes of a log, and what would be wrong, before anything is written.

    The exit code is 1 if something is wrong.
    """
    from aura_analytics.io.foreign import import_log_report
    from aura_analytics.io.mapping import LogMapping

    table, report = import_log_report(_source(log), LogMapping.from_yaml(mapping))
    problems = [f"{where}: {why}" for where, why in report.reasons(20)]
    if as_json:
        shown = json.loads(_some(table, rows).write_json())
        print_json({**report.to_dict(), "problems": problems, "first": shown})
    else:
        _show(table, report, problems, rows)
    if report.aside or report.warnings:
        raise typer.Exit(1)


def _some(table: pl.DataFrame, rows: int) -> pl.DataFrame:
    """A few events, of every type that there is."""
    import polars as pl

    each = table.with_columns(place=pl.int_range(pl.len()).over("type")).sort("place", maintain_order=True).head(rows).sort("ts")
    columns = ["ts", "type", "case_id", "actor", "actor_kind", "agent", "ai_recommendation", "human_verdict", "value", "outcome"]
    told = each.select(name for name in columns if each[name].null_count() < each.height)
    return told.with_columns(ts=pl.col("ts").dt.strftime("%Y-%m-%d %H:%M"))


def _show(table: pl.DataFrame, report: ImportReport, problems: list[str], rows: int) -> None:
    import polars as pl

    some = _some(table, rows)
    with pl.Config(
        tbl_rows=rows,
        tbl_cols=-1,
        fmt_str_lengths=40,
        tbl_formatting="NOTHING",
        tbl_hide_dataframe_shape=True,
        tbl_hide_column_data_types=True,
        tbl_width_chars=170,
    ):
        typer.echo(str(some.with_columns(pl.all().cast(pl.String).fill_null("-"))))
    typer.echo(str(report))
    for problem in problems:
        typer.echo(f"wrong: {problem}")
    if report.aside > len(problems):
        typer.echo(f"wrong: {report.aside - len(problems):,} more rows")


@mapping_app.command("explain")
def explain_(
    part: Annotated[str | None, typer.Argument(help="One part, such as pairs or time; by default all.", show_default=False)] = None,
) -> None:
    """Print the reference of every key that a mapping may have."""
    from aura_analytics.io.mapping_reference import PARTS, mapping_reference

    text = mapping_reference(part)
    if not text:
        known = [name for names in PARTS for name in names.split(", ")]
        raise ParameterError(Problem("a mapping has no such part", part, ", ".join(known), next=close_match(str(part), known)))
    typer.echo(text, nl=False)


@mapping_app.command("schema")
def schema(
    out: Annotated[Path | None, typer.Option(help="Write it to this file; by default it is printed.", show_default=False)] = None,
    force: Force = False,
) -> None:
    """Print the JSON Schema of mapping files, for editors."""
    from aura_analytics.io.mapping_reference import mapping_schema
    from aura_analytics.outputs import written_text

    text = json.dumps(mapping_schema(), indent=2) + "\n"
    if out is None:
        typer.echo(text, nl=False)
    else:
        written_text(out, text, overwrite=force)
        typer.echo(f"Schema: {out}")


def start(
    log: Log,
    mapping: Annotated[
        Path | None, typer.Option(help="Mapping file (YAML); by default one is suggested.", show_default=False)
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for the mapping, the ledger and the report.")] = Path("aura-start"),
    sla: Annotated[str | None, typer.Option(help="Time a case may take, such as 72h.", show_default=False)] = None,
    window: Annotated[str, typer.Option(help="Days before the last event that count: 90d; all.")] = "all",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before the events are recorded.")] = False,
) -> None:
    """From a log to a report: suggest a mapping, show what it makes of the log, ask, record the events, and write the report.

    A log that is on the event contract needs no mapping. What cannot be used is set aside in the folder, with the reasons.
    """
    from aura_analytics.cli.board import show_board
    from aura_analytics.dossier.board import dossiers
    from aura_analytics.ledger.store import Ledger
    from aura_analytics.metrics.catalogue import metrics_shown
    from aura_analytics.report.page import write_report
    from aura_analytics.rules.policy import Policy

    out.mkdir(parents=True, exist_ok=True)
    table = _events(log, mapping, out, yes=yes)
    ledger = Ledger(f"sqlite:///{out / 'aura.db'}")
    done = ledger.record_events_report(table, door="import")
    known = f", {done.duplicates + done.retold:,} known already" if done.duplicates + done.retold else ""
    typer.echo(f"{done.stored:,} events recorded in {out / 'aura.db'}{known}")
    options: dict[str, Any] = {} if sla is None else {"sla": sla}
    board = dossiers(ledger, window=window, metrics=metrics_shown(), **options)
    show_board(board, f"Dossiers of {' '.join(log)}", Policy.default().name, metrics_shown(), given=False)
    title = f"Dossiers of {Path(log[0]).name}"
    path = write_report(ledger, out / "report.html", window=window, title=title, overwrite=True, **options)
    typer.echo(f"Report: {path}\nNext: aura dossiers {out / 'aura.db'} --window {window}, aura brief {out / 'aura.db'}")


def _events(log: list[str], mapping: Path | None, out: Path, *, yes: bool) -> pl.DataFrame:
    """The events of a log: its own, or made by the mapping that was agreed upon."""
    from aura_analytics.io.foreign import import_log_report
    from aura_analytics.io.front_door import as_events
    from aura_analytics.io.mapping import LogMapping
    from aura_analytics.io.suggest import suggest_mapping
    from aura_analytics.outputs import written_text

    source = _source(log)
    if mapping is None and _on_contract(source):
        return as_events(source, quarantine=out / "set-aside.jsonl").collect()
    chosen: LogMapping
    if mapping is None and (out / "mapping.yaml").exists():  # what somebody may have mended is not written over
        mapping = out / "mapping.yaml"
        typer.echo(f"Mapping: {mapping}, which is there already")
    if mapping is None:
        found = suggest_mapping(source)
        written_text(out / "mapping.yaml", found.text, overwrite=True)
        typer.echo(found.text)
        for doubt in found.doubts:
            typer.echo(f"look at: {doubt}")
        chosen, mapping = found.mapping, out / "mapping.yaml"
    else:
        chosen = LogMapping.from_yaml(mapping)
    table, report = import_log_report(source, chosen)
    _show(table, report, [f"{where}: {why}" for where, why in report.reasons(10)], 10)
    if not yes and not typer.confirm("Is this what the log says? Record these events", default=False):
        typer.echo(f"Nothing was recorded. Mend {mapping}, then: aura start {' '.join(log)} --mapping {mapping} --out {out}")
        raise typer.Exit(1)
    report.set_aside(source, out / "set-aside.jsonl")
    if report.aside:
        typer.echo(f"Set aside: {out / 'set-aside.jsonl'}")
    return table


def _on_contract(source: str | list[str]) -> bool:
    """Whether a log has events' own columns."""
    from aura_analytics.io.log_table import log_rows

    columns = set(log_rows(source).frame.columns)
    return {"ts", "type"} <= columns
