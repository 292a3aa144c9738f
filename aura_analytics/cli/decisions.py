"""`aura stats`, `aura query`, `aura explain`, `aura log`: the accountability layer's commands, with the layout that its document
prints.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aura_analytics.cli.inputs import Force
from aura_analytics.cli.output import Json, print_json
from aura_analytics.errors import FileMissingError, ParameterError, Problem

if TYPE_CHECKING:
    from aura_analytics.decisions import AccountabilityLogger, DecisionLog

__all__ = ["LogFile", "explain", "heading", "log_app", "opened", "query", "stats"]

log_app: typer.Typer = typer.Typer(help="Look after a decision log.", no_args_is_help=True)

_RULE = "=" * 60
LogFile = Annotated[
    str | None,
    typer.Option(
        "--log-file",
        help="Decision log, or the URL of a ledger; default .claude-loop/orchestrator-decisions.jsonl.",
        show_default=False,
    ),
]


def opened(path: str | None, *, warn: bool = True) -> AccountabilityLogger:
    """The log of `--log-file`; its faults are told on the way."""
    from aura_analytics.decisions import AccountabilityLogger
    from aura_analytics.decisions.log import DEFAULT_LOG

    found = DEFAULT_LOG if path is None else path
    if "://" in found:
        from aura_analytics.ledger import Ledger

        return AccountabilityLogger(Ledger(found, create=False))
    if not Path(found).exists() and not AccountabilityLogger(found).has_segments():
        raise FileMissingError(Problem("no decision log", got=found, next="log a decision first, or name another with --log-file"))
    log = AccountabilityLogger(found)
    for fault in log.faults()[:5] if warn else []:
        typer.echo(f"warning: {fault}", err=True)
    return log


def heading(text: str) -> None:
    """A title as the document prints it."""
    typer.echo(f"{_RULE}\n{text}\n{_RULE}\n")


def stats(log_file: LogFile = None, as_json: Json = False) -> None:
    """Count decisions, outcomes and components."""
    found = opened(log_file).get_decision_statistics()
    if as_json:
        print_json(found)
        return
    heading("DECISION STATISTICS")
    typer.echo(f"Total Decisions: {found['total_decisions']}")
    typer.echo(f"With Outcomes: {found['decisions_with_outcomes']}")
    typer.echo(f"Success Rate: {found['success_rate']}%")
    typer.echo(f"Avg Time (success): {found['avg_time_seconds']}s")
    typer.echo(f"Confidence Accuracy: {found['confidence_accuracy']:.2f}")
    typer.echo("\nMost Common Components:")
    for item in found["most_common_components"][:5]:
        typer.echo(f"  {item['component']}: {item['count']}")


def query(
    last: Annotated[float, typer.Option(help="Hours back from now.", min=0)] = 24,
    request_id: Annotated[str | None, typer.Option(help="Only this decision, however old.")] = None,
    outcome: Annotated[str | None, typer.Option(help="Only those that ended so: success, failure, partial, cancelled.")] = None,
    limit: Annotated[int, typer.Option(help="How many at most.", min=0)] = 100,
    log_file: LogFile = None,
    as_json: Json = False,
) -> None:
    """Show decisions: of the last hours, one by its id, or those that ended in a certain way."""
    log = opened(log_file)
    since = None if request_id is not None else _before(hours=last)
    found = log.query_decisions(request_id=request_id, start_time=since, outcome_type=outcome, limit=limit)
    if as_json:
        print_json([asdict(entry) for entry in found])
        return
    heading(f"DECISIONS ({len(found)})")
    for entry in found:
        _show(entry)


def _span(**given: float) -> timedelta:
    ((unit, value),) = given.items()
    try:
        return timedelta(**given)
    except (OverflowError, ValueError):
        raise ParameterError(Problem("a time is out of range", got=value, expected=f"{unit}, such as 24")) from None


def _before(**given: float) -> datetime:
    span = _span(**given)
    now = datetime.now(timezone.utc)
    return now - span if span < now - datetime.min.replace(tzinfo=timezone.utc) else datetime.min.replace(tzinfo=timezone.utc)


def _line(text: object) -> str:
    """A text of the log on one line, whatever is in it."""
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in str(text))


def _show(entry: DecisionLog) -> None:
    from aura_analytics.decisions.records import components_of

    typer.echo(f"{_line(entry.timestamp)}  {_line(entry.request_id)}")
    typer.echo(f"  Request: {_line(entry.user_request)}")
    typer.echo(f"  Components: {_line(', '.join(components_of(entry.decisions))) or '-'}")
    if entry.outcome is None:
        typer.echo("  Outcome: not known yet\n")
        return
    seconds = entry.outcome.get("time_taken_seconds")
    typer.echo(f"  Outcome: {entry.outcome.get('outcome_type')}" + (f" in {seconds}s" if seconds is not None else ""))
    issues = entry.outcome.get("issues_found") or []
    listed = issues if isinstance(issues, list) else [issues]
    typer.echo(f"  Issues: {_line(', '.join(map(str, listed)))}\n" if issues else "")


def explain(
    request_id: Annotated[str, typer.Argument(help="The decision.")],
    level: Annotated[str, typer.Option(help="silent, brief, detailed or full.")] = "detailed",
    log_file: LogFile = None,
    as_json: Json = False,
) -> None:
    """Say what was decided and why; `--level full` is for an audit."""
    said = opened(log_file).explain(request_id, level)  # type: ignore[arg-type]
    if as_json:
        print_json({"request_id": request_id, "level": level, "text": said})
    elif said:
        typer.echo(said)


@log_app.command()
def rotate(
    min_size: Annotated[float | None, typer.Option(help="Only from this size on, in MB.", min=0)] = None,
    min_age: Annotated[float | None, typer.Option(help="Only from this age of the first line on, in days.", min=0)] = None,
    daily: Annotated[bool, typer.Option("--daily", help="Only when it was begun on a day before today (UTC).")] = False,
    plain_days: Annotated[int, typer.Option(help="Days for which closed files are left uncompressed.", min=0, max=36525)] = 7,
    log_file: LogFile = None,
    as_json: Json = False,
) -> None:
    """Close the log's file as NAME-YYYY-MM-DD.jsonl and compress old ones; every command still sees all entries."""
    log = opened(log_file)
    age = None if min_age is None else _span(days=min_age)
    if min_size is not None and not min_size < 1e12:
        raise ParameterError(Problem("--min-size is out of range", got=min_size, expected="MB, such as 64"))
    size = None if min_size is None else int(min_size * 1e6)
    made = log.rotate(min_bytes=size, min_age=age, daily=daily, plain_days=plain_days)
    if as_json:
        print_json({"segments": [str(path) for path in made]})
    else:
        typer.echo("\n".join(map(str, made)) or f"{log.log_file}: nothing to rotate")


@log_app.command()
def retain(
    keep_days: Annotated[float, typer.Option(help="Days that lines are kept.", min=0.001)],
    yes: Annotated[bool, typer.Option("--yes", help="Really delete.")] = False,
    log_file: LogFile = None,
    as_json: Json = False,
) -> None:
    """Delete closed segments in which every line is older; what they held is gone from the counts as well."""
    log = opened(log_file)
    if not yes:
        raise ParameterError(Problem("retention deletes", got=f"{keep_days:g} days", next="say --yes if that is meant"))
    gone = log.retain(_span(days=keep_days))
    if as_json:
        print_json({"deleted": [str(path) for path in gone]})
    else:
        typer.echo("\n".join(f"deleted {path}" for path in gone) or "nothing is that old")


@log_app.command()
def repair(log_file: LogFile = None, as_json: Json = False) -> None:
    """Set lines that are no entries aside; nothing is lost."""
    log = opened(log_file, warn=False)
    faults = [str(fault) for fault in log.faults()]
    count, aside = log.repair()
    if as_json:
        print_json({"set_aside": count, "file": None if aside is None else str(aside), "faults": faults})
    elif aside is None:
        typer.echo(f"{log.log_file}: every line is an entry")
    else:
        typer.echo("\n".join([*faults, f"{count} set aside in {aside}"]))


@log_app.command()
def verify(
    heads: Annotated[Path | None, typer.Option(help="File of heads exported earlier.")] = None,
    log_file: LogFile = None,
    as_json: Json = False,
) -> None:
    """Check every entry against the chain, and the index against the log.

    The exit code is 1 when an entry was altered, removed, moved or put in. Without --heads, somebody who may write the file could
    have computed the chain anew, or cut off its end.
    """
    found = opened(log_file, warn=False).verify(heads)
    if as_json:
        print_json(asdict(found))
    else:
        typer.echo(("" if found.ok else "NOT AS WRITTEN: ") + str(found))
    if not found.ok:
        raise typer.Exit(1)


@log_app.command("export-heads")
def export_heads(
    out: Annotated[Path, typer.Option(help="File to add the head to; keep it where the log's writers cannot write.")],
    log_file: LogFile = None,
    as_json: Json = False,
) -> None:
    """Add the end of the chain to a file: `verify --heads` then proves that nothing before it was changed."""
    head = opened(log_file, warn=False).export_heads(out)
    if as_json:
        print_json(asdict(head))
    else:
        typer.echo(f"{out}: chain {head.chain} after {head.entries:,} entries")


@log_app.command()
def export(
    out: Annotated[Path, typer.Option(help="File to write: one line per decision with its outcome, or events as .parquet.")],
    log_file: LogFile = None,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Write a decision log in the document's one-line form, or as events (.parquet)."""
    log = opened(log_file)
    if out.suffix == ".parquet":
        from aura_analytics.io.writing import write_events

        table = log.to_events()
        write_events(table, out, overwrite=force)
        count, what = table.height, "events"
    else:
        count, what = log.export_jsonl(out, overwrite=force), "decisions"
    if as_json:
        print_json({"out": str(out), what: count})
    else:
        typer.echo(f"{count:,} {what}: {out}")
