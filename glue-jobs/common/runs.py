"""What a job run did: printed as one JSON line, and kept in the runs table (DynamoDB), newest run of each
job.
"""

import json
from datetime import UTC, datetime
from typing import Any


def finish(result: dict[str, Any], run_id: str, runs_table: str | None) -> dict[str, Any]:
    """Prints and records the result of a run (`dataset`, `job`, counts, times as ISO text), and gives it."""
    result = {**result, "run_id": run_id, "finished_at": iso(datetime.now(UTC))}
    print(json.dumps(result), flush=True)
    if runs_table:
        import boto3

        item = {"pk": f"dataset#{result['dataset']}", "sk": result["job"], **result}
        boto3.resource("dynamodb").Table(runs_table).put_item(Item=item)
    return result


def iso(moment: datetime | None) -> str | None:
    """ISO 8601 in UTC with microseconds, or None."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds") if moment else None
