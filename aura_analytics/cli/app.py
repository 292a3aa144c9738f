"""The command `aura`, put together.

An error is said with every one of its problems, on standard error; with `--json` as JSON on standard output. The exit code is then
2.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from copy import copy
from typing import Annotated, NoReturn

import typer

from aura_analytics.cli.agreement import agreement_
from aura_analytics.cli.audits import audits_app
from aura_analytics.cli.brief import brief
from aura_analytics.cli.case_mix import case_mix_
from aura_analytics.cli.commands import Sections
from aura_analytics.cli.compare import compare_
from aura_analytics.cli.decisions import explain, log_app, query, stats
from aura_analytics.cli.demo import demo
from aura_analytics.cli.disparity import disparity_
from aura_analytics.cli.dossiers import correlations_, dossiers_, metrics_, office, report
from aura_analytics.cli.hr import hr_app, plan
from aura_analytics.cli.importing import import_, import_many
from aura_analytics.cli.lab import export, lab
from aura_analytics.cli.learning import learn_app
from aura_analytics.cli.ledger import ledger_app, record
from aura_analytics.cli.mapping import mapping_app, start
from aura_analytics.cli.reliance import reliance_
from aura_analytics.cli.routing import route_app
from aura_analytics.cli.rules import rules_app
from aura_analytics.cli.scoring import score
from aura_analytics.cli.serve import keys_app, mute, serve
from aura_analytics.cli.simulate import simulate_app
from aura_analytics.cli.terminal import shown_only
from aura_analytics.errors import AuraError, Problem
from aura_analytics.version import __version__

__all__ = ["app", "main"]

app: typer.Typer = typer.Typer(
    name="aura",
    cls=Sections,
    help="Hold AI agents and human officers to account, on one event log.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
for _name, _group in (
    ("rules", rules_app),
    ("simulate", simulate_app),
    ("ledger", ledger_app),
    ("log", log_app),
    ("learn", learn_app),
    ("hr", hr_app),
    ("route", route_app),
    ("audits", audits_app),
    ("mapping", mapping_app),
    ("keys", keys_app),
):
    app.add_typer(_group, name=_name)
_named: tuple[tuple[str, Callable[..., None]], ...] = (
    ("dossiers", dossiers_),
    ("correlations", correlations_),
    ("case-mix", case_mix_),
    ("compare", compare_),
    ("agreement", agreement_),
    ("disparity", disparity_),
    ("metrics", metrics_),
    ("reliance", reliance_),
    ("import", import_),
    ("import-many", import_many),
)
_plain: tuple[Callable[..., None], ...] = (
    demo,
    start,
    office,
    report,
    brief,
    record,
    stats,
    query,
    explain,
    score,
    plan,
    lab,
    export,
    serve,
    mute,
)
for _called, _command in (*_named, *((each.__name__, each) for each in _plain)):
    app.command(_called)(_command)


def _version(*, wanted: bool) -> None:
    if wanted:
        typer.echo(f"aura {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", help="Say which version this is.", is_eager=True, callback=lambda value: _version(wanted=value)),
    ] = False,
) -> None:
    """Hold AI agents and human officers to account, on one event log."""


def _said(error: AuraError, *, terminal: bool) -> str:
    """An error with all its problems: a line each for people, one line for a pipe."""
    if len(error.problems) < 2:
        return " ".join(str(error).split())
    problems = [" ".join(str(problem).split()) for problem in error.problems]
    head = str(error).splitlines()[0]
    return "\n".join([f"{head}:", *(f"  - {one}" for one in problems)]) if terminal else f"{head}: {'; '.join(problems)}"


def _as_json(error: AuraError) -> str:
    problems = error.problems or (Problem(str(error)),)
    listed = [
        {
            "what": problem.what,
            "got": None if problem.got is None else str(problem.got),
            "expected": problem.expected,
            "where": problem.where,
            "next": problem.next,
        }
        for problem in problems
    ]
    body = {"ok": False, "error": type(error).__name__, "message": str(error).splitlines()[0], "problems": listed}
    return json.dumps(body, ensure_ascii=False)


def _refuse(error: AuraError) -> NoReturn:
    if "--json" in sys.argv[1:]:
        typer.echo(_as_json(error))
    typer.echo(f"aura: {_said(error, terminal=sys.stderr.isatty())}", err=True)
    sys.exit(2)


def _only(words: Sequence[str]) -> typer.Typer:
    """The app with nothing but the command that some words begin with: making all of them takes longer than many a command."""
    first = words[0] if words else ""
    commands = [one for one in app.registered_commands if one.name == first]
    groups = [one for one in app.registered_groups if one.name == first]
    if not commands and not groups:
        return app
    found = copy(app)
    found.registered_commands, found.registered_groups = commands, groups
    return found


def main() -> None:
    """Entry point of `aura`."""
    sys.stdout, sys.stderr = shown_only(sys.stdout), shown_only(sys.stderr, moves=True)
    try:
        _only(sys.argv[1:])(standalone_mode=True)
    except AuraError as error:
        _refuse(error)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    except OSError as error:
        where = None if error.filename is None else str(error.filename)
        _refuse(AuraError(Problem(error.strerror or str(error), where=where)))


if __name__ == "__main__":
    main()
