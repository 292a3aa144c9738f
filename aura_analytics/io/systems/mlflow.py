"""MLflow 3: traces with assessments, as `Trace.to_json` writes them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

from aura_analytics.events import IMPORTED
from aura_analytics.io.systems.base import Events, Piece, System, Unusable, moment_of, word_of, words_of

__all__ = ["MLflow"]

_MACHINES = ("LLM_JUDGE", "AI_JUDGE", "CODE")
_NOBODY = ("", "default", "unknown")


class MLflow(System):
    """An assessment of a human over one of a judge is a verdict.

    The judge's assessment is the one that the human's `overrides` names, else the last one of the same name before it. The case is
    the trace and the name of the assessment, since a trace is judged in several respects. An assessment that was superseded
    (`valid: false`) counts only as what was overridden. `default` is nobody. A judge's number is an evaluation of the agent where
    its scale is declared.
    """

    name: ClassVar[str] = "mlflow"
    title: ClassVar[str] = "MLflow 3"
    about: ClassVar[str] = (
        "human assessment over a judge's: DECISION or OVERRIDE; expectation: ADJUDICATION; state of the trace: OUTCOME of its agent"
    )

    def pieces(self, record: dict[str, Any]) -> Iterator[Piece]:
        """The assessments of a trace, and its state."""
        info = record.get("info", record)
        trace = info.get("trace_id") or info.get("request_id")
        if not isinstance(trace, str):
            yield record, Unusable("trace_unreadable: got no trace_id, expected a trace of MLflow")
            return
        yield info.get("state"), self._ended(info, trace)
        every = [one for one in info.get("assessments") or [] if isinstance(one, dict)]
        self._over = {one.get("assessment_id"): one.get("overrides") for one in every if isinstance(one.get("assessment_id"), str)}
        judged = [one for one in every if "feedback" in one and _source(one)[0] in _MACHINES]
        for one in info.get("assessments") or []:
            try:
                yield one, self._piece(one, judged, trace, _agent(info))
            except Unusable as error:
                yield one, error

    def _ended(self, info: dict[str, Any], trace: str) -> Events | str:
        result = {"OK": "success", "ERROR": "failure"}.get(str(info.get("state")))
        if result is None:
            return "a trace that has not ended"
        agent = _agent(info)
        if not agent:
            return "the state of a trace that names no agent"
        event = {"type": "OUTCOME", "ts": info.get("request_time"), "case_id": trace, "actor": agent, "actor_kind": "agent"}
        return [{**event, "outcome": result, "event_id": f"{IMPORTED}mlflow-{trace}"}]

    def _piece(self, one: Any, judged: list[dict[str, Any]], trace: str, agent: str | None) -> Events | str:
        if not isinstance(one, dict) or not ("feedback" in one or "expectation" in one):
            raise Unusable("assessment_unreadable: got neither feedback nor expectation, expected one of them")
        kind, who = _source(one)
        name = one.get("assessment_name")
        event: dict[str, Any] = {
            "ts": one.get("create_time"),
            "case_id": f"{trace}:{name}",
            "actor": who,
            "actor_kind": "officer" if kind == "HUMAN" else "agent",
            "event_id": _own(one),
            "attributes": {"trace": trace, "name": name, "rationale": one.get("rationale")},
        }
        if "expectation" in one:
            truth = word_of((one["expectation"] or {}).get("value"))
            return [{**event, "type": "ADJUDICATION", "outcome": truth}]
        if kind in _MACHINES:
            return self._scored(one, name, trace, agent)
        if one.get("valid") is False:
            return "superseded by a later assessment"
        event["actor"] = who = who or self.reviewer
        if who is None:
            return "a human assessment that names nobody"
        return self._verdict(one, event, judged)

    def _scored(self, one: dict[str, Any], name: Any, trace: str, agent: str | None) -> Events | str:
        """A number of a judge, on its declared scale: what it says of the agent whose trace it is."""
        value = (one.get("feedback") or {}).get("value")
        score = None if one.get("valid") is False else self.score(name, value)
        if score is None:
            return "what a judge said: it is compared with what humans said"
        if not agent:
            return "a judge's score of a trace that names no agent"
        event = {"type": "EVALUATION", "ts": one.get("create_time"), "case_id": trace, "actor": agent, "actor_kind": "agent"}
        more = {"name": name, "judge": _source(one)[1], "score": value}
        return [{**event, "value": score, "attributes": more, "event_id": _own(one)}]

    def _verdict(self, one: dict[str, Any], event: dict[str, Any], judged: list[dict[str, Any]]) -> Events | str:
        over, at = one.get("overrides"), moment_of(one.get("create_time"))
        known = {each.get("assessment_id") for each in judged}
        for _ in self._over:  # a human over a human is one over the same judge
            if not isinstance(over, str) or over in known or not self._over.get(over):
                break
            over = self._over[over]
        same = [each for each in judged if each.get("assessment_name") == one.get("assessment_name")]
        named = [each for each in judged if over and each.get("assessment_id") == over]
        before = sorted(
            (each for each in same if moment_of(each.get("create_time")) <= at),
            key=lambda each: moment_of(each.get("create_time")),
        )
        advice = named[-1] if named else before[-1] if before else None
        if over and not named:
            raise Unusable(f"overridden_missing: got overrides {over!r}, expected an assessment of the same trace")
        if advice is None:
            return "a human assessment with no judge's before it"
        if moment_of(advice.get("last_update_time")) > at and advice.get("valid") is not False:
            return "what the judge said was changed after the human spoke: what the human saw is not known"
        if (advice.get("feedback") or {}).get("error"):
            return "a human assessment of what a judge failed to say"
        words = words_of(*((each.get("feedback") or {}).get("value") for each in (advice, one)))
        if isinstance(words, str):
            return words
        said, verdict = words
        kind = "DECISION" if said == verdict else "OVERRIDE"
        return [{**event, "type": kind, "agent": _source(advice)[1], "ai_recommendation": said, "human_verdict": verdict}]


def _own(one: dict[str, Any]) -> str | None:
    return f"{IMPORTED}mlflow-{one['assessment_id']}" if one.get("assessment_id") else None


def _agent(info: dict[str, Any]) -> str | None:
    name = (info.get("tags") or {}).get("mlflow.traceName")
    return name if isinstance(name, str) and name.strip() else None


def _source(one: dict[str, Any]) -> tuple[str, str | None]:
    """Kind and name of who assessed; no name where it names nobody."""
    source = one.get("source") or {}
    name = source.get("source_id")
    known = name.strip() if isinstance(name, str) and name.strip().lower() not in _NOBODY else None
    return str(source.get("source_type")), known
