"""Columns that came before the contract had them: they lie in `_rest` of bronze, and can be rows' own by now."""

from pyspark.sql import Column as SparkColumn
from pyspark.sql import DataFrame
from pyspark.sql import functions as f
from pyspark.sql import types as t

from common import json_path, kafka_debezium, kafka_message, kafka_rows, rules
from common.contract import Column, Contract
from common.kafka_message import Unreadable
from common.kafka_rows import Topic
from common.position import WIDTHS

LATE = "_late"


def waiting(bronze: DataFrame, contract: Contract, change: list[SparkColumn]) -> DataFrame:
    """The newest row of each change (what it is known by), where its `_rest` has a column of the contract; `_late` has
    the names of these.
    """
    told = f.json_object_keys("_rest")
    names = [f.lit(name) for column in contract.columns for name in column.names]
    ahead = bronze.where(f.col("_rest").isNotNull())
    # First what is asked for: bronze is large.
    known = [column.alias(f"_change{number}") for number, column in enumerate(change)]
    by = [f"_change{number}" for number, _ in enumerate(change)]
    newest = (
        bronze.select("*", *known)
        .join(ahead.select(*known).distinct(), by, "left_semi")
        .groupBy(*by)
        .agg(f.max_by(f.struct(*bronze.columns), f.col("_ingested_at")).alias("row"))
        .select("row.*")
    )
    return newest.withColumn(LATE, f.array_intersect(told, f.array(*names))).where(f.size(LATE) > 0)


def of_topic(bronze: DataFrame, topic: Topic) -> DataFrame:
    """`waiting` for the messages of a topic: in each epoch an origin is another message."""
    mine = bronze.where(f.col("_origin").startswith(f"kafka/{topic.name}/"))
    return waiting(mine, topic.contract, [f.col("_origin"), f.substring("_position", 1, WIDTHS[0])]).drop(
        LATE
    )


def filled(rows: DataFrame, topic: Topic) -> DataFrame:
    """Rows of bronze with what `_rest` has of their contract's columns, cast by it; `_reasons` (rules.check) says why
    one can't be."""
    columns = topic.contract.values
    fields = kafka_rows.fields(columns)
    by_envelope = topic.format == "debezium"
    texts = t.StructType([t.StructField(f"c{number}", t.StringType()) for number, _ in enumerate(columns)])
    names = t.ArrayType(t.StringType())

    @f.udf(
        returnType=t.StructType()
        .add("values", texts)
        .add("told", names)
        .add("rest", "string")
        .add("why", "string")
    )
    def read(rest):
        try:
            record = json_path.parse(rest)
            if by_envelope:
                record = kafka_debezium.respelled(record, fields)
            values, absent, left = kafka_message.read(record, fields)
        except Unreadable as error:
            return (tuple(None for _ in fields), [], rest, str(error))
        return (tuple(values), [each.name for each in fields if each not in absent], left, None)

    def had(column: Column) -> str:
        return f"_had_{column.name}"

    own = [name for name in rows.columns if name not in {column.name for column in columns}]
    kept = (*own, *map(had, columns), "_told", "_left", "_why")
    raw = rows.withColumn("_m", read("_rest")).select(
        *own,
        *[f.col(column.name).alias(had(column)) for column in columns],
        *[f.col(f"_m.values.c{number}").alias(column.name) for number, column in enumerate(columns)],
        f.col("_m.told").alias("_told"),
        f.col("_m.rest").alias("_left"),
        f.col("_m.why").alias("_why"),
    )
    values = topic.contract.model_copy(update={"columns": columns})
    cast = rules.check(raw, values, keep=kept, excused=lambda column: ~_told(column))
    untold = f.array_except(f.split("_missing", ","), "_told")
    return cast.select(
        *[name for name in own if name not in ("_rest", "_missing")],
        *[
            f.when(_told(each), f.col(each.name)).otherwise(f.col(had(each))).alias(each.name)
            for each in columns
        ],
        f.when(f.size(untold) > 0, f.concat_ws(",", untold)).alias("_missing"),
        f.col("_left").alias("_rest"),
        f.coalesce("_why", rules.REASONS).alias(rules.REASONS),
    )


def _told(column: Column) -> SparkColumn:
    return f.array_contains("_told", column.name)
