"""Lambda: the names of errors, the end of what an invocation logs, and less work for each."""

import queue
import time

import fast_json
from services import Services

END = "-- end of the invocation\x1e"
LOGS_WITHIN = 0.25
"""Seconds; stock's own limit."""


def extend(services: Services) -> None:
    import ministack.core.lambda_runtime as runtime
    import ministack.services.lambda_svc as lambda_svc

    runtime.json = lambda_svc.json = fast_json.module
    told = 'error: String(err.message || err), trace: err.stack || ""'
    settled = "        settled = true;\n"
    for known in (told, settled):
        if runtime._NODEJS_WORKER_SCRIPT.count(known) != 1:
            raise RuntimeError("ministack's Node worker has changed: see local/patches/lambda_runtime.py")
    # Stock ministack calls every error of a handler `Runtime.HandlerError`; this tells the name that it has as well.
    # (A plain `Error` has none: API Gateway compares the message of an authorizer's with `Unauthorized`.)
    name = 'err.name && err.name !== "Error" ? err.name + ": " : ""'
    named = told.replace("String(", f"({name}) + String(", 1)
    ended = f'{settled}        _stderrWrite({END!r} + "\\n");\n'
    script = runtime._NODEJS_WORKER_SCRIPT.replace(told, named).replace(settled, ended)
    runtime._NODEJS_WORKER_SCRIPT = script
    stock = runtime.Worker._drain_stderr_bounded

    def drain(worker, *waits, **named_waits) -> str:
        """Stock waits 50 ms for a log that may come, after each invocation; a Node worker says when it is whole."""
        if not worker.config.get("Runtime", "").startswith("nodejs"):
            return stock(worker, *waits, **named_waits)
        lines, deadline = [], time.monotonic() + LOGS_WITHIN
        try:
            while (line := worker._stderr_queue.get(timeout=max(0, deadline - time.monotonic()))) != END:
                lines.append(line)
        except queue.Empty:
            pass
        return "\n".join(lines)

    runtime.Worker._drain_stderr_bounded = drain
