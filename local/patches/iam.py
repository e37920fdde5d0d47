"""Enforcement (`AUTH`) as AWS has it, where ministack knows less."""

from contextvars import ContextVar

import fast_json
import iam_resources
from notes import note
from query_protocol import read_request
from rds_export import RdsExport
from services import Services


def extend(services: Services) -> None:
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
            request = fast_json.loads(body or b"{}")
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
        note(f"{service}: {message or error_code}")
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
