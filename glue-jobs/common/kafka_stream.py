"""A topic into bronze, exactly once: Spark reads micro-batches, each is one commit that also says how far it came.

Where a stream begins is what bronze says, so Spark's own checkpoint is scratch: a run that is killed anywhere, that has
lost its disk, or that gets a batch a second time, loses and doubles nothing.
"""

from argparse import Namespace
from datetime import UTC, datetime

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as f
from pyspark.sql.streaming import StreamingQuery

from common import bronze, kafka_progress, kafka_rows, landing, quarantine, rules, runs, tables
from common.iceberg import Snapshots
from common.kafka_client import Client
from common.kafka_progress import Progress
from common.kafka_rows import Topic


class Stream:
    """One topic on its way into the bronze of one dataset; `results` has what each batch did, oldest first."""

    def __init__(self, spark: SparkSession, topic: Topic, environment: str):
        self.spark, self.topic = spark, topic
        self.dataset = topic.contract.dataset
        self.names = tables.of(environment, self.dataset)
        self.results: list[dict] = []
        tables.require_columns(spark, topic.contract, self.names.bronze)

    def progress(self, spark: SparkSession | None = None, table: str | None = None) -> Progress:
        """How far bronze (or `table`) has come."""
        history = Snapshots(spark or self.spark, table or self.names.bronze)
        return kafka_progress.read(history, self.dataset, self.topic.name, self.topic.epoch)

    def start(
        self, client: Client, options: dict[str, str], checkpoint: str, given: Namespace, every: float | None
    ) -> StreamingQuery:
        """Starts to read; `every` seconds, or only what is there (None). A batch has `given.at_most`
        messages or so; `given.group` begins the names of the consumers' groups.

        Raises ValueError when messages that are not read yet are gone from the topic.
        """
        done, begins = self.progress(), client.begins(self.topic.name)
        ends = client.ends(self.topic.name)
        require_unbroken(self.topic, done, begins, ends)
        reader = self.spark.readStream.format("kafka").options(
            **{f"kafka.{name}": value for name, value in options.items()},
            subscribe=self.topic.name,
            startingOffsets=done.starting(sorted(begins)),
            maxOffsetsPerTrigger=str(given.at_most),
            groupIdPrefix=given.group,
            failOnDataLoss="true",
        )
        trigger = {"availableNow": True} if every is None else {"processingTime": f"{every} seconds"}
        writer = reader.load().writeStream.foreachBatch(self.take).option("checkpointLocation", checkpoint)
        return writer.queryName(f"{self.dataset}-{self.topic.epoch}").trigger(**trigger).start()

    def take(self, batch: DataFrame, _: int) -> None:
        """Appends the messages of a batch that bronze does not have yet; quarantine gets what may not go on.

        Quarantine first, with progress of its own: when the run is killed between the two, it has those rows, and the
        next run leaves them out.
        """
        spark = batch.sparkSession
        done = self.progress(spark)
        new = batch.where(done.ahead("partition", "offset"))
        with landing.cached(kafka_rows.checked(new, self.topic)) as rows:
            ends = {row.partition: row.end + 1 for row in _ends(new)}
            if not ends:
                return
            after = done.after(ends)
            found = rows.agg(
                f.count("*").alias("rows"),
                f.count(rules.REASONS).alias("rejected"),
                f.max("_committed_at").alias("newest"),
                f.count(f.when(f.col(rules.REASONS).isNull(), f.col("_rest"))).alias("unknown"),
            ).first()
            now = datetime.now(UTC)
            if found["rejected"]:
                self._reject(spark, rows, after, now)
            good = kafka_rows.bronze_rows(rows, self.topic.contract, now)
            bronze.append(good, self.names.bronze, after.properties(self.dataset))
        self.results.append(
            {
                "dataset": self.dataset,
                "job": "stream_kafka",
                "topic": self.topic.name,
                "bronze_rows": found["rows"] - found["rejected"],
                "quarantined": found["rejected"],
                "unknown_columns": found["unknown"],
                "newest_committed_at": runs.iso(found["newest"] and found["newest"].astimezone(UTC)),
                "offsets": {str(number): end for number, end in sorted(after.offsets.items())},
            }
        )

    def _reject(self, spark: SparkSession, rows: DataFrame, after: Progress, now: datetime) -> None:
        through = self.progress(spark, self.names.quarantine)
        unreported = kafka_rows.rejects(rows.where(through.ahead("_partition", "_offset")), self.topic)
        shaped = quarantine.shape(unreported, self.dataset, now)
        if not shaped.isEmpty():
            quarantine.append(shaped, self.names.quarantine, self.dataset, after.properties(self.dataset))

    def behind(self, client: Client) -> int:
        """Messages of the topic that bronze lacks."""
        done = self.progress()
        begins = client.begins(self.topic.name)
        return sum(end - done.offsets.get(p, begins[p]) for p, end in client.ends(self.topic.name).items())


def _ends(messages: DataFrame) -> list:
    return messages.groupBy("partition").agg(f.max("offset").alias("end")).collect()


def require_unbroken(topic: Topic, done: Progress, begins: dict[int, int], ends: dict[int, int]) -> None:
    """Raises ValueError when the topic begins after where bronze has come, or ends before it: it was made anew."""
    for number, offset in done.offsets.items():
        begin, end = begins.get(number, 0), ends.get(number, 0)
        if begin <= offset <= end:
            continue
        why = "messages were deleted before they were read" if offset < begin else "the topic was made anew"
        raise ValueError(
            f"topic {topic.name!r}, partition {number}: bronze has come to offset {offset}, the topic has {begin} to "
            f"{end}: {why}. Raise epoch ({topic.epoch}) in sources/, which reads the topic from its beginning "
            "(docs/runbook.md#kafka-behind)"
        )
