"""What was written under an older contract, and what an older contract does with newer tables, after a rollback."""

from decimal import Decimal

import load_snapshot
import pytest
from lakes import ENVIRONMENT, START, append, contract_of, fresh_silver, silver

from common.algebra import Change
from common.contract import Column, ContractError
from common.merging import merge
from common.position import make

OLD = contract_of(
    "bills",
    [
        ("id", "bigint", "key"),
        ("amount", "decimal(5,2)", "required"),
        ("n", "int", ""),
        ("note", "varchar(9)", ""),
    ],
)
NEW = OLD.model_copy(
    update={
        "version": "1.1.0",
        "columns": (
            Column(name="bill", type="bigint", key=True, required=True, previous_names=("id",)),
            Column(name="amount", type="decimal(12,2)", required=True),
            Column(name="n", type="bigint"),
            Column(name="text", type="varchar(9)", previous_names=("oldest", "note")),
            Column(name="kind", type="varchar(5)"),
        ),
        "key": ("bill",),
    }
)
CENT, BIG, LONG = Decimal("1.00"), Decimal("9999999999.99"), 2**40


def p(number: int) -> str:
    return make(0, number)


def row(**values) -> dict:
    return {"amount": CENT, "n": 1, "note": "x", **values}


def migrate(lake) -> None:
    """What the deployment does to the tables."""
    for table in (lake.bronze, lake.silver):
        for change in (
            "rename column id to bill",
            "rename column note to text",
            "alter column amount type decimal(12,2)",
            "alter column n type bigint",
            "add column kind string",
        ):
            lake.spark.sql(f"alter table {table} {change}")
    lake.contract = NEW


@pytest.fixture
def lake(make_lake):
    return make_lake(OLD)


def values(lake) -> dict:
    return {key[0]: found[0] for key, found in silver(lake).items() if not found[2] and not found[3]}


def test_rows_that_bronze_got_before_the_change_are_merged_after_it(lake):
    """By the first merge of all, which reads bronze as of its newest snapshot, and by a later one."""
    append(lake, [Change("upsert", p(1), (1,), row(note="first"))])
    migrate(lake)
    merge(lake.spark, NEW, ENVIRONMENT)
    told = {"amount": CENT, "n": 1, "text": "first", "kind": None}
    assert values(lake) == {1: told}
    more = {"amount": BIG, "n": LONG, "text": "later", "kind": "new"}
    append(lake, [Change("upsert", p(2), (2,), more), Change("upsert", p(3), (1,), {"kind": "new"})])
    merge(lake.spark, NEW, ENVIRONMENT)
    assert values(lake) == {1: told | {"kind": "new"}, 2: more}
    assert merge(lake.spark, NEW, ENVIRONMENT, 0)["changed"] == 0, "a replay of all of it changes nothing"


def test_a_column_that_an_old_row_does_not_carry_is_not_taken_for_null(lake):
    append(lake, [Change("upsert", p(1), (1,), row())])
    merge(lake.spark, OLD, ENVIRONMENT)
    append(lake, [Change("upsert", p(2), (1,), {"n": 2})])
    migrate(lake)
    merge(lake.spark, NEW, ENVIRONMENT)
    assert values(lake) == {1: {"amount": CENT, "n": 2, "text": "x", "kind": None}}


def test_what_silver_remembers_of_a_renamed_column_still_counts(lake):
    """Row 1 has its note from a newer change than the rest, row 2 has never had one."""
    append(lake, [Change("upsert", p(1), (1,), row()), Change("upsert", p(3), (1,), {"note": "newest"})])
    append(lake, [Change("upsert", p(3), (2,), {"amount": CENT, "n": 1})])
    merge(lake.spark, OLD, ENVIRONMENT)
    append(lake, [Change("upsert", p(2), (1,), row(n=5, note="late"))])
    migrate(lake)
    merge(lake.spark, NEW, ENVIRONMENT)
    assert values(lake) == {1: {"amount": CENT, "n": 5, "text": "newest", "kind": None}}
    append(lake, [Change("upsert", p(4), (2,), {"n": 7})])
    merge(lake.spark, NEW, ENVIRONMENT)
    assert list(values(lake)) == [1], "row 2 is still incomplete"


def load(lake, contract, number: int, schema: str, *rows: tuple) -> dict:
    """Loads and merges an export of these rows."""
    export = lake.spark.createDataFrame([(*each, f"e{number}") for each in rows], f"{schema}, _origin string")
    snapshot = load_snapshot.Snapshot(f"e{number}", p(number), START, complete=True)
    result = load_snapshot.load(lake.spark, contract, ENVIRONMENT, export, snapshot)
    merge(lake.spark, contract, ENVIRONMENT)
    return result


def test_an_export_from_before_the_change_is_loaded_after_it_and_the_next_one_fills_the_new_column(lake):
    before = "id long, amount string, n int, note string"
    load(lake, OLD, 1, before, (1, "1.00", 1, "x"), (2, "1.00", 1, None))
    migrate(lake)
    old = load(lake, NEW, 2, before, (1, "1.00", 1, "y"), (2, "1.00", 1, None), (3, "1.00", 1, "z"))
    assert (old["missing_columns"], old["ignored_columns"], old["quarantined"], old["changed"]) == (
        ["kind"],
        [],
        0,
        2,
    )
    one = {"amount": CENT, "n": 1, "text": "y", "kind": None}
    assert values(lake) == {1: one, 2: one | {"text": None}, 3: one | {"text": "z"}}, "the new row is shown"
    again = load(lake, NEW, 3, before, (1, "1.00", 1, "y"), (2, "1.00", 1, None), (3, "1.00", 1, "z"))
    assert again["bronze_rows"] == 0

    after = "bill long, amount string, n long, text string, kind string"
    new = load(
        lake,
        NEW,
        4,
        after,
        (1, "1.00", 1, "y", "a"),
        (2, "1.00", 1, None, None),
        (3, str(BIG), LONG, "z", "b"),
    )
    assert (new["missing_columns"], new["changed"], new["quarantined"]) == ([], 2, 0)
    assert values(lake) == {
        1: one | {"kind": "a"},
        2: one | {"text": None},
        3: {"amount": BIG, "n": LONG, "text": "z", "kind": "b"},
    }
    late = load(lake, NEW, 3, before, (1, "1.00", 1, "late"), (4, "1.00", 1, "gone since"))
    assert late["skipped"]


def test_an_export_without_a_column_leaves_what_is_known_and_completes_what_is_not(lake):
    append(
        lake, [Change("upsert", p(1), (1,), row()), Change("upsert", p(1), (2,), {"amount": CENT, "n": 1})]
    )
    append(lake, [Change("upsert", p(1), (3,), row()), Change("delete", p(2), (3,))])
    load(lake, OLD, 5, "id long, amount string, n int", (1, "1.00", 2), (2, "1.00", 1), (3, "1.00", 3))
    assert values(lake) == {1: row(n=2), 2: row(note=None), 3: row(n=3, note=None)}


def test_an_older_contract_narrows_nothing_and_keeps_what_it_does_not_know(make_lake):
    """A rollback: the tables stay as they are, and the jobs go on with the contract from before."""
    older = contract_of("bills", [("id", "bigint", "key"), ("amount", "decimal(5,2)", ""), ("n", "int", "")])
    newer = contract_of(
        "bills",
        [
            ("id", "bigint", "key"),
            ("amount", "decimal(12,2)", ""),
            ("n", "bigint", ""),
            ("kind", "varchar(5)", ""),
        ],
    )
    lake = make_lake(newer)
    full = {"amount": BIG, "n": LONG, "kind": "a"}
    append(lake, [Change("upsert", p(1), (1,), full), Change("upsert", p(1), (2,), full)])
    merge(lake.spark, newer, ENVIRONMENT)
    append(lake, [Change("upsert", p(2), (1,), full | {"n": LONG + 1})])
    schema = "id long, amount string, n long"
    result = load(lake, older, 3, schema, (1, "1.00", 1), (2, str(BIG), LONG), (3, "3.00", 3))
    assert (result["quarantined"], result["deleted"]) == (1, 0)
    assert {row["_missing"] for row in lake.rows(lake.bronze, f"_position = '{p(3)}'")} == {"kind"}
    lake.contract = newer
    assert values(lake) == {
        1: {"amount": CENT, "n": 1, "kind": "a"},
        2: full,
        3: {"amount": Decimal("3.00"), "n": 3, "kind": None},
    }
    append(lake, [Change("upsert", p(4), (2,), full | {"n": LONG + 2})])
    merge(lake.spark, older, ENVIRONMENT)
    assert values(lake)[2] == full | {"n": LONG + 2}


def test_a_contract_from_before_a_rename_is_refused_in_one_line_and_changes_nothing(lake):
    append(lake, [Change("upsert", p(1), (1,), row())])
    migrate(lake)
    with pytest.raises(
        ContractError, match="bills: lake.test_bronze.bills has no column id, note, which version 1.0.0"
    ):
        merge(lake.spark, OLD, ENVIRONMENT)
    assert lake.snapshots(lake.silver) == 0


def test_rows_from_a_rollback_are_no_nulls_to_the_newer_contract(make_lake):
    older = contract_of("bills", [("id", "bigint", "key"), ("n", "int", "")])
    newer = contract_of("bills", [("id", "bigint", "key"), ("n", "int", ""), ("kind", "varchar(5)", "")])
    lake = make_lake(newer)
    append(lake, [Change("upsert", p(1), (1,), {"n": 1, "kind": "a"})])
    load(lake, older, 2, "id long, n int", (1, 2))
    fresh_silver(lake)
    merge(lake.spark, newer, ENVIRONMENT)
    assert values(lake) == {1: {"n": 2, "kind": "a"}}
