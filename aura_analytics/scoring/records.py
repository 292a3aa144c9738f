"""Scoring one output: the Accountant's `Scorer` and `ErrorClassifier`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel
from typing_extensions import TypedDict

from aura_analytics.errors import InputError, ParameterError, Problem
from aura_analytics.scoring.penalties import Penalty, PenaltyPolicy, Severity

_HUGE = 1e300

__all__ = ["ErrorClassifier", "Report", "ScoreResult", "Scorer"]


class ScoreResult(BaseModel):
    """What an output is worth.

    Attributes
    ----------
    score
        0 to 100 for a confidence in [0, 1].
    penalties
        Names, in the order of the policy.
    confidence
        The self-reported one, in [0, 1].

    Examples
    --------
    >>> ScoreResult(score=90, penalties=[], confidence=0.9).score
    90.0
    """

    score: float
    penalties: list[str]
    confidence: float


class Scorer:
    """Score outputs by a penalty policy.

    Parameters
    ----------
    policy
        Default: the Accountant's own rule.

    Examples
    --------
    >>> Scorer().score({"output": "The value is undefined here, sorry about that one.", "confidence": 0.95}, {}).penalties
    ['hallucination']
    """

    def __init__(self, policy: PenaltyPolicy | None = None) -> None:
        self.policy: PenaltyPolicy = policy or PenaltyPolicy.seed()

    def score(self, model_output: Mapping[str, Any], task: Mapping[str, Any]) -> ScoreResult:
        """Score one output.

        Parameters
        ----------
        model_output
            `output` (text, default empty) and `confidence` (in [0, 1], default 0).
        task
            `min_length` takes the place of the policy's own length.

        Returns
        -------
        ScoreResult
            `max(0, 100 * confidence - points)`.

        Raises
        ------
        InputError
            If the output is no text or too long, the confidence no number from 0 to 1, or the length no number: all problems at
            once. With `on_invalid: clip` a confidence is moved into range instead, and what is missing takes its default.
        """
        text, confidence = self._output(model_output)
        least = self._length(task)
        found = [penalty.name for penalty in self.policy.penalties if _holds(penalty, text, confidence, least)]
        kept = self.policy.kept(found)
        score = max(0.0, confidence * 100 - self.policy.points(kept))
        return ScoreResult(score=score, penalties=kept, confidence=confidence)

    def _output(self, given: Mapping[str, Any]) -> tuple[str, float]:
        if not isinstance(given, Mapping):
            raise InputError(Problem("an output cannot be read", got=given, expected="a dict of output and confidence"))
        text, confidence = given.get("output", ""), given.get("confidence", 0)
        problems = []
        number = isinstance(confidence, (int, float)) and not isinstance(confidence, bool) and abs(confidence) < _HUGE
        if self.policy.on_invalid == "clip":
            text = "" if text is None else text
            confidence = 0.0 if not number else min(max(float(confidence), 0.0), 1.0)
        elif not number:
            problems.append(Problem("confidence is no number", got=confidence, expected="a number from 0 to 1"))
        elif not 0 <= confidence <= 1:
            hint = "divide percentages by 100" if 1 < confidence <= 100 else None
            problems.append(Problem("confidence is out of range", got=confidence, expected="a number from 0 to 1", next=hint))
        if not isinstance(text, str):
            problems.append(Problem("output is no text", got=text, expected="a text; an empty one where there is none"))
        elif len(text) > self.policy.longest:
            problems.append(
                Problem("output is too long", got=f"{len(text):,} characters", expected=f"at most {self.policy.longest:,}")
            )
        if problems:
            raise InputError("the output cannot be scored", problems=problems)
        return text, confidence

    @staticmethod
    def _length(task: Mapping[str, Any]) -> float | None:
        if not isinstance(task, Mapping):
            raise InputError(Problem("a task cannot be read", got=task, expected="a dict, which may be empty"))
        least = task.get("min_length")
        if least is not None and (isinstance(least, bool) or not isinstance(least, (int, float)) or not abs(least) < _HUGE):
            raise InputError(Problem("min_length is no number", got=least, expected="characters, at least 0"))
        return least


def _holds(penalty: Penalty, text: str, confidence: float, least: float | None) -> bool:
    if penalty.confidence_below is not None:
        return confidence < penalty.confidence_below
    if penalty.contains_any is not None:
        low = text.lower()
        return any(word.lower() in low for word in penalty.contains_any)
    if penalty.shorter_than is not None:
        return len(text) < (penalty.shorter_than if least is None else least)
    return not text.strip()


class Report(TypedDict):
    """How grave an output's penalties are: the gravest severity, and the penalties."""

    severity: Severity
    categories: list[str]


class ErrorClassifier:
    """How grave penalties are.

    Parameters
    ----------
    policy
        Says how grave each penalty is; default the Accountant's own rule.

    Examples
    --------
    >>> ErrorClassifier().classify(["empty_output", "too_short"])
    {'severity': 'high', 'categories': ['empty_output', 'too_short']}
    """

    def __init__(self, policy: PenaltyPolicy | None = None) -> None:
        self.policy: PenaltyPolicy = policy or PenaltyPolicy.seed()

    def classify(self, penalties: list[str]) -> Report:
        """`severity` (the gravest of the penalties, `low` without any) and `categories` (the penalties).

        Parameters
        ----------
        penalties
            Their names.

        Raises
        ------
        ParameterError
            If they are no list of texts.
        """
        if isinstance(penalties, str) or not all(isinstance(name, str) for name in penalties):
            raise ParameterError(Problem("penalties cannot be read", got=penalties, expected="a list of names"))
        return {"severity": self.policy.severity(list(penalties)), "categories": penalties}
