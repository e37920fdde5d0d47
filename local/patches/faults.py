"""Every request passes through the fault plan (fault_plan.py), which is empty unless a test asks for faults."""

import asyncio

import fault_plan
from notes import note
from services import Services

FAILED = (
    500,
    {"Content-Type": "application/x-amz-json-1.1"},
    b'{"__type":"InternalFailure","message":"a fault on purpose"}',
)


def extend(services: Services) -> None:
    import ministack.app as app

    stock, plan = app._dispatch_service_request, services.faults

    async def dispatch(method, path, headers, body, query_params, request_id):
        if not plan.faults:
            return await stock(method, path, headers, body, query_params, request_id)
        routing = app._routing_params(method, path, headers, body, query_params)
        service = app.detect_service(method, path, headers, routing)
        target = headers.get("x-amz-target", "").rpartition(".")[2]
        named = routing.get("Action") or method
        action = target or (named if isinstance(named, str) else named[0])
        faults = plan.choose(service, action, path, body)
        for fault in faults.values():
            note(f"fault on purpose: {fault.kind} {service} {action} {path}")
        if "delay" in faults:
            await asyncio.sleep(faults["delay"].seconds)
        if "throttle" in faults:
            return _throttled(service)
        if "kill_before" in faults:
            fault_plan.kill(faults["kill_before"].pid)
        if "fail" in faults or "kill_before" in faults:
            return FAILED

        async def carry_out():
            given, order = plan.shuffled(body) if "shuffle" in faults else (body, None)
            status, told, answer = await stock(method, path, headers, given, query_params, request_id)
            return status, told, fault_plan.in_order(answer, order) if order and status == 200 else answer

        answer = await carry_out()
        for _ in range(faults["duplicate"].copies - 1 if "duplicate" in faults else 0):
            answer = await carry_out()
        if "kill_after" in faults:
            fault_plan.kill(faults["kill_after"].pid)
        return FAILED if "drop_answer" in faults or "kill_after" in faults else answer

    app._dispatch_service_request = dispatch


def _throttled(service: str) -> tuple:
    if service == "s3":
        body = b"<Error><Code>SlowDown</Code><Message>a fault on purpose</Message></Error>"
        return 503, {"Content-Type": "application/xml"}, body
    body = b'{"__type":"ThrottlingException","message":"a fault on purpose"}'
    return 400, {"Content-Type": "application/x-amz-json-1.1"}, body
