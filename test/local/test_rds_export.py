"""Snapshots of a real PostgreSQL, exported to ministack's S3."""

import io
import json
import time

import iam_resources
import psycopg
import pyarrow.parquet
import pytest
import rds_backups
import rds_snapshot
from aws_error import AwsError
from rds_export import RdsExport

SCHEMA = """
create table things (
  id bigint primary key, small smallint, n int, r real, d double precision, ok boolean, raw bytea,
  amount numeric(12,2), day date, at timestamptz, local timestamp, note text, tags text[], doc jsonb);
insert into things values
  (9007199254740993, 1, 2, 1.5, 'NaN', true, '\\x00ff', 10.50, '2026-11-20', '2026-11-20 12:00:00.123456+02',
   '2026-11-20 12:00:00', E'a "quoted",\\nline', '{a,b}', '{"a": 1}'),
  (2, null, null, null, '-Infinity', false, null, null, null, null, null, '', null, null);
create table nothing (a int);
create schema other;
create table other.things (a int);
create table skipped ("a b" int);
create unlogged table scratch (a int);
"""


@pytest.fixture
def rds(database, s3, tmp_path):
    with psycopg.connect(database) as connection:
        connection.execute(SCHEMA)
    return RdsExport({"db:acme": database, "cluster:acme": database}, lambda role: s3, tmp_path / "rds")


def start(rds, bucket, identifier="e1", **request):
    snapshot = rds.handle("DescribeDBSnapshots", {})["DBSnapshots"][-1]
    return {
        "ExportTaskIdentifier": identifier,
        "SourceArn": snapshot["DBSnapshotArn"],
        "S3BucketName": bucket,
        "S3Prefix": "exports/",
        "IamRoleArn": "arn:aws:iam::000000000000:role/export",
        "KmsKeyId": "arn:aws:kms:us-east-1:000000000000:key/k",
        **request,
    }


def finished(rds, identifier="e1"):
    for _ in range(500):
        task = rds.handle("DescribeExportTasks", {"ExportTaskIdentifier": identifier})["ExportTasks"][0]
        if task["Status"] not in ("STARTING", "IN_PROGRESS", "CANCELING"):
            return task
        time.sleep(0.01)
    raise AssertionError(task)


def keys(s3, bucket, prefix="exports/e1/"):
    found = s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
    return [item["Key"].removeprefix(prefix) for item in found]


def table(s3, bucket, key):
    body = s3.get_object(Bucket=bucket, Key=f"exports/e1/{key}")["Body"].read()
    return pyarrow.parquet.read_table(io.BytesIO(body))


def code(rds, action, request):
    with pytest.raises(AwsError) as error:
        rds.handle(action, request)
    return error.value.code


def test_an_export_holds_the_rows_of_the_snapshot_in_the_layout_and_types_of_rds(rds, database, s3, bucket):
    name = psycopg.conninfo.conninfo_to_dict(database)["dbname"]
    made = rds.create_snapshot("db:acme")
    assert made["DBSnapshotIdentifier"].startswith("rds:acme-20") and made["DBInstanceIdentifier"] == "acme"
    with psycopg.connect(database) as connection:
        connection.execute("delete from things")
    assert rds.handle("StartExportTask", start(rds, bucket))["Status"] == "STARTING"
    done = finished(rds)
    assert (done["Status"], done["PercentProgress"]) == ("COMPLETE", 100)
    found = keys(s3, bucket)
    parts = [key for key in found if key.startswith(f"{name}/public.things/1/part-00000-")]
    assert len(parts) == 1 and parts[0].endswith("-c000.gz.parquet")
    rows = table(s3, bucket, parts[0])
    assert [str(kind) for kind in rows.schema.types] == [
        *("int64", "int16", "int32", "float", "double", "bool", "binary"),
        *["string"] * 7,
    ]
    first, second = rows.to_pylist()
    assert first["d"] != first["d"] and second["d"] == float("-inf")
    del first["d"]
    assert first == {
        "id": 9007199254740993,
        "small": 1,
        "n": 2,
        "r": 1.5,
        "ok": True,
        "raw": b"\x00\xff",
        "amount": "10.50",
        "day": "2026-11-20",
        "at": "2026-11-20 10:00:00.123456+00",
        "local": "2026-11-20 12:00:00",
        "note": 'a "quoted",\nline',
        "tags": "{a,b}",
        "doc": '{"a": 1}',
    }
    assert (second["note"], second["amount"], second["raw"]) == ("", None, None)
    assert not any("public.nothing" in key or "public.skipped" in key for key in found)


def test_a_table_that_the_user_may_not_read_is_skipped(rds, s3, bucket, database):
    user = f"reader_{database.rpartition('/')[2]}"
    with psycopg.connect(database) as connection:
        connection.execute(f"create role {user} login password 'x'; grant select on things to {user}")
        connection.execute(f"grant select on other.things to {user}")  # without its schema
    host = database.rpartition("@")[2]
    rds.backups.databases["db:acme"] = f"postgresql://{user}:x@{host}"
    tables = {f"{t['schema']}.{t['table']}": t for t in snapshot_of(rds)["tables"]}
    assert "skipped" not in tables["public.things"]
    for table in ("public.nothing", "other.things"):
        assert tables[table]["skipped"].startswith("PERMISSIONS_DO_NOT_EXIST")


def snapshot_of(rds):
    arn = rds.create_snapshot("db:acme")["DBSnapshotArn"]
    return json.loads((rds.backups.path(arn) / "snapshot.json").read_text())


def test_an_export_says_what_it_holds(rds, s3, bucket):
    rds.create_snapshot("db:acme")
    rds.handle("StartExportTask", start(rds, bucket))
    finished(rds)
    infos = [key for key in keys(s3, bucket) if key.startswith("export_tables_info_e1_from_1_to_")]
    read = lambda key: json.load(s3.get_object(Bucket=bucket, Key=f"exports/e1/{key}")["Body"])  # noqa: E731
    statuses = {each["target"].partition(".")[2]: each for each in read(infos[0])["perTableStatus"]}
    assert statuses["public.things"]["status"] == "COMPLETE"
    assert statuses["public.nothing"]["status"] == "COMPLETE"
    for table, why in (("skipped", "column 'a b'"), ("scratch", "an unlogged table")):
        left_out = statuses[f"public.{table}"]
        assert left_out["status"] == "SKIPPED" and left_out["warningMessage"].startswith(why)
    mappings = statuses["public.things"]["schemaMetadata"]["originalTypeMappings"]
    amount = next(each for each in mappings if each["columnName"] == "amount")
    assert (amount["originalType"], amount["expectedExportedType"]) == ("numeric", "binary (UTF8)")
    assert amount["originalNumPrecision"] == 12
    info = read("export_info_e1.json")
    assert (info["status"], info["percentProgress"], info["exportedFilesPath"]) == (
        "COMPLETE",
        100,
        "exports/e1",
    )


def test_only_what_was_asked_for_is_exported(rds, database, s3, bucket):
    name = psycopg.conninfo.conninfo_to_dict(database)["dbname"]
    with psycopg.connect(database) as connection:
        connection.execute("insert into other.things values (1)")
    rds.create_snapshot("db:acme")
    rds.handle("StartExportTask", start(rds, bucket, ExportOnly=[f"{name}.other"]))
    finished(rds)
    folders = {key.split("/")[1] for key in keys(s3, bucket) if "/" in key}
    assert folders == {"other.things"}


def test_refuses_what_rds_refuses(rds, s3, bucket):
    rds.create_snapshot("db:acme")
    request = start(rds, bucket)
    rds.handle("StartExportTask", request)
    assert code(rds, "StartExportTask", request) == "ExportTaskAlreadyExists"
    for change, expected in (
        ({"ExportTaskIdentifier": "1-a"}, "InvalidParameterValue"),
        ({"ExportTaskIdentifier": "a--b"}, "InvalidParameterValue"),
        ({"SourceArn": request["SourceArn"] + "x"}, "DBSnapshotNotFound"),
        ({"S3BucketName": "no-such-bucket-here"}, "InvalidS3BucketFault"),
        ({"ExportOnly": ["a.b.c.d"]}, "InvalidExportOnly"),
        ({"KmsKeyId": ""}, "MissingParameter"),
    ):
        assert code(rds, "StartExportTask", {**request, "ExportTaskIdentifier": "e2", **change}) == expected
    assert code(rds, "DescribeExportTasks", {"ExportTaskIdentifier": "e9"}) == "ExportTaskNotFound"
    finished(rds)
    assert code(rds, "CancelExportTask", {"ExportTaskIdentifier": "e1"}) == "InvalidExportTaskStateFault"


def test_big_tables_have_several_parts_and_nothing_is_lost(rds, database, s3, bucket, monkeypatch):
    monkeypatch.setattr(rds_snapshot, "ROWS_PER_PART", 400)
    with psycopg.connect(database) as connection:
        connection.execute("insert into nothing select generate_series(1, 1000)")
    rds.create_snapshot("db:acme")
    rds.handle("StartExportTask", start(rds, bucket))
    finished(rds)
    parts = [key for key in keys(s3, bucket) if "public.nothing/1/part-" in key]
    tables = [table(s3, bucket, key) for key in parts]
    assert [each.num_rows for each in tables] == [400, 400, 200]
    assert sorted(row for each in tables for row in each["a"].to_pylist()) == list(range(1, 1001))


def test_only_the_newest_snapshots_are_kept(rds):
    made = [rds.create_snapshot("db:acme")["DBSnapshotIdentifier"] for _ in range(9)]
    left = rds.handle("DescribeDBSnapshots", {})["DBSnapshots"]
    assert [each["DBSnapshotIdentifier"] for each in left] == made[-7:]


def test_snapshots_and_unfinished_exports_survive_the_process(rds, s3, bucket, tmp_path):
    first, second = rds.create_snapshot("db:acme"), rds.create_snapshot("db:acme")
    assert first["DBSnapshotIdentifier"] != second["DBSnapshotIdentifier"]
    request = start(rds, bucket)
    rds._start = lambda task: None  # the process dies before the export begins
    rds.handle("StartExportTask", request)
    unfinished = rds.backups.path(second["DBSnapshotArn"]).with_name("rds_acme-2020-01-01-00-00.partial")
    unfinished.mkdir()
    again = RdsExport(rds.backups.databases, lambda role: s3, tmp_path / "rds")
    assert finished(again)["Status"] == "COMPLETE" and not unfinished.exists()
    assert "export_info_e1.json" in keys(s3, bucket)
    listed = again.handle(
        "DescribeDBSnapshots", {"DBInstanceIdentifier": "acme", "SnapshotType": "automated"}
    )
    assert [each["DBSnapshotIdentifier"] for each in listed["DBSnapshots"]] == [
        first["DBSnapshotIdentifier"],
        second["DBSnapshotIdentifier"],
    ]


def test_a_cluster_has_snapshots_of_its_own(rds, s3, bucket):
    rds.create_snapshot("db:acme")
    rds.create_snapshot("cluster:acme")
    found = rds.handle(
        "DescribeDBClusterSnapshots", {"DBClusterIdentifier": "acme", "SnapshotType": "automated"}
    )["DBClusterSnapshots"]
    assert [each["DBClusterIdentifier"] for each in found] == ["acme"]
    assert found[0]["DBClusterSnapshotIdentifier"].startswith("rds:acme-20")
    assert ":cluster-snapshot:rds:acme-20" in found[0]["DBClusterSnapshotArn"]
    rds.handle("StartExportTask", start(rds, bucket, SourceArn=found[0]["DBClusterSnapshotArn"]))
    assert finished(rds)["Status"] == "COMPLETE"
    assert any("public.things/1/part-" in key for key in keys(s3, bucket))


@pytest.mark.parametrize("kind, word", [("db", ""), ("cluster", "Cluster")])
def test_a_shared_snapshot_is_exported_by_its_copy_only(rds, s3, bucket, monkeypatch, kind, word):
    monkeypatch.setattr(rds_backups, "COPY_SECONDS", 0.3)
    owner, key = "444455556666", "arn:aws:kms:us-east-1:444455556666:key/k"
    shared = rds.create_snapshot(f"{kind}:acme", owner, key)
    arn, name = shared[f"DB{word}SnapshotArn"], f"DB{word}SnapshotIdentifier"
    assert (shared["SnapshotType"], shared[name], shared["KmsKeyId"]) == ("shared", arn, key)
    describe, of = f"DescribeDB{word}Snapshots", "DBClusterIdentifier" if word else "DBInstanceIdentifier"
    listed = lambda **request: [each[name] for each in rds.handle(describe, request)[f"DB{word}Snapshots"]]  # noqa: E731
    assert listed() == listed(SnapshotType="manual") == listed(SnapshotType="shared", **{of: "acme"}) == []
    assert listed(SnapshotType="shared") == listed(IncludeShared=True) == [arn]
    request = {
        "ExportTaskIdentifier": "e1",
        "SourceArn": arn,
        "S3BucketName": bucket,
        "S3Prefix": "exports",
        "IamRoleArn": "role",
        "KmsKeyId": "our-key",
    }
    assert code(rds, "StartExportTask", request) == "DBSnapshotNotFound"

    copying = {f"Source{name}": arn, f"Target{name}": "our-copy"}
    assert code(rds, f"CopyDB{word}Snapshot", copying) == "KMSKeyNotAccessibleFault"
    copying["KmsKeyId"] = "our-key"
    copy = rds.handle(f"CopyDB{word}Snapshot", copying)[f"DB{word}Snapshot"]
    assert (copy["Status"], copy["KmsKeyId"], copy["SnapshotType"]) == ("creating", "our-key", "manual")
    assert code(rds, f"CopyDB{word}Snapshot", copying).startswith(f"DB{word}SnapshotAlreadyExists")
    taken = "SnapshotCreateTime" if word else "OriginalSnapshotCreateTime"
    assert copy[taken] == shared[taken]
    request["SourceArn"] = copy[f"DB{word}SnapshotArn"]
    assert code(rds, "StartExportTask", request) == "InvalidExportSourceState"
    assert code(rds, f"DeleteDB{word}Snapshot", {name: "our-copy"}).startswith("InvalidDB")
    time.sleep(0.4)
    rds.handle("StartExportTask", request)
    assert finished(rds)["Status"] == "COMPLETE"
    assert any("public.things/1/part-" in key for key in keys(s3, bucket))
    rds.handle(f"DeleteDB{word}Snapshot", {name: "our-copy"})
    assert listed() == [] and listed(IncludeShared=True) == [arn]
    assert rds.backups.path(arn).exists()


@pytest.mark.parametrize("word, of", [("", "DBInstanceIdentifier"), ("Cluster", "DBClusterIdentifier")])
def test_a_snapshot_made_by_hand_is_exported_and_stays_until_it_is_deleted(rds, s3, bucket, word, of):
    name = {f"DB{word}SnapshotIdentifier": "by-hand"}
    made = rds.handle(f"CreateDB{word}Snapshot", name | {of: "acme"})[f"DB{word}Snapshot"]
    assert (made["SnapshotType"], made["Status"]) == ("manual", "available")
    for _ in range(rds_backups.RETAINED + 1):
        rds.create_snapshot("cluster:acme" if word else "db:acme")
    again = code(rds, f"CreateDB{word}Snapshot", name | {of: "acme"})
    assert again.startswith(f"DB{word}SnapshotAlreadyExists")
    rds.create_snapshot("db:acme")
    rds.handle("StartExportTask", start(rds, bucket, SourceArn=made[f"DB{word}SnapshotArn"]))
    assert finished(rds)["Status"] == "COMPLETE"
    rds.handle(f"DeleteDB{word}Snapshot", name)
    assert code(rds, f"DescribeDB{word}Snapshots", name).startswith(f"DB{word}SnapshotNotFound")
    unknown = code(rds, f"CreateDB{word}Snapshot", name | {of: "other"})
    assert unknown == "DBInstanceNotFound"


def test_the_copy_of_an_unencrypted_snapshot_of_a_cluster_stays_unencrypted(rds):
    shared = rds.create_snapshot("cluster:acme", "444455556666")
    copying = {
        "SourceDBClusterSnapshotIdentifier": shared["DBClusterSnapshotArn"],
        "TargetDBClusterSnapshotIdentifier": "our-copy",
    }
    refused = code(rds, "CopyDBClusterSnapshot", copying | {"KmsKeyId": "our-key"})
    assert refused == "InvalidParameterCombination"
    copy = rds.handle("CopyDBClusterSnapshot", copying)["DBClusterSnapshot"]
    assert copy["StorageEncrypted"] is False


def test_at_most_five_exports_are_under_way_in_an_account_whose_ever_they_are(rds, s3, bucket):
    first, second = rds.create_snapshot("db:acme"), rds.create_snapshot("db:acme")
    rds.occupy(5)
    assert code(rds, "StartExportTask", start(rds, bucket)) == "ExportTaskLimitReachedFault"
    rds.occupy(4)
    rds._start = lambda task: None
    rds.handle("StartExportTask", start(rds, bucket))
    same = start(rds, bucket, "e2")
    assert code(rds, "StartExportTask", same) == "InvalidExportSourceState"
    other = start(rds, bucket, "e2", SourceArn=first["DBSnapshotArn"])
    assert code(rds, "StartExportTask", other) == "ExportTaskLimitReachedFault"
    rds.occupy(3)
    assert rds.handle("StartExportTask", other)["Status"] == "STARTING"
    assert second["DBSnapshotArn"] == same["SourceArn"]


@pytest.mark.parametrize(
    "action, request_, expected",
    [
        (
            "StartExportTask",
            {"SourceArn": "arn:aws:rds:r:1:snapshot:rds:a"},
            "arn:aws:rds:r:1:snapshot:rds:a",
        ),
        ("DescribeExportTasks", {"ExportTaskIdentifier": "e"}, "*"),
        ("DescribeDBSnapshots", {"DBInstanceIdentifier": "acme"}, "arn:aws:rds:r:1:db:acme"),
        ("DescribeDBSnapshots", {"SnapshotType": "shared"}, "arn:aws:rds:r:1:snapshot:*"),
        ("DescribeDBClusterSnapshots", {"DBClusterIdentifier": "acme"}, "arn:aws:rds:r:1:cluster:acme"),
        (
            "CopyDBClusterSnapshot",
            {"SourceDBClusterSnapshotIdentifier": "theirs", "TargetDBClusterSnapshotIdentifier": "ours"},
            "arn:aws:rds:r:1:cluster-snapshot:ours",
        ),
        ("DeleteDBSnapshot", {"DBSnapshotIdentifier": "ours"}, "arn:aws:rds:r:1:snapshot:ours"),
    ],
)
def test_iam_looks_at_what_a_request_names(action, request_, expected):
    assert iam_resources.resource("rds", action, request_, "r", "1") == expected
