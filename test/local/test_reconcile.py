"""Source, silver and gold compared row by row."""

import json

import psycopg
import pyarrow
import pytest
import reconcile
from pyiceberg.io.pyarrow import schema_to_pyarrow
from pyiceberg.schema import Schema
from pyiceberg.types import (
    BooleanType,
    DateType,
    DecimalType,
    DoubleType,
    LongType,
    NestedField,
    StringType,
    TimestampType,
    TimestamptzType,
)

CONTRACT = """
apiVersion: v3.1.0
kind: DataContract
id: things
version: 1.0.0
schema:
  - name: things
    properties:
      - {name: id, physicalType: bigint, primaryKey: true, primaryKeyPosition: 1}
      - {name: part, physicalType: varchar(5), primaryKey: true, primaryKeyPosition: 2}
      - {name: amount, physicalType: 'decimal(12,2)'}
      - {name: day, physicalType: date}
      - {name: at, physicalType: timestamptz}
      - {name: local, physicalType: timestamp}
      - {name: rate, physicalType: double}
      - {name: ok, physicalType: boolean}
      - name: note
        physicalType: varchar(100)
        customProperties: [{property: previousNames, value: [remark]}]
"""
MODEL = """
models:
  - name: fct_things
    config: {meta: {reconciles: things, current: is_current}}
"""
KINDS = {
    "id": LongType(),
    "part": StringType(),
    "amount": DecimalType(12, 2),
    "day": DateType(),
    "at": TimestamptzType(),
    "local": TimestampType(),
    "rate": DoubleType(),
    "ok": BooleanType(),
    "note": StringType(),
    "_is_deleted": BooleanType(),
    "_incomplete": BooleanType(),
}
SOURCE = """
create table things (id int, part text, amount numeric, day date, at timestamptz, local timestamp, rate real,
  ok bool, note varchar);
insert into things values
  (1, 'a', 1.5, '2026-11-20', '2026-11-20 12:00:00.000001+02', '2026-11-20 12:00', 0.5, true, E'x,"\\n'),
  (1, 'b', null, null, null, null, null, null, ''),
  (2, 'a', -0.10, '0044-03-15', '1960-01-01 00:00:00.5+00', '9999-12-31 23:59:59.999999', 0.25, false, null);
create schema gold;
create table gold.fct_things as
  select id::bigint, part, amount::numeric(12,2), day, at, local, rate::double precision, ok, note, 1 as more,
         true as is_current from things;
insert into gold.fct_things (id, part, is_current) values (1, 'a', false);
"""


@pytest.fixture
def run(catalog, endpoint, namespace, bucket, database, tmp_path, capsys):
    with psycopg.connect(database) as connection:
        connection.execute(SOURCE)
        rows = connection.execute("select *, false, false from things").fetchall()
    fields = [NestedField(at, name, kind, required=False) for at, (name, kind) in enumerate(KINDS.items(), 1)]
    silver = catalog.create_table((namespace, "things"), Schema(*fields), f"s3://{bucket}/{namespace}/things")
    given = [dict(zip(KINDS, row, strict=True)) for row in rows]
    given += [{"id": 8, "part": "a", "_is_deleted": True, "_incomplete": False}]
    given += [{"id": 9, "part": "a", "_is_deleted": False, "_incomplete": True}]
    silver.append(pyarrow.Table.from_pylist(given, schema_to_pyarrow(silver.schema())))
    (tmp_path / "things.odcs.yaml").write_text(CONTRACT)
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "things.yml").write_text(MODEL)
    config = {
        "endpoint": endpoint,
        "silver_database": namespace,
        "warehouse": database,
        "gold_schema": "gold",
        "models": str(tmp_path / "models"),
        "sources": {"things": {"dsn": database, "relation": "public.things"}},
    }
    (tmp_path / "config.json").write_text(json.dumps(config))

    def call(statement="", *more):
        with psycopg.connect(database) as connection:
            connection.execute(statement or "select 1")
        arguments = ["--contracts", str(tmp_path), "--config", str(tmp_path / "config.json"), *more]
        return reconcile.main(arguments), capsys.readouterr().out

    return call


def test_equal_rows_are_equal_whatever_holds_them(run):
    code, said = run()
    heading, line = said.splitlines()
    assert (code, heading.split()) == (0, ["dataset", "source", "silver", "gold", "differences", "hash"])
    assert line.split()[:5] == ["things", "3", "3", "3", "0"]
    code, said = run("", "--json")
    found = json.loads(said)
    assert (
        found["equal"]
        and len({found["datasets"][0][store]["hash"] for store in ("source", "silver", "gold")}) == 1
    )


def test_a_source_that_is_older_than_the_contract_is_read_by_former_names(run):
    assert run("alter table things rename column note to remark")[0] == 0
    code, said = run("alter table gold.fct_things rename column note to remark")
    assert code == 1 and 'column "note" does not exist' in said, "gold is to follow the contract"


def test_without_a_truth_silver_is_compared_with_gold(run, tmp_path):
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"sources": {"things": None}}))
    code, said = run()
    assert code == 0 and said.splitlines()[1].split()[:5] == ["things", "-", "3", "3", "0"]
    code, said = run("update gold.fct_things set amount = 1.51 where id = 1 and is_current")
    assert code == 1 and "amount Decimal('1.50') in silver, Decimal('1.51') here" in said


@pytest.mark.parametrize(
    "change, example",
    [
        (
            "update gold.fct_things set note = null where part = 'b'",
            "gold: different id=1, part=b: note '' in",
        ),
        (
            "update gold.fct_things set amount = 1.51 where id = 1 and is_current",
            "amount Decimal('1.50') in source",
        ),
        (
            "update gold.fct_things set at = at + interval '1 us' where id = 2",
            "gold: different id=2, part=a: at",
        ),
        ("delete from gold.fct_things where id = 2", "gold: missing id=2, part=a"),
        ("insert into things (id, part) values (3, 'c')", "silver: missing id=3, part=c"),
        ("delete from things where id = 2", "silver: extra id=2, part=a"),
        (
            "insert into things select * from things where id = 2",
            "id=2, part=a: 2 rows in source, 1 here",
        ),
        (
            "alter table things drop column ok",
            "silver: different id=1, part=a: ok None in source, True here",
        ),
        ("alter table gold.fct_things drop column note", 'UndefinedColumn: column "note" does not exist'),
    ],
)
def test_what_differs_is_named(run, change, example):
    code, said = run(change)
    assert code == 1
    assert example in said


def test_without_a_key_rows_are_compared_whole_and_counted(run, tmp_path):
    contract = CONTRACT.replace(", primaryKey: true, primaryKeyPosition: 1", "")
    (tmp_path / "things.odcs.yaml").write_text(
        contract.replace(", primaryKey: true, primaryKeyPosition: 2", "")
    )
    code, said = run()
    assert code == 0 and said.splitlines()[1].split()[:5] == ["things", "3", "3", "3", "0"]
    code, said = run("insert into things select * from things where id = 2")
    assert code == 1 and "silver: different id=2, part=a" in said and "2 rows in source, 1 here" in said
    code, said = run("update things set note = 'x' where id = 1 and part = 'b'")
    assert "silver: missing id=1, part=b" in said and "silver: extra id=1, part=b" in said


def test_while_rows_change_one_that_changes_on_is_no_difference_and_one_that_stays_wrong_is(run, monkeypatch):
    monkeypatch.setattr(reconcile, "PATIENCE", 0.5)
    monkeypatch.setattr(reconcile, "LOOK_AGAIN", 0.1)
    code, said = run("update things set note = 'never arrives' where id = 2", "--live", "things")
    assert code == 1 and "3 rows in source, 3 in silver, 1 on their way, 1 differ" in said
    assert "silver: different id=2, part=a: note 'never arrives' in source, None here" in said


def test_while_rows_change_a_row_that_arrives_late_agrees(run, catalog, namespace, monkeypatch):
    monkeypatch.setattr(reconcile, "LOOK_AGAIN", 0.1)
    table = catalog.load_table((namespace, "things"))
    looks = []

    def arrive(seconds):
        looks.append(seconds)
        if len(looks) == 2:
            row = {"id": 3, "part": "a", "_is_deleted": False, "_incomplete": False}
            table.append(pyarrow.Table.from_pylist([row], schema_to_pyarrow(table.schema())))

    monkeypatch.setattr(reconcile, "sleep", arrive)
    code, said = run("insert into things (id, part) values (3, 'a')", "--live", "things")
    assert code == 0 and "4 rows in source, 3 in silver, 1 on their way, 0 differ" in said
    assert len(looks) == 2
