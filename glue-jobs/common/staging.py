"""Short-lived tables for the merge's folded batch, bucketed like silver, in a database of their own."""

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from pyspark.sql import DataFrame, SparkSession

from common.contract import Contract

KEPT = timedelta(days=2)


@contextmanager
def staged(
    spark: SparkSession, folded: DataFrame, contract: Contract, database: str, sweep: bool
) -> Iterator[str]:
    """Writes the fold to a new table, gives its full name, and drops it in the end.

    With `sweep`, tables of this dataset that a killed run left behind two days ago or earlier are dropped first.
    """
    now = datetime.now(UTC)
    if sweep:
        _sweep(spark, contract.dataset, database, now - KEPT)
    name = f"{database}.{contract.dataset}__{now:%Y%m%d%H%M%S}_{uuid.uuid4().hex[:8]}"
    columns = ", ".join(f"`{field.name}` {field.dataType.simpleString()}" for field in folded.schema.fields)
    spark.sql(
        f"create table {name} ({columns}) using iceberg "
        f"partitioned by (bucket({contract.bucket_count}, `{contract.key[0]}`)) "
        "tblproperties ('format-version'='2', 'write.distribution-mode'='hash')"
    )
    try:
        folded.writeTo(name).append()
        yield name
    finally:
        spark.sql(f"drop table if exists {name} purge")


def _sweep(spark: SparkSession, dataset: str, database: str, before: datetime) -> None:
    for row in spark.sql(f"show tables in {database} like '{dataset}__*'").collect():
        made = re.fullmatch(rf"{dataset}__(\d{{14}})_[0-9a-f]{{8}}", row.tableName)
        if made and made[1] < f"{before:%Y%m%d%H%M%S}":
            spark.sql(f"drop table if exists {database}.{row.tableName} purge")
