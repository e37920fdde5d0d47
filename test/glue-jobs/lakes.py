"""A lake of one dataset for tests: its tables, changes written to bronze as a stream's consumer would, silver
as states.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from common.algebra import Change
from common.contract import ROW_KEY, Contract
from common.contract_file import parse
from common.tables import of

START = datetime(2026, 1, 1, tzinfo=UTC)
ENVIRONMENT = "test"
BOOKKEEPING = {
    "bronze": "_op string, _position string, _committed_at timestamp, _ingested_at timestamp, "
    "_missing string, _origin string, _previous_key string, _rest string",
    "silver": "_position string, _is_deleted boolean, _incomplete boolean, _merged_at timestamp, "
    "_column_positions map<string,string>",
    "quarantine": "dataset string, reason string, column_name string, payload string, _position string, "
    "_origin string, _quarantined_at timestamp",
    "reconciliation": "dataset string, compared_at timestamp, export_id string, taken_at timestamp, "
    "position string, beside_stream boolean, key_range int, key_from string, key_to string, source_rows long, "
    "silver_rows long, in_flight long, source_hash long, silver_hash long, missing long, extra long, different long",
}
SILVER_PROPERTIES = ", ".join(
    f"'{name}'='{value}'"
    for name, value in {
        "format-version": "2",
        "write.delete.mode": "merge-on-read",
        "write.update.mode": "merge-on-read",
        "write.merge.mode": "merge-on-read",
        "write.delete.granularity": "file",
        "write.distribution-mode": "hash",
    }.items()
)


@dataclass
class Lake:
    """The tables of one dataset, empty, as the migration creates them."""

    spark: Any
    contract: Contract
    bronze: str
    silver: str
    quarantine: str
    reconciliation: str
    environment: str = ENVIRONMENT

    def rows(self, table: str, where: str = "true"):
        return self.spark.table(table).where(where).collect()

    def snapshots(self, table: str) -> int:
        return self.spark.table(f"{table}.snapshots").count()


def create_lake(spark, contract: Contract) -> Lake:
    """Drops what is there, and creates bronze, silver, quarantine and reconciliation as the migration does."""
    for layer in ("bronze", "silver", "quarantine", "staging"):
        spark.sql(f"create namespace if not exists lake.{ENVIRONMENT}_{layer}")
    names = of(ENVIRONMENT, contract.dataset)
    lake = Lake(spark, contract, names.bronze, names.silver, names.quarantine, names.reconciliation)
    for table in (names.bronze, names.quarantine, names.reconciliation):
        spark.sql(f"drop table if exists {table} purge")
    spark.sql(
        f"create table {names.bronze} ({_columns(contract)}, {BOOKKEEPING['bronze']}) using iceberg "
        "partitioned by (days(_ingested_at)) tblproperties ('format-version'='2')"
    )
    spark.sql(
        f"create table {names.quarantine} ({BOOKKEEPING['quarantine']}) using iceberg "
        "partitioned by (days(_quarantined_at)) tblproperties ('format-version'='2')"
    )
    spark.sql(
        f"create table {names.reconciliation} ({BOOKKEEPING['reconciliation']}) using iceberg "
        "partitioned by (days(compared_at)) tblproperties ('format-version'='2')"
    )
    fresh_silver(lake)
    return lake


def fresh_silver(lake: Lake) -> None:
    """Silver without rows or history."""
    buckets = f"bucket({lake.contract.bucket_count}, {lake.contract.key[0]})"
    lake.spark.sql(f"drop table if exists {lake.silver} purge")
    row_key = "".join(f"{name} string, " for name in ROW_KEY if lake.contract.keyless)
    lake.spark.sql(
        f"create table {lake.silver} ({_columns(lake.contract)}, {row_key}{BOOKKEEPING['silver']}) using iceberg "
        f"partitioned by ({buckets}) tblproperties ({SILVER_PROPERTIES})"
    )


def _columns(contract: Contract) -> str:
    return ", ".join(f"`{column.name}` {column.spark_type}" for column in contract.columns)


def contract_text(dataset: str, columns: list[tuple], buckets: int = 2) -> str:
    """YAML of a contract; a column is (name, physical type, 'key' | 'required' | '')."""
    lines = [f"id: {dataset}", "version: 1.0.0", "schema:", f"  - name: {dataset}"]
    lines += [
        "    customProperties:",
        f"      - {{property: bucketCount, value: {buckets}}}",
        "    properties:",
    ]
    position = 0
    for name, physical, kind in columns:
        position += kind == "key"
        mark = {"key": f", primaryKey: true, primaryKeyPosition: {position}", "required": ", required: true"}
        lines.append(f"      - {{name: {name}, physicalType: '{physical}'{mark.get(kind, '')}}}")
    return "\n".join(lines)


def contract_of(dataset: str, columns: list[tuple], buckets: int = 2) -> Contract:
    return parse(f"contracts/{dataset}.odcs.yaml", contract_text(dataset, columns, buckets))


def row_of(contract: Contract, change: Change, origin: str = "test") -> dict:
    names = [column.name for column in contract.values]
    key = change.key or (None,) * len(contract.key)
    missing = [name for name in names if change.op == "upsert" and name not in change.values]
    return {
        **dict(zip(contract.key, key, strict=True)),
        **{name: change.values.get(name) for name in names},
        "_op": change.op,
        "_position": change.position,
        "_committed_at": committed_at(change),
        "_ingested_at": START,
        "_missing": ",".join(missing) or None,
        "_origin": origin,
        "_previous_key": previous_key(contract, change),
    }


def committed_at(change: Change) -> datetime:
    """A time for each transaction; of changes that tell none, for each place in the log."""
    return START + timedelta(seconds=int(change.transaction or change.position.split(".")[1]))


def previous_key(contract: Contract, change: Change) -> str | None:
    if change.previous_key is None:
        return None
    return json.dumps(
        {name: str(value) for name, value in zip(contract.key, change.previous_key, strict=True)}
    )


def append(lake, changes: list[Change] | list[dict]) -> None:
    """One append snapshot, as Firehose makes them."""
    rows = [row_of(lake.contract, each) if isinstance(each, Change) else each for each in changes]
    schema = lake.spark.table(lake.bronze).schema
    tuples = [tuple(row.get(field.name) for field in schema.fields) for row in rows]
    lake.spark.createDataFrame(tuples, schema).coalesce(1).writeTo(lake.bronze).append()


def silver(lake) -> dict:
    """Rows of silver by key: (values, _position, _is_deleted, _incomplete, _column_positions)."""
    names = [column.name for column in lake.contract.values]
    found = {}
    for row in lake.rows(lake.silver):
        key = tuple(row[name] for name in lake.contract.key)
        assert key not in found, f"key {key} is twice in silver"
        positions = row["_column_positions"] or {}
        values = {name: row[name] for name in names}
        found[key] = (values, row["_position"], row["_is_deleted"], row["_incomplete"], positions)
    return found


def expected(state) -> dict:
    """The same account of a state of the algebra."""
    return {
        key: (dict(row.values), row.position, row.deleted, row.incomplete, row.column_positions)
        for key, row in state.rows.items()
    }


def payloads(rows) -> list[dict]:
    return [json.loads(row.payload) for row in rows]
