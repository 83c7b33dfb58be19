"""Files of events: protocol-buffer messages in TFRecord frames, each guarded by CRC-32C sums.

Layout of a frame: length (uint64), masked CRC of the length, the message, masked CRC of the message, little-endian.
"""

from __future__ import annotations

import os
import queue
import socket
import struct
import threading
import time

__all__ = ["FileWriter", "message"]


def _crc_table():
    table = []
    for n in range(256):
        for _ in range(8):
            n = n >> 1 ^ 0x82F63B78 if n & 1 else n >> 1
        table.append(n)
    return table


_CRC = _crc_table()


def crc32c(data):
    """The Castagnoli checksum of bytes.

    >>> hex(crc32c(b"123456789"))
    '0xe3069283'
    """
    crc = 0xFFFFFFFF
    for byte in data:
        crc = _CRC[(crc ^ byte) & 0xFF] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def _masked(data):
    crc = crc32c(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def frame(data):
    """A message as a TFRecord."""
    length = struct.pack("<Q", len(data))
    return length + _masked(length) + data + _masked(data)


# ---- protocol buffers ----

def _varint(n):
    n &= (1 << 64) - 1
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)
    return bytes(out)


def _field(number, wire, payload):
    return _varint(number << 3 | wire) + payload


class Double(float):
    """A number written as a double; plain floats are written as 32-bit floats."""


def _encoded(number, value):
    if isinstance(value, (bool, int)):
        return _field(number, 0, _varint(int(value)))
    if isinstance(value, Double):
        return _field(number, 1, struct.pack("<d", value))
    if isinstance(value, float):
        return _field(number, 5, struct.pack("<f", value))
    data = value.encode() if isinstance(value, str) else bytes(value)
    return _field(number, 2, _varint(len(data)) + data)


def message(**fields):
    """A message: f1=value, f2=[values]... by field number. Strings, bytes and messages, integers, floats and `Double`; None is left out.

    A list of `Double` is packed.
    """
    out = b""
    for name, value in fields.items():
        number = int(name[1:])
        if isinstance(value, list) and value and all(isinstance(v, Double) for v in value):
            value = struct.pack(f"<{len(value)}d", *value)
        for v in value if isinstance(value, list) else [value]:
            if v is not None:
                out += _encoded(number, v)
    return out


# ---- the file ----

class FileWriter:
    """Appends events to a file of its own in `log_dir`, in a thread that flushes every `flush_secs` seconds."""

    def __init__(self, log_dir, max_queue=10, flush_secs=120, filename_suffix=""):
        self._log_dir = os.fspath(log_dir)
        os.makedirs(self._log_dir, exist_ok=True)
        name = f"events.out.tfevents.{int(time.time()):010d}.{socket.gethostname()}.{os.getpid()}.{next(_numbers)}{filename_suffix}"
        self._file = open(os.path.join(self._log_dir, name), "wb")
        self._file.write(frame(message(f1=Double(time.time()), f3="brain.Event:2")))
        self._file.flush()
        self._queue, self._flush_secs = queue.Queue(max_queue), flush_secs
        self._thread = threading.Thread(target=self._write, daemon=True)
        self._thread.start()

    def _write(self):
        due = time.monotonic() + self._flush_secs
        while True:
            try:
                event = self._queue.get(timeout=max(due - time.monotonic(), 0.01))
            except queue.Empty:
                event = b""
            if event is None:
                self._queue.task_done()
                return
            if event:
                self._file.write(frame(event))
                self._queue.task_done()
            if time.monotonic() >= due:
                self._file.flush()
                due = time.monotonic() + self._flush_secs

    def get_logdir(self):
        """The folder."""
        return self._log_dir

    def add_event(self, event, step=None, walltime=None):
        """Appends an event whose content is the bytes `event`."""
        head = message(f1=Double(time.time() if walltime is None else walltime), f2=None if step is None else int(step))
        self._queue.put(head + event)

    def add_summary(self, summary, global_step=None, walltime=None):
        """Appends a summary, the bytes of its message."""
        self.add_event(message(f5=summary), global_step, walltime)

    def flush(self):
        """Waits until everything added is in the file."""
        self._queue.join()
        self._file.flush()

    def close(self):
        """Writes what is left and closes the file."""
        if self._file.closed:
            return
        self.flush()
        self._queue.put(None)
        self._thread.join()
        self._file.close()


def _count():
    number = 0
    while True:
        yield number
        number += 1


_numbers = _count()
