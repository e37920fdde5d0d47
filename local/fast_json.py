"""JSON as Python's own module reads and writes it, several times as fast: records and what handlers make of them pass
through the emulator in tens of megabytes, and this was 4 of 10 parts of its work.

As in JavaScript, where these texts come from and go to, integers of more than 64 bits are read with a double's digits,
and NaN and infinity are written as null: not for rows.
"""

import json
import types
from typing import Any

import orjson

AS_PYTHON = (
    orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_SUBCLASS
)


def loads(text: str | bytes, **options) -> Any:
    """As json.loads."""
    if not options:
        try:
            return orjson.loads(text)
        except orjson.JSONDecodeError:  # NaN and the like, which Python takes; else it says what is wrong
            pass
    return json.loads(text, **options)


def dumps(value: Any, **options) -> str:
    """As json.dumps, mostly without spaces."""
    if not options.keys() - {"ensure_ascii"}:
        try:
            found = orjson.dumps(value, option=AS_PYTHON)
            if found.isascii() or not options.get("ensure_ascii", True):
                return found.decode()
        except TypeError:  # keys that are no text, numbers of more than 64 bits
            pass
    return json.dumps(value, **options)


module = types.SimpleNamespace(**{**vars(json), "loads": loads, "dumps": dumps})
"""What stands in the place of Python's module."""
