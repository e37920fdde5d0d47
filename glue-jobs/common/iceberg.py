"""What jobs need of Iceberg's Java API: snapshots and their properties, and commits that carry properties."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from pyspark.java_gateway import ensure_callback_server_started
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as f

from common.java import java_class

SPARK_UTIL = "org.apache.iceberg.spark.Spark3Util"
SNAPSHOT_UTIL = "org.apache.iceberg.util.SnapshotUtil"
JSON_UTIL = "org.apache.iceberg.util.JsonUtil"
_starting = threading.Lock()
CONFLICTS = ("ValidationException", "CommitFailedException", "CommitStateUnknownException")
ATTEMPTS = 5


class Snapshots:
    """The snapshots of a table as it is now (`spark` reads it anew, unless `refresh` is False). Raises when there is no
    such table.
    """

    def __init__(self, spark: SparkSession, table: str, refresh: bool = True):
        if refresh:
            spark.catalog.refreshTable(table)
        self._spark = spark
        self._table = _load(spark, table)
        snapshot = self._table.currentSnapshot()
        self.current: int | None = snapshot.snapshotId() if snapshot else None

    @property
    def properties(self) -> dict[str, str]:
        """The table's own properties."""
        return self._plain(self._table.properties())

    @property
    def manifests(self) -> int:
        """How many manifests the current snapshot has."""
        snapshot = self._table.currentSnapshot()
        return snapshot.allManifests(self._table.io()).size() if snapshot else 0

    def committed_at(self, snapshot_id: int) -> datetime:
        """When a snapshot was made, by its writer's clock, in UTC."""
        return datetime.fromtimestamp(self._table.snapshot(snapshot_id).timestampMillis() / 1000, UTC)

    @property
    def line(self) -> list[int]:
        """The current snapshot and its ancestors as far as they are kept, newest first."""
        return list(java_class(self._spark, SNAPSHOT_UTIL).currentAncestorIds(self._table))

    def mark(self, properties: dict[str, str]) -> None:
        """Makes a commit that changes no row and carries the properties."""
        update = self._table.newAppend()
        for name, value in properties.items():
            update.set(name, value)
        update.commit()

    def summary(self, snapshot_id: int) -> dict[str, str]:
        """A snapshot's properties: Iceberg's counts, and what jobs wrote."""
        return self._plain(self._table.snapshot(snapshot_id).summary())

    def history(self) -> Iterator[tuple[int, dict[str, str]]]:
        """Snapshots and their properties, from the current one back along its ancestors, as far as they are
        kept.
        """
        snapshot = self._table.currentSnapshot()
        while snapshot is not None:
            yield snapshot.snapshotId(), self._plain(snapshot.summary())
            parent = snapshot.parentId()
            snapshot = self._table.snapshot(parent) if parent is not None else None

    def find(self, properties: dict[str, str]) -> dict[str, str] | None:
        """The properties of the newest ancestor that carries all of these, or None."""
        wanted = properties.items()
        return next((summary for _, summary in self.history() if wanted <= summary.items()), None)

    def descends(self, ancestor: int) -> bool:
        """True when the current snapshot is `ancestor` or comes after it."""
        return self._is_ancestor(self.current, ancestor)

    def between(self, snapshot_id: int, start: int | None) -> bool:
        """True when a snapshot is in the current history, at or after `start` (None: the beginning)."""
        return self.descends(snapshot_id) and (start is None or self._is_ancestor(snapshot_id, start))

    def _is_ancestor(self, snapshot_id: int | None, ancestor: int) -> bool:
        util = java_class(self._spark, SNAPSHOT_UTIL)
        return snapshot_id is not None and util.isAncestorOf(self._table, snapshot_id, ancestor)

    def _plain(self, properties) -> dict[str, str]:
        """A map of Java's by one call: entry by entry it would be three for each."""
        return json.loads(java_class(self._spark, JSON_UTIL).mapper().writeValueAsString(properties))


def _load(spark: SparkSession, table: str):
    return java_class(spark, SPARK_UTIL).loadIcebergTable(spark._jsparkSession, table)


def at_snapshot(spark: SparkSession, table: str, snapshot_id: int) -> DataFrame:
    """The rows that a table had at a snapshot, in the columns that it has now.

    Iceberg shows a snapshot in the columns of its time: what was renamed, added or widened since looks as it
    did. https://iceberg.apache.org/docs/1.10.0/spark-queries/#time-travel
    """
    java = _load(spark, table)
    schema = java.schemas().get(java.snapshot(snapshot_id).schemaId())
    then = {field.fieldId(): field.name() for field in schema.columns()}
    ids = {field.name(): field.fieldId() for field in java.schema().columns()}
    spark.catalog.refreshTable(table)
    columns = [
        (f.col(f"`{then[ids[each.name]]}`") if ids[each.name] in then else f.lit(None))
        .cast(each.dataType)
        .alias(each.name)
        for each in spark.table(table).schema.fields
    ]
    return spark.read.format("iceberg").option("snapshot-id", snapshot_id).load(table).select(*columns)


def newest_with(spark: SparkSession, table: str, name: str) -> int | None:
    """The newest snapshot in a table's history that has this property. One query: histories are long."""
    having = f"select snapshot_id from {table}.snapshots where summary['{name}'] is not null"
    ids = {row.snapshot_id for row in spark.sql(having).collect()}
    return next((snapshot_id for snapshot_id in Snapshots(spark, table).line if snapshot_id in ids), None)


class _Callable:
    """A Python function as java.util.concurrent.Callable; what it raises is kept for Python."""

    def __init__(self, work: Callable[[], Any]):
        self._work = work
        self.error: BaseException | None = None

    def call(self) -> None:
        try:
            self._work()
        except BaseException as error:  # noqa: BLE001, raised again by `commit_with`
            self.error = error

    class Java:
        implements = ["java.util.concurrent.Callable"]


def commit_with(spark: SparkSession, properties: dict[str, str], work: Callable[[], Any]) -> None:
    """Runs `work`; the Iceberg commit that it makes carries the properties.

    The session setting for snapshot properties does nothing for MERGE, so this goes through CommitMetadata:
    https://iceberg.apache.org/javadoc/1.10.0/org/apache/iceberg/spark/CommitMetadata.html
    """
    with _starting:
        ensure_callback_server_started(spark.sparkContext._gateway)
    java_properties = java_class(spark, "java.util.HashMap")()
    for name, value in properties.items():
        java_properties.put(name, value)
    callback = _Callable(work)
    never = java_class(spark, "java.lang.Class").forName("java.lang.RuntimeException")
    metadata = java_class(spark, "org.apache.iceberg.spark.CommitMetadata")
    metadata.withCommitProperties(java_properties, callback, never)
    if callback.error is not None:
        raise callback.error


def is_conflict(error: BaseException) -> bool:
    """True when another commit came between, or Iceberg can't tell whether ours arrived: start over."""
    text = f"{type(error).__name__} {error} {getattr(error, 'java_exception', '')}"
    cause = getattr(error, "_origin", None) or getattr(error, "java_exception", None)
    while cause is not None:
        text += f" {cause.toString()}"
        cause = cause.getCause()
    return any(name in text for name in CONFLICTS)


def persist(work: Callable[[], Any], lost: Callable[[], Any] = lambda: None) -> Any:
    """What `work` gives; when another commit came between, `lost` is called and it is done again, 5 times at most."""
    for _ in range(ATTEMPTS - 1):
        try:
            return work()
        except Exception as error:
            if not is_conflict(error):
                raise
            lost()
    return work()


@contextmanager
def settings(spark: SparkSession, values: dict[str, str]) -> Iterator[None]:
    """Session settings for a while; the former ones come back."""
    former = {name: spark.conf.get(name, None) for name in values}
    try:
        for name, value in values.items():
            spark.conf.set(name, value)
        yield
    finally:
        for name, value in former.items():
            if value is None:
                spark.conf.unset(name)
            else:
                spark.conf.set(name, value)
