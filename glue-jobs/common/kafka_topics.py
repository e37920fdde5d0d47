"""The topics of a source, as a job is told them by `--topics`, with their contracts."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter

from common import contract_file, kafka_avro
from common.kafka_rows import Topic


class Declared(BaseModel):
    """A topic, as its source declares it."""

    model_config = ConfigDict(extra="forbid")
    topic: str
    dataset: str
    format: Literal["json", "avro", "debezium"]


def read(declared: str, contracts: str, epoch: int) -> list[Topic]:
    """The topics of a JSON list of `Declared`; `contracts` as in common/arguments.py."""
    return [_topic(each, contracts, epoch) for each in TypeAdapter(list[Declared]).validate_json(declared)]


def _topic(declared: Declared, contracts: str, epoch: int) -> Topic:
    contract = contract_file.load(contracts, declared.dataset)
    schemas = kafka_avro.load_schemas(contracts, declared.dataset) if declared.format == "avro" else {}
    return Topic(declared.topic, contract, declared.format, epoch, schemas)
