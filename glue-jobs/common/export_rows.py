"""Deliveries of an export in Spark: their events checked by contract, and what of them bronze does not say already."""

import itertools
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from pyspark import cloudpickle
from pyspark.sql import Column, DataFrame, Row, SparkSession, Window
from pyspark.sql import functions as f
from pyspark.sql import types as t

from common import export_adobe, export_event, export_ga4, json_path, position, rules
from common.contract import Contract
from common.export_deliveries import JSON, Delivery
from common.export_event import Event, Field, NoEvent

# Spark's Python workers get the readers with the task, wherever they run.
for module in (json_path, export_event, export_ga4, export_adobe):
    cloudpickle.register_pickle_by_value(module)

UNREAD, LINE, ID, COPY = "_unread", "_line", "_id", "_copy"
KEPT = ("_position", "_origin", "_rest", UNREAD, LINE, ID, COPY)
SHOWN = 4000
"""Characters of a line that is no event, in quarantine; the whole line stays in the file that is named there."""


@dataclass(frozen=True)
class Reading:
    """How the lines of a delivery become events: `records` joins lines, `event` reads a record, `fields` are the
    columns that the delivery has, in order."""

    fields: tuple[Field, ...]
    event: Callable[[str], Event]
    records: Callable[[Iterable[str]], Iterable[str]]


def origin_of(source: str, delivery: Delivery) -> str:
    """What the origins of a delivery's rows begin with."""
    return "/".join(part for part in (source, delivery.scope, delivery.within) if part)


def lines(spark: SparkSession, delivery: Delivery) -> DataFrame:
    """The lines of a delivery's files: `file` (its name), `value`, and `row` where the file knows it."""
    paths = [file.path for file in delivery.files]
    if not paths:
        return spark.createDataFrame([], "file string, value string, row bigint")
    name = f.col("_metadata.file_name").alias("file")
    if paths[0].endswith(JSON):
        # A file that is packed with gzip is read by one task, in order. A carriage return ends no line.
        text = spark.read.option("lineSep", "\n").text(paths)
        return text.select(name, "value", f.lit(None).cast("bigint").alias("row"))
    rows = spark.read.parquet(*paths)
    value = f.to_json(f.struct(*[f.col(f"`{each}`") for each in rows.columns])).alias("value")
    return rows.select(name, value, f.col("_metadata.row_index").alias("row"))


def events(spark: SparkSession, source: str, delivery: Delivery, reading: Reading) -> DataFrame:
    """Each record as texts of the fields' columns and `KEPT`.

    `_id` tells events apart. Different events of one ID get `~2`, `~3`, … behind it, in the order of a hash of what
    they are; of equal ones all but the first have a `_copy` above 1.
    """
    event, join = reading.event, reading.records
    numbers = {file.name: number for number, file in enumerate(delivery.files)}
    begin = position.make(0, delivery.at)[: -position.WIDTHS[-1]]
    origin = origin_of(source, delivery)
    nothing = [None] * len(reading.fields)

    def numbered(rows: Iterator[Row]) -> Iterator[tuple[str, int, str]]:
        of = itertools.groupby(rows, key=lambda row: (row.file, row.row is not None))
        for (file, knows_rows), found in of:
            if knows_rows:
                yield from ((file, row.row, row.value) for row in found)
            else:
                texts = join(row.value for row in found)
                yield from ((file, row, text) for row, text in enumerate(texts))

    def read(rows: Iterator[Row]) -> Iterator[tuple]:
        for file, row, text in numbered(rows):
            place = (f"{begin}{numbers[file]:010}{row:010}", f"{origin}/{file}#{row}")
            try:
                told = event(text)
            except NoEvent as error:
                yield (*nothing, *place, None, str(error), text, None)
            except Exception as error:  # one line that nobody thought of must not hold up the others
                why = f"the line can't be read ({type(error).__name__}: {error})"
                yield (*nothing, *place, None, why, text, None)
            else:
                yield (*told.values, *place, told.rest, None, text, told.id)

    names = [field.column for field in reading.fields]
    schema = t.StructType([t.StructField(name, t.StringType()) for name in (*names, *KEPT[:-1])])
    rows = spark.createDataFrame(lines(spark, delivery).rdd.mapPartitions(read), schema, verifySchema=False)
    return _told_apart(
        rows, [field.column for field in reading.fields if field.place == export_event.EVENT_ID]
    )


def _told_apart(rows: DataFrame, id_columns: list[str]) -> DataFrame:
    of = f.coalesce(ID, "_origin")
    content = f.sha2(LINE, 256)
    nth = f.dense_rank().over(Window.partitionBy(of).orderBy(content))
    copy = f.row_number().over(Window.partitionBy(of, content).orderBy("_position"))
    apart = rows.select("*", nth.alias("_nth"), copy.alias(COPY))
    identity = f.when(f.col("_nth") > 1, f.concat_ws("~", ID, "_nth")).otherwise(f.col(ID))
    return apart.withColumns(
        {
            **{name: identity for name in id_columns},
            ID: identity,
            LINE: f.when(f.col(UNREAD).isNotNull(), f.left(LINE, f.lit(SHOWN))),
        }
    ).drop("_nth")


def checked(rows: DataFrame, contract: Contract) -> DataFrame:
    """The events cast by contract (rules.check). What is no event has that as its reason."""
    found = rules.check(rows, contract, keep=KEPT, excused=lambda _: f.col(UNREAD).isNotNull())
    return found.withColumn(rules.REASONS, f.coalesce(UNREAD, rules.REASONS)).withColumn(
        rules.PAYLOAD, f.coalesce(LINE, rules.PAYLOAD)
    )


def good(rows: DataFrame) -> Column:
    """Whether a row of `checked` goes on."""
    return rows[rules.REASONS].isNull() & (rows[COPY] == 1)


def rejects(rows: DataFrame) -> DataFrame:
    """The rows of `checked` that may not go on, for quarantine."""
    return rows.where(f.col(rules.REASONS).isNotNull() & (f.col(COPY) == 1)).select(
        f.col(rules.REASONS).alias("reason"),
        f.col(rules.FAILED).alias("column_name"),
        f.col(rules.PAYLOAD).alias("payload"),
        "_position",
        "_origin",
    )


def known(bronze: DataFrame, contract: Contract, source: str, scope: str) -> DataFrame:
    """What bronze has been told of a scope: each key, and `_was`, its newest row.

    Nothing of a day is told two days before it, which leaves out the partitions of bronze that are older.
    """
    rows = bronze.where(f.col("_origin").startswith(f"{source}/{scope}/"))
    if day := export_event.day_of(scope):
        rows = rows.where(f.col("_ingested_at") >= f.lit(day - timedelta(days=2)).cast("timestamp"))
    was = f.struct(*[column.name for column in contract.values], "_rest", "_op")
    return rows.groupBy(*contract.key).agg(f.max_by(was, f.col("_position")).alias("_was"))


def changes(rows: DataFrame, was: DataFrame, contract: Contract, carried: list[str]) -> DataFrame:
    """The good rows of `checked` that tell something new: `was` (of `known`) lacks them, or has other values in the
    columns that the delivery carries."""
    same = f.col("_was._op").eqNullSafe("upsert")
    for name in [*[column.name for column in contract.values if column.name in carried], "_rest"]:
        same = same & f.col(name).eqNullSafe(f.col(f"_was.`{name}`"))
    missing = [column.name for column in contract.columns if column.name not in carried]
    return (
        rows.where(good(rows))
        .join(was, list(contract.key), "left")
        .where(~same)
        .select(
            *[column.name for column in contract.columns],
            f.lit("upsert").alias("_op"),
            "_position",
            f.lit(",".join(missing) or None).cast("string").alias("_missing"),
            "_origin",
            "_rest",
        )
    )


def gone(rows: DataFrame, was: DataFrame, contract: Contract, source: str, delivery: Delivery) -> DataFrame:
    """Deletes of the events of `was` that the delivery, which replaces them, has no longer. One that is there and broke
    its contract stays as it was; when there is a line that tells no event, nothing is known to be gone."""
    unread = rows.where(f.col(UNREAD).isNotNull()).limit(1).agg(f.count("*").alias("_unreadable"))
    there = rows.select(f.col(ID).alias(contract.key[0])).where(f.col(ID).isNotNull())
    lost = was.where(f.col("_was._op") == "upsert").join(there, list(contract.key), "left_anti")
    return (
        lost.crossJoin(unread)
        .where("_unreadable = 0")
        .select(
            *contract.key,
            *[f.lit(None).cast(column.spark_type).alias(column.name) for column in contract.values],
            f.lit("delete").alias("_op"),
            f.lit(position.make(0, delivery.at)).alias("_position"),
            f.lit(None).cast("string").alias("_missing"),
            f.lit(f"{origin_of(source, delivery)}/{delivery.marker.name}").alias("_origin"),
            f.lit(None).cast("string").alias("_rest"),
        )
        .select(
            *[column.name for column in contract.columns], "_op", "_position", "_missing", "_origin", "_rest"
        )
    )


def bronze_rows(told: DataFrame, committed_at: datetime, ingested_at: datetime) -> DataFrame:
    """Changes and deletes as rows of bronze."""
    return told.withColumns(
        {
            "_committed_at": f.lit(committed_at).cast("timestamp"),
            "_ingested_at": f.lit(ingested_at).cast("timestamp"),
        }
    )
