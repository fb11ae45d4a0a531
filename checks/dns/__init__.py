"""Very many DNS questions at once, and no belief in an answer that nobody asked for.

``wire`` knows the bytes, ``datagrams`` moves them, ``resolver`` and ``stream`` keep count of who was asked what,
``engine`` puts them together; ``rare`` is the slow and thorough way through dnspython.
"""
