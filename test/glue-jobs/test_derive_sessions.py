"""Sessions are those of all events that silver has, in whatever order and batches these came."""

import json
import random
from datetime import UTC, datetime, timedelta

import derive_sessions as job
import pytest
from lakes import ENVIRONMENT, append, contract_of, contract_text, fresh_silver, silver

from common import bronze, tables
from common.algebra import Change
from common.derivation import DECLARATION
from common.iceberg import Snapshots
from common.merging import merge
from common.position import make

EVENTS = [
    ("click_id", "varchar(9)", "key"),
    ("kind", "varchar(9)", ""),
    ("happened_at", "timestamptz", "required"),
    ("person", "bigint", ""),
    ("device", "varchar(9)", ""),
    ("page", "varchar(9)", ""),
]
VISITS = [
    ("person", "bigint", "key"),
    ("device", "varchar(9)", "key"),
    ("started_at", "timestamptz", "key"),
    ("ended_at", "timestamptz", "required"),
    ("clicks", "bigint", "required"),
    ("views", "bigint", "required"),
    ("entry", "varchar(9)", ""),
    ("exit", "varchar(9)", ""),
    ("least", "varchar(9)", ""),
    ("greatest", "varchar(9)", ""),
    ("has_bought", "boolean", "required"),
]
CLICKS, OF_CLICKS = contract_of("clicks", EVENTS), contract_of("visits", VISITS)
DECLARED = {
    "kind": "sessions",
    "name": "visits",
    "dataset": "visits",
    "events": "clicks",
    "visitor": ["person", "device"],
    "time": "happened_at",
    "columns": {
        "clicks": {"take": "count"},
        "views": {"take": "count", "where": {"kind": ["view", "look"]}},
        "entry": {"take": "first", "of": "page"},
        "exit": {"take": "last", "of": "page"},
        "least": {"take": "min", "of": "page", "where": {"kind": ["view"]}},
        "greatest": {"take": "max", "of": "page"},
        "has_bought": {"take": "any", "where": {"kind": ["buy"]}},
    },
}
NOON = datetime(2026, 1, 1, 12)


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def sessions_of(clicks: dict[str, dict], idle: timedelta = timedelta(minutes=30)) -> dict:
    """An independent account of the sessions of these events, by key."""
    visits: list[list[dict]] = []
    known = [
        {"id": key, **click}
        for key, click in clicks.items()
        if None not in (click["person"], click["device"])
    ]
    for click in sorted(known, key=lambda one: (one["person"], one["device"], one["happened_at"], one["id"])):
        last = visits[-1][-1] if visits else None
        same = last and all(last[name] == click[name] for name in ("person", "device"))
        if same and click["happened_at"] - last["happened_at"] <= idle:
            visits[-1].append(click)
        else:
            visits.append([click])
    found = {}
    for visit in visits:
        pages = [click["page"] for click in visit if click["page"] is not None]
        viewed = [click["page"] for click in visit if click["kind"] == "view" and click["page"] is not None]
        found[(visit[0]["person"], visit[0]["device"], visit[0]["happened_at"])] = {
            "ended_at": visit[-1]["happened_at"],
            "clicks": len(visit),
            "views": sum(click["kind"] in ("view", "look") for click in visit),
            "entry": pages[0] if pages else None,
            "exit": pages[-1] if pages else None,
            "least": min(viewed, default=None),
            "greatest": max(pages, default=None),
            "has_bought": any(click["kind"] == "buy" for click in visit),
        }
    return found


class World:
    """Events that come by batches, and the sessions that are derived of them."""

    def __init__(self, make_lake, folder):
        self.clicks, self.visits = make_lake(CLICKS), make_lake(OF_CLICKS)
        self.spark, self.folder, self.position, self.declared = self.clicks.spark, folder, 0, DECLARED
        self.there: dict[str, dict] = {}
        (folder / "clicks.odcs.yaml").write_text(contract_text("clicks", EVENTS))
        (folder / "visits.odcs.yaml").write_text(contract_text("visits", VISITS))

    def tell(self, **clicks: dict | None) -> None:
        """Events that came, changed (they are told again) or are no more (None), in one merge."""
        changes = []
        for key, click in clicks.items():
            self.position += 1
            op = "delete" if click is None else "upsert"
            changes.append(Change(op, make(0, self.position), (key,), click or {}))
            self.there.pop(key, None)
            if click:
                self.there[key] = click
        append(self.clicks, changes)
        merge(self.spark, CLICKS, ENVIRONMENT)

    def derive(self) -> dict:
        """The job, then the merge, as the pipeline runs them."""
        result = self.job()
        merge(self.spark, OF_CLICKS, ENVIRONMENT)
        return result

    def job(self) -> dict:
        arguments = {"env": ENVIRONMENT, "dataset": "visits", "run-id": "r-1", "contracts": str(self.folder)}
        arguments["sessions"] = json.dumps([self.declared])
        argv = [each for name, value in arguments.items() for each in (f"--{name}", value)]
        return job.main(argv, self.spark)

    def found(self) -> dict:
        """Sessions as silver has them."""
        return {key: values for key, (values, _, dead, _, _) in silver(self.visits).items() if not dead}

    def counts(self) -> tuple:
        result = self.derive()
        assert self.found() == sessions_of(self.there)
        return result["changed"], result["deleted"], result["visitors"]


def click(
    minutes: float, person: int | None = 1, kind: str = "view", page: str | None = None, device="d"
) -> dict:
    return {"kind": kind, "happened_at": at(minutes), "person": person, "device": device, "page": page}


@pytest.fixture
def world(make_lake, tmp_path):
    return World(make_lake, tmp_path)


def test_late_events_move_a_start_and_join_two_sessions(world):
    world.tell(
        a=click(0, page="/in"), b=click(30, kind="look"), c=click(60.001, page="/x"), z=click(0, person=2)
    )
    assert world.counts() == (3, 0, 2)
    assert len(world.found()) == 3
    # Earlier than the start: the session has another key, and the old one is no more.
    world.tell(d=click(-10, page="/before"))
    assert world.counts() == (1, 1, 1)
    world.tell(e=click(45, kind="buy"))
    assert world.counts() == (1, 1, 1)
    assert world.found()[(1, "d", at(-10))] == {
        "ended_at": at(60.001),
        "clicks": 5,
        "views": 4,
        "entry": "/before",
        "exit": "/x",
        "least": "/before",
        "greatest": "/x",
        "has_bought": True,
    }


def test_deleted_and_changed_events_are_reflected(world):
    world.tell(a=click(0), b=click(20), c=click(40), d=click(100, person=3))
    assert world.counts() == (2, 0, 2)
    world.tell(b=None)
    assert world.counts() == (2, 0, 1)
    # The event was another person's all the time, and the other happened earlier.
    world.tell(c=click(40, person=2), a=click(-5))
    assert world.counts() == (2, 2, 2)
    world.tell(d=click(100, person=None))
    assert world.counts() == (0, 1, 1)
    world.tell(a=None, c=None)
    assert world.counts() == (0, 2, 2)
    assert world.found() == {}


def test_a_run_without_news_writes_nothing_and_only_near_sessions_are_written_again(world):
    world.tell(a=click(0), b=click(100), c=click(200))
    world.derive()
    before = world.visits.snapshots(world.visits.bronze), world.visits.snapshots(world.visits.silver)
    assert world.derive()["bronze_rows"] == 0
    assert (
        world.visits.snapshots(world.visits.bronze),
        world.visits.snapshots(world.visits.silver),
    ) == before
    world.tell(d=click(205))
    result = world.derive()
    assert (result["changed"], result["deleted"], result["whole"]) == (1, 0, False)
    origins = {row._origin for row in world.visits.rows(world.visits.bronze)}
    assert all(origin.startswith("clicks/") for origin in origins) and len(origins) == 2


def test_any_order_and_batching_of_events_ends_in_the_sessions_of_all(world):
    """Forty visitors, each a case of its own: events come out of order, change, move to other visitors and go."""
    chance = random.Random(1)
    names = [f"e{number}" for number in range(240)]

    def some() -> dict:
        person = chance.choice([*range(20), None])
        kind, page = chance.choice(["view", "look", "buy"]), chance.choice([None, "/a", "/b", "/c"])
        # Whole tens of minutes: many pauses are of exactly the idle time.
        minutes = 10 * chance.randint(0, 40)
        return click(minutes, person, kind, page, chance.choice("de"))

    for _ in range(4):
        batch = chance.sample(names, 90)
        world.tell(**{name: None if chance.random() < 0.15 else some() for name in batch})
        if chance.random() < 0.3:
            world.job()  # Killed before its merge.
        world.derive()
        assert world.found() == sessions_of(world.there)
    result = world.derive()
    assert result["bronze_rows"] == 0
    fresh_silver(world.visits)
    merge(world.spark, OF_CLICKS, ENVIRONMENT, 0)
    assert world.found() == sessions_of(world.there), "bronze alone gives the same"


def test_another_declaration_derives_everything_anew(world):
    world.tell(a=click(0), b=click(20))
    world.derive()
    world.declared = {**DECLARED, "idleMinutes": 10}
    result = world.derive()
    assert (result["whole"], result["changed"], result["deleted"]) == (True, 2, 0)
    assert world.found() == sessions_of(world.there, timedelta(minutes=10))


def test_two_runs_at_once_are_mended_by_the_next(world):
    world.tell(a=click(0))
    world.derive()
    history = Snapshots(world.spark, world.visits.bronze)
    world.tell(b=click(100))
    world.job()
    # Another run, that began before that one ended, knew of no event b, and ends after it.
    summary = history.summary(history.current)
    named = {name: summary[name] for name in (tables.CONSUMED, tables.MERGED_AT, DECLARATION)}
    row = {**dict.fromkeys(column.name for column in OF_CLICKS.columns)}
    row |= {"person": 1, "device": "d", "started_at": at(100).replace(tzinfo=UTC), "_op": "delete"}
    schema = world.spark.table(world.visits.bronze).schema
    after = make(0, 10**17)
    values = row | {"_position": after}
    lost = world.spark.createDataFrame([tuple(values.get(name) for name in schema.names)], schema)
    bronze.append(lost, world.visits.bronze, named | {tables.BASE: str(history.current)})
    assert world.derive()["whole"]
    assert world.found() == sessions_of(world.there)
    assert not world.derive()["whole"]


def test_sessions_of_deleted_events_go_when_everything_is_derived_anew(world):
    world.tell(a=click(0), b=click(1000, person=2))
    world.derive()
    world.tell(a=None)
    world.declared = {**DECLARED, "idleMinutes": 29}
    assert world.derive()["whole"]
    assert world.found() == sessions_of(world.there)
    world.tell(b=None)
    world.declared = DECLARED
    assert world.derive()["whole"]
    assert world.found() == {}


def test_a_renamed_column_is_read_under_its_name_of_today(world, tmp_path):
    world.tell(a=click(0, page="/a"))
    world.derive()
    text = contract_text("clicks", EVENTS).replace(
        "{name: page, ", "{name: address, customProperties: [{property: previousNames, value: [page]}], "
    )
    (tmp_path / "clicks.odcs.yaml").write_text(text)
    for table in (world.clicks.bronze, world.clicks.silver):
        world.spark.sql(f"alter table {table} rename column page to address")
    world.declared = {**DECLARED, "idleMinutes": 20}
    assert world.derive()["whole"]
    assert world.found()[(1, "d", at(0))]["entry"] == "/a"


def test_a_dataset_that_is_not_declared_is_refused(world):
    world.declared = {**DECLARED, "dataset": "others"}
    with pytest.raises(SystemExit, match="--dataset visits is no dataset of sessions; there are: others"):
        world.job()
