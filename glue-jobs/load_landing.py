"""Glue job: appends the records of one extraction's pages to bronze, once.

Arguments: the common ones (common/arguments.py) and
  --landing URI   folder of the run, which has `manifest.json` and `page-<number>.json.gz` for each page
Result: pages, records, bronze_rows appended, quarantined, newest_committed_at, position (of the run's first
row), skipped (true when bronze already has this run).
"""

import json
import sys
from datetime import UTC, datetime
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict
from pyspark import cloudpickle
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as f
from pyspark.sql import types as t

from common import (
    arguments,
    bronze,
    contract_file,
    json_path,
    landing,
    position,
    quarantine,
    rules,
    runs,
    tables,
)
from common.contract import Contract
from common.iceberg import Snapshots

# Spark's Python workers get the parser with the task, wherever they run.
cloudpickle.register_pickle_by_value(json_path)

# Digits of the ordinal that a row's place in its page takes; the page's number stands before them.
ROW_DIGITS = 10


class Select(BaseModel):
    """JSONPaths: where a page has its records, and where a record has a column that is not at `$.<column>`."""

    model_config = ConfigDict(extra="forbid")
    records: str
    fields: dict[str, str]


class Manifest(BaseModel):
    """What the extractor says of a run (lambdas/extract-rest/land.ts)."""

    model_config = ConfigDict(extra="forbid")
    source: str
    dataset: str
    run: str
    started_at: datetime
    pages: int
    records: int
    select: Select


class Landed(NamedTuple):
    """A run's position and time, which all of its rows share but for the ordinal."""

    micros: int
    at: datetime


def parse_pages(pages: DataFrame, dataset: Contract, manifest: Manifest) -> DataFrame:
    """One row for each record of the pages (`file`, `value`): the contract's columns as text, `_origin` and
    `_ordinal` (page and row)."""
    path = json_path.steps(manifest.select.records)
    names = [column.name for column in dataset.columns]
    # Pages that were fetched under a column's former name have it there.
    fields = {
        column.name: [json_path.steps(manifest.select.fields.get(name, f"$.{name}")) for name in column.names]
        for column in dataset.columns
    }
    record = t.StructType([t.StructField(name, t.StringType()) for name in names])

    @f.udf(returnType=t.ArrayType(record))
    def read(text: str) -> list[list[str | None]]:
        return json_path.records(text, path, fields)

    number = f.regexp_extract("file", r"page-(\d+)", 1)
    origin = f"{manifest.source}/{manifest.run}/"
    return pages.select(
        "file", number.alias("page"), f.posexplode(read("value")).alias("row", "record")
    ).select(
        "record.*",
        f.concat(f.lit(origin), "file", f.lit("#"), f.col("row").cast("string")).alias("_origin"),
        f.concat(
            f.lpad("page", 20 - ROW_DIGITS, "0"), f.lpad(f.col("row").cast("string"), ROW_DIGITS, "0")
        ).alias("_ordinal"),
    )


def transform(checked: DataFrame, dataset: Contract, landed: Landed, ingested_at: datetime) -> DataFrame:
    """The bronze rows of the good records of `rules.check`."""
    return checked.where(f.col(rules.REASONS).isNull()).select(
        *[column.name for column in dataset.columns],
        f.lit("upsert").alias("_op"),
        f.col("_position"),
        f.lit(landed.at).cast("timestamp").alias("_committed_at"),
        f.lit(ingested_at).cast("timestamp").alias("_ingested_at"),
        f.lit(None).cast("string").alias("_missing"),
        "_origin",
    )


def rejects(checked: DataFrame) -> DataFrame:
    """The records that may not go on, for quarantine."""
    return checked.where(f.col(rules.REASONS).isNotNull()).select(
        f.col(rules.REASONS).alias("reason"),
        f.col(rules.FAILED).alias("column_name"),
        f.col(rules.PAYLOAD).alias("payload"),
        "_position",
        "_origin",
    )


def load(spark: SparkSession, dataset: Contract, environment: str, folder: str) -> dict:
    """Loads a run into bronze, once; a load that was cut off is done again without doubling anything.

    Raises ValueError when the folder holds other pages or records than its manifest says.
    """
    manifest = Manifest.model_validate_json(landing.text(spark, f"{folder.rstrip('/')}/manifest.json"))
    if manifest.dataset != dataset.dataset:
        raise ValueError(
            f"{folder} holds {manifest.dataset}, not {dataset.dataset}; give that dataset's folder"
        )
    names = tables.of(environment, dataset.dataset)
    tables.require_columns(spark, dataset, names.bronze)
    identity = {tables.EXPORT_ID: f"{manifest.source}/{manifest.run}", tables.DATASET: dataset.dataset}
    if loaded := Snapshots(spark, names.bronze).find(identity):
        return json.loads(loaded[tables.COUNTS]) | {"skipped": True}
    since = manifest.started_at - datetime(1970, 1, 1, tzinfo=UTC)
    landed = Landed(round(since.total_seconds() * 1_000_000), manifest.started_at)
    first = position.make(0, landed.micros)
    prefix = first[: -position.WIDTHS[-1]]
    pages = landing.texts(spark, folder, "page-*.json.gz")
    rows = parse_pages(pages, dataset, manifest).withColumn("_position", f.concat(f.lit(prefix), "_ordinal"))
    with landing.cached(
        rules.check(rows.drop("_ordinal"), dataset, keep=("_origin", "_position"))
    ) as checked:
        found = checked.agg(
            f.count("*").alias("records"), f.count(rules.REASONS).alias("quarantined")
        ).first()
        require_whole(folder, manifest, pages.count(), found["records"])
        now = datetime.now(UTC)
        counts = {
            "dataset": dataset.dataset,
            "job": "load_landing",
            "pages": manifest.pages,
            "records": manifest.records,
            "bronze_rows": manifest.records - found["quarantined"],
            "quarantined": found["quarantined"],
            "newest_committed_at": runs.iso(landed.at),
            "position": first,
        }
        if found["quarantined"] and not Snapshots(spark, names.quarantine).find(identity):
            rejected = quarantine.shape(rejects(checked), dataset.dataset, now)
            quarantine.append(rejected, names.quarantine, dataset.dataset, identity)
        rows = transform(checked, dataset, landed, now)
        bronze.append(rows, names.bronze, identity | {tables.COUNTS: json.dumps(counts)})
    return counts | {"skipped": False}


def require_whole(folder: str, manifest: Manifest, pages: int, records: int) -> None:
    """Raises ValueError when a page is missing, or the extractor counted other records than are found."""
    if (pages, records) != (manifest.pages, manifest.records):
        raise ValueError(
            f"{folder} has {pages} pages with {records} records, and its manifest says {manifest.pages} with "
            f"{manifest.records}; restore the folder's objects from their versions, then load it again"
        )


def main(argv: list[str], spark: SparkSession | None = None) -> dict:
    """Runs the job; gives its result, which is also printed as one JSON line."""
    parser = arguments.parser("Loads one extraction of an API into bronze.")
    parser.add_argument("--landing", required=True)
    given, _ = parser.parse_known_args(argv)
    dataset = contract_file.load(given.contracts, given.dataset)
    session = spark or SparkSession.builder.getOrCreate()
    return runs.finish(load(session, dataset, given.env, given.landing), given.run_id, given.runs_table)


if __name__ == "__main__":
    main(sys.argv[1:])
