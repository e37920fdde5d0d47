"""ministack, with the AWS services that it lacks, as one process behind one endpoint (127.0.0.1 only).

    python local/emulator.py      (the first line of its standard input is JSON: services.Settings)

Ends, with everything saved, when its standard input does.
"""

import gc
import json
import logging
import os
import resource
import signal
import socket
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import uvicorn
from patches import PATCHES
from services import Services, Settings
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

KEEP_ALIVE = 75
"""Seconds; longer than clients keep a connection that they do not use."""
GRACE = 2
"""Seconds that a request has to end when the emulator does."""


class Connection(HttpToolsProtocol):
    """Lets go of a connection when it is lost. uvicorn does so of one that was closed; one that was reset, as Iceberg's
    clients do dozens of times a second, is held by its timer until `KEEP_ALIVE`: old enough by then that Python seldom
    looks for it again, and memory grows.
    """

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._unset_keepalive_if_required()


def end_with_parent() -> None:
    """The local run holds our standard input: when it is gone, killed even, we save and end."""
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(GRACE + 5)
    os._exit(0)


def allow_connections() -> None:
    """As many open files as the machine lets us have: a burst of requests takes more than the usual 1,024."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    # What macOS takes where it says "unlimited".
    wanted = 10_240 if most == resource.RLIM_INFINITY else most
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


def share_the_interpreter() -> None:
    """A batch of 20,000 records is half a million objects and no cycle: by Python's thresholds half of the time that it
    takes goes into looking for some. While a thread works on it, no request waits 5 ms at each of its steps."""
    gc.freeze()
    gc.set_threshold(50_000, 10, 10)
    sys.setswitchinterval(0.0002)


def listen(config: uvicorn.Config) -> socket.socket:
    """The socket of the emulator; ends the process when its port is taken.

    What is written goes out at once: an answer's body would wait 40 ms for its headers to be acknowledged. (asyncio
    sees to that for sockets only that name their protocol.)
    """
    found = config.bind_socket()
    found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return found


def main() -> None:
    settings = Settings(**json.loads(sys.stdin.readline()))
    os.environ.update(settings.environment())
    # Not by ministack's own hypercorn, which takes twice as long for a request.
    config = uvicorn.Config(
        "ministack.app:app",
        host="127.0.0.1",
        port=settings.port,
        http=Connection,
        ws="none",
        lifespan="on",
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=GRACE,
        log_level=logging.getLevelNamesMapping()[os.environ["LOG_LEVEL"]],
        access_log=False,
        # ministack tells these itself; a date told twice is none.
        date_header=False,
        server_header=False,
    )
    # Ends here when the port is taken: nothing of the state is read, or saved, beside another emulator.
    listening = listen(config)
    for folder in ("services", "s3"):
        Path(settings.state, folder).mkdir(parents=True, exist_ok=True)
    services = Services(settings)
    for patch in PATCHES:
        patch.extend(services)
    threading.Thread(target=end_with_parent, daemon=True).start()
    allow_connections()
    share_the_interpreter()
    with suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main()
