"""Tests marked `sample` are about what the sample company declares: a fork that has removed it leaves them out."""

from pathlib import Path

import pytest

SAMPLE = Path(__file__).resolve().parent.parent / "sample"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if SAMPLE.exists():
        return
    for item in items:
        if item.get_closest_marker("sample"):
            item.add_marker(pytest.mark.skip(reason="about the sample company, which is removed"))
