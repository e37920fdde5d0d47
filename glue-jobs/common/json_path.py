"""Records of a JSON page, losslessly: what a source's JSONPaths select, every value as text.

The paths are those of the extractor (lambdas/shared/json-path.ts): `$`, members by name (`.name`,
`['a name']`) and all elements (`[*]`), a part of https://www.rfc-editor.org/rfc/rfc9535.
"""

import json
import re
from decimal import Decimal
from typing import Any

# Greatest power of ten of a double: a number beyond it is left as it is, and no column takes it.
_MAX_POWER = 308
_POWER = re.compile(r"[^eE]+[eE]([+-]?\d+)")
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
    """A JSON text with numbers as they are written. Raises ValueError when it is not JSON.

    A byte order mark is no part of it; some APIs send one, and the extractor takes it too.
    """

    def refuse(name: str) -> None:
        raise ValueError(f"{name} is not JSON")

    return json.loads(
        text.removeprefix("\ufeff"), parse_float=Number, parse_int=Number, parse_constant=refuse
    )


def as_text(value: Any) -> str | None:
    """A value as text: null is None, a number has its digits (`_plain`), a structure is its JSON."""
    match value:
        case None:
            return None
        case Number():
            return _plain(value)
        case str():
            return _well_formed(value)
        case bool():
            return "true" if value else "false"
        case _:
            return _write(value)


def _plain(number: str) -> str:
    """A number without a power of ten, and a whole one without a fraction: casts take texts of that form.

    `5e-05`, as Python writes it, is 0.00005; `7.0`, as a table with gaps in it is often written, is 7.
    """
    power = _POWER.fullmatch(number)
    if power and len(power[1]) <= 4 and abs(int(power[1])) <= _MAX_POWER:
        number = format(Decimal(number), "f")
    return re.sub(r"\.0+\Z", "", number)


def _well_formed(text: str) -> str:
    """A text that has a UTF-8 form: half a surrogate pair, as of an emoji that was cut, becomes U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


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
