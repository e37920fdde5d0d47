"""A wire that misbehaves on demand, between any two parts that speak through the emulator: what AWS allows itself.

A plan is a list of faults and a seed. A request takes each fault that it matches and whose turn it is:

    fail         answered 500 without being carried out
    throttle     refused as too many, likewise
    drop_answer  carried out, and answered 500: the caller can't know that it was
    duplicate    carried out `copies` times
    shuffle      the list `Records` in its body in another order
    delay        carried out `seconds` later
    kill_before, kill_after
                 process `pid` is killed (-9), before the request is carried out or after it, before it is answered

The same plan, seed and order of requests give the same faults.
"""

import json
import os
import random
import re
import signal
from dataclasses import dataclass

KINDS = (
    *("fail", "throttle", "drop_answer", "duplicate", "shuffle", "delay"),
    *("kill_before", "kill_after"),
)
LOOKED_AT = 1 << 20
"""Bytes of a body in which `about` is looked for."""


@dataclass
class Fault:
    """One fault: of which requests, what, and how often."""

    kind: str
    service: str
    """As ministack calls it: `kinesis`, `s3`, `glue`, `lambda`, …"""
    action: str = ".*"
    """Pattern of the action, whole (`PutRecords`); of services that speak REST of the method (`PUT`)."""
    about: str = ""
    """Pattern that the path or the body has."""
    share: float = 1
    """Of the requests that match, at random."""
    skip: int = 0
    """So many of those are left alone first."""
    times: int | None = None
    """The most that it happens. Default: always."""
    copies: int = 3
    seconds: float = 1
    pid: int = 0
    matched: int = 0
    happened: int = 0

    def __post_init__(self):
        if self.kind not in KINDS:
            raise ValueError(f"fault {self.kind!r} is unknown; there are {', '.join(KINDS)}")


class FaultPlan:
    """The faults that are asked for now; none at first."""

    def __init__(self):
        self.use([], 0)

    def use(self, faults: list[dict], seed: int) -> None:
        """Takes these faults in place of those before. Raises ValueError or TypeError for what is no fault."""
        self.faults = [Fault(**each) for each in faults]
        self.random = random.Random(seed)

    @property
    def told(self) -> list[int]:
        """How often each fault happened."""
        return [fault.happened for fault in self.faults]

    def choose(self, service: str, action: str, path: str, body: bytes) -> dict[str, Fault]:
        """The faults of a request by their kinds: they count as having happened."""
        chosen: dict[str, Fault] = {}
        for fault in self.faults:
            if fault.service != service or not re.fullmatch(fault.action, action):
                continue
            if fault.about and not re.search(fault.about, f"{path} {_text(body)}"):
                continue
            fault.matched += 1
            spent = fault.times is not None and fault.happened >= fault.times
            if spent or fault.matched <= fault.skip or self.random.random() >= fault.share:
                continue
            fault.happened += 1
            chosen[fault.kind] = fault
        return chosen

    def shuffled(self, body: bytes) -> tuple[bytes, list[int]]:
        """A request with its records in another order, and which of the first stands at each place now."""
        request = json.loads(body)
        order = list(range(len(request["Records"])))
        self.random.shuffle(order)
        request["Records"] = [request["Records"][at] for at in order]
        return json.dumps(request).encode(), order


def in_order(answer: bytes, order: list[int]) -> bytes:
    """The answer to a shuffled request, its `Records` in the order of those that were asked."""
    told = json.loads(answer)
    if "Records" in told:
        back = {asked: told["Records"][at] for at, asked in enumerate(order)}
        told["Records"] = [back[at] for at in range(len(order))]
    return json.dumps(told).encode()


def kill(pid: int) -> None:
    """Ends a process at once; one that is gone already is all right."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def _text(body: bytes) -> str:
    return body[:LOOKED_AT].decode("latin-1")
