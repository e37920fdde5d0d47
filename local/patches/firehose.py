"""Firehose: stock delivery to Iceberg wants DuckDB. Streams stay ministack's; their records are ours."""

import threading
import time

from firehose_kinesis import Source
from notes import note
from services import Services

from patches.protocol import answered, intercept

LOOK_EVERY = 0.5
"""Seconds after which a changed delivery stream with a Kinesis source is seen."""


def extend(services: Services) -> None:
    import ministack.services.firehose as firehose

    def put(name: str, config: dict, action: str, request: dict):
        services.firehose.configure(name, config)
        return answered(services.firehose, action, request)

    def choose(action: str, request: dict):
        name = request.get("DeliveryStreamName", "")
        stream = firehose._streams.get(name) or {}
        for config in iceberg_destinations(stream) if action in ("PutRecord", "PutRecordBatch") else ():
            if source_of(stream):
                return lambda: answered(services.firehose, action, request)
            return lambda: put(name, config, action, request)
        return None

    intercept("firehose", choose)
    extend_sources(services)


def extend_sources(services: Services) -> None:
    """Streams with a Kinesis source. They are opened outside of the request that makes them, for that holds the
    emulator up, and opening asks it for the tables."""
    import ministack.app as app
    import ministack.services.firehose as firehose

    stock_create, stock_delete = firehose._create_delivery_stream, firehose._delete_delivery_stream
    stock_load = app._load_persisted_state

    def create(data: dict):
        answer = stock_create(data)
        stream = firehose._streams.get(data.get("DeliveryStreamName", "")) or {}
        if answer[0] < 400 and source_of(stream) and any(iceberg_destinations(stream)):
            services.firehose.begin(stream["name"], source_of(stream))
        return answer

    def delete(data: dict):
        services.firehose.forget(data.get("DeliveryStreamName", ""))
        return stock_delete(data)

    def follow() -> None:
        for _, stream in list(firehose._streams.all_items()):
            for config in iceberg_destinations(stream) if source_of(stream) else ():
                services.firehose.configure(stream["name"], config, source_of(stream))

    def keep_following() -> None:
        problem = ""
        while True:
            try:
                follow()
            except Exception as error:  # its tables or its role are not there yet; a delivery says it as well
                if str(error) != problem:
                    problem = str(error)
                    note(f"firehose: {type(error).__name__}: {error}")
            time.sleep(LOOK_EVERY)

    def load():
        stock_load()
        threading.Thread(target=keep_following, daemon=True).start()

    services.follow_streams = follow
    firehose._create_delivery_stream, firehose._delete_delivery_stream = create, delete
    firehose._HANDLERS |= {"CreateDeliveryStream": create, "DeleteDeliveryStream": delete}
    app._load_persisted_state = load


def iceberg_destinations(stream: dict):
    return (each["config"] for each in stream.get("destinations", []) if each["type"] == "Iceberg")


def source_of(stream: dict) -> Source | None:
    source = stream.get("kinesis_source")
    return Source(source["KinesisStreamARN"], source["RoleARN"]) if source else None
