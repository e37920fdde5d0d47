"""Keys that two rows held at once inside a transaction (netting.py): the same in Spark.

Spark finds the keys that are contested, and fetches what is known of them; who stayed is decided in Python, from
positions and hashes of values. The rows themselves never leave Spark: a decision names the row of bronze to tell again.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import groupby
from typing import NamedTuple

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as f

from common import iceberg, moves
from common.contract import Contract
from common.fold import fault, untold
from common.netting import ARRIVAL, DEPARTURE, UPDATE, Cell, Event, Occupant, restated
from common.position import EMPTIED, LENGTH, WIDTHS, following
from common.progress import Progress

OPEN = 32
"""Transactions with moves, the newest ones, of which a later batch may still bring a part."""
MOST = 1000
"""Values in a filter; above it, rows are read by the range that these are in."""
DECISION = "_held string, _source string, _next string, _as string, _lacks string"


class Counts(NamedTuple):
    """What a batch has of each: departures by a move, changes of open transactions, arrivals, departures."""

    moves: int = 0
    again: int = 0
    arrivals: int = 0
    departures: int = 0


def counts(done: Progress) -> list[Column]:
    """Aggregates of split changes, in the order of `Counts`."""
    again = _micros().isin(_open(done)) if done.moved else f.lit(False)
    good = f.col("_fault").isNull()
    conditions = (f.col(moves.DEPARTED), again, _kind() == ARRIVAL, _kind() == DEPARTURE)
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
    without moves and without both arrivals and departures costs nothing.
    """
    recent = _events(changes, dataset)
    if found.moves or found.again:
        sought = _transactions(changes, done)
        done = done.with_moved([at for at, moved in sought if moved], OPEN)
        if start is not None and sought:
            recent = recent.unionByName(_rest_of(spark, dataset, tables[0], start, [at for at, _ in sought]))
    elif not (found.arrivals and found.departures):
        return changes, done
    contested = _contested(recent)
    if not contested:
        return changes, done
    keys = {key for key, _ in contested}
    held = _of(recent, keys).localCheckpoint()
    before = _before(spark, held, dataset, tables[1], done)
    first = {
        row["_held"]: row["first"]
        for row in held.groupBy("_held").agg(f.min("_position").alias("first")).collect()
    }
    # Silver has a part of the transaction already, and no longer says who held the key before it.
    stale = {key for key, row in before.items() if row.position >= first[key]}
    if stale and start is not None:
        past = _of(_history_of(spark, held, dataset, tables[0], start), stale)
        held = held.unionByName(past).localCheckpoint()
    decisions = list(_decisions(held, dataset, contested, before, stale, floor))
    if not decisions:
        return changes, done
    return changes.unionByName(_told_again(spark, held, decisions).select(changes.columns)), done


class Before(NamedTuple):
    """Silver's row of a key."""

    position: str
    deleted: bool
    cells: Occupant


def _events(changes: DataFrame, dataset: Contract) -> DataFrame:
    """Good changes of keys, with `_held` (the key as text), `_transaction`, `_kind`, `_hashes` (null: not told)."""
    kind = _kind()
    hashes = [
        f.when((kind != DEPARTURE) & ~untold(column), f.xxhash64(column.name)) for column in dataset.values
    ]
    return changes.where("_fault is null and _op <> 'truncate'").withColumns(
        {
            "_held": _held(dataset),
            # Its commit's time tells a transaction; the log position need not, it may be that of each change.
            "_transaction": f.concat(
                f.left("_position", f.lit(WIDTHS[0] + 1)),
                f.coalesce(_micros().cast("string"), f.left("_position", f.lit(LENGTH - WIDTHS[2]))),
            ),
            "_kind": kind,
            "_hashes": f.array(*hashes) if hashes else f.lit(None).cast("array<bigint>"),
        }
    )


def _kind() -> Column:
    odd = f.right("_position", f.lit(1)).isin("1", "3", "5", "7", "9")
    arrived = f.when(odd, ARRIVAL).otherwise(UPDATE)
    return f.when(f.col("_op") == "delete", DEPARTURE).when(f.col("_op") == "upsert", arrived)


def _held(dataset: Contract) -> Column:
    return f.to_json(f.struct(*[f.col(name).cast("string").alias(name) for name in dataset.key]))


def _micros() -> Column:
    return f.unix_micros("_committed_at")


def _open(done: Progress) -> list[int]:
    return [int(at) for at in done.moved.split(",") if at]


def _transactions(changes: DataFrame, done: Progress) -> list[tuple[int, bool]]:
    """Commit times of the transactions of which the rest may be in bronze, and whether the batch has a move of each."""
    moved = f.col(moves.DEPARTED)
    mine = changes.where(f.col("_fault").isNull() & f.col("_committed_at").isNotNull())
    mine = mine.where(moved | _micros().isin(_open(done)) if done.moved else moved)
    return [tuple(row) for row in mine.groupBy(_micros()).agg(f.max(moved)).collect()]


def _rest_of(spark: SparkSession, dataset: Contract, bronze: str, start: int, times: list[int]) -> DataFrame:
    """What bronze had of transactions before the batch; by their commit times, by which files are left out."""
    ends = [f.lit(_time(at)) for at in (min(times), max(times))]
    rows = iceberg.at_snapshot(spark, bronze, start).where(f.col("_committed_at").between(*ends))
    if len(times) <= MOST:
        rows = rows.where(f.col("_committed_at").isin([_time(at) for at in times]))
    return _split(rows, dataset)


def _history_of(
    spark: SparkSession, held: DataFrame, dataset: Contract, bronze: str, start: int
) -> DataFrame:
    """All that bronze had before the batch, of at least these keys."""
    rows = iceberg.at_snapshot(spark, bronze, start)
    near = _near(held, dataset)
    return _split(rows if near is None else rows.where(near | f.col("_previous_key").isNotNull()), dataset)


def _split(rows: DataFrame, dataset: Contract) -> DataFrame:
    return _events(moves.split(rows, dataset).withColumn("_fault", fault(dataset)), dataset)


def _time(micros: int) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=micros)


def _contested(events: DataFrame) -> set[tuple[str, str]]:
    """Keys with transactions that have an arrival and, later, a departure on them."""
    arrived = f.min(f.when(f.col("_kind") == ARRIVAL, f.col("_position")))
    left = f.max(f.when(f.col("_kind") == DEPARTURE, f.col("_position")))
    found = events.groupBy("_held", "_transaction").agg(arrived.alias("arrived"), left.alias("left"))
    return {tuple(row) for row in found.where("left > arrived").select("_held", "_transaction").collect()}


def _of(rows: DataFrame, keys: set[str]) -> DataFrame:
    wanted = rows.sparkSession.createDataFrame([(key,) for key in keys], "_held string")
    return rows.join(f.broadcast(wanted), "_held", "left_semi")


def _near(held: DataFrame, dataset: Contract) -> Column | None:
    """A filter that Iceberg takes to leave out buckets and files; None for many keys."""
    name = dataset.key[0]
    values = [row[0] for row in held.select(name).distinct().limit(MOST + 1).collect()]
    return f.col(name).isin(values) if len(values) <= MOST else None


def _before(
    spark: SparkSession, held: DataFrame, dataset: Contract, silver: str, done: Progress
) -> dict[str, Before]:
    """Silver's rows of the keys."""
    if done.base is None:
        return {}
    names = [column.name for column in dataset.values]
    stamps = {n: f.coalesce(f.col("_column_positions")[n], f.col("_position")) for n in names}
    cells = [
        f.when(~s.endswith(EMPTIED) & (s != ""), f.struct(s.alias("at"), f.xxhash64(n).alias("hash")))
        for n, s in stamps.items()
    ]
    rows = iceberg.at_snapshot(spark, silver, done.base)
    near = _near(held, dataset)
    rows = rows if near is None else rows.where(near)
    keys = {row[0] for row in held.select("_held").distinct().collect()}
    shaped = rows.select(
        _held(dataset).alias("_held"), "_position", "_is_deleted", f.array(*cells).alias("cells")
    )
    return {
        row["_held"]: Before(
            row["_position"],
            row["_is_deleted"],
            {n: Cell(cell["at"], cell["hash"]) for n, cell in zip(names, row["cells"], strict=True) if cell},
        )
        for row in _of(shaped, keys).collect()
    }


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
        events = [_event(row, names) for row in rows if row["_position"] > floor]
        row = before.get(key)
        there = row if row and not row.deleted and row.position > floor and key not in stale else None
        for transaction, position, cells in restated(events, there.cells if there else None):
            if (key, transaction) not in contested:
                continue
            if cells is None:
                if row and not row.deleted and row.position == following(position):
                    yield key, position, following(position), "delete", None
                continue
            for source in {cell.position for cell in cells.values()}:
                lacks = [n for n in names if n not in cells or cells[n].position != source]
                yield key, source, following(position), "upsert", ",".join(lacks) or None


def _event(row, names: list[str]) -> Event:
    hashes = zip(names, row["_hashes"] or [], strict=False)
    values = {name: value for name, value in hashes if value is not None}
    return Event(row["_transaction"], row["_position"], row["_kind"], values)


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
