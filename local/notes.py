"""Lines for the log of a part."""

import sys
from contextlib import suppress


def note(line: str) -> None:
    """Writes a line. Who reads the log, the local run, may have been killed a moment before its parts end: that is
    nobody else's fault, and must not be kept as one.
    """
    with suppress(OSError):
        print(line, file=sys.stderr, flush=True)
