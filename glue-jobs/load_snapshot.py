"""Glue job: compares one table of an RDS snapshot export with silver and appends the differences to bronze.

Arguments: the common ones (common/arguments.py) and
  --export URI           root of the export, such as s3://bucket/prefix/<export id>/
  --table NAME           <database>/<schema>.<table>, the folder below it; everything in it is read
  --export-id ID         identifies the load: bronze takes an export's rows once
  --position POSITION    of the snapshot (common/position.py)
  --committed-at TIME    of the snapshot, ISO 8601 with zone
  --complete true|false  false: the export may lack rows, so it deletes none
Result: export_rows, bronze_rows appended, changed (upserts), deleted, quarantined, duplicates (equal rows
dropped), ignored_columns, missing_columns, skipped (true when bronze already has this export).
"""

import json
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import reduce
from operator import and_

from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as f

from common import arguments, contract, landing, position, quarantine, rules, runs, tables
from common.contract import Contract
from common.iceberg import Snapshots
from common.merging import merge
from common.position import EMPTIED


@dataclass(frozen=True)
class Snapshot:
    """The export that is loaded: its id, position, time, and whether it holds every row."""

    export_id: str
    position: str
    committed_at: datetime
    complete: bool


def checked(export: DataFrame, dataset: Contract) -> DataFrame:
    """The export's rows cast by contract (see rules.check), one good row for each key at most.

    Of rows with one key, the greatest is good; an equal one has `_duplicate`, a different one is rejected.
    `_first` marks one row of each key, the good one if there is one.
    """
    rows = rules.check(export, dataset, keep=("_origin",))
    names = [column.name for column in dataset.columns]
    greatest_first = [f.col(name).desc_nulls_last() for name in names]
    of_key = Window.partitionBy(*dataset.key).orderBy(f.col(rules.REASONS).isNotNull(), *greatest_first)
    keyed = reduce(and_, [f.col(name).isNotNull() for name in dataset.key])
    nth, rank = f.row_number().over(of_key), f.rank().over(of_key)
    ranked = rows.select("*", keyed.alias("_keyed"), nth.alias("_nth"), rank.alias("_rank"))
    good = f.col("_keyed") & f.col(rules.REASONS).isNull()
    other = good & (f.col("_rank") > 1)
    key = f.concat_ws(", ", *dataset.key)
    reason = f.concat(f.lit(f"{dataset.key[0]}: key "), key, f.lit(" has another row, which was kept"))
    return ranked.select(
        *names,
        "_origin",
        f.when(other, reason).otherwise(f.col(rules.REASONS)).alias(rules.REASONS),
        f.when(other, dataset.key[0]).otherwise(f.col(rules.FAILED)).alias(rules.FAILED),
        f.when(other, f.to_json(f.struct(*names))).otherwise(f.col(rules.PAYLOAD)).alias(rules.PAYLOAD),
        (good & (f.col("_rank") == 1) & (f.col("_nth") > 1)).alias("_duplicate"),
        (f.col("_keyed") & (f.col("_nth") == 1)).alias("_first"),
    )


def transform(
    rows: DataFrame,
    silver: DataFrame,
    dataset: Contract,
    snapshot: Snapshot,
    missing: list[str],
    ingested_at: datetime,
) -> DataFrame:
    """The bronze rows that make silver what the snapshot says, wherever silver's knowledge is older.

    `rows` come from `checked`; `missing` names the contract's columns that the export lacks. A column is told
    when silver's stamp of it is older than the snapshot and its value differs, or silver has none. A key is
    deleted when it is alive, older than the snapshot, and no row of the export has it, not even a rejected
    one.
    """
    told = [column.name for column in dataset.values if column.name not in missing]
    here = rows.where("_first").alias("e")
    there = silver.alias("t")
    on = [f.col(f"e.{name}") == f.col(f"t.{name}") for name in dataset.key]
    joined = here.join(there, on, "full_outer")
    existence = f.concat("t._position", f.when(f.col("t._is_deleted"), f.lit(EMPTIED)).otherwise(f.lit("")))
    older = f.col("t._position") < snapshot.position
    differs = f.col("t._is_deleted") & older
    for name in told:
        differs = differs | _tells(name, existence, snapshot.position)
    first = dataset.key[0]
    good = f.col(f"e.{first}").isNotNull() & f.col(f"e.{rules.REASONS}").isNull()
    upsert = good & (f.col(f"t.{first}").isNull() | differs)
    delete = f.col(f"e.{first}").isNull() & ~f.col("t._is_deleted") & older & f.lit(snapshot.complete)
    operation = f.when(upsert, "upsert").when(delete, "delete")
    return (
        joined.withColumn("_op", operation)
        .where("_op is not null")
        .select(
            *[
                f.coalesce(f"e.{column.name}", f"t.{column.name}").alias(column.name)
                if column.key
                else f.col(f"e.{column.name}").alias(column.name)
                for column in dataset.columns
            ],
            "_op",
            f.lit(snapshot.position).alias("_position"),
            f.lit(snapshot.committed_at).cast("timestamp").alias("_committed_at"),
            f.lit(ingested_at).cast("timestamp").alias("_ingested_at"),
            f.when(f.col("_op") == "upsert", f.lit(",".join(missing) or None))
            .cast("string")
            .alias("_missing"),
            f.coalesce("e._origin", f.lit(snapshot.export_id)).alias("_origin"),
        )
    )


def _tells(name: str, existence: Column, at: str) -> Column:
    """The snapshot's value of a column is news to silver."""
    stamp = f.coalesce(f.col("t._column_positions")[name], existence)
    empty = (stamp == "") | stamp.endswith(EMPTIED)
    return (stamp < at) & (empty | ~f.col(f"e.{name}").eqNullSafe(f.col(f"t.{name}")))


def rejects(rows: DataFrame, snapshot: Snapshot) -> DataFrame:
    """The rejected rows of `checked`, for quarantine."""
    return rows.where(f.col(rules.REASONS).isNotNull()).select(
        f.col(rules.REASONS).alias("reason"),
        f.col(rules.FAILED).alias("column_name"),
        f.col(rules.PAYLOAD).alias("payload"),
        f.lit(snapshot.position).alias("_position"),
        "_origin",
    )


def load(
    spark: SparkSession, dataset: Contract, environment: str, export: DataFrame, snapshot: Snapshot
) -> dict:
    """Loads an export's table into bronze, once; a load that was cut off is done again without doubling
    anything.

    What bronze holds is merged first, so that the comparison is with all that is known.
    """
    names = tables.of(environment, dataset.dataset)
    identity = {tables.EXPORT_ID: snapshot.export_id, tables.DATASET: dataset.dataset}
    if loaded := Snapshots(spark, names.bronze).find(identity):
        return json.loads(loaded[tables.COUNTS]) | {"skipped": True}
    merge(spark, dataset, environment)
    given = [name for name in export.columns if name != "_origin"]
    missing = rules.missing_columns(dataset, given)
    now = datetime.now(UTC)
    rows = checked(export, dataset).cache()
    changes = transform(rows, spark.table(names.silver), dataset, snapshot, missing, now).cache()
    try:
        counts = _counts(rows, changes, dataset, snapshot) | {
            "ignored_columns": rules.extra_columns(dataset, given),
            "missing_columns": missing,
        }
        if counts["quarantined"] and not Snapshots(spark, names.quarantine).find(identity):
            rejected = quarantine.shape(rejects(rows, snapshot), dataset.dataset, now)
            quarantine.append(rejected, names.quarantine, dataset.dataset, identity)
        writer = changes.writeTo(names.bronze).option("distribution-mode", "none")
        for name, value in (identity | {tables.COUNTS: json.dumps(counts)}).items():
            writer = writer.option(f"snapshot-property.{name}", value)
        writer.append()
    finally:
        changes.unpersist()
        rows.unpersist()
    return counts | {"skipped": False}


def _counts(rows: DataFrame, changes: DataFrame, dataset: Contract, snapshot: Snapshot) -> dict:
    found = rows.agg(
        f.count("*").alias("rows"),
        f.count(rules.REASONS).alias("bad"),
        f.count_if("_duplicate").alias("duplicates"),
    ).first()
    by_operation = {row["_op"]: row["count"] for row in changes.groupBy("_op").count().collect()}
    return {
        "dataset": dataset.dataset,
        "job": "load_snapshot",
        "export_rows": found.rows,
        "bronze_rows": sum(by_operation.values()),
        "changed": by_operation.get("upsert", 0),
        "deleted": by_operation.get("delete", 0),
        "quarantined": found.bad,
        "duplicates": found.duplicates,
        "newest_committed_at": runs.iso(snapshot.committed_at),
        "position": snapshot.position,
    }


def main(argv: list[str], spark: SparkSession | None = None) -> dict:
    """Runs the job; gives its result, which is also printed as one JSON line."""
    parser = arguments.parser("Loads one table of an RDS snapshot export into bronze.")
    for name in ("--export", "--table", "--export-id", "--position", "--committed-at"):
        parser.add_argument(name, required=True)
    parser.add_argument("--complete", type=arguments.flag, required=True)
    given, _ = parser.parse_known_args(argv)
    position.parse(given.position)
    committed_at = datetime.fromisoformat(given.committed_at)
    if committed_at.tzinfo is None:
        raise SystemExit(
            f"--committed-at {given.committed_at} has no zone; give one, such as {given.committed_at}Z"
        )
    snapshot = Snapshot(given.export_id, given.position, committed_at, given.complete)
    dataset = contract.load(given.contracts, given.dataset)
    session = spark or SparkSession.builder.getOrCreate()
    export = landing.parquet(session, given.export, given.table, given.export_id)
    result = load(session, dataset, given.env, export, snapshot)
    return runs.finish(result, given.run_id, given.runs_table)


if __name__ == "__main__":
    main(sys.argv[1:])
