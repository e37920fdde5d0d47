"""Rows that share a key inside a transaction, in Spark: as the algebra has it, and as the source has it."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lakes import ENVIRONMENT, append, contract_of, expected, fresh_silver, silver
from shared_keys import Table, committed, cuts, states, tables

from common.algebra import Change
from common.merging import merge
from common.position import make

CONTRACT = contract_of(
    "things",
    [
        ("id", "bigint", "key"),
        ("name", "varchar(9)", ""),
        ("code", "int", ""),
        ("note", "varchar(20)", ""),
        ("a", "int", ""),
    ],
)
PAIRS = contract_of("pairs", [("left", "varchar(5)", "key"), ("right", "bigint", "key")])
FILLED = [("insert", key, key) for key in (1, 2, 3, 4)]
SWAP = [("move", [(1, 2), (2, 1)], None)]


def merged(lake, changes: list) -> dict:
    append(lake, changes)
    return merge(lake.spark, CONTRACT, ENVIRONMENT)


def names(lake) -> dict:
    return {key: row[0]["name"] for (key,), row in silver(lake).items() if not row[2]}


def named(table: Table) -> dict:
    return {key: row["name"] for key, (row,) in table.rows.items()}


@settings(
    max_examples=2,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.data())
def test_logs_that_are_cut_end_as_in_the_algebra(make_lake, data):
    lake = make_lake(CONTRACT)
    table = data.draw(tables(transactions=3, fewest=2, rotate=True))
    batches = [batch for batch in data.draw(cuts(table)) if batch]
    for batch, state in zip(batches, states(batches), strict=True):
        merged(lake, batch)
        assert silver(lake) == expected(state)
    assert names(lake) == named(table)
    fresh_silver(lake)
    merge(lake.spark, CONTRACT, ENVIRONMENT)
    assert names(lake) == named(table)


def test_a_table_of_nothing_but_its_key(make_lake):
    lake = make_lake(PAIRS)
    position = [make(1, 7, ordinal) for ordinal in range(9)]
    append(lake, [Change("upsert", make(1, 6, 3), ("a", 1)), Change("upsert", make(1, 6, 5), ("a", 2))])
    merge(lake.spark, PAIRS, ENVIRONMENT)
    swap = [("a", 1), ("a", 2)], [("a", 2), ("a", 1)]
    append(lake, [Change("upsert", position[2 * i], new, {}, old) for i, (old, new) in enumerate(swap, 1)])
    merge(lake.spark, PAIRS, ENVIRONMENT)
    assert {key for key, row in silver(lake).items() if not row[2]} == {("a", 1), ("a", 2)}


def test_two_rows_that_swap_their_keys(make_lake):
    lake, table = make_lake(CONTRACT), committed(FILLED, SWAP)
    for changes in table.log:
        merged(lake, changes)
    assert names(lake) == named(table) == {1: "n2", 2: "n1", 3: "n3", 4: "n4"}
    assert not any(incomplete for _, _, _, incomplete, _ in silver(lake).values())


def test_a_swap_in_two_batches_in_either_order_and_delivered_again(make_lake):
    for order in (1, -1):
        lake, table = make_lake(CONTRACT), committed(FILLED, SWAP)
        merged(lake, table.log[0])
        for change in table.log[1][::order]:
            merged(lake, [change])
        assert names(lake) == named(table)
        merged(lake, table.log[1])
        assert names(lake) == named(table)


def test_the_part_of_a_transaction_that_has_no_move_comes_last(make_lake):
    lake = make_lake(CONTRACT)
    table = committed(
        FILLED, [("insert", 2, 7), ("move", [(2, 5)], None)], [("move", [(1, 3)], 8), ("delete", 3)]
    )
    filled, (inserted, moved), (arrived, deleted) = table.log
    for part in (filled, [moved], [inserted], [arrived], [deleted]):
        merged(lake, part)
    assert names(lake) == named(table) == {2: "n5", 3: "n1", 4: "n4", 5: "n2"}
