"""Rows that may not go on, in the shape of the quarantine table, one table for all datasets."""

from datetime import datetime

from pyspark.sql import DataFrame
from pyspark.sql import functions as f

from common import tables
from common.iceberg import Snapshots

COLUMNS = ("dataset", "reason", "column_name", "payload", "_position", "_origin", "_quarantined_at")


def shape(rejected: DataFrame, dataset: str, at: datetime) -> DataFrame:
    """Rows with `reason`, `column_name`, `payload`, `_position`, `_origin` as quarantine rows."""
    return rejected.select(
        f.lit(dataset).alias("dataset"),
        "reason",
        f.col("column_name").cast("string"),
        "payload",
        "_position",
        "_origin",
        f.lit(at).cast("timestamp").alias("_quarantined_at"),
    )


def append(rejected: DataFrame, table: str, dataset: str, properties: dict[str, str]) -> None:
    """Appends quarantine rows in one commit that carries the dataset and the given properties."""
    writer = rejected.select(*COLUMNS).writeTo(table).option("distribution-mode", "none")
    for name, value in {tables.DATASET: dataset, **properties}.items():
        writer = writer.option(f"snapshot-property.{name}", value)
    writer.append()


def consumed(history: Snapshots, dataset: str) -> int | None:
    """The bronze snapshot through which a dataset's merges have reported rejected rows; None when they never
    did.
    """
    for _, summary in history.history():
        if summary.get(tables.DATASET) == dataset and tables.CONSUMED in summary:
            return int(summary[tables.CONSUMED])
    return None
