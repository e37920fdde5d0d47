"""Paths select as the extractor's do, and values keep every digit."""

import json
from pathlib import Path

import pytest

from common.json_path import as_text, parse, records, select, steps

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


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("5e-05", "0.00005"),
        ("1E5", "100000"),
        ("-1.50e+1", "-15"),
        ("7.0", "7"),
        ("1.10", "1.10"),
        ("9007199254740993.0", "9007199254740993"),
        ("1.2345678901234567890123e22", "12345678901234567890123"),
        ("1e999999999", "1e999999999"),
        ("1e-99999999999999999999", "1e-99999999999999999999"),
    ],
)
def test_a_number_has_the_form_that_casts_take_and_all_its_digits(written, text):
    assert as_text(parse(written)) == text
    assert as_text(parse(f'"{written}"')) == written


def test_a_byte_order_mark_and_half_an_emoji_stop_nothing():
    assert parse("\ufeff[1]") == ["1"]
    assert as_text(parse('"cut \\ud83d"')) == "cut \ufffd"
    assert as_text(parse('"whole \\ud83d\\ude00"')) == "whole \U0001f600"
