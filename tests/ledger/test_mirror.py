"""The Parquet mirror holds what the ledger holds, whatever happens to it."""

from __future__ import annotations

import hashlib
import json
import shutil
import threading
from pathlib import Path
from typing import Any

import polars as pl
import pytest

import aura_analytics as aura
from aura_analytics import Ledger, events
from aura_analytics.ledger import mirror as mirror_module
from aura_analytics.ledger import store, tables
from aura_analytics.ledger.mirror import PARTS, part_of


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "_MIRROR_FROM", 100)


def same(found: pl.LazyFrame, expected: pl.DataFrame) -> bool:
    table = found.collect()
    return table.schema == events.SCHEMA and table.sort("event_id").equals(expected.sort("event_id"))


def test_the_mirror_is_the_ledger(ledger: Ledger, tmp_path: Path) -> None:
    table = events.sample(3_000, seed=6)
    nameless = pl.col("actor").is_null()
    assert table.filter(nameless).height > 0
    for first in range(0, 3_000, 700):
        ledger.record_events(table.slice(first, 700))
        assert same(ledger.events(), table.head(first + 700))
    assert (tmp_path / "mirror" / "manifest.json").exists()
    assert aura.dossiers(ledger.events()).equals(aura.dossiers(table))
    some = table.filter(actor="officer_anne")
    assert some.height > 100
    assert same(ledger.events(actor="officer_anne"), some)
    assert same(ledger.events(actor=["officer_anne", "nobody"], type="OVERRIDE"), some.filter(pl.col("type") == "OVERRIDE"))
    cases = table["case_id"].drop_nulls().unique().sort().head(40).to_list()
    assert same(ledger.events(case_id=cases), table.filter(pl.col("case_id").is_in(cases)))
    middle = table["ts"].sort()[1_500]
    assert same(ledger.events(since=middle), table.filter(pl.col("ts") > middle))
    assert same(ledger.events(until=middle), table.filter(pl.col("ts") <= middle))


def test_a_frame_stays_as_of_its_moment(ledger: Ledger) -> None:
    table = events.sample(400, seed=6)
    ledger.record_events(table.head(300))
    before = ledger.events()
    ledger.record_events(table.slice(300))
    ledger.events().collect()
    assert same(before, table.head(300))


def test_the_partition_of_an_actor_never_changes() -> None:
    # BLAKE2b with 8 bytes of digest, big-endian, modulo 16
    assert [part_of(name) for name in ("officer_anne@sba.gov", "gpt-4.1", "ü", None)] == [5, 11, 7, 4]
    assert {part_of(f"actor {i}") for i in range(500)} == set(range(PARTS))


def test_actors_lie_in_their_partition_only(ledger: Ledger, tmp_path: Path) -> None:
    ledger.record_events(events.sample(1_000, seed=6))
    ledger.events().collect()
    for path in (tmp_path / "mirror").glob("part-*.parquet"):
        for actor in pl.read_parquet(path)["actor"].unique():
            assert part_of(actor) == int(path.name.split("-")[1])


def test_whatever_happens_to_it_it_is_made_anew(ledger: Ledger, tmp_path: Path) -> None:
    table = events.sample(500, seed=6)
    ledger.record_events(table)
    folder = tmp_path / "mirror"
    assert same(ledger.events(), table)
    shutil.rmtree(folder)
    assert same(ledger.events(), table)
    next(folder.glob("part-*.parquet")).unlink()
    assert same(ledger.events(), table)
    (folder / "manifest.json").write_text("{")
    assert same(ledger.events(), table)
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, "format": 0}))
    assert same(ledger.events(), table)
    (folder / "manifest.json").write_text(json.dumps({**manifest, "chain": "00"}))
    assert same(ledger.events(), table)


def test_another_ledger_s_mirror_is_not_taken_for_ours(ledger: Ledger, tmp_path: Path) -> None:
    ledger.record_events(events.sample(500, seed=6))
    ledger.events().collect()
    other_log = events.sample(600, seed=7)
    with Ledger(tmp_path / "other.db", mirror=tmp_path / "mirror") as other:
        other.record_events(other_log)
        assert same(other.events(), other_log)


def test_small_files_are_put_together(ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirror_module, "_FILES", 3)
    table = events.sample(1_000, seed=6)
    for first in range(0, 1_000, 50):
        ledger.record_events(table.slice(first, 50))
        assert same(ledger.events(), table.head(first + 50))
    manifest = json.loads((tmp_path / "mirror" / "manifest.json").read_text())
    per_part = [sum(part == item[0] for item in manifest["files"]) for part in range(PARTS)]
    assert max(per_part) <= 4


def test_several_readers_at_once(ledger: Ledger, url: str, tmp_path: Path) -> None:
    table = events.sample(2_000, seed=6)
    ledger.record_events(table)
    heights: list[int] = []

    def read() -> None:
        with Ledger(url, mirror=tmp_path / "mirror") as own:
            heights.append(own.events().collect().height)

    threads = [threading.Thread(target=read) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert heights == [table.height] * 6


def test_without_a_mirror(url: str, tmp_path: Path) -> None:
    table = events.sample(500, seed=6)
    with Ledger(url, mirror=False) as ledger:
        ledger.record_events(table)
        assert ledger.events().collect().equals(table)
    assert not list(tmp_path.glob("*mirror*"))


def test_a_mirror_that_cannot_be_written_is_done_without(url: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    table = events.sample(500, seed=6)
    with Ledger(url, mirror=tmp_path / "file" / "mirror") as ledger:
        ledger.record_events(table)
        with pytest.warns(UserWarning, match="mirror cannot be written"):
            assert ledger.events().collect().equals(table)


def test_an_altered_mirror_is_noticed_and_made_anew(url: str, tmp_path: Path) -> None:
    table = events.sample(600, seed=6)
    folder = tmp_path / "mirror"
    with Ledger(url, mirror=folder) as ledger:
        ledger.record_events(table)
        assert same(ledger.events(), table)
    for damage in ("forged", "cut", "emptied"):
        path = max(folder.glob("part-*.parquet"), key=lambda one: one.stat().st_size)
        if damage == "forged":
            pl.read_parquet(path).with_columns(type=pl.lit("DECISION").cast(events.SCHEMA["type"])).write_parquet(path)
        else:
            path.write_bytes(path.read_bytes()[: 1_000 if damage == "cut" else 0])
        with Ledger(url, mirror=folder) as ledger, pytest.warns(UserWarning, match="altered or damaged"):
            assert same(ledger.events(), table)
        for old in folder.glob("part-*.parquet"):
            if old.name not in (folder / "manifest.json").read_text():
                old.unlink()


def test_a_manifest_that_leaves_something_out_is_not_believed(ledger: Ledger, tmp_path: Path) -> None:
    table = events.sample(600, seed=6)
    ledger.record_events(table)
    assert same(ledger.events(), table)
    manifest = json.loads((tmp_path / "mirror/manifest.json").read_text())
    wrongs: list[dict[str, Any]] = [
        {"files": manifest["files"][:2]},
        {"files": []},
        {"seq": str(manifest["seq"])},
        {"files": [[1]]},
    ]
    for wrong in wrongs:
        (tmp_path / "mirror/manifest.json").write_text(json.dumps(manifest | wrong))
        assert same(ledger.events(), table)


def test_a_frame_outlives_files_put_together(ledger: Ledger, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import os
    import time

    monkeypatch.setattr(mirror_module, "_FILES", 3)
    table = events.sample(1_000, seed=6)
    ledger.record_events(table.head(400))
    frame = ledger.events()
    for path in (tmp_path / "mirror").glob("part-*.parquet"):
        os.utime(path, (time.time() - 900,) * 2)  # written long ago
    for first in range(400, 1_000, 50):
        ledger.record_events(table.slice(first, 50))
        ledger.events().collect()
    assert same(frame, table.head(400))


def test_whatever_else_lies_in_the_folder_stays(ledger: Ledger, tmp_path: Path) -> None:
    table = events.sample(600, seed=6)
    ledger.record_events(table)
    ledger.events().collect()
    folder = tmp_path / "mirror"
    (folder / "notes.txt").write_text("mine")
    next(folder.glob("part-*.parquet")).write_bytes(b"damaged")
    with pytest.warns(UserWarning, match="altered or damaged"):
        assert ledger.verify().ok
    assert (folder / "notes.txt").read_text() == "mine"
    assert same(ledger.events(), table)


def _forged(folder: Path, **changes: pl.Expr) -> None:
    """Rewrite every part, and the manifest with its new digests: what somebody does who may write the folder."""
    manifest = json.loads((folder / "manifest.json").read_text())
    for item in manifest["files"]:
        path = folder / item[1]
        pl.read_parquet(path).with_columns(**changes).write_parquet(path)
        item[3] = hashlib.sha256(path.read_bytes()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_parts_forged_with_their_manifest_are_not_read(url: str, tmp_path: Path) -> None:
    """An innocent officer must not become guilty by files beside the ledger."""
    table = events.sample(600, seed=6)
    folder = tmp_path / "mirror"
    with Ledger(url, mirror=folder) as ledger:
        ledger.record_events(table)
        ledger.export_heads(tmp_path / "heads.jsonl")
        honest = aura.dossiers(ledger)
        guilty = {
            "type": pl.when(pl.col("type") == "DECISION").then(pl.lit("OVERRIDE")).otherwise("type").cast(events.SCHEMA["type"])
        }
        _forged(folder, **guilty)
        with pytest.warns(UserWarning, match="the ledger does not know"):
            found = ledger.verify(tmp_path / "heads.jsonl")
        assert not found.ok and found.kind == "mirror" and "mirror" in found.message
        ledger.events().collect()  # made anew
        _forged(folder, **guilty)
        with pytest.warns(UserWarning, match="the ledger does not know|altered"):
            assert aura.dossiers(ledger).equals(honest)
    with Ledger(url, mirror=folder) as fresh:  # another process, that has read nothing yet
        assert fresh.verify(tmp_path / "heads.jsonl").ok
        _forged(folder, **guilty)
        with pytest.warns(UserWarning, match="the ledger does not know|altered"):
            assert same(fresh.events(), table)


def test_verify_recomputes_what_the_mirror_holds(url: str, tmp_path: Path) -> None:
    """Even who wrote the new digests into the database as well is found."""
    table = events.sample(600, seed=6)
    folder = tmp_path / "mirror"
    with Ledger(url, mirror=folder) as ledger:
        ledger.record_events(table)
        ledger.events().collect()
        assert ledger.verify().ok
        _forged(folder, value=pl.col("value") + 1)
        with ledger.engines.writer.begin() as connection:
            for path in folder.glob("part-*.parquet"):
                digest = hashlib.sha256(path.read_bytes()).hexdigest()
                connection.execute(
                    tables.mirror_parts.update().where(tables.mirror_parts.c.name == path.name).values(sha256=digest)
                )
        found = ledger.verify()
        assert not found.ok and found.kind == "mirror" and "is not what was recorded" in found.message
        assert ledger.verify().ok and same(ledger.events(), table)


def test_names_from_elsewhere_are_no_paths(ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = events.sample(600, seed=6)
    ledger.record_events(table)
    ledger.events().collect()
    outside = tmp_path / "part-00-000000000001-00000000.parquet"
    table.write_parquet(outside)
    path = tmp_path / "mirror/manifest.json"
    manifest = json.loads(path.read_text())
    manifest["files"][0][1] = f"../{outside.name}"
    path.write_text(json.dumps(manifest))
    assert same(ledger.events(), table) and outside.exists()
    with ledger.engines.writer.begin() as connection:
        connection.execute(tables.head.update().values(ledger_id="../../../somewhere"))
    monkeypatch.setenv("AURA_MIRROR", str(tmp_path / "mirrors"))
    with Ledger(str(ledger.engines.url.render_as_string(hide_password=False))) as again:
        again.events().collect()
    assert [one.name for one in (tmp_path / "mirrors").iterdir()] == ["_________somewhere"]


def test_a_ledger_that_may_only_be_read_is_mirrored_by_its_reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from aura_analytics.errors import LedgerUnavailableError

    table = events.sample(600, seed=6)
    with Ledger(tmp_path / "aura.db", mirror=tmp_path / "mirror") as ledger:
        ledger.record_events(table)

        def refused(*_: object) -> None:
            raise LedgerUnavailableError("read-only")

        monkeypatch.setattr(type(ledger.engines), "writer", property(refused))
        assert same(ledger.events(), table) and same(ledger.events(), table)
