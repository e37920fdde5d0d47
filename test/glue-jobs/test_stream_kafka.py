"""A real Kafka broker and a real Spark: what a topic says is in bronze once, and what can't go on is kept."""

import json
import time
from datetime import UTC, datetime
from decimal import Decimal
from io import BytesIO

import fastavro
import pytest
import stream_kafka as job
from kafka_topics import Producer, as_bytes, start_broker
from lakes import ENVIRONMENT, contract_of, contract_text

from common import bronze, kafka_stream, quarantine
from common.merging import merge
from common.position import make

COLUMNS = [
    ("id", "bigint", "key"),
    ("name", "varchar(30)", "required"),
    ("price", "decimal(20,4)", ""),
    ("seen_at", "timestamptz", ""),
]
AVRO = {
    "type": "record",
    "name": "Thing",
    "fields": [
        {"name": "id", "type": "long"},
        {"name": "name", "type": "string"},
        {
            "name": "price",
            "type": ["null", {"type": "bytes", "logicalType": "decimal", "precision": 20, "scale": 4}],
        },
        {"name": "seen_at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
    ],
}


@pytest.fixture(scope="module")
def broker(tmp_path_factory):
    running = start_broker(tmp_path_factory.mktemp("kafka"))
    yield running
    running.stop()


@pytest.fixture(scope="module")
def producer(spark, broker):
    return Producer(spark, broker)


@pytest.fixture
def lake(make_lake, tmp_path):
    (tmp_path / "things.odcs.yaml").write_text(contract_text("things", COLUMNS))
    return make_lake(contract_of("things", COLUMNS))


@pytest.fixture
def topic(request, producer):
    """A topic of the test's own, with two partitions."""
    name = request.node.name.replace("[", "-").replace("]", "")[:100]
    producer.create(name, 2)
    return name


@pytest.fixture
def run(lake, topic, broker, tmp_path):
    """A function that reads what is there."""

    def read(message_format="json", **more):
        topics = [{"topic": topic, "dataset": "things", "format": message_format}]
        arguments = {"env": ENVIRONMENT, "run-id": "r", "contracts": str(tmp_path), "available": "true"}
        arguments |= {"bootstrap-servers": broker.address, "topics": json.dumps(topics)} | more
        return job.main(
            [each for name, value in arguments.items() for each in (f"--{name}", value)], lake.spark
        )

    return read


def thing(number, **more):
    return {"id": number}, {"id": number, "name": f"thing {number}", "price": 1.5, **more}


def names(lake):
    merge(lake.spark, lake.contract, ENVIRONMENT)
    return {row.id: row.name for row in lake.rows(lake.silver, "not _is_deleted")}


def test_messages_are_rows_of_bronze_with_their_place(lake, topic, producer, run):
    first = {
        **thing(9007199254740993, price="12.3400", seen_at="2026-01-02T03:04:05.123456+01:00")[1],
        "extra": {"deep": [1.5, None]},
    }
    producer.send(topic, [(None, first)])
    producer.send(topic, [({"id": 2}, {"id": 2, "name": "two"})], partition=1)
    assert run() | {"batches": 0} == {"batches": 0, "bronze_rows": 2, "quarantined": 0, "outdated": None}
    by_origin = {row._origin: row for row in lake.rows(lake.bronze)}
    row = by_origin[f"kafka/{topic}/0/0"]
    assert (row.id, row.name, str(row.price), row._op) == (
        9007199254740993,
        "thing 9007199254740993",
        "12.3400",
        "upsert",
    )
    assert row.seen_at.isoformat() == "2026-01-02T02:04:05.123456"
    assert (row._position, row._missing, row._previous_key) == (make(1, 0), None, None)
    assert json.loads(row._rest) == {"extra": {"deep": [1.5, None]}}
    assert row._committed_at is not None and row._ingested_at is not None
    assert by_origin[f"kafka/{topic}/1/0"].price is None


def test_a_message_without_value_deletes_the_row_of_its_key(lake, topic, producer, run):
    producer.send(topic, [thing(1), thing(2), thing(3), ({"id": 1}, None), (b"2", None), (b"nonsense", None)])
    assert run()["quarantined"] == 1
    assert names(lake) == {3: "thing 3"}


POISON = [
    (b"{no json", "the value is no JSON", None),
    ([1], "the value is [1]; allowed is an object", None),
    ({"id": 5}, "name: is missing but required", None),
    ({"id": "five", "name": "x"}, 'id: "five" is not a bigint', "id"),
    ({"id": 5, "name": "x" * 31}, "is not a varchar(30)", "name"),
    ({"id": 5, "name": "x", "price": 0.12345}, "is not a decimal(20,4)", "price"),
    (b"\xff\xfe", "the value is no JSON", None),
    (b"[" * 100_000, "the value is no JSON", None),
]
"""A message's value, why it may not go on, and the column at fault."""


def test_poison_is_kept_with_its_place_and_reason_and_the_stream_goes_on(lake, topic, producer, run):
    producer.send(topic, [thing(1), *[(b"k", value) for value, *_ in POISON], thing(2)])
    assert run() | {"batches": 1} == {
        "batches": 1,
        "bronze_rows": 2,
        "quarantined": len(POISON),
        "outdated": None,
    }
    kept = {row._origin: row for row in lake.rows(lake.quarantine)}
    for offset, (value, reason, column) in enumerate(POISON, 1):
        row = kept[f"kafka/{topic}/0/{offset}"]
        assert row.dataset == "things" and reason in row.reason and row.column_name == column
        assert row._position == make(1, offset)
        payload = json.loads(row.payload)
        assert payload.pop("key") == "k" and payload.pop("epoch") == 1
        assert abs(payload.pop("timestamp_micros") / 1e6 - time.time()) < 600
        content = as_bytes(value)
        assert payload == (
            {"value_base64": "//4="} if content == b"\xff\xfe" else {"value": content.decode()}
        )
    assert sorted(names(lake)) == [1, 2]
    assert run()["batches"] == 0


def test_a_batch_of_nothing_but_poison_is_progress_too(lake, topic, producer, run):
    producer.send(topic, [(None, b"x"), (None, b"y")])
    assert run()["quarantined"] == 2
    assert run()["batches"] == 0
    assert len(lake.rows(lake.quarantine)) == 2


def test_a_kill_after_each_commit_and_before_it_loses_and_doubles_nothing(
    lake, topic, producer, run, monkeypatch
):
    """The run breaks before quarantine's commit, after it, and after bronze's, before Spark's checkpoint."""
    producer.send(topic, [thing(1), (None, b"x"), thing(2)])

    class Killed(Exception):
        pass

    def breaking(function, before):
        def broken(*arguments):
            if not before:
                function(*arguments)
            raise Killed()

        return broken

    for module, before in ((quarantine, True), (bronze, True), (bronze, False)):
        with monkeypatch.context() as patch:
            patch.setattr(module, "append", breaking(module.append, before))
            if (module, before) == (bronze, False):
                # A later message, so that the batch that was cut off and the next one are not the same.
                producer.send(topic, [thing(4)])
            with pytest.raises(Exception, match="Killed"):
                run()
    producer.send(topic, [thing(3), (None, b"z")])
    run()
    assert sorted(row.id for row in lake.rows(lake.bronze)) == [1, 2, 3, 4]
    assert sorted(row._origin.split("/")[-1] for row in lake.rows(lake.quarantine)) == ["1", "5"]


def test_a_batch_that_comes_again_adds_nothing(lake, topic, producer, run, monkeypatch):
    producer.send(topic, [thing(1), (None, b"x")])
    take = kafka_stream.Stream.take

    def twice(self, batch, number):
        take(self, batch, number)
        take(self, batch, number)

    monkeypatch.setattr(kafka_stream.Stream, "take", twice)
    assert run()["batches"] == 1
    assert len(lake.rows(lake.bronze)) == len(lake.rows(lake.quarantine)) == 1


def test_a_run_without_end_reads_what_comes_while_it_runs(lake, topic, producer, run, monkeypatch):
    take = kafka_stream.Stream.take

    def and_more_comes(self, batch, number):
        take(self, batch, number)
        if number == 0:
            producer.send(topic, [thing(2)], partition=1)

    monkeypatch.setattr(kafka_stream.Stream, "take", and_more_comes)
    producer.send(topic, [thing(1)])
    assert run(available="false", every="0.5", seconds="20")["batches"] >= 2
    assert sorted(names(lake)) == [1, 2]


def test_a_topic_that_was_made_anew_is_told_and_read_in_the_next_epoch(lake, topic, producer, run):
    producer.send(topic, [thing(1), thing(2), thing(3)])
    run()
    producer.delete(topic)
    producer.create(topic, 1)
    producer.send(topic, [thing(1, name="anew")])
    with pytest.raises(ValueError, match=r"bronze has come to offset 3.*made anew.*Raise epoch \(1\)"):
        run()
    run(epoch="2")
    assert names(lake)[1] == "anew"


def test_a_topic_that_is_not_there_is_named(run, topic, producer):
    with pytest.raises(ValueError, match="topic 'nowhere' is not there; create it"):
        run(topics=json.dumps([{"topic": "nowhere", "dataset": "things", "format": "json"}]))


def test_a_topic_that_cannot_be_read_does_not_hold_up_the_others(
    lake, make_lake, run, topic, producer, tmp_path
):
    (tmp_path / "others.odcs.yaml").write_text(contract_text("others", COLUMNS))
    make_lake(contract_of("others", COLUMNS))
    producer.send(topic, [thing(1)])
    topics = [("nowhere", "others"), (topic, "things")]
    declared = [{"topic": name, "dataset": dataset, "format": "json"} for name, dataset in topics]
    with pytest.raises(ValueError, match="topic 'nowhere' is not there"):
        run(topics=json.dumps(declared))
    assert names(lake) == {1: "thing 1"}


def framed(number, record, schema=AVRO):
    content = BytesIO()
    fastavro.schemaless_writer(content, fastavro.parse_schema(schema), record)
    return b"\0" + number.to_bytes(4, "big") + content.getvalue()


def test_avro_is_read_by_its_writers_schema_and_an_unknown_schema_is_kept(
    lake, topic, producer, run, tmp_path
):
    newer = {**AVRO, "fields": [*AVRO["fields"], {"name": "colour", "type": "string"}]}
    (tmp_path / "avro").mkdir()
    for number, schema in ((7, AVRO), (8, newer)):
        (tmp_path / "avro" / f"things.{number}.avsc").write_text(json.dumps(schema))
    at = datetime(2026, 1, 2, 3, 4, 5, 123456, UTC)
    record = {"id": 1, "name": "one", "price": Decimal("1234567890123456.7891"), "seen_at": at}
    good = framed(7, record)
    producer.send(
        topic,
        [
            (bytes(7) + b"\x01", good),  # a number, as Kafka's own serializer writes it
            (None, framed(8, {**record, "id": 2, "price": None, "colour": "red"}, newer)),
            (None, framed(99, record)),
            (None, good[:-3]),
            (None, b'{"id": 3}'),
            ({"id": 4}, None),
        ],
    )
    assert run("avro")["quarantined"] == 3
    rows = {row.id: row for row in lake.rows(lake.bronze)}
    assert str(rows[1].price) == "1234567890123456.7891"
    assert rows[1].seen_at.isoformat() == "2026-01-02T03:04:05.123456"
    assert json.loads(rows[2]._rest) == {"colour": "red"} and rows[4]._op == "delete"
    reasons = {row._origin.split("/")[-1]: row.reason for row in lake.rows(lake.quarantine)}
    assert "has Avro schema 99; known are 7, 8. Add contracts/avro/<dataset>.99.avsc" in reasons["2"]
    assert "does not fit Avro schema 7" in reasons["3"] and "is no Avro" in reasons["4"]


def envelope(op, lsn, before=None, after=None, **source):
    told = {"connector": "postgresql", "lsn": lsn, "ts_us": 1_767_323_045_123_456, **source}
    return {"op": op, "before": before, "after": after, "source": told}


def test_debezium_is_change_capture(lake, topic, producer, run):
    """Positions are the log's, not the topic's: a truncation counts everywhere, an old event changes nothing."""

    def row(number, name="old", **more):
        return {"id": number, "name": name, "price": "1.5", "seen_at": "2026-01-02T03:04:05Z", **more}

    producer.send(
        topic,
        [
            (None, envelope("r", 50, after=row(1))),
            (None, envelope("t", 100)),
            ({"id": 2}, envelope("c", 110, after=row(2))),
            ({"id": 2}, envelope("u", 120, after=row(2, "__debezium_unavailable_value", price="2.25"))),
            ({"id": 2}, envelope("u", 121, after=row(2, ["__debezium_unavailable_value"], price="2.25"))),
            ({"id": 3}, envelope("c", 130, after=row(3))),
            ({"id": 3}, envelope("d", 140, before={"id": 3, "name": None})),
            ({"id": 3}, None),
            (None, envelope("x", 150)),
            (None, {"id": 5, "name": "no envelope"}),
            (None, envelope("c", None, after=row(6))),
        ],
    )
    producer.send(
        topic,
        [
            ({"id": 7}, envelope("r", 50, after=row(7))),
            ({"id": 8}, envelope("c", 160, after=row(8))),
            ({"id": 8}, envelope("u", 170, before=row(8), after=row(9, "moved"))),
            ({"id": 2}, envelope("u", 115, after=row(2, "late"))),
        ],
        partition=1,
    )
    assert run("debezium")["quarantined"] == 3
    assert names(lake) == {2: "late", 9: "moved"}
    [two] = lake.rows(lake.silver, "id = 2")
    assert str(two.price) == "2.2500"
    [moved] = lake.rows(lake.bronze, "_previous_key is not null")
    assert moved._position == make(1, 170, 2) and json.loads(moved._previous_key) == {"id": "8"}
    assert moved._committed_at.isoformat() == "2026-01-02T03:04:05.123456"
    reasons = sorted(row.reason for row in lake.rows(lake.quarantine))
    assert [reason[:20] for reason in reasons] == [
        "op is x; allowed are",
        "source of postgresql",
        'the value is {"id":5'[:20],
    ]
