"""Firehose's way from a record to a row of a real Iceberg table, or to the error prefix."""

import base64
import json
import subprocess
import sys
import threading
from pathlib import Path

import firehose_delivery
import firehose_rows
import pytest
from aws_error import AwsError
from firehose_iceberg import FirehoseIceberg
from lake import Clients
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.transforms import BucketTransform, DayTransform
from pyiceberg.types import DateType, DecimalType, LongType, MapType, NestedField, StringType, TimestamptzType

LAMBDA = "arn:aws:lambda:us-east-1:000000000000:function:transform"
MICROS = 1_795_132_800_123_456
SCHEMA = Schema(
    NestedField(1, "id", LongType(), required=False),
    NestedField(2, "name", StringType(), required=False),
    NestedField(3, "at", TimestamptzType(), required=False),
    NestedField(4, "amount", DecimalType(12, 2), required=False),
    NestedField(5, "day", DateType(), required=False),
    NestedField(6, "tags", MapType(7, StringType(), 8, StringType()), required=False),
)
SPEC = PartitionSpec(
    PartitionField(3, 1000, DayTransform(), "at_day"),
    PartitionField(1, 1001, BucketTransform(4), "id_bucket"),
)


@pytest.fixture
def table(catalog, namespace, bucket):
    location = f"s3://{bucket}/{namespace}/things"
    return catalog.create_table((namespace, "things"), SCHEMA, location, SPEC)


KILLED = """
import os, pathlib, sys
from firehose_spool import Spool
spool = Spool(pathlib.Path(sys.argv[1]))
spool.append([("r", b'{"id": 2}')])
spool.file.write(b'{"id": "half')
spool.file.flush()
os.kill(os.getpid(), 9)
"""


class Transform:
    """Stands for the Lambda: sends a record to the table that it names, and does what its `do` says."""

    def __init__(self, database):
        self.database, self.events, self.failures = database, [], 0

    def __call__(self, arn, event):
        assert arn == LAMBDA
        self.events.append(event)
        if self.failures:
            self.failures -= 1
            raise RuntimeError("Error: no")
        return {"records": [made for record in event["records"] for made in self.one(record)]}

    def one(self, record):
        event = json.loads(base64.b64decode(record["data"]))
        do = event.pop("do", "Ok")
        otf = {
            "destinationDatabaseName": self.database,
            "destinationTableName": event.pop("table", "things"),
            "operation": event.pop("operation", "insert"),
        }
        data = b"not json" if do == "text" else json.dumps(event).encode()
        answer = {
            "recordId": record["recordId"],
            "result": do if do in ("Dropped", "ProcessingFailed", "Odd") else "Ok",
            "data": base64.b64encode(data).decode(),
            "metadata": {"otfMetadata": otf},
        }
        return {"forget": [], "double": [answer, answer]}.get(do, [answer])


@pytest.fixture
def transform(namespace, monkeypatch):
    monkeypatch.setattr(firehose_delivery, "RETRY_PAUSE", 0)
    return Transform(namespace)


@pytest.fixture
def config(bucket):
    return {
        "RoleARN": "arn:aws:iam::000000000000:role/firehose",
        "CatalogConfiguration": {"CatalogARN": "arn:aws:glue:us-east-1:000000000000:catalog"},
        "AppendOnly": True,
        "BufferingHints": {"IntervalInSeconds": 900, "SizeInMBs": 1},
        "ProcessingConfiguration": {
            "Enabled": True,
            "Processors": [
                {"Type": "Lambda", "Parameters": [{"ParameterName": "LambdaArn", "ParameterValue": LAMBDA}]}
            ],
        },
        "S3Configuration": {
            "RoleARN": "arn:aws:iam::000000000000:role/firehose",
            "BucketARN": f"arn:aws:s3:::{bucket}",
            "ErrorOutputPrefix": "errors/!{firehose:error-output-type}/!{timestamp:yyyy/MM/dd}/",
        },
    }


@pytest.fixture
def firehose(transform, catalog, s3, tmp_path, config, table):
    made = FirehoseIceberg(lambda role: Clients(transform, catalog, s3), tmp_path / "spool")
    made.configure("stream", config)
    yield made
    made.close()


def put(firehose, *events):
    records = [{"Data": base64.b64encode(json.dumps(event).encode()).decode()} for event in events]
    return firehose.handle("PutRecordBatch", {"DeliveryStreamName": "stream", "Records": records})


def rows(catalog, table):
    return sorted(catalog.load_table(table.name()).scan().to_arrow().to_pylist(), key=lambda row: row["id"])


def errors(s3, bucket):
    found = {}
    for item in s3.list_objects_v2(Bucket=bucket, Prefix="errors/").get("Contents", []):
        body = s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read().decode()
        kind = item["Key"].split("/")[1]
        found.setdefault(kind, []).extend(json.loads(line) for line in body.splitlines())
    return found


def test_records_become_rows_of_a_partitioned_table_in_one_commit(firehose, transform, catalog, table):
    event = {"id": 1, "name": "a", "at": MICROS, "amount": 12.5, "day": "2026-11-20", "tags": {"k": "v"}}
    answer = put(
        firehose, event, {"id": 2**53 + 1, "at": MICROS + 86_400_000_000, "amount": "0.10", "day": 20777}
    )
    assert (
        answer["FailedPutCount"] == 0 and len({each["RecordId"] for each in answer["RequestResponses"]}) == 2
    )
    assert firehose.flush() == 2
    first, second = rows(catalog, table)
    assert str(first["at"]) == "2026-11-20 00:00:00.123456+00:00"
    assert (first["name"], str(first["amount"]), str(first["day"]), first["tags"]) == (
        *("a", "12.50", "2026-11-20"),
        [("k", "v")],
    )
    assert (second["id"], second["name"], str(second["amount"]), str(second["day"])) == (
        *(2**53 + 1, None, "0.10"),
        "2026-11-20",
    )
    assert len(catalog.load_table(table.name()).metadata.snapshots) == 1
    sent = transform.events[0]
    assert sent["deliveryStreamArn"] == "arn:aws:firehose:us-east-1:000000000000:deliverystream/stream"
    assert set(sent["records"][0]) == {"recordId", "approximateArrivalTimestamp", "data"}


def test_what_firehose_refuses_goes_to_the_error_prefix_and_nothing_else_stops(
    firehose, catalog, table, s3, bucket
):
    refused = [
        ({"id": 1, "more": 1}, "Iceberg.MissingColumnWithinRecord"),
        ({"id": "1"}, "Iceberg.SchemaTypeMismatch"),
        ({"id": True}, "Iceberg.SchemaTypeMismatch"),
        ({"at": "2026-11-20T00:00:00Z"}, "Iceberg.SchemaTypeMismatch"),
        ({"amount": 1.005}, "Iceberg.SchemaTypeMismatch"),
        ({"amount": "-10000000000.00"}, "Iceberg.SchemaTypeMismatch"),
        ({"amount": "NaN"}, "Iceberg.SchemaTypeMismatch"),
        ({"id": 1 << 63}, "Iceberg.SchemaTypeMismatch"),
        ({"name": "half of a pair: \ud800"}, "Iceberg.SchemaTypeMismatch"),
        ({"id": 1, "table": "absent"}, "Iceberg.GlueTableNotFound"),
        ({"id": 1, "operation": "delete"}, "Iceberg.InvalidOperation"),
        ({"do": "text"}, "Iceberg.InvalidJson"),
    ]
    unprocessed = [
        ({"do": "ProcessingFailed"}, "Lambda.ProcessingFailedStatus"),
        ({"do": "forget"}, "Lambda.MissingRecordId"),
        ({"do": "double"}, "Lambda.DuplicatedRecordId"),
        ({"do": "Odd"}, "Lambda.JsonProcessingException"),
    ]
    largest = {"id": 7, "amount": "9999999999.99", "name": "größte"}
    put(firehose, largest, {"do": "Dropped"}, *(event for event, _ in [*refused, *unprocessed]))
    firehose.flush()
    assert [row["id"] for row in rows(catalog, table)] == [7]
    found = errors(s3, bucket)
    assert sorted(line["errorCode"] for line in found["iceberg-failed"]) == sorted(
        code for _, code in refused
    )
    assert [line["errorCode"] for line in found["processing-failed"]] == [code for _, code in unprocessed]
    line = found["processing-failed"][0]
    assert json.loads(base64.b64decode(line["rawData"])) == {"do": "ProcessingFailed"}
    assert line["lambdaARN"] == LAMBDA and line["attemptsMade"] == 1


def test_the_lambda_is_tried_four_times(firehose, transform, catalog, table, s3, bucket):
    transform.failures = 3
    put(firehose, {"id": 1})
    firehose.flush()
    transform.failures = 4
    put(firehose, {"id": 2})
    firehose.flush()
    assert [row["id"] for row in rows(catalog, table)] == [1]
    (line,) = errors(s3, bucket)["processing-failed"]
    assert (line["errorCode"], line["attemptsMade"]) == ("Lambda.FunctionError", 4)


def test_a_table_that_stays_closed_holds_up_no_other_and_its_rows_go_to_the_error_prefix(
    transform, catalog, s3, tmp_path, config, table, bucket, namespace, monkeypatch
):
    monkeypatch.setattr("firehose_iceberg.RETRY_PAUSE", 0.05)
    closed = True

    class Catalog:
        """The catalogue, which refuses one table."""

        def __getattr__(self, name):
            return getattr(catalog, name)

        def load_table(self, identifier):
            if closed and identifier == (namespace, "shut"):
                raise PermissionError("not authorized to perform: glue:GetTable")
            return catalog.load_table(identifier)

    catalog.create_table((namespace, "shut"), SCHEMA, f"s3://{bucket}/{namespace}/shut")
    made = FirehoseIceberg(lambda role: Clients(transform, Catalog(), s3), tmp_path / "spool")
    made.configure("stream", {**config, "RetryOptions": {"DurationInSeconds": 2}})
    put(made, {"id": 1, "table": "shut"}, {"id": 2})
    with pytest.raises(TimeoutError, match="not authorized to perform: glue:GetTable"):
        made.flush()
    for _ in range(200):
        if errors(s3, bucket):
            break
        threading.Event().wait(0.05)
    (line,) = errors(s3, bucket)["iceberg-failed"]
    assert json.loads(base64.b64decode(line["rawData"])) == {"id": 1}
    assert line["errorCode"] == "Iceberg.DeliveryFailed" and line["attemptsMade"] > 2
    assert [row["id"] for row in rows(catalog, table)] == [2]
    closed = False
    put(made, {"id": 3, "table": "shut"})
    assert made.flush() == 3
    assert [row["id"] for row in catalog.load_table((namespace, "shut")).scan().to_arrow().to_pylist()] == [3]
    made.close()


def test_what_was_accepted_survives_the_process(firehose, transform, catalog, s3, tmp_path, table):
    put(firehose, {"id": 1})
    firehose.close()
    command = [sys.executable, "-c", KILLED, str(tmp_path / "spool" / "stream")]
    assert subprocess.run(command, cwd=Path(firehose_rows.__file__).parent).returncode == -9
    again = FirehoseIceberg(lambda role: Clients(transform, catalog, s3), tmp_path / "spool")
    record = {"Data": base64.b64encode(b'{"id": 3}').decode()}
    again.handle("PutRecord", {"DeliveryStreamName": "stream", "Record": record})
    assert again.flush() == 3
    assert [row["id"] for row in rows(catalog, table)] == [1, 2, 3]
    again.close()


def test_a_full_buffer_is_delivered_by_itself(firehose, config, catalog, table):
    firehose.configure("stream", {**config, "BufferingHints": {"IntervalInSeconds": 0, "SizeInMBs": 1}})
    put(firehose, {"id": 1})
    for _ in range(500):
        if rows(catalog, table):
            return
        threading.Event().wait(0.01)
    raise AssertionError("not delivered")


def test_contested_commits_lose_nothing(catalog, table):
    def work(start):
        for at in range(start, start + 3):
            row = firehose_rows.reader(table)({"id": at, "at": MICROS})
            firehose_rows.append(catalog, table.name(), [row])

    threads = [threading.Thread(target=work, args=(10 * number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [row["id"] for row in rows(catalog, table)] == [10 * n + k for n in range(4) for k in range(3)]


@pytest.mark.parametrize(
    "records", [[], [{"Data": "e30="}] * 501, [{"Data": "A" * 1_400_000}], [{"Data": "A" * 1_300_000}] * 5]
)
def test_limits_of_a_request(firehose, records):
    with pytest.raises(AwsError, match="InvalidArgumentException"):
        firehose.handle("PutRecordBatch", {"DeliveryStreamName": "stream", "Records": records})


def test_streams_that_can_not_be_made(firehose, config, namespace):
    absent = [{"DestinationDatabaseName": namespace, "DestinationTableName": "absent"}]
    no_type = {**config["S3Configuration"], "ErrorOutputPrefix": "errors/!{timestamp:yyyy}/"}
    for change in (
        {"DestinationTableConfigurationList": absent},
        {"S3Configuration": no_type},
        {"RoleARN": ""},
        {"BufferingHints": {"IntervalInSeconds": 901, "SizeInMBs": 1}},
    ):
        with pytest.raises(AwsError, match="InvalidArgumentException"):
            firehose.configure("other", {**config, **change})
    with pytest.raises(AwsError, match="ResourceNotFoundException"):
        firehose.handle("PutRecord", {"DeliveryStreamName": "other", "Record": {"Data": "e30="}})
