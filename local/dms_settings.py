"""What the settings of DMS's endpoints and replications mean for a replication of ours.

https://docs.aws.amazon.com/dms/latest/APIReference/API_KinesisSettings.html
https://docs.aws.amazon.com/dms/latest/userguide/CHAP_Tasks.CustomizingTasks.TaskSettings.BeforeImage.html
"""

import json

COLUMN_FILTERS = ("pk-only", "non-lob", "all")


def options(source: dict, target: dict, replication_settings: str | None) -> dict:
    """dms_records.Options as a dict, of a source's and a target's endpoint and a replication's settings (JSON)."""
    kinesis, postgres = target.get("KinesisSettings") or {}, source.get("PostgreSqlSettings") or {}
    before = (json.loads(replication_settings or "{}") or {}).get("BeforeImageSettings") or {}
    images = on(before, "EnableBeforeImage")
    column_filter = before.get("ColumnFilter", COLUMN_FILTERS[0])
    if images and column_filter not in COLUMN_FILTERS:
        raise ValueError(f"ColumnFilter is {column_filter!r}; allowed are {', '.join(COLUMN_FILTERS)}")
    return {
        "values": {
            "large_integers": on(kinesis, "UseLargeIntegerValue"),
            "hex_prefix": not on(kinesis, "NoHexPrefix"),
            "booleans": on(postgres, "MapBooleanAsBoolean"),
        },
        "one_line": str(kinesis.get("MessageFormat", "json")).lower().replace("-", "_") == "json_unformatted",
        "null_and_empty": on(kinesis, "IncludeNullAndEmpty"),
        "transaction": on(kinesis, "IncludeTransactionDetails"),
        "partition_value": on(kinesis, "IncludePartitionValue"),
        "schema_and_table": on(kinesis, "PartitionIncludeSchemaTable"),
        "control_details": on(kinesis, "IncludeControlDetails"),
        "table_changes": on(kinesis, "IncludeTableAlterOperations"),
        "before_image": before.get("FieldName", "before-image") if images else None,
        "before_all": images and column_filter != COLUMN_FILTERS[0],
    }


def on(settings: dict, name: str) -> bool:
    """Whether a setting is on; CloudFormation hands booleans over as texts."""
    return str(settings.get(name, False)).lower() == "true"


def dsn_of(secret: str, dsns: dict[str, str]) -> str | None:
    """The database of a secret, which an endpoint names by its ARN (with its six random characters or without)."""
    for arn, dsn in dsns.items():
        if secret in (arn, arn.rpartition(":secret:")[2]) or secret.rpartition("-")[0] == arn:
            return dsn
    return None
