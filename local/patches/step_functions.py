"""Step Functions: the `.sync` integrations of Glue and CodeBuild, which ministack lacks, and the permissions that its
tasks do not ask for.
"""

import json
import time
from contextvars import ContextVar

import iam_resources
from aws_error import AwsError
from services import Services


def extend(services: Services) -> None:
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
