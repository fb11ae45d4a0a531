"""Named points at which a test may kill the process, to prove that nothing is lost in between."""

import os
import signal


class Faults:
    """Kills this process with SIGKILL at the n-th passage of one named point; harmless unless armed.

    The form in the environment is ``COVERWATCH_FAULT=case.opened`` or ``COVERWATCH_FAULT=case.opened:3``.
    """

    def __init__(self) -> None:
        self._point = ""
        self._left = 0

    def arm(self, words: str) -> None:
        """Arm one point; an empty string disarms."""
        self._point, _, count = words.partition(":")
        self._left = int(count or 1)

    def reach(self, point: str) -> None:
        """Pass a point."""
        if point != self._point:
            return
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


FAULTS = Faults()
"""One process, one set of points; armed by the composition root only."""
