"""Compaction of the lake's tables by Iceberg's own procedures: fewer, larger files, and deletes that are carried out.

Each is one commit, or none. It carries no progress: who looks for that passes over it (progress.py, kafka_progress.py),
where a copy could be older than what was committed meanwhile.
https://iceberg.apache.org/docs/1.10.0/spark-procedures/#rewrite_data_files
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from pyspark.sql import SparkSession

from common import iceberg, runs, tables
from common.iceberg import Snapshots

OPTIONS = {
    # All or nothing: a part of a rewrite is a commit more for the merge to run into.
    "partial-progress.enabled": "false",
    # A file is written anew when a twentieth of its rows are deleted; Iceberg's own limit, 0.3, costs readers more.
    "delete-ratio-threshold": "0.05",
    "remove-dangling-deletes": "true",
}
SMALL = OPTIONS | {"min-file-size-bytes": str(8 * 2**20), "remove-dangling-deletes": "false"}
"""Only what merges of small batches have left: larger files are the maintenance's, and so are deletes for files that
are gone: a reader passes over them, and to find them costs as much as the rest.
"""
MANY_FILES = 10
"""So many more of them in each bucket than a compaction left slow a merge down, which reads them all."""
MANY_MANIFESTS = 20
"""So many manifests make planning slow, and are written anew."""
RESERVED = timedelta(minutes=15)


def compact(spark: SparkSession, table: str, options: dict[str, str] = OPTIONS) -> dict[str, int]:
    """Compacts one table; says how many data files and delete files it had before, and has now.

    When a merge commits meanwhile it is done again: from the second time on the table is reserved, or a merge that
    commits every few seconds would always win.
    """
    before = Snapshots(spark, table)
    if before.current is None:
        return {"files_before": 0, "files": 0}
    with reservation(spark, table) as reserve:
        iceberg.persist(lambda: _call(spark, "rewrite_data_files", table, options), reserve)
    if Snapshots(spark, table).manifests > MANY_MANIFESTS:
        iceberg.persist(lambda: _call(spark, "rewrite_manifests", table))
    return {"files_before": files(before), "files": files(Snapshots(spark, table))}


def files(snapshots: Snapshots) -> int:
    """How many data files and delete files a table has."""
    summary = snapshots.summary(snapshots.current) if snapshots.current else {}
    return int(summary.get("total-data-files", 0)) + int(summary.get("total-delete-files", 0))


@contextmanager
def reservation(spark: SparkSession, table: str) -> Iterator:
    """A function that reserves the table against the resident merge, until the end, or for 15 minutes; each time that
    it is called again for twice as long as before, so that a compaction which takes hours ends too.
    """
    taken: list[str] = []

    def reserve() -> None:
        taken.append(runs.iso(datetime.now(UTC) + RESERVED * 2 ** len(taken)))
        spark.sql(f"alter table {table} set tblproperties ('{tables.RESERVED_UNTIL}' = '{taken[-1]}')")

    try:
        yield reserve
    finally:
        # Somebody else's may stand there by now.
        if taken and Snapshots(spark, table).properties.get(tables.RESERVED_UNTIL) == taken[-1]:
            spark.sql(f"alter table {table} unset tblproperties if exists ('{tables.RESERVED_UNTIL}')")


def is_reserved(spark: SparkSession, table: str) -> bool:
    """Whether a compaction has asked the resident merge to leave the table alone, as it was when refreshed last."""
    until = Snapshots(spark, table, refresh=False).properties.get(tables.RESERVED_UNTIL)
    return until is not None and datetime.fromisoformat(until) > datetime.now(UTC)


def _call(spark: SparkSession, procedure: str, table: str, options: dict[str, str] | None = None) -> None:
    spark.catalog.refreshTable(table)
    pairs = ", ".join(f"'{name}', '{value}'" for name, value in (options or {}).items())
    more = f", options => map({pairs})" if pairs else ""
    spark.sql(f"call {tables.CATALOG}.system.{procedure}(table => '{table}'{more})").collect()
