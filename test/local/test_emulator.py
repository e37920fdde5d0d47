"""What local/patches/ changes inside ministack: a new version that moves one of these is told here, by its name."""

import asyncio
import inspect
import io
import queue
import socket
import struct
import threading
import zipfile

import emulator
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
import ministack.services.lambda_svc
import ministack.services.s3
import ministack.services.stepfunctions
import pytest
import uvicorn
from patches import cloudformation, lambda_runtime, s3
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

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
    (ministack.services.s3, "_record_object_version", ["bucket_name", "key", "prior_obj", "obj", "data"]),
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
    (
        ministack.core.lambda_runtime.Worker,
        "_drain_stderr_bounded",
        ["self", "first_line_wait", "idle_confirm", "hard_cap"],
    ),
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


def test_an_answer_does_not_wait_until_its_first_part_is_acknowledged():
    with emulator.listen(uvicorn.Config("", port=0)) as listening:
        listening.listen()
        with socket.create_connection(listening.getsockname()), listening.accept()[0] as accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


HANDLER = """
exports.handler = async ({ say, write, fail, answer }) => {
  if (say) console.log(say);
  if (write) process.stdout.write(write);
  if (fail) throw new RangeError(fail);
  return answer === "unwritable" ? 10n : answer;
};
"""
BROKEN = "exports.handler = () => { console.log('before'); throw new Error('at once'); };"


@pytest.fixture
def worker_of(monkeypatch):
    """A function that makes a worker of a handler; a log that is not told to be whole is waited for very long."""
    runtime, made = ministack.core.lambda_runtime, []
    for module in (runtime, ministack.services.lambda_svc):
        monkeypatch.setattr(module, "json", module.json)
    monkeypatch.setattr(runtime, "_NODEJS_WORKER_SCRIPT", runtime._NODEJS_WORKER_SCRIPT)
    monkeypatch.setattr(runtime.Worker, "_drain_stderr_bounded", None)
    monkeypatch.setattr(lambda_runtime, "LOGS_WITHIN", 600)
    lambda_runtime.extend(None)

    def start(handler: str):
        zipped = io.BytesIO()
        with zipfile.ZipFile(zipped, "w") as file:
            file.writestr("index.js", handler)
        arn = "arn:aws:lambda:us-east-1:000000000000:function:f"
        config = {
            "Runtime": "nodejs22.x",
            "Handler": "index.handler",
            "FunctionName": "f",
            "FunctionArn": arn,
        }
        made.append(runtime.Worker("f", config, zipped.getvalue()))
        return lambda **event: made[-1].invoke(event, "id")

    yield start
    for worker in made:
        worker.kill()


def test_an_invocation_has_its_whole_log_and_waits_for_no_other(worker_of):
    invoke = worker_of(HANDLER)
    assert invoke(say="one\ntwo")["log"] == "one\ntwo"
    assert invoke()["log"] == ""
    assert invoke(write="no end of line")["log"] == "no end of line"
    failed = invoke(say="three", fail="too far")
    assert (failed["log"], failed["error"]) == ("three", "RangeError: too far")
    assert worker_of(BROKEN)()["log"] == "before"


def test_the_log_of_a_worker_that_dies_says_why(worker_of):
    log = worker_of(HANDLER)(say="before", answer="unwritable")["log"]
    assert log.startswith("before\n") and "Do not know how to serialize a BigInt" in log


def test_a_late_end_of_a_log_is_not_the_end_of_the_next():
    class Worker:
        _stderr_queue = queue.Queue()
        _stderr_thread = threading.current_thread()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lambda_runtime, "LOGS_WITHIN", 0)
        assert lambda_runtime._log(Worker) == ""
    for line in ("one", lambda_runtime.END, "two", lambda_runtime.END, "three", lambda_runtime.END):
        Worker._stderr_queue.put(line)
    assert [lambda_runtime._log(Worker) for _ in range(2)] == ["one\ntwo", "three"]


async def answer(_scope, _receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


def test_a_connection_that_is_reset_is_let_go_at_once():
    async def reset() -> HttpToolsProtocol:
        config = uvicorn.Config(
            answer, http=emulator.Connection, timeout_keep_alive=emulator.KEEP_ALIVE, lifespan="off"
        )
        config.load()
        made = []

        def connect():
            made.append(config.http_protocol_class(config=config, server_state=ServerState(), app_state={}))
            return made[0]

        server = await asyncio.get_running_loop().create_server(connect, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"GET / HTTP/1.1\r\nhost: here\r\n\r\n")
        await reader.readuntil(b"ok")
        assert made[0].timeout_keep_alive_task is not None
        lingering = writer.get_extra_info("socket")
        lingering.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.close()
        while made[0] in made[0].connections:
            await asyncio.sleep(0.01)
        server.close()
        return made[0]

    assert asyncio.run(asyncio.wait_for(reset(), 10)).timeout_keep_alive_task is None


def test_versions_of_objects_are_kept_on_disk_alone(tmp_path, monkeypatch):
    buckets = ministack.services.s3
    monkeypatch.setattr(buckets, "_record_object_version", buckets._record_object_version)
    monkeypatch.setattr(buckets, "S3_PERSIST", True)
    monkeypatch.setattr(buckets, "DATA_DIR", str(tmp_path))
    s3.extend(None)

    def ask(method: str, path: str, body: bytes = b"", **query: list[str]) -> tuple[int, dict, bytes]:
        return asyncio.run(buckets.handle_request(method, path, {}, body, query))

    try:
        ask("PUT", "/lake")
        enabled = b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
        assert ask("PUT", "/lake", enabled, versioning=[""])[0] == 200
        written = [b"the first", b"the second"]
        made = [ask("PUT", "/lake/file", body)[1]["x-amz-version-id"] for body in written]
        assert [ask("GET", "/lake/file", versionId=[version])[2] for version in made] == written
        assert ask("DELETE", "/lake/file")[0] == 204
        assert [ask("GET", "/lake/file", versionId=[version])[2] for version in made] == written
        assert not [each for each in buckets._object_versions["lake", "file"] if each.get("data")]
    finally:
        buckets.reset()
