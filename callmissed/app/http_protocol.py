"""HTTP/1.1 on a connection, as uvicorn speaks it, with what it leaves open closed."""

from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

MOST_HEAD: Final = 512 * 1024
"""Bytes of a head (request line and headers) that may come before it is whole. Twice what comes at once, so that what belongs to the
body before it is not taken for it; nobody's head is longer than 64 kB.
"""


class Protocol(HttpToolsProtocol):
    """A head of any length would be kept for whoever sends it, before he is known. And what follows a body in parts (RFC 9112 §7.1.2)
    would be taken for headers, behind the back of a proxy that looked at those (RFC 9110 §6.5.1).
    """

    _head = 0

    def data_received(self, data: bytes) -> None:
        """Read on; refuse a head that does not end."""
        super().data_received(data)
        if self._has_head():
            self._head = 0
            return
        self._head += len(data)
        if self._head > MOST_HEAD and not self.transport.is_closing():
            self.send_400_response("The headers of this request are too long.")

    def on_headers_complete(self) -> None:
        """Begin to answer; from here on there are no more headers."""
        super().on_headers_complete()
        if self._has_head():
            self.headers = []

    def _has_head(self) -> bool:
        """Whether the request that is being read is under way."""
        return getattr(self.cycle, "scope", None) is self.scope
