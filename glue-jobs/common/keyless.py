"""Tables without a primary key in plain Python: the truth that Spark's merge of them is tested against.

Equal rows can't be told apart, so a row is one of the copies of its values. Of each row's hash two sets are known, by
position: copies that arrived and copies that left. Both only grow, so that any batches, delivered any number of times
in any order, end in the same sets; and which copies live is a function of the sets alone.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from common.position import NEVER


@dataclass(frozen=True)
class Known:
    """What is known of one hash: positions at which a copy arrived, and at which one left."""

    arrived: frozenset[str] = frozenset()
    left: frozenset[str] = frozenset()

    def __or__(self, other: "Known") -> "Known":
        return Known(self.arrived | other.arrived, self.left | other.left)


def fates(known: Known, floor: str = NEVER) -> Mapping[str, str | None]:
    """For each arrival the position at which that copy died, None while it lives.

    In the order of positions, each that left takes the oldest copy that lives; where none does, it takes none, for
    the copy that it speaks of was never told. What is at or below the truncate floor died there, and took none.
    """
    found: dict[str, str | None] = {}
    alive: list[str] = []
    for position in sorted(known.arrived | known.left):
        if position <= floor:
            if position in known.arrived:
                found[position] = floor
            continue
        if position in known.arrived:
            found[position] = None
            alive.append(position)
        if position in known.left and alive:
            found[alive.pop(0)] = position
    return found


def copies(known: Known, floor: str = NEVER) -> int:
    """How many copies live."""
    return sum(died is None for died in fates(known, floor).values())


def until(known: Known, position: str) -> Known:
    """What was known of a hash as of a position, itself included."""
    return Known(
        frozenset(each for each in known.arrived if each <= position),
        frozenset(each for each in known.left if each <= position),
    )


def correction(known: Known, count: int, places: Iterable[str], complete: bool = True) -> Known:
    """What a snapshot tells that found `count` copies of a row, at the positions that are its own (`places`, one for
    each copy at least).

    Nothing when anything newer is known of the hash: the snapshot stands at a place that it has surely reached, and
    may have gone further. An incomplete one takes nothing away.
    """
    own = sorted(places)
    here = copies(until(known, own[-1]))
    if until(known, own[-1]) != known:
        return Known()
    if count > here:
        return Known(arrived=frozenset(own[here:count]))
    return Known(left=frozenset(own[count:here])) if complete else Known()


def purge(known: Known, through: str) -> Known:
    """Without the dead at or below a position: copies that died there, and what was told to leave there."""
    died = fates(known)
    arrived = {each for each in known.arrived if not (died[each] or "~") <= through}
    return Known(frozenset(arrived), frozenset(each for each in known.left if each > through))
