"""RDS's API of snapshots: those of instances, and those of clusters, which have names of their own.

https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_CreateDBSnapshot.html
https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeDBSnapshots.html
https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeDBClusterSnapshots.html
"""

import re
from collections.abc import Callable
from datetime import datetime

from aws_error import AwsError
from rds_backups import Backups, Snapshot

IDENTIFIER = re.compile(r"[a-z](-?[a-z0-9])*")


class SnapshotApi:
    """The API of one kind of snapshot: `word` is what RDS puts behind `DB` in its names."""

    def __init__(self, backups: Backups, word: str, kind: str, database: str):
        self.backups, self.word, self.kind, self.database = backups, word, kind, database

    def actions(self) -> dict[str, Callable[[dict], dict]]:
        return {
            f"CreateDB{self.word}Snapshot": self._create,
            f"DescribeDB{self.word}Snapshots": self._describe_all,
            f"CopyDB{self.word}Snapshot": self._copy,
            f"DeleteDB{self.word}Snapshot": self._delete,
        }

    def describe(self, snapshot: Snapshot) -> dict:
        """A snapshot as RDS tells it. RDS gives the ARN for the identifier of one that is shared with us."""
        ours = snapshot.account == self.backups.account
        automated = snapshot.identifier.startswith("rds:")
        told = {
            f"DB{self.word}SnapshotIdentifier": snapshot.identifier if ours else snapshot.arn,
            self.database: snapshot.database.split(":")[1],
            f"DB{self.word}SnapshotArn": snapshot.arn,
            "SnapshotType": "shared" if not ours else "automated" if automated else "manual",
            "SnapshotCreateTime": query_time(snapshot.time if self.word else snapshot.made),
            "Status": "available" if snapshot.ready else "creating",
            "PercentProgress": 100 if snapshot.ready else 0,
            "Engine": "aurora-postgresql" if self.word else "postgres",
            "AllocatedStorage": max(20, snapshot.size >> 30),
            "StorageEncrypted" if self.word else "Encrypted": snapshot.key is not None,
            "KmsKeyId": snapshot.key,
        }
        return told if self.word else told | {"OriginalSnapshotCreateTime": query_time(snapshot.time)}

    def _describe_all(self, request: dict) -> dict:
        named = request.get(f"DB{self.word}SnapshotIdentifier")
        kind, of = request.get("SnapshotType"), request.get(self.database)
        shared = {"shared"} if request.get("IncludeShared") else set()
        kinds = {kind} if kind else {"automated", "manual"} | shared
        told = [self.describe(each) for each in self._all()]
        found = [
            each
            for each in told
            if each["SnapshotType"] in kinds
            and named in (None, each[f"DB{self.word}SnapshotIdentifier"], each[f"DB{self.word}SnapshotArn"])
            # a database of another account is none that can be asked for
            and (of is None or (of == each[self.database] and each["SnapshotType"] != "shared"))
        ]
        if named and not found:
            raise self._not_found(named)
        return page(f"DB{self.word}Snapshots", found, request)

    def _create(self, request: dict) -> dict:
        name = self._new(request[f"DB{self.word}SnapshotIdentifier"])
        database = f"{'cluster' if self.word else 'db'}:{request[self.database]}"
        return {f"DB{self.word}Snapshot": self.describe(self.backups.take(database, name))}

    def _copy(self, request: dict) -> dict:
        source = self._find(request[f"SourceDB{self.word}SnapshotIdentifier"])
        target, key = self._new(request[f"TargetDB{self.word}SnapshotIdentifier"]), request.get("KmsKeyId")
        if source.key and source.account != self.backups.account and not key:
            message = "The target KMS key [None] does not exist, or you do not have permissions to access it."
            raise AwsError("KMSKeyNotAccessibleFault", message)
        if self.word and key and not source.key:
            message = (
                "The snapshot of a DB cluster that is not encrypted can't be encrypted when it is copied."
            )
            raise AwsError("InvalidParameterCombination", message)
        return {f"DB{self.word}Snapshot": self.describe(self.backups.copy(source, target, key or source.key))}

    def _delete(self, request: dict) -> dict:
        found = self._find(request[f"DB{self.word}SnapshotIdentifier"])
        told = self.describe(found)
        if told["SnapshotType"] != "manual" or not found.ready:
            code = f"InvalidDB{self.word}SnapshotState" + ("Fault" if self.word else "")
            raise AwsError(code, f"{found.identifier} is {told['SnapshotType']} and {told['Status']}.")
        self.backups.delete(found)
        return {f"DB{self.word}Snapshot": told}

    def _new(self, name: str) -> str:
        """An identifier that no snapshot of ours has."""
        if not IDENTIFIER.fullmatch(name) or len(name) > 255:
            raise AwsError("InvalidParameterValue", f"{name!r} is no identifier of a snapshot")
        if any(each.identifier == name and each.account == self.backups.account for each in self._all()):
            code = f"DB{self.word}SnapshotAlreadyExists" + ("Fault" if self.word else "")
            raise AwsError(code, f"Cannot create the snapshot because one with the identifier {name} exists.")
        return name

    def _all(self) -> list[Snapshot]:
        return [each for each in self.backups.all() if each.kind == self.kind]

    def _find(self, name: str) -> Snapshot:
        for each in self._all():
            if name == each.arn or (each.account == self.backups.account and name == each.identifier):
                return each
        raise self._not_found(name)

    def _not_found(self, name: str) -> AwsError:
        code = f"DB{self.word}SnapshotNotFound" + ("Fault" if self.word else "")
        return AwsError(code, f"DB{self.word}Snapshot {name} not found.", 404)


def of_instances(backups: Backups) -> SnapshotApi:
    return SnapshotApi(backups, "", "snapshot", "DBInstanceIdentifier")


def of_clusters(backups: Backups) -> SnapshotApi:
    return SnapshotApi(backups, "Cluster", "cluster-snapshot", "DBClusterIdentifier")


def page(name: str, found: list[dict], request: dict) -> dict:
    """A page of a list, as `Marker` and `MaxRecords` ask for it."""
    size, start = int(request.get("MaxRecords") or 100), int(request.get("Marker") or 0)
    if not 20 <= size <= 100:
        raise AwsError("InvalidParameterValue", f"MaxRecords is {size}; allowed are 20 to 100")
    more = {"Marker": str(start + size)} if start + size < len(found) else {}
    return {name: found[start : start + size], **more}


def query_time(text: str) -> str:
    """An ISO 8601 time as RDS writes it: UTC, milliseconds."""
    return datetime.fromisoformat(text).isoformat(timespec="milliseconds").replace("+00:00", "Z")
