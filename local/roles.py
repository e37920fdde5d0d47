"""Roles as AWS's services take them on, by the emulator's own STS and IAM.

A service that calls others in the name of a role (Firehose, Glue, CodeBuild, RDS's export) gets a session of that
role, so that the emulator refuses what its policies do not allow. A role that only has to be allowed something (that
of a state machine, or a caller who passes a role on) is asked for it.
"""

import time
from functools import lru_cache

import boto3
from aws_error import AwsError

RENEWED_AFTER = 1800
"""Seconds; a session of STS lives for an hour."""


def session(role: str, sts) -> boto3.Session:
    """A session of the role (its ARN), by a client of STS. Raises ClientError when there is no such role."""
    return _session(role, sts, int(time.time() // RENEWED_AFTER))


@lru_cache(maxsize=32)
def _session(role: str, sts, _: int) -> boto3.Session:
    given = sts.assume_role(RoleArn=role, RoleSessionName="moraine-local")["Credentials"]
    keys = (given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
    return boto3.Session(*keys, region_name=sts.meta.region_name)


def require(iam, role: str, action: str, resource: str) -> None:
    """Raises AwsError (AccessDeniedException), in AWS's words, unless the role's policies allow the action."""
    answer = iam.simulate_principal_policy(
        PolicySourceArn=role, ActionNames=[action], ResourceArns=[resource]
    )
    decision = answer["EvaluationResults"][0]["EvalDecision"]
    if decision != "allowed":
        why = (
            "with an explicit deny in an identity-based policy"
            if decision == "explicitDeny"
            else f"because no identity-based policy allows the {action} action"
        )
        message = f"User: {role} is not authorized to perform: {action} on resource: {resource} {why}"
        raise AwsError("AccessDeniedException", message)


def role_of(caller: str) -> str | None:
    """The ARN of the role that the caller is, or has a session of (`arn:…:assumed-role/<role>/<name>`), or None."""
    place, found, name = caller.partition(":assumed-role/")
    if not found:
        return caller if ":role/" in caller else None
    return f"{place.replace(':sts:', ':iam:')}:role/{name.split('/')[0]}"
