"""The files to run it with: read as their programs read them, and held against what the service knows."""

from __future__ import annotations

import configparser
import re
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import yaml

from aura_analytics.service.options import ServiceOptions

ROOT = Path(__file__).parent.parent.parent
KNOWN = {f"AURA_SERVICE_{one.name.upper()}" for one in fields(ServiceOptions)}


def test_the_image() -> None:
    text = (ROOT / "deploy/Dockerfile").read_text()
    lines = [line for line in text.replace("\\\n", " ").splitlines() if line.strip() and not line.startswith("#")]
    words = [line.split()[0] for line in lines]
    assert set(words) <= {
        "FROM",
        "WORKDIR",
        "COPY",
        "RUN",
        "USER",
        "ENV",
        "VOLUME",
        "EXPOSE",
        "HEALTHCHECK",
        "STOPSIGNAL",
        "ENTRYPOINT",
        "CMD",
    }
    last = lines[max(place for place, word in enumerate(words) if word == "FROM") :]
    assert any(line == "USER 10001" for line in last)  # never root
    assert all(re.search(r":\d", line) for line in lines if line.startswith("FROM"))  # a version, not "latest"
    assert all("--no-cache-dir" in line for line in lines if "pip install" in line)
    assert set(re.findall(r"AURA_SERVICE_\w+", text)) <= KNOWN
    for line in lines:
        if line.startswith("COPY") and "--from" not in line:
            assert all((ROOT / name).exists() for name in line.split()[1:-1]), line


def test_the_linter_of_images_finds_nothing() -> None:
    binary = Path(sys.executable).parent / "hadolint"
    found = subprocess.run([binary, str(ROOT / "deploy/Dockerfile")], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout) == (0, "")


def test_the_composition() -> None:
    found = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text())
    services = found["services"]
    assert set(services) == {"database", "aura"}
    assert set(services["aura"]["secrets"]) <= set(found["secrets"])
    for service in services.values():
        assert (
            "password"
            not in str({key: value for key, value in service.get("environment", {}).items() if not key.endswith("_FILE")}).lower()
        )
        assert {name.split(":")[0] for name in service["volumes"]} <= set(found["volumes"])
    assert {name for name in services["aura"]["environment"] if name.startswith("AURA_SERVICE_")} <= KNOWN
    assert services["aura"]["depends_on"]["database"]["condition"] == "service_healthy"


def test_the_unit() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(ROOT / "deploy/aura.service")
    assert {"Unit", "Service", "Install"} == set(unit.sections())
    assert unit["Service"]["ExecStart"].endswith("aura serve --access keys")
    assert unit["Service"]["NoNewPrivileges"] == "yes"


def test_every_setting_is_in_the_table() -> None:
    table = (ROOT / "docs/howto/serve.md").read_text()
    told = set()
    for cell in re.findall(r"^\| (`AURA_SERVICE_.*?) \|", table, re.MULTILINE):
        told |= {name if name.startswith("AURA") else f"AURA_SERVICE{name}" for name in re.findall(r"`(\w+)`", cell)}
    assert told | {"AURA_SERVICE_LEDGER"} == KNOWN
