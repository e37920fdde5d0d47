"""Dead letters of Kafka: messages that quarantine has and bronze lacks, as messages again."""

from dataclasses import replace
from functools import reduce

from pyspark.sql import DataFrame
from pyspark.sql import functions as f
from pyspark.sql import types as t

from common import kafka_message, kafka_rows
from common.kafka_progress import Progress
from common.kafka_rows import Topic
from common.position import WIDTHS

MESSAGE = t.StructType(
    [
        t.StructField("key", t.BinaryType()),
        t.StructField("value", t.BinaryType()),
        t.StructField("micros", t.LongType()),
        t.StructField("epoch", t.IntegerType()),
    ]
)


def of(quarantine: DataFrame, topic: Topic) -> DataFrame:
    """The messages of a topic that quarantine has, each once: Kafka's columns, `_origin`, and the `epoch` in which it
    was read: in another one its origin may be another message. Those that don't tell it are of the first: they win over
    nothing of a later one.
    """
    message = f.udf(kafka_message.from_payload, MESSAGE)
    mine = quarantine.where(
        (f.col("dataset") == topic.contract.dataset) & f.col("_origin").startswith(f"kafka/{topic.name}/")
    )
    place = f.split("_origin", "/")
    told = f.substring("_position", 1, WIDTHS[0]).cast("int")
    messages = mine.withColumn("m", message("payload")).where(f.col("m").isNotNull())
    shaped = messages.select(
        "_origin",
        place[2].cast("int").alias("partition"),
        place[3].cast("long").alias("offset"),
        f.coalesce("m.epoch", told, f.lit(1)).alias("epoch"),
        f.coalesce(f.timestamp_micros("m.micros"), "_quarantined_at").alias("timestamp"),
        "m.key",
        "m.value",
        "_quarantined_at",
    )
    newest = f.max_by(f.struct(*shaped.columns), f.col("_quarantined_at")).alias("row")
    return shaped.groupBy("_origin", "epoch").agg(newest).select("row.*")


def lacking(letters: DataFrame, bronze: DataFrame, done: Progress) -> DataFrame:
    """Those of which bronze has no row, and that the stream will not read again by itself: it was killed after it had
    put them in quarantine, and begins before them.
    """
    behind = (f.col("epoch") != done.epoch) | ~done.ahead("partition", "offset")
    epoch = f.substring("_position", 1, WIDTHS[0]).cast("int").alias("epoch")
    # First what is asked for: bronze is large.
    arrived = bronze.select("_origin", epoch).join(letters, ["_origin", "epoch"], "left_semi")
    return letters.where(behind).join(arrived, ["_origin", "epoch"], "left_anti")


def checked(letters: DataFrame, topic: Topic) -> DataFrame:
    """The messages by contract (kafka_rows.checked), each with the position that it had in its epoch."""
    epochs = sorted(row.epoch for row in letters.select("epoch").distinct().collect())
    each = [
        kafka_rows.checked(letters.where(f.col("epoch") == epoch), replace(topic, epoch=epoch))
        for epoch in epochs or [topic.epoch]
    ]
    return reduce(DataFrame.unionByName, each)
