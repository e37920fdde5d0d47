"""Keys that two rows held at once inside a transaction (netting.py): the same in Spark.

Spark finds the keys that are contested, and fetches what is known of them; who stayed is decided in Python, from
positions and hashes of values. The rows themselves never leave Spark: a decision names the row of bronze to tell again.
"""

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import NamedTuple

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as f

from common import moves
from common.contested import (
    ROW,
    Before,
    events,
    history_of,
    micros,
    of_keys,
    rest_of,
    rows_before,
)
from common.contract import Contract
from common.netting import ARRIVAL, DEPARTURE, Event, restated
from common.position import WIDTHS, following
from common.progress import Progress

OPEN = 32
"""Transactions with moves, the newest ones, of which a later batch may still bring a part."""
DECISION = "_held string, _source string, _next string, _as string, _lacks string"


class Counts(NamedTuple):
    """What a batch has of each: departures by a move, changes of open transactions."""

    moves: int = 0
    again: int = 0


def counts(done: Progress) -> list[Column]:
    """Aggregates of split changes, in the order of `Counts`."""
    again = micros().isin(_open(done)) if done.moved else f.lit(False)
    good = f.col("_fault").isNull()
    conditions = (f.col(moves.DEPARTED), again)
    return [f.count_if(good & each).alias(n) for n, each in zip(Counts._fields, conditions, strict=True)]


def settle(
    spark: SparkSession,
    changes: DataFrame,
    dataset: Contract,
    tables: tuple[str, str],
    start: int | None,
    done: Progress,
    found: Counts,
    floor: str,
) -> tuple[DataFrame, Progress]:
    """The changes of a batch and what they have to tell besides; the progress with the batch's moves.

    `tables` are bronze and silver, `start` the bronze snapshot before the batch, `floor` the truncate floor. A batch
    without a part of a transaction in which a row moved costs nothing.
    """
    if not (found.moves or found.again) or not (sought := _transactions(changes, done)):
        return changes, done
    done = done.with_moved([at for at, moved in sought if moved], OPEN)
    times = {at for at, _ in sought}
    recent = events(changes, dataset)
    if start is not None:
        recent = recent.unionByName(rest_of(spark, dataset, tables[0], start, sorted(times)))
    contested = {
        (key, transaction)
        for key, transaction in _contested(recent)
        if transaction[WIDTHS[0] + 1 :] in {str(at) for at in times}
    }
    if not contested:
        return changes, done
    keys = {key for key, _ in contested}
    held = of_keys(recent, keys).localCheckpoint()
    before = rows_before(held, keys, dataset, tables[1], done)
    first = {
        row["_held"]: row["first"]
        for row in held.groupBy("_held").agg(f.min("_position").alias("first")).collect()
    }
    # Silver has a part of the transaction already, and no longer says who held the key before it.
    stale = {key for key, row in before.items() if row.position >= first[key]}
    if stale and start is not None:
        past = of_keys(history_of(spark, held, dataset, tables[0], start), stale)
        held = held.unionByName(past).localCheckpoint()
    decisions = list(_decisions(held, dataset, contested, before, stale, floor))
    if not decisions:
        return changes, done
    return changes.unionByName(_told_again(spark, held, decisions).select(changes.columns)), done


def _open(done: Progress) -> list[int]:
    return [int(at) for at in done.moved.split(",") if at]


def _transactions(changes: DataFrame, done: Progress) -> list[tuple[int, bool]]:
    """Commit times of the transactions of which the rest may be in bronze, and whether the batch has a move of each."""
    moved = f.col(moves.DEPARTED)
    mine = changes.where(f.col("_fault").isNull() & f.col("_committed_at").isNotNull())
    mine = mine.where(moved | micros().isin(_open(done)) if done.moved else moved)
    return [tuple(row) for row in mine.groupBy(micros()).agg(f.max(moved)).collect()]


def _contested(recent: DataFrame) -> set[tuple[str, str]]:
    """Keys with transactions that have an arrival and, later, a departure on them."""
    arrived = f.min(f.when(f.col("_kind") == ARRIVAL, f.col("_position")))
    left = f.max(f.when(f.col("_kind") == DEPARTURE, f.col("_position")))
    found = recent.groupBy("_held", "_transaction").agg(arrived.alias("arrived"), left.alias("left"))
    return {tuple(row) for row in found.where("left > arrived").select("_held", "_transaction").collect()}


def _decisions(
    held: DataFrame,
    dataset: Contract,
    contested: set[tuple[str, str]],
    before: dict[str, Before],
    stale: Iterable[str],
    floor: str,
) -> Iterator[tuple[str, str, str, str, str | None]]:
    """What to tell again: key, position of the row of bronze, position to tell it at, operation, columns to leave out.

    A row whose columns were told by several rows of bronze is told by several, each its own columns.
    """
    names = [column.name for column in dataset.values]
    shaped = held.select("_held", "_transaction", "_position", "_kind", "_hashes").orderBy("_held")
    for key, rows in groupby(shaped.toLocalIterator(), key=lambda row: row["_held"]):
        told = [_event(row, names) for row in rows if row["_position"] > floor]
        row = before.get(key)
        there = row if row and not row.deleted and row.position > floor and key not in stale else None
        for transaction, departure, cells in restated(told, there.cells if there else None):
            position = following(departure)
            if (key, transaction) not in contested:
                continue
            if cells is None:
                if row and not row.deleted and row.position == position:
                    yield key, departure, position, "delete", None
                continue
            for source in {cell.position for cell in cells.values()}:
                lacks = [n for n in names if n not in cells or cells[n].position != source]
                yield key, source, position, "upsert", ",".join(lacks) or None


def _event(row, names: list[str]) -> Event:
    hashes = zip(names, row["_hashes"] or [], strict=False)
    values = {name: value for name, value in hashes if value is not None}
    return Event(row["_transaction"], row["_position"], row["_kind"], {ROW: True, **values})


def _told_again(spark: SparkSession, held: DataFrame, decisions: list[tuple]) -> DataFrame:
    wanted = spark.createDataFrame(decisions, DECISION).withColumnRenamed("_held", "_key")
    same = (f.col("_held") == f.col("_key")) & (f.col("_position") == f.col("_source"))
    of_kind = (f.col("_kind") == DEPARTURE) == (f.col("_as") == "delete")
    return held.join(f.broadcast(wanted), same & of_kind).withColumns(
        {
            "_op": f.col("_as"),
            "_position": f.col("_next"),
            "_missing": f.col("_lacks"),
            "_previous_key": f.lit(None).cast("string"),
            moves.DEPARTED: f.lit(False),
        }
    )
