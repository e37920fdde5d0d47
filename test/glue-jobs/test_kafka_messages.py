"""What messages say, without Kafka and Spark: Debezium's values with their schemas, the logs of other databases."""

import json

import pytest

from common import kafka_client, kafka_debezium, kafka_message
from common.json_path import parse
from common.kafka_message import Field, Unreadable
from common.position import make

COLUMNS = [
    Field("id", ("id", "old_id"), True, "bigint", True),
    Field("price", ("price",), False, "decimal", False),
    Field("day", ("day",), False, "date", False),
    Field("local_at", ("local_at",), False, "timestamp", False),
    Field("at", ("at",), False, "timestamptz", False),
]
SOURCE = {"connector": "postgresql", "lsn": 7, "ts_ms": 1_767_323_045_123}


def told(envelope, schema=None, key=None):
    whole = envelope if schema is None else {"schema": schema, "payload": envelope}
    return kafka_debezium.change(parse(json.dumps(whole)), key, COLUMNS)


def schema_of(**types):
    fields = [{"field": name, **kind} for name, kind in types.items()]
    rows = [{"field": name, "type": "struct", "fields": fields} for name in ("before", "after")]
    return {"type": "struct", "fields": rows}


def test_values_are_read_by_the_schema_around_them():
    decimal = {"type": "bytes", "name": "org.apache.kafka.connect.data.Decimal", "parameters": {"scale": "4"}}
    schema = schema_of(
        price=decimal,
        day={"type": "int32", "name": "io.debezium.time.Date"},
        local_at={"type": "int64", "name": "io.debezium.time.MicroTimestamp"},
        at={"type": "int64", "name": "org.apache.kafka.connect.data.Timestamp"},
    )
    row = {
        "id": 1,
        "price": "/////w==",
        "day": -1,
        "local_at": 1_767_323_045_123_456,
        "at": 1_767_323_045_123,
    }
    found = told({"op": "c", "after": row, "source": SOURCE}, schema)
    assert found.values == [
        "1",
        "-0.0001",
        "1969-12-31",
        "2026-01-02T03:04:05.123456",
        "2026-01-02T03:04:05.123000Z",
    ]
    assert found.micros == 1_767_323_045_123_000


@pytest.mark.parametrize(
    ("text", "scale", "number"),
    [
        ("AA==", 2, "0.00"),
        ("Aw==", 0, "3"),
        ("/w==", 3, "-0.001"),
        ("AeJA", 2, "1234.56"),
        ("Aw==", -2, "300"),
    ],
)
def test_decimals_keep_every_digit(text, scale, number):
    assert kafka_debezium.decimal(text, scale) == number


def test_a_number_in_a_times_column_without_its_unit_is_refused():
    with pytest.raises(
        Unreadable, match=r"at: is 1767323045123, and nothing says in which unit; let the connector"
    ):
        told({"op": "c", "after": {"id": 1, "at": 1_767_323_045_123}, "source": SOURCE})


@pytest.mark.parametrize(
    ("source", "op", "position"),
    [
        ({"connector": "postgresql", "lsn": 2**63}, "r", make(1, 2**63, 0)),
        ({"connector": "postgresql", "lsn": 2**63}, "u", make(1, 2**63, 2)),
        ({"connector": "postgresql", "lsn": 2**63}, "c", make(1, 2**63, 3)),
        (
            {"connector": "mysql", "file": "bin.000012", "pos": 345, "row": 1},
            "u",
            make(1, 12 * 10**16 + 345, 4),
        ),
        (
            {"connector": "sqlserver", "change_lsn": "00000027:00000758:0005", "event_serial_no": 2},
            "u",
            make(1, 0x27000007580005, 6),
        ),
        ({"connector": "sqlserver", "change_lsn": None, "commit_lsn": "0:0:1"}, "r", make(1, 1, 0)),
    ],
)
def test_a_position_is_the_place_in_the_databases_log(source, op, position):
    assert make(1, *kafka_debezium.place(source, op)) == position


@pytest.mark.parametrize(
    "source", [{"connector": "oracle", "scn": 1}, {}, {"connector": "mysql", "file": "x", "pos": 1}]
)
def test_a_source_that_does_not_say_where_it_stands_is_refused(source):
    with pytest.raises(Unreadable, match="source"):
        kafka_debezium.place(source, "c")


def test_a_delete_takes_its_key_from_before_or_from_the_message():
    envelope = {"op": "d", "before": None, "after": None, "source": SOURCE}
    assert told({**envelope, "before": {"id": 1, "price": "2"}}).values == ["1", None, None, None, None]
    assert told(envelope, key={"schema": {}, "payload": {"old_id": 1}}).values[0] == "1"
    with pytest.raises(Unreadable, match="without id; allowed is an object with id"):
        told(envelope)


def test_a_login_with_quotes_stays_one_login():
    config = kafka_client.scram({"username": "me", "password": 'a"b\\c'})["sasl.jaas.config"]
    assert config.endswith(r'username="me" password="a\"b\\c";')


def test_a_message_is_kept_as_it_came():
    message = kafka_message.Message(None, b"\xff", 7, 2)
    told = {"key": None, "value_base64": "/w==", "timestamp_micros": 7, "epoch": 2}
    assert json.loads(kafka_message.payload(message)) == told
    assert kafka_message.from_payload(json.dumps(told)) == message
    assert kafka_message.from_payload('{"key": "é", "value": null}') == ("é".encode(), None, None, None)
    assert [kafka_message.from_payload(text) for text in ("no JSON", "[1]", '{"id": 1}')] == [None] * 3
