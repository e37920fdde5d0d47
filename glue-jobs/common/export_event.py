"""What the exports of web analytics tools have in common: an event is texts of the contract's columns, and a rest."""

import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

EVENT_ID = "event_id"
"""The place of the column that tells events apart; each format makes it of what it has."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Field(NamedTuple):
    """A column of the contract: its type without length, and where the export has it."""

    column: str
    family: str
    place: str


class Event(NamedTuple):
    """An event: its ID, the texts of the fields in their order, and as JSON what no column takes."""

    id: str
    values: list[str | None]
    rest: str | None


class NoEvent(ValueError):
    """Why a line is no event."""


def cell(text: str | None, family: str, per_second: int) -> str | None:
    """A value in the form that casts take: `20260131` as a date, and whole numbers since 1970 as a time.

    `per_second` says what those numbers count. What has another form stays as it is, and the cast decides.
    """
    if text is None or not text.isascii() or not text.isdecimal():
        return text
    if family == "date" and len(text) == 8:
        return f"{text[:4]}-{text[4:6]}-{text[6:]}"
    if family == "timestamptz":
        try:
            moment = EPOCH + timedelta(microseconds=int(text) * (1_000_000 // per_second))
        except OverflowError:
            return text
        return moment.isoformat(timespec="microseconds")
    return text


def parts(place: str) -> list[str]:
    """The places that a column's place joins by `+`."""
    return place.split("+")


def joined(values: list[str | None], family: str, per_second: int) -> str | None:
    """The value of a column that is found in these places: one as `cell` has it; several with `-` between them, null
    when one is."""
    if len(values) == 1:
        return cell(values[0], family, per_second)
    return None if None in values else "-".join(value for value in values if value is not None)


def day_of(scope: str) -> datetime | None:
    """The day that a delivery's name ends with or its hour, `20260131` or `2026-01-31`; None when there is none."""
    for year, month, day in reversed(re.findall(r"(?<!\d)(\d{4})-?(\d{2})-?(\d{2})(?!\d)", scope)):
        try:
            return datetime(int(year), int(month), int(day), tzinfo=UTC)
        except ValueError:
            continue
    return None
