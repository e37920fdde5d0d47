"""Progress as the properties of commits tell it."""

from dataclasses import replace

from common import tables
from common.progress import Progress, read


class History:
    """Snapshots, the newest last: each its number and its properties."""

    def __init__(self):
        self.kept: list[tuple[int, dict[str, str]]] = []

    @property
    def current(self) -> int | None:
        return self.kept[-1][0] if self.kept else None

    def commit(self, properties: dict[str, str], merge: bool = True) -> None:
        token = {tables.TOKEN: str(len(self.kept))} if merge else {}
        self.kept.append((len(self.kept) + 1, properties | token))

    def history(self):
        return reversed(self.kept)


def test_that_a_merge_was_overtaken_is_known_until_one_has_mended_it():
    silver = History()
    silver.commit(Progress(consumed=1).properties())
    began = replace(read(silver), consumed=3)
    silver.commit(replace(read(silver), consumed=2).properties())
    assert not read(silver).overtaken
    silver.commit(began.properties())
    assert read(silver).overtaken
    silver.commit(read(silver).properties(), merge=False)
    assert read(silver).overtaken
    silver.commit(replace(read(silver), overtaken=False).properties())
    assert not read(silver).overtaken
