"""A captured database for tests: a stack with a stream, DMS and Firehose to a bronze table, and a wire between them."""

import base64
import io
import json
import subprocess
import sys
import time
import urllib.request
import zipfile
from pathlib import Path

import emulated
import lake
from emulated import ACCOUNT, REGION, ROOT

SECRET = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:shop"
STREAM = f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/changes"
TRANSFORM = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:transform"
HANDLER = """
exports.handler = async (event) => ({
  records: event.records.map(({ recordId, data, kinesisRecordMetadata: at }) => {
    const record = JSON.parse(Buffer.from(data, 'base64').toString());
    const { operation, 'table-name': table, 'stream-position': position } = record.metadata;
    const row = { table, operation, position, data: JSON.stringify(record.data ?? record.control),
      before: record['before-image'] && JSON.stringify(record['before-image']),
      origin: `${at.shardId}/${at.sequenceNumber}` };
    return { recordId, result: 'Ok', data: Buffer.from(JSON.stringify(row)).toString('base64'),
      metadata: { otfMetadata: { destinationDatabaseName: 'bronze', destinationTableName: 'changes',
        operation: 'insert' } } };
  }),
});
"""
COLUMNS = ("table", "operation", "position", "data", "before", "origin")


class Emulator:
    """The emulator on a port and a state of its own, which can be killed and started again."""

    def __init__(self, port: int, state: Path, dsn: str, auth: bool = True):
        self.state, self.address, self.process = state, f"http://127.0.0.1:{port}", None
        self.settings = emulated.settings(port, state, auth=auth, capture_dsns={SECRET: dsn})

    def start(self, stderr: int | None = None) -> None:
        log = (self.state / "log").open("ab")
        command = [sys.executable, str(ROOT / "local" / "emulator.py")]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=log, stderr=stderr or log, text=True
        )
        self.process.stdin.write(self.settings + "\n")
        self.process.stdin.flush()
        for _ in range(600):
            try:
                urllib.request.urlopen(f"{self.address}/_ministack/health", timeout=1).close()
                return
            except OSError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.05)
        raise RuntimeError(f"the emulator does not answer: {(self.state / 'log').read_text()}")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(30)

    def stop(self) -> None:
        self.process.stdin.close()
        self.process.wait(30)

    def client(self, service: str):
        return lake.client(service, self.address, REGION)

    def tell(self, what: str, body: dict | None = None) -> dict:
        request = urllib.request.Request(
            f"{self.address}/_moraine/{what}", data=json.dumps(body or {}).encode()
        )
        with urllib.request.urlopen(request, timeout=300) as answer:
            return json.load(answer)


def role(name: str, *allowed: tuple[list[str], str]) -> dict:
    trust = {"Effect": "Allow", "Principal": {"Service": "dms.amazonaws.com"}, "Action": "sts:AssumeRole"}
    statements = [{"Effect": "Allow", "Action": actions, "Resource": arn} for actions, arn in allowed]
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "RoleName": name,
            "AssumeRolePolicyDocument": {"Statement": [trust]},
            "Policies": [
                {"PolicyName": "own", "PolicyDocument": {"Version": "2012-10-17", "Statement": statements}}
            ],
        },
    }


def template(
    tables: list[str], kind: str = "cdc", objects: dict | None = None, before: str = "pk-only", **kinesis
) -> dict:
    """The stack; `before` is of which columns before-images are, `kinesis` are further KinesisSettings."""
    rules = [
        {
            "rule-type": "selection",
            "rule-id": str(at + 1),
            "rule-name": table,
            "object-locator": {"schema-name": "public", "table-name": table},
            "rule-action": "include",
        }
        for at, table in enumerate(tables)
    ]
    if objects:
        locator = {"schema-name": "public", "table-name": "%"}
        rules.append(
            {
                "rule-type": "object-mapping",
                "rule-id": "90",
                "rule-name": "all",
                "rule-action": "map-record-to-record",
                "object-locator": locator,
                "mapping-parameters": objects,
            }
        )
    on = ("IncludeTransactionDetails", "IncludeNullAndEmpty", "IncludeTableAlterOperations")
    reads = ["DescribeStream", "GetShardIterator", "GetRecords", "ListShards"]
    iceberg = {
        "RoleARN": {"Fn::GetAtt": ["Deliverer", "Arn"]},
        "CatalogConfiguration": {"CatalogArn": f"arn:aws:glue:{REGION}:{ACCOUNT}:catalog"},
        "AppendOnly": True,
        "BufferingHints": {"IntervalInSeconds": 1, "SizeInMBs": 8},
        "ProcessingConfiguration": {
            "Enabled": True,
            "Processors": [
                {
                    "Type": "Lambda",
                    "Parameters": [{"ParameterName": "LambdaArn", "ParameterValue": TRANSFORM}],
                }
            ],
        },
        "S3Configuration": {
            "RoleARN": {"Fn::GetAtt": ["Deliverer", "Arn"]},
            "BucketARN": "arn:aws:s3:::lake",
            "ErrorOutputPrefix": "errors/!{firehose:error-output-type}/",
        },
    }
    return {
        "Resources": {
            "Changes": {"Type": "AWS::Kinesis::Stream", "Properties": {"Name": "changes", "ShardCount": 2}},
            "Reader": role("reader", (["secretsmanager:GetSecretValue"], f"{SECRET}-??????")),
            "Writer": role("writer", (["kinesis:PutRecords"], STREAM)),
            "Deliverer": role(
                "deliverer",
                (["lambda:InvokeFunction"], TRANSFORM),
                (["glue:GetDatabase", "glue:GetTable", "glue:UpdateTable"], "*"),
                (["s3:*"], "*"),
                ([f"kinesis:{action}" for action in reads], STREAM),
            ),
            "Source": {
                "Type": "AWS::DMS::Endpoint",
                "Properties": {
                    "EndpointType": "source",
                    "EngineName": "postgres",
                    "DatabaseName": "shop",
                    "PostgreSqlSettings": {
                        "SecretsManagerSecretId": SECRET,
                        "SecretsManagerAccessRoleArn": {"Fn::GetAtt": ["Reader", "Arn"]},
                    },
                },
            },
            "Target": {
                "Type": "AWS::DMS::Endpoint",
                "Properties": {
                    "EndpointType": "target",
                    "EngineName": "kinesis",
                    "KinesisSettings": {
                        "StreamArn": {"Fn::GetAtt": ["Changes", "Arn"]},
                        "ServiceAccessRoleArn": {"Fn::GetAtt": ["Writer", "Arn"]},
                        "MessageFormat": "json-unformatted",
                        **dict.fromkeys(on, True),
                        **kinesis,
                    },
                },
            },
            "Subnets": {
                "Type": "AWS::DMS::ReplicationSubnetGroup",
                "Properties": {"ReplicationSubnetGroupDescription": "private", "SubnetIds": ["a", "b"]},
            },
            "Capture": {
                "Type": "AWS::DMS::ReplicationConfig",
                "Properties": {
                    "ReplicationConfigIdentifier": "capture",
                    "ReplicationType": kind,
                    "SourceEndpointArn": {"Ref": "Source"},
                    "TargetEndpointArn": {"Ref": "Target"},
                    "TableMappings": {"rules": rules},
                    "ReplicationSettings": {
                        "BeforeImageSettings": {
                            "EnableBeforeImage": True,
                            "FieldName": "before-image",
                            "ColumnFilter": before,
                        }
                    },
                    "ComputeConfig": {"MaxCapacityUnits": 2, "ReplicationSubnetGroupId": {"Ref": "Subnets"}},
                },
            },
            "Delivery": {
                "Type": "AWS::KinesisFirehose::DeliveryStream",
                "Properties": {
                    "DeliveryStreamName": "delivery",
                    "DeliveryStreamType": "KinesisStreamAsSource",
                    "KinesisStreamSourceConfiguration": {
                        "KinesisStreamARN": STREAM,
                        "RoleARN": {"Fn::GetAtt": ["Deliverer", "Arn"]},
                    },
                    "IcebergDestinationConfiguration": iceberg,
                },
            },
        },
        "Outputs": {"Capture": {"Value": {"Fn::GetAtt": ["Capture", "ReplicationConfigArn"]}}},
    }


class Capture:
    """The stack on an emulator, and what a test asks of it."""

    def __init__(self, emulator: Emulator, made: dict):
        self.emulator = emulator
        catalog = lake.catalog(emulator.address)
        emulator.client("s3").create_bucket(Bucket="lake")
        catalog.create_namespace("bronze")
        from pyiceberg.schema import Schema
        from pyiceberg.types import NestedField, StringType

        fields = [NestedField(at + 1, name, StringType(), required=False) for at, name in enumerate(COLUMNS)]
        catalog.create_table(("bronze", "changes"), Schema(*fields), "s3://lake/bronze/changes")
        self.arn = self.deploy(made)["Capture"]
        zipped = io.BytesIO()
        with zipfile.ZipFile(zipped, "w") as file:
            file.writestr("index.js", HANDLER)
        emulator.client("lambda").create_function(
            FunctionName="transform",
            Runtime="nodejs22.x",
            Handler="index.handler",
            Role=f"arn:aws:iam::{ACCOUNT}:role/deliverer",
            Code={"ZipFile": zipped.getvalue()},
            Timeout=300,
        )
        emulator.tell("save")  # a kill may cost the last two seconds of a stack

    def deploy(self, made: dict) -> dict[str, str]:
        stacks = self.emulator.client("cloudformation")
        known = [stack["StackName"] for stack in stacks.describe_stacks()["Stacks"]]
        change = stacks.update_stack if "capture" in known else stacks.create_stack
        change(StackName="capture", TemplateBody=json.dumps(made), Capabilities=["CAPABILITY_NAMED_IAM"])
        while True:
            stack = stacks.describe_stacks(StackName="capture")["Stacks"][0]
            if not stack["StackStatus"].endswith("PROGRESS"):
                break
            time.sleep(0.05)
        if stack["StackStatus"] not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            raise RuntimeError(f"{stack['StackStatus']}: {stack.get('StackStatusReason')}")
        return {each["OutputKey"]: each["OutputValue"] for each in stack["Outputs"]}

    @property
    def dms(self):
        return self.emulator.client("dms")

    def status(self) -> str:
        filters = [{"Name": "replication-config-arn", "Values": [self.arn]}]
        return self.dms.describe_replications(Filters=filters)["Replications"][0]["Status"]

    def until(self, *wanted: str) -> str:
        for _ in range(600):
            if (status := self.status()) in wanted:
                return status
            time.sleep(0.05)
        raise AssertionError(f"{self.status()} after 30 s, not {wanted}")

    def start(self, kind: str = "start-replication") -> None:
        self.dms.start_replication(ReplicationConfigArn=self.arn, StartReplicationType=kind)
        self.until("running")

    def stop(self) -> None:
        self.dms.stop_replication(ReplicationConfigArn=self.arn)
        self.until("stopped")

    def records(self) -> list[dict]:
        """Every record of the stream, each shard's in order: its JSON, with `key` (partition key) and `shard`."""
        kinesis, found = self.emulator.client("kinesis"), []
        for shard in kinesis.list_shards(StreamName="changes")["Shards"]:
            at = kinesis.get_shard_iterator(
                StreamName="changes", ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
            while (answer := kinesis.get_records(ShardIterator=at))["Records"]:
                at = answer["NextShardIterator"]
                for each in answer["Records"]:
                    key = {"key": each["PartitionKey"], "shard": shard["ShardId"]}
                    found.append({**json.loads(each["Data"]), **key})
        return found

    def changes(self) -> list[dict]:
        """The records that carry rows or empty tables, once the replication has caught up."""
        self.emulator.tell("flush")
        return [each for each in self.records() if each["metadata"]["operation"] != "create-table"]

    def bronze(self) -> list[dict]:
        """The rows of the bronze table."""
        return lake.catalog(self.emulator.address).load_table("bronze.changes").scan().to_arrow().to_pylist()


def decoded(line: dict) -> dict:
    """The record of a line of Firehose's error output."""
    return json.loads(base64.b64decode(line["rawData"]))
