"""Records of a JSON page, losslessly: what a source's JSONPaths select, every value as text.

The paths are those of the extractor (lambdas/shared/json-path.ts): `$`, members by name (`.name`,
`['a name']`) and all elements (`[*]`), a part of https://www.rfc-editor.org/rfc/rfc9535.
"""

import json
import re
from typing import Any

_STEP = re.compile(r"\.([A-Za-z_][\w-]*)|\['([^'\\]+)'\]|(\[\*\])", re.ASCII)


def steps(path: str) -> list[str | None]:
    """A path as its steps: a member's name, or None for all elements. Raises ValueError when it is no path."""
    found: list[str | None] = []
    at = 1 if path.startswith("$") else -1
    while 0 < at < len(path):
        match = _STEP.match(path, at)
        if match is None:
            at = -1
            break
        found.append(None if match[3] else match[1] or match[2])
        at = match.end()
    if at < 0:
        raise ValueError(
            f"{path!r} is no path that is understood; allowed are such as $.name, $.name.name, $.name[*]"
        )
    return found


def select(value: Any, path: list[str | None]) -> list[Any]:
    """What the steps select of a value, in order."""
    found = [value]
    for step in path:
        if step is None:
            found = [element for one in found if isinstance(one, list) for element in one]
        else:
            found = [one[step] for one in found if isinstance(one, dict) and step in one]
    return found


class Number(str):
    """A number as it is written: `float` would lose digits of it, and a record keeps it as text."""


def parse(text: str) -> Any:
    """A JSON text with numbers as they are written. Raises ValueError when it is not JSON."""

    def refuse(name: str) -> None:
        raise ValueError(f"{name} is not JSON")

    return json.loads(text, parse_float=Number, parse_int=Number, parse_constant=refuse)


def as_text(value: Any) -> str | None:
    """A value as text: null is None, a structure is its JSON."""
    match value:
        case None:
            return None
        case str():
            return str(value)  # of a Number too, which Spark would not take
        case bool():
            return "true" if value else "false"
        case _:
            return _write(value)


def _write(value: Any) -> str:
    match value:
        case Number():
            return str(value)
        case list():
            return f"[{','.join(map(_write, value))}]"
        case dict():
            members = (f"{json.dumps(name)}:{_write(member)}" for name, member in value.items())
            return f"{{{','.join(members)}}}"
        case _:
            return json.dumps(value)


def records(
    text: str, path: list[str | None], fields: dict[str, list[list[str | None]]]
) -> list[list[str | None]]:
    """The records of a page, in order, each as the texts of the fields.

    A field is what the first of its paths selects that selects anything; it is null when none does.
    """
    return [
        [
            as_text(next((found[0] for one in paths if (found := select(record, one))), None))
            for paths in fields.values()
        ]
        for record in select(parse(text), path)
    ]
