"""How a snapshot compares with silver: what counts on which side, in which range, and what of it a stream has lost."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import load_snapshot as job
import pytest
from lakes import contract_of

from common import keyed_snapshot, reconciliation
from common.position import make
from common.reconciliation import DIFFERENCES, Load, is_settled

COLUMNS = [("id", "bigint", "key"), ("amount", "decimal(12,2)", "required"), ("note", "varchar(9)", "")]
CONTRACT = contract_of("bills", COLUMNS)
TAKEN_AT = datetime(2026, 1, 1, tzinfo=UTC)
PLACE = make(1, 50)
OLDER, NEWER = make(1, 49), make(1, 51)
"""Silver's rows: id, amount, note, position, whether it is a tombstone."""
ONE = (1, "1.00", "x", OLDER, False)
TWO = (2, "2.00", None, OLDER, False)
SAME = [(1, "1.0", "x"), (2, "2.00", None)]
COUNTS = ("source_rows", "silver_rows", "in_flight", *DIFFERENCES)

CASES = {
    "equal": (SAME, [ONE, TWO], (2, 2, 0, 0, 0, 0)),
    "missing": (SAME, [ONE], (2, 1, 0, 1, 0, 0)),
    "missing, for silver takes it for deleted": (SAME, [ONE, (*TWO[:3], OLDER, True)], (2, 1, 0, 1, 0, 0)),
    "extra": (SAME[:1], [ONE, TWO], (1, 2, 0, 0, 1, 0)),
    "deleted on both sides": (SAME[:1], [ONE, (*TWO[:3], OLDER, True)], (1, 1, 0, 0, 0, 0)),
    "different": ([(1, "1.01", "x"), SAME[1]], [ONE, TWO], (2, 2, 0, 0, 0, 1)),
    "null is not empty": ([SAME[0], (2, "2.00", "")], [ONE, TWO], (2, 2, 0, 0, 0, 1)),
    "in flight: changed": ([(1, "1.01", "x"), SAME[1]], [(*ONE[:3], NEWER, False), TWO], (1, 1, 1, 0, 0, 0)),
    "in flight: deleted": (SAME, [(*ONE[:3], NEWER, True), TWO], (1, 1, 1, 0, 0, 0)),
    "in flight: inserted": (SAME[1:], [(*ONE[:3], NEWER, False), TWO], (1, 1, 1, 0, 0, 0)),
    "a rejected row is on neither side": ([(1, "one", "x"), SAME[1]], [ONE, TWO], (1, 1, 0, 0, 0, 0)),
}


def compared(
    spark,
    export,
    silver,
    missing=(),
    complete=True,
    schema="id long, amount string, note string",
    contract=CONTRACT,
    amount_type="decimal(12,2)",
):
    """The ranges of a comparison, which begin at ids 10 and 20."""
    given = spark.createDataFrame([(*row, "o") for row in export], f"{schema}, _origin string")
    there = [(id, Decimal(amount), note, place, dead, None) for id, amount, note, place, dead in silver]
    table = spark.createDataFrame(
        there,
        f"id long, amount {amount_type}, note string, _position string, _is_deleted boolean, "
        "_column_positions map<string,string>",
    )
    snapshot = job.Snapshot("e1", PLACE, TAKEN_AT, complete)
    begins = ["10", "20"]
    rows = keyed_snapshot.checked(given, contract)
    found = keyed_snapshot.transform(rows, table, contract, snapshot, list(missing), TAKEN_AT, begins)
    return reconciliation.measure(found, begins)


def counts(found: dict) -> tuple:
    return tuple(found[name] for name in COUNTS)


@pytest.mark.parametrize("name", CASES)
def test_what_counts(spark, name):
    export, silver, expected = CASES[name]
    low, *others = compared(spark, export, silver)
    assert counts(low) == expected
    assert (low["source_hash"] == low["silver_hash"]) == (not any(expected[3:]))
    assert [counts(each) for each in others] == [(0,) * 6] * 2
    assert (low["key_range"], low["key_from"], low["key_to"]) == (0, None, "10")


def test_each_key_is_in_its_range_on_both_sides_in_any_order(spark):
    export = [(id, "1.00", "x") for id in (3, 9, 10, 19, 20, 99)]
    silver = [(id, "1.00", "x", OLDER, False) for id in (99, 20, 15, 10, 9, 3)]
    low, middle, high = compared(spark, export, silver)
    assert [counts(each) for each in (low, middle, high)] == [
        (2, 2, 0, 0, 0, 0),
        (2, 2, 0, 1, 1, 0),
        (2, 2, 0, 0, 0, 0),
    ]
    assert low["source_hash"] == low["silver_hash"] and high["source_hash"] == high["silver_hash"]
    assert middle["source_hash"] != middle["silver_hash"]


def test_what_an_incomplete_export_lacks_is_not_extra(spark):
    low, *_ = compared(spark, SAME[:1], [ONE, TWO], complete=False)
    assert counts(low) == (1, 1, 0, 0, 0, 0)


def test_a_column_that_the_export_lacks_is_not_compared(spark):
    low, *_ = compared(spark, [(1, "1.00")], [ONE], missing=["note"], schema="id long, amount string")
    assert counts(low) == (1, 1, 0, 0, 0, 0) and low["source_hash"] == low["silver_hash"]


@pytest.mark.parametrize(
    ("physical", "given", "expected"),
    [
        ("bigint", [str(n) for n in range(-50, 110)], [str(n) for n in range(-40, 110, 10)]),
        ("varchar(9)", [f"k{n:03}" for n in range(160)], [f"k{n:03}" for n in range(10, 160, 10)]),
        ("bigint", ["5", "7", "11"], ["7", "11"]),
        ("bigint", ["5"], []),
        ("bigint", [], []),
    ],
)
def test_ranges_have_equally_many_keys(spark, physical, given, expected):
    contract = contract_of("bills", [("id", physical, "key")])
    export = spark.createDataFrame([(each, "o") for each in given], "id string, _origin string")
    assert reconciliation.bounds(keyed_snapshot.checked(export, contract), contract, len(given)) == expected


def test_of_many_keys_some_say_where_ranges_begin(spark):
    many = 20 * reconciliation.SAMPLE
    export = spark.range(many).selectExpr("id", "'o' as _origin")
    contract = contract_of("bills", [("id", "bigint", "key")])
    begins = [
        int(each) for each in reconciliation.bounds(keyed_snapshot.checked(export, contract), contract, many)
    ]
    assert len(begins) == reconciliation.RANGES - 1 and begins == sorted(begins)
    sizes = [high - low for low, high in zip([0, *begins], [*begins, many], strict=True)]
    assert max(sizes) < 1.5 * many / reconciliation.RANGES


def test_a_column_that_the_export_has_by_its_former_name_is_compared(spark):
    note = next(column for column in CONTRACT.columns if column.name == "note")
    renamed = note.model_copy(update={"previous_names": ("remark",)})
    contract = CONTRACT.model_copy(
        update={"columns": tuple(renamed if each == note else each for each in CONTRACT.columns)}
    )
    schema = "id long, amount string, remark string"
    low, *_ = compared(spark, SAME, [ONE, TWO], schema=schema, contract=contract)
    assert counts(low) == (2, 2, 0, 0, 0, 0)
    low, *_ = compared(spark, [(1, "1.00", "y"), SAME[1]], [ONE, TWO], schema=schema, contract=contract)
    assert counts(low) == (2, 2, 0, 0, 0, 1)


def test_a_value_that_moves_to_another_column_is_another_row(spark):
    rows = spark.createDataFrame([("x", None), (None, "x"), (None, None), ("", None)], "a string, b string")
    hashes = rows.select(reconciliation.row_hash([rows.a, rows.b]).alias("hash")).collect()
    assert len({row.hash for row in hashes}) == 4


def test_numbers_are_equal_in_the_wider_types_of_a_table_of_a_newer_contract(spark):
    narrower = contract_of("bills", [("id", "int", "key"), *COLUMNS[1:]])
    low, *_ = compared(spark, SAME, [ONE, TWO], contract=narrower, amount_type="decimal(20,2)")
    assert counts(low) == (2, 2, 0, 0, 0, 0) and low["source_hash"] == low["silver_hash"]


def day(number: int, epoch: int = 1, beside: bool = True) -> Load:
    """A snapshot that was taken on this day, and loaded an hour later."""
    taken_at = TAKEN_AT + timedelta(days=number)
    return Load(epoch, beside, taken_at, taken_at + timedelta(hours=1))


@pytest.mark.parametrize(
    ("earlier", "settled"),
    [
        ([], False),
        ([day(1)], False),
        ([day(1), day(2)], True),
        ([day(2), day(1)], True),
        ([day(1, epoch=0, beside=False), day(2)], False),
        ([day(1, epoch=0, beside=False), day(2), day(3)], True),
        ([day(1), day(2), day(3, epoch=2)], False),
        ([day(1), day(2), day(3, beside=False)], False),
        ([day(1), day(2), day(3, beside=False), day(4)], False),
        ([day(1), day(1)._replace(taken_at=TAKEN_AT + timedelta(days=1, minutes=30))], False),
    ],
    ids=[
        "the first of all",
        "the one before may have been taken before the stream began",
        "the one before closed that gap",
        "in whatever order they are told",
        "the first beside a stream",
        "the third beside a stream",
        "the first of a new epoch",
        "the stream was taken away",
        "and came back",
        "two that were taken before the first was loaded",
    ],
)
def test_differences_are_losses_once_the_gap_before_the_stream_is_closed(earlier, settled):
    assert is_settled(earlier, max((each.epoch for each in earlier), default=1)) == settled
