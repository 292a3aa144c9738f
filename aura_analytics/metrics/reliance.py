"""Was the human right: what officers do with right and with wrong recommendations, as far as somebody judged the case.

All of them count judged verdicts alone (an `ADJUDICATION` of the case, or else an `OUTCOME` that names a verdict), of which `_n`
says how many there are and `_n_eff` how many equally weighted ones would be as precise. They are weighted by what an audited
verdict stands for, and undefined (`selective_audits`) where the share judged differs by verdict and nobody said with which chance.
Own work is no oversight and does not count.

| metric | among the judged |
|---|---|
| `accepted_wrong_rate` | accepted recommendations that were wrong |
| `over_reliance_rate` | wrong recommendations that were accepted |
| `under_reliance_rate` | right recommendations that were overridden |
| `verdict_right_rate`, `advice_right_rate` | the verdicts that were right, and the recommendations of the same cases |
| `initial_right_rate` | the first verdicts of the same cases that were right |
| `team_gain` | the paired difference of these two: officer and agent together against the agent alone |
| `discernment`, `leaning` | signal detection: d' and criterion (above 0 leans towards accepting) |
| `rair`, `rsr` | wrong first verdicts that were mended after right advice, right ones that were kept against wrong advice |

`initial_right_rate` and the last two need `initial_verdict`, the human's verdict before the recommendation was shown (Schemmer et
al. 2023, IUI, 410-422).

Examples
--------
>>> import aura_analytics as aura
>>> verdict = {"type": "DECISION", "actor": "anne", "ai_recommendation": "PAY", "human_verdict": "PAY"}
>>> records = []
>>> for i in range(30):
...     records.append({**verdict, "case_id": f"C{i}", "ts": "2026-01-05T10:00:00Z"})
...     truth = "REFUSE" if i < 18 else "PAY"
...     records.append({"type": "ADJUDICATION", "case_id": f"C{i}", "outcome": truth, "ts": "2026-01-06T10:00:00Z"})
>>> board = aura.dossiers(aura.events.from_records(records), metrics=["accepted_wrong_rate", "over_reliance_rate"])
>>> board.select("accepted_wrong_rate", "accepted_wrong_rate_n", "over_reliance_rate_n").row(0)
(0.6, 30, 18)
"""

import polars as pl

from aura_analytics.cases import DECISIONS
from aura_analytics.metrics.appropriateness import NEEDS
from aura_analytics.metrics.kinds.audited import AuditedRate
from aura_analytics.metrics.kinds.audited_difference import AuditedDifference
from aura_analytics.metrics.kinds.base import MACHINES
from aura_analytics.metrics.kinds.detection import Detection
from aura_analytics.metrics.kinds.rate import Rate

__all__ = [
    "accepted_wrong_rate",
    "advice_right_rate",
    "discernment",
    "initial_right_rate",
    "leaning",
    "missed_wrong_rate",
    "over_reliance_rate",
    "own_work_rate",
    "rair",
    "recommended_right_rate",
    "rsr",
    "team_gain",
    "under_reliance_rate",
    "verdict_right_rate",
]

_OVERRIDE, _RIGHT, _ADVICE, _FIRST = (pl.col(name) for name in ("override", "right", "advice_right", "initial_right"))

accepted_wrong_rate: AuditedRate = AuditedRate(
    name="accepted_wrong_rate",
    title="Accepted although wrong",
    unit="fraction",
    low=0,
    high=1,
    direction="lower",
    fact=DECISIONS,
    needs=NEEDS,
    kinds=("officer",),
    hit=~_RIGHT,
    among=~_OVERRIDE,
    hits_are="wrong",
    short="Accepted wrong %",
    people_board=2,
    measure="Go through the accepted recommendations that an audit found wrong, and write down what would have shown it.",
)

over_reliance_rate: AuditedRate = AuditedRate(
    name="over_reliance_rate",
    title="Wrong recommendations accepted",
    unit="fraction",
    low=0,
    high=1,
    direction="lower",
    fact=DECISIONS,
    needs=(*NEEDS, "advice_right"),
    kinds=("officer",),
    hit=~_OVERRIDE,
    among=~_ADVICE,
    hits_are="accepted",
)

under_reliance_rate: AuditedRate = AuditedRate(
    name="under_reliance_rate",
    title="Right recommendations overridden",
    unit="fraction",
    low=0,
    high=1,
    direction="lower",
    fact=DECISIONS,
    needs=(*NEEDS, "advice_right"),
    kinds=("officer",),
    hit=_OVERRIDE,
    among=_ADVICE,
    hits_are="overridden",
    measure="Go through the right recommendations that were overridden, and write down what spoke against each.",
)

verdict_right_rate: AuditedRate = AuditedRate(
    name="verdict_right_rate",
    title="Verdicts that were right",
    unit="fraction",
    low=0,
    high=1,
    direction="higher",
    fact=DECISIONS,
    needs=NEEDS,
    kinds=("officer",),
    hit=_RIGHT,
    hits_are="right",
)

advice_right_rate: AuditedRate = AuditedRate(
    name="advice_right_rate",
    title="Recommendations of the same cases that were right",
    unit="fraction",
    low=0,
    high=1,
    direction="neutral",
    fact=DECISIONS,
    needs=(*NEEDS, "advice_right"),
    kinds=("officer",),
    hit=_ADVICE,
    among=_RIGHT.is_not_null(),
    hits_are="right",
)

initial_right_rate: AuditedRate = AuditedRate(
    name="initial_right_rate",
    title="First verdicts that were right",
    unit="fraction",
    low=0,
    high=1,
    direction="neutral",
    fact=DECISIONS,
    needs=(*NEEDS, "initial_right"),
    kinds=("officer",),
    hit=_FIRST,
    among=_RIGHT.is_not_null(),
    hits_are="right",
)

team_gain: AuditedDifference = AuditedDifference(
    name="team_gain",
    title="Officer and agent against the agent alone",
    unit="fraction",
    low=-1,
    high=1,
    direction="higher",
    fact=DECISIONS,
    needs=(*NEEDS, "advice_right"),
    kinds=("officer",),
    first=_RIGHT,
    second=_ADVICE,
)

discernment: Detection = Detection(
    name="discernment",
    title="Wrong told from right (d')",
    unit="z",
    low=None,
    high=None,
    direction="higher",
    fact=DECISIONS,
    needs=(*NEEDS, "advice_right"),
    kinds=("officer",),
)

leaning: Detection = Detection(
    name="leaning",
    title="Leaning towards accepting",
    unit="z",
    low=None,
    high=None,
    direction="neutral",
    fact=DECISIONS,
    needs=(*NEEDS, "advice_right"),
    kinds=("officer",),
    criterion=True,
)

rair: AuditedRate = AuditedRate(
    name="rair",
    title="Wrong first verdicts mended by right advice",
    unit="fraction",
    low=0,
    high=1,
    direction="higher",
    fact=DECISIONS,
    needs=(*NEEDS, "advice_right", "initial_right"),
    kinds=("officer",),
    hit=_RIGHT,
    among=~_FIRST & _ADVICE,
    hits_are="mended",
)

rsr: AuditedRate = AuditedRate(
    name="rsr",
    title="Right first verdicts kept against wrong advice",
    unit="fraction",
    low=0,
    high=1,
    direction="higher",
    fact=DECISIONS,
    needs=(*NEEDS, "advice_right", "initial_right"),
    kinds=("officer",),
    hit=_RIGHT,
    among=_FIRST & ~_ADVICE,
    hits_are="kept",
)

own_work_rate: Rate = Rate(
    name="own_work_rate",
    title="Verdicts on one's own recommendation",
    unit="fraction",
    low=0,
    high=1,
    direction="neutral",
    fact=DECISIONS,
    needs=("own_work",),
    kinds=("officer",),
    hit=pl.col("own_work"),
    hits_are="own work",
)

recommended_right_rate: AuditedRate = AuditedRate(
    name="recommended_right_rate",
    title="Recommendations that were right",
    unit="fraction",
    low=0,
    high=1,
    direction="higher",
    fact=DECISIONS,
    needs=(*NEEDS, "advice_right", "agent"),
    kinds=MACHINES,
    subject="agent",
    hit=_ADVICE,
    hits_are="right",
    machine_board=5,
)

missed_wrong_rate: AuditedRate = AuditedRate(
    name="missed_wrong_rate",
    title="Wrong recommendations that went through",
    unit="fraction",
    low=0,
    high=1,
    direction="lower",
    fact=DECISIONS,
    needs=(*NEEDS, "advice_right", "agent"),
    kinds=MACHINES,
    subject="agent",
    hit=~_OVERRIDE,
    among=~_ADVICE,
    hits_are="accepted",
)
