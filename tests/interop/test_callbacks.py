"""Recording while it happens, from inside the other systems themselves."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

import aura_analytics as aura
from aura_analytics.callbacks import inspect_ai as with_inspect
from aura_analytics.callbacks import langchain as with_langchain
from aura_analytics.callbacks import mlflow as with_mlflow
from aura_analytics.callbacks import otel as with_otel
from aura_analytics.errors import ParameterError

pytestmark = pytest.mark.interop


def recorded(ledger: aura.Ledger) -> list[tuple[Any, ...]]:
    columns = ["type", "actor", "agent", "ai_recommendation", "human_verdict"]
    return ledger.events().sort("ts").select(columns).collect().rows()


@pytest.mark.parametrize("mode", ["batched", "per_call"])
def test_langchain(tmp_path: Path, mode: str) -> None:
    from langchain.agents import create_agent
    from langchain.agents.middleware import HumanInTheLoopMiddleware
    from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
    from langchain_core.messages import AIMessage
    from langgraph.checkpoint.memory import InMemorySaver
    from langgraph.types import Command

    class Model(GenericFakeChatModel):
        def bind_tools(self, tools: Any, **_: Any) -> Model:
            return self

    def pay(sum: int) -> str:  # noqa: A002
        """Pay."""
        return "paid"

    calls = [{"name": "pay", "args": {"sum": n}, "id": f"c{n}"} for n in (10, 20)]
    said = iter([AIMessage(content="", tool_calls=calls), AIMessage(content="done")])
    middle = HumanInTheLoopMiddleware(interrupt_on={"pay": True}, interrupt_mode=mode)
    graph = create_agent(Model(messages=said), tools=[pay], middleware=[middle], checkpointer=InMemorySaver())
    config = {"configurable": {"thread_id": "t-1"}}
    stopped = graph.invoke({"messages": [{"role": "user", "content": "pay"}]}, config)["__interrupt__"]
    stopped = sorted(stopped, key=lambda one: str(one.value))  # calls run side by side, and stop in any order
    decisions = [{"type": "approve"}, {"type": "reject", "message": "no receipt"}]
    who = {"reviewer": "anne@agency.gov", "agent": "claims", "thread": "t-1"}
    with aura.Ledger(f"sqlite:///{tmp_path}/a.db", mirror=False) as ledger:
        assert with_langchain.record_decisions(ledger, stopped, decisions, **who) == 2
        assert with_langchain.record_decisions(ledger, stopped, decisions, **who) == 0
        with pytest.raises(ParameterError, match="decisions and actions do not fit: got '1 and 2'"):
            with_langchain.record_decisions(ledger, stopped, decisions[:1], **who)
        answer = {"decisions": decisions} if mode == "batched" else {one.id: d for one, d in zip(stopped, decisions, strict=True)}
        graph.invoke(Command(resume=answer), config)
        assert sorted(recorded(ledger)) == [
            ("DECISION", "anne@agency.gov", "claims", 'pay {"sum": 10}', 'pay {"sum": 10}'),
            ("OVERRIDE", "anne@agency.gov", "claims", 'pay {"sum": 20}', "reject"),
        ]


def test_inspect(tmp_path: Path) -> None:
    from inspect_ai.approval import Approval, approver
    from inspect_ai.tool import ToolCall

    @approver
    def careful() -> Any:
        async def approve(message: str, call: ToolCall, view: Any, history: list[Any]) -> Approval:
            return Approval(decision="approve" if call.arguments["sum"] < 15 else "reject")

        return approve

    with aura.Ledger(f"sqlite:///{tmp_path}/a.db", mirror=False) as ledger:
        own = with_inspect.recorded(careful(), ledger, reviewer="anne@agency.gov", agent="gpt-x")
        for n in (10, 20):
            asyncio.run(own("m", ToolCall(id=f"c{n}", function="pay", arguments={"sum": n}), None, []))
        assert recorded(ledger) == [
            ("DECISION", "anne@agency.gov", "gpt-x", "approve", "approve"),
            ("OVERRIDE", "anne@agency.gov", "gpt-x", "approve", "reject"),
        ]


def test_mlflow(tmp_path: Path) -> None:
    from mlflow.entities import Trace

    line = (Path(__file__).parent.parent.parent / "fixtures" / "systems" / "mlflow_traces.jsonl").read_text().splitlines()[0]
    trace = Trace.from_json(line)
    with aura.Ledger(f"sqlite:///{tmp_path}/a.db", mirror=False) as ledger:
        new = with_mlflow.record_trace(ledger, trace)
        assert new > 0 and with_mlflow.record_trace(ledger, trace) == 0
        assert ("OVERRIDE", "anne@agency.gov", "judge-1", "PAY", "REFUSE") in recorded(ledger)


@pytest.mark.parametrize("batched", [True, False])
def test_opentelemetry(tmp_path: Path, batched: bool) -> None:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
    from opentelemetry.trace import StatusCode

    with aura.Ledger(f"sqlite:///{tmp_path}/a.db", mirror=False) as ledger:
        exporter = with_otel.LedgerExporter(ledger, {"relevance": (1, 5)})
        provider = TracerProvider()
        provider.add_span_processor(BatchSpanProcessor(exporter) if batched else SimpleSpanProcessor(exporter))
        tracer = provider.get_tracer("t")
        said = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "triage"}
        for failed in (False, True):
            with tracer.start_as_current_span("run", attributes=said) as run:
                with tracer.start_as_current_span("chat", attributes={"gen_ai.operation.name": "chat"}) as chat:
                    result = {"gen_ai.evaluation.name": "relevance", "gen_ai.evaluation.score.value": 4}
                    chat.add_event("gen_ai.evaluation.result", result)
                if failed:
                    run.set_status(StatusCode.ERROR)
        provider.shutdown()
        found = ledger.events().sort("ts").select("type", "actor", "value", "outcome").collect().rows()
        evaluation = ("EVALUATION", "triage", 75.0, None)
        assert found == [evaluation, ("OUTCOME", "triage", None, "success"), evaluation, ("OUTCOME", "triage", None, "failure")]
