"""What goes in comes out, once, on both databases."""

from __future__ import annotations

import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import aura_analytics as aura
from aura_analytics import Ledger, events
from aura_analytics.errors import ConflictError, EventError, FileMissingError, InputError, ParameterError, SchemaError
from aura_analytics.ledger.plain_events import KEY_BYTES, plain_row
from aura_analytics.ledger.queries import FutureEventsWarning
from aura_analytics.ledger.records import rows_of

OVERRIDE = {
    "type": "OVERRIDE",
    "actor": "officer_anne@sba.gov",
    "case_id": "CLAIM_9001",
    "ai_recommendation": "APPROVE",
    "human_verdict": "REJECT",
}
TS = "2026-03-01T12:00:00+00:00"


def test_the_tutorial_s_events(ledger: Ledger) -> None:
    before = datetime.now(timezone.utc)
    answer = ledger.record_event({"type": "SAT_SCORE", "value": 3, "case_id": "CLAIM_9001"})
    assert answer.keys() == {"ok", "stored_id"} and answer["ok"] is True
    other = ledger.record_event(OVERRIDE)
    table = ledger.events().collect()
    assert table["event_id"].to_list() == [answer["stored_id"], other["stored_id"]]
    assert table.select("type", "value", "human_verdict").rows() == [("SAT_SCORE", 3.0, None), ("OVERRIDE", None, "REJECT")]
    assert (table["ts"] >= before - timedelta(milliseconds=1)).all() and (table["ts"] <= datetime.now(timezone.utc)).all()


def test_a_frame_comes_back_as_it_was(ledger: Ledger) -> None:
    table = events.sample(2_000, seed=5)
    assert ledger.record_events(table) == table.height
    assert ledger.events().collect().equals(table)
    assert ledger.events().collect_schema() == events.SCHEMA
    assert ledger.record_events(table.lazy()) == 0
    assert len(ledger) == table.height


def test_awkward_values_come_back_as_they_were(ledger: Ledger) -> None:
    record: dict[str, Any] = {
        "event_id": "ü-1",
        "ts": "2026-03-01T12:00:00.123456+01:00",
        "type": "EVALUATION",
        "actor": "naïve 😀 'quoted\" \\ name",
        "value": 1e-07,
        "confidence": 0.1 + 0.2,
        "penalties": ["a", 'with "quotes", and commas', "ünïcode"],
        "queue": "",
        "attributes": {"nested": {"deep": [1, 2.5, None]}, "big": 2**60},
        "channel": "web\nline",
    }
    ledger.record_event(record)
    expected = events.from_records([record])
    assert ledger.events().collect().equals(expected)
    assert ledger.record_events(expected) == 0
    assert ledger.verify().ok


def test_exact_dtypes_behind_many_nulls(ledger: Ledger) -> None:
    plain = [{"event_id": f"e{i}", "ts": TS, "type": "DECISION", "actor": "anne"} for i in range(3_000)]
    last = {
        "event_id": "last",
        "ts": TS,
        "type": "EVALUATION",
        "actor": "bob",
        "value": 71.5,
        "confidence": 0.25,
        "severity": "high",
        "penalties": ["too_short"],
        "attributes": {"a": 1},
    }
    ledger.record_events([*plain, last])
    table = ledger.events().collect()
    assert table.schema == events.SCHEMA
    assert table.row(-1, named=True)["penalties"] == ["too_short"] and table["confidence"][-1] == 0.25


def test_the_same_event_again_counts_once(ledger: Ledger) -> None:
    event = {**OVERRIDE, "event_id": "e1", "ts": TS}
    assert ledger.record_event(event) == {"ok": True, "stored_id": "e1"}
    assert ledger.record_event(event) == {"ok": True, "stored_id": "e1", "duplicate": True}
    done = ledger.record_events_report([event, {**event, "event_id": "e2"}, event])
    assert (done.stored, done.duplicates, done.conflicts, done.last_seq) == (1, 2, [], 2)
    # a retry of an event whose time was stamped by the first try is the same event
    ledger.record_event({**OVERRIDE, "event_id": "e3"})
    assert ledger.record_event({**OVERRIDE, "event_id": "e3"})["duplicate"] is True
    assert ledger.info().events == 3


def test_other_content_under_a_used_id_is_reported(ledger: Ledger) -> None:
    ledger.record_event({**OVERRIDE, "event_id": "e1", "ts": TS})
    changed = {**OVERRIDE, "event_id": "e1", "ts": TS, "human_verdict": "APPROVE"}
    with pytest.raises(ConflictError, match="another human_verdict.*'APPROVE'.*'REJECT' as stored"):
        ledger.record_event(changed)
    fresh = {**OVERRIDE, "event_id": "e2", "ts": TS}
    with pytest.raises(ConflictError, match="nothing was stored"):
        ledger.record_events([fresh, changed])
    assert ledger.info().events == 1
    done = ledger.record_events_report([fresh, changed], on_conflict="skip")
    assert (done.stored, len(done.conflicts)) == (1, 1)
    assert "event 1" in str(done.conflicts[0])
    twice = [{**fresh, "event_id": "e9"}, {**fresh, "event_id": "e9", "actor": "bob"}]
    with pytest.raises(ConflictError, match="another actor"):
        ledger.record_events(twice)
    assert ledger.verify().ok


def test_all_or_nothing(ledger: Ledger) -> None:
    good = {**OVERRIDE, "ts": TS}
    with pytest.raises(EventError, match=r"event 1.*stars from 1 to 5"):
        ledger.record_events([good, {"type": "SAT_SCORE", "value": 9, "case_id": "C1"}])
    with pytest.raises(EventError, match="did you mean 'OVERRIDE'"):
        ledger.record_event({"type": "OVERIDE", "actor": "anne"})
    with pytest.raises(InputError, match="an event is a dict"):
        ledger.record_events([3])  # type: ignore[list-item]
    with pytest.raises(FileMissingError, match="no events there"):
        ledger.record_events(["OVERRIDE"])  # a list of texts is one of paths, as everywhere
    with pytest.raises(SchemaError, match="not events"):
        ledger.record_events(pl.DataFrame({"x": [1]}))
    assert ledger.info().events == 0
    assert ledger.record_events([]) == 0


def test_what_a_database_cannot_keep_is_refused_with_advice(ledger: Ledger) -> None:
    with pytest.raises(EventError, match=r"event_id is too long.*10,000 bytes.*at most 512 bytes.*shorten it"):
        ledger.record_event({**OVERRIDE, "event_id": "x" * 10_000})
    with pytest.raises(EventError, match="queue holds a NUL"):
        ledger.record_event({**OVERRIDE, "queue": "a\0b"})
    with pytest.raises(EventError, match="case_id is too long"):
        ledger.record_events(events.from_records([{**OVERRIDE, "case_id": "é" * 300}]))
    assert ledger.record_event({**OVERRIDE, "event_id": "x" * KEY_BYTES, "actor": "y" * KEY_BYTES})["ok"]


def test_filters_are_those_of_polars(ledger: Ledger) -> None:
    table = events.sample(1_500, seed=2)
    ledger.record_events(table)
    times = table["ts"].sort()
    since, until = times[300], times[1_000]
    inside = (pl.col("ts") > since) & (pl.col("ts") <= until)
    some = inside & (pl.col("actor") == "officer_anne") & pl.col("type").is_in(["DECISION", "OVERRIDE"])
    assert table.filter(some).height > 10
    assert ledger.events(since, until, "officer_anne", ["DECISION", "OVERRIDE"]).collect().equals(table.filter(some))
    assert ledger.events(since=since.isoformat(), until=until.isoformat()).collect().equals(table.filter(inside))
    both = pl.col("actor").is_in(["officer_anne", "officer_bob"])
    assert ledger.events(actor=["officer_anne", "officer_bob"]).collect().equals(table.filter(both))
    assert ledger.events(case_id="CASE_3").collect().equals(table.filter(case_id="CASE_3"))
    with pytest.raises(ParameterError, match="did you mean 'OVERRIDE'"):
        ledger.events(type="OVERIDE")
    assert ledger.events(actor="nobody").collect().equals(events.empty())


def test_dossiers_from_the_ledger_are_those_of_the_file(ledger: Ledger) -> None:
    log = aura.sample_log(400)
    ledger.record_events(log)
    assert aura.dossiers(ledger.events(), sla="72h").equals(aura.dossiers(log, sla="72h"))


def test_a_clock_that_goes_back_does_not_take_the_ledger_with_it(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    now = time.time_ns()
    for shift in (0, -3_600_000_000_000, 1):
        monkeypatch.setattr(time, "time_ns", lambda shift=shift: now + shift)
        ledger.record_event(OVERRIDE)
    assert ledger.verify().ok
    assert ledger.after(2)[1] == 3


_texts = st.one_of(st.none(), st.text(max_size=8), st.sampled_from(["anne", " ", "C1", "success"]))
_numbers = st.one_of(st.none(), st.integers(-2, 101), st.floats(-1, 101), st.sampled_from(["3", "x", True, float("nan"), -0.0]))


@settings(max_examples=200)
@given(
    record=st.fixed_dictionaries(
        {"type": st.sampled_from([*events.EVENT_TYPES, "override", "OVERIDE", None])},
        optional={
            "ts": st.sampled_from(
                [
                    "2026-03-01T12:00:00Z",
                    "2026-03-01T12:00:00+05:30",
                    "2026-03-01",
                    "yesterday",
                    "1960-01-01T00:00:00Z",
                    datetime(2026, 1, 1),
                    datetime(2026, 1, 1, tzinfo=timezone.utc),
                    5,
                ]
            ),
            "actor": _texts,
            "case_id": _texts,
            "queue": _texts,
            "agent": _texts,
            "outcome": _texts,
            "human_verdict": _texts,
            "value": _numbers,
            "confidence": _numbers,
            "actor_kind": st.sampled_from([None, "officer", "Officer", "robot"]),
            "severity": st.sampled_from([None, "low", "huge"]),
            "penalties": st.sampled_from([None, [], ["a"], ["a", 1], "a"]),
            "attributes": st.sampled_from([None, {}, {"a": 1}, {"a": [1]}, "{}", '{"b": 2}', "x"]),
            "channel": st.sampled_from([None, "web", 3, float("inf"), {"x": 1}]),
        },
    )
)
def test_the_short_way_and_the_long_way_are_one(record: dict[str, Any]) -> None:
    now = datetime(2026, 5, 1, tzinfo=timezone.utc)
    row = plain_row(record, "id", 1_777_593_600_000_000)
    try:
        expected = rows_of(events.from_records([{"event_id": "id", **record}], now=now))[0]
    except InputError:
        assert row is None  # what the long way refuses, the short way does not take
        return
    assert row is None or row == expected


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"ts": "2026-03-01T12:00:00.25+05:30", "queue": "q", "agent": "m", "value": 3, "confidence": 0.7, "severity": "low"},
        {"penalties": ["a", "b"], "attributes": {"a": 1, "b": "x", "c": None, "d": True, "e": 0.5}, "channel": "web"},
        {"attributes": '{"a": [1, {"b": 2}]}', "event_id": "e1", "actor_kind": "officer"},
    ],
)
def test_plain_good_records_go_the_short_way(more: dict[str, Any]) -> None:
    record = {"type": "OVERRIDE", "actor": "anne", "case_id": "C1", **more}
    now = datetime(2026, 5, 1, tzinfo=timezone.utc)
    expected = rows_of(events.from_records([{"event_id": "id", **record}], now=now))[0]
    assert plain_row(record, "id", 1_777_593_600_000_000) == expected


@pytest.mark.parametrize(
    "odd",
    [
        {"actor": "a\0b"},
        {"actor": "\x1c"},
        {"actor": "x" * 129},
        {"queue": ""},
        {"value": 2**53},
        {"value": True},
        {"confidence": 1.01},
        {"penalties": ["a\0"]},
        {"attributes": {"a": [1]}},
        {"attributes": '{"a": NaN}'},
        {"attributes": "{}", "channel": "web"},
        {"channel": 2**53},
        {"ts": "2026-13-01T12:00:00Z"},
    ],
)
def test_what_is_not_plain_goes_the_long_way(odd: dict[str, Any]) -> None:
    assert plain_row({"type": "OVERRIDE", "actor": "anne", "case_id": "C1", **odd}, "id", 1_777_593_600_000_000) is None


def test_details_that_evidence_hangs_on(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    with Ledger(url, mirror=False) as ledger:
        with ledger._engines.writer.begin() as connection:
            if ledger._engines.sqlite:
                assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2  # FULL
                assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
            else:
                assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"
        now = time.time_ns()
        for shift in (0, -3_600_000_000_000, 5_000_000):
            monkeypatch.setattr(time, "time_ns", lambda shift=shift: now + shift)
            ledger.record_event({**OVERRIDE, "event_id": f"e{shift}", "ts": TS, "value": -0.0})
        with ledger._engines.reader.connect() as connection:
            moments = [row[0] for row in connection.exec_driver_sql("SELECT recorded_at FROM aura_events ORDER BY seq")]
        assert moments == sorted(moments) and moments[0] == now // 1000
        assert str(ledger.events().collect()["value"][0]) == "0.0"
        # a time that the caller gave is content like everything else
        with pytest.raises(ConflictError, match="another ts"):
            ledger.record_event({**OVERRIDE, "event_id": "e0", "ts": "2026-03-02T12:00:00+00:00", "value": 0.0})
        with ledger._engines.writer.begin() as connection:
            connection.exec_driver_sql("UPDATE aura_head SET chain = (SELECT chain FROM aura_events WHERE seq = 1)")
        assert ledger.verify().kind == "head"


def test_a_ledger_can_be_copied_whatever_it_holds(ledger: Ledger, tmp_path: Path) -> None:
    case = {"case_id": "C1", "actor": "anne"}
    ledger.record_events(
        [{"type": "RESOLVED", "ts": "2026-01-01T00:00:00Z", **case}, {"type": "OPENED", "ts": "2026-02-01T00:00:00Z", **case}]
    )
    with Ledger(tmp_path / "copy.db", mirror=False) as copy:
        assert copy.record_events(ledger.events()) == 2
        assert copy.events().collect().equals(ledger.events().collect())


def test_repeats_and_conflicts_within_a_frame(ledger: Ledger) -> None:
    table = events.sample(50, seed=1)
    twice = pl.concat([table, table.head(5)])
    other = table.head(1).with_columns(queue=pl.lit("another"))
    with pytest.raises(ConflictError, match=f"another queue.*nothing was stored|event {twice.height}: .*another queue"):
        ledger.record_events(pl.concat([twice, other]))
    done = ledger.record_events_report(pl.concat([twice, other]), on_conflict="skip")
    assert (done.stored, done.duplicates, len(done.conflicts)) == (table.height, 5, 1)
    assert f"event {twice.height}" in str(done.conflicts[0])
    broken = table.with_columns(event_id=pl.lit("x") + pl.col("event_id"), confidence=pl.lit(2.0))
    with pytest.raises(EventError, match="confidence_range"):
        ledger.record_events(broken)


def test_a_ledger_that_was_upgraded_meanwhile_is_not_written(ledger: Ledger) -> None:
    from aura_analytics.errors import LedgerSchemaError
    from aura_analytics.ledger.schema import VERSION_TABLE

    ledger.record_event(OVERRIDE)
    with ledger._engines.writer.begin() as connection:
        connection.exec_driver_sql(f"UPDATE {VERSION_TABLE} SET version_num = '9999'")
    with pytest.raises(LedgerSchemaError, match="upgraded by another version.*nothing was stored"):
        ledger.record_event(OVERRIDE)
    assert ledger.info().events == 1


def test_one_event_from_the_future_moves_no_end(ledger: Ledger) -> None:
    """Whoever may record an event could otherwise blank everybody's board for good."""
    log = events.sample(2_000, seed=8)
    ledger.record_events(log)
    honest = aura.dossiers(ledger)
    report = ledger.record_events_report([{"type": "SAT_SCORE", "case_id": "x", "value": 1, "ts": "2199-01-01", "event_id": "far"}])
    assert report.ahead == 1 and ledger.ahead()["event_id"].to_list() == ["far"]
    with pytest.warns(FutureEventsWarning, match="1, up to 2199-01-01"):
        assert aura.dossiers(ledger).equals(honest)
    assert ledger.last_work() == log.select(pl.col("ts").max()).item()
    assert ledger.event("far") is not None and len(ledger) == log.height + 1  # nothing is lost
    soon = datetime.now(timezone.utc) + timedelta(hours=20)  # clocks differ, and zones are mistaken
    ledger.record_event({"type": "SAT_SCORE", "case_id": "y", "value": 1, "ts": soon.isoformat()})
    assert ledger.last_work() == soon


def test_a_clock_that_jumped_is_survived(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger.record_events(events.sample(300, seed=8))
    end = ledger.last_work()
    far = int(datetime(2150, 1, 1, tzinfo=timezone.utc).timestamp() * 1e9)
    with monkeypatch.context() as patch:
        patch.setattr(time, "time_ns", lambda: far)
        ledger.record_event({"type": "SAT_SCORE", "case_id": "x", "value": 1, "event_id": "jumped"})
    assert ledger.ahead()["event_id"].to_list() == ["jumped"] and ledger.last_work() == end
    ledger.record_event({"type": "SAT_SCORE", "case_id": "y", "value": 1})
    assert ledger.verify().ok
    assert abs((ledger.last_work() or datetime.min.replace(tzinfo=timezone.utc)) - datetime.now(timezone.utc)) < timedelta(
        minutes=1
    )


def test_an_import_brings_its_own_dates(ledger: Ledger) -> None:
    """A simulated year that reaches beyond today counts as it stands."""
    late = events.sample(300, seed=8).with_columns(pl.col("ts") + timedelta(days=36_500))
    report = ledger.record_events_report(late, door="import")
    assert report.ahead == 0 and ledger.ahead().is_empty()
    assert aura.dossiers(ledger).equals(aura.dossiers(late))
