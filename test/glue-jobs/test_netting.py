"""Rows that share a key inside a transaction: the state ends as the source, however the log is delivered."""

from itertools import permutations

import pytest
from change_logs import visible
from hypothesis import given, settings
from hypothesis import strategies as st
from shared_keys import committed, cuts, merged, tables

from common.netting import restatements

FILLED = [("insert", 1, 1), ("insert", 2, 2), ("insert", 3, 3)]


@settings(max_examples=150, deadline=None)
@given(tables(), st.data())
def test_a_log_in_any_order_and_repeated_ends_as_its_source(table, data):
    log = [change for changes in table.log for change in changes]
    again = data.draw(st.lists(st.sampled_from(log), max_size=5) if log else st.just([]))
    assert visible(merged([data.draw(st.permutations(log + again))])) == table.visible()


@settings(max_examples=150, deadline=None)
@given(tables(), st.data())
def test_a_log_cut_between_transactions_ends_as_its_source(table, data):
    batches, seen = [], []
    for changes in table.log:
        again = data.draw(st.lists(st.sampled_from(seen), max_size=5) if seen else st.just([]))
        batches.append(data.draw(st.permutations(changes + again)))
        seen += changes
    assert visible(merged(batches)) == table.visible()


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_log_cut_inside_transactions_ends_as_its_source(data):
    table = data.draw(tables())
    assert visible(merged(data.draw(cuts(table)))) == table.visible()


@pytest.mark.parametrize(
    ("statements", "names"),
    [
        ([("move", [(1, 2), (2, 1)], None)], {1: "n2", 2: "n1", 3: "n3"}),
        ([("move", [(2, 1), (1, 2)], 7)], {1: "n2", 2: "n1", 3: "n3"}),
        ([("move", [(1, 2), (2, 3), (3, 1)], None)], {1: "n3", 2: "n1", 3: "n2"}),
        ([("insert", 2, 0), ("move", [(2, 4)], None)], {1: "n1", 2: "n4", 3: "n3", 4: "n2"}),
        ([("insert", 2, 0), ("delete", 2), ("move", [(1, 4)], None)], {2: "n4", 3: "n3", 4: "n1"}),
        ([("insert", 4, 0), ("delete", 2), ("move", [(4, 2)], 5)], {1: "n1", 2: "n4", 3: "n3"}),
        ([("update", 2, 9), ("delete", 2)], {1: "n1", 3: "n3"}),
    ],
    ids=[
        *("swap", "swap the other way round, with a value", "rotation", "insert, then its place is left"),
        *("insert, then the old row is deleted", "insert and move", "update and delete"),
    ],
)
def test_one_transaction_on_three_rows(statements, names):
    table = committed(FILLED, statements)
    assert {key: row["name"] for key, (row,) in table.rows.items()} == names
    first, second = table.log
    assert visible(merged([first, second])) == visible(merged([second + first])) == table.visible()


def test_without_a_shared_key_nothing_is_told_besides():
    table = committed(FILLED, [("update", 1, 5), ("delete", 1)], [("insert", 1, 0)], [("move", [(2, 4)], 1)])
    state = merged(table.log[:1])
    for changes in table.log[1:]:
        assert restatements(changes, table.log[0], state) == []


def test_whole_transactions_may_overtake_each_other_where_no_row_moved():
    table = committed(
        FILLED, [("delete", 2)], [("insert", 2, 0)], [("delete", 2), ("insert", 2, 5)], [("delete", 2)]
    )
    filled, *others = table.log
    for order in permutations(others):
        assert visible(merged([filled, *order])) == table.visible()


def test_a_part_that_looked_like_a_swap_is_taken_back():
    delete, arrive = ("delete", 2), ("move", [(1, 2)], None)
    table = committed(FILLED, [delete, arrive, delete])
    (gone, moved, gone_again) = table.log[1]
    assert visible(merged([table.log[0], [moved, gone_again], [gone]])) == table.visible()
