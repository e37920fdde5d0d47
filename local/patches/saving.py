"""What a kill of the emulator must not lose is on disk in time."""

import json
import threading
import time
import types

from services import Services

SAVE_EVERY = 2
"""Seconds from one saving to the next, at least."""
SHARE = 20
"""For so many times as long as a saving took there is none: it holds everything else up."""

saving = threading.Lock()


def save(*names: str) -> None:
    """Writes the state of these services down, of all by default, so that a kill -9 loses nothing."""
    import ministack.app as app

    states = app._build_persistence_save_dict()
    with saving:  # two at once would trip over each other's files
        app.save_all({name: states[name] for name in names} if names else states)


def saved(answer):
    """The answer to a change of Glue's catalogue, which is on disk before it is told."""
    save("glue")
    return answer


def keep_saving() -> None:
    """Stacks, DynamoDB and the rest: a kill -9 costs their last seconds. The catalogue is saved at once."""
    took = 0.0
    while True:
        time.sleep(max(SAVE_EVERY, SHARE * took))
        begun = time.monotonic()
        save()
        took = time.monotonic() - begun


def extend(services: Services) -> None:
    import ministack.app as app
    import ministack.core.persistence as persistence
    import ministack.services.glue as glue

    # `json.dump` encodes in Python, ten times slower than `json.dumps`, and this happens all the time.
    def dump(value, file, **options):
        file.write(json.dumps(value, **options))

    persistence.json = types.SimpleNamespace(**{**vars(json), "dump": dump})
    for name in ("_create_table", "_update_table", "_delete_table", "_create_database"):
        stock = getattr(glue, name)
        setattr(glue, name, lambda data, stock=stock: saved(stock(data)))
    stock_load = app._load_persisted_state

    def load():
        stock_load()  # saving before this would write over what is to be loaded
        threading.Thread(target=keep_saving, daemon=True).start()

    app._load_persisted_state = load
