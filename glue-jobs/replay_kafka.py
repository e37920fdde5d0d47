"""Glue job: brings to bronze the dead letters of Kafka topics that their contracts take by now, as if they had never
failed, and columns of messages that their contracts lacked.

Dead letters are read out of quarantine, not out of the topic, which may not have them any more. A row has the
position and origin that the stream would have given it, so it is the same change however late it comes; what bronze
has is not brought again, so the job may be ended anywhere and run again, beside the stream. Quarantine is not changed:
it stays the account of what was rejected. A column that the contract lacked is in `_rest` of bronze: its row is
appended once more, at its old position, with the column.

Arguments: the common ones (common/arguments.py), without --dataset, and
  --topics JSON   [{"topic": …, "dataset": …, "format": "json" | "avro" | "debezium"}, …]
  --epoch N       of the stream (default 1)
  --since TIME    only what was put into quarantine from then on, ISO 8601 (default: all)
Result, one for each topic, and a run record of each dataset: replayed and still_rejected (messages of either kind),
reasons (why those still fail: the commonest, with how many).
"""

import sys
import traceback
from datetime import UTC, datetime

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as f

from common import (
    arguments,
    bronze,
    dead_letters,
    kafka_progress,
    kafka_rows,
    kafka_topics,
    landing,
    late_columns,
    rules,
    runs,
    tables,
)
from common.iceberg import Snapshots
from common.kafka_rows import Topic

SHOWN = 5
"""Reasons in a result."""


def main(argv: list[str], spark: SparkSession | None = None) -> list[dict]:
    """Runs the job; gives its results. Raises RuntimeError that names the topics that failed: the others are done."""
    parser = arguments.parser("Brings dead letters of Kafka topics to bronze.", dataset=False)
    parser.add_argument("--topics", required=True)
    parser.add_argument("--epoch", type=int, default=1)
    parser.add_argument("--since", type=datetime.fromisoformat)
    given, _ = parser.parse_known_args(argv)
    session = spark or SparkSession.builder.getOrCreate()
    results, failed = [], []
    for topic in kafka_topics.read(given.topics, given.contracts, given.epoch):
        try:
            result = replay(session, topic, given.env, given.since)
        except Exception as error:
            traceback.print_exc()
            failed.append(f"{topic.name} ({type(error).__name__}: {error})"[:500])
        else:
            results.append(runs.finish(result, given.run_id, given.runs_table))
    if failed:
        raise RuntimeError(f"not replayed: {'; '.join(failed)}")
    return results


def replay(spark: SparkSession, topic: Topic, environment: str, since: datetime | None = None) -> dict:
    """Appends the messages that are rows by now, or have a column more, in one commit; it tells no progress, for the
    stream has made none.
    """
    contract = topic.contract
    names = tables.of(environment, contract.dataset)
    tables.require_columns(spark, contract, names.bronze)
    # Before quarantine and bronze are read: what the stream has passed by now it has put into one of the two.
    done = kafka_progress.read(Snapshots(spark, names.bronze), contract.dataset, topic.name, topic.epoch)
    spark.catalog.refreshTable(names.quarantine)
    kept, there = spark.table(names.quarantine), spark.table(names.bronze)
    if since:
        kept = kept.where(f.col("_quarantined_at") >= f.lit(since))
    with (
        landing.cached(dead_letters.of(kept, topic)) as letters,
        landing.cached(dead_letters.lacking(letters, there, done)) as lacking,
        landing.cached(_late(there, topic, since)) as late,
        landing.cached(dead_letters.checked(lacking, topic)) as checked,
    ):
        rows = checked.unionByName(late_columns.filled(late, topic), allowMissingColumns=True)
        found = rows.agg(f.count("*").alias("rows"), f.count(rules.REASONS).alias("rejected")).first()
        good = found["rows"] - found["rejected"]
        # Before the append, with which Spark forgets what it has cached of bronze.
        reasons = commonest(rows.where(f.col(rules.REASONS).isNotNull())) if found["rejected"] else []
        if good:
            again = kafka_rows.bronze_rows(rows, contract, datetime.now(UTC))
            bronze.append(again, names.bronze, {tables.DATASET: contract.dataset})
        return {
            "dataset": contract.dataset,
            "job": "replay_kafka",
            "topic": topic.name,
            "replayed": good,
            "still_rejected": found["rejected"],
            "reasons": reasons,
        }


def _late(there: DataFrame, topic: Topic, since: datetime | None) -> DataFrame:
    if topic.contract.keyless:  # the row with one column more would be another row beside it
        return there.where(f.lit(False))
    rows = late_columns.of_topic(there, topic)
    return rows.where(f.col("_ingested_at") >= f.lit(since)) if since else rows


def commonest(failed: DataFrame) -> list[dict]:
    """The commonest reasons, with how many messages have each, most first."""
    counted = failed.groupBy(f.col(rules.REASONS).alias("reason")).count()
    rows = counted.orderBy(f.desc("count"), "reason").limit(SHOWN).collect()
    return [{"reason": row["reason"], "messages": row["count"]} for row in rows]


if __name__ == "__main__":
    main(sys.argv[1:])
