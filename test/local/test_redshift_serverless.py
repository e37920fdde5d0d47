"""Usage limits: made once, changed after, remembered, and refused where Redshift Serverless refuses them."""

import pytest
from aws_error import AwsError
from redshift_serverless import RedshiftServerless

ARN = "arn:aws:redshift-serverless:eu-central-1:000000000000:workgroup/w"
LIMIT = {
    "resourceArn": ARN,
    "usageType": "serverless-compute",
    "period": "daily",
    "amount": 8,
    "breachAction": "log",
}


def make(tmp_path):
    return RedshiftServerless(tmp_path / "limits.json", "eu-central-1", "000000000000")


def test_a_limit_is_changed_and_survives(tmp_path):
    made = make(tmp_path).handle("CreateUsageLimit", LIMIT)["usageLimit"]
    change = {"usageLimitId": made["usageLimitId"], "amount": 16, "breachAction": "deactivate"}
    make(tmp_path).handle("UpdateUsageLimit", change)
    found = make(tmp_path).handle("ListUsageLimits", {"resourceArn": ARN})["usageLimits"]
    assert found == [{**LIMIT, **change}]
    assert make(tmp_path).handle("ListUsageLimits", {"resourceArn": "other"})["usageLimits"] == []


@pytest.mark.parametrize(
    ("action", "request_", "message"),
    [
        ("CreateUsageLimit", LIMIT, "has a daily limit already"),
        ("CreateUsageLimit", {**LIMIT, "period": "yearly"}, "period is yearly; allowed are daily"),
        ("CreateUsageLimit", {**LIMIT, "period": "weekly", "amount": 0}, "amount is 0"),
        ("UpdateUsageLimit", {"usageLimitId": "x"}, "no usage limit x"),
        ("DeleteWorkgroup", {}, "DeleteWorkgroup is not played here"),
    ],
)
def test_refusals(tmp_path, action, request_, message):
    api = make(tmp_path)
    api.handle("CreateUsageLimit", LIMIT)
    with pytest.raises(AwsError, match=message):
        api.handle(action, request_)


def test_the_namespace_tells_its_secret(tmp_path):
    namespace = make(tmp_path).handle("GetNamespace", {"namespaceName": "n"})["namespace"]
    assert namespace["adminPasswordSecretArn"].startswith(
        "arn:aws:secretsmanager:eu-central-1:000000000000:secret:redshift!n-"
    )
