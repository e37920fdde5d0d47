"""Java's classes by their full names."""

import pytest
from py4j.java_gateway import JavaClass, JavaPackage
from py4j.protocol import Py4JError

from common.java import java_class, remember_names


def test_a_class_is_made_and_its_static_methods_called(spark):
    made = java_class(spark, "java.util.HashMap")()
    made.put("a", "b")
    assert dict(made) == {"a": "b"}
    assert java_class(spark, "java.lang.Integer").parseInt("7") == 7


def test_a_class_that_does_not_exist_fails_when_used(spark):
    with pytest.raises((Py4JError, TypeError)):
        java_class(spark, "org.nobody.Nothing").of()


def test_names_of_pyspark_are_found_once(spark):
    jvm = spark.sparkContext._jvm
    remember_names(spark)
    found = vars(jvm)["functions"]
    remember_names(spark)
    assert vars(jvm)["functions"] is found
    assert isinstance(found, JavaClass) and isinstance(jvm.py4j, JavaPackage)
