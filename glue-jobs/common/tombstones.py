"""The purge of tombstones, as common/algebra.py has it: rows that were deleted long ago go, the tombstone floor rises.

In two steps, days apart. A merge reads the floor when it begins and silver when it ends. If the two changed at once, a
merge under way could know no floor and find no tombstone, and bring a deleted row back by an old change. So the floor
rises first, and the tombstones below it go once no merge is left that knew a lower one.
"""

from datetime import datetime, timedelta

from pyspark.sql import SparkSession
from pyspark.sql import functions as f

from common import compaction, iceberg, kafka_progress, progress, runs, tables
from common.iceberg import Snapshots

SETTLES_AFTER = timedelta(days=2)
"""No run of a merge lasts for so long: resident ones end after 25 hours (lib/spark-jobs.ts)."""


def purge(spark: SparkSession, names: tables.Tables, now: datetime, kept: timedelta) -> int:
    """Removes tombstones at or below a floor that was raised two days ago or earlier, then raises the floor to the
    newest tombstone that was merged longer ago than `kept`; gives how many were removed.

    Of a dataset from Kafka all are kept: an offset says nothing about other partitions, and a floor would refuse new
    keys there.
    """
    if iceberg.newest_with(spark, names.bronze, kafka_progress.OFFSETS) is not None:
        return 0
    silver, old = names.silver, f"`_is_deleted` and `_merged_at` < timestamp'{runs.iso(now - kept)}'"
    floor, _, raised_at = Snapshots(spark, silver).properties.get(tables.PURGES, "").partition(" ")
    if floor and datetime.fromisoformat(raised_at) > now - SETTLES_AFTER:
        return 0
    gone = f"{old} and `_position` <= '{floor}'"
    with compaction.reservation(spark, silver) as reserve:
        purged = iceberg.persist(lambda: _remove(spark, silver, gone, floor), reserve)
    _raise(spark, silver, old, now)
    return purged


def _remove(spark: SparkSession, silver: str, gone: str, floor: str) -> int:
    spark.catalog.refreshTable(silver)
    count = spark.table(silver).where(gone).count() if floor else 0
    if count:
        statement = f"delete from {silver} where {gone}"
        iceberg.commit_with(spark, {tables.TOMBSTONE_FLOOR: floor}, lambda: spark.sql(statement))
    return count


def _raise(spark: SparkSession, silver: str, old: str, now: datetime) -> None:
    """A run that ends between the two commits has raised the floor, and the next says when it was."""
    spark.catalog.refreshTable(silver)
    newest = spark.table(silver).where(old).agg(f.max("_position")).first()[0]
    if not newest:
        return
    history = Snapshots(spark, silver)
    floor = max(newest, progress.read(history).tombstone_floor)
    iceberg.persist(lambda: Snapshots(spark, silver).mark({tables.TOMBSTONE_FLOOR: floor}))
    told = f"'{tables.PURGES}' = '{floor} {runs.iso(now)}'"
    spark.sql(f"alter table {silver} set tblproperties ({told})")
