"""How a job reaches Kafka: the settings of its client, the partitions of a topic and where they end."""

import json
from typing import Any

from pyspark.sql import SparkSession

AUTHENTICATIONS = ("none", "iam", "scram")
# https://docs.aws.amazon.com/msk/latest/developerguide/configure-clients-for-iam-access-control.html
IAM = {
    "security.protocol": "SASL_SSL",
    "sasl.mechanism": "AWS_MSK_IAM",
    "sasl.jaas.config": "software.amazon.msk.auth.iam.IAMLoginModule required;",
    "sasl.client.callback.handler.class": "software.amazon.msk.auth.iam.IAMClientCallbackHandler",
}
SCRAM_LOGIN = "org.apache.kafka.common.security.scram.ScramLoginModule required"
TIMEOUT = {"request.timeout.ms": "30000", "default.api.timeout.ms": "60000"}


def settings(bootstrap: str, authentication: str, secret: str | None = None) -> dict[str, str]:
    """The client's settings. `secret` names the secret with `username` and `password`, which `scram` needs."""
    # What a producer's transaction has taken back never was. A topic that is asked for is not made by that.
    settings = {
        "bootstrap.servers": bootstrap,
        "isolation.level": "read_committed",
        "allow.auto.create.topics": "false",
    }
    if authentication == "iam":
        return settings | IAM
    if authentication == "scram":
        return settings | scram(_secret(secret))
    return settings


def scram(login: dict[str, str]) -> dict[str, str]:
    """https://docs.aws.amazon.com/msk/latest/developerguide/msk-password-tutorial.html"""
    quoted = {name: _quoted(login[name]) for name in ("username", "password")}
    return {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.jaas.config": f"{SCRAM_LOGIN} username={quoted['username']} password={quoted['password']};",
    }


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _secret(name: str | None) -> dict[str, str]:
    import boto3

    answer = boto3.client("secretsmanager").get_secret_value(SecretId=name)
    login = json.loads(answer["SecretString"])
    if lacking := [field for field in ("username", "password") if field not in login]:
        raise ValueError(f"secret {name} lacks {', '.join(lacking)}; put them in")
    return login


class Client:
    """A consumer that reads no messages: it asks which partitions a topic has, and where they begin and end."""

    def __init__(self, spark: SparkSession, options: dict[str, str]):
        self._jvm = spark.sparkContext._jvm
        properties = self._jvm.java.util.HashMap()
        for name, value in {**TIMEOUT, **options}.items():
            properties.put(name, value)
        bytes_of = self._jvm.org.apache.kafka.common.serialization.ByteArrayDeserializer
        self._consumer = self._jvm.org.apache.kafka.clients.consumer.KafkaConsumer(
            properties, bytes_of(), bytes_of()
        )

    def partitions(self, topic: str) -> list[int]:
        """The numbers of a topic's partitions. Raises ValueError when there is no such topic."""
        found = self._consumer.partitionsFor(topic)
        if not found:
            raise ValueError(f"topic {topic!r} is not there; create it, or correct its name in sources/")
        return sorted(each.partition() for each in found)

    def ends(self, topic: str) -> dict[int, int]:
        """The offset after the last message of each partition."""
        return self._offsets(self._consumer.endOffsets, topic)

    def begins(self, topic: str) -> dict[int, int]:
        """The offset of the first message that each partition still has."""
        return self._offsets(self._consumer.beginningOffsets, topic)

    def _offsets(self, ask: Any, topic: str) -> dict[int, int]:
        wanted = self._jvm.java.util.ArrayList()
        for number in self.partitions(topic):
            wanted.add(self._jvm.org.apache.kafka.common.TopicPartition(topic, number))
        return {each.getKey().partition(): int(each.getValue()) for each in ask(wanted).entrySet()}

    def close(self) -> None:
        self._consumer.close()
