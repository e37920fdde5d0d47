"""A full snapshot of a table without a key, compared with silver: as keyless.correction, for every row's hash.

The n-th copy of a row that either side has beyond the other is one change, n ordinals after the snapshot's position.
"""

from collections.abc import Sequence
from datetime import datetime

from pyspark.sql import Column, DataFrame, Window
from pyspark.sql import functions as f

from common import keyless_merge, position, reconciliation, rules
from common.contract import Contract
from common.keyed_snapshot import Snapshot
from common.keyless_merge import COPY, HASH
from common.position import LENGTH, NEVER, WIDTHS

MOST_COPIES = 10**9
"""Of one row. In an epoch with a stream, snapshots at one place of the log are told apart by their microseconds, so
that those of a snapshot and of one that is taken a quarter of an hour later do not meet."""
NTH = "_nth"


def checked(export: DataFrame, dataset: Contract) -> DataFrame:
    """The export's rows cast by contract (see rules.check), with the columns of keyed_snapshot.checked that count.

    A row that does not cast may be equal to any row of silver: nothing is known to be gone then (`_keyed`).
    """
    rows = rules.check(export, dataset, keep=("_origin",))
    return rows.withColumns({"_duplicate": f.lit(False), "_keyed": f.col(rules.REASONS).isNull()})


def transform(
    rows: DataFrame,
    silver: DataFrame,
    dataset: Contract,
    snapshot: Snapshot,
    ingested_at: datetime,
    truncate_floor: str,
    newest_load: str,
    begins: Sequence[str] = (),
) -> DataFrame:
    """Each copy as common/reconciliation.py wants it, with the bronze row (`_change`) that makes silver have as many
    copies of each row as the snapshot; and each hash that is in flight.

    Left alone is a row of whose hash silver knows anything newer: a later snapshot compares it. An export that is
    older than one that was loaded (`newest_load`) tells nothing.
    """
    epoch, log, ordinal = position.parse(snapshot.position)
    last = position.make(epoch, log, ordinal + MOST_COPIES - 1)
    newer = f.left(COPY, f.lit(LENGTH)) > f.lit(last)
    late = silver.where(newer).select(HASH).distinct()
    names = [column.name for column in dataset.columns]
    told = rows.where(f.col(rules.REASONS).isNull() & f.lit(snapshot.position >= newest_load))
    told = told.withColumn(HASH, keyless_merge.row_hash(dataset)).join(late, HASH, "left_anti")
    known = silver.where(~newer).select(*names, HASH, COPY).join(late, HASH, "left_anti")
    floor = truncate_floor if truncate_floor <= last else NEVER
    known = keyless_merge.fates(known, floor).where(~f.col("_is_deleted"))
    proven = snapshot.complete and snapshot.position >= newest_load
    here, there = (each.withColumn(NTH, _nth(by)) for each, by in ((told, "_origin"), (known, COPY)))
    names_there = {name: f"_t_{name}" for name in names}
    there = there.select(
        HASH, NTH, f.lit(True).alias("_there"), *[f.col(a).alias(b) for a, b in names_there.items()]
    )
    both = here.withColumn("_here", f.lit(True)).join(there, [HASH, NTH], "full_outer")
    arrived, left = f.col("_there").isNull(), f.col("_here").isNull() & f.lit(proven)
    change = f.struct(
        *[f.coalesce(name, there_too).alias(name) for name, there_too in names_there.items()],
        f.when(arrived, "upsert").otherwise("delete").alias("_op"),
        _place(snapshot.position).alias("_position"),
        f.lit(snapshot.committed_at).cast("timestamp").alias("_committed_at"),
        f.lit(ingested_at).cast("timestamp").alias("_ingested_at"),
        f.lit(None).cast("string").alias("_missing"),
        f.coalesce("_origin", f.lit(snapshot.export_id)).alias("_origin"),
    )
    copy = reconciliation.row_hash([f.col(HASH), f.col(NTH)])
    number = reconciliation.range_of(f.col(HASH), "string", begins).alias(reconciliation.RANGE)
    compared = both.select(
        number,
        f.when(f.col("_here"), copy).alias(reconciliation.SOURCE),
        f.when(f.col("_there") & (f.col("_here").isNotNull() | f.lit(proven)), copy).alias(
            reconciliation.SILVER
        ),
        f.lit(False).alias(reconciliation.IN_FLIGHT),
        f.when(arrived | left, change).alias(reconciliation.CHANGE),
    )
    in_flight = late.select(number, f.lit(True).alias(reconciliation.IN_FLIGHT))
    return compared.unionByName(in_flight, allowMissingColumns=True)


def _nth(by: str) -> Column:
    return f.row_number().over(Window.partitionBy(HASH).orderBy(by))


def _place(of_snapshot: str) -> Column:
    """The position of the n-th copy's change."""
    width = WIDTHS[-1]
    ordinal = f.lit(of_snapshot[-width:]).cast(f"decimal({width},0)") + f.col(NTH) - 1
    digits = ordinal.cast(f"decimal({width},0)").cast("string")
    return f.concat(f.lit(of_snapshot[: LENGTH - width]), f.lpad(digits, width, "0"))
