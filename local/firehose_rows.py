"""JSON records as rows of an Iceberg table, by Firehose's rules, and their append in one commit.

What AWS documents: columns are matched by name, exactly; a record with a column that the table lacks goes to
the error prefix (`Iceberg.MissingColumnWithinRecord`); timestamps are sent in microseconds; binary as base64.
Not documented, and chosen here: dates are days since 1970 or ISO 8601 text, decimals are numbers or text, and
no other type is converted.

https://docs.aws.amazon.com/firehose/latest/dev/apache-iceberg-considerations.html
"""

import base64
import json
import random
import time
import uuid
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation

import pyarrow
from pyiceberg.exceptions import CommitFailedException
from pyiceberg.io.pyarrow import schema_to_pyarrow, write_file
from pyiceberg.partitioning import PartitionFieldValue, PartitionKey
from pyiceberg.table import Table, WriteTask
from pyiceberg.types import (
    BinaryType,
    BooleanType,
    DateType,
    DecimalType,
    DoubleType,
    FloatType,
    IntegerType,
    ListType,
    LongType,
    MapType,
    StringType,
    StructType,
    TimestampType,
    TimestamptzType,
)

ATTEMPTS = 20
EPOCH = date(1970, 1, 1)


class Refused(Exception):
    """A record that Firehose does not write; `code` is what its error object says."""

    def __init__(self, code: str, message: str):
        super().__init__(message)
        self.code = code


def parse(data: bytes) -> dict:
    """The record's JSON object; numbers with a point are kept exactly. Raises Refused."""
    try:
        found = json.loads(data, parse_float=Decimal)
    except ValueError as error:
        raise Refused("Iceberg.InvalidJson", f"The record is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise Refused("Iceberg.InvalidJson", f"The record is {type(found).__name__}, not a JSON object")
    return found


def row(record: dict, table: Table) -> dict:
    """The record as a row of the table, of Python values that Arrow takes. Raises Refused."""
    fields = {field.name: field for field in table.schema().fields}
    for name in record:
        if name not in fields:
            message = f"The table {'.'.join(table.name())} has no column {name}"
            raise Refused("Iceberg.MissingColumnWithinRecord", message)
    for name, field in fields.items():
        if field.required and record.get(name) is None:
            message = f"The record has no value for the required column {name}"
            raise Refused("Iceberg.MissingColumnWithinRecord", message)
    try:
        return {name: _value(record.get(name), field.field_type) for name, field in fields.items()}
    except (TypeError, ValueError, KeyError, OverflowError, InvalidOperation) as error:
        raise Refused("Iceberg.SchemaTypeMismatch", f"The record does not fit the table: {error}") from error


def _value(value, kind):
    if value is None:
        return None
    if isinstance(kind, StringType):
        return _of(str, value, kind)
    if isinstance(kind, BooleanType):
        return _of(bool, value, kind)
    if isinstance(kind, IntegerType | LongType | TimestampType | TimestamptzType):
        bits = 31 if isinstance(kind, IntegerType) else 63
        if not -(1 << bits) <= _of(int, value, kind) < 1 << bits:
            raise ValueError(f"{value!r} is out of range for {kind}")
        return value
    if isinstance(kind, DoubleType | FloatType):
        return float(_of((int, Decimal), value, kind))
    if isinstance(kind, DecimalType):
        number = Decimal(_of((int, Decimal, str), value, kind))
        exact = number.quantize(Decimal(1).scaleb(-kind.scale))
        if exact != number or len(exact.as_tuple().digits) > kind.precision:
            raise ValueError(f"{value!r} does not fit {kind}")
        return exact
    if isinstance(kind, DateType):
        return (
            EPOCH + timedelta(days=value) if type(value) is int else date.fromisoformat(_of(str, value, kind))
        )
    if isinstance(kind, BinaryType):
        return base64.b64decode(_of(str, value, kind), validate=True)
    if isinstance(kind, ListType):
        return [_value(each, kind.element_type) for each in _of(list, value, kind)]
    if isinstance(kind, MapType):
        return [(name, _value(each, kind.value_type)) for name, each in _of(dict, value, kind).items()]
    if isinstance(kind, StructType):
        return {
            each.name: _value(_of(dict, value, kind).get(each.name), each.field_type) for each in kind.fields
        }
    raise TypeError(f"type {kind} is not played here")


def _of(allowed, value, kind):
    if not isinstance(value, allowed) or (isinstance(value, bool) and allowed is not bool):
        raise TypeError(f"{value!r} is no {kind}")
    return value


def append(catalog, identifier: tuple[str, str], rows: list[dict]) -> None:
    """Appends rows of `row` in one commit; its files are written once, however often it is contested."""
    table = catalog.load_table(identifier)
    files = list(write_file(table.io, table.metadata, _tasks(table, rows)))
    for attempt in range(ATTEMPTS):
        try:
            with table.transaction() as transaction:
                with transaction.update_snapshot().fast_append() as update:
                    for file in files:
                        update.append_data_file(file)
            return
        except CommitFailedException:
            if attempt == ATTEMPTS - 1:
                raise
            time.sleep(random.uniform(0, 0.05 * 2 ** min(attempt, 5)))
            table = catalog.load_table(identifier)


def _tasks(table: Table, rows: list[dict]):
    """One file for each partition. (pyiceberg's own way there needs its Rust extension for transforms.)"""
    schema, spec, written = table.schema(), table.spec(), schema_to_pyarrow(table.schema())
    transforms = []
    for field in spec.fields:
        source = schema.find_field(field.source_id)
        transforms.append((field, source, field.transform.transform(source.field_type)))
    groups: dict[tuple, list[dict]] = {}
    for each in rows:
        values = tuple(transform(_internal(each[source.name])) for _, source, transform in transforms)
        groups.setdefault(values, []).append(each)
    job = uuid.uuid4()
    for index, (values, some) in enumerate(groups.items()):
        found = [
            PartitionFieldValue(field, value) for (field, *_), value in zip(transforms, values, strict=True)
        ]
        batches = pyarrow.Table.from_pylist(some, written).combine_chunks().to_batches()
        key = PartitionKey(found, spec, schema) if found else None
        yield WriteTask(job, index, schema, batches, partition_key=key)


def _internal(value):
    """The value as Iceberg's transforms want it: dates as days."""
    return (value - EPOCH).days if isinstance(value, date) else value
