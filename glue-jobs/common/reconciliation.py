"""How a full snapshot of a database compares with silver: counts and hashes by range of the key, kept in a table.

A key of which silver knows anything newer than the snapshot's place can't be compared: it is in flight, and on neither
side. Nor is a row that the contract rejects, which is in quarantine.
"""

from collections.abc import Iterable
from datetime import datetime
from itertools import takewhile
from typing import Any, NamedTuple, Protocol

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as f

from common import position
from common.contract import Contract

RANGES = 16
SAMPLE = 4096
"""About so many keys are looked at to find ranges that have equally many; the same ones whenever they are there."""
RANGE, SOURCE, SILVER, IN_FLIGHT, CHANGE = "_range", "_source", "_silver", "_in_flight", "_change"
"""Of each key: the number of its range, the hash of the row on either side (null: it has none), whether it is in
flight, and the row of bronze that mends it (null: it is right, or can't be compared)."""
DIFFERENCES = ("missing", "extra", "different")
COUNTS = ("source_rows", "silver_rows", "in_flight", *DIFFERENCES)


class Snapshot(Protocol):
    """What is asked of keyed_snapshot.Snapshot."""

    export_id: str
    position: str
    committed_at: datetime


class Load(NamedTuple):
    """A snapshot that was compared: its epoch, whether a stream ran beside it, when it was taken and loaded."""

    epoch: int
    beside_stream: bool
    taken_at: datetime
    compared_at: datetime


def bounds(rows: DataFrame, dataset: Contract, count: int) -> list[str]:
    """Where the ranges but the first begin, as text in the order of the first column of the key. `rows` are `count`
    checked rows of an export; a table without a key has ranges of its hash."""
    if dataset.keyless:
        return [f"{digit:x}" for digit in range(1, RANGES)]
    key = f.col(dataset.key[0])
    some = f.pmod(f.xxhash64(key), f.lit(max(1, count // SAMPLE))) == 0
    sampled = rows.where(f.col("_first") & some).select(key.alias("key")).distinct().orderBy("key")
    texts = [row.key for row in sampled.select(f.col("key").cast("string").alias("key")).collect()]
    places = [number * len(texts) // RANGES for number in range(1, RANGES)]
    return list(dict.fromkeys(texts[place] for place in places if place))


def range_of(key: Column, key_type: str, begins: list[str]) -> Column:
    """The number of a key's range, from 0."""
    within = [(key >= f.lit(each).cast(key_type)).cast("int") for each in begins]
    return sum(within, f.lit(0))


def row_hash(values: Iterable[Column]) -> Column:
    """64 bits of a row. Spark's hash skips what is null: what is, is hashed besides."""
    values = list(values)
    return f.xxhash64(*values, *[value.isNull() for value in values])


def measure(compared: DataFrame, begins: list[str]) -> list[dict[str, Any]]:
    """What the table is told of each range, in its order: bounds, counts and hashes.

    A side's hash is the exclusive or of its rows' hashes: in any order the same, and no sum that overflows. Keys are
    unique, so no two rows cancel each other out.
    """
    here, there = f.col(SOURCE), f.col(SILVER)
    found = compared.groupBy(RANGE).agg(
        f.count(here).alias("source_rows"),
        f.count(there).alias("silver_rows"),
        f.count_if(IN_FLIGHT).alias("in_flight"),
        f.bit_xor(here).alias("source_hash"),
        f.bit_xor(there).alias("silver_hash"),
        f.count_if(here.isNotNull() & there.isNull()).alias("missing"),
        f.count_if(here.isNull() & there.isNotNull()).alias("extra"),
        f.count_if(here != there).alias("different"),
    )
    by_number = {row[RANGE]: row.asDict() for row in found.collect()}
    nothing = dict.fromkeys(COUNTS, 0) | {"source_hash": None, "silver_hash": None}
    edges = zip([None, *begins], [*begins, None], strict=True)
    return [
        {"key_range": number, "key_from": low, "key_to": high}
        | {name: by_number.get(number, nothing)[name] for name in nothing}
        for number, (low, high) in enumerate(edges)
    ]


def is_settled(earlier: list[Load], epoch: int) -> bool:
    """Whether a snapshot's differences are what the stream of this epoch has lost, not what changed before it began.

    The first snapshot may have been taken before the stream began, and leaves a gap then; the first that was taken
    after that one was loaded closes it. What comes after both finds losses only.
    """
    newest_first = sorted(earlier, key=lambda each: each.taken_at, reverse=True)
    beside = list(takewhile(lambda each: each.beside_stream and each.epoch == epoch, newest_first))
    return any(each.taken_at > beside[-1].compared_at for each in beside)


def loads(spark: SparkSession, table: str, dataset: str) -> dict[str, Load]:
    """The snapshots of a dataset that were compared, by the export's id."""
    columns = ("export_id", "position", "beside_stream", "taken_at", "compared_at")
    found = spark.table(table).where(f.col("dataset") == dataset).select(*columns).distinct().collect()
    return {
        row.export_id: Load(
            position.parse(row.position).epoch, row.beside_stream, row.taken_at, row.compared_at
        )
        for row in found
    }


def append(spark: SparkSession, table: str, ranges: list[dict[str, Any]], about: dict[str, Any]) -> None:
    """Appends the ranges of one comparison, in one commit; `about` has what they have in common."""
    schema = spark.table(table).schema
    rows = [tuple((about | each).get(field.name) for field in schema.fields) for each in ranges]
    made = spark.createDataFrame(rows, schema).coalesce(1)
    made.writeTo(table).option("distribution-mode", "none").append()


def record(
    spark: SparkSession,
    table: str,
    dataset: Contract,
    snapshot: Snapshot,
    ranges: list[dict[str, Any]],
    beside_stream: bool,
    compared_at: datetime,
) -> int:
    """Keeps a comparison, unless a load that was cut off has; gives how many rows the stream beside it had lost."""
    known = loads(spark, table, dataset.dataset)
    if known.pop(snapshot.export_id, None) is None:
        about = {
            "dataset": dataset.dataset,
            "compared_at": compared_at,
            "export_id": snapshot.export_id,
            "taken_at": snapshot.committed_at,
            "position": snapshot.position,
            "beside_stream": beside_stream,
        }
        append(spark, table, ranges, about)
    epoch = position.parse(snapshot.position).epoch
    if not beside_stream or not is_settled(list(known.values()), epoch):
        return 0
    return sum(each[name] for each in ranges for name in DIFFERENCES)
