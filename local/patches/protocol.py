"""How our services answer in the place of ministack's."""

import fast_json
from aws_error import AwsError


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
        work = choose(target.rpartition(".")[2], fast_json.loads(body or b"{}")) if target else None
        if work is not None:
            return await run_reentrant(work, thread_name=f"local-{service}")
        return await stock(method, path, headers, body, query_params)

    app.SERVICE_HANDLERS[service] = handle
