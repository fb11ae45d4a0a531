"""One structure for all deadlines: buckets of ten milliseconds."""

import heapq
from collections.abc import Iterator
from typing import Final, Generic, TypeVar

Item = TypeVar("Item")

TICK: Final = 0.01
"""Seconds of a bucket: how late a deadline may be noticed."""


class Timers(Generic[Item]):
    """Items by the time at which they are due. Nothing is ever removed early: who comes out must still be asked."""

    def __init__(self) -> None:
        self._buckets: dict[int, list[Item]] = {}
        self._ticks: list[int] = []

    def bucket(self, due: float) -> list[Item]:
        """Give the bucket of a time, to put items into. It never comes out early."""
        tick = int(due / TICK) + 1
        bucket = self._buckets.get(tick)
        if bucket is None:
            bucket = self._buckets[tick] = []
            heapq.heappush(self._ticks, tick)
        return bucket

    def due(self, now: float, at_most: int) -> Iterator[Item]:
        """Take out what is due, but no more than ``at_most`` items; the others come next time."""
        current = int(now / TICK)
        while self._ticks and self._ticks[0] <= current:
            bucket = self._buckets[self._ticks[0]]
            while bucket:
                if at_most <= 0:
                    return
                chunk = bucket[-at_most:]
                del bucket[-at_most:]
                at_most -= len(chunk)
                yield from chunk
            del self._buckets[heapq.heappop(self._ticks)]

    def clear(self) -> None:
        """Forget everything."""
        self._buckets.clear()
        self._ticks.clear()
