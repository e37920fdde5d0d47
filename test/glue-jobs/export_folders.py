"""Deliveries of web analytics exports in folders, as Google's and Adobe's tools make them, out of test/fixtures."""

import functools
import gzip
import hashlib
import io
import json
import os
import subprocess
import tarfile
from pathlib import Path

import load_event_export as job
from lakes import ENVIRONMENT

from common.contract_file import load as load_contract
from common.merging import merge

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "test" / "fixtures" / "event-exports"
HOUR = 3600


@functools.cache
def way(source: str) -> dict:
    """What the pipeline tells the job of a declared source."""
    tsx = ROOT / "node_modules" / ".bin" / "tsx"
    out = subprocess.run([tsx, FIXTURES / "way.ts"], check=True, capture_output=True, text=True, cwd=ROOT)
    return next(each for each in json.loads(out.stdout) if each["source"] == source)


class Exports:
    """A source's folder, to which a tool delivers, and its lake. Times are hours; each delivery has its own."""

    def __init__(self, make_lake, landing: Path, source: str):
        self.way, self.landing = way(source), landing
        self.contract = load_contract(str(FIXTURES / "contracts"), self.way["dataset"])
        self.lake, self.folder = make_lake(self.contract), landing / source
        self.folder.mkdir(parents=True)

    def write(self, name: str, content: bytes, hour: float) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        os.utime(path, (hour * HOUR, hour * HOUR))
        # Hadoop's local file system compares a file with the checksum that it wrote itself, if it did.
        (path.parent / f".{path.name}.crc").unlink(missing_ok=True)
        return path

    def run(self) -> dict:
        given = {
            "env": ENVIRONMENT,
            "dataset": self.way["dataset"],
            "run-id": "r-1",
            "contracts": str(FIXTURES / "contracts"),
            "landing": f"{self.landing}/",
            **{name: self.way[name] for name in ("source", "format", "fields")},
        }
        return job.main(
            [each for name, value in given.items() for each in (f"--{name}", value)], self.lake.spark
        )

    def silver(self) -> list[dict]:
        """The rows that are alive, merged, in the order of what they are."""
        merge(self.lake.spark, self.contract, ENVIRONMENT)
        rows = [row.asDict() for row in self.lake.rows(self.lake.silver, "not _is_deleted")]
        return sorted(rows, key=lambda row: str((row["occurred_at"], row["event_id"])))

    def quarantined(self) -> list:
        return self.lake.rows(self.lake.quarantine)

    def deliver_day(self, events: list[dict], hour: float, folder="events_20260131", marker=True) -> None:
        """A daily table of GA4, in two files."""
        half = len(events) // 2
        for number, part in enumerate([events[:half], events[half:]]):
            self.write(f"{folder}/{number:012}.json.gz", packed(part), hour)
        if marker:
            self.write(f"{folder}/_SUCCESS", b"", hour)

    def deliver_feed(self, name: str, hits: bytes, hour: float, headers: bytes, **more) -> None:
        """A data feed of Adobe. `more`: md5, records, files (which of data, lookup and manifest are written)."""
        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w:gz") as tar:
            for member, content in {"browser.tsv": b"1\tOther\n", "column_headers.tsv": headers}.items():
                info = tarfile.TarInfo(member)
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
        data, lookup = gzip.compress(hits, mtime=0), archive.getvalue()
        records = more.get("records", hits.replace(b"\\\n", b"").count(b"\n"))
        manifest = (
            f"Datafeed-Manifest-Version: 1.0\nLookup-Files: 1\nData-Files: 1\nTotal-Records: {records}\n\n"
            f"Lookup-File: {name}-lookup_data.tar.gz\nMD5-Digest: {hashlib.md5(lookup).hexdigest()}\n"
            f"File-Size: {len(lookup)}\n\n"
            f"Data-File: 01-{name}.tsv.gz\nMD5-Digest: {more.get('md5') or hashlib.md5(data).hexdigest()}\n"
            f"File-Size: {len(data)}\nRecord-Count: {records}\n"
        )
        parts = {
            "data": (f"01-{name}.tsv.gz", data),
            "lookup": (f"{name}-lookup_data.tar.gz", lookup),
            "manifest": (f"{name}.txt", manifest.encode()),
        }
        for part in more.get("files", parts):
            self.write(*parts[part], hour)


def packed(events: list[dict]) -> bytes:
    return gzip.compress("".join(json.dumps(each) + "\n" for each in events).encode())


def day() -> list[dict]:
    """The events of the fixture for GA4."""
    text = (FIXTURES / "ga4" / "events_20260131.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()]


def feed() -> tuple[bytes, bytes]:
    """The hits and the column headers of the fixture for Adobe."""
    return tuple((FIXTURES / "adobe" / name).read_bytes() for name in ("hit_data.tsv", "column_headers.tsv"))
