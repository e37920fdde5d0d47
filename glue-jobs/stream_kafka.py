"""Glue streaming job: brings the messages of Kafka topics to bronze, exactly once (common/kafka_stream.py).

Arguments: the common ones (common/arguments.py), without --dataset, and
  --bootstrap-servers HOST:PORT,…
  --authentication none|iam|scram (default none)   --secret ARN   the login of `scram`
  --topics JSON        [{"topic": …, "dataset": …, "format": "json" | "avro" | "debezium"}, …]
  --group PREFIX       of the consumers' groups (default moraine); no place is kept there
  --epoch N            of all their positions (default 1)
  --every SECONDS      from the start of a batch to the start of the next (default 5)
  --seconds SECONDS    ends after so long (default 0: never), for a new run to take over
  --available true     ends when everything that is there is read (default false)
  --at-most N          messages of a batch, about (default 100000)
Prints what each batch did, and every minute how far each dataset is behind.
Result: batches, bronze_rows, quarantined, outdated (the dataset of another version of its contract).
"""

import json
import shutil
import sys
import tempfile
import time
from datetime import UTC, datetime

from pyspark.sql import SparkSession
from pyspark.sql.streaming import StreamingQuery

from common import arguments, kafka_client, kafka_topics, runs, tables
from common.kafka_client import Client
from common.kafka_stream import Stream

LOOK_EVERY = 1.0
TELL_EVERY = 60.0
"""Seconds."""
PATIENCE = 600.0
"""Seconds for which the others go on when a topic can't be read; then the run fails, which is an alarm, and the next
one begins with all of them."""


def main(argv: list[str], spark: SparkSession | None = None) -> dict:
    """Runs the job; gives its result. Raises what stopped the first stream that was stopped, when the others have had
    their time.
    """
    given, _ = _parser().parse_known_args(argv)
    session = spark or SparkSession.builder.getOrCreate()
    options = kafka_client.settings(given.bootstrap_servers, given.authentication, given.secret)
    topics = kafka_topics.read(given.topics, given.contracts, given.epoch)
    client = Client(session, options)
    scratch = tempfile.mkdtemp(prefix="kafka-")
    queries: dict[Stream, StreamingQuery] = {}
    broken: list[Exception] = []
    try:
        for topic in topics:
            folder = f"file://{scratch}/{topic.contract.dataset}"
            every = None if given.available else given.every
            try:
                stream = Stream(session, topic, given.env)
                queries[stream] = stream.start(client, options, folder, given, every)
            except Exception as error:
                _put_aside(topic.contract.dataset, error, broken)
        return _watch(session, queries, broken, client, given)
    finally:
        for query in queries.values():
            query.stop()
        client.close()
        shutil.rmtree(scratch, ignore_errors=True)


def _put_aside(dataset: str, error: Exception, broken: list[Exception]) -> None:
    print(f"{dataset} is not read any more by this run: {error}", file=sys.stderr, flush=True)
    broken.append(error)


def _parser():
    parser = arguments.parser("Brings Kafka topics to bronze as long as it runs.", dataset=False)
    parser.add_argument("--bootstrap-servers", required=True)
    parser.add_argument("--authentication", choices=kafka_client.AUTHENTICATIONS, default="none")
    parser.add_argument("--secret")
    parser.add_argument("--topics", required=True)
    parser.add_argument("--group", default="moraine")
    parser.add_argument("--epoch", type=int, default=1)
    parser.add_argument("--every", type=float, default=5.0)
    parser.add_argument("--seconds", type=float, default=0.0)
    parser.add_argument("--available", type=arguments.flag, default=False)
    parser.add_argument("--at-most", type=int, default=100_000)
    return parser


def _watch(
    session: SparkSession,
    queries: dict[Stream, StreamingQuery],
    broken: list[Exception],
    client: Client,
    given,
) -> dict:
    """Records what the batches do, until the streams have ended or it is time to."""
    began, told = time.monotonic(), 0.0
    ends = began + given.seconds if given.seconds else float("inf")
    total = {"batches": 0, "bronze_rows": 0, "quarantined": 0, "outdated": None}
    while True:
        active = [query.isActive for query in queries.values()]
        _record(list(queries), total, given)
        for stream, query in list(queries.items()):
            if error := query.exception():
                _put_aside(stream.dataset, error, broken)
                del queries[stream]
                # What it did since it was asked a moment ago.
                _record([stream], total, given)
        now = time.monotonic()
        if broken:
            ends = min(ends, now + PATIENCE)
        if not any(active) or now >= ends:
            if broken:
                raise broken[0]
            return total
        if now - told >= TELL_EVERY and not given.available:
            told = now
            for stream in queries:
                if not tables.is_of_version(session, stream.topic.contract, given.env):
                    if broken:
                        raise broken[0]
                    return total | {"outdated": stream.dataset}
                _tell(stream, client, given.run_id)
        time.sleep(LOOK_EVERY if not given.available else LOOK_EVERY / 5)


def _record(streams: list[Stream], total: dict, given) -> None:
    for stream in streams:
        while stream.results:
            done = stream.results.pop(0)
            runs.finish(done, given.run_id, given.runs_table)
            total["batches"] += 1
            total["bronze_rows"] += done["bronze_rows"]
            total["quarantined"] += done["quarantined"]


def _tell(stream: Stream, client: Client, run_id: str) -> None:
    """A line for the metric filter of lib/kafka-alarms.ts. Whether the topic can be read its query says itself."""
    try:
        behind = stream.behind(client)
    except Exception as error:
        print(f"nobody knows how far {stream.dataset} is behind: {error}", file=sys.stderr, flush=True)
        return
    line = {"job": "kafka_lag", "run_id": run_id, "dataset": stream.dataset, "behind": behind}
    line["at"] = runs.iso(datetime.now(UTC))
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
