"""A proposal is held against its log before it is applied, by a person, to the file that it was made from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from aura_analytics import AccountabilityLogger
from aura_analytics.decisions.applying import read_proposal
from aura_analytics.decisions.proposals import name_of
from aura_analytics.errors import AuraError, ParameterError
from tests.decisions.conftest import decided

CONFIDENCES = "confidence:\n  agent:good: 0.6\n  agent:bad: 0.9\n"


def told(log: AccountabilityLogger) -> None:
    for i in range(80):
        decided(log, "agent:good", ended="failure" if i % 10 == 0 else "success")
        decided(log, "agent:bad", ended="success" if i % 5 == 0 else "failure")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "conf.yaml").write_text(CONFIDENCES)
    return tmp_path / "conf.yaml"


def forged(proposal: Path, **changed: Any) -> Path:
    """A proposal that somebody rewrote, with its digest computed anew."""
    body = yaml.safe_load(proposal.read_text())
    for change in body["changes"]:
        change.update({name: value for name, value in changed.items() if name in change})
    body.update({name: value for name, value in changed.items() if name in body})
    body["proposal"] = name_of(body)
    target = proposal.with_name("forged.yaml")
    target.write_text(yaml.safe_dump(body, sort_keys=False))
    read_proposal(target)  # its digest is right
    return target


@pytest.mark.parametrize(
    "changed",
    [{"after": 0.99}, {"n": 8_000}, {"outcomes": 7}, {"base": 0.1}, {"changes": []}, {"log_digest": "0" * 64}, {"log_at": "x"}],
    ids=str,
)
def test_a_proposal_that_says_what_its_log_does_not(
    any_log: AccountabilityLogger, file: Path, tmp_path: Path, changed: dict[str, Any]
) -> None:
    told(any_log)
    any_log.propose_adjustments(file, out=tmp_path / "p.yaml")
    in_file = "://" not in any_log.log_file
    if changed == {"log_at": "x"} and in_file:
        return  # a file's chain says how many lines there were
    with pytest.raises(AuraError, match=r"says what its log does not|not made from this log|changes nothing"):
        any_log.apply_adjustments(forged(tmp_path / "p.yaml", **changed), "A. Lee")
    assert file.read_text() == CONFIDENCES and not any_log.notes("approval")
    any_log.apply_adjustments(tmp_path / "p.yaml", "A. Lee")
    assert file.read_text() != CONFIDENCES


def test_a_proposal_of_another_log(log: AccountabilityLogger, file: Path, tmp_path: Path) -> None:
    told(log)
    log.propose_adjustments(file, out=tmp_path / "p.yaml")
    other = AccountabilityLogger(tmp_path / "other.jsonl")
    told(other)
    with pytest.raises(ParameterError, match="was not made from this log"):
        other.apply_adjustments(tmp_path / "p.yaml", "A. Lee")


def test_what_was_logged_since_changes_nothing(any_log: AccountabilityLogger, file: Path, tmp_path: Path) -> None:
    told(any_log)
    any_log.propose_adjustments(file, out=tmp_path / "p.yaml")
    for _ in range(30):
        decided(any_log, "agent:bad", ended="success")
    any_log.apply_adjustments(tmp_path / "p.yaml", "A. Lee")
    assert file.read_text() != CONFIDENCES


@pytest.mark.parametrize("name", ["agent:bad", "AGENT:BAD", "bad", " Agent-Good ", "system", "bot", "12345", "аgent:bad"])
def test_no_component_and_no_machine_approves(log: AccountabilityLogger, file: Path, tmp_path: Path, name: str) -> None:
    told(log)
    log.propose_adjustments(file, out=tmp_path / "p.yaml")
    with pytest.raises(ParameterError, match=r"approves|approval needs a name"):
        log.apply_adjustments(tmp_path / "p.yaml", name)
    assert file.read_text() == CONFIDENCES and not log.notes("approval")


def test_only_the_file_that_it_was_made_from(
    log: AccountabilityLogger, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told(log)
    monkeypatch.chdir(tmp_path)
    log.propose_adjustments("conf.yaml", out="p.yaml")
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/conf.yaml").write_text(CONFIDENCES)
    monkeypatch.chdir(tmp_path / "elsewhere")
    victim = tmp_path / "victim.yaml"
    victim.write_text(CONFIDENCES)
    file.unlink()
    file.symlink_to(victim)
    with pytest.raises(ParameterError, match="leads to another file"):
        log.apply_adjustments("../p.yaml", "A. Lee")
    file.unlink()
    file.write_text(CONFIDENCES)
    log.apply_adjustments("../p.yaml", "A. Lee")
    assert file.read_text() != CONFIDENCES == victim.read_text() == Path("conf.yaml").read_text()
