"""What is gathered for a replay: rows that bronze lacks, and columns that a contract lacked, with no digit lost."""

import base64
import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest
import replay_rows as job
from lakes import ENVIRONMENT, START, append, contract_of

COLUMNS = [
    ("id", "bigint", "key"),
    ("price", "decimal(20,8)", ""),
    ("sent_at", "timestamptz", ""),
    ("colour", "varchar(9)", ""),
]
CONTRACT = contract_of("parcels", COLUMNS)
AT = datetime(2026, 1, 1, 12, 0, 0, 123456, tzinfo=UTC)
MICROS = 1_767_268_800_123_456


@pytest.fixture
def lake(make_lake):
    return make_lake(CONTRACT)


def reject(lake, *rows):
    """Rows of quarantine: (dataset, payload, origin), each later than the one before."""
    schema = lake.spark.table(lake.quarantine).schema
    tuples = [
        (dataset, "reason", "price", payload, "p", origin, AT.replace(minute=at))
        for at, (dataset, payload, origin) in enumerate(rows)
    ]
    lake.spark.createDataFrame(tuples, schema).writeTo(lake.quarantine).append()


def arrived(origin, rest=None, **more):
    values = {"id": 1, "_op": "upsert", "_position": "p", "_committed_at": AT, "_ingested_at": START}
    return {**values, "_origin": f"parcels/{origin}", "_rest": rest and json.dumps(rest), **more}


def gathered(lake, since=None):
    found = list(job.gather(lake.spark, [CONTRACT], ENVIRONMENT, "public", since))
    rows = [json.loads(base64.b64decode(json.loads(line)["rawData"])) for _, line in found]
    return [kind for kind, _ in found], rows


def test_rows_of_quarantine_that_came_by_a_stream_and_are_not_in_bronze_by_now(lake):
    append(lake, [arrived("kinesis/s/1")])
    reject(
        lake,
        ("parcels", "a", "kinesis/s/1"),
        ("parcels", "b", "kinesis/s/2"),
        ("public.parcels", "c", "request/r/3"),
        ("parcels", "from an export", "office/run-1#0"),
        ("letters", "another", "kinesis/s/4"),
        ("parcels", "b, tried again", "kinesis/s/2"),
    )
    kinds, rows = gathered(lake)
    assert kinds == ["quarantined", "quarantined"]
    assert sorted((row["dataset"], row["payload"]) for row in rows) == [
        ("parcels", "b, tried again"),
        ("public.parcels", "c"),
    ]
    assert all(row["_kept"] for row in rows)
    (late,) = [row for row in rows if row["dataset"] == "public.parcels"]
    assert late["_quarantined_at"] == MICROS + 2 * 60_000_000
    assert gathered(lake, since="2026-01-01T12:05:00Z")[1] == [
        row for row in rows if row["payload"] == "b, tried again"
    ]


def test_columns_that_the_contract_has_by_now_come_back_and_nulls_stay_told(lake):
    append(
        lake,
        [
            arrived(
                "kinesis/s/1",
                {"colour": "red", "taste": "sweet"},
                id=2**62 + 1,
                price=Decimal("12345678901.12345678"),
            ),
            arrived("kinesis/s/2", {"taste": "sour"}),
            arrived("kinesis/s/3", {"colour": "blue"}),
            arrived("kinesis/s/3", None, colour="blue", _ingested_at=AT),
            arrived("office/run-1#0", {"colour": "grey"}),
        ],
    )
    kinds, rows = gathered(lake)
    assert kinds == ["incomplete"]
    assert rows == [
        {
            "id": 2**62 + 1,
            "price": "12345678901.12345678",
            "sent_at": None,
            "_op": "upsert",
            "_position": "p",
            "_committed_at": MICROS,
            "_ingested_at": 1_767_225_600_000_000,
            "_missing": None,
            "_origin": "parcels/kinesis/s/1",
            "_previous_key": None,
            "_rest": '{"colour": "red", "taste": "sweet"}',
        }
    ]


def test_error_objects_are_small_and_lie_below_the_prefix(monkeypatch):
    put = {}

    class S3:
        def put_object(self, Bucket, Key, Body):
            put[Bucket, Key] = Body.decode()

    monkeypatch.setattr("boto3.client", lambda service: S3())
    monkeypatch.setattr(job, "LINES", 2)
    assert job.write(iter(["a\n", "b\n", "c\n"]), "errors", "changes/shop/", "r-1") == 2
    assert put == {
        ("errors", "changes/shop/again/r-1-00001"): "a\nb\n",
        ("errors", "changes/shop/again/r-1-00002"): "c\n",
    }
