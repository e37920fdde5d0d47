"""Which resource IAM looks at when one of the requests that we play comes in.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonrds.html
"""


def resource(action: str, request: dict, region: str, account: str) -> str:
    """The ARN of what the request names, or `*`; of a copy, that which is made (AWS looks at its source too)."""
    if action in ("DescribeExportTasks", "CancelExportTask"):
        return "*"
    if action == "StartExportTask":
        return request.get("SourceArn") or "*"
    word, kind, database = (
        ("Cluster", "cluster-snapshot", "cluster") if "Cluster" in action else ("", "snapshot", "db")
    )
    name = f"DB{word}SnapshotIdentifier"
    named = request.get(f"Target{name}") or request.get(name)
    if of := request.get("DBClusterIdentifier" if word else "DBInstanceIdentifier"):
        kind, named = database, of
    return f"arn:aws:rds:{region}:{account}:{kind}:{named or '*'}"
