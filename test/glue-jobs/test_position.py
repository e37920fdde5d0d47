"""Positions are lossless and sort as their parts do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.position import LENGTH, make, parse

PARTS = st.tuples(st.integers(0, 9999), st.integers(0, 10**26 - 1), st.integers(0, 10**20 - 1))


@given(PARTS, PARTS)
def test_positions_sort_as_their_parts_and_lose_nothing(one, other):
    assert parse(make(*one)) == one
    assert len(make(*one)) == LENGTH
    assert (make(*one) < make(*other)) == (one < other)


@pytest.mark.parametrize("parts", [(-1, 0, 0), (10_000, 0, 0), (0, 10**26, 0), (0, 0, 10**20), (0, 1.0, 0)])
def test_parts_that_do_not_fit_are_refused(parts):
    with pytest.raises(ValueError, match="give a whole number from 0 to"):
        make(*parts)


@pytest.mark.parametrize("text", ["", "1.2.3", make(0, 1) + "\n", make(0, 1) + "-", "٣" + make(0, 1)[1:]])
def test_malformed_text_is_refused(text):
    with pytest.raises(ValueError, match="is malformed; give digits 4.26.20 wide"):
        parse(text)
