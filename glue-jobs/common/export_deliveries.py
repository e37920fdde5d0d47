"""Which deliveries of a tool's export are complete, by what lies below its prefix.

GA4: a folder `events_YYYYMMDD`, or one within it, that holds `_SUCCESS`, which the copy job writes last. It replaces
what was delivered of that day.
Adobe: a manifest `<name>.txt`, which Adobe writes last, and beside it the files that it names. It adds hits.
"""

import re
from dataclasses import dataclass
from typing import NamedTuple

from common import export_adobe

MARKER = "_SUCCESS"
DAILY = r"events_[0-9]{8}"
JSON, PARQUET = ".gz", ".parquet"


class File(NamedTuple):
    """An object: its path, bytes, and when it was written, in microseconds since 1970."""

    path: str
    size: int
    at: int

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def folder(self) -> str:
        return self.path.rpartition("/")[0]


@dataclass(frozen=True)
class Delivery:
    """One delivery. `scope` is what it is a delivery of: a day's table, a feed's day or hour; `within` is the folder
    below that. `marker` was written last. `files` hold events, `lookups` what belongs to them.

    `records` is how many events the tool says there are. `replaces`: what it lacks of its scope is gone.
    """

    scope: str
    within: str
    marker: File
    files: tuple[File, ...]
    replaces: bool
    lookups: tuple[File, ...] = ()
    records: int | None = None

    @property
    def at(self) -> int:
        return self.marker.at


class Waiting(Exception):
    """Why a delivery is not complete."""


def markers(tool: str, prefix: str, files: list[File]) -> tuple[list[File], list[str]]:
    """What says that a delivery is complete, oldest first; and folders or files that wait for it.

    Raises ValueError, in one line that names it, when there is what no delivery of this tool has.
    """
    if tool == "ga4":
        folders = {file.folder for file in files}
        found = [file for file in files if file.name == MARKER]
        for folder in sorted(folders):
            _table(prefix, folder)
        waiting = sorted(folders - {file.folder for file in found})
    else:
        found = [file for file in files if file.name.endswith(".txt")]
        if old := next((file for file in files if file.name.endswith(".fin")), None):
            raise ValueError(
                f"{old.path}: a feed that ends with a .fin file says neither what it holds nor its MD5; choose "
                '"Manifest file" for the feed in Adobe Analytics, let it be delivered again and remove the .fin file'
            )
        # Files are called after their manifest, with a number before it or more behind it.
        stems = [(file.folder, file.name.removesuffix(".txt")) for file in found]
        waiting = sorted(
            file.path
            for file in files
            if file not in found and not any(file.folder == f and stem in file.name for f, stem in stems)
        )
    return sorted(found, key=lambda file: (file.at, file.path)), waiting


def _table(prefix: str, folder: str) -> tuple[str, str]:
    """The day's table that a folder is a delivery of, and the folder within it."""
    table, _, within = folder.removeprefix(prefix).strip("/").partition("/")
    if not re.fullmatch(DAILY, table):
        raise ValueError(
            f"{folder}: deliveries lie in folders called events_YYYYMMDD, after the daily table (there are no others: "
            "events_intraday_… is not loaded), or in a folder of their own in these; move or remove it"
        )
    return table, within


def ga4(prefix: str, marker: File, files: list[File]) -> Delivery:
    """The delivery that a marker completes. Raises Waiting when it is written anew, and ValueError in one line."""
    table, within = _table(prefix, marker.folder)
    mine = sorted(
        file for file in files if file.folder == marker.folder and not file.name.startswith(("_", "."))
    )
    if newer := next((file for file in mine if file.at > marker.at), None):
        raise Waiting(f"{newer.path} is newer than {MARKER} beside it")
    kinds = {next((kind for kind in (JSON, PARQUET) if file.name.endswith(kind)), None) for file in mine}
    if len(kinds) != 1 or None in kinds:
        names = ", ".join(file.name for file in mine[:5]) or "no files"
        raise ValueError(
            f"{marker.folder} holds {names}; a delivery is files of JSON with compression GZIP (.gz), or .parquet "
            "files: export the day again, into an empty folder"
        )
    return Delivery(table, within, marker, tuple(mine), replaces=True)


def adobe(marker: File, told: export_adobe.Manifest, files: list[File], digest) -> Delivery:
    """The delivery of a manifest. `digest` gives the MD5 of a path.

    Raises Waiting when a file is not there yet, or is being delivered again; ValueError, in one line that names the
    file, when it is not the one that was sent.
    """
    beside = {file.name: file for file in files if file.folder == marker.folder}
    data, lookups = [], []
    for named in told.files:
        if (file := beside.get(named.name)) is None:
            raise Waiting(f"{marker.path} names {named.name}, which is not there")
        if named.is_data and not named.name.endswith(".tsv.gz"):
            raise ValueError(
                f"{file.path}: data files are <number>-<report suite>_<time>.tsv.gz; choose Multiple files and Gzip "
                "for the feed in Adobe Analytics, and let it be delivered again"
            )
        found = (file.size, digest(file.path)) if file.size == named.size else (file.size, "")
        if found != (named.size, named.md5):
            if file.at > marker.at:
                raise Waiting(f"{file.path} is newer than its manifest, and another file than that names")
            what = f"MD5 {found[1]}" if found[1] else f"{found[0]} bytes"
            wanted = f"MD5 {named.md5}" if found[1] else f"{named.size} bytes"
            raise ValueError(
                f"{file.path} has {what}, and {marker.name} says {wanted}: the file is damaged; let the feed be "
                "delivered again"
            )
        (data if named.is_data else lookups).append(file)
    stem = marker.name.removesuffix(".txt")
    return Delivery(
        stem, "", marker, tuple(data), replaces=False, lookups=tuple(lookups), records=told.records
    )
