"""Values as DMS writes them to Kinesis: from PostgreSQL's text to a piece of JSON, by the type of the column.

A number keeps every digit. What no page of AWS says, and no recorded message shows, stands in docs/local.md.

https://docs.aws.amazon.com/dms/latest/userguide/CHAP_Source.PostgreSQL.html (data types)
https://docs.aws.amazon.com/dms/latest/userguide/CHAP_Target.Kinesis.html
"""

import json
from collections.abc import Callable
from json.encoder import encode_basestring as quoted
from typing import NamedTuple

BOOL, BYTEA, INT8, INT2, INT4, FLOAT4, FLOAT8 = 16, 17, 20, 21, 23, 700, 701
DATE, TIME, TIMESTAMP, TIMESTAMPTZ, NUMERIC = 1082, 1083, 1114, 1184, 1700
NAMES = {
    **{INT2: "INT16", INT4: "INT32", INT8: "INT64", FLOAT4: "REAL4", FLOAT8: "REAL8", NUMERIC: "NUMERIC"},
    **{DATE: "DATE", TIME: "TIME", TIMESTAMP: "TIMESTAMP", TIMESTAMPTZ: "TIMESTAMP", BYTEA: "BYTES"},
}
"""Types in the table-def of a control record (INT32, STRING and TIMESTAMP are recorded, the others are ours)."""
MAX_PRECISION = 38
"""A numeric that may have more digits is a string to DMS."""

Writer = Callable[[str], str]


class Settings(NamedTuple):
    """What an endpoint's settings say of values."""

    large_integers: bool = False
    """KinesisSettings.UseLargeIntegerValue: without it integers pass through a double."""
    hex_prefix: bool = True
    """KinesisSettings.NoHexPrefix is off."""
    booleans: bool = False
    """PostgreSqlSettings.MapBooleanAsBoolean: without it a boolean is a text."""


def writer(kind: int, modifier: int, settings: Settings) -> Writer:
    """The function that writes a value of a type (OID, modifier) as JSON."""
    if kind in (INT2, INT4):
        return str
    if kind == INT8:
        return str if settings.large_integers else _through_double
    if kind in (FLOAT4, FLOAT8):
        return _number
    if kind == NUMERIC:
        precision = (modifier - 4) >> 16 if modifier >= 4 else 0
        return quoted if precision > MAX_PRECISION else _number
    if kind == BOOL:
        return _boolean if settings.booleans else lambda text: f'"{_boolean(text)}"'
    if kind == BYTEA:
        prefix = "0x" if settings.hex_prefix else ""
        return lambda text: f'"{prefix}{text[2:]}"'
    if kind in (TIMESTAMP, TIMESTAMPTZ):
        digits = modifier if modifier >= 0 else 6
        return lambda text: _timestamp(text, digits)
    return quoted


def _number(text: str) -> str:
    return f'"{text}"' if text[-1] in "Nyn" else text  # NaN and infinity are no JSON


def _through_double(text: str) -> str:
    return str(int(float(text)))


def _boolean(text: str) -> str:
    return "true" if text[0] == "t" else "false"


def _timestamp(text: str, digits: int) -> str:
    if text[0] not in "0123456789" or text.endswith("BC"):
        return json.dumps(text)
    day, _, time = text.partition(" ")
    time, _, fraction = time.removesuffix("+00").partition(".")
    fraction = f".{fraction.ljust(digits, '0')}" if digits else ""
    return f'"{day}T{time}{fraction}Z"'
