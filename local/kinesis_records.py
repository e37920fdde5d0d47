"""The records of Kinesis streams, on disk: PutRecord, PutRecords, GetShardIterator, GetRecords.

Streams themselves stay ministack's, whose own records are in memory, are written out whole whenever state is saved,
and are lost by a kill. A record here is on disk before it counts as taken, and memory does not grow with the stream.

https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html
https://docs.aws.amazon.com/kinesis/latest/APIReference/API_GetRecords.html
"""

import base64
import hashlib
import json
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

from aws_error import AwsError
from kinesis_shard import Shard

MAX_RECORDS, MAX_REQUEST, MAX_RECORD, MAX_KEY = 500, 5 * 1024 * 1024, 1024 * 1024, 256
MAX_READ, MAX_READ_BYTES = 10_000, 10 * 1024 * 1024
ITERATOR_SECONDS = 300
FULL = 256 * 1024 * 1024
"""Bytes of a shard, on disk: what consumers have read goes first, and then writers are throttled."""


class KinesisRecords:
    """`describe(request)` gives ministack's stream that a request names (StreamName or StreamARN), or None."""

    ACTIONS = ("PutRecord", "PutRecords", "GetShardIterator", "GetRecords")

    def __init__(self, describe: Callable[[dict], dict | None], folder: Path):
        self.describe, self.folder = describe, Path(folder)
        self.shards: dict[tuple[Path, str], Shard] = {}
        self.lock = threading.Lock()
        self.needed: list[Callable[[str, str], int | None]] = []
        """Each tells, of a stream's ARN and a shard, the first place that its consumer has yet to read."""
        self.listeners: list[Callable[[], None]] = []
        """Called when records have come."""

    def handle(self, action: str, request: dict) -> dict:
        """Carries one action out. Raises AwsError as the service does."""
        if action == "GetRecords":
            return self._get(request)
        stream = self._stream(request)
        if action == "GetShardIterator":
            return {"ShardIterator": self._iterator(stream, request)}
        records = request.get("Records") or [] if action == "PutRecords" else [request]
        results = self._put(stream, records)
        if action == "PutRecords":
            failed = sum("ErrorCode" in result for result in results)
            return {"FailedRecordCount": failed, "Records": results, "EncryptionType": "NONE"}
        if "ErrorCode" in results[0]:
            raise AwsError(results[0]["ErrorCode"], results[0]["ErrorMessage"])
        return {**results[0], "EncryptionType": "NONE"}

    def shard(self, stream: dict, name: str) -> Shard:
        """The records of one shard. A stream that is made anew under its old name has none of the old."""
        folder = self.folder / f"{stream['StreamName']}-{stream['CreationTimestamp']}"
        with self.lock:
            if (folder, name) not in self.shards:
                for other in self.folder.glob(f"{stream['StreamName']}-*"):
                    if other != folder and other.name.rpartition("-")[0] == stream["StreamName"]:
                        shutil.rmtree(other)
                self.shards[folder, name] = Shard(folder / name)
            return self.shards[folder, name]

    def _stream(self, request: dict) -> dict:
        stream = self.describe(request)
        if stream is None:
            named = request.get("StreamName") or request.get("StreamARN")
            raise AwsError("ResourceNotFoundException", f"Stream {named} not found.")
        return stream

    def _put(self, stream: dict, records: list[dict]) -> list[dict]:
        if not 1 <= len(records) <= MAX_RECORDS:
            raise _invalid(f"Records has {len(records)} members; allowed are 1 to {MAX_RECORDS}")
        shares: dict[str, list[int]] = {}
        total = 0
        for at, record in enumerate(records):
            key, size = record.get("PartitionKey") or "", len(record.get("Data") or "") * 3 // 4
            if not 1 <= len(key) <= MAX_KEY:
                raise _invalid(f"PartitionKey has {len(key)} characters; allowed are 1 to {MAX_KEY}")
            if size + len(key) > MAX_RECORD + 2:
                raise _invalid(f"A record has {size} bytes; the most allowed are {MAX_RECORD}")
            total += size + len(key)
            shares.setdefault(_route(stream, key, record.get("ExplicitHashKey")), []).append(at)
        if total > MAX_REQUEST:
            raise _invalid(f"The records have {total} bytes; the most allowed in a request are {MAX_REQUEST}")
        results: list[dict] = [{}] * len(records)
        for name, places in shares.items():
            shard = self.shard(stream, name)
            if not self._room(stream, name, shard):
                throttled = {
                    "ErrorCode": "ProvisionedThroughputExceededException",
                    "ErrorMessage": f"Rate exceeded for shard {name} in stream {stream['StreamName']}: "
                    "its consumers have not read what is there",
                }
                results = [throttled if at in places else result for at, result in enumerate(results)]
                continue
            some = [(records[at]["PartitionKey"], (records[at].get("Data") or "").encode()) for at in places]
            for at, place in zip(places, shard.append(some), strict=True):
                results[at] = {"ShardId": name, "SequenceNumber": sequence_number(place)}
        for listener in list(self.listeners):
            listener()
        return results

    def _room(self, stream: dict, name: str, shard: Shard) -> bool:
        shard.expire(time.time() - 3600 * stream["RetentionPeriodHours"])
        if shard.end - shard.start <= FULL:
            return True
        places = [place for each in self.needed if (place := each(stream["StreamARN"], name)) is not None]
        shard.forget(min(places, default=shard.end), FULL // 2)
        return shard.end - shard.start <= FULL

    def _iterator(self, stream: dict, request: dict) -> str:
        name, kind = request.get("ShardId"), request.get("ShardIteratorType")
        if name not in stream["shards"]:
            raise AwsError(
                "ResourceNotFoundException", f"Shard {name} in stream {stream['StreamName']} not found."
            )
        shard = self.shard(stream, name)
        places = {
            "TRIM_HORIZON": lambda: shard.start,
            "LATEST": lambda: shard.end,
            "AT_SEQUENCE_NUMBER": lambda: int(request["StartingSequenceNumber"]),
            "AFTER_SEQUENCE_NUMBER": lambda: shard.after(int(request["StartingSequenceNumber"])),
            "AT_TIMESTAMP": lambda: shard.at(float(request["Timestamp"])),
        }
        if kind not in places:
            raise _invalid(f"ShardIteratorType is {kind!r}; allowed are {', '.join(places)}")
        return _token(stream["StreamARN"], name, places[kind]())

    def _get(self, request: dict) -> dict:
        try:
            arn, name, place, made = json.loads(base64.b64decode(request["ShardIterator"]))
        except (KeyError, TypeError, ValueError) as error:
            raise _invalid("Invalid ShardIterator.") from error
        if time.time() > made + ITERATOR_SECONDS:
            raise AwsError("ExpiredIteratorException", "Iterator expired: it is valid for 5 minutes.")
        shard = self.shard(self._stream({"StreamARN": arn}), name)
        found, following = shard.read(
            place, min(int(request.get("Limit") or MAX_READ), MAX_READ), MAX_READ_BYTES
        )
        behind = max(0, int(time.time() * 1000) - found[-1].arrived) if found and following < shard.end else 0
        return {
            "Records": [
                {
                    "SequenceNumber": sequence_number(record.place),
                    "ApproximateArrivalTimestamp": record.arrived / 1000,
                    "Data": record.data.decode(),
                    "PartitionKey": record.key,
                }
                for record in found
            ],
            "NextShardIterator": _token(arn, name, following),
            "MillisBehindLatest": behind,
        }


def sequence_number(place: int) -> str:
    """A record's sequence number: its place within its shard, with the 56 digits that AWS's have."""
    return f"{place:056d}"


def _route(stream: dict, key: str, explicit: str | None) -> str:
    shards = stream["shards"]
    wanted = int(explicit) if explicit else int.from_bytes(hashlib.md5(key.encode()).digest())
    found = (
        n for n, s in shards.items() if int(s["starting_hash_key"]) <= wanted <= int(s["ending_hash_key"])
    )
    return next(found, None) or next(iter(shards))


def _token(arn: str, shard: str, place: int) -> str:
    return base64.b64encode(json.dumps([arn, shard, place, time.time()]).encode()).decode()


def _invalid(message: str) -> AwsError:
    return AwsError("InvalidArgumentException", message)
