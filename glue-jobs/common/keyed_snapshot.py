"""A full snapshot of a table with a key, compared with silver, column by column."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from operator import and_

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as f

from common import contract, reconciliation, rules
from common.contract import Contract
from common.position import EMPTIED


@dataclass(frozen=True)
class Snapshot:
    """The export that is loaded: its id, position, time, and whether every row's key is known from it."""

    export_id: str
    position: str
    committed_at: datetime
    complete: bool


def checked(export: DataFrame, dataset: Contract) -> DataFrame:
    """The export's rows cast by contract (see rules.check), one good row for each key at most.

    Of rows with one key, the greatest is good; an equal one has `_duplicate`, a different one is rejected.
    `_first` marks one row of each key, the good one if there is one; `_keyed` is false where the key is not
    known.
    """
    rows = rules.check(export, dataset, keep=("_origin",))
    names = [column.name for column in dataset.columns]
    greatest_first = [f.col(name).desc_nulls_last() for name in names]
    of_key = Window.partitionBy(*dataset.key).orderBy(f.col(rules.REASONS).isNotNull(), *greatest_first)
    keyed = reduce(and_, [f.col(name).isNotNull() for name in dataset.key])
    nth, rank = f.row_number().over(of_key), f.rank().over(of_key)
    ranked = rows.select("*", keyed.alias("_keyed"), nth.alias("_nth"), rank.alias("_rank"))
    good = f.col("_keyed") & f.col(rules.REASONS).isNull()
    other = good & (f.col("_rank") > 1)
    key = f.concat_ws(", ", *dataset.key)
    reason = f.concat(f.lit(f"{dataset.key[0]}: key "), key, f.lit(" has another row, which was kept"))
    return ranked.select(
        *names,
        "_origin",
        f.when(other, reason).otherwise(f.col(rules.REASONS)).alias(rules.REASONS),
        f.when(other, dataset.key[0]).otherwise(f.col(rules.FAILED)).alias(rules.FAILED),
        f.when(other, f.to_json(f.struct(*names))).otherwise(f.col(rules.PAYLOAD)).alias(rules.PAYLOAD),
        (good & (f.col("_rank") == 1) & (f.col("_nth") > 1)).alias("_duplicate"),
        (f.col("_keyed") & (f.col("_nth") == 1)).alias("_first"),
        "_keyed",
    )


def transform(
    rows: DataFrame,
    silver: DataFrame,
    dataset: Contract,
    snapshot: Snapshot,
    missing: list[str],
    ingested_at: datetime,
    begins: Sequence[str] = (),
) -> DataFrame:
    """Each key as common/reconciliation.py wants it, with the bronze row (`_change`) that makes silver what the
    snapshot says, wherever silver's knowledge is older.

    `rows` come from `checked`; `missing` names the contract's columns that the export lacks. A column is told
    when silver's stamp of it is older than the snapshot and its value differs, or silver has none. A key is
    deleted when it is alive, older than a complete snapshot, and no row of the export has it, not even a
    rejected one. `begins`: where the ranges of keys begin.

    A column that the export lacks keeps what silver knows of it (`_missing`). Where silver knows nothing, it is
    null: the table had no such column, and the row is whole without it.
    """
    told = [column for column in dataset.values if column.name not in missing]
    untold = [column for column in dataset.values if column.name in missing]
    here = rows.where("_first").alias("e")
    there = silver.alias("t")
    on = [f.col(f"e.{name}") == f.col(f"t.{name}") for name in dataset.key]
    joined = here.join(there, on, "full_outer")
    existence = f.concat("t._position", f.when(f.col("t._is_deleted"), f.lit(EMPTIED)).otherwise(f.lit("")))
    older = f.col("t._position") < snapshot.position
    differs = f.col("t._is_deleted") & older
    for column in told:
        value, stamp = f.col(f"e.{column.name}"), _stamp(column, existence)
        other = _is_empty(stamp) | ~value.eqNullSafe(f.col(f"t.{column.name}"))
        differs = differs | ((stamp < snapshot.position) & other)
    for column in untold:
        stamp = _stamp(column, existence)
        differs = differs | ((stamp < snapshot.position) & _is_empty(stamp))
    known = [f.when(~_is_empty(_stamp(column, existence)), f.lit(column.name)) for column in untold]
    first = dataset.key[0]
    good = f.col(f"e.{first}").isNotNull() & f.col(f"e.{rules.REASONS}").isNull()
    upsert = good & (f.col(f"t.{first}").isNull() | differs)
    delete = f.col(f"e.{first}").isNull() & ~f.col("t._is_deleted") & older & f.lit(snapshot.complete)
    operation = f.when(upsert, "upsert").when(delete, "delete")
    change = f.struct(
        *[
            f.coalesce(f"e.{column.name}", f"t.{column.name}").alias(column.name)
            if column.key
            else f.col(f"e.{column.name}").alias(column.name)
            for column in dataset.columns
        ],
        "_op",
        f.lit(snapshot.position).alias("_position"),
        f.lit(snapshot.committed_at).cast("timestamp").alias("_committed_at"),
        f.lit(ingested_at).cast("timestamp").alias("_ingested_at"),
        f.when(f.col("_op") == "upsert", f.nullif(f.concat_ws(",", *known), f.lit(""))).alias("_missing"),
        f.coalesce("e._origin", f.lit(snapshot.export_id)).alias("_origin"),
    )
    types = dict(silver.dtypes)
    compared = [*dataset.key, *[column.name for column in told]]
    here = reconciliation.row_hash(f.col(f"e.{name}").cast(types[name]) for name in compared)
    there = reconciliation.row_hash(f.col(f"t.{name}") for name in compared)
    comparable = older | f.col(f"t.{first}").isNull()
    alive = ~f.col("t._is_deleted") & older & (good | delete)
    key = f.coalesce(f"e.{first}", f"t.{first}")
    return joined.withColumn("_op", operation).select(
        reconciliation.range_of(key, types[first], begins).alias(reconciliation.RANGE),
        f.when(good & comparable, here).alias(reconciliation.SOURCE),
        f.when(alive, there).alias(reconciliation.SILVER),
        (~comparable).alias(reconciliation.IN_FLIGHT),
        f.when(f.col("_op").isNotNull(), change).alias(reconciliation.CHANGE),
    )


def _stamp(column: contract.Column, existence: Column) -> Column:
    """Silver's stamp of a column, which a row from before a rename has under a former name; null without a
    row.
    """
    return f.coalesce(*[f.col("t._column_positions")[name] for name in column.names], existence)


def _is_empty(stamp: Column) -> Column:
    """Silver's row has no value; null when silver has no row."""
    return (stamp == "") | stamp.endswith(EMPTIED)
