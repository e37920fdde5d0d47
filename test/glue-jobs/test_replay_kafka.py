"""Dead letters of Kafka come back once their contract takes them, as if they had never failed; no broker is needed."""

import json
from datetime import UTC, datetime

import pytest
import replay_kafka as job
from kafka_topics import as_bytes
from lakes import ENVIRONMENT, contract_of, contract_text

from common import bronze
from common.kafka_rows import Topic
from common.kafka_stream import Stream
from common.merging import merge
from common.position import make

COLUMNS = [("id", "bigint", "key"), ("name", "varchar(30)", "required")]
BEFORE = [("id", "bigint", "key"), ("name", "varchar(3)", "required")]
"""The contract before it was mended."""
AT = datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)
MESSAGES = "partition int, offset long, timestamp timestamp, key binary, value binary"


@pytest.fixture
def lake(make_lake, tmp_path):
    (tmp_path / "things.odcs.yaml").write_text(contract_text("things", COLUMNS))
    return make_lake(contract_of("things", COLUMNS))


@pytest.fixture
def run(lake, tmp_path):
    """A function that runs the job; it gives what it tells of the topic."""

    def replay(message_format="json", **more):
        topics = json.dumps([{"topic": "t.things", "dataset": "things", "format": message_format}])
        arguments = {"env": ENVIRONMENT, "run-id": "r", "contracts": str(tmp_path), "topics": topics} | more
        [result] = job.main(
            [each for name, value in arguments.items() for each in (f"--{name}", value)], lake.spark
        )
        return {name: result[name] for name in ("replayed", "still_rejected", "reasons")}

    return replay


def stream(lake, columns=COLUMNS, epoch=1, message_format="json"):
    topic = Topic("t.things", contract_of("things", columns), message_format, epoch, {})
    return Stream(lake.spark, topic, ENVIRONMENT)


def batch(lake, *messages):
    """Messages of Kafka: (partition, offset, key, value)."""
    rows = [
        (partition, offset, AT, *(each and bytearray(as_bytes(each)) for each in (key, value)))
        for partition, offset, key, value in messages
    ]
    return lake.spark.createDataFrame(rows, MESSAGES)


def thing(number, name):
    return {"id": number}, {"id": number, "name": name}


def origins(lake):
    return sorted(row._origin.removeprefix("kafka/t.things/") for row in lake.rows(lake.bronze))


def told(row):
    return {name: value for name, value in row.asDict().items() if name != "_ingested_at"}


NONE = {"replayed": 0, "still_rejected": 0, "reasons": []}


def test_what_a_mended_contract_takes_is_as_if_it_had_never_failed(lake, run, make_lake):
    messages = batch(
        lake,
        (0, 0, *thing(1, "first")),
        (0, 1, *thing(1, "new")),
        (0, 2, *thing(2, "second")),
        (1, 0, b"\xff\xfe", b"\xff{ no JSON"),
        (1, 1, *thing(3, "three" * 9)),
    )
    stream(lake).take(messages, 0)
    never_failed = {row._origin: told(row) for row in lake.rows(lake.bronze)}
    make_lake(lake.contract)
    before = stream(lake, BEFORE)
    before.take(messages, 0)
    progress = before.progress()
    merge(lake.spark, lake.contract, ENVIRONMENT)
    assert origins(lake) == ["0/1"]

    done = run()
    assert (done["replayed"], done["still_rejected"]) == (2, 2)
    assert sorted(reason["messages"] for reason in done["reasons"]) == [1, 1]
    assert any("the value is no JSON" in reason["reason"] for reason in done["reasons"])
    assert {row._origin: told(row) for row in lake.rows(lake.bronze)} == never_failed
    assert before.progress() == progress and progress.offsets == {0: 3, 1: 2}
    merge(lake.spark, lake.contract, ENVIRONMENT)
    assert {row.id: row.name for row in lake.rows(lake.silver)} == {1: "new", 2: "second"}

    again = run()
    assert (again["replayed"], again["still_rejected"]) == (0, 2)
    assert len(lake.rows(lake.bronze)) == 3 and len(lake.rows(lake.quarantine)) == 4
    assert run(since="2100-01-01T00:00:00Z") == NONE


def test_an_origin_is_one_message_in_each_epoch_and_debezium_keeps_its_log(lake, run):
    def change(lsn, name):
        source = {"connector": "postgresql", "lsn": lsn, "ts_us": 1_767_323_045_123_456}
        return {"op": "c", "before": None, "after": thing(1, name)[1], "source": source}

    unread = {"op": "c", "source": {"connector": "postgresql"}}
    stream(lake, BEFORE, 1, "debezium").take(
        batch(lake, (0, 0, None, change(900, "former")), (0, 1, None, unread)), 0
    )
    stream(lake, COLUMNS, 2, "debezium").take(batch(lake, (0, 0, None, change(50, "new"))), 0)
    done = run("debezium", epoch="2")
    assert (done["replayed"], done["still_rejected"]) == (1, 1)
    rows = {row._position: row.name for row in lake.rows(lake.bronze)}
    assert rows == {make(1, 900, 3): "former", make(2, 50, 3): "new"}
    assert {row._committed_at.isoformat() for row in lake.rows(lake.bronze)} == {"2026-01-02T03:04:05.123456"}
    merge(lake.spark, lake.contract, ENVIRONMENT)
    assert [row.name for row in lake.rows(lake.silver)] == ["new"]


def test_what_the_stream_will_read_again_is_left_to_it(lake, run, monkeypatch):
    """It was killed between its two commits, and the contract was mended before it came back."""
    messages = batch(lake, (0, 0, *thing(1, "first")))

    def killed(*_):
        raise InterruptedError

    with monkeypatch.context() as patch, pytest.raises(InterruptedError):
        patch.setattr(bronze, "append", killed)
        stream(lake, BEFORE).take(messages, 0)
    assert len(lake.rows(lake.quarantine)) == 1
    assert run() == NONE
    stream(lake).take(messages, 0)
    assert run() == NONE
    assert origins(lake) == ["0/0"]


def test_a_payload_of_older_times_tells_neither_when_nor_in_which_epoch(lake, run):
    stream(lake).take(batch(lake, (0, 7, *thing(1, "one"))), 0)
    payload = json.dumps({"key": None, "value": json.dumps(thing(2, "two")[1])})
    row = ("things", "reason", None, payload, None, "kafka/t.things/0/6", AT)
    other = ("things", "merged too late", None, '{"id": 3}', None, "kafka/t.things/0/5", AT)
    schema = lake.spark.table(lake.quarantine).schema
    lake.spark.createDataFrame([row, other], schema).writeTo(lake.quarantine).append()
    assert run() == {"replayed": 1, "still_rejected": 0, "reasons": []}
    [two] = lake.rows(lake.bronze, "id = 2")
    assert (two._position, two._committed_at) == (make(1, 6), AT.replace(tzinfo=None))


PLAIN = [("id", "bigint", "key")]
"""The contract before it had a name."""


def newest(lake):
    rows = sorted(lake.rows(lake.bronze), key=lambda row: row._ingested_at)
    return {(row._origin, row._position[:6]): told(row) for row in rows}


def test_a_column_that_the_contract_lacked_is_as_if_it_had_always_been_there(lake, run, make_lake):
    messages = batch(
        lake,
        (0, 0, {"id": 1}, {"id": 1, "name": "one", "size": 1.50}),
        (0, 1, {"id": 2}, {"id": 2, "name": "two"}),
        (0, 2, {"id": 3}, {"id": 3, "size": 3}),
        (0, 3, {"id": 1}, None),
        (0, 4, {"id": 4}, {"id": 4, "name": "four"}),
    )
    known = [*PLAIN, ("name", "varchar(30)", "")]
    stream(lake, known).take(messages, 0)
    always = newest(lake)
    make_lake(lake.contract)
    stream(lake, PLAIN).take(messages, 0)
    merge(lake.spark, lake.contract, ENVIRONMENT)

    assert run() == {"replayed": 3, "still_rejected": 0, "reasons": []}
    found = newest(lake)
    assert {at: row for at, row in found.items() if row["name"]} == {
        at: row for at, row in always.items() if row["name"]
    }
    assert len(lake.rows(lake.bronze)) == 8
    merge(lake.spark, lake.contract, ENVIRONMENT)
    silver = {row.id: (row.name, row._is_deleted) for row in lake.rows(lake.silver)}
    assert silver == {1: (None, True), 2: ("two", False), 3: (None, False), 4: ("four", False)}
    assert run() == NONE


def test_a_column_that_does_not_fit_stays_where_it_is(lake, run, tmp_path):
    stream(lake, PLAIN).take(
        batch(
            lake, (0, 0, {"id": 1}, {"id": 1, "name": "n" * 40}), (0, 1, {"id": 2}, {"id": 2, "name": "two"})
        ),
        0,
    )
    assert run(since="2100-01-01T00:00:00Z") == NONE
    done = run()
    assert (done["replayed"], done["still_rejected"]) == (1, 1)
    [reason] = done["reasons"]
    assert reason["messages"] == 1 and reason["reason"].startswith('name: "nnnn')
    rows = {
        row.id: (row.name, row._rest)
        for row in sorted(lake.rows(lake.bronze), key=lambda row: row._ingested_at)
    }
    assert rows == {1: (None, json.dumps({"name": "n" * 40}, separators=(",", ":"))), 2: ("two", None)}
    assert run() == {**done, "replayed": 0}


def test_what_an_envelope_told_is_spelled_for_the_column_that_it_has_now(make_lake, run, tmp_path):
    columns = [*PLAIN, ("day", "date", ""), ("at", "timestamptz", ""), ("price", "decimal(9,2)", "")]
    (tmp_path / "things.odcs.yaml").write_text(contract_text("things", columns))
    lake = make_lake(contract_of("things", columns))
    fields = [
        {"field": "at", "type": "int64", "name": "io.debezium.time.MicroTimestamp"},
        {
            "field": "price",
            "type": "bytes",
            "name": "org.apache.kafka.connect.data.Decimal",
            "parameters": {"scale": "2"},
        },
    ]
    schema = {"type": "struct", "fields": [{"field": "after", "type": "struct", "fields": fields}]}

    def change(lsn, number):
        after = {"id": number, "day": 20_454, "at": 1_767_323_045_123_456, "price": "BNI="}
        source = {"connector": "postgresql", "lsn": lsn}
        return {"schema": schema, "payload": {"op": "c", "before": None, "after": after, "source": source}}

    messages = batch(lake, (0, 0, None, change(900, 1)))
    stream(lake, columns, 1, "debezium").take(messages, 0)
    always = newest(lake)
    assert next(iter(always.values()))["price"] is not None
    make_lake(lake.contract)
    stream(lake, PLAIN, 1, "debezium").take(messages, 0)
    assert run("debezium")["replayed"] == 1
    assert newest(lake) == always
