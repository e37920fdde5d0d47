"""The local DMS: from a real PostgreSQL's log to the records that AWS's DMS writes to Kinesis."""

import json
import os
import re
import signal
import subprocess
import time

import dms_replication
import psycopg
import psycopg2
import pytest
from botocore.exceptions import ClientError
from capture import SECRET, Capture, Emulator, template
from dms_runner import STATES

POSITION = re.compile(r"([0-9A-F]{8})/([0-9A-F]{8})\.\d+\.[0-9A-F]{8}/[0-9A-F]{8}")


@pytest.fixture
def captured(database, tmp_path, port):
    """Starts a capture of the test's database, whose tables `sql` makes."""
    started = []

    def start(sql: str, tables: list[str], **settings) -> Capture:
        with psycopg.connect(database, autocommit=True) as connection:
            connection.execute(sql)
        emulator = Emulator(port, tmp_path, database)
        started.append(emulator)
        emulator.start()
        return Capture(emulator, template(tables, **settings))

    yield start
    for emulator in started:
        emulator.stop()
        print((tmp_path / "log").read_text())


@pytest.fixture
def source(database):
    with psycopg.connect(database, autocommit=True) as connection:
        yield connection


def brief(record: dict) -> tuple:
    return record["metadata"]["table-name"], record["metadata"]["operation"], record.get("data")


def replications(capture: Capture) -> list[int]:
    """The process ids of the emulator's replications."""
    found = subprocess.run(
        ["ps", "-ww", "-o", "pid=,args=", "--ppid", str(capture.emulator.process.pid)],
        capture_output=True,
        text=True,
    ).stdout
    return [int(line.split()[0]) for line in found.splitlines() if "dms_replication.py" in line]


def test_changes_as_dms_writes_them(captured, source):
    capture = captured(
        """create table things (id int primary key, name text, long text);
        alter table things alter long set storage external;
        create table parts (a int, b text, n int, primary key (b, a));
        create table secret (id int primary key);
        create table _things (id int primary key)""",
        ["things", "parts"],
        objects={"partition-key-type": "primary-key"},
        IncludePartitionValue=True,
        PartitionIncludeSchemaTable=True,
    )
    source.execute("insert into things values (0, 'before the replication', null)")
    capture.start()
    source.execute("insert into things values (1, 'one', repeat('x', 9000)), (2, null, '')")
    source.execute("insert into secret values (1); insert into _things values (1)")
    source.execute("update things set name = 'uno' where id = 1")
    source.execute("update things set id = 3 where id = 2")
    source.execute("delete from things where id = 3")
    with source.transaction():
        source.execute("insert into parts values (1, 'b', 1)")
        source.execute("update parts set n = 2")
        source.execute("update parts set a = 7")
    source.execute("truncate parts")
    found = sorted(capture.changes(), key=lambda each: each["metadata"]["stream-position"])
    assert [brief(each) for each in found] == [
        ("things", "insert", {"id": 1, "name": "one", "long": "x" * 9000}),
        ("things", "insert", {"id": 2, "name": None, "long": ""}),
        ("things", "update", {"id": 1, "name": "uno"}),
        ("things", "update", {"id": 3, "name": None, "long": ""}),
        ("things", "delete", {"id": 3, "name": None, "long": None}),
        ("parts", "insert", {"a": 1, "b": "b", "n": 1}),
        ("parts", "update", {"a": 1, "b": "b", "n": 2}),
        ("parts", "update", {"a": 7, "b": "b", "n": 2}),
        ("parts", "truncate-table", None),
    ]
    assert [each.get("before-image") for each in found] == [
        *(None, None, {}, {"id": 2}, None),
        *(None, {}, {"a": 1}, None),
    ]
    assert [each["metadata"]["transaction-record-id"] for each in found] == [1, 2, 1, 1, 1, 1, 2, 3, 1]
    previous = [each["metadata"].get("prev-transaction-record-id") for each in found]
    assert previous == [None, None, 2, 1, 1, 1, 1, 1, 3]
    transactions = [each["metadata"]["transaction-id"] for each in found]
    assert [each["metadata"].get("prev-transaction-id") for each in found][2:6] == [
        transactions[0],
        transactions[2],
        transactions[3],
        transactions[4],
    ]
    assert all(POSITION.fullmatch(each["metadata"]["stream-position"]) for each in found)
    assert [each["key"] for each in found][:6] == [
        *("public.things.1", "public.things.2", "public.things.1"),
        *("public.things.3", "public.things.3", "public.parts.b.1"),
    ]
    assert found[0]["metadata"]["partition-key-value"] == "public.things.1"
    control = [each for each in capture.records() if each["metadata"]["operation"] == "create-table"]
    assert sorted(each["metadata"]["table-name"] for each in control) == ["parts", "things"]
    assert all(each["metadata"]["partition-key-type"] == "task-id" for each in control)


def test_rows_that_swap_their_keys_are_two_updates_of_one_transaction(captured, source):
    # PostgreSQL takes no deferrable key as a table's replica identity.
    capture = captured(
        """create table seats (id int primary key deferrable initially deferred, name text);
        alter table seats replica identity full;
        insert into seats values (1, 'one'), (2, 'two')""",
        ["seats"],
    )
    capture.start()
    source.execute("update seats set id = 3 - id")
    with source.transaction():
        source.execute("insert into seats values (2, 'new')")
        source.execute("update seats set id = 3 where name = 'one'")
    found = sorted(capture.changes(), key=lambda each: each["metadata"]["stream-position"])
    assert [(*brief(each)[1:], each.get("before-image")) for each in found] == [
        ("update", {"id": 2, "name": "one"}, {"id": 1}),
        ("update", {"id": 1, "name": "two"}, {"id": 2}),
        ("insert", {"id": 2, "name": "new"}, None),
        ("update", {"id": 3, "name": "one"}, {"id": 2}),
    ]
    told = [each["metadata"] for each in found]
    assert [each["transaction-record-id"] for each in told] == [1, 2, 1, 2]
    for first, second in (told[:2], told[2:]):
        assert first["commit-timestamp"] == second["commit-timestamp"]
    assert told[0]["commit-timestamp"] < told[2]["commit-timestamp"]


def test_a_table_without_a_key_tells_whole_rows_when_its_identity_is_full(captured, source):
    capture = captured(
        "create table visits (what text, at int, long text); alter table visits replica identity full;"
        "alter table visits alter long set storage external",
        ["visits"],
        objects={"partition-key-type": "schema-table"},
        before="all",
    )
    capture.start()
    source.execute(
        "insert into visits values ('in', null, 'x'), ('in', null, 'x'), ('out', 1, repeat('y', 9000))"
    )
    source.execute("update visits set at = 2 where ctid = (select min(ctid) from visits where what = 'in')")
    source.execute("update visits set at = 3 where what = 'out'")
    source.execute("delete from visits where at is null")
    places = {}
    for each in capture.changes():
        place = each["metadata"]["stream-position"], each["metadata"]["transaction-record-id"]
        places[place] = (each["metadata"]["operation"], each["data"], each.get("before-image"))
    one, long = {"what": "in", "at": None, "long": "x"}, "y" * 9000
    assert [places[place] for place in sorted(places)] == [
        ("insert", one, None),
        ("insert", one, None),
        ("insert", {"what": "out", "at": 1, "long": long}, None),
        ("update", one | {"at": 2}, one),
        ("update", {"what": "out", "at": 3}, {"what": "out", "at": 1, "long": long}),
        ("delete", one, None),
    ]


def test_values_as_dms_writes_them(captured, source):
    capture = captured(
        """create domain cents as numeric(12,2);
        create table things (id bigint primary key, small smallint, yes boolean, no boolean, price cents,
        exact numeric(38,10), any_number numeric, huge numeric(50,2), nan numeric, single real, twice double precision,
        infinite double precision, day date, at timestamp, at_second timestamp(0), moment timestamptz, clock time,
        bytes bytea, doc json, docb jsonb, id2 uuid, list int[], span interval, words text, word char(4))""",
        ["things"],
        UseLargeIntegerValue=True,
    )
    capture.start()
    source.execute(
        r"""set timezone = 'Asia/Kathmandu';
        insert into things values (9007199254740993, -1, true, false, 12345678.90,
        1234567890123456789012345678.0123456789, 1e20, 1, 'NaN', 0.1, 0.1, '-infinity', '2024-02-29',
        '2024-07-29 00:58:17.98367', '2024-07-29 00:58:17', '2024-07-29 06:43:17+05:45', '04:13:38', '\x00ff',
        '{"a": 1}', '{"a":1}', '0f0e0d0c-0b0a-0908-0706-050403020100',
        '{1,null}', '1 day', E'a"b\\c\n\u00e9\u2028', 'ab')"""
    )
    (record,) = capture.changes()
    data = json.loads(
        next(row["data"] for row in capture.bronze() if row["operation"] == "insert"), parse_float=str
    )
    assert record["data"]["id"] == 9007199254740993
    expected = {
        **{"small": -1, "yes": "true", "no": "false", "nan": "NaN", "huge": "1.00"},
        **{"infinite": "-Infinity", "day": "2024-02-29", "at": "2024-07-29T00:58:17.983670Z"},
        **{"at_second": "2024-07-29T00:58:17Z", "moment": "2024-07-29T00:58:17.000000Z", "clock": "04:13:38"},
        **{"bytes": "0x00ff", "doc": '{"a": 1}', "docb": '{"a": 1}', "list": "{1,NULL}", "span": "1 day"},
        **{"id2": "0f0e0d0c-0b0a-0908-0706-050403020100", "words": 'a"b\\c\n\u00e9\u2028', "word": "ab  "},
    }
    assert {name: record["data"][name] for name in expected} == expected
    assert data["words"] == expected["words"]
    (text,) = [text for _, text in raw(capture) if b'"insert"' in text]
    for written in (
        b'"price":12345678.90,',
        b'"exact":1234567890123456789012345678.0123456789,',
        b'"single":0.1,',
    ):
        assert written in text


def raw(capture: Capture) -> list[tuple[str, bytes]]:
    kinesis, found = capture.emulator.client("kinesis"), []
    for shard in kinesis.list_shards(StreamName="changes")["Shards"]:
        at = kinesis.get_shard_iterator(
            StreamName="changes", ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )
        for each in kinesis.get_records(ShardIterator=at["ShardIterator"])["Records"]:
            found.append((each["PartitionKey"], each["Data"]))
    return found


def test_without_its_settings_dms_tells_less(captured, source):
    capture = captured(
        "create table things (id bigint primary key, name text, gone text)",
        ["things"],
        IncludeTransactionDetails=False,
        IncludeNullAndEmpty=False,
    )
    capture.start()
    source.execute("insert into things values (9007199254740993, '', null)")
    (record,) = capture.changes()
    assert record["data"] == {"id": 9007199254740992}
    assert set(record["metadata"]) == {
        *("timestamp", "record-type", "operation", "partition-key-type", "schema-name", "table-name"),
        "transaction-id",
    }
    assert (record["metadata"]["partition-key-type"], record["key"]) == ("schema-table", "public.things")


def test_a_full_load_comes_first_and_fits_the_changes(captured, source):
    capture = captured(
        """create table things (id int primary key, n int);
        insert into things select g, 0 from generate_series(1, 3000) g""",
        ["things"],
        kind="full-load-and-cdc",
    )
    capture.start()
    source.execute("update things set n = 1 where id = 1; delete from things where id = 2")
    found = capture.changes()
    loaded = [each for each in found if each["metadata"]["operation"] == "load"]
    assert sorted(each["data"]["id"] for each in loaded) == list(range(1, 3001))
    assert "stream-position" not in loaded[0]["metadata"] and "transaction-id" not in loaded[0]["metadata"]
    assert (loaded[0]["metadata"]["partition-key-type"], loaded[0]["key"]) == (
        "primary-key",
        str(loaded[0]["data"]["id"]),
    )
    changes = [brief(each)[1:] for each in found if each not in loaded]
    assert changes == [("update", {"id": 1, "n": 1}), ("delete", {"id": 2, "n": None})]
    time.sleep(1)  # statistics are told now and then
    (table,) = capture.dms.describe_replication_table_statistics(ReplicationConfigArn=capture.arn)[
        "ReplicationTableStatistics"
    ]
    assert (table["FullLoadRows"], table["Updates"], table["Deletes"]) == (3000, 1, 1)


def test_states_of_a_replication(captured, source, database):
    capture = captured("create table things (id int primary key)", ["things"])
    dms, arn = capture.dms, {"ReplicationConfigArn": capture.arn}
    assert capture.status() == "created"

    def refused(call, code: str, **arguments) -> None:
        with pytest.raises(ClientError) as caught:
            call(**arguments)
        assert caught.value.response["Error"]["Code"] == code

    refused(dms.stop_replication, "InvalidResourceStateFault", **arn)
    resume = {**arn, "StartReplicationType": "resume-processing"}
    refused(dms.start_replication, "InvalidParameterCombinationException", **resume)
    start = {**arn, "StartReplicationType": "start-replication"}
    assert dms.start_replication(**start)["Replication"]["Status"] == "initializing"
    seen = [capture.status()]
    while seen[-1] != "running":
        if (status := capture.status()) != seen[-1]:
            seen.append(status)
    assert set(seen) <= {*STATES, "running"} and len(seen) > 2
    change = {**arn, "ComputeConfig": {"MaxCapacityUnits": 4}}
    refused(dms.modify_replication_config, "InvalidResourceStateFault", **change)
    refused(dms.start_replication, "InvalidResourceStateFault", **start)
    with pytest.raises(RuntimeError, match="UPDATE_ROLLBACK_COMPLETE"):
        capture.deploy(template(["things", "others"]))
    capture.stop()
    source.execute("insert into things values (1)")
    refused(dms.start_replication, "InvalidParameterCombinationException", **start)
    assert dms.modify_replication_config(**change)["ReplicationConfig"]["ComputeConfig"] == {
        "MaxCapacityUnits": 4
    }
    capture.start("resume-processing")
    assert [brief(each)[1:] for each in capture.changes()] == [("insert", {"id": 1})]
    unknown = {"ReplicationConfigArn": f"{capture.arn}X"}
    refused(dms.stop_replication, "ResourceNotFoundFault", **unknown)
    capture.stop()
    stacks = capture.emulator.client("cloudformation")
    stacks.delete_stack(StackName="capture")
    while source.execute("select 1 from pg_replication_slots where database = current_database()").fetchone():
        time.sleep(0.05)
    assert dms.describe_replication_configs()["ReplicationConfigs"] == []


def test_what_can_not_run_has_failed_and_says_why(captured):
    capture = captured("create table things (id int primary key)", ["nothing"])
    capture.dms.start_replication(ReplicationConfigArn=capture.arn, StartReplicationType="start-replication")
    assert capture.until("running", "failed") == "failed"
    (replication,) = capture.dms.describe_replications()["Replications"]
    assert "no table of the source" in replication["FailureMessages"][0]


def test_a_role_that_may_not_read_the_secret_stops_the_replication(captured):
    capture = captured("create table things (id int primary key)", ["things"])
    iam = capture.emulator.client("iam")
    iam.delete_role_policy(RoleName="reader", PolicyName="own")
    capture.dms.start_replication(ReplicationConfigArn=capture.arn, StartReplicationType="start-replication")
    assert capture.until("running", "failed") == "failed"
    (replication,) = capture.dms.describe_replications()["Replications"]
    assert f"secretsmanager:GetSecretValue on resource: {SECRET}" in replication["FailureMessages"][0]


def test_nothing_is_lost_when_a_replication_or_everything_is_killed(captured, source):
    capture = captured("create table things (id int primary key, pad text)", ["things"])
    capture.start()
    insert = "insert into things select g, repeat('x', 200) from generate_series({}, {}) g"
    for at in range(0, 6000, 500):
        source.execute(insert.format(at + 1, at + 500))
        if at == 2000:
            (process,) = replications(capture)
            os.kill(process, signal.SIGKILL)
        if at == 4000:
            capture.emulator.kill()
    capture.emulator.start()
    capture.until("running")
    source.execute(insert.format(6001, 6500))
    found = [
        json.loads(row["data"])["id"]
        for row in (capture.changes() and capture.bronze())
        if row["operation"] == "insert"
    ]
    assert sorted(set(found)) == list(range(1, 6501))


def test_a_replication_goes_on_when_nobody_reads_its_log(database, tmp_path, port, source):
    source.execute("create table things (id int primary key)")
    emulator = Emulator(port, tmp_path, database)
    reader, log = os.pipe()
    os.close(reader)
    emulator.start(log)
    os.close(log)
    try:
        capture = Capture(emulator, template(["things"]))
        capture.start()
        source.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where backend_type = 'walsender'"
        )
        source.execute("insert into things values (1)")
        assert [brief(each) for each in capture.changes()] == [("things", "insert", {"id": 1})]
        assert capture.status() == "running"
    finally:
        emulator.stop()


def test_duplicates_and_disorder_on_demand(captured, source):
    capture = captured("create table things (id int primary key)", ["things"])
    capture.emulator.tell("dms", {"duplicates": 0.2, "disorder": 0.2, "seed": 1})
    capture.start()
    source.execute("insert into things select generate_series(1, 1000)")
    found = [each["data"]["id"] for each in capture.changes()]
    assert set(found) == set(range(1, 1001))
    assert 1100 < len(found) < 1300
    assert found != sorted(found)


def test_a_changed_table_is_told(captured, source):
    capture = captured(
        "create table things (id int primary key, old text)", ["things"], IncludeControlDetails=True
    )
    capture.start()
    source.execute("insert into things values (1, 'a')")
    source.execute("alter table things add column new int, drop column old")
    source.execute("insert into things values (2, 5)")
    found = capture.changes()
    assert [brief(each)[1:] for each in sorted(found, key=lambda each: each["metadata"]["timestamp"])] == [
        ("insert", {"id": 1, "old": "a"}),
        ("add-column", None),
        ("drop-column", None),
        ("insert", {"id": 2, "new": 5}),
    ]
    (control,) = [each for each in found if each["metadata"]["operation"] == "add-column"]
    assert control["control"]["table-def"]["columns"]["new"] == {"type": "INT32", "nullable": True}
    assert control["control"]["table-def"]["primary-key"] == ["id"]


def test_what_kinesis_has_not_taken_is_not_acknowledged(captured, source):
    capture = captured("create table things (id int primary key)", ["things"])
    capture.start()
    iam = capture.emulator.client("iam")
    policy = iam.get_role_policy(RoleName="writer", PolicyName="own")["PolicyDocument"]
    iam.delete_role_policy(RoleName="writer", PolicyName="own")
    source.execute("insert into things select generate_series(1, 300)")  # less than one request
    time.sleep(1)
    assert {brief(each)[1] for each in capture.records()} == {"create-table"}
    (process,) = replications(capture)
    os.kill(process, signal.SIGKILL)
    iam.put_role_policy(RoleName="writer", PolicyName="own", PolicyDocument=json.dumps(policy))
    assert {each["data"]["id"] for each in capture.changes()} == set(range(1, 301))


def test_a_lost_connection_is_waited_for_and_what_the_server_refuses_is_not(database):
    """A server that was killed while its log was read: seen word by word."""
    lost = psycopg2.DatabaseError("error with status PGRES_COPY_BOTH and no message from the libpq")
    assert dms_replication.passes(lost)
    with pytest.raises(psycopg2.OperationalError) as away:
        psycopg2.connect("postgresql://127.0.0.1:1/nowhere")
    assert dms_replication.passes(away.value)
    connection = psycopg2.connect(database)
    with pytest.raises(psycopg2.DatabaseError) as refused:
        connection.cursor().execute("select from nothing")
    connection.close()
    assert not dms_replication.passes(refused.value)
