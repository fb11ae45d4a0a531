"""Moves datagrams many at a time: by one system call where Linux has it, else one by one behind the same face."""

import ctypes
import errno
import os
import socket
import struct
import sys
from array import array
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, Protocol

ROOM: Final = 1344
"""Bytes kept for a datagram. Nothing larger than 512 was asked for; the rest of a giant is cut off by the kernel.

An odd number of cache lines: at a power of two, the beginnings of all datagrams would share a few places of the cache.
"""

_LONGEST_QUESTION: Final = 288
_GONE_QUIET: Final = frozenset({errno.EAGAIN, errno.EWOULDBLOCK, errno.EINTR})


class Post(Protocol):
    """Sends and receives up to ``batch`` datagrams on a connected, non-blocking socket."""

    batch: int
    arena: bytearray
    """Where received datagrams lie, each at a multiple of ``ROOM``, until the next call of :meth:`receive`."""

    def receive(self, sock: socket.socket) -> Sequence[int]:
        """Take what has come, at most ``batch`` datagrams, and give their lengths. OSError: the socket's news."""

    def send(self, sock: socket.socket, packets: Sequence[bytes]) -> None:
        """Send at most ``batch`` datagrams. What the kernel has no room for is lost. OSError: the socket's news."""


class SinglePost:
    """One system call for each datagram: works everywhere."""

    def __init__(self, batch: int) -> None:
        self.batch = batch
        self.arena = bytearray(batch * ROOM)
        view = memoryview(self.arena)
        self._rooms = [view[start : start + ROOM] for start in range(0, batch * ROOM, ROOM)]

    def receive(self, sock: socket.socket) -> Sequence[int]:
        """See :class:`Post`."""
        lengths: list[int] = []
        try:
            for room in self._rooms:
                lengths.append(sock.recv_into(room))  # noqa: PERF401 - what came before the error counts
        except (BlockingIOError, InterruptedError):
            pass
        except OSError:
            # The news can wait for the next call if datagrams came before it.
            if not lengths:
                raise
        return lengths

    def send(self, sock: socket.socket, packets: Sequence[bytes]) -> None:
        """See :class:`Post`."""
        _send_singly(sock, packets)


def _send_singly(sock: socket.socket, packets: Sequence[bytes]) -> None:
    with suppress(BlockingIOError, InterruptedError):
        for packet in packets:
            sock.send(packet)


class _Vector(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class _Header(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint),
        ("vector", ctypes.c_void_p),
        ("vectors", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


class _Counted(ctypes.Structure):
    """The kernel's ``struct mmsghdr``: a message header and the number of bytes moved."""

    _fields_ = (("header", _Header), ("moved", ctypes.c_uint))


class _Tray:
    """Rooms of equal size in one piece of memory, with the kernel's descriptions of them."""

    def __init__(self, batch: int, room: int) -> None:
        self.arena = bytearray(batch * room)
        self._hold = (ctypes.c_char * len(self.arena)).from_buffer(self.arena)
        self._vectors = (_Vector * batch)()
        self._headers = (_Counted * batch)()
        base, vectors = ctypes.addressof(self._hold), ctypes.addressof(self._vectors)
        for place in range(batch):
            self._vectors[place].base = base + place * room
            self._vectors[place].length = room
            self._headers[place].header.vector = vectors + place * ctypes.sizeof(_Vector)
            self._headers[place].header.vectors = 1
        self.address = ctypes.addressof(self._headers)
        words = memoryview(self._headers).cast("B").cast("I")
        self.moved = words[_Counted.moved.offset // words.itemsize :: ctypes.sizeof(_Counted) // words.itemsize]
        # An unsigned long has the size of a size_t wherever Linux runs.
        self.lengths = memoryview(self._vectors).cast("B").cast("L")[1::2]


class ManyPost:
    """``recvmmsg`` and ``sendmmsg`` of Linux: one system call for a whole batch. OSError if the platform lacks them."""

    def __init__(self, batch: int) -> None:
        library = ctypes.CDLL(None, use_errno=True)
        try:
            self._recvmmsg, self._sendmmsg = library.recvmmsg, library.sendmmsg
        except AttributeError:
            raise OSError(errno.ENOSYS, "no recvmmsg or sendmmsg in the C library") from None
        self._recvmmsg.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int, ctypes.c_void_p)
        self._sendmmsg.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int)
        self.batch = batch
        self._in = _Tray(batch, ROOM)
        self._out = _Tray(batch, _LONGEST_QUESTION)
        self.arena = self._in.arena
        self._layouts = [struct.Struct(f"{_LONGEST_QUESTION}s" * count) for count in range(batch + 1)]

    def receive(self, sock: socket.socket) -> Sequence[int]:
        """See :class:`Post`."""
        count = self._recvmmsg(sock.fileno(), self._in.address, self.batch, socket.MSG_DONTWAIT, None)
        if count < 0:
            _report(ctypes.get_errno())
            return ()
        lengths: list[int] = self._in.moved[:count].tolist()
        return lengths

    def send(self, sock: socket.socket, packets: Sequence[bytes]) -> None:
        """See :class:`Post`."""
        count = len(packets)
        self._layouts[count].pack_into(self._out.arena, 0, *packets)
        self._out.lengths[:count] = memoryview(array("L", map(len, packets)))
        sent = self._sendmmsg(sock.fileno(), self._out.address, count, socket.MSG_DONTWAIT)
        if sent < 0:
            _report(ctypes.get_errno())
        elif sent < count:
            # The kernel keeps to itself why it stopped; single calls bring it out.
            _send_singly(sock, packets[sent:])


def _report(number: int) -> None:
    if number not in _GONE_QUIET:
        raise OSError(number, os.strerror(number))


def open_post(batch: int) -> Post:
    """Give the fastest way this platform has."""
    if sys.platform == "linux":
        try:
            return ManyPost(batch)
        except OSError:
            pass
    return SinglePost(batch)
