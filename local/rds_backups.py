"""Snapshots of RDS's databases, as folders on disk (rds_snapshot.py makes them).

A database is called as the end of its ARN: `db:<instance>` or `cluster:<cluster>`. A snapshot's folder is
`<account>/<snapshot or cluster-snapshot>/<identifier>`, for those that another account shares lie here too.

https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_WorkingWithAutomatedBackups.html
"""

import json
import os
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import rds_snapshot
from aws_error import AwsError

RETAINED = 7
COPY_SECONDS = 1
SNAPSHOT_OF = {"db": "snapshot", "cluster": "cluster-snapshot"}


@dataclass(frozen=True)
class Snapshot:
    """A snapshot, in what those of instances and of clusters have in common."""

    arn: str
    database: str
    time: str
    """When its data was taken, ISO 8601."""
    made: str
    """When it was made, which is later for a copy."""
    key: str | None
    ready: bool
    size: int
    """Bytes."""

    @property
    def account(self) -> str:
        return self.arn.split(":")[4]

    @property
    def kind(self) -> str:
        return self.arn.split(":")[5]

    @property
    def identifier(self) -> str:
        return self.arn.split(":", 6)[6]


class Backups:
    """`databases` maps each database to the connection string of the PostgreSQL that plays it."""

    def __init__(self, databases: dict[str, str], folder: Path, region: str, account: str):
        self.databases, self.folder, self.region, self.account = databases, folder, region, account
        self.making, self.lock = threading.Lock(), threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)
        for unfinished in folder.glob("*/*/*.partial"):
            shutil.rmtree(unfinished)

    def create(
        self, database: str, in_use: Callable[[], set[str]], shared_by: str | None, key: str | None
    ) -> Snapshot:
        """Makes a snapshot, and removes all but the newest RETAINED of its name and those `in_use` (ARNs).

        It is an automated one of ours, or one made by hand that account `shared_by` shares with us, encrypted
        with `key`. It is named for its minute; where that name is taken, for the next free minute. RDS makes
        one a day and keeps them for 7 days by default.
        """
        self._known(database)
        account = shared_by or self.account
        key = key or (None if shared_by else f"arn:aws:kms:{self.region}:{account}:key/aws-rds")
        kind, name = self._named(database, "" if shared_by else "rds:")
        with self.making:
            minute = datetime.now(UTC)
            while (
                path := self.path(arn := self.arn(account, kind, f"{name}{minute:%Y-%m-%d-%H-%M}"))
            ).exists():
                minute += timedelta(minutes=1)
            rds_snapshot.freeze(self.databases[database], path, {"database": database, "key": key})
            mine = [
                each for each in self.all() if each.database == database and each.identifier.startswith(name)
            ]
            busy = in_use()
            for each in mine[:-RETAINED]:
                if each.arn not in busy:
                    self.delete(each)
        return next(each for each in mine if each.arn == arn)

    def take(self, database: str, identifier: str) -> Snapshot:
        """Makes a snapshot of ours by hand. It stays until it is deleted."""
        self._known(database)
        arn = self.arn(self.account, SNAPSHOT_OF[database.split(":")[0]], identifier)
        key = f"arn:aws:kms:{self.region}:{self.account}:key/aws-rds"
        with self.making:
            rds_snapshot.freeze(self.databases[database], self.path(arn), {"database": database, "key": key})
        return next(each for each in self.all() if each.arn == arn)

    def copy(self, source: Snapshot, identifier: str, key: str | None) -> Snapshot:
        """Our copy of a snapshot, ready after COPY_SECONDS."""
        arn = self.arn(self.account, source.kind, identifier)
        path = self.path(arn)
        partial = path.with_name(f"{path.name}.partial")
        content = json.loads((self.path(source.arn) / "snapshot.json").read_text())
        made = datetime.now(UTC)
        content |= {
            "key": key,
            "made": made.isoformat(),
            "ready": (made + timedelta(seconds=COPY_SECONDS)).isoformat(),
        }
        ignored = shutil.ignore_patterns("snapshot.json")
        shutil.copytree(self.path(source.arn), partial, ignore=ignored, copy_function=os.link)
        (partial / "snapshot.json").write_text(json.dumps(content))
        with self.lock:
            partial.rename(path)
        return next(each for each in self.all() if each.arn == arn)

    def delete(self, snapshot: Snapshot) -> None:
        path = self.path(snapshot.arn)
        gone = path.with_name(f"{path.name}.partial")
        with self.lock:
            path.rename(gone)
        shutil.rmtree(gone)

    def arn(self, account: str, kind: str, identifier: str) -> str:
        return f"arn:aws:rds:{self.region}:{account}:{kind}:{identifier}"

    def path(self, arn: str) -> Path:
        """The folder of a snapshot."""
        account, kind, identifier = arn.split(":", 6)[4:]
        return self.folder / account / kind / identifier.replace("rds:", "rds_", 1)

    def all(self) -> list[Snapshot]:
        """Every snapshot, ours and those shared with us, oldest first."""
        with self.lock:
            files = self.folder.glob("*/*/*/snapshot.json")
            whole = [file for file in files if file.parent.suffix != ".partial"]
            found = [(file.parent, json.loads(file.read_text())) for file in whole]
        found.sort(key=lambda each: each[1]["time"])
        return [self._snapshot(path, content) for path, content in found]

    def _known(self, database: str) -> None:
        if database not in self.databases:
            known = ", ".join(sorted(self.databases)) or "none"
            raise AwsError("DBInstanceNotFound", f"{database} not found; there are: {known}", 404)

    def _named(self, database: str, prefix: str) -> tuple[str, str]:
        kind, identifier = database.split(":")
        return SNAPSHOT_OF[kind], f"{prefix}{identifier}-"

    def _snapshot(self, path: Path, content: dict) -> Snapshot:
        account, kind, name = path.parts[-3:]
        ready = content.get("ready", content["time"])
        return Snapshot(
            arn=self.arn(account, kind, name.replace("rds_", "rds:", 1)),
            database=content["database"],
            time=content["time"],
            made=content.get("made", content["time"]),
            key=content["key"],
            ready=datetime.fromisoformat(ready) <= datetime.now(UTC),
            size=sum(table.get("bytes", 0) for table in content["tables"]),
        )
