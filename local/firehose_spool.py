"""A delivery stream's buffer on disk: what was accepted survives a kill -9.

Records are appended to `open.jsonl` and synced before they count as accepted. `seal` closes that file as a
batch, which is delivered and then removed. A line that is not whole was never accepted, and is passed over.
"""

import base64
import json
import os
import threading
import time
from pathlib import Path


class Spool:
    """The spool of one stream, in a folder of its own. Sizes in bytes, times in seconds since 1970."""

    def __init__(self, folder: Path):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.lock = threading.Lock()
        self.path = folder / "open.jsonl"
        self.file = self.path.open("ab")
        self.size = 0
        self.oldest: float | None = time.time() if self.file.tell() else None
        if self.file.tell():
            self.file.write(b"\n")  # ends a line that a crash cut short

    def append(self, records: list[tuple[str, bytes]]) -> None:
        """Keeps (record id, data) pairs; when it returns they are on disk."""
        now = time.time()
        lines = [
            json.dumps({"id": identifier, "at": int(now * 1000), "data": base64.b64encode(data).decode()})
            + "\n"
            for identifier, data in records
        ]
        with self.lock:
            self.file.write("".join(lines).encode())
            self.file.flush()
            os.fsync(self.file.fileno())
            self.size += sum(len(data) for _, data in records)
            self.oldest = self.oldest or now

    def seal(self) -> None:
        """Makes what is buffered a batch of its own."""
        with self.lock:
            if self.oldest is None:
                return
            self.file.close()
            last = max(
                (int(path.stem.split("-")[1]) for path in self.folder.glob("batch-*.jsonl")), default=0
            )
            self.path.rename(self.folder / f"batch-{last + 1:012d}.jsonl")
            self.file = self.path.open("ab")
            self.size, self.oldest = 0, None

    def batches(self) -> list[Path]:
        """Sealed batches that are not delivered yet, oldest first."""
        return sorted(self.folder.glob("batch-*.jsonl"))

    def read(self, batch: Path, limit: int) -> list[dict]:
        """The records of a batch: `id`, `at` (arrival in milliseconds), `data` (bytes). It was sealed by its size."""
        return read(batch)

    def done(self, batch: Path) -> None:
        """The batch is delivered."""
        batch.unlink()

    @property
    def empty(self) -> bool:
        return self.oldest is None and not self.batches()

    def close(self) -> None:
        with self.lock:
            self.file.close()


def read(batch: Path) -> list[dict]:
    found = []
    for line in batch.read_bytes().splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            continue
        found.append({**record, "data": base64.b64decode(record["data"])})
    return found
