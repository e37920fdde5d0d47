"""Which resources IAM looks at, and which actions it asks for besides, when a request of a service comes in that the
emulator's own enforcement does not know, or knows too little of.

https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonrds.html
https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonredshiftdataapi.html
https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsdatabasemigrationservice.html
https://docs.aws.amazon.com/glue/latest/dg/glue-specifying-resource-arns.html
"""

NAMESPACES = {"redshift-data": "redshift-data", "redshift-serverless": "redshift-serverless", "dms": "dms"}
"""Services of which the emulator's enforcement has never heard -> their prefix in policies."""

OWNER = "redshift-data:statement-owner-iam-userid"
CONTEXT = {"redshift-data": {OWNER: "${aws:userid}"}}
"""The emulator leaves policy variables as they stand: whoever asks for a statement here counts as its owner."""

Needed = tuple[str, str]
"""An action, and the ARN on which it is needed."""


def resource(service: str, action: str, request: dict, region: str, account: str) -> str | None:
    """The ARN of what the request names, or `*`; None when the emulator knows it."""

    def arn(kind: str, name: str, of: str = service) -> str:
        return f"arn:aws:{of}:{region}:{account}:{kind}/{name}"

    if service == "rds":
        return _rds(action, request, region, account)
    if service == "redshift-data":
        workgroup = request.get("WorkgroupName")
        return arn("workgroup", workgroup, "redshift-serverless") if workgroup else "*"
    if service == "kinesis":
        return request.get("StreamARN")
    if service == "dms":
        return request.get("ReplicationConfigArn") or "*"
    if service == "redshift-serverless":
        namespace = request.get("namespaceName")
        return arn("namespace", namespace) if namespace else "*"
    if service == "glue":
        database = request.get("DatabaseName")
        table = request.get("Name") or (request.get("TableInput") or {}).get("Name")
        if database and "Table" in action:
            return arn("table", f"{database}/{'*' if action == 'GetTables' else table}")
        if action == "GetDatabase":
            return arn("database", request.get("Name", "*"))
    return None


def within(arn: str) -> list[str]:
    """The resource and those that hold it: Glue wants each action on a table allowed on all of them."""
    if ":glue:" not in arn or ":table/" not in arn and ":database/" not in arn:
        return [arn]
    place, _, name = arn.partition(":table/" if ":table/" in arn else ":database/")
    database = f"{place}:database/{name.partition('/')[0]}"
    return [arn, database, f"{place}:catalog"] if arn != database else [arn, f"{place}:catalog"]


def besides(service: str, action: str, request: dict, region: str, account: str) -> list[Needed]:
    """What the caller needs besides the action itself."""
    if service == "rds" and action == "StartExportTask":
        return [("iam:PassRole", request.get("IamRoleArn") or "*")]
    if service == "redshift-data" and action in ("ExecuteStatement", "BatchExecuteStatement"):
        if secret := request.get("SecretArn"):
            return [("secretsmanager:GetSecretValue", secret)]
        workgroup = f"arn:aws:redshift-serverless:{region}:{account}:workgroup/{request.get('WorkgroupName')}"
        return [("redshift-serverless:GetCredentials", workgroup)]
    return []


def of_task(integration: str, request: dict, region: str, account: str) -> list[Needed]:
    """What the role of a state machine needs for a task. Raises KeyError for an integration that is not played here.

    https://docs.aws.amazon.com/step-functions/latest/dg/connect-glue.html (and connect-lambda, connect-codebuild)
    """
    if integration.startswith("arn:aws:states:::lambda:invoke"):
        return [("lambda:InvokeFunction", request["FunctionName"])]
    if integration.startswith(
        "arn:aws:lambda:"
    ):  # the function itself, as CDK's asynchronous provider names it
        return [("lambda:InvokeFunction", integration)]
    if integration.startswith("arn:aws:states:::glue:startJobRun"):
        job = f"arn:aws:glue:{region}:{account}:job/{request['JobName']}"
        return [("glue:StartJobRun", job), ("glue:GetJobRun", job)]
    if integration.startswith("arn:aws:states:::codebuild:startBuild"):
        project = f"arn:aws:codebuild:{region}:{account}:project/{request['ProjectName']}"
        return [("codebuild:StartBuild", project), ("codebuild:BatchGetBuilds", project)]
    raise KeyError(f"{integration} is not played here: say in local/iam_resources.py what it needs")


def _rds(action: str, request: dict, region: str, account: str) -> str:
    """Of a copy, that which is made (AWS looks at its source too)."""
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
