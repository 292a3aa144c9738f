"""JSON from somebody else: what stands twice is refused however it is written."""

from __future__ import annotations

import pytest

from aura_analytics.strict_json import strict_json


@pytest.mark.parametrize(
    "text", ['{"a":1,"a":2}', '{"a": 1, "a" : 2}', '{"a":1,"a"\n:2}', '{"b":{"a":1,"a" :2}}', '[{"a":":","a" :2}]']
)
def test_a_name_that_stands_twice(text: str) -> None:
    with pytest.raises(ValueError, match="'a' stands twice"):
        strict_json(text)


@pytest.mark.parametrize("text", ['{"a": NaN}', "[Infinity]", '{"a"', ""])
def test_no_json(text: str) -> None:
    with pytest.raises(ValueError, match="no JSON|Expecting"):
        strict_json(text)


def test_names_within_texts_and_objects_are_their_own() -> None:
    assert strict_json('{"a": "\\"a\\": 1", "b": {"a": [{"a": 1}]}}') == {"a": '"a": 1', "b": {"a": [{"a": 1}]}}
