"""`aura rules`: policy files checked and tested."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aura_analytics.cli.inputs import Cluster
from aura_analytics.cli.output import Json, print_json
from aura_analytics.errors import ParameterError, Problem

__all__ = ["rules_app"]

rules_app: typer.Typer = typer.Typer(help="Check and test policy files.", no_args_is_help=True)


@rules_app.command("check")
def rules_check(
    file: Annotated[Path, typer.Argument(help="Policy file (YAML).", show_default=False)], as_json: Json = False
) -> None:
    """Say everything that is wrong with a policy file, at once."""
    from aura_analytics.errors import RuleError
    from aura_analytics.rules.policy import Policy
    from aura_analytics.rules.review import mistakes_in, notes_on
    from aura_analytics.yaml_models import load_yaml

    try:
        policy = Policy.from_yaml(file)
        policy.test()  # a case that cannot be read is a mistake too; whether it passes is for `rules test`
        if mistakes := mistakes_in(policy.spec, str(file), load_yaml(file, RuleError, "policy")):
            raise RuleError(f"{file} says what it cannot mean", problems=mistakes)
    except RuleError as error:
        if as_json:
            print_json({"ok": False, "problems": [str(problem) for problem in error.problems]})
        else:
            for problem in error.problems:
                typer.echo(str(problem))
        raise typer.Exit(2) from None
    notes = notes_on(policy.spec)
    rules = [rule.id for rule in policy.spec.rules]
    if as_json:
        print_json({"ok": True, "name": policy.name, "rules": rules, "metrics": policy.metrics, "notes": notes})
        return
    count = f"{len(rules)} rule{'' if len(rules) == 1 else 's'}"
    typer.echo(f"{file}: {policy.name} is a policy of {count} on {', '.join(policy.metrics)}")
    for note in notes:
        typer.echo(f"Note: {note}")


@rules_app.command("test")
def rules_test(
    file: Annotated[Path, typer.Argument(help="Policy file (YAML).", show_default=False)],
    budget: Annotated[
        list[str] | None, typer.Option(help="What its card must keep, such as false_flags<=0.02; repeatable.", show_default=False)
    ] = None,
    as_json: Json = False,
) -> None:
    """Run the cases written beside the rules, and hold the card beside the file against a budget; exit code 1 when one fails."""
    from aura_analytics.rules.policy import Policy
    from aura_analytics.simulation.budgets import Budget
    from aura_analytics.simulation.error_cards import read_card

    policy = Policy.from_yaml(file)
    if not policy.spec.tests and not budget:
        raise ParameterError(Problem("the policy has no tests", got=str(file), next="write cases under 'tests:' beside the rules"))
    limits = [Budget.of(one) for one in budget or ()]
    result = policy.test()
    card = read_card(file, policy) if limits else None
    over = [] if card is None else [said for one in limits for said in one.over(card)]
    if as_json:
        print_json(
            {"passed": result.passed, "failed": len(result.failures), "failures": list(result.failures), "over_budget": over}
        )
    else:
        for failure in (*result.failures, *over):
            typer.echo(f"FAILED {failure}")
        typer.echo(f"{result.passed} passed, {len(result.failures)} failed")
        if card is not None and not over:
            typer.echo(f"within budget, as measured on {card.date} in {', '.join(one.scenario for one in card.measured)}")
    if result.failures or over:
        raise typer.Exit(1)


@rules_app.command("measure")
def rules_measure(
    file: Annotated[Path, typer.Argument(help="Policy file (YAML).", show_default=False)],
    scenario: Annotated[list[str], typer.Option(help="World to play, by name or file; repeatable.", show_default=False)],
    replications: Annotated[int, typer.Option(help="Worlds of each.", min=2)] = 400,
    seed: Annotated[int, typer.Option(help="Of the worlds.", min=0)] = 0,
    days: Annotated[int | None, typer.Option(help="Horizon, instead of the scenario's own.", min=1)] = None,
    every_days: Annotated[int, typer.Option(help="Days between readings.", min=1)] = 7,
    workers: Annotated[int, typer.Option(help="Processes.", min=1)] = 2,
    cluster: Cluster = None,
    folder: Annotated[Path | None, typer.Option(help="Keep results here, and go on from them.")] = None,
    as_json: Json = False,
) -> None:
    """Play worlds and write the rule's card beside its file: how often it is wrong, with limits."""
    from aura_analytics.cli.output import progress
    from aura_analytics.rules.policy import Policy
    from aura_analytics.simulation.error_cards import ErrorCard, card_beside, measure_rule

    policy, beside = Policy.from_yaml(file), card_beside(file)
    if beside.exists():
        ErrorCard.from_yaml(beside)  # only a card is written over
    with progress(quiet=as_json) as bar:
        task = bar.add_task("worlds", total=replications * len(scenario))
        card = measure_rule(
            policy,
            scenario,
            replications,
            seed,
            days=days,
            every_days=every_days,
            workers=workers,
            executor=cluster,
            folder=folder,
            progress=lambda _done, _of: bar.update(task, advance=0),
        )
    card.write(beside, overwrite=True)
    if as_json:
        print_json(card.model_dump(mode="json"))
        return
    for one in card.measured:
        typer.echo(f"{one.scenario}, {one.worlds} worlds of {one.days} days, read every {card.every_days}:")
        for name in ("false_flags", "ever_flagged", "detected", "delay_days", "flips"):
            typer.echo(f"  {name.replace('_', ' ')}: {getattr(one, name)}")
    typer.echo(str(beside))
