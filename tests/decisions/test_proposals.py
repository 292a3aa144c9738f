"""Proposals: evidence on every line, nothing compounded, nothing applied without a name."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from scipy.stats import norm

import aura_analytics as aura
from aura_analytics import AccountabilityLogger
from aura_analytics.decisions.confidences import read_confidences
from aura_analytics.errors import FileFormatError, FileMissingError, ParameterError
from aura_analytics.learning.sequential import many_looks
from tests.decisions.conftest import decided

CONFIDENCES = """# ours
confidence:
  agent:good: 0.60   # watched
  agent:bad: 0.9
  "agent:few": 0.7
  agent:never: 0.5
other: 1
"""


def told(log: AccountabilityLogger, rounds: int = 100) -> None:
    for i in range(rounds):
        decided(log, "agent:good", ended="success" if i % 10 else "failure")
        decided(log, "agent:bad", ended="failure" if i % 10 else "success")
        for number in range(4):
            decided(log, f"agent:mid{number}", ended="success" if i % 10 < 6 else "failure")
    for _ in range(3):
        decided(log, "agent:few", ended="failure")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "conf.yaml").write_text(CONFIDENCES)
    return tmp_path / "conf.yaml"


@pytest.mark.parametrize("method", ["adjusted", "shrunk"])
def test_from_proposal_to_approval(any_log: AccountabilityLogger, file: Path, tmp_path: Path, method: str) -> None:
    told(any_log)
    made = any_log.propose_adjustments(file, method=method, out=tmp_path / "p.yaml")  # type: ignore[arg-type]
    assert file.read_text() == CONFIDENCES  # nothing is applied
    changes = {change.component: change for change in made.changes}
    assert set(changes) == {"agent:good", "agent:bad"}
    good, bad = changes["agent:good"], changes["agent:bad"]
    assert good.before == good.base == 0.6 and good.after == round(0.6 * good.multiplier, 4) > 0.6 and good.lo > 1
    assert bad.after < 0.9 and bad.hi < 1 and bad.n == 100 and "from 100 outcomes" in bad.because
    assert "too few outcomes (n = 3)" in made.left["agent:few"] and made.left["agent:never"] == "no outcomes"
    assert made.level == pytest.approx(2 * norm.cdf(many_looks(0.05 / 4)) - 1)  # 95 % for the four together, at any time
    minus = [line for line in made.diff.splitlines() if line.startswith("-") and "---" not in line]
    assert minus == ["-  agent:good: 0.60   # watched", "-  agent:bad: 0.9"]
    assert yaml.safe_load((tmp_path / "p.yaml").read_text())["diff"] == made.diff

    any_log.apply_adjustments(tmp_path / "p.yaml", "A. Lee", "reviewed")
    held = yaml.safe_load(file.read_text())
    assert held == {
        "confidence": {"agent:good": good.after, "agent:bad": bad.after, "agent:few": 0.7, "agent:never": 0.5},
        "other": 1,
    }
    assert f"agent:good: {good.after:g}   # watched  # aura: 0.6 x {good.multiplier:g} (" in file.read_text()
    assert file.read_text().splitlines()[4:] == CONFIDENCES.splitlines()[4:]  # the rest stands as it was
    events = any_log.to_events().filter(type="HR_ACTION").sort("actor")
    assert events["actor"].to_list() == ["agent:bad", "agent:good"]
    said = json.loads(events["attributes"][0])
    assert (said["action"], said["approver"], said["reason"], said["after"]) == ("confidence", "A. Lee", "reviewed", bad.after)
    assert aura.dossiers(any_log.to_events(), window="all").height == 7

    # the same outcomes never count twice, and a change is made of the confidence before all changes
    again = any_log.propose_adjustments(file, method=method)  # type: ignore[arg-type]
    assert not again and "no outcome since the last approved change" in again.left["agent:bad"]
    for _ in range(70):
        decided(any_log, "agent:bad", ended="success")
    if method == "shrunk":  # seven components say too little of how much components differ
        return
    later = {change.component: change for change in any_log.propose_adjustments(file, method=method).changes}  # type: ignore[arg-type]
    assert later["agent:bad"].base == 0.9 and later["agent:bad"].after == pytest.approx(
        0.9 * later["agent:bad"].multiplier, abs=1e-4
    )
    with pytest.raises(ParameterError, match=r"changed since the proposal was made \(this proposal was approved before\)"):
        any_log.apply_adjustments(tmp_path / "p.yaml", "A. Lee")


def test_another_log_does_not_compound_either(log: AccountabilityLogger, file: Path, tmp_path: Path) -> None:
    told(log)
    log.propose_adjustments(file, out=tmp_path / "p.yaml")
    log.apply_adjustments(tmp_path / "p.yaml", "Anne")
    other = AccountabilityLogger(tmp_path / "other.jsonl")
    told(other)
    assert not other.propose_adjustments(file).changes  # base times multiplier is what stands there
    file.write_text(file.read_text().replace("agent:bad: 0.63", "agent:bad: 0.85"))
    assert "edited by hand" in log.propose_adjustments(file).left["agent:bad"]


def test_three_outcomes_never_make_a_proposal(tmp_path: Path, file: Path) -> None:
    for wins in range(4):
        log = AccountabilityLogger(tmp_path / f"{wins}.jsonl")
        for _ in range(50):
            decided(log, "agent:other", ended="success")
        for name in ("agent:good", "agent:bad"):
            for i in range(3):
                decided(log, name, ended="success" if i < wins else "failure")
        for method in ("adjusted", "shrunk"):
            assert not log.propose_adjustments(file, method=method).changes


def test_a_crash_between_the_approval_and_the_file(
    log: AccountabilityLogger, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from aura_analytics.decisions import applying

    told(log)
    log.propose_adjustments(file, out=tmp_path / "p.yaml")

    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(applying, "replacing", crash)
        with pytest.raises(KeyboardInterrupt):
            log.apply_adjustments(tmp_path / "p.yaml", "Anne")
    assert file.read_text() == CONFIDENCES
    log.apply_adjustments(tmp_path / "p.yaml", "Anne")
    assert file.read_text() != CONFIDENCES
    assert log.to_events().filter(type="HR_ACTION").height == 2  # one approval


def test_what_is_refused(log: AccountabilityLogger, file: Path, tmp_path: Path) -> None:
    told(log)
    with pytest.raises(ParameterError, match="nothing can be proposed by this method: got 'seed'"):
        log.propose_adjustments(file, method="seed")  # type: ignore[arg-type]
    with pytest.raises(FileMissingError, match="no such file"):
        log.propose_adjustments(tmp_path / "no.yaml")
    log.propose_adjustments(file, out=tmp_path / "p.yaml")
    with pytest.raises(ParameterError, match="exists already"):
        log.propose_adjustments(file, out=tmp_path / "p.yaml")
    for name in ("", "  ", "a\nb"):
        with pytest.raises(ParameterError, match="an approval needs a name"):
            log.apply_adjustments(tmp_path / "p.yaml", name)
    edited = (tmp_path / "p.yaml").read_text().replace("after: 0.63", "after: 0.99")
    assert edited != (tmp_path / "p.yaml").read_text()
    (tmp_path / "edited.yaml").write_text(edited)
    with pytest.raises(FileFormatError, match="changed after it was made"):
        log.apply_adjustments(tmp_path / "edited.yaml", "Anne")
    with pytest.raises(FileFormatError, match="no proposal"):
        log.apply_adjustments(file, "Anne")
    file.write_text(CONFIDENCES + "\n")
    with pytest.raises(ParameterError, match="the file has changed since"):
        log.apply_adjustments(tmp_path / "p.yaml", "Anne")
    assert log.to_events().filter(type="HR_ACTION").is_empty()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- a\n- b\n", "holds no confidences"),
        ("a: [1\n", "not YAML"),
        ("a: 2\nb: high\n", "2 problems"),
        ("a: 0.5\na: 0.6\n", "stands twice"),
        ("", "holds no confidences"),
        ("a: .nan\n", "a has no confidence"),
    ],
)
def test_files_that_are_none(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "c.yaml").write_text(text)
    with pytest.raises(FileFormatError, match=said):
        read_confidences(tmp_path / "c.yaml")


def test_forms_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_bytes(b"a: 0.5\r\nagent:b: 1\r\n'c': 0.25 # x\r\n")
    found = read_confidences(tmp_path / "c.yaml")
    assert {name: there.value for name, there in found.items()} == {"a": 0.5, "agent:b": 1.0, "c": 0.25}


RULES = """# What the orchestrator goes by.
version: 2
defaults:
  threshold: 0.5   # not a component's
skills:
  - name: brainstorming        # asked first
    when: {intent: [design, idea]}
    confidence: 0.60
  - {name: good, when: {domain: api}, confidence: 0.6}   # in one line
agents:
  good:
    when:
      domain: auth
    confidence: 0.60  # watched
  few: 0.7
workflows:
  - id: review
    steps:
      - agent: bad
        when: {stage: last}
        confidence: 0.9
      - agent: bad
        when: {stage: first}
        confidence: 0.8
    confidence: 0.75
"""


def test_the_rules_of_an_orchestrator(any_log: AccountabilityLogger, tmp_path: Path) -> None:
    told(any_log)
    file = tmp_path / "orchestrator-rules.yaml"
    file.write_text(RULES)
    held = read_confidences(file)
    assert {entry: (there.component, there.value) for entry, there in held.items()} == {
        "skill:brainstorming": ("skill:brainstorming", 0.6),
        "skill:good": ("skill:good", 0.6),
        "agent:good": ("agent:good", 0.6),
        "agent:few": ("agent:few", 0.7),
        "workflow:review": ("workflow:review", 0.75),
        "agent:bad": ("agent:bad", 0.9),
        "agent:bad [{stage: first}]": ("agent:bad", 0.8),
    }
    made = any_log.propose_adjustments(file, out=tmp_path / "p.yaml")
    assert {change.entry for change in made.changes} == {"agent:good", "agent:bad", "agent:bad [{stage: first}]"}
    any_log.apply_adjustments(tmp_path / "p.yaml", "A. Lee", "reviewed")
    after, before = file.read_text().splitlines(), RULES.splitlines()
    changed = [place for place, (one, other) in enumerate(zip(after, before, strict=True)) if one != other]
    assert [before[place].strip() for place in changed] == ["confidence: 0.60  # watched", "confidence: 0.9", "confidence: 0.8"]
    assert all("# aura: " in after[place] for place in changed) and "# watched" in after[changed[0]]
    whole = yaml.safe_load(file.read_text())
    assert whole["agents"]["good"]["when"] == {"domain": "auth"} and whole["agents"]["good"]["confidence"] > 0.6
    assert whole["workflows"][0]["steps"][0]["confidence"] < 0.9 and whole["skills"][1]["confidence"] == 0.6
    assert not any_log.propose_adjustments(file)  # no outcome since: nothing is multiplied twice


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("agents:\n  - when: x\n    confidence: 0.5\n", "line 3: a confidence belongs to nobody"),
        ("agents:\n  a:\n    confidence: no\n", "line 3: agent:a has no confidence"),
        ("agents:\n  a: {confidence: 0.5}\nskills:\n  - {name: 'agent:a', confidence: 0.6}\n", "agent:a stands there twice"),
        ("agents: [{name: a, confidence: 0.5}, {name: b, confidence: 0.5}]\n", "two confidences stand on one line"),
        ("agents:\n  a: {when: x}\n", "holds no confidences"),
    ],
)
def test_rules_that_cannot_be_used(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "c.yaml").write_text(text)
    with pytest.raises(FileFormatError, match=said):
        read_confidences(tmp_path / "c.yaml")


def test_explanations(any_log: AccountabilityLogger) -> None:
    told(any_log, 20)
    name = any_log.log_decision(
        "build a login",
        {"complexity": 7, "risks": [{"category": "security", "level": "HIGH", "confidence": 0.9, "reasoning": "it is a login"}]},
        {
            "decisions": [
                {
                    "component_type": "agent",
                    "component_name": "good",
                    "rationale": "HIGH risk",
                    "confidence": 0.95,
                    "rule_applied": "agents.good.when[1]",
                }
            ],
            "total_confidence": 0.95,
            "execution_order": ["agent:good"],
            "human_approval_required": True,
            "approval_reason": "it is a login",
        },
    )
    assert any_log.explain(name, "brief") == f"{name}: agent:good (confidence 0.95); no outcome yet"
    any_log.log_override(name, "agent:good", by="anne", replacement="agent:bad", reason="too slow")
    any_log.log_outcome(
        name, {"outcome_type": "failure", "time_taken_seconds": 9, "issues_found": ["no tests"], "tests_passed": False}
    )
    any_log.log_outcome(name, {"outcome_type": "success", "time_taken_seconds": 45.3, "quality_score": 0.92, "notes": "second try"})
    assert any_log.explain(name, "silent") == ""
    detailed = any_log.explain(name)
    for said in (
        "complexity 7",
        "HIGH security",
        "it is a login",
        "1. agent:good (confidence 0.95, rule agents.good.when[1])",
        "because: HIGH risk",
        "Human approval required: it is a login",
        "agent:good -> agent:bad: too slow",
        "success in 45.3s, quality 0.92",
        "notes: second try",
    ):
        assert said in detailed
    assert "failure" not in detailed
    full = any_log.explain(name, "full")
    assert full.startswith(detailed) and "All outcomes (2; the last one counts)" in full and "failure in 9s, tests failed" in full
    assert "agent:bad: success 10.0% (2.8%-30.1%), n = 20" in full  # Wilson, 2 of 20: what was known by then
    assert '"user_request": "build a login"' in full
    with pytest.raises(ParameterError, match="no such decision: got 'nobody'"):
        any_log.explain("nobody")
    with pytest.raises(ParameterError, match="did you mean 'brief'"):
        any_log.explain(name, "breif")  # type: ignore[arg-type]


def test_reports_of_a_log(any_log: AccountabilityLogger) -> None:
    for i in range(60):
        decided(any_log, "agent:good", confidence=0.9 if i % 3 else 0.55, ended="success" if i % 3 or i % 2 else "failure")
    report = any_log.calibration_report(bins=5)
    assert (report.n, report.successes, report.verdict) == (60, 50, "informative")
    assert any_log.calibration_report("agent:none").verdict == "insufficient"
    watched = any_log.anomalies()
    assert watched.height == 1 and watched["n"].to_list() == [60] and watched["direction"].to_list() == [None]
    name = decided(any_log, "agent:good")
    any_log.log_override(name, "agent:good", by="anne")
    assert any_log.anomalies("override").select("n", "k").row(0) == (61, 1)
    with pytest.raises(ParameterError, match="unknown rate"):
        any_log.anomalies("speed")  # type: ignore[arg-type]
    middle = any_log.table()["ts"][30]
    assert any_log.compare_versions(middle).n_before == 30


def test_a_digest_that_looks_like_a_number_is_a_text() -> None:
    """About one digest in a thousand is digits with one e: a number of YAML 1.2, which no proposal may be refused for."""
    from aura_analytics.yaml_text import dumped, loaded

    for text in ("12345678e1234567", "1234567812345678", "0x12", "1_000", "12:30:00", "yes", "~", "1e5", "-.5e-3", "2026-01-05"):
        for body in ({"proposal": text}, {"other": [text, 1.5, 1e-7, 3, True, None]}):
            assert dict(loaded(dumped(body), "here")) == body
