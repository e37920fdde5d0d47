"""The merge of tables without a key in Spark, equal to common/keyless.py.

Silver has a row for each copy that arrived, alive or dead, and one without values for each that left, never shown.
`_row_hash` is the hash of the row's values; `_row_copy` the position at which the copy came, or, followed by `-`, at
which one left. A merge reads the rows of the hashes that its batch touches, and writes those whose fate it changes.

A dead copy keeps its values: an earlier arrival that comes late takes its place among the dead.
"""

from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as f

from common import iceberg
from common.contract import ROW_KEY, Contract
from common.position import EMPTIED, LENGTH
from common.progress import Progress
from common.upsert_sql import unless_purged

HASH, COPY = ROW_KEY
PAIR = ("_took", "_nth")
HEX = 32
"""128 bits."""


def row_hash(dataset: Contract) -> Column:
    """The hash of a row's values as text, in the order of the columns' first names and without those that are null: a
    column that is added, renamed, moved or widened changes no hash.
    """
    by_name = sorted(dataset.columns, key=lambda column: (*column.previous_names, column.name)[0])
    texts = []
    for column in by_name:
        value = f.col(f"`{column.name}`")
        if column.type == "timestamptz":
            value = f.unix_micros(value)
        elif column.type == "double":
            value = value + f.lit(0.0)  # -0.0 is 0.0
        texts.append(value.cast("string").alias((*column.previous_names, column.name)[0]))
    return f.left(f.sha2(f.to_json(f.struct(*texts)), 256), f.lit(HEX))


def named(changes: DataFrame, dataset: Contract) -> DataFrame:
    """Bronze's rows with their `_row_hash` and `_row_copy`."""
    copy = f.concat("_position", f.when(f.col("_op") == "delete", f.lit(EMPTIED)).otherwise(f.lit("")))
    return changes.withColumns({HASH: row_hash(dataset), COPY: copy})


def base(spark: SparkSession, silver: str, done: Progress) -> DataFrame:
    """Silver as the merge found it."""
    if done.base is None:
        return spark.table(silver).limit(0)
    return iceberg.at_snapshot(spark, silver, done.base)


def transform(
    good: DataFrame, silver: DataFrame, dataset: Contract, truncate_floor: str, everything: bool
) -> DataFrame:
    """The rows of silver that good upserts and deletes make or change.

    `everything` judges all of silver anew: when the truncate floor is raised, or when silver has a merge that the one
    after it did not know of.
    """
    values = [
        f.when(~f.col(COPY).endswith(EMPTIED), f.col(column.name)).alias(column.name)
        for column in dataset.columns
    ]
    told = good.select(*values, HASH, COPY).dropDuplicates([HASH, COPY])
    if not everything:
        silver = silver.join(told.select(HASH).distinct(), HASH, "left_semi")
    here = silver.select(
        *[column.name for column in dataset.columns],
        *ROW_KEY,
        f.col("_position").alias("_was_at"),
        f.col("_is_deleted").alias("_was_dead"),
    )
    arriving = told.join(here.select(*ROW_KEY), list(ROW_KEY), "left_anti")
    judged = fates(here.unionByName(arriving, allowMissingColumns=True), truncate_floor)
    same = [
        f.col(was).eqNullSafe(f.col(now))
        for was, now in (("_was_at", "_position"), ("_was_dead", "_is_deleted"))
    ]
    # A copy and the departure that took it are merged at one time: a purge takes both or none.
    changed = f.max(~(same[0] & same[1])).over(Window.partitionBy(HASH, *PAIR))
    return (
        judged.withColumn("_changed", changed)
        .where("_changed")
        .select(
            *[column.name for column in dataset.columns],
            *ROW_KEY,
            "_position",
            "_is_deleted",
            f.lit(False).alias("_incomplete"),
            f.lit(None).cast("map<string,string>").alias("_column_positions"),
        )
    )


def fates(events: DataFrame, floor: str) -> DataFrame:
    """Events (`_row_hash`, `_row_copy` and any others) with `_position` and `_is_deleted` as keyless.fates has them,
    and with PAIR, which a copy and the departure that took it have in common.

    How many copies there are after each event is its sum of arrivals (+1) and departures (-1), above the lowest that
    this sum was before: a departure that makes it fall below that took nothing. The n-th that took one took the n-th
    that arrived.
    """
    leaves, position = f.col(COPY).endswith(EMPTIED), f.left(COPY, f.lit(LENGTH))
    counts = position > f.lit(floor)
    events = events.withColumns({"_leaves": leaves, "_at": position, "_counts": counts})
    way = f.when(~f.col("_counts"), 0).when(f.col("_leaves"), -1).otherwise(1)
    in_order = Window.partitionBy(HASH).orderBy(COPY)
    so_far = in_order.rowsBetween(Window.unboundedPreceding, Window.currentRow)
    before = in_order.rowsBetween(Window.unboundedPreceding, -1)
    summed = events.withColumn("_sum", f.sum(way).over(so_far))
    lowest = f.least(f.lit(0), f.coalesce(f.min("_sum").over(before), f.lit(0)))
    took = f.col("_counts") & (~f.col("_leaves") | (f.col("_sum") >= f.col("_lowest")))
    queued = summed.withColumn("_lowest", lowest).withColumn("_took", took)
    nth = f.row_number().over(Window.partitionBy(HASH, "_took", "_leaves").orderBy(COPY))
    pair = Window.partitionBy(HASH, *PAIR)
    killer = f.max(f.when(f.col("_took") & f.col("_leaves"), f.col("_at"))).over(pair)
    paired = queued.withColumn("_nth", nth).withColumn("_killer", killer)
    dead = f.col("_leaves") | ~f.col("_counts") | f.col("_killer").isNotNull()
    own = f.when(f.col("_leaves"), f.col("_at")).otherwise(f.coalesce("_killer", "_at"))
    final = f.when(f.col("_counts"), own).otherwise(f.lit(floor))
    return paired.withColumns({"_is_deleted": dead, "_position": final}).drop(
        "_leaves", "_at", "_counts", "_sum", "_lowest", "_killer"
    )


def merge_sql(dataset: Contract, silver: str, staging: str, tombstone_floor: str) -> str:
    """MERGE INTO silver of what `transform` gave, with `_merged_at`, ISO text in UTC (see upsert_sql.merge_sql)."""
    names = [*[column.name for column in dataset.columns], *ROW_KEY, "_position", "_is_deleted"]
    names += ["_incomplete", "_column_positions"]
    stamp = "cast(s.`_merged_at` as timestamp)"
    return f"""
merge into {silver} t using {staging} s on {" and ".join(f"t.`{name}` = s.`{name}`" for name in ROW_KEY)}
when matched then update set
  t.`_position` = s.`_position`, t.`_is_deleted` = s.`_is_deleted`, t.`_merged_at` = {stamp}
when not matched{unless_purged(tombstone_floor)} then insert ({", ".join(f"`{name}`" for name in names)}, `_merged_at`)
  values ({", ".join(f"s.`{name}`" for name in names)}, {stamp})"""
