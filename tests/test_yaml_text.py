"""YAML as people mean it."""

from __future__ import annotations

from pathlib import Path

import pytest

import aura_analytics as aura
from aura_analytics import yaml_text
from aura_analytics.errors import RuleError
from aura_analytics.rules.review import mistakes_in, notes_on
from aura_analytics.yaml_text import Mapped, YamlTextError, loaded


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("yes", "yes"),
        ("off", "off"),
        ("NO", "NO"),
        ("true", True),
        ("False", False),
        ("017", 17),
        ("1:30", "1:30"),
        ("12:30:45", "12:30:45"),
        ("0x1F", "0x1F"),
        ("1_000", "1_000"),
        ("2026-03-01", "2026-03-01"),
        ("1e3", 1000.0),
        (".5", 0.5),
        ("-.inf", float("-inf")),
        ("~", None),
        ("'null'", "null"),
        ("[a, 1]", ["a", 1]),
    ],
)
def test_scalars_are_those_of_1_2(text: str, value: object) -> None:
    found = loaded(f"x: {text}\n", "f")["x"]
    assert found == value and type(found) is type(value)


def test_places() -> None:
    found = loaded("a:\n  - b: 1\n    c: 2\n", "f")
    assert isinstance(found, Mapped)
    assert found.place(("a", 0, "leaf", "c")) == (3, 5) and found.place(("a", 7)) == (1, 1)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: 1\nb: 2\na: 3\n", [r"key 'a' stands twice", "f:3:1", "line 1, column 1"]),
        ("a:\n  b: 1\n  b: 2\nc: {d: 1, d: 2}\n", ["f:3:3", "f:4:11"]),
        ("a: !!python/object/apply:os.getcwd []", ["loaded safely", "f:1:4"]),
        ("!!set {a, b}", ["loaded safely"]),
        ("a: [", ["loaded safely", "f:"]),
        ("base: &b {x: 1}\nc:\n  <<: *b\n", ["a key is a plain word|stands|<<"]),
        ("? [a]\n: 1", ["a key is a plain word"]),
    ],
)
def test_what_is_refused(text: str, says: list[str]) -> None:
    import re

    try:
        found = loaded(text, "f")
    except YamlTextError as error:
        assert all(re.search(part, str(error)) for part in says), str(error)
    else:
        assert found["c"] == {"<<": {"x": 1}}  # nothing is merged: it is a key like any other, and no model has it


def test_a_bomb_of_aliases_is_refused() -> None:
    text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 9)
    )
    with pytest.raises(YamlTextError, match="its aliases repeat more than 10,000 values"):
        loaded(text, "f")


POLICY = """name: t
rules:
  - id: pip
    when: {{metric: override_rate, {}}}
"""


@pytest.mark.parametrize(
    ("leaf", "says"),
    [
        ("above: 0.3, missing_as: no", "p.yaml:4:"),
        ("above: 0.3, missing_as: false", "neither a number nor a text"),
        ("above: 0.3, min_n: true", "neither a number nor a text"),
        ("above: 0.3, missing_as: 7", "missing_as lies outside the range"),
        ("above: 0.3, missing_as: .nan", "missing_as lies outside the range"),
        ("above: 30", "threshold lies outside the range"),
        ("abov: 0.3", "p.yaml:4:"),
    ],
)
def test_a_policy_says_where(tmp_path: Path, leaf: str, says: str) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(POLICY.format(leaf))
    with pytest.raises(RuleError) as caught:
        aura.Policy.from_yaml(path)
    assert says in str(caught.value), str(caught.value)


@pytest.mark.parametrize(
    ("leaf", "says"),
    [
        ("above: 1.0", "can never hold"),
        ("below: 0", "can never hold"),
        ("above: 0.3, confidence: 0.9", "confidence without a limit does nothing"),
        ("above: 0.3, limit: lower, confidence: 0.9", None),
        ("below: 0, missing_as: 0", "can never hold"),
        ("at_most: 0, missing_as: 0", None),
    ],
)
def test_what_cannot_be_meant(tmp_path: Path, leaf: str, says: str | None) -> None:
    path = tmp_path / "p.yaml"
    path.write_text(POLICY.format(leaf))
    found = " ".join(map(str, mistakes_in(aura.Policy.from_yaml(path).spec, "p.yaml")))
    assert (says in found) if says else not found, found


def test_comparisons_that_exclude_each_other() -> None:
    both = {
        "all": [
            {"metric": "override_rate", "above": 0.5},
            {"any": [{"metric": "override_rate", "below": 0.4}, {"metric": "override_rate", "below": 0.3}]},
        ]
    }
    policy = aura.Policy({"name": "p", "rules": [{"id": "r", "when": both}]})
    assert "can never hold" in str(mistakes_in(policy.spec, "p"))
    both["all"][1]["any"].append({"metric": "sat_score_mean", "below": 3})  # type: ignore[index]
    assert not mistakes_in(aura.Policy({"name": "p", "rules": [{"id": "r", "when": both}]}).spec, "p")


def test_readings_that_share_days_are_named() -> None:
    rule = {"id": "r", "when": {"metric": "override_rate", "above": 0.3}}
    shared = aura.Policy({"name": "p", "persistence": {"k": 3, "m": 3, "step": "30d"}, "rules": [rule]})
    assert "share 67% of their days" in notes_on(shared.spec)[0] and "up to 3 of them" in notes_on(shared.spec)[0]
    assert not notes_on(aura.Policy({"name": "p", "persistence": {"k": 3, "m": 3}, "rules": [rule]}).spec)


@pytest.mark.parametrize("step", ["1d", "7d", "30d", "90d", "365d"])
def test_tests_with_several_readings_run_for_every_step(step: str) -> None:
    reading = {"override_rate": {"hits": 60, "of": 100}}
    policy = aura.Policy(
        {
            "name": "p",
            "persistence": {"k": 2, "m": 3, "step": step},
            "rules": [{"id": "r", "when": {"metric": "override_rate", "above": 0.3}}],
            "tests": [
                {"name": "once", "readings": [reading], "expect": "watch"},
                {"name": "twice", "readings": [reading, reading], "expect": "flag"},
                {
                    "name": "with one between",
                    "readings": [reading, {"override_rate": {"hits": 1, "of": 100}}, reading],
                    "expect": "flag",
                },
            ],
        }
    )
    assert policy.test().passed == 3 and not policy.test().failures


@pytest.mark.parametrize(
    "text",
    [
        "a: !",
        "! : b",
        "a:\t1",
        "a:\n |  \t",
        "a: >1#c",
        "a: [a? b]",
        "a: [? , : c]",
        "a:\n\ufeff0: o7",
        "a: #x\r\n\ufeffb",
        "a: |2 x\n  b",
        "[" * 150 + "]" * 150,
        "a: " + "- " * 120 + "b",
        " " * 120 + "a: b",
    ],
)
def test_what_two_readers_read_differently_is_read_with_care(text: str) -> None:
    assert yaml_text._fast(text, "here") is None


@pytest.mark.parametrize(
    "text", ["a: 1\nb: [x, 'y']\nc:\n  - d: 0o7\n    e: 2026-01-01\n  - &f {g: 1_0}\n  - *f\n", "é: ~\nb: |\n  c\n  d\n"]
)
def test_both_readers_say_the_same(text: str) -> None:
    fast, careful = yaml_text._fast(text, "here"), yaml_text._read(text, "here")[0]
    assert fast is not None and (fast, fast.places, repr(fast)) == (careful, careful.places, repr(careful))


def test_a_tag_that_calls_something_a_number() -> None:
    for kind in ("int", "float"):
        with pytest.raises(yaml_text.YamlTextError, match="is no number"):
            yaml_text.loaded(f"a: !!{kind} x", "here")
