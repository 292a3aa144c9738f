"""Whatever interrupts or kills a command, and whenever: no traceback, nothing half written, and it can be run again."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest

import aura_analytics as aura
from tests.conftest import ROOT
from tests.decisions.conftest import decided

pytestmark = pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")

MAPPING = """
name: claims
columns: {case: claim, activity: step, time: at, actor: who}
open: [filed]
resolve: [closed]
"""
CONFIDENCES = "confidence:\n  agent:good: 0.6\n  agent:bad: 0.9\n"


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one of everything that a command reads."""
    folder = tmp_path_factory.mktemp("base")
    log = aura.events.sample(4_000, seed=1)
    aura.write_events(log, folder / "log.jsonl")
    with aura.Ledger(folder / "d.db", mirror=False) as ledger:
        ledger.record_events(log)
    (folder / "map.yaml").write_text(MAPPING)
    steps = "".join(f"C{i},filed,2026-01-05 09:00,anne\nC{i},closed,2026-01-06 09:00,anne\n" for i in range(3_000))
    (folder / "claims.csv").write_text("claim,step,at,who\n" + steps)
    (folder / "conf.yaml").write_text(CONFIDENCES)
    decisions = aura.AccountabilityLogger(folder / "dec.jsonl")
    for i in range(100):
        decided(decisions, "agent:good", ended="failure" if i % 10 == 0 else "success")
        decided(decisions, "agent:bad", ended="success" if i % 5 == 0 else "failure")
    decisions.close()
    return folder


def whole_parquet(path: Path) -> None:
    assert pl.read_parquet(path).height > 0


def whole_lines(path: Path) -> None:
    text = path.read_text()
    assert text.endswith("\n") and all(json.loads(line) for line in text.splitlines())


def whole_page(path: Path) -> None:
    assert path.read_text().rstrip().endswith("</html>")


def whole_ledger(path: Path) -> None:
    with aura.Ledger(path, mirror=False) as ledger:
        assert ledger.verify().ok
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    connection.close()


def whole_log(folder: Path) -> None:
    log = aura.AccountabilityLogger(folder / "dec.jsonl")
    assert log.verify().ok
    assert log.get_decision_statistics()["total_decisions"] == 200


@dataclass(frozen=True)
class Command:
    """A command, and what must hold of what it writes whenever it is there."""

    words: str
    out: str = ""
    whole: Callable[[Path], None] | None = None
    over: str = ""  # what a second run must be told to replace what the first one wrote
    before: str = ""  # a command that prepares it
    again: bool = True  # whether a second run succeeds after one that was finished


COMMANDS = [
    Command("import claims.csv --mapping map.yaml --out e.parquet", "e.parquet", whole_parquet, over=" --force"),
    Command("record log.jsonl --ledger new.db", "new.db", whole_ledger),
    Command("record log.jsonl --ledger d.db", "d.db", whole_ledger),
    Command("dossiers log.jsonl --out b.jsonl", "b.jsonl", whole_lines, over=" --force"),
    Command("dossiers d.db --out b.parquet", "b.parquet", whole_parquet, over=" --force"),
    Command("report log.jsonl --out r.html", "r.html", whole_page, over=" --force"),
    Command("export log.jsonl --page explorer --out x.html", "x.html", whole_page),
    Command("ledger snapshot d.db --out s.db", "s.db", whole_ledger, again=False),
    Command("ledger export-heads d.db --out heads.jsonl", "heads.jsonl", whole_lines),
    Command("simulate run understaffed --days 60 --out s.parquet --truth t.parquet", "s.parquet", whole_parquet, over=" --force"),
    Command("log rotate --log-file dec.jsonl --plain-days 0", ".", whole_log),
    Command("log export --log-file dec.jsonl --out plain.jsonl", "plain.jsonl", whole_lines, over=" --force"),
    Command(
        "learn apply p.yaml --approver Anne --log-file dec.jsonl",
        ".",
        whole_log,
        before="learn propose conf.yaml --out p.yaml --log-file dec.jsonl",
        again=False,
    ),
    Command("demo --days 5 --out demo", "demo/aura.db", whole_ledger),
]


def started(words: str, folder: Path) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "AURA_MIRROR": "off"}
    command = [sys.executable, "-m", "aura_analytics", *words.split()]
    return subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=_hears if hasattr(signal, "SIGHUP") else None,  # noqa: PLW1509  (nothing but a signal's handler)
    )


def _hears() -> None:
    """Who runs the tests may ignore a hang-up, as under nohup, and `aura` with them: then it goes on, as it should."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def taken(words: str, folder: Path) -> float:
    begun = time.monotonic()
    process = started(words, folder)
    _, said = process.communicate(timeout=180)
    assert process.returncode == 0, f"{words}: {said}"
    return time.monotonic() - begun


def struck(words: str, folder: Path, after: float, number: signal.Signals) -> tuple[int, str]:
    """A command that is sent a signal after so many seconds: how it ended, and what it said."""
    process = started(words, folder)
    try:
        process.wait(after)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, number)
    _, said = process.communicate(timeout=60)
    return process.returncode, said


@pytest.fixture
def folders(base: Path, tmp_path: Path) -> Iterator[Callable[[], Path]]:
    """Copies of the folder, one after the other."""
    place = tmp_path / "w"

    def fresh() -> Path:
        shutil.rmtree(place, ignore_errors=True)
        return Path(shutil.copytree(base, place))

    yield fresh
    shutil.rmtree(place, ignore_errors=True)


def check(command: Command, folder: Path, base: Path, code: int, said: str, number: signal.Signals) -> None:
    assert not any(word in said for word in ("Traceback", "Exception ignored", "panicked")), said
    assert code in (0, 128 + number, -number), (code, said)
    for file in base.iterdir():  # what it only reads is as it was
        if file.name not in command.words.split("--")[0] or file.suffix in (".csv", ".yaml", ".jsonl"):
            is_written = command.out in (".", file.name) or file.name.startswith(("dec.jsonl", command.out))
            if not is_written:
                assert (folder / file.name).read_bytes() == file.read_bytes(), file.name
    if command.out and command.whole is not None and (folder / command.out).exists():
        command.whole(folder / command.out)


def strike(command: Command, base: Path, fresh: Callable[[], Path], count: int, seed: int) -> None:
    def made() -> Path:
        folder = fresh()
        if command.before:
            taken(command.before, folder)
        return folder

    duration = taken(command.words, made())
    draw = random.Random(seed)
    for i in range(count):
        number = (signal.SIGKILL, signal.SIGINT, signal.SIGTERM)[i % 3]
        folder = made()
        there = {path: path.read_bytes() for path in (folder / "conf.yaml", folder / command.out) if path.is_file()}
        code, said = struck(command.words, folder, draw.uniform(0.3, 1.05) * duration, number)
        check(command, folder, base, code, said, number)
        if code != 0 and i % 2 == 0:
            done = any(path.read_bytes() != content for path, content in there.items()) or (
                (folder / command.out).is_file() and folder / command.out not in there
            )
            if command.again or not done:
                taken(command.words + (command.over if (folder / command.out).is_file() else ""), folder)
            if command.whole is not None:
                command.whole(folder / command.out)
            for left in folder.rglob("*.part"):
                assert number == signal.SIGKILL, left  # swept once nobody can be writing it any more


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupt_is_said_in_one_line(number: signal.Signals, folders: Callable[[], Path]) -> None:
    folder = folders()
    process = started("simulate sweep understaffed --replications 4000 --workers 2", folder)
    time.sleep(4)
    assert process.poll() is None, process.communicate()
    os.killpg(process.pid, number)
    out, said = process.communicate(timeout=30)
    assert process.returncode in (128 + number, -number)
    assert out == "" and said.count("\n") == 1
    assert said.startswith("aura: ") and "nothing is half written" in said


DESTRUCTOR = """
import os, signal, time
import aura_analytics.cli.app as app
from aura_analytics.cli import entry
class Closing:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)
def run():
    Closing()
    time.sleep(30)
app.main = run
entry.main()
"""


def test_a_signal_that_comes_where_python_raises_nothing() -> None:
    done = subprocess.run([sys.executable, "-c", DESTRUCTOR], capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 128 + signal.SIGTERM
    assert done.stderr.startswith("aura: ended; ") and done.stderr.count("\n") == 1


TURNED = """
import os, signal
import aura_analytics.cli.app as app
from aura_analytics.cli import entry
class Closing:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
def run():
    Closing()
    raise TypeError("what a library made of the interrupt it could not raise")
app.main = run
entry.main()
"""


def test_an_interrupt_that_a_library_turns_into_an_error_of_its_own() -> None:
    done = subprocess.run([sys.executable, "-c", TURNED], capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 128 + signal.SIGINT
    assert done.stderr.startswith("aura: interrupted; ") and done.stderr.count("\n") == 1


@pytest.mark.slow
@pytest.mark.parametrize("place", [0, 3, 10])
def test_a_command_that_is_interrupted(place: int, base: Path, folders: Callable[[], Path]) -> None:
    strike(COMMANDS[place], base, folders, 3, seed=place)


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS, ids=lambda one: one.words[:30])
def test_two_hundred_kills(command: Command, base: Path, folders: Callable[[], Path]) -> None:
    strike(command, base, folders, 15, seed=len(command.words))  # 14 commands
