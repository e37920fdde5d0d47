"""Silver in Redshift's stand-in: what merges change arrives; what can't be continued is copied anew."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import psycopg
import pyarrow
import pytest
from pyiceberg.io.pyarrow import schema_to_pyarrow
from pyiceberg.schema import Schema
from pyiceberg.types import (
    BooleanType,
    DateType,
    DecimalType,
    DoubleType,
    LongType,
    MapType,
    NestedField,
    StringType,
    TimestamptzType,
)
from warehouse_mirror import mirror

from common.contract import ROW_KEY, Column, Contract

START = datetime(2026, 11, 20, 12, tzinfo=UTC)
COLUMNS = (
    Column(name="id", type="bigint", key=True),
    Column(name="name", type="varchar(20)"),
    Column(name="amount", type="decimal(12,2)"),
    Column(name="day", type="date"),
    Column(name="rate", type="double"),
)
CONTRACT = Contract(dataset="things", version="1", columns=COLUMNS, key=("id",))
KINDS = (LongType(), StringType(), DecimalType(12, 2), DateType(), DoubleType())
FIELDS = [
    *[
        NestedField(at, column.name, kind)
        for at, (column, kind) in enumerate(zip(COLUMNS, KINDS, strict=True), 1)
    ],
    NestedField(10, "_position", StringType()),
    NestedField(11, "_is_deleted", BooleanType()),
    NestedField(12, "_incomplete", BooleanType()),
    NestedField(13, "_merged_at", TimestamptzType()),
    NestedField(14, "_column_positions", MapType(15, StringType(), 16, StringType())),
]


@pytest.fixture
def silver(catalog, namespace, bucket):
    return catalog.create_table((namespace, "things"), Schema(*FIELDS), f"s3://{bucket}/{namespace}/things")


def row(number, minute, name="a", deleted=False, **values):
    return {
        "id": number,
        "name": name,
        "amount": Decimal("1.50"),
        "day": date(2026, 11, 20),
        "rate": 0.1,
        "_position": f"{minute:04d}",
        "_is_deleted": deleted,
        "_incomplete": False,
        "_merged_at": START + timedelta(minutes=minute),
        **values,
    }


def merge(silver, *rows):
    """One merge: rows of the same key are replaced, in one commit."""
    given = pyarrow.Table.from_pylist(list(rows), schema_to_pyarrow(silver.schema()))
    silver.refresh()
    silver.upsert(given, ["id"]) if silver.current_snapshot() else silver.append(given)


def read(database, columns="id, name"):
    with psycopg.connect(database) as connection:
        return connection.execute(f"select {columns} from silver.things order by id").fetchall()


@pytest.fixture
def copy(catalog, namespace, database, silver):
    def run(contract=CONTRACT):
        done = mirror(catalog, namespace, "things", contract, database)
        return done["copied"], done["full"]

    return run


def test_each_merge_is_followed_by_what_it_changed(silver, copy, database):
    assert copy() == (0, True)
    merge(silver, row(1, 1, 'a,\n"b"'), row(2, 1, ""), row(3, 1, None, amount=None, day=None, rate=None))
    assert copy() == (3, True)
    assert copy() == (0, False)
    merge(silver, row(2, 2, "changed"), row(3, 2, deleted=True), row(4, 2))
    assert copy() == (3, False)
    assert read(database, "*") == [
        (
            1,
            'a,\n"b"',
            Decimal("1.50"),
            date(2026, 11, 20),
            0.1,
            "0001",
            False,
            False,
            START + timedelta(minutes=1),
        ),
        (
            2,
            "changed",
            Decimal("1.50"),
            date(2026, 11, 20),
            0.1,
            "0002",
            False,
            False,
            START + timedelta(minutes=2),
        ),
        (3, "a", Decimal("1.50"), date(2026, 11, 20), 0.1, "0002", True, False, START + timedelta(minutes=2)),
        (
            4,
            "a",
            Decimal("1.50"),
            date(2026, 11, 20),
            0.1,
            "0002",
            False,
            False,
            START + timedelta(minutes=2),
        ),
    ]


def test_a_table_that_was_rolled_back_is_copied_anew(silver, copy, database):
    merge(silver, row(1, 1))
    before = silver.current_snapshot().snapshot_id
    merge(silver, row(1, 2, "bad"), row(2, 2))
    copy()
    silver.refresh()
    silver.manage_snapshots().rollback_to_snapshot(before).commit()
    assert copy() == (1, True)
    merge(silver, row(5, 1))
    assert copy() == (2, True)  # older than what was mirrored: found by the count
    assert read(database) == [(1, "a"), (5, "a")]


def test_rows_that_were_purged_go(silver, copy, database):
    merge(silver, row(1, 1), row(2, 1, deleted=True))
    copy()
    silver.refresh()
    silver.delete("id = 2")
    assert copy() == (1, True)
    assert read(database) == [(1, "a")]


def test_a_new_column_is_added_and_a_renamed_or_widened_one_makes_the_copy_anew(silver, copy, database):
    merge(silver, row(1, 1))
    copy()
    with psycopg.connect(database) as connection:
        connection.execute("create view staged as select * from silver.things")
    with silver.update_schema() as change:
        change.add_column("note", StringType())
    longer = CONTRACT.model_copy(update={"columns": (*COLUMNS, Column(name="note", type="varchar(5)"))})
    merge(silver, row(2, 2, note="new"))
    assert copy(longer) == (1, False)
    assert read(database, "id, note") == [(1, None), (2, "new")]
    with silver.update_schema() as change:
        change.rename_column("name", "title")
    title = Column(name="title", type="varchar(20)", previous_names=("name",))
    renamed = CONTRACT.model_copy(update={"columns": (COLUMNS[0], title, *COLUMNS[2:])})
    assert copy(renamed) == (2, True)
    assert read(database, "id, title") == [(1, "a"), (2, "a")]
    wider = renamed.model_copy(
        update={"columns": (COLUMNS[0], title.model_copy(update={"type": "varchar(99)"}))}
    )
    assert copy(wider) == (2, True)
    merge(silver, row(3, 3, "x" * 90) | {"title": "x" * 90})
    assert copy(renamed) == (1, False), "an older contract, after a rollback, takes nothing away"
    assert read(database, "length(title)") == [(1,), (1,), (90,)]


def test_copies_of_a_row_without_a_key_are_told_apart(catalog, namespace, bucket, database):
    contract = Contract(dataset="visits", version="1", columns=COLUMNS[1:2], key=ROW_KEY)
    key = [NestedField(20 + at, name, StringType()) for at, name in enumerate(ROW_KEY)]
    silver = catalog.create_table(
        (namespace, "visits"), Schema(FIELDS[1], *key, *FIELDS[5:]), f"s3://{bucket}/{namespace}/visits"
    )
    keep = set(silver.schema().column_names)

    def append(minute, *copies):
        rows = [row(0, minute) | {"_row_hash": "h", "_row_copy": copy} for copy in copies]
        given = [{name: value for name, value in each.items() if name in keep} for each in rows]
        silver.append(pyarrow.Table.from_pylist(given, schema_to_pyarrow(silver.schema())))
        return mirror(catalog, namespace, "visits", contract, database)["full"]

    assert [append(1, "1", "2"), append(2, "3")] == [True, False]
    with psycopg.connect(database) as connection:
        found = connection.execute('select name, "_row_copy" from silver.visits order by 2').fetchall()
    assert found == [("a", "1"), ("a", "2"), ("a", "3")]
