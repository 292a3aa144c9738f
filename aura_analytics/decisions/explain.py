"""A decision explained: silent, in a line, in detail, or in full for an audit."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import polars as pl

from aura_analytics.decisions.records import DecisionLog, components_of
from aura_analytics.errors import ParameterError, Problem, close_match
from aura_analytics.statistics.intervals import wilson

__all__ = ["LEVELS", "explain", "track_record"]

LEVELS = ("silent", "brief", "detailed", "full")


def explain(
    entry: DecisionLog,
    level: str = "detailed",
    *,
    outcomes: Sequence[Mapping[str, Any]] = (),
    overrides: Sequence[Mapping[str, Any]] = (),
    record: pl.DataFrame | None = None,
) -> str:
    """Say what was decided and why.

    Parameters
    ----------
    entry
        The decision, with its last outcome.
    level
        `silent` (an empty text), `brief` (one line), `detailed` (the reasons of every component, the outcome), `full` (all
        outcomes, all overrides, what was known of every component by then, and the entry itself).
    outcomes, overrides
        Their history, the first first.
    record
        `track_record` of the components at the time of the decision.

    Raises
    ------
    ParameterError
        For a level that is none.

    Examples
    --------
    >>> print(explain(DecisionLog("r1", "2026-01-17T10:30:00Z", "build", {}, {"execution_order": ["agent:a"]}), "brief"))
    r1: agent:a; no outcome yet
    """
    if level not in LEVELS:
        problem = Problem("unknown level", got=level, expected=", ".join(LEVELS), next=close_match(str(level), list(LEVELS)))
        raise ParameterError(problem)
    if level == "silent":
        return ""
    decisions = entry.decisions if isinstance(entry.decisions, dict) else {}
    if level == "brief":
        total = decisions.get("total_confidence")
        sure = f" (confidence {total})" if total is not None else ""
        return f"{entry.request_id}: {', '.join(components_of(decisions)) or 'no component'}{sure}; {_ended(entry.outcome)}"
    lines = [f"Decision {entry.request_id}, {entry.timestamp}", f"Request: {entry.user_request}"]
    lines += _diagnosis(entry.diagnosis if isinstance(entry.diagnosis, dict) else {})
    lines += _components(decisions)
    if decisions.get("human_approval_required"):
        lines.append(f"Human approval required: {decisions.get('approval_reason') or 'no reason given'}")
    lines += [_override(line) for line in overrides]
    lines.append(f"Outcome: {_ended(entry.outcome)}" + (f", logged {entry.logged_at}" if entry.outcome and entry.logged_at else ""))
    issues = (entry.outcome or {}).get("issues_found") or []
    lines += [f"  issue: {issue}" for issue in (issues if isinstance(issues, list) else [issues])]
    if (entry.outcome or {}).get("notes"):
        lines.append(f"  notes: {(entry.outcome or {})['notes']}")
    return "\n".join(lines if level == "detailed" else lines + _audit(entry, outcomes, record))


def _ended(outcome: Mapping[str, Any] | None) -> str:
    if outcome is None:
        return "no outcome yet"
    said = str(outcome.get("outcome_type"))
    if outcome.get("time_taken_seconds") is not None:
        said += f" in {outcome['time_taken_seconds']}s"
    if outcome.get("tests_passed") is not None:
        said += ", tests passed" if outcome["tests_passed"] else ", tests failed"
    if outcome.get("quality_score") is not None:
        said += f", quality {outcome['quality_score']}"
    return said


def _diagnosis(diagnosis: Mapping[str, Any]) -> list[str]:
    plain = {name: value for name, value in diagnosis.items() if isinstance(value, (bool, int, float, str)) and value != ""}
    lines = ["Diagnosis: " + ", ".join(f"{name} {value}" for name, value in plain.items())] if plain else []
    risks = diagnosis.get("risks")
    for risk in risks if isinstance(risks, list) else []:
        if isinstance(risk, Mapping):
            reason = f": {risk['reasoning']}" if risk.get("reasoning") else ""
            lines.append(f"  risk: {risk.get('level')} {risk.get('category')} (confidence {risk.get('confidence')}){reason}")
        else:
            lines.append(f"  risk: {risk}")
    return lines


def _components(decisions: Mapping[str, Any]) -> list[str]:
    listed = [item for item in decisions.get("decisions") or [] if isinstance(item, Mapping)]
    by_name = {name: item for item in listed for name in components_of({"decisions": [item]})}
    total = decisions.get("total_confidence")
    lines = ["Components" + (f" (total confidence {total}):" if total is not None else ":")]
    for number, name in enumerate(components_of(decisions), 1):
        item = by_name.get(name, {})
        said = [f"confidence {item['confidence']}"] if item.get("confidence") is not None else []
        said += [f"rule {item['rule_applied']}"] if item.get("rule_applied") else []
        lines.append(f"  {number}. {name}" + (f" ({', '.join(said)})" if said else ""))
        if item.get("rationale"):
            lines.append(f"     because: {item['rationale']}")
        lines += [f"     instead of: {text}" for text in _alternatives(item)]
    lines = lines if len(lines) > 1 else ["Components: none"]
    considered = _alternatives(decisions)
    return [*lines, "Also considered:", *(f"  - {text}" for text in considered)] if considered else lines


def _alternatives(item: Mapping[str, Any]) -> list[str]:
    """What was considered and not chosen, as texts: names, or mappings with a name, a confidence and a reason."""
    found = []
    for word in ("alternatives_considered", "alternatives", "considered"):
        listed = item.get(word)
        if isinstance(listed, Mapping):  # name -> confidence, or what is said of it
            told = {name: said if isinstance(said, Mapping) else {"confidence": said} for name, said in listed.items()}
            listed = [{"component": name, **said} for name, said in told.items()]
        several = listed if isinstance(listed, (list, tuple)) else []
        found += [_alternative(each) if isinstance(each, Mapping) else str(each) for each in several]
    return found


def _alternative(item: Mapping[str, Any]) -> str:
    names = components_of({"decisions": [item]}) or [str(item[word]) for word in ("component", "name", "model") if item.get(word)]
    text = ", ".join(names[:1]) or json.dumps(dict(item), ensure_ascii=False, default=str)
    said = [f"{word} {item[word]}" for word in ("confidence", "score", "priority") if item.get(word) is not None]
    why = next((item[word] for word in ("reason", "rejected_because", "rationale", "why_not") if item.get(word)), None)
    return text + (f" ({', '.join(said)})" if said else "") + (f": {why}" if why else "")


def _override(line: Mapping[str, Any]) -> str:
    said = line["override"]
    if said.get("accepted"):
        return f"Accepted by {said.get('by')}, {line.get('logged_at')}"
    what = f"{said.get('component') or 'nothing'} -> {said.get('replacement') or 'nothing'}"
    reason = f": {said['reason']}" if said.get("reason") else ""
    return f"Overridden by {said.get('by')}, {line.get('logged_at')}: {what}{reason}"


def _audit(entry: DecisionLog, outcomes: Sequence[Mapping[str, Any]], record: pl.DataFrame | None) -> list[str]:
    lines = ["", f"All outcomes ({len(outcomes)}; the last one counts):"]
    lines += [f"  {item.get('logged_at')}: {_ended(item.get('outcome'))}" for item in outcomes]
    if record is not None:
        lines.append("Known of the components when it was decided:")
        for row in record.iter_rows(named=True):
            known = f"success {row['rate']:.1%} ({row['lo']:.1%}-{row['hi']:.1%}), n = {row['n']:,}" if row["n"] else "nothing"
            lines.append(f"  {row['component']}: {known}")
    return [*lines, "Entry:", json.dumps(asdict(entry), ensure_ascii=False, indent=2)]


def track_record(table: pl.DataFrame, components: Sequence[str], before: Any) -> pl.DataFrame:
    """Success of components by the outcomes that were logged before a moment: `component`, `n`, `rate`, `lo`, `hi` (Wilson 95 %).

    Parameters
    ----------
    table
        As `tables.decision_table`.
    components
        Which, in this order.
    before
        The moment; None looks at nothing.
    """
    known = table.filter((pl.col("ended") < before) & pl.col("outcome").is_not_null()) if before is not None else table.clear()
    used = known.select("outcome", pl.col("components").list.unique().alias("component")).explode("component", empty_as_null=False)
    counts = used.group_by("component").agg(n=pl.len(), k=(pl.col("outcome") == "success").sum())
    asked = pl.DataFrame({"component": list(dict.fromkeys(components))}, schema={"component": pl.String})
    found = asked.join(counts, on="component", how="left", maintain_order="left").with_columns(pl.col("n", "k").fill_null(0))
    low, high = wilson(found["k"].to_numpy(), found["n"].to_numpy())
    return found.select(
        "component", pl.col("n").cast(pl.Int64), rate=pl.col("k") / pl.col("n"), lo=pl.Series(low), hi=pl.Series(high)
    ).with_columns(pl.selectors.float().fill_nan(None))
