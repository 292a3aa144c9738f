"""The command `aura`: thin views of the library. Tables for people on a terminal, `--json` for programs.

Results go to standard output, progress and errors to standard error. An error is one line, and the exit code is 2.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aura_analytics.cli_decisions import explain, log_app, query, stats
from aura_analytics.cli_events import load_events
from aura_analytics.cli_hr import hr_app, plan
from aura_analytics.cli_lab import export, lab
from aura_analytics.cli_learning import learn_app
from aura_analytics.cli_ledger import is_ledger, ledger_app, opened, record
from aura_analytics.cli_routing import route
from aura_analytics.cli_scoring import score
from aura_analytics.cli_simulate import simulate
from aura_analytics.console import Json, print_json, progress
from aura_analytics.errors import AuraError, ConflictError, ParameterError, Problem

if TYPE_CHECKING:
    import polars as pl

__all__ = ["app", "main"]

app = typer.Typer(
    name="aura",
    help="Hold AI agents and human officers to account, on one event log.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
)
rules_app = typer.Typer(help="Check and test policy files.", no_args_is_help=True)
app.add_typer(rules_app, name="rules")
app.add_typer(ledger_app, name="ledger")
app.add_typer(log_app, name="log")
app.add_typer(learn_app, name="learn")
app.add_typer(hr_app, name="hr")
app.command("record")(record)
for _command in (stats, query, explain, score, plan, route, simulate, lab, export):
    app.command(_command.__name__)(_command)

Events = Annotated[
    str, typer.Argument(help="Events: .parquet, .jsonl, .csv, a folder, a glob, or a ledger (URL or .db file).", show_default=False)
]
AsOf = Annotated[str | None, typer.Option(help="End of the window, ISO 8601; default the last event.")]
Window = Annotated[str | None, typer.Option(help="Length of the window, such as 90d, or 'all'; default the policy's.")]
PolicyFile = Annotated[Path | None, typer.Option("--policy", help="Policy file (YAML); default the evidence-gated one.")]
SlaOption = Annotated[
    list[str] | None, typer.Option("--sla", help="Limit of a case: 72h, '20 working days', or QUEUE=LIMIT; repeatable.")
]
Roles = Annotated[Path | None, typer.Option(help="YAML file: role -> list of actors.")]
Quarantine = Annotated[
    Path | None, typer.Option(help="File for lines and rows that break the contract; without it they are an error.")
]


def _window(text: str | None, policy: Any) -> str | None:
    """The window asked for, or else the one that the policy is meant for."""
    return policy.spec.window if text is None else None if text == "all" else text


def _sla(options: list[str] | None) -> dict[str, str] | None:
    if not options:
        return None
    return {(parts := one.rpartition("="))[0] or "default": parts[2] for one in options}


def _roles(path: Path | None) -> dict[str, str] | None:
    if path is None:
        return None
    from aura_analytics.errors import RuleError
    from aura_analytics.yaml_files import load_yaml

    data = load_yaml(path, RuleError, "roles")
    wrong = [Problem("a role holds a list of actors", got=members, where=f"{path}, {role}")
             for role, members in data.items() if not isinstance(members, list)]  # fmt: skip
    if wrong:
        raise RuleError("roles cannot be read", problems=wrong)
    return {str(actor): str(role) for role, members in data.items() for actor in members}


def _policy(path: Path | None) -> Any:
    from aura_analytics.rules.policy import Policy

    return Policy.evidence_gated() if path is None else Policy.from_yaml(path)


def _name(events: str) -> str:
    """What the events come from, in short, and without a password."""
    return opened(events).url if is_ledger(events) else Path(events).name


# -- tables -----------------------------------------------------------------------------------------------------------------


def _percent(row: dict[str, Any], name: str) -> str:
    if not row.get(f"{name}_n"):
        return "-"
    return f"{100 * row[name]:.1f}% ({100 * row[f'{name}_lo']:.0f}-{100 * row[f'{name}_hi']:.0f})"


def _decimal(row: dict[str, Any], name: str, digits: int) -> str:
    return "-" if row.get(name) is None else f"{row[name]:.{digits}f}"


def _stars(row: dict[str, Any]) -> str:
    return "-" if row["sat_score_mean"] is None else f"{row['sat_score_mean']:.1f} ({row['sat_score_mean_n']:,})"


_STYLES = {"flag": "bold red", "watch": "yellow", "clear": "green", "insufficient": "dim"}


def _show(board: pl.DataFrame, title: str, policy: str = "evidence_gated") -> None:
    """The board of people, then of machines, as tables."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console()
    machines = {"agent", "component", "system"}
    rows = board.to_dicts()
    people = [row for row in rows if row["actor_kind"] not in machines]
    if people or not rows:
        table = Table(title=escape(title), title_justify="left", box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
        table.add_column("Actor", overflow="fold", min_width=13)
        for name in ("Override %", "n", "Stars (n)", "Mean h", "Open"):
            table.add_column(name, justify="right", no_wrap=True)
        table.add_column("PIP", no_wrap=True)
        table.add_column("Status", no_wrap=True, min_width=12)
        for row in sorted(people, key=lambda row: (-row["override_rate"], row["actor"])):
            status = row["pip_status"]
            table.add_row(
                escape(row["actor"]), _percent(row, "override_rate"), f"{row['override_rate_n']:,}", _stars(row),
                _decimal(row, "avg_processing_hours", 1), f"{row['open_cases']:,}",
                "yes" if row["pip_recommended"] else "", f"[{_STYLES[status]}]{status}[/]",
            )  # fmt: skip
        note = f"Override %: rate and 95 % interval. PIP: the tracker's own rule.\nStatus: policy {policy}."
        table.caption, table.caption_justify = escape(note), "left"
        console.print(table)
    others = [row for row in rows if row["actor_kind"] in machines]
    if others:
        table = Table(title="Agents and components", title_justify="left", box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
        table.add_column("Actor", overflow="fold", min_width=13)
        for name in ("Overridden %", "n", "Success %", "n", "Last 10"):
            table.add_column(name, justify="right", no_wrap=True)
        for row in others:
            table.add_row(
                escape(row["actor"]), _percent(row, "overridden_rate"), f"{row['overridden_rate_n']:,}", _percent(row, "success_rate"),
                f"{row['success_rate_n']:,}", _decimal(row, "score_mean_last10", 1),
            )  # fmt: skip
        console.print(table)


# -- commands ---------------------------------------------------------------------------------------------------------------


@app.command()
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
        from aura_analytics.cli_simulate import scenario_file, told
        from aura_analytics.io import write_events
        from aura_analytics.metrics.dossier import dossiers
        from aura_analytics.report.page import write_report
        from aura_analytics.simulation.run import simulate

        out.mkdir(parents=True, exist_ok=True)
        run = simulate(scenario_file(scenario), seed, days=days)
        log = run.events
        bar.update(task, advance=1, description="recording")
        ledger = _recorded(log, out)
        path = write_events(log, out / "events.parquet")
        run.truth.cases.write_parquet(out / "truth.parquet")
        bar.update(task, advance=1, description="dossiers")
        board = dossiers(log, sla="24h")
        bar.update(task, advance=1, description="report")
        source = f"a simulated world: {run.scenario.name}, {run.scenario.days} days, seed {seed}"
        report = write_report(log, out / "report.html", sla="24h", title=f"A made-up office: {run.scenario.name}", source=source)
        bar.update(task, advance=1)
    flagged = board.filter(board["pip_status"].cast(str) == "flag")["actor"].to_list()
    truth = told(run)
    if as_json:
        files = {"ledger": ledger.url, "events": str(path), "truth": str(out / "truth.parquet"), "report": str(report)}
        print_json({**files, "n_events": log.height, "flagged": flagged, "world": truth, "dossiers": board.to_dicts()})
        return
    _show(board, f"Dossiers of {log.height:,} events, 90 days up to {board['as_of'][0]:%Y-%m-%d}")
    bad = run.truth.actors.filter(run.truth.actors["bad"])["actor"].to_list()
    typer.echo("What only a made-up world knows:")
    typer.echo(f"  made to underperform: {', '.join(bad) or 'nobody'}")
    typer.echo(f"  {truth['verdicts_right']:.1%} of the verdicts were right")
    typer.echo(f"  HR opened {truth['plans']} improvement plans, {truth['plans_for_others']} of them for others")
    typer.echo(f"Ledger: {ledger.url}\nEvents: {path}\nTruth: {out / 'truth.parquet'}\nReport: {report.resolve()}")


def _recorded(log: pl.DataFrame, folder: Path) -> Any:
    """The ledger of the demo, with the log in it."""
    from aura_analytics.ledger import Ledger

    ledger = Ledger(f"sqlite:///{folder / 'aura.db'}")
    try:
        ledger.record_events(log)
    except ConflictError:
        next_ = "choose another folder with --out"
        raise ParameterError(Problem("the folder holds the ledger of another demo", got=str(folder), next=next_)) from None
    return ledger


@app.command("import")
def import_(
    log: Annotated[Path, typer.Argument(help="Foreign log: .parquet, .csv, .jsonl, .xes or .xes.gz.", show_default=False)],
    mapping: Annotated[Path, typer.Option(help="Mapping file (YAML).", show_default=False)],
    out: Annotated[Path, typer.Option(help="Events to write: .parquet, .jsonl or .csv.", show_default=False)],
    quarantine: Quarantine = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
    as_json: Json = False,
) -> None:
    """Turn a foreign log into events, by a mapping."""
    from aura_analytics.importing.log import import_log_report
    from aura_analytics.io import format_of, write_events

    format_of(out)
    if out.exists() and not force:
        raise ParameterError(Problem("the file exists already", got=str(out), next="choose another name, or --force"))
    with progress(quiet=as_json) as bar:
        task = bar.add_task(f"importing {log.name}", total=2)
        table, report = import_log_report(log, mapping)
        report.set_aside(log, quarantine)
        bar.update(task, advance=1, description=f"writing {out.name}")
        write_events(table, out)
        bar.update(task, advance=1)
    if as_json:
        print_json({
            "out": str(out), "rows": report.rows, "events": report.events, "by_type": report.by_type, "unused": report.unused,
            "undecided": report.undecided, "unanswered": report.unanswered, "refused": len(report.refused), "unreadable": len(report.unreadable),
            "repeats": report.refused.duplicates, "quarantine": str(quarantine) if report.refused or report.unreadable else None,
        })  # fmt: skip
        return
    typer.echo(str(report))
    typer.echo(f"Events: {out}" + (f"\nSet aside: {quarantine}" if report.refused or report.unreadable else ""))


@app.command("dossiers")
def dossiers_(
    events: Events,
    as_of: AsOf = None,
    window: Window = None,
    sla: SlaOption = None,
    policy: PolicyFile = None,
    roles: Roles = None,
    actor: Annotated[list[str] | None, typer.Option(help="Only this actor; repeatable.")] = None,
    attribution: Annotated[str, typer.Option(help="last_decider, event_actor or all_deciders.")] = "last_decider",
    holding: Annotated[str, typer.Option(help="closer or holder.")] = "closer",
    out: Annotated[Path | None, typer.Option(help="Write the dossiers as .parquet, .csv or .jsonl too.")] = None,
    quarantine: Quarantine = None,
    as_json: Json = False,
) -> None:
    """Show one row per actor: rates with intervals, and what the policy says."""
    import polars as pl

    from aura_analytics.metrics.dossier import dossiers
    from aura_analytics.rules.history import latest_verdicts

    chosen = _policy(policy)
    with progress(quiet=as_json) as bar:
        task = bar.add_task(f"reading {_name(events)}", total=2)
        log = load_events(events, quarantine)
        bar.update(task, advance=1, description="dossiers")
        options: dict[str, Any] = {
            "sla": _sla(sla), "roles": _roles(roles) or chosen.roles, "attribution": attribution, "holding": holding,
        }  # fmt: skip
        board = dossiers(log, as_of, _window(window, chosen), policy=chosen, **options)
        verdicts = latest_verdicts(chosen, board, log, _window(window, chosen), **options)
        board = board.with_columns(pip_status=verdicts["verdict"].cast(pl.String), pip_reasons=verdicts["reasons"])
        bar.update(task, advance=1)
    if actor:
        unknown = sorted(set(actor) - set(board["actor"]))
        if unknown:
            from aura_analytics.errors import close_match

            problem = Problem("no such actor in the window", got=unknown[0], next=close_match(unknown[0], board["actor"].to_list()))
            raise ParameterError(problem)
        board = board.filter(pl.col("actor").is_in(actor))
    if out is not None:
        _write_table(board, out)
    if as_json:
        print_json(board.to_dicts())
    else:
        _show(board, f"Dossiers of {events}", chosen.name)


def _write_table(board: pl.DataFrame, out: Path) -> None:
    import polars as pl

    if out.suffix == ".parquet":
        board.write_parquet(out)
    elif out.suffix in (".jsonl", ".ndjson"):
        board.write_ndjson(out)
    elif out.suffix == ".csv":
        lists = [name for name, dtype in board.schema.items() if isinstance(dtype, pl.List)]
        board.with_columns(pl.col(lists).list.join("; ")).write_csv(out)
    else:
        raise ParameterError(Problem("unknown kind of table", got=out.suffix, expected=".parquet, .csv, .jsonl"))


@app.command()
def report(
    events: Events,
    out: Annotated[Path, typer.Option(help="HTML file to write.")] = Path("report.html"),
    as_of: AsOf = None,
    window: Window = None,
    sla: SlaOption = None,
    policy: PolicyFile = None,
    compare: Annotated[Path | None, typer.Option(help="Another policy, set beside the first.")] = None,
    roles: Roles = None,
    title: Annotated[str, typer.Option(help="Heading.")] = "Oversight report",
    quarantine: Quarantine = None,
    as_json: Json = False,
) -> None:
    """Write the report: one HTML file that opens without a network."""
    from aura_analytics.report.page import write_report

    chosen, other = _policy(policy), None if compare is None else _policy(compare)
    with progress(quiet=as_json) as bar:
        task = bar.add_task(f"reading {_name(events)}", total=2)
        log = load_events(events, quarantine)
        bar.update(task, advance=1, description="report")
        path = write_report(log, out, as_of=as_of, window=_window(window, chosen), policy=chosen, compare=other, sla=_sla(sla),
                            roles=_roles(roles), title=title, source=_name(events))  # fmt: skip
        bar.update(task, advance=1)
    if as_json:
        print_json({"report": str(path), "bytes": path.stat().st_size})
    else:
        typer.echo(f"Report: {path.resolve()}")


@app.command("metrics")
def metrics_(as_json: Json = False) -> None:
    """List the metrics: unit, range, direction, and what each is about."""
    from aura_analytics.metrics.registry import METRICS

    rows = [
        {"name": one.name, "title": one.title, "unit": one.unit, "low": one.low, "high": one.high, "direction": one.direction,
         "kinds": list(one.kinds)}
        for one in METRICS.values()
    ]  # fmt: skip
    if as_json:
        print_json(rows)
        return
    from rich.console import Console
    from rich.table import Table

    table = Table()
    for name in ("Metric", "Meaning", "Unit", "Range", "Better"):
        table.add_column(name, overflow="fold")
    for row in rows:
        high = "" if row["high"] is None else f"{row['high']:g}"
        table.add_row(str(row["name"]), str(row["title"]), str(row["unit"]), f"{row['low']:g}-{high}", str(row["direction"]))
    Console().print(table)


@rules_app.command("check")
def rules_check(
    file: Annotated[Path, typer.Argument(help="Policy file (YAML).", show_default=False)], as_json: Json = False
) -> None:
    """Say everything that is wrong with a policy file, at once."""
    from aura_analytics.errors import RuleError
    from aura_analytics.rules.policy import Policy

    try:
        policy = Policy.from_yaml(file)
        policy.test()  # a case that cannot be read is a mistake too; whether it passes is for `rules test`
    except RuleError as error:
        if as_json:
            print_json({"ok": False, "problems": [str(problem) for problem in error.problems]})
        else:
            for problem in error.problems:
                typer.echo(str(problem))
        raise typer.Exit(2) from None
    if as_json:
        print_json({"ok": True, "name": policy.name, "rules": [rule.id for rule in policy.spec.rules], "metrics": policy.metrics})
    else:
        typer.echo(f"{file}: {policy.name} is a policy of {len(policy.spec.rules)} rules on {', '.join(policy.metrics)}")


@rules_app.command("test")
def rules_test(
    file: Annotated[Path, typer.Argument(help="Policy file (YAML).", show_default=False)], as_json: Json = False
) -> None:
    """Run the cases written beside the rules; exit code 1 when one fails."""
    from aura_analytics.rules.policy import Policy

    policy = Policy.from_yaml(file)
    if not policy.spec.tests:
        raise ParameterError(Problem("the policy has no tests", got=str(file), next="write cases under 'tests:' beside the rules"))
    result = policy.test()
    if as_json:
        print_json({"passed": result.passed, "failed": len(result.failures), "failures": list(result.failures)})
    else:
        for failure in result.failures:
            typer.echo(f"FAILED {failure}")
        typer.echo(f"{result.passed} passed, {len(result.failures)} failed")
    if result.failures:
        raise typer.Exit(1)


def _one_line(error: AuraError) -> str:
    """An error in one line: what is wrong, and the first problem where there are several."""
    head = str(error).splitlines()[0]
    if len(error.problems) > 1:
        more = len(error.problems) - 1
        head = f"{head}: {error.problems[0]} (and {more} more)"
    return " ".join(head.split())


def main() -> None:
    """Entry point of `aura`."""
    try:
        app(standalone_mode=True)
    except AuraError as error:
        typer.echo(f"aura: {_one_line(error)}", err=True)
        sys.exit(2)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        typer.echo(f"aura: {where}{error.strerror or error}", err=True)
        sys.exit(2)


if __name__ == "__main__":
    main()
