"""SLA breach rate: the probability that a case outlasts its limit, with open cases counted for as long as they have waited.

The cohort is every case whose clock started in the window. Counting only the closed ones reads too low: the slow cases are the
ones still open. The limit may differ by queue and be in hours or in working days.

Examples
--------
>>> import aura_analytics as aura
>>> log = aura.events.from_records([
...     {"type": "ASSIGNED", "actor": "anne", "case_id": "C1", "ts": "2026-01-05T10:00:00Z"},
...     {"type": "RESOLVED", "actor": "anne", "case_id": "C1", "ts": "2026-01-06T10:00:00Z"},
...     {"type": "ASSIGNED", "actor": "anne", "case_id": "C2", "ts": "2026-01-05T10:00:00Z"}])
>>> aura.dossiers(log, as_of="2026-01-20", sla="48h").select("sla_breach_rate", "sla_breach_rate_n").row(0)
(0.5, 2)
"""

from aura_analytics.cases import COHORT
from aura_analytics.metrics.kinds.survival import Survival

__all__ = ["sla_breach_rate"]

sla_breach_rate: Survival = Survival(
    name="sla_breach_rate",
    title="SLA breach rate",
    unit="fraction",
    low=0,
    high=1,
    direction="lower",
    fact=COHORT,
    needs=("queue", "start", "end", "elapsed", "days_off", "ended"),
    short="Breach %",
    people_board=4,
    measure="Look at the cases that breached: was it workload, or the order of work?",
)
