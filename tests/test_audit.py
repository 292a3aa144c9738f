"""The audit of what is installed names what is wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT

AUDIT = ROOT / ".ci/audit.py"
LOCK = """
[[package]]
name = "tornado"
version = "{version}"
source = {source}
wheels = [{{ url = "tornado.whl", hash = "{hash}" }}]
"""
GOOD = {"version": "6.5.9", "source": '{ registry = "somewhere" }', "hash": "sha256:00"}


def audited(folder: Path, **changed: str) -> tuple[int, str]:
    (folder / "lock").write_text(LOCK.format(**{**GOOD, **changed}))
    (folder / "bill").write_text(json.dumps({"components": []}))
    command = [sys.executable, str(AUDIT), "check", str(folder / "lock"), str(folder / "bill")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, "".join(line + "\n" for line in done.stdout.splitlines() if "not in the bill" not in line)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"version": "6.3.1"}, "tornado 6.3.1 (CVE-2023-28370): PYSEC-2023-75"),
        ({"version": "6.3b1"}, "PYSEC-2023-75"),
        ({"source": '{ git = "https://example.org/tornado" }'}, "expected an index"),
        ({"hash": "md5:00"}, "a file without a SHA-256"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, changed: dict[str, str], says: str) -> None:
    assert not any(word in audited(tmp_path)[1] for word in ("PYSEC", "expected", "without"))
    code, said = audited(tmp_path, **changed)
    assert code == 1 and says in said


def test_a_version_that_was_mended_is_not_affected(tmp_path: Path) -> None:
    assert "PYSEC-2023-75" not in audited(tmp_path, version="6.3.2")[1]


def test_what_is_needed_stands_in_the_bill(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text(LOCK.format(**GOOD))
    bill: dict[str, Any] = {"components": [{"name": "Tornado", "version": "6.5.9"}, {"name": "other", "version": "1"}]}
    (tmp_path / "bill").write_text(json.dumps(bill))
    command = [sys.executable, str(AUDIT), "check", str(tmp_path / "lock"), str(tmp_path / "bill")]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    assert "other 1 is in the bill of materials, and not locked" in said
    assert "polars is needed, and not in the bill of materials" in said
