"""Appends rows to a bronze table, in one commit that also says what they are."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as f


def append(rows: DataFrame, bronze: str, properties: dict[str, str]) -> None:
    """Appends rows of a contract's columns and bronze's own; the snapshot carries the properties.

    After a rollback the table may have columns that the contract doesn't know: they are null, and an upsert says
    in `_missing` that it does not carry them. Bookkeeping that these rows have no use for is null, too.
    """
    table = rows.sparkSession.table(bronze).schema
    absent = [field for field in table.fields if field.name not in rows.columns]
    if unknown := [field.name for field in absent if not field.name.startswith("_")]:
        missing = f.concat_ws(",", "_missing", *[f.lit(name) for name in unknown])
        rows = rows.withColumn(
            "_missing", f.when(f.col("_op") == "upsert", missing).otherwise(f.col("_missing"))
        )
    rows = rows.withColumns({field.name: f.lit(None).cast(field.dataType) for field in absent})
    writer = rows.writeTo(bronze).option("distribution-mode", "none")
    for name, value in properties.items():
        writer = writer.option(f"snapshot-property.{name}", value)
    writer.append()
