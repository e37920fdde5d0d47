"""The records of one shard as files: appended, synced, read from any place.

A place is a number of bytes from the shard's beginning; a record's sequence number is its place. Files are called by
the place of their first record. A record that a kill cut short was never taken, and is cut off.
"""

import os
import struct
import threading
import time
from bisect import bisect_right
from pathlib import Path
from typing import NamedTuple

HEAD = struct.Struct(">IHQ")
"""Bytes of data and of key, arrival in milliseconds since 1970."""
FILE, BLOCK = 16 * 1024 * 1024, 256 * 1024


class Record(NamedTuple):
    place: int
    arrived: int
    """Milliseconds since 1970."""
    key: str
    data: bytes
    """Base64, as it came."""


class Shard:
    """One shard, in a folder of its own."""

    def __init__(self, folder: Path):
        self.folder, self.lock = folder, threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)
        self.places = sorted(int(path.stem) for path in folder.glob("*.log")) or [0]
        last = self._path(self.places[-1])
        self.end = self.places[-1]
        if last.exists():
            for record in self._records(self.end):
                self.end = record.place + _size(record)
            os.truncate(last, self.end - self.places[-1])
        self.file = last.open("ab")

    @property
    def start(self) -> int:
        """The place of the oldest record."""
        return self.places[0]

    def append(self, records: list[tuple[str, bytes]]) -> list[int]:
        """Keeps (key, data) pairs and returns their places; when it returns they are on disk."""
        now, parts, places = int(time.time() * 1000), [], []
        with self.lock:
            if self.end - self.places[-1] > FILE:
                self.file.close()
                self.places.append(self.end)
                self.file = self._path(self.end).open("ab")
            end = self.end
            for key, data in records:
                name = key.encode()
                parts += (HEAD.pack(len(data), len(name), now), name, data)
                places.append(end)
                end += HEAD.size + len(name) + len(data)
            self.file.write(b"".join(parts))
            self.file.flush()
            os.fsync(self.file.fileno())
            self.end = end
        return places

    def read(self, place: int, most: int, most_bytes: int) -> tuple[list[Record], int]:
        """At most so many records from a place on, at least one if there is any, and the place after them."""
        found, size = [], 0
        place = max(place, self.start)
        for record in self._records(place):
            size += len(record.data)
            if found and size > most_bytes:
                break
            found.append(record)
            place = record.place + _size(record)
            if len(found) == most:
                break
        return found, place

    def after(self, place: int) -> int:
        """The place behind the record at a place."""
        return self.read(place, 1, 0)[1]

    def at(self, seconds: float) -> int:
        """The place of the first record that came at that time or later."""
        later = (record.place for record in self._records(self.start) if record.arrived >= seconds * 1000)
        return next(later, self.end)

    def expire(self, seconds: float) -> None:
        """Forgets files whose last record came before that time."""
        while len(self.places) > 1 and self._path(self.places[0]).stat().st_mtime < seconds:
            self._drop()

    def forget(self, before: int, keep: int) -> None:
        """Forgets the oldest files that lie wholly before a place, until `keep` bytes are left."""
        while len(self.places) > 1 and self.places[1] <= before and self.end - self.start > keep:
            self._drop()

    def _drop(self) -> None:
        with self.lock:
            if len(self.places) > 1:
                self._path(self.places.pop(0)).unlink(missing_ok=True)

    def _path(self, place: int) -> Path:
        return self.folder / f"{place:020d}.log"

    def _records(self, place: int):
        """Whole records from a place on, up to where they end now."""
        with self.lock:
            places = list(self.places)
        for first in places[max(0, bisect_right(places, place) - 1) :]:
            place = max(place, first)
            with self._path(first).open("rb") as file:
                file.seek(place - first)
                rest = b""
                while block := file.read(BLOCK):
                    rest, at = rest + block, 0
                    while at + HEAD.size <= len(rest):
                        size, key_size, arrived = HEAD.unpack_from(rest, at)
                        body, end = at + HEAD.size, at + HEAD.size + key_size + size
                        if end > len(rest):
                            break
                        yield Record(
                            place, arrived, rest[body : body + key_size].decode(), rest[body + key_size : end]
                        )
                        place, at = place + end - at, end
                    rest = rest[at:]


def _size(record: Record) -> int:
    return HEAD.size + len(record.key.encode()) + len(record.data)
