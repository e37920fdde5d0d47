"""Snapshots of a real PostgreSQL, exported to ministack's S3."""

import io
import json
import time

import psycopg
import pyarrow.parquet
import pytest
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
"""


@pytest.fixture
def rds(database, s3, tmp_path):
    with psycopg.connect(database) as connection:
        connection.execute(SCHEMA)
    return RdsExport({"acme": database}, s3, tmp_path / "rds")


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
    made = rds.create_snapshot("acme")
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


def test_an_export_says_what_it_holds(rds, s3, bucket):
    rds.create_snapshot("acme")
    rds.handle("StartExportTask", start(rds, bucket))
    finished(rds)
    infos = [key for key in keys(s3, bucket) if key.startswith("export_tables_info_e1_from_1_to_")]
    read = lambda key: json.load(s3.get_object(Bucket=bucket, Key=f"exports/e1/{key}")["Body"])  # noqa: E731
    statuses = {each["target"].partition(".")[2]: each for each in read(infos[0])["perTableStatus"]}
    assert statuses["public.things"]["status"] == "COMPLETE"
    assert statuses["public.nothing"]["status"] == "COMPLETE"
    assert statuses["public.skipped"]["status"] == "SKIPPED"
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
    rds.create_snapshot("acme")
    rds.handle("StartExportTask", start(rds, bucket, ExportOnly=[f"{name}.other"]))
    finished(rds)
    folders = {key.split("/")[1] for key in keys(s3, bucket) if "/" in key}
    assert folders == {"other.things"}


def test_refuses_what_rds_refuses(rds, s3, bucket):
    rds.create_snapshot("acme")
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
    rds.create_snapshot("acme")
    rds.handle("StartExportTask", start(rds, bucket))
    finished(rds)
    parts = [key for key in keys(s3, bucket) if "public.nothing/1/part-" in key]
    tables = [table(s3, bucket, key) for key in parts]
    assert [each.num_rows for each in tables] == [400, 400, 200]
    assert sorted(row for each in tables for row in each["a"].to_pylist()) == list(range(1, 1001))


def test_only_the_newest_snapshots_are_kept(rds):
    made = [rds.create_snapshot("acme")["DBSnapshotIdentifier"] for _ in range(9)]
    left = rds.handle("DescribeDBSnapshots", {})["DBSnapshots"]
    assert [each["DBSnapshotIdentifier"] for each in left] == made[-7:]


def test_snapshots_and_unfinished_exports_survive_the_process(rds, s3, bucket, tmp_path):
    first, second = rds.create_snapshot("acme"), rds.create_snapshot("acme")
    assert first["DBSnapshotIdentifier"] != second["DBSnapshotIdentifier"]
    request = start(rds, bucket)
    rds._start = lambda task: None  # the process dies before the export begins
    rds.handle("StartExportTask", request)
    (tmp_path / "rds" / "snapshots" / "rds_acme-2020-01-01-00-00.partial").mkdir()
    again = RdsExport(rds.backups.instances, s3, tmp_path / "rds")
    assert finished(again)["Status"] == "COMPLETE"
    assert "export_info_e1.json" in keys(s3, bucket)
    listed = again.handle(
        "DescribeDBSnapshots", {"DBInstanceIdentifier": "acme", "SnapshotType": "automated"}
    )
    assert [each["DBSnapshotIdentifier"] for each in listed["DBSnapshots"]] == [
        first["DBSnapshotIdentifier"],
        second["DBSnapshotIdentifier"],
    ]
