"""What is known of keys that may be contested: events of a batch and of bronze's history, and silver's rows."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as f

from common import iceberg, moves
from common.contract import Contract
from common.fold import fault, untold
from common.netting import ARRIVAL, DEPARTURE, UPDATE, Cell, Occupant
from common.position import EMPTIED, LENGTH, WIDTHS
from common.progress import Progress

MOST = 1000
"""Values in a filter; above it, rows are read by the range that these are in, or all."""
ROW = ""
"""What stands for the row itself among its columns: a table may have none but its key."""


class Before(NamedTuple):
    """Silver's row of a key."""

    position: str
    deleted: bool
    cells: Occupant


def events(changes: DataFrame, dataset: Contract) -> DataFrame:
    """Good changes of keys, with `_held` (the key as text), `_transaction`, `_kind`, `_hashes` (null: not told)."""
    kind = kind_of_change()
    hashes = [
        f.when((kind != DEPARTURE) & ~untold(column), f.xxhash64(column.name)) for column in dataset.values
    ]
    return changes.where("_fault is null and _op <> 'truncate'").withColumns(
        {
            "_held": key_text(dataset),
            # Its commit's time tells a transaction; the log position need not, it may be that of each change.
            "_transaction": f.concat(
                f.left("_position", f.lit(WIDTHS[0] + 1)),
                f.coalesce(micros().cast("string"), f.left("_position", f.lit(LENGTH - WIDTHS[2]))),
            ),
            "_kind": kind,
            "_hashes": f.array(*hashes) if hashes else f.lit(None).cast("array<bigint>"),
        }
    )


def kind_of_change() -> Column:
    odd = f.right("_position", f.lit(1)).isin("1", "3", "5", "7", "9")
    arrived = f.when(odd, ARRIVAL).otherwise(UPDATE)
    return f.when(f.col("_op") == "delete", DEPARTURE).when(f.col("_op") == "upsert", arrived)


def key_text(dataset: Contract) -> Column:
    return f.to_json(f.struct(*[f.col(name).cast("string").alias(name) for name in dataset.key]))


def micros() -> Column:
    return f.unix_micros("_committed_at")


def rest_of(spark: SparkSession, dataset: Contract, bronze: str, start: int, times: list[int]) -> DataFrame:
    """What bronze had of transactions before the batch; by their commit times, by which files are left out."""
    ends = [f.lit(_time(at)) for at in (min(times), max(times))]
    rows = iceberg.at_snapshot(spark, bronze, start).where(f.col("_committed_at").between(*ends))
    if len(times) <= MOST:
        rows = rows.where(f.col("_committed_at").isin([_time(at) for at in times]))
    return _split(rows, dataset)


def history_of(spark: SparkSession, held: DataFrame, dataset: Contract, bronze: str, start: int) -> DataFrame:
    """All that bronze had before the batch, of at least these keys."""
    rows = iceberg.at_snapshot(spark, bronze, start)
    near = _near(held, dataset)
    return _split(rows if near is None else rows.where(near | f.col("_previous_key").isNotNull()), dataset)


def _split(rows: DataFrame, dataset: Contract) -> DataFrame:
    return events(moves.split(rows, dataset).withColumn("_fault", fault(dataset)), dataset)


def _time(at: int) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=at)


def of_keys(rows: DataFrame, keys: set[str]) -> DataFrame:
    wanted = rows.sparkSession.createDataFrame([(key,) for key in keys], "_held string")
    return rows.join(f.broadcast(wanted), "_held", "left_semi")


def _near(held: DataFrame, dataset: Contract) -> Column | None:
    """A filter that Iceberg takes to leave out buckets and files; None for many keys."""
    name = dataset.key[0]
    values = [row[0] for row in held.select(name).distinct().limit(MOST + 1).collect()]
    return f.col(name).isin(values) if len(values) <= MOST else None


def rows_before(
    held: DataFrame, keys: set[str], dataset: Contract, silver: str, done: Progress
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
    rows = iceberg.at_snapshot(held.sparkSession, silver, done.base)
    near = _near(held, dataset)
    rows = rows if near is None else rows.where(near)
    shaped = rows.select(
        key_text(dataset).alias("_held"), "_position", "_is_deleted", f.array(*cells).alias("cells")
    )
    found = {}
    for row in of_keys(shaped, keys).collect():
        told = {
            n: Cell(cell["at"], cell["hash"]) for n, cell in zip(names, row["cells"], strict=True) if cell
        }
        told[ROW] = Cell(row["_position"], True)
        found[row["_held"]] = Before(row["_position"], row["_is_deleted"], told)
    return found
