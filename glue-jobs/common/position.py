"""Positions and stamps: where a change stands in its source's log, as strings that sort as the log does.

A position is `EEEE.LLLLLLLLLLLLLLLLLLLLLLLLLL.OOOOOOOOOOOOOOOOOOOO`: epoch (4 digits), log position (26),
ordinal (20). A stamp says what a change at position *p* did to a column, or to a row's existence: `p` told
it, `p-` emptied it, and the empty string is "never told". Stamps compare as strings; at one position emptied
beats told.
"""

import re
from typing import NamedTuple

WIDTHS = (4, 26, 20)
LENGTH = sum(WIDTHS) + 2
PATTERN = r"^[0-9]{4}\.[0-9]{26}\.[0-9]{20}$"
NEVER = ""
EMPTIED = "-"


class Position(NamedTuple):
    """The three parts of a position, lossless."""

    epoch: int
    log: int
    ordinal: int


def make(epoch: int, log: int, ordinal: int = 0) -> str:
    """The position of these parts. Raises ValueError for a part that is negative or too long."""
    parts = (epoch, log, ordinal)
    for name, value, width in zip(Position._fields, parts, WIDTHS, strict=True):
        if not isinstance(value, int) or not 0 <= value < 10**width:
            raise ValueError(f"position: {name} is {value!r}; give a whole number from 0 to {10**width - 1}")
    return ".".join(str(value).zfill(width) for value, width in zip(parts, WIDTHS, strict=True))


def parse(text: str) -> Position:
    """The parts of a position. Raises ValueError when the text is not one."""
    if not re.fullmatch(PATTERN, text):
        widths = ".".join(str(width) for width in WIDTHS)
        raise ValueError(f"position {text!r} is malformed; give digits {widths} wide, such as {make(0, 0)}")
    return Position(*(int(part) for part in text.split(".")))


def following(position: str) -> str:
    """The position with the next ordinal. Raises ValueError when the text is no position."""
    epoch, log, ordinal = parse(position)
    return make(epoch, log, ordinal + 1)


def told(position: str) -> str:
    """The stamp of what a change at this position says."""
    return position


def emptied(position: str) -> str:
    """The stamp of what a delete or truncate at this position takes away."""
    return position + EMPTIED


def is_empty(stamp: str) -> bool:
    """True when the stamp's owner has no value: never told, or emptied."""
    return stamp == NEVER or stamp.endswith(EMPTIED)


def of_stamp(stamp: str) -> str:
    """The position that a stamp carries."""
    return stamp.removesuffix(EMPTIED)
