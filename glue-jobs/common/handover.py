"""Where a snapshot stands in the order of the stream beside it.

A snapshot records no place in the database's log. Any place works that the snapshot is sure to have reached: what the
stream tells beyond it wins over the snapshot's rows, and is what the database says by then. The further it lies, the
more of what the stream may have lost is mended.
"""

from datetime import datetime, timedelta

from pyspark.sql import SparkSession
from pyspark.sql import functions as f

from common import position

LONGEST_TRANSACTION = timedelta(hours=24)
"""A change of a transaction that was open when the snapshot was taken may stand before changes that the snapshot has;
it is not in the snapshot, and must win over it. No transaction is taken to last for longer than this."""
LOOK_BACK = timedelta(days=7)
"""Bronze of older days is not read: it has the same answer, or a lower one, which is right as well."""


def of_snapshot(spark: SparkSession, bronze: str, given: str, taken_at: datetime) -> str:
    """The position of a snapshot's rows: `given` when no stream runs beside it (its epoch is 0, or its log position
    is not 0), else the newest position of that epoch that bronze has from a day before the snapshot, else `given`.
    """
    epoch, log, _ = position.parse(given)
    if epoch == 0 or log > 0:
        return given
    settled = taken_at - LONGEST_TRANSACTION
    told = (
        spark.table(bronze)
        .where(f.col("_ingested_at") >= f.lit(settled - LOOK_BACK))
        .where((f.col("_position") > given) & f.col("_position").startswith(given.partition(".")[0]))
        .where(f.col("_position").rlike(position.PATTERN) & (f.col("_committed_at") <= f.lit(settled)))
    )
    return told.agg(f.max("_position")).first()[0] or given
