"""Lambda: the names of errors."""

from services import Services


def extend(services: Services) -> None:
    """Stock ministack calls every error of a handler `Runtime.HandlerError`; this tells the name that it has as well.
    (A plain `Error` has none: API Gateway compares the message of an authorizer's with `Unauthorized`.)"""
    import ministack.core.lambda_runtime as runtime

    told = 'error: String(err.message || err), trace: err.stack || ""'
    if told not in runtime._NODEJS_WORKER_SCRIPT:
        raise RuntimeError("ministack's Node worker has changed: see local/patches/lambda_runtime.py")
    name = 'err.name && err.name !== "Error" ? err.name + ": " : ""'
    named = told.replace("String(", f"({name}) + String(", 1)
    runtime._NODEJS_WORKER_SCRIPT = runtime._NODEJS_WORKER_SCRIPT.replace(told, named)
