"""Schemas, partition specs and sort orders as Glue's API spells them, and as Iceberg does.

https://docs.aws.amazon.com/glue/latest/webapi/API_IcebergSchema.html
"""

from aws_error import AwsError
from pyiceberg.partitioning import PARTITION_FIELD_ID_START, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table.sorting import UNSORTED_SORT_ORDER, SortOrder


def invalid(message: str) -> AwsError:
    """Glue's answer to a request that is not well-formed."""
    return AwsError("InvalidInputException", message)


def require(given: dict, where: str, *fields: str) -> None:
    """Raises AwsError (InvalidInputException) when a field is missing or empty."""
    for field in fields:
        if not given.get(field):
            raise invalid(f"{where} lacks {field}, which is required")


def schema_of(given: dict, schema_id: int) -> Schema:
    """An IcebergSchema, with its field ids and this schema id."""
    fields = []
    for each in given.get("Fields") or []:
        for name in ("Id", "Name", "Type", "Required"):
            if each.get(name) is None:
                raise invalid(f"a field of Schema lacks {name}, which is required: {each}")
        field = {"id": each["Id"], "name": each["Name"], "type": each["Type"], "required": each["Required"]}
        fields.append(field | ({"doc": each["Doc"]} if each.get("Doc") else {}))
    if not fields:
        raise invalid("Schema has no Fields; give at least one")
    ids = given.get("IdentifierFieldIds") or []
    document = {"type": "struct", "schema-id": schema_id, "fields": fields, "identifier-field-ids": ids}
    used = [each["id"] for each in fields]
    if len(set(used)) < len(used):
        raise invalid(f"Schema gives an Id to two fields: {used}")
    return Schema.model_validate(document)


def spec_of(given: dict | None, spec_id: int, last_field_id: int | None = None) -> PartitionSpec:
    """An IcebergPartitionSpec; fields without a FieldId follow `last_field_id`. None: no partitions."""
    first = (last_field_id or PARTITION_FIELD_ID_START - 1) + 1
    fields = [
        {
            "source-id": each["SourceId"],
            "field-id": each.get("FieldId") or first + index,
            "transform": each["Transform"],
            "name": each["Name"],
        }
        for index, each in enumerate((given or {}).get("Fields") or [])
    ]
    return PartitionSpec.model_validate({"spec-id": spec_id, "fields": fields})


def order_of(given: dict | None) -> SortOrder:
    """An IcebergSortOrder. None: unsorted."""
    if not given or not given.get("Fields"):
        return UNSORTED_SORT_ORDER
    fields = [
        {
            "source-id": each["SourceId"],
            "transform": each["Transform"],
            "direction": each["Direction"],
            "null-order": each["NullOrder"],
        }
        for each in given["Fields"]
    ]
    return SortOrder.model_validate({"order-id": given.get("OrderId") or 1, "fields": fields})
