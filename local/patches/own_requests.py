"""What AWS does by itself, on request of the local run."""

import json

from services import Services

from patches.saving import save


def extend(services: Services) -> None:
    """A daily snapshot as RDS makes it; what is captured and buffered, and all state, written out now; a bad wire."""
    import ministack.app as app
    from ministack.core.concurrency import run_reentrant
    from ministack.core.responses import json_response

    stock = app._dispatch_service_request
    own = {
        "/_moraine/snapshot": lambda request: services.rds.create_snapshot(**request),
        "/_moraine/occupy": lambda request: services.rds.occupy(request["exports"]),
        "/_moraine/save": lambda request: {"saved": save() is None},
        "/_moraine/flush": lambda request: {"flushed": services.flush(**request)},
        "/_moraine/dms": lambda request: services.dms.disturb(request),
        "/_moraine/faults": lambda request: misbehave(request),
    }

    def misbehave(request: dict) -> dict:
        told = services.faults.told
        if "faults" in request:
            services.faults.use(request["faults"], request.get("seed", 0))
        return {"happened": told}

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
