"""Avro messages in Confluent's wire format: a zero byte, the writer's schema by its number (4 bytes), then the record.

https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format
The schemas are files beside the contracts, `<dataset>.<number>.avsc`: a job asks no registry, so a registry that is
away stops nothing, and a schema is known when somebody has looked at it.
"""

import base64
import io
import json
import zipfile
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import fastavro

from common.json_path import Number
from common.kafka_message import Unreadable, first_line

HEADER = 5
FOLDER = "avro"


def load_schemas(location: str, dataset: str) -> dict[int, str]:
    """The Avro schemas of a dataset by number: `avro/<dataset>.<number>.avsc` below the contracts (folder or .zip)."""
    found = {}
    for name, text in _files(location):
        stem, _, number = Path(name).stem.rpartition(".")
        if stem == dataset and number.isdigit():
            fastavro.parse_schema(json.loads(text))
            found[int(number)] = text
    return found


def _files(location: str) -> list[tuple[str, str]]:
    if location.startswith("s3://"):
        import boto3

        bucket, _, key = location.removeprefix("s3://").partition("/")
        content = io.BytesIO(boto3.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read())
    elif Path(location).is_dir():
        return [(file.name, file.read_text("utf-8")) for file in Path(location).glob(f"{FOLDER}/*.avsc")]
    else:
        content = io.BytesIO(Path(location).read_bytes())
    with zipfile.ZipFile(content) as archive:
        names = [
            each for each in archive.namelist() if each.startswith(f"{FOLDER}/") and each.endswith(".avsc")
        ]
        return [(name, archive.read(name).decode("utf-8")) for name in names]


# Of a Python worker: a schema is parsed once, not once a message. A plain dict, for tasks carry this module with them.
_PARSED: dict[str, Any] = {}


def _parsed(text: str) -> Any:
    if text not in _PARSED:
        _PARSED[text] = fastavro.parse_schema(json.loads(text))
    return _PARSED[text]


def decode(content: bytes, schemas: dict[int, str], what: str = "value") -> Any:
    """The record of a message as parsed JSON has it: numbers as they are written, times as ISO texts.

    Raises Unreadable when it is not of this format, or of a schema that there is no file of.
    """
    if len(content) < HEADER or content[0] != 0:
        raise Unreadable(
            f"the {what} is no Avro of a schema registry: it begins with {content[:HEADER].hex() or 'nothing'}; "
            "allowed is a zero byte, then the schema's number in four bytes"
        )
    number = int.from_bytes(content[1:HEADER], "big")
    if number not in schemas:
        known = ", ".join(map(str, sorted(schemas))) or "none"
        raise Unreadable(
            f"the {what} has Avro schema {number}; known are {known}. Add contracts/avro/<dataset>.{number}.avsc, "
            "deploy, and read the topic again (docs/guides/kafka.md)"
        )
    stream = io.BytesIO(content[HEADER:])
    try:
        record = fastavro.schemaless_reader(stream, _parsed(schemas[number]), None)
    except Exception as error:  # what garbage makes of a decoder is of any kind
        raise Unreadable(f"the {what} does not fit Avro schema {number} ({first_line(error)})") from error
    if stream.read(1):
        raise Unreadable(f"the {what} has more bytes than Avro schema {number} says")
    return _plain(record)


def _plain(value: Any) -> Any:
    match value:
        case None | bool() | str():
            return value
        case int() | float():
            return Number(repr(value))
        case Decimal():
            return Number(format(value, "f"))
        case datetime():
            return value.isoformat().replace("+00:00", "Z")
        case date():
            return value.isoformat()
        case bytes():
            return base64.b64encode(value).decode()
        case UUID():
            return str(value)
        case list() | tuple():
            return [_plain(each) for each in value]
        case dict():
            return {name: _plain(each) for name, each in value.items()}
        case _:
            return str(value)
