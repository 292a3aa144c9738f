"""Samples that the package makes itself: a valid table of every type of event, and a log of loan-forgiveness claims.

The log is the tracker's story with enough people in it to be worth a look. Nobody in it is real.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

import numpy as np
import polars as pl

from aura_analytics.events.doors import validate
from aura_analytics.events.records import frame_of_records
from aura_analytics.events.schema import SCHEMA

__all__ = ["sample", "sample_log"]


@dataclass(frozen=True)
class _Officer:
    name: str
    override: float  # share of recommendations reversed
    hours: float  # median hours from assignment to resolution
    stars: float  # mean of the ratings before rounding
    share: float  # share of the cases

    @property
    def actor(self) -> str:
        return f"officer_{self.name}@sba.gov"


_OFFICERS = (
    _Officer("anne", 0.42, 54, 2.1, 0.13),
    _Officer("bob", 0.08, 12, 4.4, 0.16),
    _Officer("cleo", 0.19, 20, 3.6, 0.14),
    _Officer("dmitri", 0.24, 26, 3.2, 0.12),
    _Officer("esther", 0.33, 18, 4.1, 0.11),
    _Officer("farid", 0.15, 38, 3.0, 0.12),
    _Officer("grace", 0.21, 16, 3.9, 0.12),
    _Officer("hugo", 0.30, 60, 2.8, 0.07),
    _Officer("ines", 0.50, 30, 2.4, 0.012),
    _Officer("jonas", 1.00, 9, 3.1, 0.018),
)
_AGENTS = {"claims-model-a": 0.92, "claims-model-b": 0.84, "eligibility-rules": 0.88}


def sample_log(n_cases: int = 3_000, *, days: int = 180, seed: int = 7, end: datetime | None = None) -> pl.DataFrame:
    """Events of `n_cases` claims over `days` days.

    Parameters
    ----------
    n_cases
        Number of claims, at least 1.
    days
        Days over which they arrive.
    seed
        The same seed gives the same log.
    end
        Last moment of the log; what would happen later has not happened yet. Default: 2026-06-30, midnight UTC.

    Returns
    -------
    polars.DataFrame
        Events on the contract, in the order of time.

    Examples
    --------
    >>> import aura_analytics as aura
    >>> log = aura.sample_log(200, seed=1)
    >>> aura.dossiers(log)["actor"].to_list()[:2]
    ['claims-model-a', 'claims-model-b']
    """
    rng = np.random.default_rng(seed)
    until = end if end is not None else datetime(2026, 6, 30, tzinfo=timezone.utc)
    begin = until - timedelta(days=days)
    records: list[dict[str, Any]] = []
    arrivals = np.sort(rng.uniform(0, days * 86_400, n_cases))
    shares = np.array([officer.share for officer in _OFFICERS])
    audits = np.random.default_rng([seed, 1])
    for number, second in enumerate(arrivals.tolist()):
        records += _case(number, begin + timedelta(seconds=second), rng, audits, shares)
    table = pl.DataFrame(records, schema_overrides=dict(SCHEMA), infer_schema_length=None)
    table = table.filter(pl.col("ts") <= until).sort("ts", "case_id", "type")
    return validate(table.with_columns(event_id=pl.concat_str(pl.lit(f"demo-{seed}-"), pl.int_range(pl.len()).cast(pl.String))))


def _case(
    number: int, opened: datetime, rng: np.random.Generator, audits: np.random.Generator, shares: np.ndarray
) -> list[dict[str, Any]]:
    officer = _OFFICERS[int(rng.choice(len(_OFFICERS), p=shares / shares.sum()))]
    agent = str(rng.choice(list(_AGENTS)))
    eligible = bool(rng.random() < 0.72)
    right = bool(rng.random() < _AGENTS[agent])
    says = "APPROVE" if eligible == right else "REJECT"
    override = bool(rng.random() < officer.override)
    verdict = ({"APPROVE": "REJECT", "REJECT": "APPROVE"}[says]) if override else says
    confidence = round(float(np.clip(rng.normal(0.86 if right else 0.74, 0.1), 0.05, 0.99)), 2)
    score = round(float(np.clip(100 * confidence - (0 if right else 10) + rng.normal(0, 4), 0, 100)), 2)
    assigned = opened + timedelta(hours=float(rng.exponential(3)))
    took = timedelta(hours=float(officer.hours * rng.lognormal(0, 0.7)))
    resolved = assigned + took
    case = {"case_id": f"CLAIM_{9001 + number}", "queue": str(rng.choice(["forgiveness", "appeal"], p=[0.85, 0.15]))}
    human = {"actor": officer.actor, "actor_kind": "officer"}
    machine = {"actor": agent, "actor_kind": "agent"}
    events: list[dict[str, Any]] = [
        {"ts": opened, "type": "OPENED", "actor": "portal", "actor_kind": "system"},
        {
            "ts": opened + timedelta(seconds=20),
            "type": "EVALUATION",
            **machine,
            "value": score,
            "confidence": confidence,
            "severity": "low",
        },
        {"ts": assigned, "type": "ASSIGNED", **human},
        {
            "ts": assigned + took * 0.9,
            "type": "OVERRIDE" if override else "DECISION",
            **human,
            "agent": agent,
            "ai_recommendation": says,
            "human_verdict": verdict,
            "confidence": confidence,
        },
        {"ts": resolved, "type": "RESOLVED", **human},
    ]
    if rng.random() < 0.35:
        stars = int(np.clip(np.rint(rng.normal(officer.stars, 0.9)), 1, 5))
        events.append({"ts": resolved + timedelta(hours=float(rng.exponential(30))), "type": "SAT_SCORE", "value": float(stars)})
    first = rng.random() < 0.25
    days = float(rng.uniform(2, 20)) if first else 0.0
    if first or audits.random() < 0.6:
        truth = "APPROVE" if eligible else "REJECT"
        audited = resolved + timedelta(days=days or float(audits.uniform(2, 20)))
        events.append({"ts": audited, "type": "ADJUDICATION", "actor": "audit", "actor_kind": "system", "outcome": truth})
        events.append({"ts": audited, "type": "OUTCOME", **machine, "outcome": "success" if right else "failure"})
    return [{**event, **case} for event in events]


def sample(n: int = 200, *, seed: int = 0) -> pl.DataFrame:
    """A valid table of about `n` events of every type, for tests and for trying things out.

    Examples
    --------
    >>> from aura_analytics import events
    >>> table = events.sample(50, seed=1)
    >>> events.validate(table).height == table.height
    True
    """
    rng = np.random.default_rng(seed)
    start = datetime(2026, 1, 1, tzinfo=timezone.utc).timestamp()
    officers, agents = ["officer_anne", "officer_bob", "officer_cleo"], ["gpt-4.1", "claims-model"]
    records: list[dict[str, Any]] = []
    case = 0
    while len(records) < n:
        case += 1
        moments = np.sort(start + rng.uniform(0, 120 * 86_400, 1) + np.cumsum(rng.exponential(20_000, 9)))
        ts = [datetime.fromtimestamp(moment, timezone.utc) for moment in moments.tolist()]
        officer, agent = str(rng.choice(officers)), str(rng.choice(agents))
        override = bool(rng.random() < 0.3)
        common = {"case_id": f"CASE_{case}", "queue": str(rng.choice(["loan", "grant"]))}
        who = {"actor": officer, "actor_kind": "officer"}
        says = "APPROVE" if rng.random() < 0.6 else "REJECT"
        other = "REJECT" if says == "APPROVE" else "APPROVE"
        confidence = round(float(rng.random()), 3)
        score = round(float(rng.uniform(0, 100)), 2)
        steps: list[dict[str, Any]] = [
            {"type": "OPENED", "actor": "portal", "actor_kind": "system"},
            {"type": "ROUTED", "actor": agent, "actor_kind": "agent"},
            {
                "type": "EVALUATION",
                "actor": agent,
                "actor_kind": "agent",
                "value": score,
                "confidence": confidence,
                "severity": "low",
                "penalties": ["too_short"] if score < 50 else [],
            },
            {"type": "ASSIGNED", **who},
            {"type": "PAUSED", **who} if rng.random() < 0.2 else {},
            {"type": "RESUMED", **who},
            {
                "type": "OVERRIDE" if override else "DECISION",
                **who,
                "agent": agent,
                "ai_recommendation": says,
                "human_verdict": other if override else says,
                "confidence": confidence,
            },
            {"type": "RESOLVED", **who} if rng.random() < 0.8 else {},
            {"type": "SAT_SCORE", "value": float(rng.integers(1, 6))} if rng.random() < 0.4 else {},
        ]
        if not steps[4]:
            steps[5] = {}
        records += [{"ts": at, **common, **step} for at, step in zip(ts, steps, strict=True) if step]
        after = {"ts": ts[-1], **common}
        if rng.random() < 0.3:
            truth = "success" if rng.random() < 0.7 else "failure"
            records.append({"type": "OUTCOME", "actor": agent, "actor_kind": "agent", "outcome": truth, **after})
            records.append({"type": "ADJUDICATION", "outcome": says, **after})
        if rng.random() < 0.1:
            records.append({"type": "HR_ACTION", "actor": agent, "actor_kind": "agent", "value": -1.0, **after})
    return validate(frame_of_records(records))
