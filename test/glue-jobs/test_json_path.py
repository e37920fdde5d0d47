"""Paths select as the extractor's do, and values keep every digit."""

import json
from pathlib import Path

import pytest

from common.json_path import parse, records, select, steps

CASES = json.loads((Path(__file__).parents[1] / "fixtures" / "json-paths.json").read_text())


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['path']} of {json.dumps(case['value'])}")
def test_paths_select_as_the_extractors_do(case):
    if case.get("error"):
        with pytest.raises(ValueError, match="no path that is understood"):
            steps(case["path"])
    else:
        assert select(case["value"], steps(case["path"])) == case["found"]


def test_values_are_texts_that_keep_every_digit():
    page = """{"data": [{"id": 9007199254740993, "rate": 1.10, "ok": true, "none": null, "text": "1.10",
        "deep": {"n": 12345678901234567890.10, "s": "é", "l": [1.0, null, false]}}, "odd"]}"""
    fields = {name: [steps(f"$.{name}")] for name in ("id", "rate", "ok", "none", "text", "deep", "absent")}
    first, odd = records(page, steps("$.data[*]"), fields)
    assert first[:5] == ["9007199254740993", "1.10", "true", None, "1.10"]
    assert first[5] == '{"n":12345678901234567890.10,"s":"\\u00e9","l":[1.0,null,false]}'
    assert first[6] is None
    assert odd == [None] * 7


def test_a_field_is_what_its_first_path_with_a_value_selects():
    page = '{"data": [{"new": 1, "old": 2}, {"old": 3}, {"new": null, "old": 4}, {}]}'
    fields = {"new": [steps("$.new"), steps("$.old")]}
    assert records(page, steps("$.data[*]"), fields) == [["1"], ["3"], [None], [None]]


@pytest.mark.parametrize("text", ["", "{", "NaN", '{"a": Infinity}', "<html>"])
def test_what_is_not_json_is_refused(text):
    with pytest.raises(ValueError):
        parse(text)
