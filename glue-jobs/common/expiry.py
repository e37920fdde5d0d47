"""Which snapshots may go. Who reads history needs an unbroken line of it, so it is always the oldest that go.

https://iceberg.apache.org/docs/1.10.0/spark-procedures/#expire_snapshots
"""

from datetime import datetime, timedelta

from pyspark.sql import SparkSession

from common import derivation, export_progress, iceberg, kafka_progress, progress, runs, tables
from common.iceberg import Snapshots

TOLD = (kafka_progress.OFFSETS, export_progress.DELIVERIES, derivation.DECLARATION)
"""What commits to bronze say of how far their writers have come."""


def expire(spark: SparkSession, names: tables.Tables, now: datetime, kept: timedelta) -> int:
    """Expires snapshots of bronze and silver that are older than `kept` and that no progress needs; gives how many.

    Bronze keeps the snapshot that silver has consumed, from which the next merge reads on, and all after it; and the
    newest that says how far each of its writers has come. (Quarantine's progress counts only where it is beyond
    silver's: merging.py.) Silver keeps the commit that carries its progress, and those that this one did not know of.
    """
    silver = Snapshots(spark, names.silver)
    consumed = progress.read(silver).consumed
    if consumed is None:
        return 0
    told = [iceberg.newest_with(spark, names.bronze, name) for name in TOLD]
    needed = [consumed, *[each for each in told if each is not None]]
    expired = iceberg.persist(lambda: _expire(spark, names.bronze, needed, now - kept))
    return expired + iceberg.persist(lambda: _expire(spark, names.silver, _known(silver), now - kept))


def _expire(spark: SparkSession, table: str, needed: list[int], before: datetime) -> int:
    """Expires what is older than `before` and than all that is needed; nothing, when that is not in the history."""
    history = Snapshots(spark, table)
    line = history.line
    if not set(needed) <= set(line):
        return 0
    last = max(line.index(each) for each in needed)
    # Writers' clocks differ, so that times need not rise along the line.
    bound = min(before, *(history.committed_at(each) for each in line[: last + 1]))
    if history.committed_at(line[-1]) >= bound:
        return 0
    older_than = f"older_than => timestamp'{runs.iso(bound)}'"
    spark.sql(f"call {tables.CATALOG}.system.expire_snapshots(table => '{table}', {older_than})").collect()
    return len(set(line) - set(Snapshots(spark, table).line))


def _known(silver: Snapshots) -> list[int]:
    """The newest commit with progress, and that which it started from, if it is still kept."""
    newest, summary = next(each for each in silver.history() if tables.CONSUMED in each[1])
    base = int(summary.get(tables.BASE, 0))
    return [newest, base] if base in silver.line else [newest]
