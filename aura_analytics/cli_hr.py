"""`aura score`, `aura hr`, `aura plan`, `aura route`: the Accountant's commands."""

from __future__ import annotations

import json
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from aura_analytics.cli_ledger import opened
from aura_analytics.console import Json, print_json
from aura_analytics.errors import FileFormatError, FileMissingError, ParameterError, Problem

if TYPE_CHECKING:
    import polars as pl

    from aura_analytics.hr import HRDesk

__all__ = ["hr_app", "plan", "route", "score"]

hr_app = typer.Typer(help="See how everybody stands, and sign, contest and close HR actions.", no_args_is_help=True)
LedgerUrl = Annotated[str | None, typer.Option("--ledger", help="Ledger; default AURA_LEDGER, else aura.db here.")]
Approver = Annotated[str, typer.Option(help="Who signs.")]
Reason = Annotated[str, typer.Option(help="Why.")]


# -- score ------------------------------------------------------------------------------------------------------------------


def score(
    file: Annotated[str, typer.Argument(help="JSON Lines of outputs (output, confidence, min_length), or - for standard input.")],
    policy: Annotated[Path | None, typer.Option(help="Penalty policy (YAML); default the Accountant's own.")] = None,
    quarantine: Annotated[
        Path | None, typer.Option(help="File for lines that cannot be scored; without it they are only named.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Score outputs by a penalty policy. With --json one line an output, for a pipe; exits with 1 when lines could not be scored."""
    import polars as pl

    from aura_analytics.scoring import PenaltyPolicy, score_frame

    chosen = PenaltyPolicy.seed() if policy is None else PenaltyPolicy.from_yaml(policy)
    lines = _lines(file)
    rows, bad = [], []
    for number, text in lines:
        row = _output(text)
        if isinstance(row, str):
            bad.append((number, text, row))
        else:
            rows.append((number, text, row))
    table = pl.DataFrame(
        {
            "output": pl.Series([_text(row.get("output", "")) for _, _, row in rows], dtype=pl.String),
            "confidence": pl.Series([_number(row.get("confidence", 0)) for _, _, row in rows], dtype=pl.Float64),
            "min_length": pl.Series([_length(row) for _, _, row in rows], dtype=pl.Float64),
        }
    )
    mode = "clip" if chosen.on_invalid == "clip" else "quarantine"
    scored = score_frame(table, chosen.model_copy(update={"on_invalid": mode}))
    shown = scored.select("score", "penalties", pl.col("severity").cast(pl.String), "problem").rows()
    good = []
    for (number, text, row), (points, penalties, severity, problem) in zip(rows, shown, strict=True):
        if problem is not None:
            bad.append((number, text, problem))
        else:
            good.append({**row, "line": number, "score": points, "penalties": penalties, "severity": severity})
    _show_scores(good, as_json=as_json)
    if bad:
        _set_aside(sorted(bad), quarantine, file)
        raise typer.Exit(1)


def _lines(file: str) -> list[tuple[int, str]]:
    if file == "-":
        source = sys.stdin.buffer.read()
    else:
        try:
            source = Path(file).read_bytes()
        except FileNotFoundError:
            raise FileMissingError(
                Problem("no such file", got=file, next="name a file of JSON Lines, or - for standard input")
            ) from None
        except OSError as error:
            raise FileFormatError(Problem("the file cannot be read", got=error.strerror, where=file)) from None
    lines = source.decode("utf-8", "surrogateescape").removeprefix("\ufeff").split("\n")  # other line ends may stand within a text
    return [(number, line) for number, line in enumerate(lines, 1) if line.strip()]


def _output(text: str) -> dict[str, Any] | str:
    try:
        text.encode()
        found = json.loads(text)
        json.dumps(found, ensure_ascii=False).encode()  # half of a character, which no output can hold
    except UnicodeEncodeError:
        return "not UTF-8"
    except (ValueError, RecursionError) as error:
        return f"not JSON ({error})"
    if not isinstance(found, dict):
        return "not a JSON object"
    if "model_output" in found and not isinstance(found["model_output"], dict):
        return "model_output is no object"
    if isinstance(found.get("model_output"), dict):  # the Accountant's payload
        task = found.get("task")
        found = {**found, **found["model_output"], **({"min_length": task.get("min_length")} if isinstance(task, dict) else {})}
    return found


def _text(value: object) -> str | None:
    if not isinstance(value, str):
        return None
    try:
        value.encode()
    except UnicodeEncodeError:
        return None
    return value


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < 1e300:
        return None
    return float(value)


def _length(row: dict[str, Any]) -> float | None:
    given = row.get("min_length")
    return None if given is None else _number(given) if _number(given) is not None else float("nan")


def _show_scores(good: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        for row in good:
            typer.echo(json.dumps(row, ensure_ascii=False))
        return
    typer.echo(f"{'line':>6}  {'score':>6}  {'severity':<8}  penalties")
    for row in good:
        typer.echo(f"{row['line']:>6}  {row['score']:>6.2f}  {row['severity']:<8}  {', '.join(row['penalties']) or '-'}")
    if good:
        mean = sum(row["score"] for row in good) / len(good)
        typer.echo(f"{len(good):,} outputs, mean score {mean:.1f}")


def _set_aside(bad: list[tuple[int, str, str]], quarantine: Path | None, file: str) -> None:
    for number, _, why in bad[:10]:
        typer.echo(f"{file}, line {number}: {why}", err=True)
    rest = f", and {len(bad) - 10:,} more" if len(bad) > 10 else ""
    if quarantine is None:
        typer.echo(f"{len(bad):,} lines cannot be scored{rest}; --quarantine FILE keeps them", err=True)
        return
    if quarantine.exists():
        raise ParameterError(Problem("the quarantine file exists already", got=str(quarantine), next="choose another name"))
    kept = [json.dumps({"line": number, "problem": why, "text": text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")},
                       ensure_ascii=False) for number, text, why in bad]  # fmt: skip
    quarantine.write_text("\n".join(kept) + "\n", encoding="utf-8")
    typer.echo(f"{len(bad):,} lines that cannot be scored set aside in {quarantine}{rest}", err=True)


# -- hr ---------------------------------------------------------------------------------------------------------------------


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
        counts = [f"{row[name]} {word}" for name, word in (("open_cases", "open cases"), ("open_plans", "open plans"),
                  ("pending", "proposals waiting"), ("contested", "contested")) if row[name]]  # fmt: skip
        more = f"; {', '.join(counts)}" if counts else ""
        typer.echo(
            f"{row['actor']} ({row['actor_kind']}): {row['standing']}{since}, reputation {row['reputation']:g}, level {row['level']}{more}"
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
    for key, word in (("reason", "reason"), ("rule", "rule"), ("approver", "signed by"), ("by", "by"), ("refers_to", "answers"),
                      ("would_clear", "would clear it"), ("until", "until")):  # fmt: skip
        if said.get(key):
            typer.echo(f"  {word}: {said[key]}")
    if said.get("evidence"):
        more = "" if said.get("evidence_n", 0) <= 3 else f" and {said['evidence_n'] - 3} more"
        typer.echo(
            f"  evidence: {', '.join(map(str, said['evidence'][:3]))}{more} (sha256 {str(said.get('evidence_sha256'))[:12]})"
        )


def _answered(name: str, *, as_json: bool) -> None:
    print_json({"stored_id": name}) if as_json else typer.echo(name)


@hr_app.command()
def approve(
    proposal: Annotated[str, typer.Argument(help="Its name.")],
    approver: Approver,
    reason: Reason,
    ledger: LedgerUrl = None,
    as_json: Json = False,
) -> None:
    """Sign a proposal: it is in force from now on."""
    _answered(_desk(ledger).approve(proposal, approver, reason), as_json=as_json)


@hr_app.command()
def reject(
    proposal: Annotated[str, typer.Argument(help="Its name.")],
    approver: Approver,
    reason: Reason,
    ledger: LedgerUrl = None,
    as_json: Json = False,
) -> None:
    """Refuse a proposal."""
    _answered(_desk(ledger).reject(proposal, approver, reason), as_json=as_json)


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


@hr_app.command()
def uphold(
    action: Annotated[str, typer.Argument(help="Its name.")],
    approver: Approver,
    reason: Reason,
    ledger: LedgerUrl = None,
    as_json: Json = False,
) -> None:
    """Decide a contest: the action stays."""
    _answered(_desk(ledger).uphold(action, approver, reason), as_json=as_json)


@hr_app.command()
def overturn(
    action: Annotated[str, typer.Argument(help="Its name.")],
    approver: Approver,
    reason: Reason,
    ledger: LedgerUrl = None,
    as_json: Json = False,
) -> None:
    """Decide a contest: the action is undone."""
    _answered(_desk(ledger).overturn(action, approver, reason), as_json=as_json)


@hr_app.command()
def reinstate(
    actor: Annotated[str, typer.Argument(help="Who is suspended.")],
    approver: Approver,
    reason: Reason,
    ledger: LedgerUrl = None,
    as_json: Json = False,
) -> None:
    """End a suspension."""
    _answered(_desk(ledger).reinstate(actor, approver, reason), as_json=as_json)


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
    from aura_analytics.hr import Ladder

    chosen = Ladder.from_yaml(file)
    store = opened(ledger)
    moment = as_of or datetime.now(timezone.utc)
    board = chosen.evaluate(store.lazy(), moment)
    stored = store.record_events(chosen.drafts(store.lazy(), moment, ts=datetime.now(timezone.utc))) if apply else 0
    if as_json:
        print_json({"moves": board.to_dicts(), "recorded": stored})
        return
    for row in board.iter_rows(named=True):
        typer.echo(f"{row['actor']}: {row['move'] or 'no move'} ({row['reason']})")
    typer.echo(f"{stored} recorded" if apply else "nothing recorded; --apply does")


# -- plan -------------------------------------------------------------------------------------------------------------------


def plan(
    actor: Annotated[str, typer.Argument(help="Whom it is for.")],
    events: Annotated[str | None, typer.Argument(help="Events or a ledger; default AURA_LEDGER.", show_default=False)] = None,
    policy: Annotated[Path | None, typer.Option(help="Policy (YAML); default evidence_gated.")] = None,
    as_of: Annotated[str | None, typer.Option(help="End of the window, ISO 8601; default the last event.")] = None,
    days: Annotated[int, typer.Option(help="Length of the plan.", min=1, max=730)] = 60,
    out: Annotated[Path | None, typer.Option(help="Write it as .md or .html.")] = None,
    open_: Annotated[
        bool, typer.Option("--open", help="Record it in the ledger; for a person a proposal that somebody signs.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Draft an improvement plan from the verdict on an actor, with its evidence, goals and exit criterion."""
    from aura_analytics import settings
    from aura_analytics.cli import load_events
    from aura_analytics.cli_ledger import is_ledger
    from aura_analytics.hr import HRDesk, draft_plan
    from aura_analytics.rules.policy import Policy

    source = events if events is not None else settings.ledger_url()
    if open_ and not is_ledger(source):
        raise ParameterError(Problem("a plan is opened in a ledger", got=source, expected="a ledger (URL or .db file)"))
    table: pl.LazyFrame = load_events(source, None)
    made = draft_plan(table, actor, Policy.from_yaml(policy) if policy else None, as_of=as_of, days=days)
    if out is not None:
        made.write(out)
    name = made.open(HRDesk(opened(source))) if open_ else None
    if as_json:
        print_json({**made.to_dict(), "action": name})
        return
    typer.echo(made.to_markdown() if out is None else f"{out}")
    if name is not None:
        typer.echo(f"proposed: {name}" if made.actor_kind == "officer" else f"opened: {name}")


# -- route ------------------------------------------------------------------------------------------------------------------


def route(
    models: Annotated[Path, typer.Argument(help="YAML or JSON: under `models` a list of name and capabilities.")],
    task: Annotated[str, typer.Option(help="The task as JSON: capabilities, job_id, queue.")] = "{}",
    strategy: Annotated[str, typer.Option(help="seed, thompson, ucb1 or epsilon_greedy.")] = "seed",
    exploration: Annotated[float | None, typer.Option(help="Share of choices spread evenly.")] = None,
    seed: Annotated[int, typer.Option(help="Of the choice.")] = 0,
    bare: Annotated[bool, typer.Option("--bare", help="Without looking at suspensions and capabilities.")] = False,
    ledger: LedgerUrl = None,
    as_json: Json = False,
) -> None:
    """Choose a model for a task by its record; a task with a job_id is recorded as a ROUTED event."""
    from aura_analytics.errors import RuleError
    from aura_analytics.importing.mapping import load_yaml
    from aura_analytics.routing import Router

    entries = load_yaml(models, RuleError, "models").get("models")
    if not isinstance(entries, list) or not all(isinstance(item, dict) and isinstance(item.get("name"), str) for item in entries):
        raise RuleError(Problem("this is no list of models", where=str(models), expected="models: a list of name and capabilities"))
    try:
        wanted = json.loads(task)
    except ValueError as error:
        raise ParameterError(Problem("--task is no JSON", got=str(error), expected='{"capabilities": ["code"]}')) from None
    router = Router(entries, opened(ledger), strategy=strategy, exploration=exploration, seed=seed)
    made = router.choose(wanted, check=not bare)
    if as_json:
        print_json({"model": made.model.name, "strategy": made.strategy, "propensity": made.propensity, "candidates": list(made.candidates),
                    "propensities": list(made.propensities), "event_id": made.event_id})  # fmt: skip
        return
    typer.echo(f"{made.model.name} (by {made.strategy}, with a chance of {made.propensity:.1%}, of {len(made.candidates)})")
    if made.event_id is not None:
        typer.echo(f"recorded: {made.event_id}")
