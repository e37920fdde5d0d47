"""Names of the lake's tables, and the names of the properties that jobs write into Iceberg commits."""

from typing import NamedTuple

from pyspark.sql import SparkSession

from common.contract import Contract, ContractError
from common.iceberg import Snapshots

CATALOG = "lake"

CONSUMED = "moraine.consumed-snapshot"
TRUNCATE_FLOOR = "moraine.truncate-floor"
APPLIED_FLOOR = "moraine.applied-floor"
TOMBSTONE_FLOOR = "moraine.tombstone-floor"
MERGED_AT = "moraine.merged-at"
NEWEST_COMMITTED_AT = "moraine.newest-committed-at"
NEWEST_POSITION = "moraine.position"
MOVED = "moraine.moved-transactions"
OVERTAKEN = "moraine.overtaken"
BEHIND_SINCE = "moraine.behind-since"
BASE = "moraine.base-snapshot"
TOKEN = "moraine.merge"
EXPORT_ID = "moraine.export-id"
DATASET = "moraine.dataset"
COUNTS = "moraine.counts"
CONTRACT_VERSION = "moraine.contract-version"
"""Of a table: the version of the contract that it was last brought to (lambdas/shared/tables.ts)."""


RESERVED_UNTIL = "moraine.reserved-until"
"""Of silver: the resident merge leaves the table alone until then (ISO 8601), so that a compaction can end."""

PURGES = "moraine.purges"
"""Of silver: the tombstone floor that it got last, and when (ISO 8601), with a space between."""


class Tables(NamedTuple):
    """Full names of one dataset's tables in one environment; `staging` is a database."""

    bronze: str
    silver: str
    quarantine: str
    reconciliation: str
    staging: str


def of(environment: str, dataset: str) -> Tables:
    """The tables of a dataset; none is created by a job but short-lived ones in the staging database."""
    prefix = f"{CATALOG}.{environment}"
    return Tables(
        bronze=f"{prefix}_bronze.{dataset}",
        silver=f"{prefix}_silver.{dataset}",
        quarantine=f"{prefix}_quarantine.rejected",
        reconciliation=f"{prefix}_quarantine.reconciliation",
        staging=f"{prefix}_staging",
    )


def require_columns(spark: SparkSession, contract: Contract, *tables: str, refresh: bool = True) -> None:
    """Reads the tables anew, unless `refresh` is False. Raises ContractError when one lacks a column of the contract:
    after a rollback to one that has a column's former name.
    """
    for table in tables:
        if refresh:
            spark.catalog.refreshTable(table)
        there = spark.table(table).columns
        if lacking := [column.name for column in contract.columns if column.name not in there]:
            raise ContractError(
                f"{contract.dataset}: {table} has no column {', '.join(lacking)}, which version "
                f"{contract.version} of the contract declares; it has {', '.join(there)}. The table is of another "
                "version of the contract: deploy that one, or a newer one that lists the column's present name "
                "under previousNames. Nothing was changed"
            )


def is_of_version(spark: SparkSession, contract: Contract, environment: str) -> bool:
    """Whether bronze and silver, read anew, were last brought to this version of the contract; true of tables that tell
    none.
    """
    names = of(environment, contract.dataset)
    tables = (Snapshots(spark, table) for table in (names.bronze, names.silver))
    return all(each.properties.get(CONTRACT_VERSION, contract.version) == contract.version for each in tables)
