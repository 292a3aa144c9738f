"""A message in words: the rule, the number and how sure it is, the rows behind it, what would settle it. No name in a subject."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from email.message import EmailMessage
from email.utils import format_datetime, localtime
from typing import Any

from aura_analytics.service.told.outbox import Message

__all__ = ["letter"]


def letter(messages: Sequence[Message], sender: str, link: str | None = None) -> EmailMessage:
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
    parts = [_told(one.body) for one in messages]
    end = "You are told this because you answer for these people; nobody else was. Nothing is decided: a person decides, and signs."
    mail.set_content("\n\n".join([*parts, *([f"Their dossiers: {link}"] if link else []), end]) + "\n")
    return mail


def _told(body: Mapping[str, Any]) -> str:
    before, now = body.get("before"), body["status"]
    words = {"flag": "flagged: a plan is recommended", "watch": "a reason to look, not a flag"}
    lines = [f"{body['actor']}: {words.get(str(now), now)} (before: {before or 'not seen'})", f"  Rule: {body['policy']}"]
    n = body.get("override_rate_n")
    if n:
        lines.append(f"  Override rate: {100 * float(body['override_rate']):.0f} %, of {n} verdicts on advice")
    lines += [f"  {reason}" for reason in body.get("reasons") or []]
    settle = (
        "draw some of the cases for a second judge (aura audits draw)" if now == "watch" else "read the cases, and hear the person"
    )
    lines.append(f"  What would settle it: {settle}. Rows behind it: the ledger up to place {body['seq']}.")
    return "\n".join(lines)
