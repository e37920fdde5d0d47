"""ministack, with the AWS services that it lacks, as one process behind one endpoint (127.0.0.1 only).

This is the one file that reaches into ministack's internals (pinned in requirements.in): what it changes,
and why, stands beside each change, and test/local/test_emulator.py fails when a new version moves under it.
The services themselves are plain modules beside this one.

    python local/emulator.py      (the first line of its standard input is JSON: services.Settings)

Ends, with everything saved, when its standard input does.
"""

import json
import os
import re
import signal
import sys
import threading
import time
import types
from contextvars import ContextVar
from pathlib import Path
from urllib.request import Request, urlopen

import codebuild as local_codebuild
import iam_resources
from aws_error import AwsError
from query_protocol import read_request, write_answer, write_error
from rds_export import RdsExport
from services import Services, Settings

RECORD_ONLY = {
    "AWS::EC2::FlowLog": ("Id",),
    "AWS::EC2::SecurityGroupIngress": ("Id",),
    "AWS::Glue::SecurityConfiguration": (),
    "AWS::RedshiftServerless::Namespace": ("Namespace.NamespaceArn", "Namespace.NamespaceId"),
    "AWS::RedshiftServerless::Workgroup": (
        "Workgroup.WorkgroupArn",
        "Workgroup.WorkgroupId",
        "Workgroup.Endpoint.Address",
    ),
    "AWS::WAFv2::LoggingConfiguration": (),
    "AWS::WAFv2::WebACLAssociation": (),
}
"""Types that CloudFormation must be able to create and that nothing plays, with the attributes that templates
ask for. They prove nothing: docs/local.md lists them."""

SAVE_EVERY = 2
"""Seconds."""

saving = threading.Lock()


def save(*names: str) -> None:
    """Writes the state of these services down, of all by default, so that a kill -9 loses nothing."""
    import ministack.app as app

    states = app._build_persistence_save_dict()
    with saving:  # two at once would trip over each other's files
        app.save_all({name: states[name] for name in names} if names else states)


def saved(answer):
    """The answer to a change of Glue's catalogue, which is on disk before it is told."""
    save("glue")
    return answer


def keep_saving() -> None:
    """Stacks, DynamoDB and the rest: a kill -9 costs their last seconds. The catalogue is saved at once."""
    while True:
        time.sleep(SAVE_EVERY)
        save()


def extend(services: Services) -> None:
    extend_saving()
    extend_iam(services)
    extend_redshift(services)
    extend_glue_tables(services)
    extend_glue_jobs(services)
    extend_firehose(services)
    extend_rds(services)
    extend_codebuild(services)
    extend_step_functions(services)
    extend_cloudformation(services.settings)
    extend_lambda()
    extend_with_own_requests(services)


def answered(service, action: str, request: dict, check=None):
    """A service's answer, or its error, in AWS's JSON protocol; `check(action, request)` comes first."""
    from ministack.core.responses import error_response_json, json_response

    try:
        if check:
            check(action, request)
        return json_response(service.handle(action, request))
    except AwsError as error:
        return error_response_json(error.code, error.message, error.status)


def intercept(service: str, choose) -> None:
    """`choose(action, request)` gives the work that answers a JSON request, or None to leave it as it is."""
    import ministack.app as app
    from ministack.core.concurrency import run_reentrant

    stock = app.SERVICE_HANDLERS.get(service)

    async def handle(method, path, headers, body, query_params):
        target = headers.get("x-amz-target", "")
        work = choose(target.rpartition(".")[2], json.loads(body or b"{}")) if target else None
        if work is not None:
            return await run_reentrant(work, thread_name=f"local-{service}")
        return await stock(method, path, headers, body, query_params)

    app.SERVICE_HANDLERS[service] = handle


def extend_saving() -> None:
    import ministack.app as app
    import ministack.core.persistence as persistence
    import ministack.services.glue as glue

    # `json.dump` encodes in Python, ten times slower than `json.dumps`, and this happens all the time.
    def dump(value, file, **options):
        file.write(json.dumps(value, **options))

    persistence.json = types.SimpleNamespace(**{**vars(json), "dump": dump})
    for name in ("_create_table", "_update_table", "_delete_table", "_create_database"):
        stock = getattr(glue, name)
        setattr(glue, name, lambda data, stock=stock: saved(stock(data)))
    stock_load = app._load_persisted_state

    def load():
        stock_load()  # saving before this would write over what is to be loaded
        threading.Thread(target=keep_saving, daemon=True).start()

    app._load_persisted_state = load


def extend_iam(services: Services) -> None:
    """Enforcement (`AUTH`) as AWS has it, where ministack knows less."""
    import ministack.app as app
    import ministack.core.iam_actions as iam_actions
    import ministack.core.iam_evaluator as iam_evaluator

    stock_pin, stock_resource = app.pin_request_origin, iam_actions.extract_resource_arn
    stock_enforce, stock_denial = iam_evaluator.enforce, iam_actions.access_denied_response
    refused: ContextVar[str] = ContextVar("resource on which the request was refused", default="*")

    def pin(source_ip: str, secure_transport: bool) -> None:
        stock_pin(source_ip, True)  # the laptop's own wire counts as TLS, or `enforceSSL` shuts everyone out

    def resource(service, method, path, headers, body, query_params, region, account_id):
        found = None
        if service == "rds":
            action, request = read_request("rds", body)
            found = action in RdsExport.ACTIONS and iam_resources.resource(
                service, action, request, region, account_id
            )
        elif target := headers.get("x-amz-target"):
            request = json.loads(body or b"{}")
            found = iam_resources.resource(service, target.rpartition(".")[2], request, region, account_id)
        return found or stock_resource(service, method, path, headers, body, query_params, region, account_id)

    def enforce(access_key_id, iam_action, service, region, resource_arn="*", service_context=None):
        context = {**iam_resources.CONTEXT.get(service, {}), **(service_context or {})}
        for arn in iam_resources.within(resource_arn):
            if denied := stock_enforce(access_key_id, iam_action, service, region, arn, context):
                refused.set(arn)
                return denied
        return None

    def denial(service, action, principal_arn, request_id, *, message="", error_code="", **more):
        # AWS names the resource, stock does not.
        if not (message or error_code or more.get("resource_policy_arn")):
            explicit = more.get("explicit_deny", False)
            message = iam_actions.identity_denial_message(action, principal_arn, refused.get(), explicit)
        answer = stock_denial(
            service, action, principal_arn, request_id, message=message, error_code=error_code, **more
        )
        print(f"{service}: {message or error_code}", file=sys.stderr, flush=True)
        return answer

    iam_actions.SERVICE_TO_IAM_NAMESPACE.update(iam_resources.NAMESPACES)
    iam_actions.extract_resource_arn = resource
    iam_actions.access_denied_response = denial
    iam_evaluator.enforce = enforce
    app.pin_request_origin = pin


def check_caller(services: Services, service: str):
    """What a caller needs besides the action itself (`iam_resources.besides`), as `check(action, request)`."""
    from ministack.core.iam_evaluator import caller_arn

    def check(action: str, request: dict) -> None:
        settings = services.settings
        needed = iam_resources.besides(service, action, request, settings.region, settings.account)
        services.require(caller_arn(), needed)

    return check


def extend_redshift(services: Services) -> None:
    """ministack does not know the two services: their requests would go to S3."""
    import ministack.app as app

    stock = app.detect_service

    def detect(method, path, headers, query_params):
        target = headers.get("x-amz-target", "").partition(".")[0]
        known = {"RedshiftData": "redshift-data", "RedshiftServerless": "redshift-serverless"}
        return known.get(target) or stock(method, path, headers, query_params)

    app.detect_service = detect
    check = check_caller(services, "redshift-data")
    intercept(
        "redshift-data", lambda action, request: lambda: answered(services.redshift, action, request, check)
    )
    intercept(
        "redshift-serverless",
        lambda action, request: lambda: answered(services.redshift_serverless, action, request),
    )


def extend_glue_tables(services: Services) -> None:
    """Stock CreateTable with OpenTableFormatInput answers success and stores a table without a name."""
    markers = {"CreateTable": "OpenTableFormatInput", "UpdateTable": "UpdateOpenTableFormatInput"}

    def choose(action: str, request: dict):
        if request.get(markers.get(action, "")):
            return lambda: saved(answered(services.iceberg, action, request))
        return None

    intercept("glue", choose)


def extend_glue_jobs(services: Services) -> None:
    """Stock ministack runs Spark jobs in Docker, and without it only says that they succeeded."""
    import ministack.services.glue as glue

    glue._is_spark_job = lambda job: False
    glue._resolve_script = lambda location: location

    def execute(run, job, arguments, script):
        body = json.dumps(
            {
                "script": script,
                "arguments": {name: str(value) for name, value in arguments.items()},
                "role": services.acts_as(job["Role"]),
            }
        )
        try:
            request = Request(f"{services.settings.worker}/run", data=body.encode())
            with urlopen(request, timeout=60 * int(job.get("Timeout") or 2880)) as answer:
                error = json.load(answer)["error"]
            if error is None and arguments.get("--dataset"):
                services.mirror(arguments["--dataset"])
        except Exception as problem:
            error = f"{type(problem).__name__}: {problem}"
        run["JobRunState"] = "FAILED" if error else "SUCCEEDED"
        run["ErrorMessage"] = error or ""

    glue._execute_subprocess = execute


def extend_firehose(services: Services) -> None:
    """Stock delivery to Iceberg wants DuckDB. Streams stay ministack's; their records are ours."""
    import ministack.services.firehose as firehose

    def put(name: str, config: dict, action: str, request: dict):
        services.firehose.configure(name, config)
        return answered(services.firehose, action, request)

    def choose(action: str, request: dict):
        name = request.get("DeliveryStreamName", "")
        for destination in (firehose._streams.get(name) or {}).get("destinations", []):
            if destination["type"] == "Iceberg" and action in ("PutRecord", "PutRecordBatch"):
                return lambda: put(name, destination["config"], action, request)
        return None

    intercept("firehose", choose)


def extend_rds(services: Services) -> None:
    """Snapshots of databases that are not ministack's, and their exports."""
    import ministack.app as app
    from ministack.core.concurrency import run_reentrant
    from ministack.core.responses import new_uuid

    stock = app.SERVICE_HANDLERS["rds"]
    check = check_caller(services, "rds")

    async def handle(method, path, headers, body, query_params):
        action, request = read_request("rds", body)
        if action not in RdsExport.ACTIONS:
            return await stock(method, path, headers, body, query_params)

        def work():
            try:
                check(action, request)
                return 200, write_answer("rds", action, services.rds.handle(action, request), new_uuid())
            except AwsError as error:
                return error.status, write_error(error.code, error.message, new_uuid())

        status, answer = await run_reentrant(work, thread_name="local-rds")
        return status, {"Content-Type": "text/xml"}, answer

    app.SERVICE_HANDLERS["rds"] = handle


def extend_codebuild(services: Services) -> None:
    """Stock ministack builds in Docker."""
    import ministack.services.codebuild as codebuild

    def execute(build_id, project):
        try:
            environment = services.settings.build_environment()
            source = services.clients(project["serviceRole"]).s3
            status, log = local_codebuild.run_project(project, source, environment)
        except Exception as problem:
            status, log = "FAULT", f"{type(problem).__name__}: {problem}"
        print(log, file=sys.stderr, flush=True)
        codebuild._finish_build(codebuild._builds[build_id], status)

    codebuild._execute_build = execute


def extend_step_functions(services: Services) -> None:
    """The `.sync` integrations of Glue and CodeBuild: absent from ministack. Its tasks ask for no permission."""
    import ministack.services.codebuild as codebuild
    import ministack.services.glue as glue
    import ministack.services.stepfunctions as stepfunctions

    def call(function, request: dict) -> dict:
        status, _, body = function(request)
        answer = json.loads(body)
        if status >= 400:
            raise stepfunctions._ExecutionError(
                answer.get("__type", "States.TaskFailed"), answer.get("message", "")
            )
        return answer

    def finished(look, is_running) -> dict:
        while is_running(found := look()):
            time.sleep(0.05)
        return found

    def start_job_run(resource, request):
        run_id = call(glue._start_job_run, request)["JobRunId"]
        run = finished(
            lambda: call(glue._get_job_run, {"JobName": request["JobName"], "RunId": run_id})["JobRun"],
            lambda run: run["JobRunState"] in ("STARTING", "RUNNING"),
        )
        if run["JobRunState"] != "SUCCEEDED":
            raise stepfunctions._ExecutionError("States.TaskFailed", json.dumps(run))
        return run

    def start_build(resource, request):
        named = {name[0].lower() + name[1:]: value for name, value in request.items()}
        build_id = call(codebuild._start_build, named)["build"]["id"]
        build = finished(
            lambda: call(codebuild._batch_get_builds, {"ids": [build_id]})["builds"][0],
            lambda build: build["buildStatus"] == "IN_PROGRESS",
        )
        if build["buildStatus"] != "SUCCEEDED":
            raise stepfunctions._ExecutionError("States.TaskFailed", json.dumps(build, default=str))
        return {"Build": build}

    role: ContextVar[str] = ContextVar("role of the state machine that runs")
    stock_run, stock_task = stepfunctions._run_execution, stepfunctions._invoke_resource

    def run_execution(arn):
        machine = stepfunctions._executions[arn]["stateMachineArn"]
        role.set(stepfunctions._state_machines[machine]["roleArn"])
        return stock_run(arn)

    def task(resource, request):
        settings = services.settings
        try:
            needed = iam_resources.of_task(resource, request, settings.region, settings.account)
            services.require(role.get(), needed)
        except (AwsError, KeyError) as error:
            raise stepfunctions._ExecutionError(
                getattr(error, "code", "States.Runtime"), getattr(error, "message", str(error))
            ) from error
        return stock_task(resource, request)

    stepfunctions._run_execution = run_execution
    stepfunctions._invoke_resource = task
    stepfunctions._SERVICE_DISPATCH["arn:aws:states:::glue:startJobRun"] = start_job_run
    stepfunctions._SERVICE_DISPATCH["arn:aws:states:::codebuild:startBuild"] = start_build


def extend_cloudformation(settings: Settings) -> None:
    import ministack.services.cloudformation.provisioners as provisioners

    for resource_type, attributes in RECORD_ONLY.items():
        provisioners._RESOURCE_HANDLERS[resource_type] = record_only(resource_type, attributes, settings)

    vpc = provisioners._RESOURCE_HANDLERS["AWS::EC2::VPC"]
    stock = vpc["create"]

    def create_vpc(logical_id, props, stack_name):
        physical_id, attributes = stock(logical_id, props, stack_name)
        return physical_id, {**attributes, "CidrBlock": props.get("CidrBlock")}  # which stock leaves out

    vpc["create"] = create_vpc

    # `Ref` of a secret is its ARN, stock gives its name: a policy that says Ref would name nothing.
    secret = provisioners._RESOURCE_HANDLERS["AWS::SecretsManager::Secret"]
    stock_secret = dict(secret)

    def name_of(arn: str) -> str:
        return re.sub("^arn:.*:secret:|-[0-9a-f]{6}$", "", arn) if arn.startswith("arn:") else arn

    def by_arn(answer):
        return answer[1]["Arn"], answer[1]

    secret["create"] = lambda *given: by_arn(stock_secret["create"](*given))
    secret["update"] = lambda arn, *given, **more: by_arn(
        stock_secret["update"](name_of(arn), *given, **more)
    )
    secret["delete"] = lambda arn, properties: stock_secret["delete"](name_of(arn), properties)


def record_only(resource_type: str, attributes: tuple[str, ...], settings: Settings) -> dict:
    _, service, kind = resource_type.split("::")
    service = re.sub("(?<=[a-z])(?=[A-Z])", "-", service).lower()

    def create(logical_id, props, stack_name):
        physical_id = props.get(f"{kind}Name") or props.get("Name") or f"{stack_name}-{logical_id}"
        arn = f"arn:aws:{service}:{settings.region}:{settings.account}:{kind.lower()}/{physical_id}"
        told = {"Arn": arn, "Address": "127.0.0.1"}
        return physical_id, {
            name: next((value for end, value in told.items() if name.endswith(end)), physical_id)
            for name in attributes
        }

    return {
        "create": create,
        "update": lambda physical_id, old, new, stack_name, *_, **__: create(physical_id, new, stack_name),
        "delete": lambda physical_id, props: None,
    }


def extend_lambda() -> None:
    """Stock ministack calls every error of a handler `Runtime.HandlerError`; this tells the name that it has as well.
    (A plain `Error` has none: API Gateway compares the message of an authorizer's with `Unauthorized`.)"""
    import ministack.core.lambda_runtime as runtime

    told = 'error: String(err.message || err), trace: err.stack || ""'
    if told not in runtime._NODEJS_WORKER_SCRIPT:
        raise RuntimeError("ministack's Node worker has changed: see extend_lambda in local/emulator.py")
    name = 'err.name && err.name !== "Error" ? err.name + ": " : ""'
    named = told.replace("String(", f"({name}) + String(", 1)
    runtime._NODEJS_WORKER_SCRIPT = runtime._NODEJS_WORKER_SCRIPT.replace(told, named)


def extend_with_own_requests(services: Services) -> None:
    """For the local run: a daily snapshot as RDS makes it, Firehose's buffers and all state written out now."""
    import ministack.app as app
    from ministack.core.concurrency import run_reentrant
    from ministack.core.responses import json_response

    stock = app._dispatch_service_request
    own = {
        "/_moraine/snapshot": lambda request: services.rds.create_snapshot(**request),
        "/_moraine/occupy": lambda request: services.rds.occupy(request["exports"]),
        "/_moraine/save": lambda request: {"saved": save() is None},
        "/_moraine/flush": lambda request: {"flushed": services.firehose.flush()},
    }

    def answer(path: str, body: bytes):
        try:
            return json_response(own[path](json.loads(body)))
        except Exception as problem:  # the run that asked says it to its user
            return 500, {"Content-Type": "text/plain"}, f"{type(problem).__name__}: {problem}".encode()

    async def dispatch(method, path, headers, body, query_params, request_id):
        if path in own:
            return await run_reentrant(answer, path, body, thread_name="local-own")
        return await stock(method, path, headers, body, query_params, request_id)

    app._dispatch_service_request = dispatch


def end_with_parent() -> None:
    """The local run holds our standard input: when it is gone, killed even, we save and end."""
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(5)
    os._exit(0)


def main() -> None:
    settings = Settings(**json.loads(sys.stdin.readline()))
    os.environ.update(settings.environment())
    for folder in ("services", "s3"):
        Path(settings.state, folder).mkdir(parents=True, exist_ok=True)
    extend(Services(settings))
    threading.Thread(target=end_with_parent, daemon=True).start()
    from ministack.app import main as serve

    serve()


if __name__ == "__main__":
    main()
