"""`aura rules`: policy files checked and tested."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

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
