"""Kafka messages in Spark: rows of bronze, and rows of quarantine for what can't be read or breaks its contract."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from pyspark import cloudpickle
from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame
from pyspark.sql import functions as f
from pyspark.sql import types as t

from common import json_path, kafka_avro, kafka_debezium, kafka_message, rules
from common.contract import Column, Contract
from common.kafka_message import Field, Message, Told, Unreadable
from common.position import WIDTHS

# Spark's Python workers get the reader with the task, wherever they run.
for module in (json_path, kafka_message, kafka_avro, kafka_debezium):
    cloudpickle.register_pickle_by_value(module)

KEPT = (
    "_op",
    "_position",
    "_committed_at",
    "_missing",
    "_origin",
    "_previous_key",
    "_rest",
    "_partition",
    "_offset",
)
UNREAD, KEY, VALUE, TIMESTAMP = "_unread", "_key", "_value", "_timestamp"


@dataclass(frozen=True)
class Topic:
    """A topic whose messages are the changes of one dataset. `schemas`: Avro schemas by number."""

    name: str
    contract: Contract
    format: str
    epoch: int
    schemas: dict[int, str]


def fields(columns: Iterable[Column]) -> list[Field]:
    """Columns of a contract as the readers of messages know them."""
    return [
        Field(column.name, column.names, column.key, column.type.partition("(")[0], column.required)
        for column in columns
    ]


def say(topic: str, message_format: str, columns: list[Field], schemas: dict[int, str]):
    """A function that says what a message (key, value) tells: None when it tells nothing. It raises Unreadable."""

    def message(key: bytes | None, value: bytes | None) -> Told | None:
        avro = message_format == "avro"
        if message_format == "debezium":
            # A tombstone follows a delete, for the topic's compaction.
            parsed = None if value is None else kafka_message.parse_json(value, "value")
            if parsed is None:
                return None
            return kafka_debezium.change(parsed, kafka_message.parse_key(key), columns)
        if value is None:
            # Only a deletion is known by its key: the keys of rows may be written in any other way.
            told_key = kafka_avro.decode(key, schemas, "key") if avro and key and key[0] == 0 else None
            return kafka_message.delete(
                kafka_message.parse_key(key) if told_key is None else told_key, columns
            )
        record = kafka_avro.decode(value, schemas) if avro else kafka_message.parse_json(value, "value")
        return kafka_message.upsert(record, columns)

    return message


def parsed(messages: DataFrame, topic: Topic) -> DataFrame:
    """Each message (Kafka's columns) as texts of the contract's columns, `KEPT`, `_unread` (why it can't be read),
    `_key`, `_value` and `_timestamp` (the message as it came). Messages that tell nothing are left out.
    """
    columns = fields(topic.contract.columns)
    read = say(topic.name, topic.format, columns, topic.schemas)
    texts = t.StructType([t.StructField(f"c{number}", t.StringType()) for number in range(len(columns))])
    own = ("op", "missing", "rest", "previous_key", "log", "ordinal", "unread")
    shape = [t.StructField("values", texts), t.StructField("micros", t.LongType())]
    shape += [t.StructField(name, t.StringType()) for name in own]
    nothing = tuple(None for _ in columns)

    @f.udf(returnType=t.ArrayType(t.StructType(shape)))
    def told(key, value):
        try:
            found = read(*(None if each is None else bytes(each) for each in (key, value)))
        except Unreadable as error:
            return [(nothing, None, None, None, None, None, None, None, str(error))]
        except Exception as error:  # one message that nobody thought of must not hold up the others
            why = f"the message can't be read ({type(error).__name__}: {kafka_message.first_line(error)})"
            return [(nothing, None, None, None, None, None, None, None, why)]
        if found is None:
            return []
        about = (found.op, found.missing, found.rest, found.previous_key, found.log, found.ordinal, None)
        return [(tuple(found.values), found.micros, *about)]

    rows = messages.select(
        "partition", "offset", "timestamp", "key", "value", f.explode(told("key", "value")).alias("m")
    )
    by_offset = topic.format != "debezium"
    log = f.col("offset").cast("string") if by_offset else f.col("m.log")
    ordinal = f.lit("0") if by_offset else f.col("m.ordinal")
    place = f.concat_ws(
        ".",
        f.lit(f"{topic.epoch:0{WIDTHS[0]}}"),
        f.lpad(log, WIDTHS[1], "0"),
        f.lpad(ordinal, WIDTHS[2], "0"),
    )
    where = f.concat_ws("/", f.lit("kafka"), f.lit(topic.name), f.col("partition"), f.col("offset"))
    return rows.select(
        *[f.col(f"m.values.c{number}").alias(column.name) for number, column in enumerate(columns)],
        f.col("m.op").alias("_op"),
        f.when(log.isNotNull(), place).alias("_position"),
        f.coalesce(f.timestamp_micros("m.micros"), "timestamp").alias("_committed_at"),
        f.col("m.missing").alias("_missing"),
        where.alias("_origin"),
        f.col("m.previous_key").alias("_previous_key"),
        f.col("m.rest").alias("_rest"),
        f.col("partition").alias("_partition"),
        f.col("offset").alias("_offset"),
        f.col("m.unread").alias(UNREAD),
        f.col("key").alias(KEY),
        f.col("value").alias(VALUE),
        f.col("timestamp").alias(TIMESTAMP),
    )


def checked(messages: DataFrame, topic: Topic) -> DataFrame:
    """The messages cast by contract (rules.check). What could not be read has that as its reason."""
    contract = topic.contract
    missing = f.coalesce(f.split("_missing", ","), f.array())

    def excused(column: Column) -> SparkColumn:
        partial = (f.col("_op") == "upsert") & f.array_contains(missing, column.name)
        of_key = f.col("_op").isin("delete") & f.lit(not column.key)
        return f.col(UNREAD).isNotNull() | partial | of_key | (f.col("_op") == "truncate")

    keep = (*KEPT, UNREAD, KEY, VALUE, TIMESTAMP)
    rows = rules.check(parsed(messages, topic), contract, keep=keep, excused=excused)
    return rows.withColumn(rules.REASONS, f.coalesce(UNREAD, rules.REASONS)).drop(UNREAD, rules.PAYLOAD)


def bronze_rows(rows: DataFrame, contract: Contract, ingested_at: datetime) -> DataFrame:
    """The bronze rows of the good messages of `checked`."""
    return rows.where(f.col(rules.REASONS).isNull()).select(
        *[column.name for column in contract.columns],
        "_op",
        "_position",
        "_committed_at",
        f.lit(ingested_at).cast("timestamp").alias("_ingested_at"),
        "_missing",
        "_origin",
        "_previous_key",
        "_rest",
    )


def rejects(rows: DataFrame, topic: Topic) -> DataFrame:
    """The messages of `checked` that may not go on, for quarantine."""
    epoch = topic.epoch

    @f.udf(returnType=t.StringType())
    def payload(key, value, micros):
        message = Message(*(None if each is None else bytes(each) for each in (key, value)), micros, epoch)
        return kafka_message.payload(message)

    return rows.where(f.col(rules.REASONS).isNotNull()).select(
        f.col(rules.REASONS).alias("reason"),
        f.col(rules.FAILED).alias("column_name"),
        payload(KEY, VALUE, f.unix_micros(TIMESTAMP)).alias("payload"),
        "_position",
        "_origin",
    )
