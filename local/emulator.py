"""ministack, with the AWS services that it lacks, as one process behind one endpoint (127.0.0.1 only).

    python local/emulator.py      (the first line of its standard input is JSON: services.Settings)

Ends, with everything saved, when its standard input does.
"""

import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

from patches import PATCHES
from services import Services, Settings


def end_with_parent() -> None:
    """The local run holds our standard input: when it is gone, killed even, we save and end."""
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(5)
    os._exit(0)


def main() -> None:
    settings = Settings(**json.loads(sys.stdin.readline()))
    os.environ.update(settings.environment())
    for folder in ("services", "s3"):
        Path(settings.state, folder).mkdir(parents=True, exist_ok=True)
    services = Services(settings)
    for patch in PATCHES:
        patch.extend(services)
    threading.Thread(target=end_with_parent, daemon=True).start()
    from ministack.app import main as serve

    serve()


if __name__ == "__main__":
    main()
