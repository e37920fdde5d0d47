"""Kinesis's records on disk: what a writer is answered, what a reader finds, and what a kill leaves."""

import base64
import subprocess
import sys
from pathlib import Path

import kinesis_records
import kinesis_shard
import pytest
from aws_error import AwsError
from kinesis_records import KinesisRecords
from kinesis_shard import Shard

HALF = 2**127
SHARDS = ("shardId-000000000000", "shardId-000000000001")


def stream(made: int = 1) -> dict:
    ranges = (("0", str(HALF - 1)), (str(HALF), str(2 * HALF - 1)))
    shards = {
        name: {"starting_hash_key": low, "ending_hash_key": high}
        for name, (low, high) in zip(SHARDS, ranges, strict=True)
    }
    named = {"StreamName": "s", "StreamARN": "arn:s", "CreationTimestamp": made, "RetentionPeriodHours": 24}
    return {**named, "shards": shards}


@pytest.fixture
def kinesis(tmp_path):
    known = {"s": stream()}
    made = KinesisRecords(lambda request: known.get(request.get("StreamName", "s")), tmp_path)
    made.known = known
    return made


def put(kinesis, *texts, shard=0, **more) -> dict:
    place = str(shard * HALF)
    records = [
        {"Data": base64.b64encode(text.encode()).decode(), "PartitionKey": "k", "ExplicitHashKey": place}
        for text in texts
    ]
    return kinesis.handle("PutRecords", {"StreamName": "s", "Records": records, **more})


def read(kinesis, kind="TRIM_HORIZON", shard=0, **more) -> list[str]:
    asked = {"StreamName": "s", "ShardId": SHARDS[shard], "ShardIteratorType": kind, **more}
    iterator, found = kinesis.handle("GetShardIterator", asked)["ShardIterator"], []
    while records := (answer := kinesis.handle("GetRecords", {"ShardIterator": iterator, "Limit": 2}))[
        "Records"
    ]:
        found += [base64.b64decode(record["Data"]).decode() for record in records]
        iterator = answer["NextShardIterator"]
    return found


def test_a_reader_finds_what_was_put_from_every_kind_of_place(kinesis):
    first = put(kinesis, "a", "b", "c")["Records"]
    put(kinesis, "other", shard=1)
    assert (read(kinesis), read(kinesis, shard=1)) == (["a", "b", "c"], ["other"])
    numbers = [record["SequenceNumber"] for record in first]
    assert numbers == sorted(numbers) and len(set(numbers)) == 3
    assert read(kinesis, "AT_SEQUENCE_NUMBER", StartingSequenceNumber=numbers[1]) == ["b", "c"]
    assert read(kinesis, "AFTER_SEQUENCE_NUMBER", StartingSequenceNumber=numbers[1]) == ["c"]
    assert read(kinesis, "LATEST") == []
    assert read(kinesis, "AT_TIMESTAMP", Timestamp=0) == ["a", "b", "c"]
    assert read(kinesis, "AT_TIMESTAMP", Timestamp=9_999_999_999) == []


def test_a_key_always_goes_to_the_same_shard(kinesis):
    records = [{"Data": "YQ==", "PartitionKey": str(at)} for at in range(50)]
    answers = [
        kinesis.handle("PutRecords", {"StreamName": "s", "Records": records})["Records"] for _ in range(2)
    ]
    shards = [[record["ShardId"] for record in answer] for answer in answers]
    assert shards[0] == shards[1] and set(shards[0]) == set(SHARDS)


KILLED = """
import os, pathlib, sys
from kinesis_shard import Shard
shard = Shard(pathlib.Path(sys.argv[1]))
shard.append([("k", b"one"), ("k", b"two")])
shard.file.write(b"\\x00\\x00\\x00\\x05half")
shard.file.flush()
os.kill(os.getpid(), 9)
"""


def test_what_was_taken_survives_a_kill_and_half_a_record_is_cut_off(tmp_path):
    command = [sys.executable, "-c", KILLED, str(tmp_path / "shard")]
    assert subprocess.run(command, cwd=Path(kinesis_shard.__file__).parent).returncode == -9
    shard = Shard(tmp_path / "shard")
    shard.append([("k", b"three")])
    assert [record.data for record in shard.read(0, 10, 1000)[0]] == [b"one", b"two", b"three"]


def test_places_hold_over_many_files(tmp_path, monkeypatch):
    monkeypatch.setattr(kinesis_shard, "FILE", 100)
    shard = Shard(tmp_path)
    places = [place for at in range(50) for place in shard.append([("k", f"{at:030d}".encode())])]
    assert len(list(tmp_path.glob("*.log"))) > 5
    for at in (0, 17, 49):
        assert [int(r.data) for r in Shard(tmp_path).read(places[at], 100, 10**6)[0]] == list(range(at, 50))
    shard.forget(places[20], 0)
    assert int(shard.read(0, 1, 100)[0][0].data) <= 20
    assert [int(r.data) for r in shard.read(places[20], 100, 10**6)[0]] == list(range(20, 50))


def test_a_full_shard_forgets_what_was_read_and_else_throttles(kinesis, monkeypatch):
    monkeypatch.setattr(kinesis_shard, "FILE", 1000)
    monkeypatch.setattr(kinesis_records, "FULL", 5000)
    needed = {SHARDS[0]: 0}
    kinesis.needed.append(lambda arn, shard: needed.get(shard, 0))
    while put(kinesis, "x" * 100)["FailedRecordCount"] == 0:
        pass
    before = len(read(kinesis))
    refused = put(kinesis, "x" * 100)["Records"][0]
    assert refused["ErrorCode"] == "ProvisionedThroughputExceededException" and len(read(kinesis)) == before
    needed[SHARDS[0]] = kinesis.shard(stream(), SHARDS[0]).end
    assert put(kinesis, "last")["FailedRecordCount"] == 0
    assert read(kinesis)[-1] == "last" and len(read(kinesis)) < before


def test_a_stream_made_anew_has_none_of_the_old_records(kinesis):
    put(kinesis, "old")
    kinesis.known["s"] = stream(made=2)
    assert read(kinesis) == []


@pytest.mark.parametrize(
    "records",
    [
        [],
        [{"Data": "YQ==", "PartitionKey": "k"}] * 501,
        [{"Data": "YQ==", "PartitionKey": ""}],
        [{"Data": "A" * 1_400_000, "PartitionKey": "k"}],
        [{"Data": "A" * 1_390_000, "PartitionKey": "k"}] * 6,
    ],
)
def test_limits_of_a_request(kinesis, records):
    with pytest.raises(AwsError, match="InvalidArgumentException"):
        kinesis.handle("PutRecords", {"StreamName": "s", "Records": records})
    with pytest.raises(AwsError, match="ResourceNotFoundException"):
        kinesis.handle("PutRecords", {"StreamName": "absent", "Records": records})
