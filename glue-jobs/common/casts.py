"""Casts of one value by contract, in Spark SQL expressions that never lose anything in silence.

Text must have the form that PostgreSQL prints (which RDS exports carry) or ISO 8601; a number or time that
the column's type can't hold exactly fails.
https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_ExportSnapshot.html Every function takes SQL text
of an expression and gives SQL text; the result is null when the value doesn't cast.
"""

from pyspark.sql import types as t

from common.contract import Column

# Redshift cuts longer strings of Iceberg tables.
MAX_BYTES = 16_384
DATE = "(?!0000)[0-9]{4}-[0-9]{2}-[0-9]{2}"
TIME = "[0-9]{2}:[0-9]{2}:[0-9]{2}([.][0-9]{1,6})?"
ZONE = "(Z|[+-][0-9]{2}(:?[0-9]{2}){0,2})"
FORMS = {
    "boolean": "(?i)(t|f|true|false)",
    "int": "[+-]?[0-9]+",
    "bigint": "[+-]?[0-9]+",
    "double": "[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)?",
    "decimal": "[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)",
    "date": DATE,
    "timestamp": f"{DATE}[ T]{TIME}",
    "timestamptz": f"{DATE}[ T]{TIME}{ZONE}",
}
INTEGERS = (t.ByteType, t.ShortType, t.IntegerType, t.LongType)
FRACTIONS = (t.FloatType, t.DoubleType)
SAME = {
    "boolean": t.BooleanType,
    "date": t.DateType,
    "timestamp": t.TimestampNTZType,
    "timestamptz": t.TimestampType,
}
EXACT_DOUBLE = 2**53


def cast(column: Column, source: t.DataType, value: str) -> str:
    """SQL of `value`, of type `source`, as the column's type; null when it is null or doesn't fit exactly."""
    family = column.type.partition("(")[0]
    if family == "varchar":
        return _varchar(column, source, value)
    if isinstance(source, t.StringType):
        return _text(column, family, value)
    if family in ("int", "bigint", "double", "decimal") and isinstance(
        source, INTEGERS + FRACTIONS + (t.DecimalType,)
    ):
        return _number(column, source, value)
    if isinstance(source, SAME.get(family, ())):
        return f"cast({value} as {column.spark_type})"
    return f"cast(null as {column.spark_type})"


def _text(column: Column, family: str, value: str) -> str:
    tests = [_matches(value, FORMS[family])]
    result = f"try_cast({value} as {column.spark_type})"
    if family == "decimal":
        scale = column.type.partition(",")[2].rstrip(")")
        tests.append(_matches(value, f"[^.]*([.][0-9]{{0,{scale}}}0*)?"))
    if family == "double":
        result = f"({result} + 0.0D)"
        tests.append(f"abs({result}) < double('Infinity')")
    if family == "timestamptz":
        result = f"try_cast(regexp_replace({value}, '([+-][0-9][0-9])([0-9][0-9])$', '$1:$2') as timestamp)"
    return f"case when {' and '.join(tests)} then {result} end"


def _matches(value: str, form: str) -> str:
    """`\\z` and not `$`, which also matches before a last line feed."""
    return rf"{value} rlike '^(?:{form})\\z'"


def _number(column: Column, source: t.DataType, value: str) -> str:
    result = f"try_cast({value} as {column.spark_type})"
    if column.type == "double":
        # Adding zero makes -0.0 and 0.0 one value, for they compare as one.
        result = f"({result} + 0.0D)"
        return (
            f"case when abs({value}) <= {EXACT_DOUBLE} then {result} end"
            if isinstance(source, INTEGERS)
            else result
        )
    if isinstance(source, FRACTIONS):
        return f"case when cast({result} as {source.simpleString()}) = {value} then {result} end"
    return f"case when {result} = {value} then {result} end"


def _varchar(column: Column, source: t.DataType, value: str) -> str:
    if isinstance(source, t.BinaryType | t.ArrayType | t.MapType | t.StructType):
        return "cast(null as string)"
    text = value if isinstance(source, t.StringType) else f"cast({value} as string)"
    fits = f"char_length({text}) <= {column.length} and octet_length({text}) <= {MAX_BYTES}"
    return f"case when {fits} then {text} end"
