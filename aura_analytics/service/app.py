"""The application: routes behind one gate, on one ledger."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from starlette.exceptions import HTTPException

from aura_analytics.errors import AuraError, Problem
from aura_analytics.ledger.store import Ledger
from aura_analytics.operations.accountant import Accountant
from aura_analytics.routing.models_file import load_models
from aura_analytics.routing.router import Router
from aura_analytics.rules.policy import as_policy
from aura_analytics.rules.sentence import policy_sentence
from aura_analytics.service.access.door import Door
from aura_analytics.service.gate import Gate
from aura_analytics.service.hub import Hub
from aura_analytics.service.measures import Measures
from aura_analytics.service.options import ServiceOptions
from aura_analytics.service.problems import ProblemError, ProblemReport, problem, problem_of
from aura_analytics.service.routes import accountant, actions, decisions, health, live, pages, reading, recording, telemetry
from aura_analytics.service.state import ServiceState
from aura_analytics.service.told.dispatcher import Dispatcher
from aura_analytics.service.told.letters import template_of
from aura_analytics.service.told.outbox import Outbox
from aura_analytics.service.told.supervisors import Supervisors
from aura_analytics.version import __version__

__all__ = ["create_app"]

_ROUTERS = (recording, reading, accountant, decisions, live, actions, telemetry, health, pages)
_ERRORS: dict[int | str, dict[str, Any]] = {
    code: {"description": text, "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemReport"}}}}
    for code, text in (
        (400, "no JSON"),
        (401, "it is not known who asks"),
        (403, "not with this scope"),
        (404, "not there"),
        (408, "the body did not come"),
        (409, "an id is taken by other content"),
        (413, "too large"),
        (415, "of a kind that is not read"),
        (422, "something is wrong; every problem is named"),
        (429, "too many requests"),
        (503, "the ledger cannot be reached"),
    )
}


def create_app(options: ServiceOptions | None = None, *, ledger: Ledger | None = None) -> FastAPI:
    """The application of a service, for uvicorn or another server of ASGI.

    Parameters
    ----------
    options
        How it runs; default the environment's.
    ledger
        A ledger that is open; default the one that the options name.

    Raises
    ------
    AuraError
        If the ledger, the policy or a file of the options cannot be read.

    Examples
    --------
    >>> import tempfile
    >>> app = create_app(ServiceOptions(ledger=f"sqlite:///{tempfile.mkdtemp()}/aura.db", access="open"))
    >>> sorted(app.openapi()["paths"])[:3]
    ['/actions', '/actions/{name}/{word}', '/decisions']
    """
    chosen = options or ServiceOptions.from_environment()
    state = _state(chosen, ledger)

    @asynccontextmanager
    async def lives(_: FastAPI) -> AsyncIterator[None]:
        state.hub.start()
        state.dispatcher.start()
        yield
        state.hub.stop()
        state.dispatcher.stop()
        state.writer.shutdown()
        state.ledger.close()

    app = FastAPI(
        title="aura-analytics",
        version=__version__,
        summary="Record events, ask for dossiers, follow what changes.",
        root_path=chosen.root_path,
        docs_url=None,
        redoc_url=None,
        lifespan=lives,
        responses=_ERRORS,
        separate_input_output_schemas=False,
    )
    app.state.service = state
    for one in _ROUTERS:
        app.include_router(one.router)
    _answer_errors(app)
    app.add_middleware(Gate, state=state)

    def described() -> dict[str, Any]:
        if app.openapi_schema is None:
            found = get_openapi(title=app.title, version=app.version, summary=app.summary, routes=app.routes)
            schemas = found.setdefault("components", {}).setdefault("schemas", {})
            report = ProblemReport.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas |= report.pop("$defs", {}) | {"ProblemReport": report}
            found["components"]["securitySchemes"] = {"bearer": {"type": "http", "scheme": "bearer"}}
            found["security"] = [{"bearer": []}]
            app.openapi_schema = found
        return app.openapi_schema

    app.openapi = described  # type: ignore[method-assign]
    return app


def _state(options: ServiceOptions, given: Ledger | None) -> ServiceState:
    policy = as_policy(options.policy)
    supervisors = Supervisors.from_yaml(options.supervisors) if options.supervisors else Supervisors()
    models = load_models(options.models) if options.models else None
    ledger = given if given is not None else Ledger(options.ledger_url)
    measures = Measures()
    hub = Hub(ledger, policy, measures)
    outbox = Outbox(ledger, supervisors, options.webhook, options.digest)
    if options.letter:
        template_of(options.letter)  # one that cannot be used is said now
    dispatcher = Dispatcher(
        outbox,
        measures,
        smtp=options.smtp,
        sender=options.mail_from,
        secret=options.webhook_secret if options.webhook else None,
        link=options.link,
        template=options.letter,
    )
    label = f"{policy.name} {policy.spec.version}" if getattr(policy.spec, "version", None) else policy.name
    hub.verdicts_changed = lambda seq, verdicts: _noted(outbox, label, seq, verdicts)
    router = Router(models, ledger) if models else None
    door = Door(options, ledger, supervisors)
    says, scorer = policy_sentence(policy.spec), Accountant(ledger, router=router)
    return ServiceState(options, ledger, policy, door, supervisors, measures, hub, dispatcher, scorer, says)


def _noted(outbox: Outbox, policy: str, seq: int, verdicts: list[dict[str, Any]]) -> None:
    outbox.note(policy, seq, verdicts)


def _answer_errors(app: FastAPI) -> None:
    @app.exception_handler(ProblemError)
    async def _refused(_: Request, error: ProblemError) -> Response:
        return problem(error.status, "; ".join(str(one) for one in error.problems[:3]), error.problems, error.headers)

    @app.exception_handler(AuraError)
    async def _ours(_: Request, error: AuraError) -> Response:
        return problem_of(error)

    @app.exception_handler(RequestValidationError)
    async def _invalid(_: Request, error: RequestValidationError) -> Response:
        problems = [
            Problem(str(one["msg"]), got=one.get("input"), where=" ".join(str(part) for part in one["loc"]))
            for one in error.errors()
        ]
        return problem(422, "the request cannot be read", problems)

    @app.exception_handler(HTTPException)
    async def _http(_: Request, error: HTTPException) -> Response:
        return problem(error.status_code, str(error.detail), headers=error.headers)
