"""Who agrees with whom beyond chance: officers with each other, officers with agents, and adjudicators; and what the last know."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from itertools import combinations
from typing import Any, Literal, get_args

import numpy as np
import polars as pl

from aura_analytics.cases.collecting import collect
from aura_analytics.clock import times
from aura_analytics.dossier.asked_window import asked_window
from aura_analytics.errors import ParameterError, Problem
from aura_analytics.events import SCHEMA, VERDICT_TYPES, from_records
from aura_analytics.io.front_door import EventsLike, as_events
from aura_analytics.statistics.adjudicators import dawid_skene
from aura_analytics.statistics.agreement import cohen_kappa, krippendorff_alpha
from aura_analytics.statistics.intervals import wilson

__all__ = ["Adjudicated", "adjudicated", "agreement"]

Between = Literal["officers", "officers_and_agents", "adjudicators"]
_SETTLED = "settled-"  # how the ids begin of events that say what adjudicators came to
_LEAST = 2  # cases without which nothing can be said
_FEW = 10  # cases of two judges below which there are no limits
_SMOOTHING = 1.0  # of judges' errors: few cases make nobody infallible
_WIDE = 200  # judges of whom all pairs are looked at
_SCHEMA: dict[str, pl.DataType] = {
    "first": pl.String(),
    "second": pl.String(),
    "n": pl.Int64(),
    "observed": pl.Float64(),
    "kappa": pl.Float64(),
    "lo": pl.Float64(),
    "hi": pl.Float64(),
    "status": pl.String(),
}


def agreement(
    events: EventsLike,
    between: Between = "officers_and_agents",
    *,
    as_of: datetime | date | str | None = None,
    window: str | timedelta | None = None,
    confidence: float = 0.95,
) -> pl.DataFrame:
    """How far judges agree on the same cases, beyond what chance would give.

    **Do not conclude** from high agreement that both are right, nor from low agreement who is wrong; where one answer is very
    frequent, kappa is low however rarely two differ, so `observed` stands beside it.

    Parameters
    ----------
    events
        Whatever holds events: see `aura.as_events`.
    between
        `officers_and_agents`: each officer's verdicts with each agent's recommendations; `officers`: verdicts on cases that several
        officers decided; `adjudicators`: what several of them said of the same cases. Of one judge and case the last answer counts.
    as_of, window
        As in `dossiers`; the window is by default that of the default policy.
    confidence
        Two-sided level, in (0, 1).

    Returns
    -------
    polars.DataFrame
        A row per pair that has a case in common, sorted: `first`, `second`, `n` (cases of both), `observed` (share that agree),
        `kappa` (Cohen) with limits, `status` (`ok`, `few` for under 10 cases: no limits, `one_answer` where kappa is undefined). Of
        officers and adjudicators first a row for all together (`first` `(all)`, `second` null): Krippendorff's alpha as `kappa`.

    Raises
    ------
    ParameterError
        For an unknown `between`, or a level out of range.
    InputError, SchemaError, EventError
        As `dossiers`.

    References
    ----------
    Cohen J (1960) Educ Psychol Meas 20:37-46. Krippendorff K (2004) Content Analysis, chapter 11.

    Examples
    --------
    >>> import aura_analytics as aura
    >>> found = aura.agreement(aura.sample_log(2000, seed=1))
    >>> found.select("first", "second", "status").row(0)
    ('officer_anne@sba.gov', 'claims-model-a', 'ok')
    """
    if between not in get_args(Between):
        raise ParameterError(Problem("unknown judges", got=between, expected=", ".join(get_args(Between))))
    if not 0 < confidence < 1:
        raise ParameterError(Problem("confidence is out of range", got=confidence, expected="a share above 0 and below 1"))
    asked = asked_window(events, as_of, window)
    if asked is None:
        return pl.DataFrame(schema=_SCHEMA)
    since = pl.lit(value=True) if asked.since is None else pl.col("ts") > asked.since
    inside = asked.events.filter(since & (pl.col("ts") <= asked.end))
    if between == "officers_and_agents":
        said = _verdicts(inside).filter(pl.col("ai_recommendation").is_not_null() & pl.col("agent").is_not_null())
        parts = said.partition_by("judge", "agent", as_dict=True)
        rows = [
            _pair(str(judge), str(agent), part.select("case_id", a="answer", b="ai_recommendation"), confidence)
            for (judge, agent), part in parts.items()
        ]
        return _table(rows)
    answers = _verdicts(inside) if between == "officers" else _audits(inside)
    answers = answers.filter(pl.col("judge").n_unique().over("case_id") > 1)
    judges = sorted(answers["judge"].unique().to_list())
    rows = []
    if judges:
        rows.append(_all(answers, judges, confidence))
    of = {str(judge): part.select("case_id", "answer") for (judge,), part in answers.partition_by("judge", as_dict=True).items()}
    for one, other in combinations(judges[:_WIDE], 2):
        both = of[one].rename({"answer": "a"}).join(of[other].rename({"answer": "b"}), on="case_id")
        if both.height:
            rows.append(_pair(one, other, both, confidence))
    head, tail = rows[:1], _table(rows[1:])
    return pl.concat([_table(head), tail]) if head else tail


def _verdicts(inside: pl.LazyFrame) -> pl.DataFrame:
    told = inside.filter(
        pl.col("type").is_in(list(VERDICT_TYPES)) & pl.col("human_verdict").is_not_null() & pl.col("case_id").is_not_null()
    ).filter(pl.col("actor_kind") == "officer")
    columns = ("case_id", "ts", "agent", "ai_recommendation")
    return _last(collect(told.select(*columns, judge="actor", answer="human_verdict")))


def _audits(inside: pl.LazyFrame) -> pl.DataFrame:
    told = inside.filter(type="ADJUDICATION").filter(
        ~pl.col("event_id").str.starts_with(_SETTLED)  # what was made of the others' answers is no further answer
        & pl.col("actor").is_not_null()
        & pl.col("outcome").is_not_null()
        & pl.col("case_id").is_not_null()
    )
    return _last(collect(told.select("case_id", "ts", judge="actor", answer="outcome")))


def _last(said: pl.DataFrame) -> pl.DataFrame:
    return said.sort("ts", "answer").unique(["case_id", "judge"], keep="last", maintain_order=True)


def _pair(one: str, other: str, both: pl.DataFrame, confidence: float) -> dict[str, object]:
    words = sorted({*both["a"].to_list(), *both["b"].to_list()})
    place = {word: at for at, word in enumerate(words)}
    table = np.zeros((max(len(words), 2), max(len(words), 2)))
    np.add.at(table, ([place[w] for w in both["a"]], [place[w] for w in both["b"]]), 1)
    observed = float(np.trace(table) / table.sum())
    row: dict[str, object] = {"first": one, "second": other, "n": both.height, "observed": observed}
    if len(words) < 2:
        return row | {"status": "one_answer"}
    found = cohen_kappa(table, confidence=confidence)
    limits = {"lo": found.lo, "hi": found.hi} if both.height >= _FEW else {}
    return row | {"kappa": found.value, **limits, "status": "ok" if limits else "few"}


def _all(answers: pl.DataFrame, judges: list[str], confidence: float) -> dict[str, object]:
    wide = answers.pivot("judge", index="case_id", values="answer")
    rows = wide.select([pl.col(judge) for judge in judges]).transpose().rows()
    row: dict[str, object] = {"first": "(all)", "second": None, "n": wide.height}
    if answers["answer"].n_unique() < 2:
        return row | {"observed": 1.0, "status": "one_answer"}
    if wide.height < _LEAST:
        return row | {"status": "few"}
    found = krippendorff_alpha(rows, confidence=confidence)
    limits = {"lo": found.lo, "hi": found.hi} if wide.height >= _FEW else {}
    return row | {"observed": found.observed, "kappa": found.value, **limits, "status": "ok" if limits else "few"}


def _table(rows: list[dict[str, object]]) -> pl.DataFrame:
    table = pl.DataFrame([{name: row.get(name) for name in _SCHEMA} for row in rows], schema=_SCHEMA)
    numbers = [name for name, dtype in _SCHEMA.items() if dtype.is_float()]
    return table.with_columns(pl.col(numbers).fill_nan(None)).sort("first", "second", nulls_last=False)


@dataclass(frozen=True, repr=False)
class Adjudicated:
    """What several adjudicators know together, and how sure that is.

    Attributes
    ----------
    cases
        `case_id`, `truth` (the likeliest), `chance` (that it is right, if the model holds), `judges`.
    errors
        `judge`, `truth`, `answer`, `share`: of cases for which the one is right, the share that the judge gives the other.
    officers
        `actor`, `n` (verdicts on these cases), `right_rate` (of maximum likelihood), `lo`, `hi` (chance of sampling, and of the
        truth being another), `doubt` (share of what these verdicts would say that doubt about the truth takes away).
    settled
        An ADJUDICATION for each case that is settled, as events on the contract.
    """

    cases: pl.DataFrame
    errors: pl.DataFrame
    officers: pl.DataFrame
    settled: pl.DataFrame

    def __repr__(self) -> str:
        """How many, in a line."""
        return f"Adjudicated({self.cases.height:,} cases, {self.settled.height:,} settled, {self.officers.height:,} officers)"


def adjudicated(
    events: EventsLike,
    known: Mapping[str, str] | None = None,
    *,
    least: float = 0.8,
    as_of: datetime | date | str | None = None,
    confidence: float = 0.95,
) -> Adjudicated:
    """What was right of the cases that several adjudicators judged, who err too.

    A single adjudication is taken for the truth everywhere else, and of several the last. Here each judge's errors are estimated
    from all of them (Dawid and Skene), and the likeliest answer is given with its chance. To let it feed `right` in dossiers, add
    what is settled to the log: `pl.concat([events, found.settled])`; of these cases it is then the last word.

    **Do not conclude** that a chance near 1 is certain: judges who read each other's notes are wrong together, and with few cases a
    judge the chances are too sure. Gold cases (`known`) help against both.

    Parameters
    ----------
    events
        Whatever holds events: see `aura.as_events`.
    known
        Cases whose right answer is known, by case.
    least
        Chance from which a case counts as settled, in (0.5, 1].
    as_of
        Adjudications up to there; default all.
    confidence
        Two-sided level of the officers' limits, in (0, 1).

    Raises
    ------
    ParameterError
        If nobody adjudicated, a known case was not judged, or numbers are out of range.
    InputError, SchemaError, EventError
        As `dossiers`.

    References
    ----------
    Dawid AP, Skene AM (1979) Applied Statistics 28:20-28.

    Examples
    --------
    >>> import aura_analytics as aura
    >>> rows = [{"type": "ADJUDICATION", "actor": judge, "case_id": f"C{i}", "outcome": "PAY" if i % 2 else "REFUSE",
    ...          "ts": "2026-01-05"} for i in range(20) for judge in ("x", "y", "z")]
    >>> aura.adjudicated(aura.events.from_records(rows))
    Adjudicated(20 cases, 20 settled, 0 officers)
    """
    if not 0.5 < least <= 1 or not 0 < confidence < 1:
        raise ParameterError(Problem("least or confidence is out of range", got=(least, confidence), expected="(0.5, 1]; (0, 1)"))
    lazy = as_events(events)
    if as_of is not None:
        lazy = lazy.filter(pl.col("ts") <= times.parse_as_of(as_of))
    audits = _audits(lazy)
    if not audits.height:
        raise ParameterError(
            Problem("nobody adjudicated anything", expected="ADJUDICATION events with a case, an actor, an outcome")
        )
    found = dawid_skene(
        audits["case_id"].to_list(), audits["judge"].to_list(), audits["answer"].to_list(), known, smoothing=_SMOOTHING
    )
    cases = found.truth.rename({"thing": "case_id", "answer": "truth"}).select("case_id", "truth", "chance", "judges")
    settled = cases.filter((pl.col("chance") >= least) & (pl.col("judges") > 1))
    last = audits.group_by("case_id").agg(pl.col("ts").max())
    return Adjudicated(cases, found.errors, _officers(lazy, cases, confidence), _as_events(settled.join(last, on="case_id")))


def _officers(lazy: pl.LazyFrame, cases: pl.DataFrame, confidence: float) -> pl.DataFrame:
    """Shares of right verdicts of maximum likelihood, where of each case only a chance is known: a doubtful truth pulls a plain
    average towards a half.
    """
    told = _verdicts(lazy).join(cases, on="case_id")
    chance = pl.when(pl.col("answer") == pl.col("truth")).then("chance").otherwise(1 - pl.col("chance"))
    others = max(cases["truth"].n_unique() - 1, 1)
    rows = []
    for (actor,), part in told.with_columns(q=chance).partition_by("judge", as_dict=True).items():
        q = np.clip(part["q"].to_numpy(), 1e-9, 1 - 1e-9)
        wrong, p = (1 - q) / others, 0.5
        for _ in range(500):
            after = float((p * q / (p * q + (1 - p) * wrong)).mean())
            if abs(after - p) < 1e-10:
                break
            p = after
        p = min(max(p, 1e-6), 1 - 1e-6)
        information = float((((q - wrong) / (p * q + (1 - p) * wrong)) ** 2).sum())
        n_eff = min(p * (1 - p) * information, float(len(q)))
        rows.append({"actor": str(actor), "n": len(q), "right_rate": p, "n_eff": n_eff, "doubt": 1 - n_eff / len(q)})
    schema = {"actor": pl.String(), "n": pl.Int64(), "right_rate": pl.Float64(), "n_eff": pl.Float64(), "doubt": pl.Float64()}
    table = pl.DataFrame(rows, schema=schema)
    low, high = wilson(table["right_rate"].to_numpy() * table["n_eff"].to_numpy(), table["n_eff"].to_numpy(), confidence)
    limited = table.with_columns(lo=pl.Series(low, dtype=pl.Float64), hi=pl.Series(high, dtype=pl.Float64))
    return limited.select("actor", "n", "right_rate", "lo", "hi", "doubt").sort("actor")


def _id_of(row: Mapping[str, Any]) -> str:
    """The same for the same answer at the same time: what changes is another event."""
    said = f"{row['case_id']}|{row['truth']}|{row['ts'].isoformat()}|{row['chance']:.6f}|{row['judges']}"
    return _SETTLED + hashlib.blake2b(said.encode(), digest_size=16).hexdigest()


def _as_events(settled: pl.DataFrame) -> pl.DataFrame:
    rows = [
        {
            "type": "ADJUDICATION",
            "actor": "adjudicators",
            "actor_kind": "system",
            "case_id": row["case_id"],
            "outcome": row["truth"],
            "ts": (row["ts"] + timedelta(microseconds=1)).astimezone(timezone.utc),
            "event_id": _id_of(row),
            "truth_chance": round(row["chance"], 6),
            "judges": row["judges"],
        }
        for row in settled.sort("case_id").iter_rows(named=True)
    ]
    return from_records(rows) if rows else pl.DataFrame(schema=dict(SCHEMA))
