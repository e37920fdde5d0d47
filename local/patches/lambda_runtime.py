"""Lambda: the names of errors, the end of what an invocation logs, and less work for each."""

import queue
import time

import fast_json
from services import Services

END = "-- end of the invocation\x1e"
LOGS_WITHIN, LOOK_EVERY = 0.25, 0.02
"""Seconds; the first is stock's own limit."""
INVOCATIONS = "// Subsequent lines are one invocation each"
"""From here on stock's script for a worker is about invocations."""


def extend(services: Services) -> None:
    import ministack.core.lambda_runtime as runtime
    import ministack.services.lambda_svc as lambda_svc

    runtime.json = lambda_svc.json = fast_json.module
    runtime._NODEJS_WORKER_SCRIPT = _script(runtime._NODEJS_WORKER_SCRIPT)
    stock = runtime.Worker._drain_stderr_bounded

    def drain(worker, *waits, **named_waits) -> str:
        """Stock waits 50 ms for a log that may come, after each invocation; a Node worker says when it is whole."""
        if worker.config.get("Runtime", "").startswith("nodejs"):
            return _log(worker)
        return stock(worker, *waits, **named_waits)

    runtime.Worker._drain_stderr_bounded = drain


def _script(stock: str) -> str:
    told = 'error: String(err.message || err), trace: err.stack || ""'
    write = "const _stderrWrite = process.stderr.write.bind(process.stderr);\n"
    if any(stock.count(known) != 1 for known in (told, write, INVOCATIONS)):
        raise RuntimeError("ministack's Node worker has changed: see local/patches/lambda_runtime.py")
    # Stock ministack calls every error of a handler `Runtime.HandlerError`; this tells the name that it has as well.
    # (A plain `Error` has none: API Gateway compares the message of an authorizer's with `Unauthorized`.)
    name = 'err.name && err.name !== "Error" ? err.name + ": " : ""'
    named = stock.replace(told, told.replace("String(", f"({name}) + String(", 1))
    answer = f"const _answer = (text) => {{ _realStdoutWrite(text); _stderrWrite({END!r} + '\\n'); }};\n"
    start, _, invocations = named.replace(write, write + answer).partition(INVOCATIONS)
    return start + INVOCATIONS + invocations.replace("_realStdoutWrite(", "_answer(")


def _log(worker) -> str:
    """What an invocation has logged, up to its end, or that of its process. An end that comes too late is known by the
    next invocation, which has what it waited for as well, as Lambda has it with what a handler leaves to run.
    """
    lines, logged, deadline = [], worker._stderr_queue, time.monotonic() + LOGS_WITHIN
    while time.monotonic() < deadline:
        ended = not worker._stderr_thread.is_alive()
        try:
            line = logged.get(timeout=LOOK_EVERY)
        except queue.Empty:
            if ended:
                break
            continue
        if not line.endswith(END):
            lines.append(line)
            continue
        if text := line.removesuffix(END):
            lines.append(text)
        if not getattr(logged, "late", 0):
            break
        logged.late -= 1
    else:
        logged.late = getattr(logged, "late", 0) + 1
    return "\n".join(lines)
