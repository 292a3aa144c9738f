"""No command destroys data: what is written is whole or not there, and never stands where a ledger, a log or another file stood."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

import aura_analytics as aura
from aura_analytics import AccountabilityLogger, Ledger
from aura_analytics.errors import AuraError, OutputError, ParameterError
from aura_analytics.outputs import free_to_write, written, written_text


def aura_run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "aura_analytics", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a ledger, a log of events, a decision log, and somebody's notes."""
    log = aura.sample_log(200)
    with Ledger(tmp_path / "d.db", mirror=False) as ledger:
        ledger.record_events(log)
    aura.write_events(log, tmp_path / "log.jsonl")
    AccountabilityLogger(tmp_path / "decisions.jsonl").log_decision("x", {"score": 0.5}, {"selected_agent": "a"})
    for name in ("notes.html", "notes.csv", "notes.jsonl", "notes.parquet", "notes.md"):
        (tmp_path / name).write_text("my own\n")
    return tmp_path


OUTPUTS = [
    ("report", "log.jsonl", "--out", "{}"),
    ("report", "d.db", "--out", "{}"),
    ("dossiers", "log.jsonl", "--out", "{}"),
    ("office", "log.jsonl", "--out", "{}"),
    ("dossiers", "log.jsonl", "--quarantine", "{}"),
    ("ledger", "snapshot", "d.db", "--out", "{}"),
    ("simulate", "fraud_unit", "--days", "3", "--out", "{}"),
]
TARGETS = ["d.db", "log.jsonl", "decisions.jsonl", "notes.html", "notes.csv", "notes.jsonl", "notes.parquet"]


@pytest.mark.slow
@pytest.mark.parametrize("command", OUTPUTS, ids=" ".join)
def test_no_command_writes_over_what_is_there(folder: Path, command: tuple[str, ...]) -> None:
    if "--quarantine" in command:
        with (folder / "log.jsonl").open("a") as file:
            file.write('{"type": "DECISON"}\n')
    before = {name: (folder / name).read_bytes() for name in TARGETS}
    for name in TARGETS:
        done = aura_run(*(part.format(name) for part in command), cwd=folder)
        assert done.returncode != 0 and "Traceback" not in done.stderr, done.stderr
        assert done.stderr.startswith("aura: "), done.stderr
    assert {name: (folder / name).read_bytes() for name in TARGETS} == before
    assert not list(folder.glob(".*.part"))


@pytest.mark.slow
def test_force_replaces_a_file_and_never_a_ledger(folder: Path) -> None:
    ledger = (folder / "d.db").read_bytes()
    for target in ("d.db", "decisions.jsonl", "."):
        assert "never written over" in aura_run("report", "log.jsonl", "--out", target, "--force", cwd=folder).stderr
    assert (folder / "d.db").read_bytes() == ledger
    assert aura_run("report", "log.jsonl", "--out", "notes.html", "--force", cwd=folder).returncode == 0
    for _ in range(2):  # one's own earlier output may be made again
        assert aura_run("report", "log.jsonl", "--out", "r.html", cwd=folder).returncode == 0
        for name in ("b.csv", "b.jsonl", "b.parquet"):
            done = aura_run("dossiers", "log.jsonl", "--out", name, cwd=folder)
            assert done.returncode == 0, done.stderr


def test_python_says_it_too(folder: Path) -> None:
    log = aura.as_events(folder / "log.jsonl")
    for path in (folder / "d.db", folder / "notes.parquet", folder / "log.jsonl"):
        with pytest.raises(AuraError):
            aura.write_report(log, path)
    with pytest.raises(ParameterError, match="overwrite=True"):
        aura.write_events(log, folder / "notes.parquet")
    with pytest.raises(ParameterError, match="overwrite=True"):
        aura.write_events(log, folder / "log.jsonl")
    assert aura.write_events(log, folder / "log.jsonl", overwrite=True)  # read whole before it is replaced
    assert aura.as_events(folder / "log.jsonl").collect().height == log.collect().height


@pytest.mark.slow
def test_what_the_refusal_advises_can_be_done(folder: Path) -> None:
    place = folder / "kept.jsonl"
    place.write_text("x")
    words = {
        "simulate run understaffed --days 2 --out kept.jsonl": True,
        "simulate fit log.jsonl --out kept.jsonl": True,
        "export log.jsonl --out kept.jsonl": False,
    }
    for command, force in words.items():
        done = aura_run(*command.split(), cwd=folder)
        assert done.returncode == 2 and ("--force" in done.stderr) == force, (command, done.stderr)
        assert place.read_text() == "x"
    done = aura_run("simulate", "run", "understaffed", "--days", "2", "--out", "kept.jsonl", "--force", cwd=folder)
    assert done.returncode == 0 and aura.as_events(place).collect().height > 0
    with pytest.raises(ParameterError, match="overwrite=True"):
        aura.simulate("understaffed", days=2, out=place)
    assert aura.simulate("understaffed", days=2, out=place, overwrite=True).path == place


def test_a_link_is_replaced_and_never_followed(tmp_path: Path) -> None:
    target = tmp_path / "precious.txt"
    target.write_text("precious")
    link = tmp_path / "out.txt"
    link.symlink_to(target)
    with pytest.raises(ParameterError, match="exists already"):
        written_text(link, "x")
    written_text(link, "x", overwrite=True)
    assert target.read_text() == "precious" and link.read_text() == "x" and not link.is_symlink()
    (tmp_path / ".new.txt.part").symlink_to(target)  # the name that an earlier version would have used
    written_text(tmp_path / "new.txt", "y")
    assert target.read_text() == "precious"


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.txt"
    written_text(path, "old")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(OutputError, match="disk is full.*what was there is as it was"):
            written_text(path, "new", overwrite=True)
    with pytest.raises(OutputError, match="disk is full"), written(path, overwrite=True):
        raise pl.exceptions.ComputeError("No space left on device (os error 28)")
    assert path.read_text() == "old" and [one.name for one in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.slow
def test_a_real_limit_of_the_file_s_size(tmp_path: Path) -> None:
    """The kernel itself refuses: polars writes into what cannot grow."""
    code = (
        "import resource, signal, sys, aura_analytics as aura\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "log = aura.sample_log(20_000)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
        "try: aura.write_events(log, sys.argv[1], overwrite=True)\n"
        "except aura.AuraError as error: print(type(error).__name__)\n"
    )
    for name in ("e.parquet", "e.csv", "e.jsonl"):
        path = tmp_path / name
        path.write_text("old")
        done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False)
        assert done.stdout == "OutputError\n", done.stderr
        assert path.read_text() == "old" and not list(tmp_path.glob(".*.part"))


def test_what_was_left_half_done_is_swept(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    code = (
        "import os, signal, sys\nfrom aura_analytics.outputs import written\n"
        "with written(sys.argv[1]) as part:\n part.write_text('half'); os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(list(tmp_path.glob(".a.txt.*.part"))) == 1 and not path.exists()
    (tmp_path / ".a.txt.notes.part").write_text("not one of them")
    written_text(path, "whole")
    assert sorted(one.name for one in tmp_path.iterdir()) == [".a.txt.notes.part", "a.txt"]


def test_files_are_their_owner_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def mode(path: Path) -> int:
        return stat.S_IMODE(path.stat().st_mode)

    assert mode(written_text(tmp_path / "a", "x")) == 0o600
    monkeypatch.setenv("AURA_FILE_MODE", "640")
    assert mode(written_text(tmp_path / "b", "x")) == 0o640
    (tmp_path / "a").chmod(0o604)
    assert mode(written_text(tmp_path / "a", "y", overwrite=True)) == 0o604
    monkeypatch.setenv("AURA_FILE_MODE", "999")
    with pytest.raises(ParameterError, match="AURA_FILE_MODE cannot be read"):
        written_text(tmp_path / "c", "x")


def test_what_can_be_no_file(tmp_path: Path) -> None:
    for name in ("no/such/folder/a.txt", "a\0b", "x" * 5_000):
        with pytest.raises(ParameterError):
            free_to_write(tmp_path / name)


def test_what_is_recorded_is_its_owner_s(tmp_path: Path) -> None:
    with Ledger(tmp_path / "own.db", mirror=tmp_path / "mirror") as ledger:
        ledger.record_events(aura.sample_log(150))
        ledger._mirror.sync(len(ledger))  # type: ignore[union-attr]
    AccountabilityLogger(tmp_path / "own.jsonl").log_decision("x", {}, {"selected_agent": "a"})
    files = [tmp_path / "own.db", tmp_path / "own.jsonl", *(tmp_path / "mirror").glob("part-*")]
    assert len(files) > 3 and {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o600}
