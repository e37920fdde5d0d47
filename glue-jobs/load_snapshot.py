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
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as f

from common import (
    arguments,
    bronze,
    contract_file,
    handover,
    keyed_snapshot,
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
from common.keyed_snapshot import Snapshot
from common.merging import merge

MERGED = ("bronze_rows", "changed", "inserted", "deleted")


@dataclass(frozen=True)
class Found:
    """What an export's rows are, in figures."""

    export_rows: int = 0
    quarantined: int = 0
    duplicates: int = 0
    unreadable_keys: int = 0


def rejects(rows: DataFrame, snapshot: Snapshot) -> DataFrame:
    """The rejected rows of an export, for quarantine."""
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
    check = keyless_snapshot.checked if dataset.keyless else keyed_snapshot.checked
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
            else keyed_snapshot.transform(rows, silver, dataset, snapshot, missing, now, begins)
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
