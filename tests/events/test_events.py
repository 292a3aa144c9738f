"""The event contract: what passes, what is refused, and that nothing is lost."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aura_analytics import events
from aura_analytics.errors import EventError, ParameterError, SchemaError

GOOD: dict[str, Any] = {"type": "OVERRIDE", "ts": "2026-01-05T10:00:00Z", "actor": "anne"}


def _reasons(*records: dict[str, Any], **options: Any) -> list[list[str]]:
    good, report = events.filter(events.frame_of_records(list(records)), **options)
    assert good.height + len(report) + report.duplicates == len(records)
    return report.bad.sort("row")["reasons"].to_list()


def test_schema_is_the_documented_one() -> None:
    assert events.SCHEMA.names() == [
        "event_id",
        "ts",
        "type",
        "actor",
        "actor_kind",
        "case_id",
        "queue",
        "value",
        "agent",
        "ai_recommendation",
        "human_verdict",
        "confidence",
        "outcome",
        "severity",
        "penalties",
        "attributes",
        "audit_chance",
        "initial_verdict",
        "own_work",
    ]
    assert events.SCHEMA["ts"] == pl.Datetime("us", "UTC")
    assert len(events.EVENT_TYPES) == 14


def test_minimal_dicts_of_the_tutorial() -> None:
    table = events.from_records(
        [{"type": "OVERRIDE", "actor": "test@agency.gov"}, {"type": "SAT_SCORE", "value": 3, "case_id": "CLAIM_9001"}]
    )
    assert events.is_on_contract(table)
    assert table["ts"].null_count() == 0
    assert table["event_id"].n_unique() == 2


def test_unknown_fields_are_kept_in_attributes() -> None:
    table = events.from_records([{**GOOD, "channel": "web", "attributes": {"ip": "::1"}, "note": None}])
    assert table["attributes"][0] == '{"channel": "web", "ip": "::1"}'
    frame = pl.DataFrame({**{k: [v] for k, v in GOOD.items()}, "amount": [12.5], "attributes": ['{"a": 1}']})
    assert events.validate(frame)["attributes"][0] == '{"a": 1, "amount": 12.5}'


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ({"type": "OVERIDE"}, "type_unreadable: got OVERIDE.*did you mean 'OVERRIDE'"),
        ({"type": None}, "type_missing: got nothing"),
        ({"ts": "yesterday"}, "ts_unreadable: got yesterday"),
        ({"ts": None}, "ts_missing"),
        ({"ts": "1969-01-01"}, "ts_plausible"),
        ({"actor": None}, "actor_missing: got nothing, expected an actor"),
        ({"actor": "  "}, "actor_missing"),
        ({"type": "SAT_SCORE", "value": 7}, "stars_range: got 7.0, expected stars from 1 to 5"),
        ({"type": "SAT_SCORE", "value": 0}, "stars_range: got 0.0"),
        ({"type": "SAT_SCORE", "value": None}, "stars_range: got nothing"),
        ({"type": "SAT_SCORE", "value": True}, "value_unreadable: got true"),
        ({"type": "SAT_SCORE", "value": "NaN"}, "stars_range|value_finite"),
        ({"type": "EVALUATION", "value": 101}, "score_range"),
        ({"confidence": 11}, "confidence_range: got 11.0, expected a confidence from 0 to 1"),
        ({"confidence": "high"}, "confidence_unreadable: got high"),
        ({"type": "RESOLVED"}, "case_missing"),
        ({"type": "OUTCOME", "case_id": "C"}, "outcome_missing"),
        ({"severity": "hihg"}, "severity_unreadable: got hihg.*did you mean 'high'"),
        ({"actor_kind": "robot"}, "actor_kind_unreadable"),
        ({"penalties": "too_short"}, "penalties_unreadable"),
        ({"attributes": "{broken"}, "attributes_json"),
        ({"attributes": [1]}, "attributes_json"),
    ],
)
def test_each_rule_refuses(broken: dict[str, Any], reason: str) -> None:
    found = _reasons(GOOD, {**GOOD, **broken})
    assert len(found) == 1
    assert len(found[0]) == 1
    assert pl.Series(found[0]).str.contains(reason).all(), found


def test_several_problems_of_one_row_are_all_listed() -> None:
    assert len(_reasons({**GOOD, "actor": None, "confidence": 2, "ts": "x"})[0]) == 3


def test_validate_raises_with_everything() -> None:
    frame = events.frame_of_records([{**GOOD, "confidence": 2}, GOOD, {**GOOD, "type": "X"}])
    with pytest.raises(EventError, match="2 bad rows") as caught:
        events.validate(frame)
    assert len(caught.value.problems) == 2
    assert "row 0: confidence_range" in str(caught.value)
    assert caught.value.report.bad.height == 2  # type: ignore[attr-defined]


def test_missing_and_wrong_columns_all_at_once() -> None:
    frame = pl.DataFrame({"timestamp": ["2026-01-05"], "value": [[1]], "actor": [["a"]]})
    with pytest.raises(SchemaError, match="these are not events") as caught:
        events.validate(frame)
    text = str(caught.value)
    assert "column 'ts' is missing" in text and "rename 'timestamp' to 'ts'" in text
    assert "column 'type' is missing" in text
    assert "column 'value' has the wrong type" in text and "column 'actor' has the wrong type" in text


def test_numbers_are_no_times() -> None:
    with pytest.raises(SchemaError, match="write times as ISO 8601"):
        events.validate(pl.DataFrame({"type": ["OVERRIDE"], "actor": ["a"], "ts": [1_767_600_000]}))


def test_exact_repeat_counts_once_and_conflict_condemns_both() -> None:
    one = {**GOOD, "event_id": "e1"}
    good, report = events.filter(events.frame_of_records([one, one, {**GOOD, "event_id": "e2"}]))
    assert (good.height, len(report), report.duplicates) == (2, 0, 1)
    good, report = events.filter(events.frame_of_records([one, {**one, "actor": "bob"}, {**GOOD, "event_id": "e2"}]))
    assert good["event_id"].to_list() == ["e2"]
    assert report.counts == {"id_conflict": 2}
    assert "2 different contents" in report.bad["reasons"][0][0]


def test_identical_events_without_ids_are_two_events_with_stable_ids() -> None:
    first = events.validate(events.frame_of_records([GOOD, GOOD]))
    again = events.validate(events.frame_of_records([GOOD, GOOD]))
    assert first["event_id"].n_unique() == 2
    assert first["event_id"].to_list() == again["event_id"].to_list()


def test_resolved_before_opened_is_refused() -> None:
    case = {"case_id": "C1", "actor": "anne"}
    found = _reasons(
        {**case, "type": "OPENED", "ts": "2026-01-05T10:00:00Z"},
        {**case, "type": "RESOLVED", "ts": "2026-01-05T09:00:00Z"},
    )
    assert found[0][0].startswith("time_travel: got RESOLVED at 2026-01-05 09:00")


def test_report_is_saved_whole(tmp_path: Any) -> None:
    _, report = events.filter(events.frame_of_records([{**GOOD, "confidence": 2, "note": "x"}, GOOD]))
    saved = pl.read_ndjson(report.write(tmp_path / "bad.jsonl"))
    assert saved["row"].to_list() == [0]
    assert "note" in saved["attributes"][0]
    assert pl.read_parquet(report.write(tmp_path / "bad.parquet")).height == 1
    assert "confidence_range 1" in str(report)


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2026-03-29T01:59:59+01:00", "2026-03-29T00:59:59"),
        ("2026-03-29 03:00:00 +0200", "2026-03-29T01:00:00"),
        ("2026-07-01T12:00:00Z", "2026-07-01T12:00:00"),
        ("2026-07-01T12:00:00.123456-05:30", "2026-07-01T17:30:00.123456"),
        ("2026-07-01T12:00", "2026-07-01T10:00:00"),  # naive: a wall clock in Amsterdam
        ("2026-01-01", "2025-12-31T23:00:00"),
    ],
)
def test_mixed_offsets_and_naive_times(text: str, utc: str) -> None:
    table = events.validate(events.frame_of_records([{**GOOD, "ts": text}]), zone="Europe/Amsterdam")
    assert table["ts"][0] == datetime.fromisoformat(utc).replace(tzinfo=timezone.utc)


def test_times_that_clocks_showed_twice_or_never() -> None:
    twice, never = {**GOOD, "ts": "2026-10-25T02:30:00"}, {**GOOD, "ts": "2026-03-29T02:30:00"}
    assert len(_reasons(GOOD, twice, never, zone="Europe/Amsterdam")) == 2
    for choice, hour in (("earliest", 0), ("latest", 1)):
        good, report = events.filter(events.frame_of_records([twice, never]), zone="Europe/Amsterdam", ambiguous=choice)  # type: ignore[arg-type]
        assert good["ts"][0].hour == hour
        assert len(report) == 1  # the time that never was stays refused


def test_python_datetimes_keep_their_zone() -> None:
    from zoneinfo import ZoneInfo

    table = events.from_records([{**GOOD, "ts": datetime(2026, 7, 1, 12, tzinfo=ZoneInfo("America/New_York"))}])
    assert table["ts"][0] == datetime(2026, 7, 1, 16, tzinfo=timezone.utc)


def test_naive_now_is_refused() -> None:
    with pytest.raises(ParameterError, match="no time zone"):
        events.from_records([{"type": "OVERRIDE", "actor": "a"}], now=datetime(2026, 1, 1))


def test_unknown_zone_is_refused() -> None:
    with pytest.raises(ParameterError, match="unknown time zone: got 'Mars'"):
        events.filter(events.empty(), zone="Mars")


def test_empty_table() -> None:
    good, report = events.filter(events.empty())
    assert good.equals(events.empty())
    assert not report
    assert events.from_records([]).height == 0


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-5, 200),
    st.floats(allow_nan=True),
    st.text(max_size=12),
    st.sampled_from(["OVERRIDE", "SAT_SCORE", "2026-01-05T10:00:00Z", "C1", "0.5", "officer", '["a"]', '{"a": 1}']),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)
RECORDS = st.lists(st.dictionaries(st.sampled_from([*events.SCHEMA.names(), "extra"]), VALUES, max_size=8), min_size=1, max_size=6)


@settings(max_examples=80)
@given(records=RECORDS)
def test_any_records_are_accepted_or_accounted_for(records: list[dict[str, Any]]) -> None:
    good, report = events.filter(events.frame_of_records(records))
    assert good.height + len(report) + report.duplicates == len(records)
    assert events.is_on_contract(good)
    again, none = events.filter(good)
    assert again.equals(good) and not none
    assert all(report.bad["reasons"].list.len() > 0)


@settings(max_examples=30)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 120))
def test_samples_are_valid_and_repeatable(seed: int, n: int) -> None:
    table = events.sample(n, seed=seed)
    assert events.validate(table).equals(table)
    assert events.sample(n, seed=seed).equals(table)


def test_nothing_is_dropped_when_names_collide() -> None:
    frame = pl.DataFrame(
        {"type": ["OVERRIDE"], "ts": ["2026-01-05"], "actor": ["a"], "attributes": [{"x": 1}], "channel": ["web"], "__note": ["n"]}
    )
    assert events.validate(frame)["attributes"][0] == '{"__note": "n", "channel": "web", "x": 1}'
    both = events.from_records([{**GOOD, "attributes": {"channel": "phone"}, "channel": "web"}])
    assert both["attributes"][0] == '{"attributes.channel": "phone", "channel": "web"}'


def test_ordinary_frames_are_accepted() -> None:
    good = {key: [value] for key, value in GOOD.items()}
    assert events.validate(pl.DataFrame({**good, "penalties": [[]]}))["penalties"][0].to_list() == []
    assert events.validate(pl.DataFrame({**good, "amount": [float("nan")]}))["attributes"][0] is None
    _, report = events.filter(pl.DataFrame({**good, "row": [7], "reasons": ["x"], "confidence": [2.0]}))
    assert report.bad["row"].to_list() == [0] and report.bad["row (input)"].to_list() == [7]
    with pytest.raises(ParameterError, match="ambiguous times: got 'foo'"):
        events.filter(events.empty(), ambiguous="foo")  # type: ignore[arg-type]
