"""SLA breach rates: the probability that a case outlasts its limit, with open cases counted for as long as they have waited.

The cohort is every case whose clock started in the window. Counting only the closed ones reads too low: the slow cases are the
ones still open. The limit may differ by queue and be in hours or in working days.

Three clocks: `sla_breach_rate` runs from assignment, for who holds the case. `receipt_breach_rate` runs from receipt (the first
OPENED, else the first event) to the last resolution; it is the citizen's, and public limits are about it. `shared_breach_rate`
shares each breach of that clock among those who held the case, by the part of it that each used, and is their part per case held:
who hands a slow case on keeps their part, and time in which nobody held it is nobody's. The last two, and `handed_on`, are counted
where somebody asks for them.

Examples
--------
>>> import aura_analytics as aura
>>> log = aura.events.from_records([
...     {"type": "ASSIGNED", "actor": "anne", "case_id": "C1", "ts": "2026-01-05T10:00:00Z"},
...     {"type": "RESOLVED", "actor": "anne", "case_id": "C1", "ts": "2026-01-06T10:00:00Z"},
...     {"type": "ASSIGNED", "actor": "anne", "case_id": "C2", "ts": "2026-01-05T10:00:00Z"}])
>>> aura.dossiers(log, as_of="2026-01-20", sla="48h").select("sla_breach_rate", "sla_breach_rate_n").row(0)
(0.5, 2)
>>> log = aura.events.from_records([
...     {"type": "OPENED", "case_id": "C1", "ts": "2026-01-05T00:00:00Z"},
...     {"type": "ASSIGNED", "actor": "anne", "case_id": "C1", "ts": "2026-01-07T00:00:00Z"},
...     {"type": "RESOLVED", "actor": "anne", "case_id": "C1", "ts": "2026-01-07T12:00:00Z"}])
>>> aura.dossiers(log, sla="48h", metrics=["sla_breach_rate", "receipt_breach_rate"]).select(
...     "sla_breach_rate", "receipt_breach_rate").row(0)
(0.0, 1.0)
"""

from aura_analytics.cases import COHORT, HAND_OVERS, HELD, RECEIVED
from aura_analytics.metrics.kinds.base import OFFICERS
from aura_analytics.metrics.kinds.count import Count
from aura_analytics.metrics.kinds.shared import SharedSurvival
from aura_analytics.metrics.kinds.survival import PARTS_OF_A_CLOCK, Survival

__all__ = ["handed_on", "receipt_breach_rate", "shared_breach_rate", "sla_breach_rate"]


sla_breach_rate: Survival = Survival(
    name="sla_breach_rate",
    title="SLA breach rate",
    unit="fraction",
    low=0,
    high=1,
    direction="lower",
    fact=COHORT,
    needs=PARTS_OF_A_CLOCK,
    short="Breach %",
    people_board=4,
    measure="Look at the cases that breached: was it workload, or the order of work?",
)

receipt_breach_rate: Survival = Survival(
    name="receipt_breach_rate",
    title="SLA breach rate from receipt",
    unit="fraction",
    low=0,
    high=1,
    direction="lower",
    fact=RECEIVED,
    needs=PARTS_OF_A_CLOCK,
    by_default=False,
    measure="Look at how long these cases lay before anybody was given them.",
)

shared_breach_rate: SharedSurvival = SharedSurvival(
    name="shared_breach_rate",
    title="Own part of breaches, per case held",
    unit="fraction",
    low=0,
    high=1,
    direction="lower",
    fact=HELD,
    needs=(*PARTS_OF_A_CLOCK, "weight"),
    by_default=False,
    measure="Look at the cases that breached: who held them for how long, and why were they handed on?",
)

handed_on: Count = Count(
    name="handed_on",
    title="Cases handed on",
    unit="cases",
    low=0,
    high=None,
    direction="neutral",
    fact=HAND_OVERS,
    kinds=OFFICERS,
    by_default=False,
)
