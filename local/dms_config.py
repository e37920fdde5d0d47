"""What DMS knows of a replication config: what it refuses, and how it tells of it and of its replication.

https://docs.aws.amazon.com/dms/latest/APIReference/API_ReplicationConfig.html
https://docs.aws.amazon.com/dms/latest/APIReference/API_Replication.html
"""

import json

from aws_error import AwsError
from dms_mappings import Mappings

TYPES = ("cdc", "full-load-and-cdc")
STILL = ("created", "stopped", "failed")
"""States in which a replication may be started, and its config changed."""
TABLE_STATE = {"TableState": "Table completed", "ValidationState": "Not enabled"}


def wrong_state(what: str, config: dict, allowed: tuple[str, ...]) -> AwsError:
    message = f"{what}: its replication is {config['Status']}; allowed are {', '.join(allowed)}"
    return AwsError("InvalidResourceStateFault", message)


def checked(config: dict, endpoints: dict) -> dict:
    """The config with its JSON parts as texts. Raises AwsError for what DMS refuses."""
    config = dict(config)
    for name in ("ReplicationConfigIdentifier", "ReplicationType", "TableMappings", "ComputeConfig"):
        if not config.get(name):
            raise AwsError("InvalidParameterValueException", f"{name} is required")
    for name in ("TableMappings", "ReplicationSettings", "SupplementalSettings"):
        if config.get(name) and not isinstance(config[name], str):
            config[name] = json.dumps(config[name])
    if config["ReplicationType"] not in TYPES:
        message = f"ReplicationType is {config['ReplicationType']!r}; played here are {', '.join(TYPES)}"
        raise AwsError("InvalidParameterValueException", message)
    for name in ("SourceEndpointArn", "TargetEndpointArn"):
        if config.get(name) not in endpoints:
            raise AwsError("ResourceNotFoundFault", f"Endpoint {config.get(name)} not found.")
    Mappings(config["TableMappings"])
    return config


def describe_config(config: dict) -> dict:
    """A config as DescribeReplicationConfigs tells it."""
    names = (
        *("ReplicationConfigIdentifier", "ReplicationConfigArn", "SourceEndpointArn", "TargetEndpointArn"),
        *("ReplicationType", "ComputeConfig", "ReplicationSettings", "SupplementalSettings", "TableMappings"),
    )
    told = {name: config[name] for name in names if config.get(name) is not None}
    return {
        **told,
        "ReplicationConfigCreateTime": config["Created"],
        "ReplicationConfigUpdateTime": config["Updated"],
    }


def describe_replication(config: dict) -> dict:
    """A config's replication as DescribeReplications tells it."""
    names = (
        *("ReplicationConfigIdentifier", "ReplicationConfigArn", "SourceEndpointArn", "TargetEndpointArn"),
        *("ReplicationType", "Status", "StopReason", "FailureMessages", "StartReplicationType"),
    )
    told = {name: config[name] for name in names if config.get(name) is not None}
    units = int(config["ComputeConfig"].get("MinCapacityUnits") or 1)
    if config["Status"] == "running":
        told["ProvisionData"] = {"ProvisionState": "provisioned", "ProvisionedCapacityUnits": units}
    counts = config.get("Statistics", {})
    told["ReplicationStats"] = {
        "FullLoadProgressPercent": 100 if config["Begun"] else 0,
        "TablesLoaded": sum("FullLoadRows" in table for table in counts.values()),
    }
    times = {
        "ReplicationCreateTime": "Created",
        "ReplicationUpdateTime": "Updated",
        "ReplicationLastStopTime": "Stopped",
    }
    return {**told, **{name: config[key] for name, key in times.items() if key in config}}
