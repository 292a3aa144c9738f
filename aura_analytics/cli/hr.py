"""`aura hr` and `aura plan`: how everybody stands, signatures, contests, improvement plans."""

from __future__ import annotations

import json
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aura_analytics.cli.inputs import LedgerUrl, PolicyName, is_ledger, load_events, opened
from aura_analytics.cli.output import Json, print_json
from aura_analytics.errors import ParameterError, Problem

if TYPE_CHECKING:
    import polars as pl

    from aura_analytics.hr import HRDesk

__all__ = ["hr_app", "plan"]

hr_app: typer.Typer = typer.Typer(help="See how everybody stands, and sign, contest and close HR actions.", no_args_is_help=True)
Approver = Annotated[str, typer.Option(help="Who signs.")]
Reason = Annotated[str, typer.Option(help="Why.")]


def _desk(ledger: str | None) -> HRDesk:
    from aura_analytics.hr import HRDesk

    return HRDesk(opened(ledger))


def _day(moment: datetime | None) -> str:
    return "" if moment is None else moment.strftime("%Y-%m-%d")


@hr_app.command()
def status(
    actor: Annotated[str | None, typer.Argument(help="Only this one.", show_default=False)] = None,
    as_of: Annotated[str | None, typer.Option(help="Moment up to which actions count, ISO 8601.")] = None,
    ledger: LedgerUrl = None,
    as_json: Json = False,
) -> None:
    """Reputation, level, standing, open cases and plans of everybody who was ever acted upon."""
    import polars as pl

    board = _desk(ledger).status(as_of)
    if actor is not None:
        board = board.filter(pl.col("actor") == actor)
    if as_json:
        print_json(board.to_dicts())
        return
    for row in board.iter_rows(named=True):
        until = f" until {_day(row['suspended_until'])}" if row["suspended_until"] else ""
        since = f" since {_day(row['suspended_since'])}{until}" if row["suspended"] else ""
        counts = [
            f"{row[name]} {word}"
            for name, word in (
                ("open_cases", "open cases"),
                ("open_plans", "open plans"),
                ("pending", "proposals waiting"),
                ("contested", "contested"),
            )
            if row[name]
        ]
        more = f"; {', '.join(counts)}" if counts else ""
        typer.echo(
            f"{row['actor']} ({row['actor_kind']}): {row['standing']}{since}, reputation {row['reputation']:g}, level "
            f"{row['level']}{more}"
        )
    if board.is_empty():
        typer.echo("no HR actions")


@hr_app.command()
def actions(
    actor: Annotated[str | None, typer.Argument(help="Only this one.", show_default=False)] = None,
    pending: Annotated[bool, typer.Option("--pending", help="Only proposals that wait for a signature.")] = False,
    limit: Annotated[int, typer.Option(help="The last so many.", min=1)] = 50,
    ledger: LedgerUrl = None,
    as_json: Json = False,
) -> None:
    """HR actions, proposals and answers, the last ones last."""
    import polars as pl

    desk = _desk(ledger)
    rows = desk.pending() if pending else desk.actions()
    if actor is not None:
        rows = rows.filter(pl.col("actor") == actor)
    if as_json:
        print_json(rows.tail(limit).to_dicts())
        return
    for row in rows.tail(limit).iter_rows(named=True):
        _show_action(row)
    if rows.is_empty():
        typer.echo("none")


def _show_action(row: dict[str, Any]) -> None:
    said = json.loads(row["attributes"] or "{}")
    what = f"proposal of {row['proposed']}" if row["action"] == "proposal" else row["action"]
    points = said.get("proposed_points") if row["value"] is None else row["value"]
    typer.echo(f"{row['ts']:%Y-%m-%d %H:%M}  {row['actor']}: {what}" + (f" {points:+g}" if points is not None else ""))
    typer.echo(f"  name: {row['event_id']}")
    for key, word in (
        ("reason", "reason"),
        ("rule", "rule"),
        ("approver", "signed by"),
        ("by", "by"),
        ("refers_to", "answers"),
        ("would_clear", "would clear it"),
        ("until", "until"),
    ):
        if said.get(key):
            typer.echo(f"  {word}: {said[key]}")
    if said.get("evidence"):
        more = "" if said.get("evidence_n", 0) <= 3 else f" and {said['evidence_n'] - 3} more"
        typer.echo(
            f"  evidence: {', '.join(map(str, said['evidence'][:3]))}{more} (sha256 {str(said.get('evidence_sha256'))[:12]})"
        )


@hr_app.command("faults")
def faults_(
    as_of: Annotated[str | None, typer.Option(help="Moment up to which actions are looked at, ISO 8601.")] = None,
    ledger: LedgerUrl = None,
    as_json: Json = False,
) -> None:
    """HR actions that do not count, and why: recorded past the desk, unsigned, signed in one's own matter, answering nothing."""
    rows = _desk(ledger).faults(as_of)
    if as_json:
        print_json(rows.to_dicts())
        return
    for row in rows.iter_rows(named=True):
        typer.echo(f"{row['ts']:%Y-%m-%d %H:%M}  {row['actor']}: {row['action'] or 'no action'}: {row['fault']}")
        typer.echo(f"  name: {row['event_id']}")
    if rows.is_empty():
        typer.echo("none")


def _answered(name: str, *, as_json: bool) -> None:
    print_json({"stored_id": name}) if as_json else typer.echo(name)


def _unproven(desk: HRDesk) -> None:
    from aura_analytics.hr.signing import operating_user

    if not desk.proven:
        typer.echo(
            f"names are not proven: recorded as given, beside the account {operating_user()!r}; AURA_REGISTRY names who may sign",
            err=True,
        )


def _signing(call: str, says: str) -> None:
    """A command that signs something: they differ in nothing but what is signed."""

    def command(
        name: Annotated[str, typer.Argument(help="Name of the proposal or action; to reinstate, of the actor.")],
        approver: Approver,
        reason: Reason,
        ledger: LedgerUrl = None,
        as_json: Json = False,
    ) -> None:
        desk = _desk(ledger)
        _unproven(desk)
        _answered(getattr(desk, call)(name, approver, reason), as_json=as_json)

    hr_app.command(call, help=says)(command)


for _call, _says in (
    ("approve", "Sign a proposal: it is in force from now on."),
    ("reject", "Refuse a proposal."),
    ("uphold", "Decide a contest: the action stays."),
    ("overturn", "Decide a contest: the action is undone."),
    ("reinstate", "End a suspension."),
):
    _signing(_call, _says)


@hr_app.command()
def contest(
    action: Annotated[str, typer.Argument(help="Its name.")],
    by: Annotated[str, typer.Option(help="Who contests it.")],
    reason: Reason,
    ledger: LedgerUrl = None,
    as_json: Json = False,
) -> None:
    """Contest an action that is in force, or was upheld before."""
    _answered(_desk(ledger).contest(action, by, reason), as_json=as_json)


@hr_app.command("close")
def close_(
    name: Annotated[str, typer.Argument(help="Name of the action that opened it.")],
    approver: Approver,
    reason: Reason,
    reopen: Annotated[bool, typer.Option("--reopen", help="Open a closed case again instead.")] = False,
    ledger: LedgerUrl = None,
    as_json: Json = False,
) -> None:
    """Close (or reopen) a case, or close an improvement plan."""
    desk = _desk(ledger)
    _unproven(desk)
    rows = desk.actions()
    kind = dict(rows.select("event_id", "action").rows()).get(name)
    call = desk.reopen_case if reopen else desk.close_plan if kind == "plan_opened" else desk.close_case
    _answered(call(name, approver, reason), as_json=as_json)


@hr_app.command()
def ladder(
    file: Annotated[Path, typer.Argument(help="Ladder (YAML).")],
    as_of: Annotated[str | None, typer.Option(help="End of the last window, ISO 8601; default now.")] = None,
    apply: Annotated[bool, typer.Option("--apply", help="Record the moves; on people they are proposals.")] = False,
    ledger: LedgerUrl = None,
    as_json: Json = False,
) -> None:
    """Say who would be promoted, demoted or reinstated; nothing is done without --apply."""
    from aura_analytics.hr import HRDesk, Ladder

    chosen = Ladder.from_yaml(file)
    store = opened(ledger)
    moment = as_of or datetime.now(timezone.utc)
    board = chosen.evaluate(store, moment)
    stored = HRDesk(store).record(chosen.drafts(store, moment, ts=datetime.now(timezone.utc))) if apply else 0
    if as_json:
        print_json({"moves": board.to_dicts(), "recorded": stored})
        return
    for row in board.iter_rows(named=True):
        typer.echo(f"{row['actor']}: {row['move'] or 'no move'} ({row['reason']})")
    typer.echo(f"{stored} recorded" if apply else "nothing recorded; --apply does")


def plan(
    actor: Annotated[str, typer.Argument(help="Whom it is for.")],
    events: Annotated[str | None, typer.Argument(help="Events or a ledger; default AURA_LEDGER.", show_default=False)] = None,
    policy: PolicyName = None,
    as_of: Annotated[str | None, typer.Option(help="End of the window, ISO 8601; default the last event.")] = None,
    days: Annotated[int, typer.Option(help="Length of the plan.", min=1, max=730)] = 60,
    out: Annotated[Path | None, typer.Option(help="Write it as .md or .html.")] = None,
    open_: Annotated[
        bool, typer.Option("--open", help="Record it in the ledger; for a person a proposal that somebody signs.")
    ] = False,
    by: Annotated[
        str | None, typer.Option(help="Who asks for it, and cannot sign it; default the account of the operating system.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Draft an improvement plan from the verdict on an actor, with its evidence, goals and exit criterion."""
    from aura_analytics import settings
    from aura_analytics.hr import HRDesk, draft_plan
    from aura_analytics.hr.signing import operating_user

    source = events if events is not None else settings.ledger_url()
    if open_ and not is_ledger(source):
        raise ParameterError(Problem("a plan is opened in a ledger", got=source, expected="a ledger (URL or .db file)"))
    table: pl.LazyFrame = load_events(source, None)
    made = draft_plan(table, actor, policy, as_of=as_of, days=days)
    if out is not None:
        made.write(out)
    name = made.open(HRDesk(opened(source)), by=by or operating_user()) if open_ else None
    if as_json:
        print_json({**made.to_dict(), "action": name})
        return
    typer.echo(made.to_markdown() if out is None else f"{out}")
    if name is not None:
        typer.echo(f"proposed: {name}" if made.actor_kind == "officer" else f"opened: {name}")
