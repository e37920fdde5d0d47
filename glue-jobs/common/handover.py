"""Where a snapshot stands in the order of the stream beside it.

A snapshot records no place in the database's log. Any place works that the snapshot is sure to have reached: what the
stream tells beyond it wins over the snapshot's rows, and is what the database says by then. The further it lies, the
more of what the stream may have lost is mended.
"""

from datetime import UTC, datetime, timedelta

from pyspark.sql import SparkSession
from pyspark.sql import functions as f

from common import position

LONGEST_TRANSACTION = timedelta(hours=24)
"""A change of a transaction that was open when the snapshot was taken may stand before changes that the snapshot has;
it is not in the snapshot, and must win over it. No transaction is taken to last for longer than this."""
LOOK_BACK = timedelta(days=7)
"""Bronze of older days is not read: it has the same answer, or a lower one, which is right as well."""
AFTER_ALL = 10**19
"""Ordinals of snapshots: after every change at the same place of the log, and among themselves in the order of time."""
EPOCH = datetime.fromtimestamp(0, UTC)


def of_snapshot(
    spark: SparkSession, bronze: str, given: str, taken_at: datetime, reached: str, purged: str
) -> str:
    """The position of a snapshot's rows: `given` when no stream runs beside it or ever has (epoch 0).

    `reached` is the newest position in silver, or empty: a snapshot never falls behind its epoch, or it would change
    nothing any more when a capture is taken away.

    `purged` is the tombstone floor: what was deleted up to there was known long before the snapshot, which must not
    stay below it, or rows that it has and silver lacks would be too late.

    Else it is after the newest place in the log that bronze has of that epoch from a day before the snapshot, or at the
    beginning of the epoch; of two snapshots at one place the newer is newer.
    """
    epoch = max(position.parse(each).epoch for each in (given, reached) if each)
    if epoch == 0:
        return given
    settled = taken_at - LONGEST_TRANSACTION
    told = (
        spark.table(bronze)
        .where(f.col("_ingested_at") >= f.lit(settled - LOOK_BACK))
        .where(f.col("_position").rlike(position.PATTERN) & f.col("_position").startswith(f"{epoch:04}."))
        .where(f.col("_committed_at") <= f.lit(settled))
    )
    newest = told.agg(f.max("_position")).first()[0]
    places = [position.parse(each) for each in (newest, purged) if each]
    log = max((place.log for place in places if place.epoch == epoch), default=0)
    return position.make(epoch, log, AFTER_ALL + (taken_at - EPOCH) // timedelta(microseconds=1))
