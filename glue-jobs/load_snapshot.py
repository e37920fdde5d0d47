"""Glue job: compares one table of an RDS snapshot export with silver and appends the differences to bronze.

Arguments: the common ones (common/arguments.py) and
  --export URI           root of the export, such as s3://bucket/prefix/<export id>/
  --table NAME           <database>/<schema>.<table>, the folder below it; everything in it is read
  --export-id ID         identifies the load: bronze takes an export's rows once
  --position POSITION    of the snapshot (common/position.py); in an epoch above 0 the stream beside it decides
                         (common/handover.py)
  --committed-at TIME    of the snapshot, ISO 8601 with zone
  --complete true|false  false: the export may lack rows, so it deletes none
Result: export_rows, bronze_rows appended, changed (upserts), deleted, quarantined, duplicates (equal rows
dropped), unreadable_keys (rows in quarantine for their key), deletes_withheld (true when the export is not
complete or has unreadable keys), ignored_columns, missing_columns, in_flight (keys of which silver knows something
newer than the snapshot's place), lost (rows that the stream beside it had lost: common/reconciliation.py),
skipped (true when bronze already has this export), merged (what the merge before the comparison did: bronze_rows,
changed, inserted, deleted), log_went_back (of that merge, see glue-jobs/merge.py).
How the two sides compared, by range of the key, is kept in the table of reconciliations.
"""

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import reduce
from operator import and_

from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as f

from common import (
    arguments,
    bronze,
    contract,
    contract_file,
    handover,
    keyless_snapshot,
    landing,
    position,
    progress,
    quarantine,
    reconciliation,
    rules,
    runs,
    tables,
)
from common.contract import Contract
from common.iceberg import Snapshots
from common.merging import merge
from common.position import EMPTIED

MERGED = ("bronze_rows", "changed", "inserted", "deleted")


@dataclass(frozen=True)
class Snapshot:
    """The export that is loaded: its id, position, time, and whether every row's key is known from it."""

    export_id: str
    position: str
    committed_at: datetime
    complete: bool


@dataclass(frozen=True)
class Found:
    """What an export's rows are, in figures."""

    export_rows: int = 0
    quarantined: int = 0
    duplicates: int = 0
    unreadable_keys: int = 0


def checked(export: DataFrame, dataset: Contract) -> DataFrame:
    """The export's rows cast by contract (see rules.check), one good row for each key at most.

    Of rows with one key, the greatest is good; an equal one has `_duplicate`, a different one is rejected.
    `_first` marks one row of each key, the good one if there is one; `_keyed` is false where the key is not
    known.
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
        "_keyed",
    )


def transform(
    rows: DataFrame,
    silver: DataFrame,
    dataset: Contract,
    snapshot: Snapshot,
    missing: list[str],
    ingested_at: datetime,
    begins: Sequence[str] = (),
) -> DataFrame:
    """Each key as common/reconciliation.py wants it, with the bronze row (`_change`) that makes silver what the
    snapshot says, wherever silver's knowledge is older.

    `rows` come from `checked`; `missing` names the contract's columns that the export lacks. A column is told
    when silver's stamp of it is older than the snapshot and its value differs, or silver has none. A key is
    deleted when it is alive, older than a complete snapshot, and no row of the export has it, not even a
    rejected one. `begins`: where the ranges of keys begin.

    A column that the export lacks keeps what silver knows of it (`_missing`). Where silver knows nothing, it is
    null: the table had no such column, and the row is whole without it.
    """
    told = [column for column in dataset.values if column.name not in missing]
    untold = [column for column in dataset.values if column.name in missing]
    here = rows.where("_first").alias("e")
    there = silver.alias("t")
    on = [f.col(f"e.{name}") == f.col(f"t.{name}") for name in dataset.key]
    joined = here.join(there, on, "full_outer")
    existence = f.concat("t._position", f.when(f.col("t._is_deleted"), f.lit(EMPTIED)).otherwise(f.lit("")))
    older = f.col("t._position") < snapshot.position
    differs = f.col("t._is_deleted") & older
    for column in told:
        value, stamp = f.col(f"e.{column.name}"), _stamp(column, existence)
        other = _is_empty(stamp) | ~value.eqNullSafe(f.col(f"t.{column.name}"))
        differs = differs | ((stamp < snapshot.position) & other)
    for column in untold:
        stamp = _stamp(column, existence)
        differs = differs | ((stamp < snapshot.position) & _is_empty(stamp))
    known = [f.when(~_is_empty(_stamp(column, existence)), f.lit(column.name)) for column in untold]
    first = dataset.key[0]
    good = f.col(f"e.{first}").isNotNull() & f.col(f"e.{rules.REASONS}").isNull()
    upsert = good & (f.col(f"t.{first}").isNull() | differs)
    delete = f.col(f"e.{first}").isNull() & ~f.col("t._is_deleted") & older & f.lit(snapshot.complete)
    operation = f.when(upsert, "upsert").when(delete, "delete")
    change = f.struct(
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
        f.when(f.col("_op") == "upsert", f.nullif(f.concat_ws(",", *known), f.lit(""))).alias("_missing"),
        f.coalesce("e._origin", f.lit(snapshot.export_id)).alias("_origin"),
    )
    types = dict(silver.dtypes)
    compared = [*dataset.key, *[column.name for column in told]]
    here = reconciliation.row_hash(f.col(f"e.{name}").cast(types[name]) for name in compared)
    there = reconciliation.row_hash(f.col(f"t.{name}") for name in compared)
    comparable = older | f.col(f"t.{first}").isNull()
    alive = ~f.col("t._is_deleted") & older & (good | delete)
    key = f.coalesce(f"e.{first}", f"t.{first}")
    return joined.withColumn("_op", operation).select(
        reconciliation.range_of(key, types[first], begins).alias(reconciliation.RANGE),
        f.when(good & comparable, here).alias(reconciliation.SOURCE),
        f.when(alive, there).alias(reconciliation.SILVER),
        (~comparable).alias(reconciliation.IN_FLIGHT),
        f.when(f.col("_op").isNotNull(), change).alias(reconciliation.CHANGE),
    )


def _stamp(column: contract.Column, existence: Column) -> Column:
    """Silver's stamp of a column, which a row from before a rename has under a former name; null without a
    row.
    """
    return f.coalesce(*[f.col("t._column_positions")[name] for name in column.names], existence)


def _is_empty(stamp: Column) -> Column:
    """Silver's row has no value; null when silver has no row."""
    return (stamp == "") | stamp.endswith(EMPTIED)


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
    spark: SparkSession, dataset: Contract, environment: str, export: DataFrame | None, snapshot: Snapshot
) -> dict:
    """Loads an export's table into bronze, once; a load that was cut off is done again without doubling
    anything. `export` is None when the export has no file for the table.

    What bronze holds is merged first, so that the comparison is with all that is known.
    """
    names = tables.of(environment, dataset.dataset)
    identity = {tables.EXPORT_ID: snapshot.export_id, tables.DATASET: dataset.dataset}
    if loaded := Snapshots(spark, names.bronze).find(identity):
        nothing = {"skipped": True, "merged": dict.fromkeys(MERGED, 0), "log_went_back": False}
        return json.loads(loaded[tables.COUNTS]) | nothing
    first = merge(spark, dataset, environment)
    this_run = {"skipped": False, "merged": {name: first[name] for name in MERGED}}
    this_run["log_went_back"] = first["log_went_back"]
    beside_stream = position.parse(snapshot.position).epoch > 0
    done = progress.read(Snapshots(spark, names.silver))
    place = handover.of_snapshot(
        spark,
        names.bronze,
        snapshot.position,
        snapshot.committed_at,
        done.newest_position,
        done.tombstone_floor,
    )
    snapshot = replace(snapshot, position=place)
    silver = spark.table(names.silver)
    if export is None:
        require_empty(silver, dataset, snapshot, names.bronze)
        return _result(dataset, snapshot, Found(), {}) | this_run
    given = [name for name in export.columns if name != "_origin"]
    missing = rules.missing_columns(dataset, given)
    now = datetime.now(UTC)
    check = keyless_snapshot.checked if dataset.keyless else checked
    with landing.cached(check(export, dataset)) as rows:
        found = _found(rows)
        # A row whose key can't be read may be that of any live row: an absent key proves nothing then.
        snapshot = replace(snapshot, complete=snapshot.complete and found.unreadable_keys == 0)
        begins = reconciliation.bounds(rows, dataset, found.export_rows)
        differing = (
            keyless_snapshot.transform(
                *(rows, silver, dataset, snapshot, now),
                *(done.truncate_floor, _newest_load(spark, names.bronze), begins),
            )
            if dataset.keyless
            else transform(rows, silver, dataset, snapshot, missing, now, begins)
        )
        with landing.cached(differing) as compared:
            ranges = reconciliation.measure(compared, begins)
            changes = compared.where(f"{reconciliation.CHANGE} is not null").select(
                f"{reconciliation.CHANGE}.*"
            )
            operations = {row["_op"]: row["count"] for row in changes.groupBy("_op").count().collect()}
            counts = _result(dataset, snapshot, found, operations, given, missing)
            counts["in_flight"] = sum(each["in_flight"] for each in ranges)
            counts["lost"] = reconciliation.record(
                spark, names.reconciliation, dataset, snapshot, ranges, beside_stream, now
            )
            if found.quarantined and not Snapshots(spark, names.quarantine).find(identity):
                rejected = quarantine.shape(rejects(rows, snapshot), dataset.dataset, now)
                quarantine.append(rejected, names.quarantine, dataset.dataset, identity)
            bronze.append(changes, names.bronze, identity | {tables.COUNTS: json.dumps(counts)})
    return counts | this_run


def _newest_load(spark: SparkSession, bronze: str) -> str:
    """The newest position of a snapshot that was loaded, as far as bronze's history goes; empty when none was."""
    loads = (summary for _, summary in Snapshots(spark, bronze).history() if tables.EXPORT_ID in summary)
    return max((json.loads(each[tables.COUNTS])["position"] for each in loads), default=position.NEVER)


def require_empty(silver: DataFrame, dataset: Contract, snapshot: Snapshot, table: str) -> None:
    """Raises FileNotFoundError when an export without files for its table would delete live rows of silver."""
    live = silver.where(~f.col("_is_deleted") & (f.col("_position") < snapshot.position)).count()
    if live:
        raise FileNotFoundError(
            f"{dataset.dataset}: export {snapshot.export_id} has no .parquet file for it and silver still has "
            f"{live} live row(s) older than the export; an emptied table can't be told from a failed export, "
            "so nothing was deleted. Check the table at the source: if it has rows, load a new export; if it "
            f"is truly empty, append a row to {table} with _op 'truncate', _position "
            f"'{snapshot.position}' and nulls elsewhere, and load again"
        )


def _found(rows: DataFrame) -> Found:
    counted = rows.agg(
        f.count("*").alias("export_rows"),
        f.count(rules.REASONS).alias("quarantined"),
        f.count_if("_duplicate").alias("duplicates"),
        f.count_if(~f.col("_keyed")).alias("unreadable_keys"),
    )
    return Found(**counted.first().asDict())


def _result(
    dataset: Contract,
    snapshot: Snapshot,
    found: Found,
    operations: dict[str, int],
    given: list[str] | None = None,
    missing: list[str] | None = None,
) -> dict:
    return {
        "dataset": dataset.dataset,
        "job": "load_snapshot",
        **asdict(found),
        "bronze_rows": sum(operations.values()),
        "changed": operations.get("upsert", 0),
        "deleted": operations.get("delete", 0),
        "deletes_withheld": not snapshot.complete,
        "ignored_columns": rules.extra_columns(dataset, given or []),
        "missing_columns": missing or [],
        "in_flight": 0,
        "lost": 0,
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
    dataset = contract_file.load(given.contracts, given.dataset)
    session = spark or SparkSession.builder.getOrCreate()
    export = landing.parquet(session, given.export, given.table, given.export_id)
    result = load(session, dataset, given.env, export, snapshot)
    return runs.finish(result, given.run_id, given.runs_table)


if __name__ == "__main__":
    main(sys.argv[1:])
