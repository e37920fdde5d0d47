"""Clients of one AWS endpoint: the local emulator's, or any other.

Credentials are those of the session given, else of the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY), else
`test`, which the emulator takes.
"""

import os
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import boto3
import fast_json
from botocore.config import Config
from lake_files import LakeCatalog
from pyiceberg.table.metadata import TableMetadataV2

# pyiceberg copies a table's metadata, which it never changes in place, with all its snapshots at each step of a commit.
TableMetadataV2.__deepcopy__ = TableMetadataV2.__copy__

REGION = "us-east-1"


def _credentials(session: boto3.Session | None) -> tuple[str, str, str | None]:
    if session:
        return session.get_credentials().get_frozen_credentials()[:3]
    return os.environ.get("AWS_ACCESS_KEY_ID", "test"), os.environ.get("AWS_SECRET_ACCESS_KEY", "test"), None


def client(service: str, endpoint: str, region: str = REGION, session: boto3.Session | None = None, **config):
    """A boto3 client, `config` of which is botocore's; S3 is addressed by path, because `<bucket>.127.0.0.1` is no
    host name.
    """
    key, secret, token = _credentials(session)
    return (session or boto3).client(
        service,
        endpoint_url=endpoint,
        region_name=region,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        aws_session_token=token,
        config=Config(
            **{
                "s3": {"addressing_style": "path"},
                "retries": {"mode": "standard", "max_attempts": 5},
                **config,
            }
        ),
    )


def catalog(endpoint: str, region: str = REGION, session: boto3.Session | None = None) -> LakeCatalog:
    """The Iceberg catalogue that Glue holds, with its files on S3 (pyiceberg). Safe to share between threads.

    https://py.iceberg.apache.org/configuration/#glue-catalog
    """
    return LakeCatalog(client("glue", endpoint, region, session), client("s3", endpoint, region, session))


class Clients(NamedTuple):
    """What a service calls others with."""

    invoke: Callable[[str, dict], dict]
    """Calls a handler by its ARN. Raises RuntimeError with what it threw."""
    catalog: Any
    s3: Any


@lru_cache(maxsize=32)
def clients(endpoint: str, region: str, acting: boto3.Session | None) -> Clients:
    """Clients of a session, else of the environment's credentials."""
    lambdas = client("lambda", endpoint, region, acting)

    def invoke(arn: str, event: dict) -> dict:
        answer = lambdas.invoke(FunctionName=arn, Payload=fast_json.dumps(event))
        payload = fast_json.loads(answer["Payload"].read())
        if answer.get("FunctionError"):
            raise RuntimeError(f"{payload.get('errorType')}: {payload.get('errorMessage')}")
        return payload

    return Clients(invoke, catalog(endpoint, region, acting), client("s3", endpoint, region, acting))
