"""ministack, with the AWS services that it lacks, as one process behind one endpoint (127.0.0.1 only).

This is the one file that reaches into ministack's internals (pinned in requirements.in): what it changes, and why,
stands beside each change, and test/local/test_emulator.py fails when a new version moves under it. The services
themselves are plain modules beside this one.

    python local/emulator.py SETTINGS      (a JSON object; see Settings)

Ends, with everything saved, when its standard input does.
"""

import contextvars
import json
import os
import signal
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.request import Request, urlopen

RECORD_ONLY = {
    # Types that CloudFormation must be able to create, and that nothing local plays: they prove nothing (docs/local.md).
    "AWS::RedshiftServerless::Namespace": {"Ref": "NamespaceName", "attributes": ("NamespaceArn", "NamespaceId")},
    "AWS::RedshiftServerless::Workgroup": {"Ref": "WorkgroupName", "attributes": ("WorkgroupArn", "WorkgroupId")},
    "AWS::Glue::SecurityConfiguration": {"Ref": "Name", "attributes": ()},
    "AWS::EC2::FlowLog": {"Ref": None, "attributes": ("Id",)},
    "AWS::EC2::SecurityGroupIngress": {"Ref": None, "attributes": ("Id",)},
}


@dataclass(frozen=True)
class Settings:
    port: int
    state: str
    """Folder of everything that survives the process."""
    region: str
    account: str
    worker: str
    """Address of the Spark worker."""
    source_dsns: dict[str, str]
    """RDS instance -> connection of the PostgreSQL that plays it."""
    warehouse_dsn: str
    """Connection of the PostgreSQL that plays Redshift, without its database."""
    silver_database: str
    contracts: str
    """Folder of the contracts."""

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def environment(settings: Settings) -> dict[str, str]:
    state = Path(settings.state)
    return {
        "BIND_HOST": "127.0.0.1",
        "IOT_MTLS_ENABLED": "0",  # it would listen on every interface
        "GATEWAY_PORT": str(settings.port),
        "AWS_ENDPOINT_URL": settings.endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": settings.region,
        "AWS_DEFAULT_REGION": settings.region,
        "MINISTACK_REGION": settings.region,
        "MINISTACK_ACCOUNT_ID": settings.account,
        # The CDK's own custom resource handler takes the AWS SDK from its Lambda runtime.
        "NODE_PATH": str(Path(__file__).parent.parent / "node_modules"),
        "PERSIST_STATE": "1",
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(state / "s3"),
        "STATE_DIR": str(state / "services"),
        "SFN_WAIT_SCALE": "1",
        "MINISTACK_CODEBUILD_EXECUTE": "1",
        "LOG_LEVEL": os.environ.get("LOG_LEVEL", "WARNING"),
    }


def read_settings() -> Settings:
    return Settings(**json.loads(sys.argv[1]))


class Parts:
    """The services of ours, made once the emulator answers (they call it themselves)."""

    def __init__(self, settings: Settings):
        import codebuild
        import lake
        from firehose_iceberg import FirehoseIceberg
        from iceberg_tables import IcebergTables
        from rds_export import RdsExport
        from redshift_data import RedshiftData

        state = Path(settings.state)
        self.settings = settings
        self.codebuild = codebuild
        self.catalog = lake.catalog(settings.endpoint, settings.region)
        self.s3 = lake.client("s3", settings.endpoint, settings.region)
        self.lambdas = lake.client("lambda", settings.endpoint, settings.region)
        self.rds = RdsExport(settings.source_dsns, self.s3, state / "rds")
        self.firehose = FirehoseIceberg(self.invoke, self.catalog, self.s3, state / "firehose")
        self.iceberg = IcebergTables(self.catalog)
        self.redshift = RedshiftData(lambda database: f"{settings.warehouse_dsn}/{database}")
        self.mirrors = threading.Lock()

    def invoke(self, arn: str, event: dict) -> dict:
        answer = self.lambdas.invoke(FunctionName=arn, Payload=json.dumps(event))
        payload = json.load(answer["Payload"])
        if answer.get("FunctionError"):
            raise RuntimeError(f"{payload.get('errorType')}: {payload.get('errorMessage')}")
        return payload

    def mirror(self, dataset: str) -> None:
        """Silver as Redshift's external schema shows it: what changed is copied before the job counts as done."""
        import warehouse_mirror

        with self.mirrors:
            warehouse_mirror.mirror(
                self.catalog,
                self.settings.silver_database,
                dataset,
                Path(self.settings.contracts),
                f"{self.settings.warehouse_dsn}/warehouse",
            )


class Lazy:
    def __init__(self, settings: Settings):
        self.settings, self.lock, self.made = settings, threading.Lock(), None

    def __call__(self) -> Parts:
        with self.lock:
            self.made = self.made or Parts(self.settings)
            return self.made


def extend(settings: Settings) -> None:
    import ministack.app as app
    from ministack.core.concurrency import run_reentrant
    from ministack.core.responses import error_response_json, json_response, new_uuid

    from aws_error import AwsError
    from query_protocol import read_request, write_answer, write_error

    parts = Lazy(settings)

    def answer_json(part, action: str, request: dict):
        try:
            return json_response(part.handle(action, request))
        except AwsError as error:
            return error_response_json(error.code, error.message, error.status)

    def intercept(service: str, actions: dict, wrap=None) -> None:
        """Requests of these actions go to `actions[name](request)`; the rest to ministack, as ever."""
        stock = app.SERVICE_HANDLERS.get(service)

        async def handle(method, path, headers, body, query_params):
            action = headers.get("x-amz-target", "").rpartition(".")[2]
            if action in actions:
                request = json.loads(body or b"{}")
                chosen = actions[action](request)
                if chosen is not None:
                    return await run_reentrant(chosen, thread_name=f"local-{service}")
            return await stock(method, path, headers, body, query_params)

        app.SERVICE_HANDLERS[service] = handle

    # Redshift's Data API: ministack does not know the service, so its requests would go to S3.
    stock_detect = app.detect_service
    app.detect_service = lambda method, path, headers, params: (
        "redshift-data"
        if headers.get("x-amz-target", "").startswith("RedshiftData.")
        else stock_detect(method, path, headers, params)
    )

    async def redshift_data(method, path, headers, body, query_params):
        action = headers.get("x-amz-target", "").rpartition(".")[2]
        return await run_reentrant(
            lambda: answer_json(parts().redshift, action, json.loads(body or b"{}")), thread_name="local-redshift"
        )

    app.SERVICE_HANDLERS["redshift-data"] = redshift_data

    # Glue's Iceberg table API: stock CreateTable answers success and stores a table without a name.
    def iceberg(action: str, marker: str):
        return lambda request: (
            (lambda: saving(answer_json(parts().iceberg, action, request))) if request.get(marker) else None
        )

    intercept(
        "glue",
        {
            "CreateTable": iceberg("CreateTable", "OpenTableFormatInput"),
            "UpdateTable": iceberg("UpdateTable", "UpdateOpenTableFormatInput"),
        },
    )

    # Everything that was committed survives a kill -9: the catalogue is saved with each of its changes.
    def saving(answer):
        save(app)
        return answer

    import ministack.services.glue as glue

    for name in ("_create_table", "_update_table", "_delete_table", "_create_database"):
        stock = getattr(glue, name)
        setattr(glue, name, lambda data, stock=stock: saving(stock(data)))
    # Not before what was saved is loaded: it would be written over.
    stock_load = app._load_persisted_state

    def load():
        stock_load()
        threading.Thread(target=save_regularly, args=(app,), daemon=True).start()

    app._load_persisted_state = load

    # Firehose to Iceberg: stock delivery wants DuckDB and S3 Tables. Streams stay ministack's, records are ours.
    import ministack.services.firehose as firehose

    def put(action: str):
        def choose(request):
            stream = firehose._streams.get(request.get("DeliveryStreamName", ""))
            for destination in (stream or {}).get("destinations", []):
                if destination["type"] == "Iceberg":
                    config = destination["config"]
                    name = request["DeliveryStreamName"]
                    return lambda: (
                        parts().firehose.configure(name, config),
                        answer_json(parts().firehose, action, request),
                    )[1]
            return None

        return choose

    intercept("firehose", {"PutRecord": put("PutRecord"), "PutRecordBatch": put("PutRecordBatch")})

    # RDS snapshot exports: not in ministack.
    stock_rds = app.SERVICE_HANDLERS["rds"]
    exported = ("DescribeDBSnapshots", "StartExportTask", "DescribeExportTasks", "CancelExportTask")

    async def rds(method, path, headers, body, query_params):
        action, request = read_request("rds", body) if b"Action=" in body else ("", {})
        if action not in exported:
            return await stock_rds(method, path, headers, body, query_params)

        def work():
            try:
                return 200, {}, write_answer("rds", action, parts().rds.handle(action, request), new_uuid())
            except AwsError as error:
                return error.status, {}, write_error(error.code, error.message, new_uuid())

        status, answer_headers, answer = await run_reentrant(work, thread_name="local-rds")
        return status, {**answer_headers, "Content-Type": "text/xml"}, answer

    app.SERVICE_HANDLERS["rds"] = rds

    extend_glue_jobs(glue, parts, settings)
    extend_codebuild(parts, settings)
    extend_step_functions(glue)
    extend_cloudformation(settings)
    extend_lambda()

    # For the local run itself: a snapshot as RDS makes one each day, and Firehose's buffers written out now.
    stock_dispatch = app._dispatch_service_request

    async def dispatch(method, path, headers, body, query_params, request_id):
        if path == "/_moraine/snapshot":
            request = json.loads(body)
            work = lambda: json_response(parts().rds.create_snapshot(request["instance"]))  # noqa: E731
            return await run_reentrant(work, thread_name="local-snapshot")
        if path == "/_moraine/flush":
            return await run_reentrant(
                lambda: json_response({"flushed": parts().firehose.flush()}), thread_name="local-flush"
            )
        return await stock_dispatch(method, path, headers, body, query_params, request_id)

    app._dispatch_service_request = dispatch


saving_now = threading.Lock()


def save(app) -> None:
    """Writes ministack's state down: two at once would trip over each other's files."""
    with saving_now:
        app.save_all(app._build_persistence_save_dict())


def save_regularly(app) -> None:
    """DynamoDB, stacks and the rest: what a kill -9 may cost is the last second."""
    while True:
        time.sleep(1)
        save(app)


def extend_glue_jobs(glue, parts: Lazy, settings: Settings) -> None:
    """Stock ministack runs Spark jobs in Docker, and without it only says that they succeeded."""
    glue._is_spark_job = lambda job: False
    glue._resolve_script = lambda location: location

    def execute(run, job, arguments, script):
        body = json.dumps({"script": script, "arguments": {k: str(v) for k, v in arguments.items()}}).encode()
        timeout = 60 * int(job.get("Timeout") or 2880)
        try:
            with urlopen(Request(f"{settings.worker}/run", data=body), timeout=timeout) as answer:
                error = json.load(answer)["error"]
            if error is None and arguments.get("--dataset"):
                parts().mirror(arguments["--dataset"])
        except Exception as problem:
            error = f"{type(problem).__name__}: {problem}"
        run["JobRunState"] = "FAILED" if error else "SUCCEEDED"
        run["ErrorMessage"] = error or ""

    glue._execute_subprocess = execute


def extend_codebuild(parts: Lazy, settings: Settings) -> None:
    """Stock ministack builds in Docker."""
    import ministack.services.codebuild as codebuild

    def execute(build_id, project):
        build = codebuild._builds[build_id]
        try:
            status, log = parts().codebuild.run_project(project, parts().s3, local_build_environment(settings))
        except Exception as problem:
            status, log = "FAULT", f"{type(problem).__name__}: {problem}"
        if status != "SUCCEEDED":
            print(log, file=sys.stderr, flush=True)
        codebuild._finish_build(build, status)

    codebuild._execute_build = execute


def local_build_environment(settings: Settings) -> dict[str, str]:
    """What stands for the connection to Redshift: the local target of dbt's profile."""
    from urllib.parse import urlparse

    warehouse = urlparse(settings.warehouse_dsn)
    return {
        "DBT_TARGET": "local",
        "WAREHOUSE_PORT": str(warehouse.port),
        "WAREHOUSE_USER": warehouse.username or "",
        "WAREHOUSE_PASSWORD": warehouse.password or "",
        "DBT_TARGET_PATH": str(Path(settings.state) / "dbt" / "target"),
        "DBT_LOG_PATH": str(Path(settings.state) / "dbt" / "logs"),
    }


def extend_step_functions(glue) -> None:
    """The `.sync` integrations of Glue and CodeBuild: absent from ministack."""
    import ministack.services.codebuild as codebuild
    import ministack.services.stepfunctions as stepfunctions

    def call(function, request: dict) -> dict:
        status, _, body = function(request)
        answer = json.loads(body)
        if status >= 400:
            raise stepfunctions._ExecutionError(answer.get("__type", "States.TaskFailed"), answer.get("message", ""))
        return answer

    def finished(look, done) -> dict:
        while True:
            found = look()
            if done(found):
                return found
            time.sleep(0.05)

    def start_job_run(resource, request):
        run_id = call(glue._start_job_run, request)["JobRunId"]
        run = finished(
            lambda: call(glue._get_job_run, {"JobName": request["JobName"], "RunId": run_id})["JobRun"],
            lambda run: run["JobRunState"] in ("SUCCEEDED", "FAILED", "STOPPED", "TIMEOUT"),
        )
        if run["JobRunState"] != "SUCCEEDED":
            raise stepfunctions._ExecutionError("States.TaskFailed", json.dumps(run))
        return run

    def start_build(resource, request):
        request = {name[0].lower() + name[1:]: value for name, value in request.items()}
        build_id = call(codebuild._start_build, request)["build"]["id"]
        build = finished(
            lambda: call(codebuild._batch_get_builds, {"ids": [build_id]})["builds"][0],
            lambda build: build["buildStatus"] != "IN_PROGRESS",
        )
        if build["buildStatus"] != "SUCCEEDED":
            raise stepfunctions._ExecutionError("States.TaskFailed", json.dumps(build, default=str))
        return {"Build": build}

    stepfunctions._SERVICE_DISPATCH["arn:aws:states:::glue:startJobRun"] = start_job_run
    stepfunctions._SERVICE_DISPATCH["arn:aws:states:::codebuild:startBuild"] = start_build


def extend_cloudformation(settings: Settings) -> None:
    import ministack.services.cloudformation.provisioners as provisioners

    for resource_type, answer in RECORD_ONLY.items():
        provisioners._RESOURCE_HANDLERS[resource_type] = record_only(resource_type, answer, settings)

    # Redshift's Get attributes are nested: `Workgroup.Endpoint.Address`.
    vpc = provisioners._RESOURCE_HANDLERS["AWS::EC2::VPC"]
    stock_create = vpc["create"]

    def create_vpc(logical_id, props, stack_name):
        """Stock leaves `CidrBlock` out of the attributes."""
        physical_id, attributes = stock_create(logical_id, props, stack_name)
        return physical_id, {**attributes, "CidrBlock": props.get("CidrBlock")}

    vpc["create"] = create_vpc


def record_only(resource_type: str, answer: dict, settings: Settings) -> dict:
    service = resource_type.split("::")[1].lower()
    kind = resource_type.split("::")[2]

    def identify(logical_id, props, stack_name):
        physical_id = props.get(answer["Ref"]) or f"{stack_name}-{logical_id}"
        arn = f"arn:aws:{service}:{settings.region}:{settings.account}:{kind.lower()}/{physical_id}"
        values = {name: arn if name.endswith("Arn") else physical_id for name in answer["attributes"]}
        nested = {f"{kind}.{name}": value for name, value in values.items()}
        return physical_id, {
            **values,
            **nested,
            "Workgroup.Endpoint.Address": "127.0.0.1",
            "Workgroup.Endpoint.Port": "5439",
        }

    return {
        "create": identify,
        "update": lambda physical_id, old, new, stack_name, *_, **__: identify(physical_id, new, stack_name),
        "delete": lambda physical_id, props: None,
    }


def extend_lambda() -> None:
    """Stock ministack calls every error of a handler `Runtime.HandlerError`; AWS tells its name."""
    import ministack.core.lambda_runtime as runtime

    told = 'error: String(err.message || err), trace: err.stack || ""'
    assert told in runtime._NODEJS_WORKER_SCRIPT, "ministack's Node worker has changed: see extend_lambda"
    runtime._NODEJS_WORKER_SCRIPT = runtime._NODEJS_WORKER_SCRIPT.replace(
        told, 'error: (err.name ? err.name + ": " : "") + String(err.message || err), trace: err.stack || ""'
    )


def end_with_parent() -> None:
    """The local run holds our standard input: when it is gone, killed even, we save and end."""
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(5)
    os._exit(0)


def main() -> None:
    settings = read_settings()
    os.environ.update(environment(settings))
    Path(settings.state, "services").mkdir(parents=True, exist_ok=True)
    Path(settings.state, "s3").mkdir(parents=True, exist_ok=True)
    extend(settings)
    threading.Thread(target=end_with_parent, daemon=True).start()
    del sys.argv[1:]  # ministack reads them too
    from ministack.app import main as serve

    contextvars.copy_context().run(serve)


if __name__ == "__main__":
    main()
