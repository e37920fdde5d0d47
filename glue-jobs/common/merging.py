"""The merge of bronze into silver in Spark, equal to common/algebra.py.

One run reads what was appended to bronze since the snapshot last consumed, folds it by key, writes the fold
to a staging table bucketed like silver, and MERGEs that in one commit that also carries the progress.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as f

from common import crossings, iceberg, keyless_merge, log_order, moves, progress, quarantine, runs, tables
from common.contract import Contract
from common.fold import fault, transform
from common.iceberg import Snapshots
from common.progress import Progress
from common.staging import staged
from common.upsert_sql import merge_sql

ATTEMPTS = 5
# Storage-partitioned join: both sides are read bucket by bucket, and neither is shuffled.
# https://iceberg.apache.org/docs/1.10.0/spark-configuration/
SETTINGS = {
    "spark.sql.sources.v2.bucketing.enabled": "true",
    "spark.sql.sources.v2.bucketing.pushPartValues.enabled": "true",
    "spark.sql.iceberg.planning.preserve-data-grouping": "true",
    "spark.sql.requireAllClusterKeysForCoPartition": "false",
}


@dataclass(frozen=True)
class Batch:
    """What a batch of bronze holds, in figures; positions and times are "" when there is none."""

    rows: int = 0
    faulty: int = 0
    truncate: str = ""
    oldest: str = ""
    newest: str = ""
    newest_committed_at: str = ""
    log: log_order.News = log_order.News()
    keys: crossings.Counts = crossings.Counts()


def merge(
    spark: SparkSession,
    dataset: Contract,
    environment: str,
    from_snapshot: int | None = None,
    resident: bool = False,
) -> dict:
    """Merges one dataset and says what that did. Starts over, 5 times at most, when another commit came
    between.

    `from_snapshot` reads bronze after that snapshot (0: all of it) and not after the recorded one. A
    `resident` merge, one of many in a run, trusts that bronze and silver have just been read anew, and leaves old
    staging tables to others. Raises ValueError when the snapshot is not in bronze's history, ContractError when the
    tables lack a column of the contract.
    """
    names = tables.of(environment, dataset.dataset)
    result: dict | None = None
    for attempt in range(1, ATTEMPTS + 1):
        tables.require_columns(
            spark, dataset, names.bronze, names.silver, refresh=not resident or attempt > 1
        )
        try:
            done = _merge_once(spark, dataset, names, from_snapshot, sweep=not resident)
        except Exception as error:
            if attempt == ATTEMPTS or not iceberg.is_conflict(error):
                raise
            continue
        result = result or done
        if _settled(dataset, progress.read(_known(spark, names.silver))):
            break
        from_snapshot = None
    return result or {}


def increment(spark: SparkSession, bronze: str, start: int | None, end: int) -> DataFrame:
    """What was appended to bronze after snapshot `start` (None: ever) up to and with `end`."""
    if start is None or start == end:
        everything = iceberg.at_snapshot(spark, bronze, end)
        return everything if start is None else everything.limit(0)
    reader = spark.read.format("iceberg")
    return reader.option("start-snapshot-id", start).option("end-snapshot-id", end).load(bronze)


def _known(spark: SparkSession, table: str) -> Snapshots:
    """A table as this merge has read or left it: each time that it is read anew costs the merge two requests."""
    return Snapshots(spark, table, refresh=False)


def _settled(dataset: Contract, done: Progress) -> bool:
    return done.sound and not (dataset.keyless and done.overtaken)


def _merge_once(
    spark: SparkSession, dataset: Contract, names: tables.Tables, from_snapshot: int | None, sweep: bool
) -> dict:
    done = _sound_times(spark, names.silver)
    bronze = _known(spark, names.bronze)
    start = done.consumed if from_snapshot is None else from_snapshot or None
    if _settled(dataset, done) and (bronze.current is None or bronze.current == start):
        return _result(dataset, done, Batch())
    if start is not None and not bronze.descends(start):
        raise ValueError(
            f"{names.bronze}: snapshot {start}, after which to merge, is not in its history; "
            "merge with --from-snapshot 0 to read all of it"
        )
    changes = _changes(spark, dataset, names.bronze, start, bronze.current)
    batch = _measure(changes, dataset, done)
    behind_since, went_back = log_order.judge(done.behind_since, batch.log)
    floor = max(done.truncate_floor, batch.truncate)
    if not dataset.keyless:
        changes, done = crossings.settle(
            spark, changes, dataset, (names.bronze, names.silver), start, done, batch.keys, floor
        )
    absent = _absent_keys(spark, changes, dataset, names.silver, done, batch)
    quarantined = 0
    if absent is not None:
        changes = _mark_late(changes, absent, dataset, done.tombstone_floor)
    if absent is not None or batch.faulty:
        quarantined = _quarantine(spark, changes, dataset, names, start, bronze, absent, done)
    after = replace(
        done,
        consumed=bronze.current,
        truncate_floor=floor,
        applied_floor=floor,
        merged_at=_next_time(done.merged_at),
        newest_committed_at=max(done.newest_committed_at, batch.newest_committed_at),
        newest_position=max(done.newest_position, batch.newest),
        overtaken=False,
        behind_since=behind_since,
    )
    good = changes.where("_fault is null and _op <> 'truncate'")
    raised = after.truncate_floor if after.truncate_floor > done.applied_floor else ""
    folded = (
        keyless_merge.transform(
            good,
            keyless_merge.base(spark, names.silver, done),
            dataset,
            after.truncate_floor,
            everything=bool(raised) or done.overtaken,
        )
        if dataset.keyless
        else transform(good, dataset, after.truncate_floor)
    ).withColumn("_merged_at", f.lit(after.merged_at))
    with staged(spark, folded, dataset, names.staging, sweep) as staging:
        deleted = spark.table(staging).where("_is_deleted").count()
        statement = (
            keyless_merge.merge_sql(dataset, names.silver, staging, done.tombstone_floor)
            if dataset.keyless
            else merge_sql(dataset, names.silver, staging, after.merged_at, raised, done.tombstone_floor)
        )
        token = {tables.TOKEN: staging}
        with iceberg.settings(spark, SETTINGS):
            iceberg.commit_with(spark, after.properties() | token, lambda: spark.sql(statement))
        summary = _known(spark, names.silver).find(token) or {}
    if absent is not None:
        absent.unpersist()
    return _result(dataset, after, batch, summary, deleted, quarantined, went_back)


def _changes(spark: SparkSession, dataset: Contract, bronze: str, start: int | None, end: int) -> DataFrame:
    """What was appended to bronze, moves split, each change with its `_fault`."""
    changes = moves.split(increment(spark, bronze, start, end), dataset)
    changes = keyless_merge.named(changes, dataset) if dataset.keyless else changes
    return changes.withColumn("_fault", fault(dataset))


def _sound_times(spark: SparkSession, silver: str) -> Progress:
    """Silver's progress, after rows with too old a `_merged_at` (see Progress.restamp) have got a new one."""
    done = progress.read(_known(spark, silver))
    for _ in range(ATTEMPTS):
        if not done.restamp:
            break
        after = replace(done, merged_at=_next_time(done.merged_at))
        statement = (
            f"update {silver} set `_merged_at` = timestamp'{after.merged_at}' "
            f"where `_merged_at` = timestamp'{done.restamp}'"
        )
        iceberg.commit_with(spark, after.properties(), lambda sql=statement: spark.sql(sql))
        done = progress.read(Snapshots(spark, silver))
    return done


def _measure(changes: DataFrame, dataset: Contract, done: Progress) -> Batch:
    good = f.col("_fault").isNull()
    truncate = f.col("_op") == "truncate"
    row = changes.agg(
        f.count_if(~f.col(moves.DEPARTED)).alias("rows"),
        f.count_if(~good).alias("faulty"),
        f.max(f.when(good & truncate, f.col("_position"))).alias("truncate"),
        f.min(f.when(good & ~truncate, f.col("_position"))).alias("oldest"),
        f.max(f.when(good, f.col("_position"))).alias("newest"),
        f.max(f.when(good, f.unix_micros("_committed_at"))).alias("at"),
        *log_order.news(dataset, done),
        *crossings.counts(done),
    ).first()
    at = runs.iso(datetime.fromtimestamp(0, UTC) + timedelta(microseconds=row["at"])) if row["at"] else ""
    log = log_order.News(row.above, row.first_below, row.last_below)
    keys = crossings.Counts(*row[-len(crossings.Counts._fields) :])
    return Batch(row.rows, row.faulty, row.truncate or "", row.oldest or "", row.newest or "", at, log, keys)


def _absent_keys(
    spark: SparkSession, changes: DataFrame, dataset: Contract, silver: str, done: Progress, batch: Batch
) -> DataFrame | None:
    """Keys that silver lacks and that have changes at or below the tombstone floor; None when there can be
    none.

    This reads silver's keys, which only a batch with such old changes does.
    """
    if not batch.oldest or batch.oldest > done.tombstone_floor:
        return None
    key = list(dataset.key)
    present = iceberg.at_snapshot(spark, silver, done.base).select(*key)
    old = changes.where(f.col("_fault").isNull() & (f.col("_op") != "truncate"))
    old = old.where(f.col("_position") <= done.tombstone_floor).select(*key).distinct()
    return old.join(present, key, "left_anti").withColumn("_absent", f.lit(True)).cache()


def _mark_late(changes: DataFrame, absent: DataFrame, dataset: Contract, floor: str) -> DataFrame:
    reason = f"too_late, at or below {floor}, up to which tombstones were purged, and silver lacks the key"
    late = f.col("_absent").isNotNull() & (f.col("_position") <= floor)
    marked = changes.join(f.broadcast(absent), list(dataset.key), "left")
    return marked.withColumn("_fault", f.coalesce("_fault", f.when(late, f.lit(reason)))).drop("_absent")


def _quarantine(
    spark: SparkSession,
    changes: DataFrame,
    dataset: Contract,
    names: tables.Tables,
    start: int | None,
    bronze: Snapshots,
    absent: DataFrame | None,
    done: Progress,
) -> int:
    """Counts the rows that can't be merged, and appends to quarantine those that no earlier try has appended.

    Quarantine is a consumer of bronze with progress of its own: a run that died before its merge has left
    rows there.
    """
    through = quarantine.consumed(Snapshots(spark, names.quarantine), dataset.dataset)
    rejected = changes.where("_fault is not null")
    if through is not None and bronze.between(through, start):
        later = _changes(spark, dataset, names.bronze, through, bronze.current)
        later = later if absent is None else _mark_late(later, absent, dataset, done.tombstone_floor)
        unreported = later.where("_fault is not null")
    else:
        unreported = rejected
    payload = f.to_json(
        f.struct(*[column.name for column in dataset.columns], "_op", "_missing", "_previous_key")
    )
    column_name = f.nullif(f.regexp_extract("_fault", "^([a-z0-9_]+): ", 1), f.lit(""))
    shaped = unreported.select(
        f.col("_fault").alias("reason"),
        column_name.alias("column_name"),
        payload.alias("payload"),
        "_position",
        "_origin",
    )
    if not shaped.isEmpty():
        shaped = quarantine.shape(shaped, dataset.dataset, datetime.now(UTC))
        quarantine.append(shaped, names.quarantine, dataset.dataset, {tables.CONSUMED: str(bronze.current)})
    return rejected.count()


def _next_time(last: str) -> str:
    """Now, or a microsecond after the last merge's time when the clock isn't past it."""
    now = datetime.now(UTC)
    return runs.iso(max(now, datetime.fromisoformat(last) + timedelta(microseconds=1)) if last else now)


def _result(
    dataset: Contract,
    done: Progress,
    batch: Batch,
    summary: dict[str, str] | None = None,
    deleted: int = 0,
    quarantined: int = 0,
    went_back: bool = False,
) -> dict:
    summary = summary or {}
    changed = int(summary.get("added-records", 0))
    # A delete file is written anew with the positions that it had: those are no rows of this merge.
    replaced = int(summary.get("added-position-deletes", 0)) - int(summary.get("removed-position-deletes", 0))
    return {
        "dataset": dataset.dataset,
        "job": "merge",
        "bronze_rows": batch.rows,
        "changed": changed,
        "inserted": changed - replaced,
        "deleted": deleted,
        "quarantined": quarantined,
        "newest_committed_at": done.newest_committed_at or None,
        "position": done.newest_position or None,
        "consumed_snapshot": done.consumed,
        "log_went_back": went_back,
    }
