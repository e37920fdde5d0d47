"""Puts records into a Kinesis stream, in order, until they are taken.

https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html
"""

import random
import re
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import NamedTuple

from botocore.exceptions import BotoCoreError, ClientError
from dms_records import Record
from notes import note

AT_ONCE, BYTES_AT_ONCE = 500, 4 * 1024 * 1024
MAX_RECORD = 1024 * 1024
PAUSE, LONGEST_PAUSE = 0.1, 5.0
"""Seconds before a refused put is tried again, doubled each time."""


class Faults(NamedTuple):
    """What a test wants of the wire, each by its share of the records: AWS promises neither of both."""

    duplicates: float = 0
    """Records that arrive a second time, later."""
    disorder: float = 0
    """Records that arrive later than those after them."""
    skew: int = 0
    """Seconds by which the clock of the source is wrong."""
    seed: int = 0


TIMES = re.compile(rb'("(?:commit-)?timestamp": ?")([^"]+)Z"')
"""Of a record's metadata."""


def skewed(data: bytes, seconds: int) -> bytes:
    """A record of a source whose clock is wrong."""

    def wrong(found: re.Match) -> bytes:
        at = datetime.fromisoformat(found[2].decode()) + timedelta(seconds=seconds)
        return found[1] + at.isoformat(timespec="microseconds").encode() + b'Z"'

    return TIMES.sub(wrong, data)


class Sink:
    """`put(records)` is Kinesis's PutRecords of a list of `{Data, PartitionKey}`; `over()` tells that it is to end.

    While one request is under way the next comes together.
    """

    def __init__(self, put: Callable[[list[dict]], dict], over: Callable[[], bool] = lambda: False):
        self.put, self.over = put, over
        self.waiting: list[dict] = []
        self.bytes = 0
        self.sender = ThreadPoolExecutor(1)
        self.sent: Future[bool] | None = None
        self.late: list[dict] = []
        self.use(Faults())

    def use(self, faults: Faults) -> None:
        self.faults, self.random = faults, random.Random(faults.seed)

    def add(self, record: Record) -> None:
        """Takes a record and puts what has come together. Raises ValueError when it is larger than Kinesis takes."""
        key, data = record
        data = skewed(data, self.faults.skew) if self.faults.skew else data
        if len(data) + len(key) > MAX_RECORD:
            raise ValueError(f"a record of {key} has {len(data)} bytes; Kinesis takes {MAX_RECORD}")
        one = {"Data": data, "PartitionKey": key}
        if self.faults.duplicates or self.faults.disorder:
            if self.random.random() < self.faults.duplicates:
                self.late.append(one)
            if self.random.random() < self.faults.disorder:
                self.late.append(one)
                return
            if self.late and self.random.random() < 0.1:
                self._wait(self.late.pop(self.random.randrange(len(self.late))))
        self._wait(one)

    def _wait(self, one: dict) -> None:
        size = len(one["Data"]) + len(one["PartitionKey"])
        if len(self.waiting) == AT_ONCE or self.bytes + size > BYTES_AT_ONCE:
            self._send()
        self.waiting.append(one)
        self.bytes += size

    def flush(self) -> bool:
        """Puts everything; False when it was told to end before all was taken."""
        while self.late:
            self._wait(self.late.pop(self.random.randrange(len(self.late))))
        self._send()
        return self._taken()

    def _send(self) -> None:
        """Begins to put what has come together, once what went before is taken."""
        if self._taken() and self.waiting:
            self.sent = self.sender.submit(self._put, self.waiting)
            self.waiting, self.bytes = [], 0

    def _taken(self) -> bool:
        """Waits for the request under way; False from the time on when one was given up, for that is to end all."""
        return self.sent is None or self.sent.result()

    def _put(self, records: list[dict]) -> bool:
        pause = PAUSE
        while records:
            try:
                answer = self.put(records)
                results = zip(records, answer["Records"], strict=True)
                left = [one for one, result in results if result.get("ErrorCode")]
                problem = next((r["ErrorMessage"] for r in answer["Records"] if r.get("ErrorCode")), "")
            except (BotoCoreError, ClientError) as error:
                left, problem = records, str(error)
            pause = PAUSE if len(left) < len(records) else min(2 * pause, LONGEST_PAUSE)
            records = left
            if records:
                note(f"Kinesis took not all records and is asked again: {problem}")
                if self.over():
                    return False
                time.sleep(pause)
        return True
