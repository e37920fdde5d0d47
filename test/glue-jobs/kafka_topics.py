"""A real Kafka broker for tests, and a producer of messages."""

import json
import socket
from pathlib import Path

from kafka_broker import Broker

ROOT = Path(__file__).resolve().parents[2]


def start_broker(folder: Path) -> Broker:
    return Broker(ROOT / ".cache" / "kafka", folder, free_port())


def free_port() -> int:
    """A port that is free, as is the next one."""
    while True:
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port = first.getsockname()[1]
            try:
                second.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port


class Producer:
    """Sends messages; a topic has one partition unless it is made with more."""

    def __init__(self, spark, broker: Broker):
        self.jvm = spark.sparkContext._jvm
        serializer = self.jvm.org.apache.kafka.common.serialization.ByteArraySerializer
        properties = self.jvm.java.util.HashMap()
        properties.put("bootstrap.servers", broker.address)
        # A topic that is made a moment ago may refuse the first message: it is sent again, in order, not given up.
        properties.put("enable.idempotence", "false")
        properties.put("max.in.flight.requests.per.connection", "1")
        self.admin = self.jvm.org.apache.kafka.clients.admin.AdminClient.create(properties)
        clients = self.jvm.org.apache.kafka.clients.producer
        self.producer = clients.KafkaProducer(properties, serializer(), serializer())

    def create(self, topic: str, partitions: int = 1) -> None:
        made = self.jvm.java.util.ArrayList()
        made.add(self.jvm.org.apache.kafka.clients.admin.NewTopic(topic, partitions, 1))
        self.admin.createTopics(made).all().get()

    def delete(self, topic: str) -> None:
        gone = self.jvm.java.util.ArrayList()
        gone.add(topic)
        self.admin.deleteTopics(gone).all().get()

    def send(self, topic: str, messages: list, partition: int = 0) -> None:
        """Sends (key, value): bytes, None, or what is sent as JSON."""
        record = self.jvm.org.apache.kafka.clients.producer.ProducerRecord
        sent = [
            self.producer.send(record(topic, partition, as_bytes(key), as_bytes(value)))
            for key, value in messages
        ]
        for each in sent:
            each.get()


def as_bytes(value):
    return value if value is None or isinstance(value, bytes) else json.dumps(value).encode()
