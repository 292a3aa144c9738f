"""A sample log that the package makes itself: loan-forgiveness claims, agents that recommend and officers that decide.

It is the tracker's story with enough people in it to be worth a look. Nobody in it is real.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

import numpy as np
import polars as pl

from aura_analytics.events import SCHEMA, validate

__all__ = ["sample_log"]


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
    for number, second in enumerate(arrivals.tolist()):
        records += _case(number, begin + timedelta(seconds=second), rng, shares)
    table = pl.DataFrame(records, schema_overrides=dict(SCHEMA), infer_schema_length=None)
    table = table.filter(pl.col("ts") <= until).sort("ts", "case_id", "type")
    return validate(table.with_columns(event_id=pl.concat_str(pl.lit(f"demo-{seed}-"), pl.int_range(pl.len()).cast(pl.String))))


def _case(number: int, opened: datetime, rng: np.random.Generator, shares: np.ndarray) -> list[dict[str, Any]]:
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
        {"ts": opened + timedelta(seconds=20), "type": "EVALUATION", **machine, "value": score, "confidence": confidence,
         "severity": "low"},
        {"ts": assigned, "type": "ASSIGNED", **human},
        {"ts": assigned + took * 0.9, "type": "OVERRIDE" if override else "DECISION", **human, "agent": agent,
         "ai_recommendation": says, "human_verdict": verdict, "confidence": confidence},
        {"ts": resolved, "type": "RESOLVED", **human},
    ]  # fmt: skip
    if rng.random() < 0.35:
        stars = int(np.clip(np.rint(rng.normal(officer.stars, 0.9)), 1, 5))
        events.append({"ts": resolved + timedelta(hours=float(rng.exponential(30))), "type": "SAT_SCORE", "value": float(stars)})
    if rng.random() < 0.25:
        truth = "APPROVE" if eligible else "REJECT"
        audited = resolved + timedelta(days=float(rng.uniform(2, 20)))
        events.append({"ts": audited, "type": "ADJUDICATION", "actor": "audit", "actor_kind": "system", "outcome": truth})
        events.append({"ts": audited, "type": "OUTCOME", **machine, "outcome": "success" if right else "failure"})
    return [{**event, **case} for event in events]
