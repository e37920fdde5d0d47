"""The part of Redshift Serverless's own API that the set-up of the warehouse calls: the namespace's managed secret, and
usage limits, which are remembered and limit nothing.

https://docs.aws.amazon.com/redshift-serverless/latest/APIReference/Welcome.html
"""

import json
import threading
import uuid
from pathlib import Path

from aws_error import AwsError

ALLOWED = {
    "usageType": ("serverless-compute", "cross-region-datasharing"),
    "period": ("daily", "weekly", "monthly"),
    "breachAction": ("log", "emit-metric", "deactivate"),
}


class RedshiftServerless:
    """Limits survive in `file`."""

    def __init__(self, file: Path, region: str, account: str):
        self.file = file
        self.place = f"{region}:{account}"
        self.lock = threading.Lock()

    def handle(self, action: str, request: dict) -> dict:
        """Carries one action out. Raises AwsError as the service does."""
        actions = {
            "GetNamespace": self._namespace,
            "ListUsageLimits": self._list,
            "CreateUsageLimit": self._create,
            "UpdateUsageLimit": self._update,
        }
        if action not in actions:
            raise AwsError(
                "UnknownOperationException", f"{action} is not played here; there are: {', '.join(actions)}"
            )
        with self.lock:
            return actions[action](request)

    def _namespace(self, request: dict) -> dict:
        name = request["namespaceName"]
        secret = f"arn:aws:secretsmanager:{self.place}:secret:redshift!{name}-moraine_admin-000000"
        return {"namespace": {"namespaceName": name, "status": "AVAILABLE", "adminPasswordSecretArn": secret}}

    def _list(self, request: dict) -> dict:
        wanted = {name: request[name] for name in ("resourceArn", "usageType") if request.get(name)}
        return {"usageLimits": [limit for limit in self._read() if wanted.items() <= limit.items()]}

    def _create(self, request: dict) -> dict:
        new = {"period": "monthly", "breachAction": "log", **request}
        limits = self._read()
        kind = ("resourceArn", "usageType", "period")
        if any(all(limit[name] == new[name] for name in kind) for limit in limits):
            raise AwsError("ConflictException", f"{new['resourceArn']} has a {new['period']} limit already")
        return self._write(limits, {**new, "usageLimitId": str(uuid.uuid4())})

    def _update(self, request: dict) -> dict:
        limits = self._read()
        known = next((limit for limit in limits if limit["usageLimitId"] == request["usageLimitId"]), None)
        if known is None:
            raise AwsError(
                "ResourceNotFoundException", f"There is no usage limit {request['usageLimitId']}", 404
            )
        return self._write([limit for limit in limits if limit is not known], {**known, **request})

    def _read(self) -> list[dict]:
        return json.loads(self.file.read_text()) if self.file.exists() else []

    def _write(self, others: list[dict], limit: dict) -> dict:
        for name, allowed in ALLOWED.items():
            if limit[name] not in allowed:
                raise AwsError(
                    "ValidationException", f"{name} is {limit[name]}; allowed are {', '.join(allowed)}"
                )
        if int(limit["amount"]) < 1:
            raise AwsError("ValidationException", f"amount is {limit['amount']}; allowed is 1 or more")
        self.file.parent.mkdir(parents=True, exist_ok=True)
        draft = self.file.with_suffix(".new")
        draft.write_text(json.dumps([*others, limit]))
        draft.replace(self.file)
        return {"usageLimit": limit}
