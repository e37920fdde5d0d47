"""Clients of one AWS endpoint: the local emulator's, or any other.

Credentials are those of the environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY), else `test`, which the
emulator takes.
"""

import os

import boto3
from botocore.config import Config
from pyiceberg.catalog.glue import GlueCatalog

REGION = "us-east-1"


def _credentials() -> tuple[str, str]:
    return os.environ.get("AWS_ACCESS_KEY_ID", "test"), os.environ.get("AWS_SECRET_ACCESS_KEY", "test")


def client(service: str, endpoint: str, region: str = REGION):
    """A boto3 client; S3 is addressed by path, because `<bucket>.127.0.0.1` is no host name."""
    key, secret = _credentials()
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name=region,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        config=Config(s3={"addressing_style": "path"}, retries={"mode": "standard", "max_attempts": 5}),
    )


def catalog(endpoint: str, region: str = REGION) -> GlueCatalog:
    """The Iceberg catalogue that Glue holds, with its files on S3 (pyiceberg). Safe to share between threads.

    https://py.iceberg.apache.org/configuration/#glue-catalog
    """
    key, secret = _credentials()
    return GlueCatalog(
        "lake",
        client=client("glue", endpoint, region),
        **{
            "s3.endpoint": endpoint,
            "s3.region": region,
            "s3.access-key-id": key,
            "s3.secret-access-key": secret,
            "s3.force-virtual-addressing": "false",
        },
    )
