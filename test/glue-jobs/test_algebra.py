"""The laws of the merge (common/algebra.py), against a log that is replayed in order on an ordinary table."""

import pytest
from change_logs import COLUMNS, logs, replayed, visible
from hypothesis import given
from hypothesis import strategies as st

from common.algebra import Change, State, apply, fold, join, purge
from common.position import make


def p(number: int) -> str:
    return make(0, number)


def upsert(position: int, key: int, **values) -> Change:
    return Change("upsert", p(position), (key,), values)


def delete(position: int, key: int) -> Change:
    return Change("delete", p(position), (key,))


def truncate(position: int) -> Change:
    return Change("truncate", p(position))


def merged(*changes: Change) -> State:
    return fold(changes, COLUMNS)


@st.composite
def deliveries(draw):
    """A log, and one way to deliver it: shuffled, with repetitions, in batches."""
    log = draw(logs())
    delivered = draw(
        st.permutations(log + draw(st.lists(st.sampled_from(log), max_size=8) if log else st.just([])))
    )
    cuts = sorted(draw(st.lists(st.integers(0, len(delivered)), max_size=4)))
    edges = [0, *cuts, len(delivered)]
    return log, [delivered[start:end] for start, end in zip(edges, edges[1:], strict=False)]


@given(deliveries())
def test_any_delivery_ends_where_the_ordered_log_ends(delivery):
    log, batches = delivery
    state = State(COLUMNS)
    for batch in batches:
        state, late = apply(state, batch)
        assert late == []
    assert visible(state) == replayed(log)
    assert state == fold(log, COLUMNS)


@given(logs(), logs(), logs())
def test_join_is_commutative_associative_idempotent(one, two, three):
    a, b, c = (fold(log, COLUMNS) for log in (one, two, three))
    assert join(a, b) == join(b, a)
    assert join(join(a, b), c) == join(a, join(b, c))
    assert join(a, a) == a
    assert join(a, State(COLUMNS)) == a


@given(logs())
def test_a_row_keeps_only_stamps_that_differ(log):
    for row in fold(log, COLUMNS).rows.values():
        if row.deleted:
            assert row.column_positions == {} and set(row.values.values()) == {None}
        assert all(stamp < row.existence for stamp in row.column_positions.values())


def test_partial_upsert_keeps_the_other_columns():
    row = merged(upsert(1, 1, a=1, b="x", c=True), upsert(2, 1, a=2)).rows[1,]
    assert row.values == {"a": 2, "b": "x", "c": True}
    assert row.column_positions == {"b": p(1), "c": p(1)}
    assert not row.incomplete


def test_an_update_before_its_insert_is_incomplete_until_the_insert_comes():
    update, insert = upsert(2, 1, a=2), upsert(1, 1, a=1, b="x", c=None)
    assert merged(update).rows[1,].incomplete
    assert not merged(update, insert).rows[1,].incomplete


@pytest.mark.parametrize("emptying", [delete(2, 1), truncate(2)])
def test_a_partial_upsert_after_emptying_does_not_bring_old_values_back(emptying):
    row = merged(upsert(1, 1, a=1, b="x", c=True), emptying, upsert(3, 1, a=9)).rows[1,]
    assert row.values == {"a": 9, "b": None, "c": None}
    assert row.incomplete and not row.deleted


def test_truncate_reaches_rows_that_arrive_after_it():
    assert merged(truncate(5), upsert(4, 1, a=1, b="x", c=True)).rows[1,].deleted
    assert merged(truncate(5), upsert(5, 1, a=1, b="x", c=True)).rows[1,].deleted
    assert not merged(truncate(5), upsert(6, 1, a=1, b="x", c=True)).rows[1,].deleted


def test_ties_take_the_greater_value_and_null_is_the_least():
    assert merged(upsert(1, 1, a=1, b=None), upsert(1, 1, a=2, b="x")).rows[1,].values["a"] == 2
    assert merged(upsert(1, 1, b="x"), upsert(1, 1, b=None)).rows[1,].values["b"] == "x"
    assert merged(upsert(1, 1, a=1), delete(1, 1)).rows[1,].deleted


def test_a_key_inserted_and_moved_away_ends_dead():
    moved = Change("upsert", make(0, 1, 2), (2,), {"a": 1, "b": "x", "c": True}, previous_key=(1,))
    state = fold([upsert(1, 1, a=1, b="x", c=True), moved], COLUMNS)
    assert state.rows[1,].deleted and not state.rows[2,].deleted


def test_a_row_that_moves_on_and_comes_back_lives_where_it_came_to():
    there = Change("upsert", p(2), (2,), {"a": 1, "b": "x", "c": True}, previous_key=(1,))
    back = Change("upsert", p(3), (1,), {"a": 1, "b": "x", "c": True}, previous_key=(2,))
    for log in ([there, back], [back, there]):
        state = fold([upsert(1, 1, a=1, b="x", c=True), *log], COLUMNS)
        assert state.rows[2,].deleted and not state.rows[1,].deleted


def test_a_change_below_the_tombstone_floor_for_an_absent_key_is_too_late():
    state = purge(merged(upsert(1, 1, a=1), delete(3, 1), upsert(4, 2, a=1, b=None, c=None)), p(9))
    assert state.tombstone_floor == p(3) and set(state.rows) == {(2,)}
    ghost, old, new = upsert(2, 1, a=1), upsert(2, 2, a=7), upsert(5, 1, a=5, b=None, c=None)
    after, late = apply(state, [ghost, old, new])
    assert late == [ghost]
    assert after.rows[1,].values["a"] == 5 and after.rows[2,].values["a"] == 1


@given(logs(truncates=False), st.integers(0, 12))
def test_purging_changes_nothing_that_is_seen(log, through):
    state = fold(log, COLUMNS)
    assert visible(purge(state, p(through))) == visible(state)


def test_an_unknown_operation_is_refused():
    with pytest.raises(ValueError, match="operation 'merge': allowed are upsert, delete, truncate"):
        merged(Change("merge", p(1), (1,)))
