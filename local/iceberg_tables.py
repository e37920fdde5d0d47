"""Glue's own Iceberg table API: CreateTable and UpdateTable with an open table format.

Carried out with pyiceberg through Glue's ordinary table API, so that what stands in the catalogue and on S3
is what Spark, Firehose and Redshift read. Field ids are kept as given. Not documented by AWS, and chosen
here: an update without an Action applies all that it carries; one with an Action does what the Iceberg
specification says of that action.

https://docs.aws.amazon.com/glue/latest/webapi/API_CreateIcebergTableInput.html
https://docs.aws.amazon.com/glue/latest/webapi/API_IcebergTableUpdate.html
"""

import re
import uuid

from aws_error import AwsError
from iceberg_shapes import invalid, order_of, require, schema_of, spec_of
from pydantic import ValidationError
from pyiceberg.exceptions import (
    CommitFailedException,
    NoSuchNamespaceError,
    NoSuchPropertyException,
    NoSuchTableError,
    TableAlreadyExistsError,
)
from pyiceberg.schema import Schema
from pyiceberg.table import StagedTable
from pyiceberg.table.update import (
    AddPartitionSpecUpdate,
    AddSchemaUpdate,
    AddSortOrderUpdate,
    AssertCreate,
    AssertTableUUID,
    AssignUUIDUpdate,
    RemovePropertiesUpdate,
    SetCurrentSchemaUpdate,
    SetDefaultSortOrderUpdate,
    SetDefaultSpecUpdate,
    SetLocationUpdate,
    SetPropertiesUpdate,
    UpgradeFormatVersionUpdate,
    update_table_metadata,
)


class IcebergTables:
    """Handles the two actions, for requests that carry an open table format."""

    def __init__(self, catalog):
        self.catalog = catalog

    def handle(self, action: str, request: dict) -> dict:
        """Carries one action out. Raises AwsError as Glue does; the answer of both actions is empty."""
        if action not in ("CreateTable", "UpdateTable"):
            raise AwsError("UnknownOperationException", f"{action} is not an action on open table formats")
        try:
            return self._create(request) if action == "CreateTable" else self._update(request)
        except TableAlreadyExistsError as error:
            raise AwsError("AlreadyExistsException", "Table already exists.") from error
        except NoSuchNamespaceError as error:
            raise AwsError(
                "EntityNotFoundException", f"Database {request.get('DatabaseName')} not found."
            ) from error
        except NoSuchTableError as error:
            raise AwsError("EntityNotFoundException", f"Table {_name(request)} not found.") from error
        except NoSuchPropertyException as error:
            raise invalid(f"Table {_name(request)} is not an Iceberg table: {error}") from error
        except CommitFailedException as error:
            raise AwsError("ConcurrentModificationException", str(error)) from error
        except (ValidationError, ValueError, TypeError, KeyError) as error:
            raise invalid(" ".join(str(error).split())) from error

    def _create(self, request: dict) -> dict:
        identifier = _identifier(request)
        given = request["OpenTableFormatInput"].get("IcebergInput") or {}
        if given.get("MetadataOperation") != "CREATE":
            raise invalid(f"MetadataOperation is {given.get('MetadataOperation')!r}; it must be CREATE")
        version = int(given.get("Version") or 2)
        if version not in (1, 2):
            raise invalid(f"Version is {version}; this part writes 1 and 2")
        table = given.get("CreateIcebergTableInput") or {}
        require(table, "CreateIcebergTableInput", "Location", "Schema")
        location = table["Location"].rstrip("/")
        self._check_database(identifier[0])
        updates = (
            AssignUUIDUpdate(uuid=uuid.uuid4()),
            UpgradeFormatVersionUpdate(format_version=version),
            AddSchemaUpdate(schema=schema_of(table["Schema"], 0)),
            SetCurrentSchemaUpdate(schema_id=-1),
            AddPartitionSpecUpdate(spec=spec_of(table.get("PartitionSpec"), 0)),
            SetDefaultSpecUpdate(spec_id=-1),
            AddSortOrderUpdate(sort_order=order_of(table.get("WriteOrder"))),
            SetDefaultSortOrderUpdate(sort_order_id=-1),
            SetLocationUpdate(location=location),
            SetPropertiesUpdate(updates=table.get("Properties") or {}),
        )
        base = self.catalog._empty_table_metadata()
        staged = StagedTable(
            identifier=identifier,
            metadata=update_table_metadata(base, updates, enforce_validation=True),
            metadata_location=location,
            io=self.catalog._load_file_io(location=location),
            catalog=self.catalog,
        )
        if self.catalog.table_exists(identifier):
            raise TableAlreadyExistsError(identifier)
        self.catalog.commit_table(staged, (AssertCreate(),), updates)
        return {}

    def _check_database(self, name: str) -> None:
        try:
            self.catalog.glue.get_database(Name=name)
        except self.catalog.glue.exceptions.EntityNotFoundException as error:
            raise NoSuchNamespaceError(name) from error

    def _update(self, request: dict) -> dict:
        table = self.catalog.load_table(_identifier(request))
        wanted = (request["UpdateOpenTableFormatInput"].get("UpdateIcebergInput") or {}).get(
            "UpdateIcebergTableInput"
        )
        given = (wanted or {}).get("Updates")
        if not given:
            raise invalid("Updates is empty; give at least one update")
        metadata, updates = table.metadata, ()
        for update in given:
            require(update, "IcebergTableUpdate", "Schema", "Location")
            updates += (planned := _iceberg_updates(update, metadata))
            metadata = update_table_metadata(metadata, planned)
        if updates:
            self.catalog.commit_table(table, (AssertTableUUID(uuid=table.metadata.table_uuid),), updates)
        return {}


def _iceberg_updates(update: dict, metadata) -> tuple:
    """What one element of Updates changes, in the order that Iceberg wants; empty when it changes nothing."""
    action, found = update.get("Action"), []
    every = action is None
    schema = schema_of(update["Schema"], _next(each.schema_id for each in metadata.schemas))
    known = next((each for each in metadata.schemas if _same(each, schema)), None)
    if (every or action == "add-schema") and known is None:
        found.append(AddSchemaUpdate(schema=schema))
    if every or action == "set-current-schema":
        if not every and known is None:
            raise invalid(
                "Schema to set as current is none of the table's schemas; add it first (add-schema)"
            )
        if known is None or known.schema_id != metadata.current_schema_id:
            found.append(SetCurrentSchemaUpdate(schema_id=-1 if known is None else known.schema_id))
    if update.get("PartitionSpec") and (every or action in ("add-spec", "set-default-spec")):
        found += _spec_updates(action, update["PartitionSpec"], metadata)
    if update.get("SortOrder") and (every or action in ("add-sort-order", "set-default-sort-order")):
        order = order_of(update["SortOrder"])
        if every or action == "add-sort-order":
            found.append(AddSortOrderUpdate(sort_order=order))
        if every or action == "set-default-sort-order":
            found.append(SetDefaultSortOrderUpdate(sort_order_id=order.order_id))
    location = update["Location"].rstrip("/")
    if (every or action == "set-location") and location != metadata.location:
        found.append(SetLocationUpdate(location=location))
    properties = update.get("Properties") or {}
    if (every or action == "set-properties") and not properties.items() <= metadata.properties.items():
        found.append(SetPropertiesUpdate(updates=properties))
    if action == "remove-properties":
        found.append(RemovePropertiesUpdate(removals=list(properties)))
    if action in ("add-encryption-key", "remove-encryption-key"):
        raise invalid(f"Action {action} needs table format 3; this part writes 1 and 2")
    return tuple(found)


def _spec_updates(action: str | None, given: dict, metadata) -> list:
    spec = spec_of(
        given, _next(each.spec_id for each in metadata.partition_specs), metadata.last_partition_id
    )
    known = next((each for each in metadata.partition_specs if each.compatible_with(spec)), None)
    if action == "set-default-spec":
        if known is None:
            raise invalid(
                "PartitionSpec to set as default is none of the table's specs; add it first (add-spec)"
            )
        return [SetDefaultSpecUpdate(spec_id=known.spec_id)]
    added = [] if known else [AddPartitionSpecUpdate(spec=spec)]
    return (
        added
        if action == "add-spec"
        else [*added, SetDefaultSpecUpdate(spec_id=known.spec_id if known else -1)]
    )


def _next(ids) -> int:
    return max(ids, default=-1) + 1


def _same(one: Schema, other: Schema) -> bool:
    return one.as_struct() == other.as_struct() and one.identifier_field_ids == other.identifier_field_ids


def _name(request: dict) -> str | None:
    return request.get("Name") or (request.get("TableInput") or {}).get("Name")


def _identifier(request: dict) -> tuple[str, str]:
    database, name = request.get("DatabaseName"), _name(request)
    for field, value in (("DatabaseName", database), ("Name", name)):
        if not value or not re.fullmatch(r"[^A-Z\s.]{1,255}", value):
            raise invalid(f"{field} is {value!r}; give a name in lower case, 1 to 255 characters")
    return database, name
