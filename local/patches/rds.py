"""RDS: snapshots of databases that are not ministack's, and their exports."""

from aws_error import AwsError
from query_protocol import read_request, write_answer, write_error
from rds_export import RdsExport
from services import Services

from patches.iam import check_caller


def extend(services: Services) -> None:
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
