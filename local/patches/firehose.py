"""Firehose: stock delivery to Iceberg wants DuckDB. Streams stay ministack's; their records are ours."""

from services import Services

from patches.protocol import answered, intercept


def extend(services: Services) -> None:
    import ministack.services.firehose as firehose

    def put(name: str, config: dict, action: str, request: dict):
        services.firehose.configure(name, config)
        return answered(services.firehose, action, request)

    def choose(action: str, request: dict):
        name = request.get("DeliveryStreamName", "")
        for destination in (firehose._streams.get(name) or {}).get("destinations", []):
            if destination["type"] == "Iceberg" and action in ("PutRecord", "PutRecordBatch"):
                return lambda: put(name, destination["config"], action, request)
        return None

    intercept("firehose", choose)
