"""Table mappings of a DMS replication: which tables it takes, and by what it partitions their records.

https://docs.aws.amazon.com/dms/latest/userguide/CHAP_Tasks.CustomizingTasks.TableMapping.SelectionTransformation.Selections.html
https://docs.aws.amazon.com/dms/latest/userguide/CHAP_Target.Kinesis.html#CHAP_Target.Kinesis.ObjectMapping
"""

import json
import re

from aws_error import AwsError

ACTIONS = ("include", "exclude", "explicit")
PARTITION_KEYS = ("primary-key", "schema-table")


class Mappings:
    """The rules of a replication. Raises AwsError (InvalidParameterValueException) for one that is not played here."""

    def __init__(self, text: str):
        try:
            rules = json.loads(text)["rules"]
        except (KeyError, TypeError, ValueError) as error:
            raise _invalid(f"TableMappings is no JSON with rules: {error}") from error
        self.selections, self.objects = [], []
        for rule in rules:
            kind = rule.get("rule-type")
            if kind not in ("selection", "object-mapping"):
                raise _invalid(f"rule-type is {kind!r}; played here are selection and object-mapping")
            if kind == "selection" and rule.get("rule-action") not in ACTIONS:
                raise _invalid(
                    f"rule-action is {rule.get('rule-action')!r}; allowed are {', '.join(ACTIONS)}"
                )
            if kind == "object-mapping" and rule.get("rule-action") != "map-record-to-record":
                raise _invalid(
                    f"rule-action is {rule.get('rule-action')!r}; played here is map-record-to-record"
                )
            key = (rule.get("mapping-parameters") or {}).get("partition-key-type", PARTITION_KEYS[0])
            if key not in PARTITION_KEYS:
                raise _invalid(f"partition-key-type is {key!r}; allowed are {', '.join(PARTITION_KEYS)}")
            (self.selections if kind == "selection" else self.objects).append(rule)
        if not any(rule["rule-action"] != "exclude" for rule in self.selections):
            raise _invalid("TableMappings has no selection rule that includes a table")

    def takes(self, schema: str, table: str) -> bool:
        """Whether the replication takes the table: some rule includes it and none excludes it."""
        found = [rule["rule-action"] for rule in self.selections if _matches(rule, schema, table)]
        return bool(found) and "exclude" not in found

    def partition_key(self, schema: str, table: str) -> str | None:
        """`primary-key` or `schema-table`; None when no rule says it."""
        for rule in self.objects:
            if _matches(rule, schema, table):
                return (rule.get("mapping-parameters") or {}).get("partition-key-type")
        return None


def _matches(rule: dict, schema: str, table: str) -> bool:
    place = rule.get("object-locator") or {}
    named = ((place.get("schema-name", "%"), schema), (place.get("table-name", "%"), table))
    return all(re.fullmatch(_pattern(pattern), name) for pattern, name in named)


def _pattern(like: str) -> str:
    wild = {"%": ".*", "_": ".", "[_]": "_"}
    return re.sub(r"\[_\]|.", lambda found: wild.get(found[0], re.escape(found[0])), like)


def _invalid(message: str) -> AwsError:
    return AwsError("InvalidParameterValueException", message)
