"""A message in words: the rule, the number and how sure it is, the rows behind it, what would settle it. No name in a subject."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from email.message import EmailMessage
from email.utils import format_datetime, localtime
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from aura_analytics.errors import ParameterError, Problem
from aura_analytics.service.told.outbox import Message

__all__ = ["letter", "template_of"]


@cache
def template_of(path: str | None = None) -> Any:
    """The template of a letter: Jinja, which sees `messages` (each with `actor`, `status`, `before`, `policy`, `reasons`, `seq` and
    the numbers of a dossier) and `link`, and can reach nothing else.

    Parameters
    ----------
    path
        A file; default the shipped one.

    Raises
    ------
    ParameterError
        If it is no template, or asks for something that a message does not have.
    """
    from jinja2 import StrictUndefined, TemplateError
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    shipped = resources.files("aura_analytics.service.told").joinpath("letter.txt.j2")
    try:
        text = (shipped if path is None else Path(path)).read_text(encoding="utf-8")
        found = ImmutableSandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=True).from_string(text)
        found.render(messages=[_SAMPLE], link=None)
    except (OSError, UnicodeDecodeError, TemplateError) as error:
        raise ParameterError(Problem("the template of letters cannot be used", got=str(error), where=path)) from None
    return found


_SAMPLE = {
    "actor": "anne",
    "status": "flag",
    "before": "clear",
    "policy": "tracker 1",
    "reasons": ["override rate above 30 %"],
    "seq": 1,
    "override_rate": 0.4,
    "override_rate_n": 10,
    "avg_processing_hours": None,
    "sat_score_mean": 2.0,
    "sat_score_mean_n": 4,
    "pip_recommended": True,
}


def letter(messages: Sequence[Message], sender: str, link: str | None = None, template: str | None = None) -> EmailMessage:
    """One letter of one or more messages to the same person.

    Sent a second time after a crash it has the same `Message-ID`, by which mail servers know that it is the same.

    Parameters
    ----------
    messages
        What it says, in order.
    sender
        From whom.
    link
        Where the dossiers are.
    template
        File of another text than the shipped one.
    """
    mail = EmailMessage()
    mail["From"], mail["To"] = sender, messages[0].recipient
    flags = sum(one.body["status"] == "flag" for one in messages)
    count = len(messages)
    what = "a verdict changed" if count == 1 else f"{count} verdicts changed"
    mail["Subject"] = f"Oversight: {what}" + (f" ({flags} to a flag)" if flags else " (a reason to look)")
    mail["Date"] = format_datetime(localtime())
    digest = hashlib.sha256("\n".join(one.name for one in messages).encode()).hexdigest()[:40]
    mail["Message-ID"] = f"<{digest}@aura-analytics>"
    mail["Auto-Submitted"] = "auto-generated"
    told = [_SAMPLE | {"reasons": [], "override_rate": None, "override_rate_n": None} | dict(one.body) for one in messages]
    mail.set_content(template_of(template).render(messages=told, link=link))
    return mail
