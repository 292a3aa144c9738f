"""Label Studio: tasks with predictions and annotations, as its JSON export writes them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, ClassVar

from aura_analytics.events import IMPORTED
from aura_analytics.io.systems.base import Events, Piece, System, Unusable, moment_of, word_of, words_of

__all__ = ["LabelStudio"]

# and under which key their value stands; of the others a region may differ a little
_COMPARED = {
    "choices": "choices",
    "rating": "rating",
    "number": "number",
    "taxonomy": "taxonomy",
    "textarea": "text",
    "pairwise": "selected",
    "datetime": "datetime",
}


class LabelStudio(System):
    """An annotation of a task that was predicted is a verdict.

    It is compared with the prediction that it began from (`parent_prediction`), else with the last one before it. What is compared
    is what was chosen in the controls that the prediction fills; regions differ by pixels, and are not compared. A cancelled
    annotation is no verdict, one of the ground truth is an audit.
    """

    name: ClassVar[str] = "label-studio"
    title: ClassVar[str] = "Label Studio"
    about: ClassVar[str] = (
        "annotation over a prediction: DECISION or OVERRIDE, ASSIGNED and RESOLVED by its lead_time; ground truth: ADJUDICATION"
    )

    def pieces(self, record: dict[str, Any]) -> Iterator[Piece]:
        """The annotations of a task, and its beginning."""
        if record.get("id") is None or not isinstance(record.get("annotations"), list):
            yield record, Unusable("task_unreadable: got no id or no annotations, expected a task of a JSON export")
            return
        task = str(record["id"])
        begun = record.get("created_at")
        opened = {"type": "OPENED", "ts": begun, "case_id": task, "event_id": f"{IMPORTED}label-studio-task-{task}"}
        yield {"task": task}, [opened] if begun else "a task that does not say when it began"
        for one in record["annotations"]:
            try:
                yield one, self._piece(one, record, task)
            except Unusable as error:
                yield one, error

    def _piece(self, one: Any, record: dict[str, Any], task: str) -> Events | str:
        if not isinstance(one, dict):
            raise Unusable("annotation_unreadable: got no object, expected an annotation")
        if one.get("was_cancelled"):
            return "cancelled: no verdict"
        who, at = _named(one.get("completed_by")) or self.reviewer, one.get("created_at")
        if who is None:
            return "an annotation that names nobody"
        said = _chosen(one.get("result"))
        if not said:
            return "regions, or nothing chosen: not compared"
        number = one.get("id")
        event: dict[str, Any] = {"ts": at, "case_id": task, "actor": who, "actor_kind": "officer"}
        own = f"{IMPORTED}label-studio-{number}"
        if one.get("ground_truth"):
            return [{**event, "type": "ADJUDICATION", "outcome": _words(said), "event_id": own}]
        advice = self._advice(one, record.get("predictions") or [], str(at))
        if isinstance(advice, str):
            return advice
        predicted = _chosen(advice.get("result"))
        if not predicted or any(value is None for value in predicted.values()):
            return "regions, or nothing chosen: not compared"
        if not set(predicted) <= set(said):
            return "nothing chosen in a control that was predicted: not compared"
        pairs = [words_of(value, said[name]) for name, value in predicted.items()]
        if any(isinstance(one, str) for one in pairs):
            return "values of two kinds, or numbers with fractions: not compared"
        word, chosen = _words(predicted), _words({name: said[name] for name in predicted})
        kind = "DECISION" if all(one[0] == one[1] for one in pairs) else "OVERRIDE"
        chosen = word if kind == "DECISION" else chosen
        score = advice.get("score")
        sure = score if isinstance(score, (int, float)) and not isinstance(score, bool) and 0 <= score <= 1 else None
        more = {"annotation": number, "lead_time": one.get("lead_time"), "score": None if sure == score else score}
        agent = str(advice.get("model_version") or "a model without a name")
        verdict = {"agent": agent, "ai_recommendation": word, "human_verdict": chosen}
        return [
            {**event, **verdict, "type": kind, "confidence": sure, "attributes": more, "event_id": own},
            *_handled(event, one.get("lead_time"), own),
        ]

    def _advice(self, one: dict[str, Any], predictions: list[Any], at: str) -> dict[str, Any] | str:
        known = [each for each in predictions if isinstance(each, dict)]
        if predictions and not known:
            return "the export holds the numbers of predictions only: export them whole (JSON, not JSON_MIN)"
        parent = one.get("parent_prediction")
        begun_from = [each for each in known if parent is not None and each.get("id") == parent]
        before = [each for each in known if moment_of(each.get("created_at")) <= moment_of(at)]
        before.sort(key=lambda each: moment_of(each.get("created_at")))
        return begun_from[0] if begun_from else before[-1] if before else "an annotation with no prediction before it"


def _named(who: Any) -> str | None:
    """Who annotated: an address where the export has it, else the number of the user."""
    if isinstance(who, dict):
        name = who.get("email") or who.get("username")
        who = name or who.get("id")
    if isinstance(who, int) and not isinstance(who, bool):
        return f"user {who}"
    return who.strip() if isinstance(who, str) and who.strip() else None


def _chosen(result: Any) -> dict[str, Any] | None:
    """What a result says in each control; None where it holds regions, or nothing."""
    if not isinstance(result, list) or not result:
        return None
    said: dict[str, Any] = {}
    for part in result:
        kind = part.get("type") if isinstance(part, dict) else None
        if kind == "relation":
            continue
        value = (part.get("value") or {}).get(_COMPARED[kind]) if kind in _COMPARED else None
        if word_of(value) is None:
            return None
        said[str(part.get("from_name"))] = value[0] if isinstance(value, list) and len(value) == 1 else value
    return said


def _words(said: dict[str, Any]) -> str:
    """What was said, in one word for each control."""
    words = {name: str(word_of(_plain(value))) for name, value in said.items()}
    return next(iter(words.values())) if len(words) == 1 else "; ".join(f"{name}: {word}" for name, word in sorted(words.items()))


def _plain(value: Any) -> Any:
    if isinstance(value, list) and all(isinstance(one, str) for one in value):
        return sorted(value)
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _handled(event: dict[str, Any], lead: Any, own: str) -> Events:
    """When the annotator took the task and ended it, where `lead_time` (seconds) tells."""
    if not isinstance(lead, (int, float)) or isinstance(lead, bool) or not 0 <= lead < 10**8:
        return []
    try:
        ended = datetime.fromisoformat(str(event["ts"]))
    except ValueError:
        return []
    taken = {**event, "type": "ASSIGNED", "ts": (ended - timedelta(seconds=lead)).isoformat(), "event_id": f"{own}-taken"}
    return [taken, {**event, "type": "RESOLVED", "event_id": f"{own}-ended"}]
