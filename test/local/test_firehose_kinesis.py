"""Firehose with a Kinesis stream as its source: from the stream's records to rows of a real Iceberg table."""

import base64
import json

import pytest
from aws_error import AwsError
from firehose_iceberg import FirehoseIceberg
from firehose_kinesis import Source
from kinesis_records import KinesisRecords
from lake import Clients
from pyiceberg.schema import Schema
from pyiceberg.types import LongType, NestedField, StringType

SHARD = "shardId-000000000000"
STREAM = {
    "StreamName": "s",
    "StreamARN": "arn:aws:kinesis:us-east-1:000000000000:stream/s",
    "CreationTimestamp": 1,
    "RetentionPeriodHours": 24,
    "shards": {SHARD: {"starting_hash_key": "0", "ending_hash_key": str(2**128 - 1)}},
}
SOURCE = Source(STREAM["StreamARN"], "arn:aws:iam::000000000000:role/source")
LAMBDA = "arn:aws:lambda:us-east-1:000000000000:function:transform"


class World:
    """A stream, its consumer's parts, and what they were asked."""

    def __init__(self, folder, config, catalog, s3):
        self.folder, self.config, self.catalog, self.s3 = folder, config, catalog, s3
        self.kinesis = KinesisRecords(lambda request: STREAM, folder / "kinesis")
        self.events, self.asked, self.denied = [], [], False

    def transform(self, arn: str, event: dict) -> dict:
        self.events.append(event)
        kept = ("recordId", "data")
        return {"records": [{**{name: r[name] for name in kept}, "result": "Ok"} for r in event["records"]]}

    def allow(self, role, needed):
        self.asked.append((role, needed))
        if self.denied:
            raise AwsError(
                "AccessDeniedException", f"User: {role} is not authorized to perform: {needed[0][0]}"
            )

    def firehose(self) -> FirehoseIceberg:
        clients = Clients(self.transform, self.catalog, self.s3)
        return FirehoseIceberg(
            lambda role: clients, self.folder / "firehose", kinesis=self.kinesis, allow=self.allow
        )

    def put(self, *rows) -> None:
        records = [
            {"Data": base64.b64encode(json.dumps(row).encode()).decode(), "PartitionKey": f"k{row['id']}"}
            for row in rows
        ]
        self.kinesis.handle("PutRecords", {"StreamName": "s", "Records": records})

    def rows(self) -> list[int]:
        (target,) = self.config["DestinationTableConfigurationList"]
        table = (target["DestinationDatabaseName"], target["DestinationTableName"])
        return sorted(row["id"] for row in self.catalog.load_table(table).scan().to_arrow().to_pylist())


@pytest.fixture
def world(tmp_path, catalog, namespace, bucket, s3):
    schema = Schema(
        NestedField(1, "id", LongType(), required=False), NestedField(2, "pad", StringType(), required=False)
    )
    catalog.create_table((namespace, "things"), schema, f"s3://{bucket}/things")
    processor = {
        "Type": "Lambda",
        "Parameters": [{"ParameterName": "LambdaArn", "ParameterValue": LAMBDA}],
    }
    config = {
        "RoleARN": "arn:aws:iam::000000000000:role/firehose",
        "CatalogConfiguration": {"CatalogARN": "arn:aws:glue:us-east-1:000000000000:catalog"},
        "BufferingHints": {"IntervalInSeconds": 900, "SizeInMBs": 128},
        "DestinationTableConfigurationList": [
            {"DestinationDatabaseName": namespace, "DestinationTableName": "things"}
        ],
        "ProcessingConfiguration": {"Enabled": True, "Processors": [processor]},
        "S3Configuration": {
            "RoleARN": "r",
            "BucketARN": f"arn:aws:s3:::{bucket}",
            "ErrorOutputPrefix": "errors/",
        },
    }
    return World(tmp_path, config, catalog, s3)


@pytest.fixture
def firehose(world):
    made = world.firehose()
    made.begin("stream", SOURCE)
    made.configure("stream", world.config, SOURCE)
    yield made
    made.close()


def test_a_transform_is_told_where_a_record_came_from(world, firehose):
    world.put({"id": 1})
    assert firehose.flush() == 1
    (event,) = world.events
    assert event["sourceKinesisStreamArn"] == SOURCE.arn
    (record,) = event["records"]
    told = record["kinesisRecordMetadata"]
    assert (told["shardId"], told["partitionKey"], told["subsequenceNumber"]) == (SHARD, "k1", 0)
    asked = {"StreamName": "s", "ShardId": SHARD, "ShardIteratorType": "TRIM_HORIZON"}
    iterator = world.kinesis.handle("GetShardIterator", asked)["ShardIterator"]
    (stored,) = world.kinesis.handle("GetRecords", {"ShardIterator": iterator})["Records"]
    assert told["sequenceNumber"] == stored["SequenceNumber"]
    assert told["approximateArrivalTimestamp"] == round(stored["ApproximateArrivalTimestamp"] * 1000)
    role, needed = world.asked[0]
    assert role == SOURCE.role and ("kinesis:GetRecords", SOURCE.arn) in needed


def test_a_delivery_stream_begins_at_the_end_of_its_source(world):
    world.put({"id": 1})
    firehose = world.firehose()
    firehose.begin("stream", SOURCE)
    world.put({"id": 2})
    firehose.configure("stream", world.config, SOURCE)
    firehose.flush()
    assert world.rows() == [2]
    firehose.close()


def test_the_next_start_goes_on_after_what_was_delivered(world, firehose):
    world.put({"id": 1})
    firehose.flush()
    world.put({"id": 2})
    firehose.close()
    again = world.firehose()
    world.put({"id": 3})
    assert again.flush() == 2
    assert world.rows() == [1, 2, 3]
    again.close()


def test_what_was_not_delivered_is_tried_again(world, firehose):
    world.denied = True
    world.put({"id": 1})
    with pytest.raises(TimeoutError, match="not authorized to perform: kinesis:DescribeStream"):
        firehose.flush()
    world.denied = False
    assert firehose.flush() == 1
    assert world.rows() == [1]


def test_a_record_that_firehose_does_not_take_goes_to_the_error_prefix(world, firehose, bucket, s3):
    world.put({"id": 1, "pad": "x" * 1_030_000}, {"id": 2})
    firehose.flush()
    assert world.rows() == [2]
    (found,) = s3.list_objects_v2(Bucket=bucket, Prefix="errors/")["Contents"]
    line = json.loads(s3.get_object(Bucket=bucket, Key=found["Key"])["Body"].read())
    assert line["errorCode"] == "Iceberg.RecordTooLarge"
    assert json.loads(base64.b64decode(line["rawData"]))["id"] == 1


def test_records_beyond_one_batch_are_all_delivered(world, firehose, monkeypatch):
    monkeypatch.setattr("firehose_kinesis.AT_ONCE", 300)
    for start in range(0, 1000, 500):
        world.put(*({"id": at} for at in range(start, start + 500)))
    assert firehose.flush() == 1000
    assert world.rows() == list(range(1000))


def test_a_stream_with_a_source_takes_no_records_of_others(world, firehose):
    with pytest.raises(AwsError, match="not permitted on KinesisStreamAsSource"):
        firehose.handle("PutRecord", {"DeliveryStreamName": "stream", "Record": {"Data": "e30="}})


def test_a_full_buffer_is_delivered_by_itself(world, firehose):
    firehose.configure(
        "stream", {**world.config, "BufferingHints": {"IntervalInSeconds": 0, "SizeInMBs": 1}}, SOURCE
    )
    world.put({"id": 1})
    for _ in range(500):
        if world.rows():
            return
    raise AssertionError("not delivered")
