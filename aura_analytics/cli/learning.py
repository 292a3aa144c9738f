"""`aura learn`: what outcomes and users teach, proposals and their approval, calibration, comparisons, anomalies."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated, Any, cast

import typer

from aura_analytics.cli.decisions import LogFile, heading, opened
from aura_analytics.cli.output import Json, print_json
from aura_analytics.errors import ParameterError, Problem

__all__ = ["learn_app"]

learn_app: typer.Typer = typer.Typer(
    help="Say what outcomes suggest for the confidence in each component; nothing is changed.", invoke_without_command=True
)


@learn_app.callback()
def learn(
    context: typer.Context,
    method: Annotated[str, typer.Option(help="seed (the document's multipliers), shrunk or adjusted (with intervals).")] = "seed",
    log_file: LogFile = None,
    as_json: Json = False,
) -> None:
    """Say what outcomes suggest for the confidence in each component; nothing is changed."""
    if context.invoked_subcommand is not None:
        return
    log = opened(log_file)
    found: Any = log.learn_from_outcomes(method)
    if as_json:
        print_json(found if isinstance(found, dict) else found.to_dicts())
        return
    heading("CONFIDENCE ADJUSTMENT RECOMMENDATIONS")
    if isinstance(found, dict):
        for name, value in sorted(found.items(), key=lambda item: (item[1], item[0])):
            typer.echo(f"{name}: {value:.2f}x ({_label(value)})")
        if not found:
            typer.echo("Nothing to learn from: at least 3 outcomes of a component are needed.")
        return
    for row in found.sort("multiplier", "component").iter_rows(named=True):
        why = f", {row['reason']}" if row.get("reason") else ""
        interval = f"{row['lo']:.2f}-{row['hi']:.2f}"
        typer.echo(f"{row['component']}: {row['multiplier']:.2f}x ({interval}, n = {row['n']}, {row['status']}{why})")


def _label(multiplier: float) -> str:
    return "INCREASE" if multiplier > 1.1 else "DECREASE" if multiplier < 0.9 else "OK"


@learn_app.command()
def propose(
    confidence_file: Annotated[Path, typer.Argument(help="YAML: components and their confidences.")],
    out: Annotated[Path | None, typer.Option(help="Where to write the proposal; default only shown.")] = None,
    method: Annotated[str, typer.Option(help="adjusted or shrunk.")] = "adjusted",
    log_file: LogFile = None,
    as_json: Json = False,
) -> None:
    """Propose changes of a file of confidences, with the evidence of each; nothing is applied."""
    made = opened(log_file).propose_adjustments(confidence_file, method=method, out=out)  # type: ignore[arg-type]
    if as_json:
        print_json(
            {name: getattr(made, name) for name in made.__dataclass_fields__ if name != "changes"}
            | {"changes": [vars(change) for change in made.changes]}
        )
        return
    typer.echo(str(made))
    if out is not None and made:
        where = "" if log_file is None else f" --log-file {shlex.quote(str(log_file))}"
        typer.echo(f"\nReview {out}, then: aura learn apply {shlex.quote(str(out))} --approver NAME{where}")


@learn_app.command("apply")
def apply_(
    proposal: Annotated[Path, typer.Argument(help="The proposal that was reviewed.")],
    approver: Annotated[str, typer.Option(help="Who approves.")],
    reason: Annotated[str, typer.Option(help="Why.")] = "",
    log_file: LogFile = None,
    as_json: Json = False,
) -> None:
    """Apply a proposal that a named person approves; the approval is kept in the log."""
    made = opened(log_file).apply_adjustments(proposal, approver, reason)
    if as_json:
        print_json(
            {
                "proposal": made.proposal,
                "file": made.file,
                "approver": approver,
                "changes": [vars(change) for change in made.changes],
            }
        )
        return
    for change in made.changes:
        typer.echo(f"{change.entry}: {change.before:g} -> {change.after:g}")
    typer.echo(f"{made.file}: {len(made.changes)} changed, approved by {approver}")


@learn_app.command()
def overrides(log_file: LogFile = None, as_json: Json = False) -> None:
    """Say how often users overrode each component, and what became of it."""
    found = opened(log_file).learn_from_overrides()
    if as_json:
        print_json(found.to_dicts())
        return
    heading("OVERRIDES BY USERS")
    for row in found.sort("overridden", "component", descending=[True, False]).iter_rows(named=True):
        rate = "-" if row["rate"] is None else f"{row['rate']:.1%} ({row['lo']:.1%}-{row['hi']:.1%})"
        instead = f", most often for {row['replaced_by']}" if row["replaced_by"] else ""
        typer.echo(f"{row['component']}: {row['overridden']} of {row['chosen']}, {rate}, {row['status']}{instead}")


@learn_app.command()
def calibration(
    component: Annotated[str | None, typer.Option(help="Only decisions that this component served.")] = None,
    bins: Annotated[int, typer.Option(help="How many bins.", min=1)] = 10,
    binning: Annotated[str, typer.Option(help="equal_width, equal_count or distinct (one for each confidence).")] = "equal_width",
    log_file: LogFile = None,
    as_json: Json = False,
) -> None:
    """Say whether the confidence of decisions means anything."""
    report = opened(log_file).calibration_report(component, bins=bins, binning=cast("Any", binning))
    if as_json:
        print_json(report.to_dict())
    else:
        typer.echo(str(report))


@learn_app.command()
def recalibrate(
    component: Annotated[str | None, typer.Option(help="Only decisions that this component served.")] = None,
    method: Annotated[str, typer.Option(help="platt (two numbers) or isotonic (steps).")] = "platt",
    out: Annotated[Path | None, typer.Option(help="Where to write the proposal; default only shown.")] = None,
    log_file: LogFile = None,
    as_json: Json = False,
) -> None:
    """Propose how confidences are to be read, tried on outcomes that were held out; nothing is applied."""
    found = opened(log_file).recalibrate(component, cast("Any", method))
    if out is not None:
        found.write(out)
    if as_json:
        told = {name: getattr(found, name) for name in found.__dataclass_fields__ if name != "knots"}
        print_json(told | {"knots": found.knots.to_dicts()})
        return
    typer.echo(repr(found))
    typer.echo(found.to_yaml() if out is None else f"Review {out}: nothing applies it by itself.")


@learn_app.command()
def compare(
    before: Annotated[str | None, typer.Argument(help="Log of the earlier version.", show_default=False)] = None,
    after: Annotated[str | None, typer.Argument(help="Log of the later version.", show_default=False)] = None,
    at: Annotated[str | None, typer.Option(help="In one log: the moment from which the later version ran.")] = None,
    component: Annotated[str | None, typer.Option(help="Only decisions that this component served.")] = None,
    paired: Annotated[bool, typer.Option("--paired", help="Compare the same requests (by their text) only.")] = False,
    margin: Annotated[float, typer.Option(help="How much worse is still no worse, as a fraction.", min=0, max=0.99)] = 0.05,
    log_file: LogFile = None,
    as_json: Json = False,
) -> None:
    """Say whether a later version is worse: of two logs, or of one log before and after a moment. Exits with 1 on a regression."""
    from aura_analytics.decisions.learn import compare_versions

    if (at is None) == (before is None or after is None) or (at is not None and paired):
        problem = Problem("compare two logs, or one at a moment", expected="BEFORE AFTER [--paired], or --at TIME [--log-file LOG]")
        raise ParameterError(problem)
    if at is not None:
        found = opened(log_file or before).compare_versions(at, component=component, margin=margin)
    else:
        pair = "user_request" if paired else None
        found = compare_versions(opened(before), opened(after), component=component, pair_by=pair, margin=margin)
    if as_json:
        print_json(found.to_dict())
    else:
        typer.echo(str(found))
    raise typer.Exit(1 if found.verdict == "regression" else 0)


@learn_app.command()
def anomalies(
    rate: Annotated[str, typer.Option(help="success or override.")] = "success",
    false_alarms_per_year: Annotated[float, typer.Option(help="Accepted over all components together.")] = 1.0,
    chart: Annotated[str, typer.Option(help="cusum or ewma.")] = "cusum",
    log_file: LogFile = None,
    as_json: Json = False,
) -> None:
    """Name the days on which a component's rate had left what it was."""
    import polars as pl

    found = opened(log_file).anomalies(rate, false_alarms_per_year=false_alarms_per_year, chart=chart)  # type: ignore[arg-type]
    alarms = found.filter(pl.col("direction").is_not_null())
    if as_json:
        print_json(alarms.to_dicts())
        return
    watched = f"{found['component'].n_unique()} components, {found.height:,} days"
    typer.echo(f"{alarms.height} alarms ({watched}; at most {false_alarms_per_year:g} false ones a year expected)")
    for row in alarms.iter_rows(named=True):
        was = "-" if row["expected"] is None else f"{row['expected']:.1%}"
        typer.echo(
            f"{row['day']}  {row['component']}: {row['direction']} since {row['since']}, {row['k']} of {row['n']} "
            f"that day, {was} before"
        )
