"""What an RDS snapshot export leaves on S3: the tables' files, and JSON that says what was exported.

https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ExportSnapshot.FileNames.html
"""

import json
from collections.abc import Callable
from pathlib import Path

TABLES_PER_INFO = 100


def tables(s3, folder: Path, task: dict, progress: Callable[[int], bool]) -> int | None:
    """Uploads what the task wants; returns its bytes, or None when `progress(percent)` says to stop."""
    only, root = task["ExportOnly"], _root(task)
    snapshot = json.loads((folder / "snapshot.json").read_text())
    found = [table for table in snapshot["tables"] if _chosen(table, only)]
    files = [name for table in found for name in table["files"]]
    for index, name in enumerate(files):
        s3.upload_file(str(folder / name), task["S3Bucket"], f"{root}/{name}")
        if not progress(99 * (index + 1) // len(files)):
            return None
    for first in range(0, len(found), TABLES_PER_INFO):
        some = found[first : first + TABLES_PER_INFO]
        name = (
            f"export_tables_info_{task['ExportTaskIdentifier']}_from_{first + 1}_to_{first + len(some)}.json"
        )
        _put(s3, task, name, {"perTableStatus": [_status(table) for table in some]})
    return sum(table.get("bytes", 0) for table in found)


def summary(s3, task: dict, size: int, ended: str) -> None:
    """Writes export_info_<id>.json, the last file of an export. `size` in bytes."""
    names = ("ExportTaskIdentifier", "SourceArn", "ExportOnly", "SnapshotTime", "TaskStartTime", "IamRoleArn")
    content = {
        name[0].lower() + name[1:]: task[name] for name in (*names, "KmsKeyId", "S3Bucket", "S3Prefix")
    } | {
        "taskEndTime": ended,
        "exportedFilesPath": _root(task),
        "status": "COMPLETE",
        "percentProgress": 100,
        "totalExportedDataInGB": size / 2**30,
    }
    _put(s3, task, f"export_info_{task['ExportTaskIdentifier']}.json", content)


def _root(task: dict) -> str:
    return "/".join(filter(None, (task["S3Prefix"], task["ExportTaskIdentifier"])))


def _put(s3, task: dict, name: str, content: dict) -> None:
    s3.put_object(
        Bucket=task["S3Bucket"], Key=f"{_root(task)}/{name}", Body=json.dumps(content, indent=2).encode()
    )


def _chosen(table: dict, only: list[str]) -> bool:
    names = (table["database"], table["schema"], table["table"])
    return not only or any(".".join(names[: each.count(".") + 1]) == each for each in only)


def _status(table: dict) -> dict:
    target = f"{table['database']}.{table['schema']}.{table['table']}"
    if "skipped" in table:
        return {"target": target, "status": "SKIPPED", "warningMessage": table["skipped"]}
    return {
        "tableStatistics": {
            "extractionStartTime": table["started"],
            "extractionEndTime": table["ended"],
            "partitioningInfo": {"numberOfPartitions": 1, "numberOfCompletedPartitions": 1},
        },
        "schemaMetadata": {"originalTypeMappings": table["columns"]},
        "status": "COMPLETE",
        "sizeGB": table["bytes"] / 2**30,
        "target": target,
    }
