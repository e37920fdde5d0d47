"""JSON of the emulator is Python's, but for spaces."""

import json

import fast_json
import pytest
from hypothesis import given
from hypothesis import strategies as st

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(VALUES, st.booleans())
def test_what_is_written_is_read_by_python_as_the_same(value, ascii_only):
    written = fast_json.dumps(value, ensure_ascii=ascii_only)
    assert json.loads(written) == value
    # A line separator in a line to a worker of Node would end it.
    assert not ascii_only or written.isascii()


@given(VALUES)
def test_what_python_writes_is_read(value):
    value = json.loads(json.dumps(value), parse_int=lambda text: max(-(2**63), min(int(text), 2**63)))
    assert fast_json.loads(json.dumps(value)) == fast_json.loads(json.dumps(value).encode()) == value


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", '"\\ud800"'])
def test_what_python_alone_reads_is_read(text):
    assert repr(fast_json.loads(text)) == repr(json.loads(text))


def test_what_python_alone_writes_is_written():
    value = {1: 2**70, None: "\ud800"}
    assert fast_json.dumps(value) == json.dumps(value)
    assert fast_json.dumps({"a": [1]}, indent=1) == json.dumps({"a": [1]}, indent=1)


def test_numbers_are_those_of_javascript():
    assert fast_json.dumps([float("nan"), float("inf")]) == "[null,null]"
    assert fast_json.loads("[-9223372036854775808, 18446744073709551617]") == [-(2**63), 2.0**64]


def test_what_nobody_reads_or_writes_raises_as_python_does():
    with pytest.raises(json.JSONDecodeError, match=r"Expecting value: line 1 column 2 \(char 1\)"):
        fast_json.loads("[")
    with pytest.raises(TypeError, match="Object of type set is not JSON serializable"):
        fast_json.dumps({"a": set()})
