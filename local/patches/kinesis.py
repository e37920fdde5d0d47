"""Kinesis: streams and shards stay ministack's; their records are ours."""

from services import Services

from patches.protocol import answered, intercept


def extend(services: Services) -> None:
    import ministack.services.kinesis as kinesis

    services.stream_of = lambda request: kinesis._resolve_stream(request)[1]

    def choose(action: str, request: dict):
        if action in services.kinesis.ACTIONS:
            return lambda: answered(services.kinesis, action, request)
        return None

    intercept("kinesis", choose)
