"""A listener of a server: an address, and what is spoken there."""

import select
import socket
import struct
import time

from support import encode
from support.decode import DECODERS
from support.waiting import PATIENCE


class Remote:
    """Where a server listens, for requests of one protocol."""

    def __init__(self, scheme, address):
        self.scheme = scheme
        self.address = address

    def connect(self, receive_buffer=None):
        """A connection; a small receive buffer makes a client that reads little at a time."""
        if self.address.startswith("unix:"):
            connection = socket.socket(socket.AF_UNIX)
            where = self.address[len("unix:") :]
        else:
            connection = socket.socket()
            host, _, port = self.address.rpartition(":")
            where = (host, int(port))
        if receive_buffer:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        connection.settimeout(PATIENCE)
        try:
            _connect(connection, where)
        except OSError:
            connection.close()
            raise
        return connection

    def encode(self, method, target, headers=(), body=b"", extra=None, keep_alive=False):
        """The bytes of a request. `extra` are variables beside those of every request, which HTTP has not."""
        if self.scheme == "http":
            assert not extra, "HTTP has no variables"
            closing = [] if keep_alive else [("Connection", "close")]
            return encode.http(method, target, [*headers, *closing], body)
        pairs = encode.variables(method, target, headers, body, extra or {})
        return getattr(encode, self.scheme)(pairs, body)

    def send(self, method, target, headers=(), body=b"", extra=None, receive_buffer=None):
        """Sends a request, whose response is still to be read."""
        connection = self.connect(receive_buffer)
        try:
            connection.sendall(self.encode(method, target, headers, body, extra))
        except (BrokenPipeError, ConnectionResetError):
            pass  # What it was told is still to be read.
        return Asked(self.scheme, method, connection)

    def ask(self, method, target, headers=(), body=b"", extra=None, receive_buffer=None):
        """Sends a request, reads the whole response, and closes."""
        with self.send(method, target, headers, body, extra, receive_buffer) as asked:
            return asked.response()


def _connect(connection, where):
    """Waits for room in the backlog of a unix socket, which a socket with a timeout is only told of."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return connection.connect(where)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.005)


class Asked:
    """A request that was sent, and what has come of its response."""

    def __init__(self, scheme, method, connection):
        self.scheme = scheme
        self.method = method
        self.connection = connection
        self.raw = b""
        self.was_reset = False

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.close()

    def read_until(self, text):
        """Reads until these bytes have come."""
        while text not in self.raw:
            got = self.connection.recv(65_536)
            assert got, f"the connection ended, and {text!r} has not come: {self.raw!r}"
            self.raw += got

    def read_some(self, size):
        """Reads what is there, or waits for it, at most so many bytes; says whether there may be more."""
        try:
            got = self.connection.recv(size)
        except ConnectionResetError:
            self.was_reset, got = True, b""
        self.raw += got
        return bool(got)

    def has_more(self):
        """Whether something has arrived that was not read yet: bytes or the connection's end."""
        return bool(select.select([self.connection], [], [], 0)[0])

    def response(self):
        """Reads to the connection's end."""
        pieces = [self.raw]
        try:
            while True:
                got = self.connection.recv(1 << 20)
                if not got:
                    break
                pieces.append(got)
        except ConnectionResetError:
            self.was_reset = True
        self.raw = b"".join(pieces)
        return DECODERS[self.scheme](self.raw, self.method, self.was_reset)

    def close(self):
        """Leaves, as a client does that wants no more."""
        self.connection.close()

    def reset(self):
        """Leaves rudely."""
        if self.connection.family == socket.AF_INET:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()
