"""What local/patches/ changes inside ministack: a new version that moves one of these is told here, by its name."""

import asyncio
import inspect

import ministack.app
import ministack.core.iam_actions
import ministack.core.iam_evaluator
import ministack.core.lambda_runtime
import ministack.core.persistence
import ministack.services.cloudformation.provisioners as provisioners
import ministack.services.codebuild
import ministack.services.firehose
import ministack.services.glue
import ministack.services.kinesis
import ministack.services.stepfunctions
import pytest
from patches import cloudformation

RELIED_ON = [
    (ministack.app, "app", ["scope", "receive", "send"]),
    (ministack.app, "SERVICE_HANDLERS", None),
    (ministack.app, "detect_service", ["method", "path", "headers", "query_params"]),
    (
        ministack.app,
        "_dispatch_service_request",
        ["method", "path", "headers", "body", "query_params", "request_id"],
    ),
    (ministack.app, "_build_persistence_save_dict", []),
    (ministack.app, "_load_persisted_state", []),
    (ministack.app, "save_all", ["services"]),
    (ministack.core.persistence, "json", None),
    (
        ministack.core.iam_actions,
        "extract_resource_arn",
        ["service", "method", "path", "headers", "body", "query_params", "region", "account_id"],
    ),
    (
        ministack.core.iam_actions,
        "access_denied_response",
        [
            *("service", "action", "principal_arn", "request_id", "error_code", "message", "headers"),
            *("resource_arn", "explicit_deny", "resource_policy_arn"),
        ],
    ),
    (
        ministack.core.iam_actions,
        "identity_denial_message",
        ["action", "principal_arn", "resource", "explicit_deny"],
    ),
    (ministack.core.iam_actions, "SERVICE_TO_IAM_NAMESPACE", None),
    (
        ministack.core.iam_evaluator,
        "enforce",
        ["access_key_id", "iam_action", "service", "region", "resource_arn", "service_context"],
    ),
    (ministack.core.iam_evaluator, "caller_arn", []),
    (ministack.app, "pin_request_origin", ["source_ip", "secure_transport"]),
    (ministack.services.glue, "_create_table", ["data"]),
    (ministack.services.glue, "_update_table", ["data"]),
    (ministack.services.glue, "_delete_table", ["data"]),
    (ministack.services.glue, "_create_database", ["data"]),
    (ministack.services.glue, "_is_spark_job", ["job"]),
    (ministack.services.glue, "_resolve_script", ["script_location"]),
    (ministack.services.glue, "_execute_subprocess", ["run", "job", "args", "resolved"]),
    (ministack.services.glue, "_start_job_run", ["data"]),
    (ministack.services.glue, "_get_job_run", ["data"]),
    (ministack.services.codebuild, "_execute_build", ["build_id", "project"]),
    (ministack.services.codebuild, "_finish_build", ["build", "status"]),
    (ministack.services.codebuild, "_start_build", ["data"]),
    (ministack.services.codebuild, "_batch_get_builds", ["data"]),
    (ministack.services.firehose, "_streams", None),
    (ministack.services.firehose, "_create_delivery_stream", ["data"]),
    (ministack.services.firehose, "_delete_delivery_stream", ["data"]),
    (ministack.services.firehose, "_HANDLERS", None),
    (ministack.services.kinesis, "_resolve_stream", ["data"]),
    (ministack.services.stepfunctions, "_SERVICE_DISPATCH", None),
    (ministack.services.stepfunctions, "_ExecutionError", None),
    (ministack.services.stepfunctions, "_run_execution", ["exec_arn"]),
    (ministack.services.stepfunctions, "_invoke_resource", ["resource", "input_data"]),
    (ministack.services.stepfunctions, "_executions", None),
    (ministack.services.stepfunctions, "_state_machines", None),
    (provisioners, "_RESOURCE_HANDLERS", None),
    (ministack.core.lambda_runtime, "_NODEJS_WORKER_SCRIPT", None),
]


@pytest.mark.parametrize(
    "module, name, parameters", RELIED_ON, ids=[f"{m.__name__}.{n}" for m, n, _ in RELIED_ON]
)
def test_what_the_emulator_changes_is_where_it_was(module, name, parameters):
    found = getattr(module, name)
    if parameters is not None:
        assert list(inspect.signature(found).parameters) == parameters


def test_a_stream_has_what_its_records_are_kept_by():
    ministack.services.kinesis._create_stream({"StreamName": "s", "ShardCount": 1})
    _, stream = ministack.services.kinesis._resolve_stream({"StreamName": "s"})
    kept = ("StreamName", "StreamARN", "CreationTimestamp", "RetentionPeriodHours")
    assert all(stream[name] for name in kept)
    (shard,) = stream["shards"].values()
    assert int(shard["starting_hash_key"]) == 0 and int(shard["ending_hash_key"]) == 2**128 - 1


def test_a_delivery_stream_tells_its_source():
    source = {"KinesisStreamARN": "arn:aws:kinesis:us-east-1:000000000000:stream/s", "RoleARN": ""}
    ministack.services.firehose._create_delivery_stream(
        {
            "DeliveryStreamName": "d",
            "DeliveryStreamType": "KinesisStreamAsSource",
            "KinesisStreamSourceConfiguration": source,
            "IcebergDestinationConfiguration": {"RoleARN": "r"},
        }
    )
    ((_, stream),) = ministack.services.firehose._streams.all_items()
    assert (stream["name"], stream["kinesis_source"]["KinesisStreamARN"]) == ("d", source["KinesisStreamARN"])
    assert [(each["type"], each["config"]) for each in stream["destinations"]] == [
        ("Iceberg", {"RoleARN": "r"})
    ]


def test_a_change_of_a_stack_is_answered_when_the_stack_stands():
    stood = []

    async def deploy():
        await asyncio.sleep(0.05)
        stood.append("stack")

    async def stock(*request):
        asyncio.get_running_loop().create_task(deploy())
        return request

    assert asyncio.run(cloudformation.settled(stock)("POST", "/")) == ("POST", "/")
    assert stood == ["stack"]
