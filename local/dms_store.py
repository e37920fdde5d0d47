"""Endpoints and replication configs of the local DMS, on disk, by ARN."""

import json
import secrets
from pathlib import Path

from aws_error import AwsError

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
FILTERS = {
    "replication-config-arn": "ReplicationConfigArn",
    "replication-config-id": "ReplicationConfigIdentifier",
}


class Store:
    """Who changes what stands in `endpoints` or `configs` calls `save` after it."""

    def __init__(self, path: Path, prefix: str):
        self.path, self.prefix = path, prefix
        path.parent.mkdir(parents=True, exist_ok=True)
        saved = json.loads(path.read_text()) if path.exists() else {}
        self.endpoints: dict[str, dict] = saved.get("endpoints", {})
        self.configs: dict[str, dict] = saved.get("configs", {})

    def add(self, kind: str, properties: dict) -> str:
        """Keeps a new `endpoint` or `replication-config` and returns its ARN."""
        identifier = "".join(secrets.choice(LETTERS) for _ in range(26))
        arn = f"{self.prefix}:{kind}:{properties.get('ResourceIdentifier') or identifier}"
        (self.endpoints if kind == "endpoint" else self.configs)[arn] = properties
        self.save()
        return arn

    def save(self) -> None:
        text = json.dumps({"endpoints": self.endpoints, "configs": self.configs})
        self.path.with_suffix(".new").write_text(text)
        self.path.with_suffix(".new").replace(self.path)

    def config(self, request: dict) -> dict:
        """The config that a request names. Raises AwsError when there is none."""
        arn = request.get("ReplicationConfigArn")
        if arn not in self.configs:
            raise AwsError("ResourceNotFoundFault", f"Replication config {arn} not found.")
        return self.configs[arn]

    def found(self, request: dict) -> list[dict]:
        """The configs that a request's filters leave. Raises AwsError for a filter that is not known."""
        found = list(self.configs.values())
        for each in request.get("Filters") or []:
            if each["Name"] not in FILTERS:
                message = f"Filter {each['Name']!r}; allowed are {', '.join(FILTERS)}"
                raise AwsError("InvalidParameterValueException", message)
            found = [config for config in found if config.get(FILTERS[each["Name"]]) in each["Values"]]
        return found
