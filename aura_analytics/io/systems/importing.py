"""Import of another system's export."""

from __future__ import annotations

import json
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import isfinite
from pathlib import Path
from typing import Any

import polars as pl

from aura_analytics import events
from aura_analytics.errors import ParameterError, Problem, close_match
from aura_analytics.events import FailureReport
from aura_analytics.io.files import resolve
from aura_analytics.io.foreign import ImportNote
from aura_analytics.io.import_report import ImportReport
from aura_analytics.io.log_table import LogRows, Part
from aura_analytics.io.readers.base import Unreadable
from aura_analytics.io.systems.argilla import Argilla
from aura_analytics.io.systems.base import Place, System, Unusable
from aura_analytics.io.systems.inspect_logs import Inspect
from aura_analytics.io.systems.jira import Jira
from aura_analytics.io.systems.label_studio import LabelStudio
from aura_analytics.io.systems.langfuse import Langfuse
from aura_analytics.io.systems.langsmith import LangSmith
from aura_analytics.io.systems.mlflow import MLflow
from aura_analytics.io.systems.otel import OpenTelemetry
from aura_analytics.io.systems.phoenix import Phoenix
from aura_analytics.io.systems.servicenow import ServiceNow
from aura_analytics.io.systems.zendesk import Zendesk

__all__ = ["SYSTEMS", "import_from", "import_from_report"]

_KNOWN: tuple[type[System], ...] = (
    MLflow,
    Langfuse,
    LabelStudio,
    Inspect,
    OpenTelemetry,
    Phoenix,
    LangSmith,
    Argilla,
    ServiceNow,
    Jira,
    Zendesk,
)
SYSTEMS: dict[str, type[System]] = {system.name: system for system in _KNOWN}


def import_from(
    path: str | Path | Sequence[str | Path],
    system: str,
    *,
    reviewer: str | None = None,
    scales: Mapping[str, tuple[float, float]] | None = None,
    quarantine: str | Path | None = None,
) -> pl.DataFrame:
    """Read another system's export as events: `import_from_report` without the report.

    Parameters
    ----------
    path, system, reviewer, scales
        As in `import_from_report`.
    quarantine
        File that takes what cannot be used, with reasons. Without it that raises.

    Raises
    ------
    EventError
        If something cannot be used and there is no `quarantine`.
    ParameterError, FileMissingError, FileFormatError
        As `import_from_report`.

    Examples
    --------
    >>> import json, pathlib, tempfile
    >>> def said(number, kind, who, value, **more):
    ...     return {"assessment_id": number, "assessment_name": "eligible", "source": {"source_type": kind, "source_id": who},
    ...             "create_time": "2026-01-05T10:00:00Z", "feedback": {"value": value}, **more}
    >>> judge, human = said("a", "LLM_JUDGE", "judge-1", "PAY"), said("b", "HUMAN", "anne@agency.gov", "PAY", overrides="a")
    >>> export = pathlib.Path(tempfile.mkdtemp()) / "traces.jsonl"
    >>> _ = export.write_text(json.dumps({"info": {"trace_id": "tr-1", "assessments": [judge, human]}}))
    >>> import_from(export, "mlflow").select("type", "actor", "agent").row(0)
    ('DECISION', 'anne@agency.gov', 'judge-1')
    """
    table, report = import_from_report(path, system, reviewer=reviewer, scales=scales)
    report.set_aside(path, quarantine)
    for warning in report.warnings:
        warnings.warn(warning, ImportNote, stacklevel=2)
    return table


def import_from_report(
    path: str | Path | Sequence[str | Path],
    system: str,
    *,
    reviewer: str | None = None,
    scales: Mapping[str, tuple[float, float]] | None = None,
) -> tuple[pl.DataFrame, ImportReport]:
    """Read another system's export as events, with an account of every part of it.

    Parameters
    ----------
    path
        The export: JSON or JSON Lines (of Inspect also `.eval`), a folder or a glob of such files, or a list of these.
    system
        `mlflow`, `langfuse`, `label-studio`, `inspect-ai`, `otel`, `phoenix`, `langsmith`, `argilla`, `servicenow`, `jira` or
        `zendesk`.
    reviewer
        Who the human was where the export names nobody; without it what such a human said is not used, and counted.
    scales
        The lowest and the highest value of scores by their names, `*` for all others. A number of a judge becomes an `EVALUATION`
        from 0 to 100 only where its scale is given.

    Returns
    -------
    tuple
        `(events, report)`. The rows of the report are the parts of the records: assessments, annotations. Ids are made of the
        system's own, so that importing twice changes nothing.

    Raises
    ------
    ParameterError
        If no such system is known, or a scale is none.
    FileMissingError, FileFormatError
        If the export is not there or cannot be read.

    Examples
    --------
    >>> import json, pathlib, tempfile
    >>> task = {"id": 7, "predictions": [{"id": 1, "model_version": "m-1", "score": 0.9, "created_at": "2026-01-05T09:00:00Z",
    ...         "result": [{"from_name": "claim", "type": "choices", "value": {"choices": ["PAY"]}}]}],
    ...         "annotations": [{"id": 2, "completed_by": {"email": "anne@agency.gov"}, "created_at": "2026-01-05T10:00:00Z",
    ...         "result": [{"from_name": "claim", "type": "choices", "value": {"choices": ["REFUSE"]}}]}]}
    >>> export = pathlib.Path(tempfile.mkdtemp()) / "export.json"
    >>> _ = export.write_text(json.dumps([task]))
    >>> found, report = import_from_report(export, "label-studio")
    >>> found.select("type", "actor", "agent", "ai_recommendation", "human_verdict").row(0)
    ('OVERRIDE', 'anne@agency.gov', 'm-1', 'PAY', 'REFUSE')
    """
    if not isinstance(system, str) or system not in SYSTEMS:
        near = close_match(str(system), list(SYSTEMS))
        raise ParameterError(Problem("exports of that system are not read", system, ", ".join(SYSTEMS), next=near))
    for name, scale in (scales or {}).items():
        if not _is_scale(scale):
            raise ParameterError(Problem(f"the scale of {name!r}", scale, "the lowest and the highest value, as 0 and 1"))
    chosen = SYSTEMS[system](reviewer, scales)
    log, made, aside, unused = LogRows(pl.DataFrame()), [], [], Counter[str]()
    items: list[str] = []
    places: list[int] = []
    lines: list[int] = []
    part: Part | None = None
    for (file, line), piece, found in chosen.everything(_records(_files(path, chosen), chosen, log)):
        place = len(items)
        if part is None or part.file != file:
            lines = []
            part = Part(file, place, lines, text=False)
            log.parts.append(part)
        items.append(json.dumps(piece, ensure_ascii=False, default=str))
        lines.append(line)
        if isinstance(found, str):
            unused[found] += 1
        elif isinstance(found, Unusable):
            aside.append((place, str(found)))
        else:
            made += found
            places += [place] * len(found)
    log.frame = pl.DataFrame({"part": items}, schema={"part": pl.String})
    table, refused = _through_the_door(made, places, aside)
    return table, _account(log, table, refused, unused, chosen)


def _is_scale(scale: Any) -> bool:
    try:
        low, high = scale
        return bool(isfinite(low) and isfinite(high) and low < high)
    except (TypeError, ValueError):
        return False


def _files(path: str | Path | Sequence[str | Path], system: System) -> list[Path]:
    """The files of an export; a folder may hold files of a kind that only this system writes."""
    if isinstance(path, (str, Path)) and Path(path).is_dir() and system.suffixes:
        own = sorted(file for file in Path(path).rglob("*") if file.is_file() and file.suffix in system.suffixes)
        if own:
            return own
    return resolve(path, events=False)


def _records(files: list[Path], system: System, log: LogRows) -> Iterator[tuple[Place, Any]]:
    """The records of all files; what is none goes to the log's unreadable lines."""
    for file in files:
        for item in system.items(file):
            if isinstance(item, Unreadable):
                log.unreadable.append(replace(item, file=str(file)))
            else:
                yield (file, item[0]), item[1]


def _through_the_door(
    made: list[dict[str, Any]], places: list[int], aside: list[tuple[int, str]]
) -> tuple[pl.DataFrame, FailureReport]:
    reasons = list(aside)
    table, report = events.empty(), FailureReport(pl.DataFrame())
    if made:
        loose = events.frame_of_records(made).with_columns(__line=pl.Series(places, dtype=pl.Int64))
        table, report = events.filter(loose)
        if report:
            reasons += [(row, why) for row, whys in report.bad.select("__line", "reasons").iter_rows() for why in whys]
    bad = pl.DataFrame(reasons, schema={"row": pl.UInt32, "why": pl.String}, orient="row")
    bad = bad.group_by("row").agg(reasons=pl.col("why").unique(maintain_order=True)).sort("row")
    counts = Counter(report.counts) + Counter(why.split(":", 1)[0] for _, why in aside)
    gone = set(bad["row"].to_list())
    lost = {one.get("event_id") for one, place in zip(made, places, strict=True) if place in gone} - {None}
    kept = table.filter(~pl.col("event_id").is_in(list(lost))) if lost else table
    return kept.sort("ts", maintain_order=True), FailureReport(bad, dict(counts), report.duplicates)


def _account(log: LogRows, table: pl.DataFrame, refused: FailureReport, unused: Counter[str], system: System) -> ImportReport:
    counts = table["type"].value_counts().sort("type")
    rows = log.frame.height
    said = [] if rows else ["the export holds no records"]
    verdicts = table.filter(pl.col("type").is_in(["DECISION", "OVERRIDE"])).height
    if rows and system.judges and not verdicts:
        said.append("no part of the export is a verdict of a human on what a machine said: nobody has an override rate")
    if rows and not table.height:
        said.append(f"not one part of the export is an event: is it an export of {system.title}, with all that it can hold?")
    return ImportReport(
        rows=rows,
        events=table.height,
        by_type={str(kind): int(n) for kind, n in counts.iter_rows()},
        unused={},
        undecided=0,
        unanswered=0,
        refused=refused,
        unreadable=log.unreadable,
        used=rows - sum(unused.values()) - refused.bad["row"].n_unique(),
        passed_over=dict(sorted(unused.items())),
        warnings=said,
        log=log,
    )
