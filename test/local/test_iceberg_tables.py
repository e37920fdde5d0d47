"""Glue's Iceberg table API on a real catalogue."""

import pyarrow
import pytest
from aws_error import AwsError
from iceberg_tables import IcebergTables


@pytest.fixture
def tables(catalog):
    return IcebergTables(catalog)


FIELDS = [
    {"Id": 1, "Name": "id", "Type": "long", "Required": False},
    {"Id": 2, "Name": "amount", "Type": "decimal(12,2)", "Required": False, "Doc": "in euro"},
    {"Id": 3, "Name": "at", "Type": "timestamptz", "Required": False},
    {
        "Id": 7,
        "Name": "positions",
        "Type": {
            "type": "map",
            "key-id": 8,
            "key": "string",
            "value-id": 9,
            "value": "string",
            "value-required": False,
        },
        "Required": False,
    },
]


def create(bucket, namespace, name="things", fields=FIELDS, spec=None):
    table = {
        "Location": f"s3://{bucket}/{namespace}/{name}/",
        "Schema": {"Type": "struct", "Fields": fields},
        "Properties": {"write.delete.mode": "merge-on-read"},
    }
    if spec:
        table["PartitionSpec"] = {"Fields": spec}
    return {
        "DatabaseName": namespace,
        "Name": name,
        "OpenTableFormatInput": {
            "IcebergInput": {"MetadataOperation": "CREATE", "Version": "2", "CreateIcebergTableInput": table}
        },
    }


def update(bucket, namespace, *updates):
    location = f"s3://{bucket}/{namespace}/things"
    changes = [{"Schema": {"Fields": FIELDS}, "Location": location, **each} for each in updates]
    return {
        "DatabaseName": namespace,
        "Name": "things",
        "UpdateOpenTableFormatInput": {
            "UpdateIcebergInput": {"UpdateIcebergTableInput": {"Updates": changes}}
        },
    }


def test_creates_what_was_asked_for_and_keeps_field_ids(tables, catalog, bucket, namespace):
    spec = [
        {"SourceId": 3, "Transform": "day", "Name": "at_day"},
        {"SourceId": 1, "Transform": "bucket[16]", "Name": "b"},
    ]
    assert tables.handle("CreateTable", create(bucket, namespace, spec=spec)) == {}
    made = catalog.load_table((namespace, "things"))
    assert [(field.field_id, field.name, str(field.field_type)) for field in made.schema().fields] == [
        (1, "id", "long"),
        (2, "amount", "decimal(12, 2)"),
        (3, "at", "timestamptz"),
        (7, "positions", "map<string, string>"),
    ]
    assert made.schema().find_field("positions.value").field_id == 9
    assert [(field.field_id, str(field.transform)) for field in made.spec().fields] == [
        (1000, "day"),
        (1001, "bucket[16]"),
    ]
    assert (made.format_version, made.location()) == (2, f"s3://{bucket}/{namespace}/things")
    assert made.properties["write.delete.mode"] == "merge-on-read"


def test_refuses_what_glue_refuses(tables, bucket, namespace):
    tables.handle("CreateTable", create(bucket, namespace))
    missing = create(bucket, namespace, "other")
    del missing["OpenTableFormatInput"]["IcebergInput"]["CreateIcebergTableInput"]["Location"]
    bad_type = create(
        bucket, namespace, "other", [{"Id": 1, "Name": "a", "Type": "varchar(3)", "Required": False}]
    )
    same_id = create(
        bucket, namespace, "other", [{"Id": 1, "Name": n, "Type": "int", "Required": False} for n in "ab"]
    )
    for request, code in (
        (create(bucket, namespace), "AlreadyExistsException"),
        (create(bucket, "nowhere"), "EntityNotFoundException"),
        (create(bucket, namespace, "Upper"), "InvalidInputException"),
        (missing, "InvalidInputException"),
        (bad_type, "InvalidInputException"),
        (same_id, "InvalidInputException"),
    ):
        with pytest.raises(AwsError) as error:
            tables.handle("CreateTable", request)
        assert error.value.code == code
    with pytest.raises(AwsError, match="EntityNotFoundException"):
        tables.handle("UpdateTable", {**update(bucket, namespace, {}), "Name": "absent"})


def test_an_update_adds_widens_and_renames_without_touching_rows(tables, catalog, bucket, namespace):
    fields = [{"Id": 1, "Name": "id", "Type": "int", "Required": False}, *FIELDS[1:3]]
    tables.handle("CreateTable", create(bucket, namespace, fields=fields))
    made = catalog.load_table((namespace, "things"))
    made.append(pyarrow.table({"id": pyarrow.array([1], pyarrow.int32())}))
    wanted = [
        {"Id": 1, "Name": "number", "Type": "long", "Required": False},
        *FIELDS[1:3],
        {"Id": 4, "Name": "note", "Type": "string", "Required": False},
    ]
    change = {"Schema": {"Fields": wanted}, "Properties": {"a": "b"}}
    tables.handle("UpdateTable", update(bucket, namespace, change))
    tables.handle("UpdateTable", update(bucket, namespace, change))
    made = catalog.load_table((namespace, "things"))
    assert made.scan().to_arrow().to_pylist() == [{"number": 1, "amount": None, "at": None, "note": None}]
    assert made.properties["a"] == "b"
    assert len(made.metadata.schemas) == 2


def test_actions_do_one_thing_each(tables, catalog, bucket, namespace):
    tables.handle("CreateTable", create(bucket, namespace))
    wider = {"Schema": {"Fields": [*FIELDS, {"Id": 10, "Name": "note", "Type": "string", "Required": False}]}}
    tables.handle("UpdateTable", update(bucket, namespace, {**wider, "Action": "add-schema"}))
    assert "note" not in catalog.load_table((namespace, "things")).schema().column_names
    tables.handle(
        "UpdateTable",
        update(
            bucket,
            namespace,
            {**wider, "Action": "set-current-schema"},
            {"Action": "set-properties", "Properties": {"x": "1", "y": "2"}},
            {"Action": "remove-properties", "Properties": {"x": ""}},
        ),
    )
    made = catalog.load_table((namespace, "things"))
    assert "note" in made.schema().column_names
    assert "x" not in made.properties and made.properties["y"] == "2"
