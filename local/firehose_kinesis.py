"""A Kinesis stream as the source of a delivery stream: what Firehose has yet to read of it takes the spool's place.

The place in every shard up to which all is delivered is on disk, and moves after delivery: a crash between both
delivers again, as Firehose may. A new delivery stream begins at the end of its source, as Firehose does.

https://docs.aws.amazon.com/firehose/latest/dev/writing-with-kinesis-streams.html
"""

import base64
import json
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from kinesis_records import KinesisRecords, sequence_number
from kinesis_shard import Shard

AT_ONCE = 20_000
"""Records of one batch."""
ASKED_AGAIN = 30
"""Seconds after which the source's role is asked again whether it may read."""
ACTIONS = ("kinesis:DescribeStream", "kinesis:GetShardIterator", "kinesis:GetRecords", "kinesis:ListShards")


class Source(NamedTuple):
    """A KinesisStreamSourceConfiguration."""

    arn: str
    role: str


class KinesisBuffer:
    """What is undelivered of a stream. `allow(role, actions on arn)` raises AwsError unless the role may read it."""

    def __init__(
        self,
        path: Path,
        source: Source,
        kinesis: KinesisRecords,
        allow: Callable[[str, list[tuple[str, str]]], None],
    ):
        self.path, self.source, self.kinesis, self.allow = path, source, kinesis, allow
        self.lock, self.allowed_at = threading.Lock(), 0.0
        self.places: dict[str, int] = json.loads(path.read_text()) if path.exists() else {}
        self.sealed: dict[str, int] = {}
        self.firsts: dict[tuple[str, int], float] = {}

    def begin(self) -> None:
        """Begins at the end of every shard, unless a place is known."""
        if not self.path.exists():
            self._move({name: shard.end for name, shard in self._shards().items()})

    def open(self, wake: Callable[[], None]) -> None:
        """Takes part: `wake` is called when records have come, and what is undelivered is kept."""
        self.wake = wake
        self.kinesis.needed.append(self.needed)
        self.kinesis.listeners.append(wake)

    def needed(self, arn: str, shard: str) -> int | None:
        return self.places.get(shard, 0) if arn == self.source.arn else None

    @property
    def size(self) -> int:
        """Bytes of data to deliver, about."""
        return sum(shard.end - self._place(name, shard) for name, shard in self._shards().items()) * 3 // 4

    @property
    def oldest(self) -> float | None:
        """When the first record to deliver came, in seconds since 1970; None when all is delivered."""
        firsts = {}
        for name, shard in self._shards().items():
            place = self._place(name, shard)
            if shard.end > place:
                known = self.firsts.get((name, place))
                first = known or next((each.arrived / 1000 for each in shard.read(place, 1, 0)[0]), None)
                if first:
                    firsts[name, place] = first
        self.firsts = firsts
        return min(firsts.values(), default=None)

    def seal(self) -> None:
        """All that is there now is to be delivered."""
        with self.lock:
            self.sealed = {name: shard.end for name, shard in self._shards().items()}

    def batches(self) -> list[list[str]]:
        """At most one: the shards of which something is to be delivered."""
        with self.lock:
            ready = [name for name, end in self.sealed.items() if end > self.places.get(name, 0)]
        return [ready] if ready else []

    def read(self, batch: list[str], limit: int) -> list[dict]:
        """Records of about `limit` bytes: `id`, `at` (arrival in milliseconds), `data` (bytes), `kinesis` (the
        metadata that a transform is given). Raises AwsError unless the source's role may read them."""
        if time.monotonic() > self.allowed_at + ASKED_AGAIN:
            self.allow(self.source.role, [(action, self.source.arn) for action in ACTIONS])
            self.allowed_at = time.monotonic()
        found, shards, size = [], self._shards(), 0
        self.following = dict(self.places)
        for name in filter(shards.get, batch):
            most, most_bytes = AT_ONCE - len(found), limit * 4 // 3 - size
            if most <= 0 or most_bytes <= 0:
                break
            records, self.following[name] = shards[name].read(
                self._place(name, shards[name]), most, most_bytes
            )
            size += sum(len(record.data) for record in records)
            found += [_record(name, record) for record in records]
        return found

    def done(self, batch: list[str]) -> None:
        """What `read` gave last is delivered."""
        self._move(self.following)

    @property
    def empty(self) -> bool:
        """Whether all that was sealed is delivered."""
        return not self.batches()

    def close(self) -> None:
        if self.needed in self.kinesis.needed:
            self.kinesis.needed.remove(self.needed)
            self.kinesis.listeners.remove(self.wake)

    def _place(self, name: str, shard: Shard) -> int:
        return max(self.places.get(name, 0), shard.start)

    def _shards(self) -> dict[str, Shard]:
        stream = self.kinesis.describe({"StreamARN": self.source.arn})
        found = {name: self.kinesis.shard(stream, name) for name in stream["shards"]} if stream else {}
        for name, shard in found.items():
            if self.places.get(name, 0) > shard.end:  # the stream was deleted and made anew
                self.places[name] = 0
        return found

    def _move(self, places: dict[str, int]) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.with_suffix(".new").write_text(json.dumps(places))
        self.path.with_suffix(".new").replace(self.path)
        with self.lock:
            self.places = places


def _record(shard: str, record) -> dict:
    number = sequence_number(record.place)
    return {
        "id": f"{number}{shard[-12:]}",
        "at": record.arrived,
        "data": base64.b64decode(record.data),
        "kinesis": {
            "shardId": shard,
            "partitionKey": record.key,
            "approximateArrivalTimestamp": record.arrived,
            "sequenceNumber": number,
            "subsequenceNumber": 0,
        },
    }
