"""Adobe Analytics data feeds: their manifest, their column headers, and hits as rows of texts.

https://experienceleague.adobe.com/en/docs/analytics/export/analytics-data-feed/data-feed-contents/datafeeds-contents
"""

import io
import json
import re
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from common.export_event import EVENT_ID, Event, Field, NoEvent, joined, parts

ID_PARTS = ("hitid_high", "hitid_low")
"""Adobe tells hits apart by these, taken together."""
PER_SECOND = 1
"""The columns that end with `_gmt` are whole seconds since 1970."""
HEADERS = "column_headers.tsv"

_LINE = re.compile(r"\s*([A-Z][A-Za-z0-9-]*):(?: (.*))?")
_SPECIAL = re.compile(r"\\(.)|\t", re.DOTALL)
# A tab, a line feed or a backslash that was sent stands after a backslash, as itself or as a letter.
_ESCAPED = {"t": "\t", "n": "\n", "\\": "\\", "\t": "\t", "\n": "\n"}


@dataclass(frozen=True)
class Named:
    """A file that a manifest names. `records` is None for lookups; `md5` has 32 digits."""

    name: str
    is_data: bool
    md5: str
    size: int
    records: int | None


@dataclass(frozen=True)
class Manifest:
    """What a delivery holds; no file at all when nothing was collected."""

    records: int
    files: tuple[Named, ...]


def manifest(text: str, where: str) -> Manifest:
    """A delivery's manifest, which has the form of a JAR's. Raises ValueError, in one line that names `where`."""
    pairs: list[tuple[str, str]] = []
    for line in text.splitlines():
        if match := _LINE.fullmatch(line.rstrip()):
            pairs.append((match[1], match[2] or ""))
        elif line.startswith(" ") and line.strip() and pairs:
            # A long value goes on in the next line, after a blank.
            pairs[-1] = (pairs[-1][0], pairs[-1][1] + line[1:].rstrip())
    head: dict[str, str] = {}
    sections: list[dict[str, str]] = []
    for name, value in pairs:
        if name in ("Lookup-File", "Data-File"):
            sections.append({})
        (sections[-1] if sections else head)[name] = value
    try:
        if "Datafeed-Manifest-Version" not in head:
            raise KeyError("Datafeed-Manifest-Version")
        files = tuple(_named(section) for section in sections)
        told = (int(head["Data-Files"]), int(head["Lookup-Files"]), int(head["Total-Records"]))
    except (KeyError, ValueError) as error:
        raise ValueError(
            f"{where} is no manifest of a data feed ({type(error).__name__}: {error}); only feeds are delivered below "
            "this prefix: remove the file, or let the feed be delivered again"
        ) from error
    data = sum(each.is_data for each in files)
    found = (data, len(files) - data, sum(each.records or 0 for each in files))
    if told != found:
        raise ValueError(
            f"{where} says Data-Files, Lookup-Files, Total-Records {told} and lists {found}: it is cut off; "
            "let the feed be delivered again"
        )
    return Manifest(told[2], files)


def _named(section: dict[str, str]) -> Named:
    is_data = "Data-File" in section
    return Named(
        section["Data-File" if is_data else "Lookup-File"],
        is_data,
        # Adobe's own example has 31 digits: it may leave out zeros in front.
        section["MD5-Digest"].lower().zfill(32),
        int(section["File-Size"]),
        int(section["Record-Count"]) if is_data else None,
    )


def headers(archive: bytes) -> list[str] | None:
    """The names of the hits' columns, from an archive of lookups; None when they are not in it."""
    with tarfile.open(fileobj=io.BytesIO(archive), mode="r:*") as tar:
        for member in tar:
            if member.name.rpartition("/")[2] == HEADERS and (found := tar.extractfile(member)):
                return found.read().decode().strip("\r\n").split("\t")
    return None


def records(lines: Iterable[str]) -> Iterator[str]:
    """The records of a file's lines: a line feed after a backslash that is no escaped backslash ends none."""
    begun = ""
    for line in lines:
        begun += line
        if (len(begun) - len(begun.rstrip("\\"))) % 2:
            begun += "\n"
            continue
        yield begun
        begun = ""
    if begun:
        yield begun


def split(record: str) -> list[str]:
    """The values of a record, as they were sent to Adobe."""
    if "\\" not in record:
        return record.split("\t")
    values, value, at = [], [], 0
    for match in _SPECIAL.finditer(record):
        value.append(record[at : match.start()])
        at = match.end()
        if match[0] == "\t":
            values.append("".join(value))
            value = []
        else:
            value.append(_ESCAPED.get(match[1], match[0]))
    return [*values, "".join([*value, record[at:]])]


def reader(fields: list[Field], columns: list[str]):
    """A function from a record to its event, by the feed's columns. It raises NoEvent.

    A field's place is a column of the feed, several joined by `+`, or `event_id`: `<hitid_high>-<hitid_low>`. An empty
    value is null.
    """
    identity = [columns.index(name) for name in ID_PARTS]
    places = [
        identity if field.place == EVENT_ID else [columns.index(part) for part in parts(field.place)]
        for field in fields
    ]
    taken = {*identity, *[at for found in places for at in found]}

    def event(record: str) -> Event:
        if "\ufffd" in record:
            raise NoEvent("the record is not UTF-8; turn on the report suite's multi-byte character support")
        values = split(record)
        if len(values) != len(columns):
            raise NoEvent(f"the record has {len(values)} values, and {HEADERS} names {len(columns)}")
        if not all(values[at] for at in identity):
            raise NoEvent(f"{' or '.join(ID_PARTS)} is empty, by which hits are told apart")
        texts = [
            joined([values[at] or None for at in found], field.family, PER_SECOND)
            for field, found in zip(fields, places, strict=True)
        ]
        rest = {columns[at]: value for at, value in enumerate(values) if value and at not in taken}
        return Event(
            "-".join(values[at] for at in identity),
            texts,
            json.dumps(rest, ensure_ascii=False) if rest else None,
        )

    return event
