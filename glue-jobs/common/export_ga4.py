"""Events of Google Analytics 4 as BigQuery exports them: one JSON object each, losslessly, every value as text.

https://support.google.com/analytics/answer/7029846 (the schema); INT64 is a JSON string there
(https://cloud.google.com/bigquery/docs/exporting-data#export_limitations), and what is null is left out.
"""

import hashlib
import json
from typing import Any

from common import json_path
from common.export_event import EVENT_ID, Event, Field, NoEvent, joined, parts

ID_PARTS = (
    "stream_id",
    "user_pseudo_id",
    "event_timestamp",
    "event_name",
    "event_bundle_sequence_id",
    "batch_page_id",
    "batch_ordering_id",
    "batch_event_index",
)
"""What an event is told apart by: there is no event ID in the export, and these stay when a day is exported again."""
LISTS = {"param": "event_params", "user_property": "user_properties"}
TYPES = ("string_value", "int_value", "float_value", "double_value")
"""A parameter's value stands in one of these."""
PER_SECOND = 1_000_000
"""Times are whole microseconds since 1970, in UTC."""


def reader(fields: list[Field]):
    """A function from a line to its event. It raises NoEvent.

    A field's place is a JSONPath of names (`$.geo.country`), `param:<key>` of event_params, `user_property:<key>` of
    user_properties, `event_id`, which is made of ID_PARTS, or several of these joined by `+`.
    """
    places = [[_place(part) for part in parts(field.place)] for field in fields]
    every = [place for found in places for place in found]
    taken = {kind: {name for of, name in every if of == kind} for kind in LISTS}
    paths = [name for of, name in every if of == "path"]

    def event(line: str) -> Event:
        try:
            told = json_path.parse(line)
        except (ValueError, RecursionError) as error:
            raise NoEvent(f"the line is not JSON ({error})") from error
        if not isinstance(told, dict):
            raise NoEvent("the line is no JSON object")
        identity = event_id(told)
        listed = {kind: _listed(told, name) for kind, name in LISTS.items()}

        def at(of: str, name: Any) -> str | None:
            if of == EVENT_ID:
                return identity
            found = listed[of].get(name) if of in LISTS else next(iter(json_path.select(told, name)), None)
            return json_path.as_text(found)

        values = [
            joined([at(*place) for place in found], field.family, PER_SECOND)
            for field, found in zip(fields, places, strict=True)
        ]
        return Event(identity, values, _rest(told, paths, taken))

    return event


def event_id(told: dict[str, Any]) -> str:
    """32 hexadecimal digits of what tells the event apart. Raises NoEvent when it has no name or no time."""
    parts = [json_path.as_text(told.get(name)) for name in ID_PARTS]
    for name in ("event_timestamp", "event_name"):
        if parts[ID_PARTS.index(name)] is None:
            raise NoEvent(f"{name} is missing, which every event has")
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def _place(place: str) -> tuple[str, Any]:
    kind, _, name = place.partition(":")
    if kind in LISTS:
        return kind, name
    return (EVENT_ID, None) if place == EVENT_ID else ("path", json_path.steps(place))


def _entries(told: dict[str, Any], name: str) -> list[dict[str, Any]]:
    found = told.get(name)
    return [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []


def _listed(told: dict[str, Any], name: str) -> dict[str, Any]:
    """The values of event_params or user_properties by key; of a key that is there twice, the first."""
    found: dict[str, Any] = {}
    for entry in _entries(told, name):
        value = entry.get("value")
        typed = value if isinstance(value, dict) else {}
        found.setdefault(
            str(entry.get("key")), next((typed[one] for one in TYPES if typed.get(one) is not None), None)
        )
    return found


def _rest(told: dict[str, Any], paths: list[list[str | None]], taken: dict[str, set[str]]) -> str | None:
    """What no column takes, as JSON."""
    rest = _without(told, paths)
    for kind, name in LISTS.items():
        if name in rest:
            rest[name] = [each for each in _entries(told, name) if each.get("key") not in taken[kind]]
    rest = {name: value for name, value in rest.items() if value not in (None, [], {})}
    return json_path.as_text(rest) if rest else None


def _without(value: dict[str, Any], paths: list[list[str | None]]) -> dict[str, Any]:
    left = dict(value)
    for first in {path[0] for path in paths if path}:
        deeper = [path[1:] for path in paths if path and path[0] == first]
        inner = left.get(first)
        if isinstance(inner, dict) and all(deeper):
            left[first] = _without(inner, deeper)
        else:
            left.pop(first, None)
    return left
