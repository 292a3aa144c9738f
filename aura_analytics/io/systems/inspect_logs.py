"""Inspect: logs of evaluations, as `.eval` files and as JSON."""

from __future__ import annotations

import importlib
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

from aura_analytics.errors import FileFormatError, Problem
from aura_analytics.events import IMPORTED
from aura_analytics.io.readers.base import Item, Unreadable
from aura_analytics.io.readers.json_files import Json
from aura_analytics.io.systems.base import Events, Piece, System, Unusable, words_of

__all__ = ["Inspect"]

_LARGEST = 1 << 28  # bytes of a sample
_WORTH = {"C": 100.0, "P": 50.0, "I": 0.0, "N": 0.0}  # what the values of its scorers count there
_ZSTANDARD = 93


class Inspect(System):
    """The answer of a human to a tool call is a verdict on it, and so is an edit of a score on what the scorer said.

    A log does not say who sat at the console (the approver is `human`, or has that in its name): that is `reviewer`. Other
    approvers are policies, and no people. Of a scorer's values only the letters C, P, I and N have a scale of their own.
    """

    name: ClassVar[str] = "inspect-ai"
    title: ClassVar[str] = "Inspect"
    about: ClassVar[str] = (
        "approval by a human, edit of a score: DECISION or OVERRIDE; escalation: ROUTED; score: EVALUATION; right or wrong: OUTCOME"
    )

    suffixes: ClassVar[tuple[str, ...]] = (".eval",)

    def items(self, file: Path) -> Iterator[Item]:
        """The samples of a log, each with the model that was tried."""
        if file.suffix == ".eval" or zipfile.is_zipfile(file):
            yield from _zipped(file)
            return
        log = Json().document(file)
        if not isinstance(log, dict) or not isinstance(log.get("samples"), list):
            got = sorted(log)[:6] if isinstance(log, dict) else type(log).__name__
            raise FileFormatError(Problem("that is no log of Inspect", got, "an object with eval and samples", str(file)))
        for place, sample in enumerate(log["samples"], 1):
            yield place, {"eval": log.get("eval"), "sample": sample}

    def pieces(self, record: dict[str, Any]) -> Iterator[Piece]:
        """The approvals and the scores of a sample."""
        sample, model = record["sample"], str(record["eval"]["model"])
        log = sample.get("uuid") or record["eval"].get("eval_id") or record["eval"].get("run_id")
        case = f"{log}:{sample['id']}:{sample['epoch']}"
        if sample.get("invalidation"):
            yield {"sample": sample["id"]}, "a sample that was declared invalid"
            return
        scorers = [one for one in (sample.get("scores") or {}).values() if one.get("value") in ("C", "I")]
        for one in sample.get("events") or []:
            if one.get("event") == "approval":
                yield one, self._approval(one, case, model)
        for name, score in (sample.get("scores") or {}).items():
            yield {name: score}, self._score(str(name), score, sample, case, model, alone=len(scorers) == 1)
            for place, edit in enumerate(score.get("history") or []):
                if edit.get("provenance"):
                    yield edit, self._edit(str(name), score["history"], place, case)

    def _approval(self, one: dict[str, Any], case: str, model: str) -> Events | str | Unusable:
        decision, call = one.get("decision"), one["call"]
        if "human" not in str(one.get("approver")):
            return "decided by a policy, not by a person"
        if self.reviewer is None:
            return "decided at the console by somebody whom the log does not name: say who it was (reviewer)"
        event = {
            "ts": one.get("timestamp"),
            "case_id": f"{case}:{call['id']}",
            "actor": self.reviewer,
            "actor_kind": "officer",
            "agent": model,
            "event_id": f"{IMPORTED}inspect-{one.get('uuid') or case + '-' + str(call['id'])}",
            "attributes": {"tool": call.get("function"), "decision": decision, "explanation": one.get("explanation")},
        }
        if decision == "escalate":
            return [{**event, "type": "ROUTED"}]
        if decision not in ("approve", "modify", "reject", "terminate"):
            return Unusable(f"decision_unknown: got {decision!r}, expected approve, modify, reject, escalate or terminate")
        kind = "DECISION" if decision == "approve" else "OVERRIDE"
        return [{**event, "type": kind, "ai_recommendation": "approve", "human_verdict": decision}]

    def _score(
        self, name: str, score: dict[str, Any], sample: dict[str, Any], case: str, model: str, *, alone: bool
    ) -> Events | str | Unusable:
        made = [edit for edit in score.get("history") or [] if edit.get("provenance") and edit.get("value") != "UNCHANGED"]
        edits = [edit["provenance"]["timestamp"] for edit in made]
        at = edits[-1] if edits else _scored_at(sample, name) or sample.get("completed_at")
        value = score.get("value")
        try:
            worth = _WORTH[value] if isinstance(value, str) and value in _WORTH else self.score(name, value)
        except Unusable as error:
            return error
        if worth is None or worth != worth:
            return "a score that is no letter, on no declared scale"
        event = {"ts": at, "case_id": case, "actor": model, "actor_kind": "agent", "attributes": {"scorer": name, "value": value}}
        own = f"{IMPORTED}inspect-{case}-{name}"
        found = [{**event, "type": "EVALUATION", "value": worth, "event_id": own}]
        if alone and value in ("C", "I") and sample.get("target"):  # two scorers may disagree on what came out
            outcome = "success" if value == "C" else "failure"
            found.append({**event, "type": "OUTCOME", "outcome": outcome, "event_id": f"{own}-outcome"})
        return found

    def _edit(self, name: str, history: list[dict[str, Any]], place: int, case: str) -> Events | str | Unusable:
        edit, said = history[place], history[0].get("value")
        who = edit["provenance"].get("author") or self.reviewer
        if edit.get("value") == "UNCHANGED" or place == 0:
            return "an edit that leaves the value, or a score that no scorer gave"
        if not who:
            return "an edit that names nobody"
        words = words_of(said, edit.get("value"))
        if isinstance(words, str):
            return words
        at = edit["provenance"].get("timestamp")
        return [
            {
                "type": "DECISION" if words[0] == words[1] else "OVERRIDE",
                "ts": at,
                "case_id": f"{case}:{name}",
                "actor": str(who),
                "actor_kind": "officer",
                "agent": name,
                "ai_recommendation": words[0],
                "human_verdict": words[1],
                "event_id": f"{IMPORTED}inspect-{case}-{name}-edit-{place}",
                "attributes": {"reason": edit["provenance"].get("reason")},
            }
        ]


def _scored_at(sample: dict[str, Any], name: str) -> Any:
    """When a scorer gave its last score; None where the log does not say."""
    told = (one for one in sample.get("events") or [] if one.get("event") == "score" and not one.get("intermediate"))
    return {one.get("scorer"): one.get("timestamp") for one in told}.get(name)


def _zipped(file: Path) -> Iterator[Item]:
    from pydantic_core import from_json

    try:
        reads, broken = _zipfile(file)
        with reads.ZipFile(file) as held:
            names = [name for name in held.namelist() if name.startswith("samples/") and name.endswith(".json")]
            head = next((name for name in ("header.json", "_journal/start.json") if name in held.namelist()), None)
            if head is None:
                raise FileFormatError(
                    Problem("that is no log of Inspect", held.namelist()[:5], "a zip with header.json", str(file))
                )
            header = from_json(_member(held, head))
            for place, name in enumerate(names, 1):
                try:
                    yield place, {"eval": header.get("eval"), "sample": from_json(_member(held, name))}
                except broken as error:
                    yield Unreadable(place, f"sample_unreadable: got {error}, expected a sample in JSON", name)
    except FileFormatError:
        raise
    except (zipfile.BadZipFile, EOFError, AttributeError, ValueError, zlib.error, RuntimeError, OSError) as error:
        raise FileFormatError(Problem("the log cannot be read", str(error), "a whole .eval file of Inspect", str(file))) from None


def _zipfile(file: Path) -> tuple[ModuleType, tuple[type[Exception], ...]]:
    """What reads zips, and what it raises for broken ones; before Python 3.14 a package reads those compressed with Zstandard."""
    with zipfile.ZipFile(file) as held:
        kinds = {one.compress_type for one in held.infolist()}
        if any(one.flag_bits & 1 for one in held.infolist()) or not kinds <= {0, 8, _ZSTANDARD}:
            raise ValueError("a zip that is encrypted or compressed in another way")
    broken = (ValueError, EOFError, OSError, zipfile.BadZipFile, zlib.error)
    if _ZSTANDARD not in kinds:
        return zipfile, broken
    # Python's own, the same for older ones, and what inspect_ai itself brings along, which mends zipfile when it is imported
    for reads, codec in (
        ("zipfile", "compression.zstd"),
        ("backports.zstd.zipfile", "backports.zstd"),
        ("zipfile_zstd", "zstandard"),
    ):
        try:
            found = importlib.import_module(reads)
            return found, (*broken, found.BadZipFile, importlib.import_module(codec).ZstdError)
        except ImportError:
            continue
    said = "the log is compressed with Zstandard, which this Python does not read"
    raise FileFormatError(Problem(said, where=str(file), next="install aura-analytics[inspect]"))


def _member(held: zipfile.ZipFile, name: str) -> bytes:
    """A file of a zip, which may not grow without end."""
    with held.open(name) as opened:
        found = opened.read(_LARGEST + 1)
    if len(found) > _LARGEST:
        raise ValueError(f"more than {_LARGEST:,} bytes")
    return found
