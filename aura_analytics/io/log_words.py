"""What words in logs mostly mean: names of steps, of columns of times, and of verdicts."""

from __future__ import annotations

import re

__all__ = ["moment_of", "says_of", "step_of"]

_MOMENTS = (
    ("OPENED", r"creat|open|receiv|submit|filed|report|start|request(ed)?_?(at|date)|^date$"),
    ("ASSIGNED", r"assign|accepted_at|picked|taken"),
    ("RESOLVED", r"clos|resolv|complet|decid|finish|end|done|answered"),
)
_STEPS = (
    ("recommendations", r"suggest|recommend|advi[sc]e|predict|pre-?_?check|pre-?_?accept|proposal by"),
    ("ratings", r"survey|rating|feedback|satisf"),
    ("resume", r"resum|continu|unpause|reactivat"),
    ("pause", r"paus|wait|pending|hold|suspend"),
    ("assign", r"assign|accepted by|taken over|handover"),
    ("verdicts", r"approv|accept|grant|^pay$|paid|allow|refus|reject|declin|den(y|ied)"),
    ("resolve", r"clos|resolv|complet|done|finish|cancel|archiv|end\b"),
    ("open", r"^(file|open|new|start|receiv|regist|creat|submit)|submitted|filed|received|registered|opened"),
)
_PLANNED = r"due|target|planned|expect|deadline|limit|requested_?compl|sla"  # when it should have happened
# what a word means is then the opposite, or something else
_NOT = r"(^|[^a-z])(not|non|no|never)[ _-]|(^|[ _-])un(?!iq|it|i_)|re-?open"
_YES, _NO = r"approv|accept|grant|pay|paid|allow|eligible", r"refus|reject|declin|den(y|ied)|warn"


def moment_of(column: str) -> str:
    """The event type whose time a column holds, by its name; empty where it tells none, or when something should happen.

    Examples
    --------
    >>> moment_of("created_at"), moment_of("due_date")
    ('OPENED', '')
    """
    if re.search(_PLANNED, column, re.IGNORECASE):
        return ""
    return next((kind for kind, pattern in _MOMENTS if re.search(pattern, column, re.IGNORECASE)), "")


def step_of(activity: str) -> str:
    """The part of a mapping that an activity belongs to, by its name; empty where it tells none.

    Examples
    --------
    >>> step_of("suggest-pay"), step_of("refuse"), step_of("unassigned")
    ('recommendations', 'verdicts', '')
    """
    if re.search(_NOT, activity, re.IGNORECASE):
        return ""
    return next((kind for kind, pattern in _STEPS if re.search(pattern, activity, re.IGNORECASE)), "")


def says_of(activity: str) -> str | None:
    """APPROVE or REJECT, where a word says one of them.

    Examples
    --------
    >>> says_of("suggest-pay"), says_of("declined"), says_of("call")
    ('APPROVE', 'REJECT', None)
    """
    if re.search(_NO, activity, re.IGNORECASE):
        return "REJECT"
    return "APPROVE" if re.search(_YES, activity, re.IGNORECASE) else None
