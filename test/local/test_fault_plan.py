"""The wire that misbehaves on demand: which requests, what happens to them, and the same again by the same seed."""

import json
import subprocess
import sys

import lake
import pytest
from botocore.exceptions import ClientError
from capture import Emulator
from fault_plan import FaultPlan, in_order


def chosen(plan: FaultPlan, service="kinesis", action="PutRecords", path="/", body=b"") -> list[str]:
    return list(plan.choose(service, action, path, body))


def planned(*faults: dict, seed: int = 1) -> FaultPlan:
    plan = FaultPlan()
    plan.use([{"service": "kinesis", **fault} for fault in faults], seed)
    return plan


@pytest.mark.parametrize(
    ("fault", "request_", "matches"),
    [
        ({}, {}, True),
        ({"service": "s3"}, {}, False),
        ({"action": "PutRecords"}, {}, True),
        ({"action": "PutRecord"}, {}, False),
        ({"action": ".*Records"}, {}, True),
        ({"about": "orders"}, {"path": "/lake/orders/1.parquet"}, True),
        ({"about": "orders"}, {"body": b'{"Name": "orders"}'}, True),
        ({"about": "orders"}, {"body": b'{"Name": "items"}'}, False),
    ],
)
def test_a_fault_is_of_some_requests(fault, request_, matches):
    assert chosen(planned({"kind": "fail", **fault}), **request_) == (["fail"] if matches else [])


def test_it_happens_after_some_and_so_often():
    plan = planned({"kind": "fail", "skip": 2, "times": 2})
    assert [bool(chosen(plan)) for _ in range(6)] == [False, False, True, True, False, False]
    assert plan.told == [2]


def test_faults_of_several_kinds_meet_in_one_request():
    assert chosen(planned({"kind": "shuffle"}, {"kind": "duplicate"})) == ["shuffle", "duplicate"]


def test_a_seed_gives_the_same_again_and_another_one_others():
    def happened(seed: int) -> list[bool]:
        plan = planned({"kind": "fail", "share": 0.5}, seed=seed)
        return [bool(chosen(plan)) for _ in range(50)]

    assert happened(1) == happened(1) != happened(2)
    assert 10 < sum(happened(1)) < 40


def test_records_are_shuffled_and_their_answers_told_in_the_order_of_the_request():
    plan = planned({"kind": "shuffle"})
    body, order = plan.shuffled(json.dumps({"Records": list(range(20))}).encode())
    asked = json.loads(body)["Records"]
    assert asked != list(range(20)) and sorted(asked) == list(range(20))
    answer = json.dumps({"Records": [f"of {each}" for each in asked]}).encode()
    assert json.loads(in_order(answer, order))["Records"] == [f"of {each}" for each in range(20)]


def test_what_is_no_fault_is_refused():
    with pytest.raises(ValueError, match="fault 'burn' is unknown; there are fail, throttle, drop_answer"):
        planned({"kind": "burn"})


@pytest.fixture(scope="module")
def emulator(tmp_path_factory):
    from conftest import free_port

    found = Emulator(free_port(), tmp_path_factory.mktemp("emulator"), "postgresql://nobody@127.0.0.1:9")
    found.start()
    found.client("kinesis").create_stream(StreamName="changes", ShardCount=1)
    yield found
    found.stop()


@pytest.fixture
def misbehave(emulator):
    def use(**fault) -> None:
        fault = {"service": "kinesis", "action": "PutRecords", **fault}
        emulator.tell("faults", {"seed": 1, "faults": [fault]})

    yield use
    emulator.tell("faults", {"faults": []})


def put(emulator, *texts: str) -> int:
    """Puts records with one try. Raises ClientError; gives how many were refused."""
    client = lake.client("kinesis", emulator.address, retries={"max_attempts": 0})
    records = [{"Data": text, "PartitionKey": "k"} for text in texts]
    return client.put_records(StreamName="changes", Records=records)["FailedRecordCount"]


def there(emulator) -> list[str]:
    kinesis = emulator.client("kinesis")
    at = kinesis.get_shard_iterator(
        StreamName="changes", ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON"
    )["ShardIterator"]
    return [each["Data"].decode() for each in kinesis.get_records(ShardIterator=at)["Records"]]


@pytest.mark.parametrize(
    ("kind", "code", "copies"),
    [
        ("fail", "InternalFailure", 0),
        ("throttle", "ThrottlingException", 0),
        ("drop_answer", "InternalFailure", 1),
        ("duplicate", None, 3),
        ("shuffle", None, 1),
        ("delay", None, 1),
    ],
)
def test_what_becomes_of_a_request(emulator, misbehave, kind, code, copies):
    misbehave(kind=kind, seconds=0.2)
    if code:
        with pytest.raises(ClientError, match=code):
            put(emulator, kind)
    else:
        assert put(emulator, kind) == 0
    assert there(emulator).count(kind) == copies
    assert emulator.tell("faults") == {"happened": [1]}
    emulator.tell("faults", {"faults": []})
    assert put(emulator, "without a fault") == 0


@pytest.mark.parametrize(("kind", "copies"), [("kill_before", 0), ("kill_after", 1)])
def test_a_process_is_killed_at_a_request(emulator, misbehave, kind, copies):
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    misbehave(kind=kind, pid=process.pid)
    with pytest.raises(ClientError, match="InternalFailure"):
        put(emulator, kind)
    assert process.wait(5) == -9
    assert there(emulator).count(kind) == copies
