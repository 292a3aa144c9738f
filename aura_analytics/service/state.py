"""What the routes of a running service share."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aura_analytics.ledger.store import Ledger
from aura_analytics.operations.accountant import Accountant
from aura_analytics.rules.policy import Policy
from aura_analytics.service.access.door import Door
from aura_analytics.service.measures import Measures
from aura_analytics.service.options import ServiceOptions
from aura_analytics.service.told.supervisors import Supervisors

if TYPE_CHECKING:
    from aura_analytics.service.hub import Hub
    from aura_analytics.service.told.dispatcher import Dispatcher

__all__ = ["ServiceState"]


def _writers() -> ThreadPoolExecutor:
    # writes wait for each other at the chain: one thread, whose connection is warm, records more than several
    return ThreadPoolExecutor(1, "aura-writer")


@dataclass
class ServiceState:
    """A ledger, and who looks after it.

    Attributes
    ----------
    options, ledger, policy, door, supervisors, measures
        How it runs, where events are, what verdicts come from, who may, who answers for whom, what is measured.
    hub, dispatcher
        What follows the ledger, and what sends.
    accountant
        Who scores outputs.
    policy_says
        The policy in a sentence.
    writer
        The thread that records single events.
    """

    options: ServiceOptions
    ledger: Ledger
    policy: Policy
    door: Door
    supervisors: Supervisors
    measures: Measures
    hub: Hub
    dispatcher: Dispatcher
    accountant: Accountant
    policy_says: str
    writer: ThreadPoolExecutor = field(default_factory=_writers)
