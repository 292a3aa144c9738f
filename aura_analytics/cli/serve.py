"""`aura serve` and `aura keys`: the service, and who may ask it."""

from __future__ import annotations

from typing import Annotated

import typer

from aura_analytics.cli.inputs import Url, opened
from aura_analytics.cli.output import Json, print_json

__all__ = ["keys_app", "mute", "serve"]

keys_app: typer.Typer = typer.Typer(help="Keys of the service: made, listed, taken back.", no_args_is_help=True)


def serve(
    ledger: Url = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on; default 127.0.0.1.")] = None,
    port: Annotated[int | None, typer.Option(help="Default 8321.")] = None,
    root_path: Annotated[str | None, typer.Option(help="Prefix under which a proxy shows it, such as /aura.")] = None,
    workers: Annotated[int | None, typer.Option(help="Processes; more than one only on PostgreSQL.")] = None,
    policy: Annotated[str | None, typer.Option(help="Name or file of the policy; default the shipped one.")] = None,
    access: Annotated[
        str | None, typer.Option(help="Who may ask: token (printed at the start), keys, oidc, proxy, or open (this machine alone).")
    ] = None,
    supervisors: Annotated[str | None, typer.Option(help="YAML file of who answers for whom.")] = None,
) -> None:
    """Serve the ledger over HTTP: record, ask, follow, be told.

    Everything else is set by variables of the environment that begin with AURA_SERVICE_, listed in the documentation.
    """
    from aura_analytics.service.options import ServiceOptions
    from aura_analytics.service.serving import serve as run

    run(
        ServiceOptions.from_environment(
            ledger=ledger,
            host=host,
            port=port,
            root_path=root_path,
            workers=workers,
            policy=policy,
            access=access,
            supervisors=supervisors,
        )
    )


def mute(
    recipient: Annotated[str, typer.Argument(help="The address.")],
    by: Annotated[str, typer.Option(help="Who asks for it; recorded.")],
    reason: Annotated[str, typer.Option(help="Why; recorded.")],
    hours: Annotated[float, typer.Option(help="How long, at most 720.")] = 24.0,
    ledger: Url = None,
) -> None:
    """Hold back what somebody would be told by the service, until an end; then it is sent."""
    from aura_analytics.service.told.outbox import Outbox
    from aura_analytics.service.told.supervisors import Supervisors

    Outbox(opened(ledger), Supervisors()).mute(recipient, hours, by, reason)
    typer.echo(f"{recipient} is told nothing for {hours:g} hours")


@keys_app.command()
def create(
    name: Annotated[str, typer.Argument(help="Of the service, or of the person as events name them.")],
    scopes: Annotated[str, typer.Option(help="What it may do, by commas: events:write, dossiers:read:team, ...")],
    person: Annotated[bool, typer.Option("--person", help="A person's own key: only such a key signs.")] = False,
    days: Annotated[float, typer.Option(help="How long it holds.")] = 365.0,
    ledger: Url = None,
    as_json: Json = False,
) -> None:
    """Make a key. It is shown once, and stored only as a hash."""
    from aura_analytics.service.access.keys import Keys

    key = Keys(opened(ledger, create=True)).create(name, scopes, person=person, days=days)
    if as_json:
        print_json({"name": name, "key": key})
    else:
        typer.echo(key)
        typer.echo("It is not shown again. For programs: Authorization: Bearer KEY", err=True)


@keys_app.command("list")
def list_(ledger: Url = None, as_json: Json = False) -> None:
    """List the keys of a ledger, with what each may do and until when."""
    from aura_analytics.service.access.keys import Keys

    rows = Keys(opened(ledger)).table().to_dicts()
    if as_json:
        print_json(rows)
        return
    for row in rows:
        end = "revoked" if row["revoked"] else f"until {row['expires']:%Y-%m-%d}" if row["expires"] else "without an end"
        typer.echo(f"{row['id']}  {row['name']}{' (person)' if row['person'] else ''}  {row['scopes']}  {end}")
    if not rows:
        typer.echo("none")


@keys_app.command()
def revoke(key: Annotated[str, typer.Argument(help="Its id, as aura keys list shows it.")], ledger: Url = None) -> None:
    """Take a key back: it opens nothing from now on."""
    from aura_analytics.service.access.keys import Keys

    Keys(opened(ledger)).revoke(key)
    typer.echo(f"{key} is revoked")
