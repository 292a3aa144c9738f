"""The event contract: the columns, dtypes, vocabularies and rules of the one table that everything else reads.

One row is one event. Two doors let data in, and neither loses a row:

- `validate` returns the events on the contract, or raises one `EventError` that lists every problem;
- `filter` returns the good rows and a `FailureReport` that holds the bad ones with the reason for each.
"""

from aura_analytics.events.conforming import assign_ids, conform
from aura_analytics.events.doors import FailureReport, filter, from_records, validate  # noqa: A004  (the name users know from dataframely)
from aura_analytics.events.records import attributes_text, frame_of_records
from aura_analytics.events.rules import ROW_RULES, Rule, row_is_bad, row_reasons
from aura_analytics.events.samples import sample, sample_log
from aura_analytics.events.schema import (
    ACTOR_KINDS,
    ADDED,
    CLOCK_TYPES,
    EVENT_TYPES,
    IMPORTED,
    MACHINE_KINDS,
    RECORD_TYPES,
    SCHEMA,
    SEVERITIES,
    VERDICT_TYPES,
    empty,
    is_on_contract,
)

__all__ = [
    "ACTOR_KINDS",
    "ADDED",
    "CLOCK_TYPES",
    "EVENT_TYPES",
    "IMPORTED",
    "MACHINE_KINDS",
    "RECORD_TYPES",
    "ROW_RULES",
    "SCHEMA",
    "SEVERITIES",
    "VERDICT_TYPES",
    "FailureReport",
    "Rule",
    "assign_ids",
    "attributes_text",
    "conform",
    "empty",
    "filter",
    "frame_of_records",
    "from_records",
    "is_on_contract",
    "row_is_bad",
    "row_reasons",
    "sample",
    "sample_log",
    "validate",
]
