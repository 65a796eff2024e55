"""Static files with their content's hash in the address, so a browser may keep them for ever.

`/static/<hash>/<path>`: the hash is of the bytes sent. Files are read once, at start; a stylesheet's `@import "x.css"` is
put in its place and its `url(x)` becomes the hashed address, so one stylesheet is one request.
"""

import gzip
import hashlib
import mimetypes
import re
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from callmissed.foundation.problems import NotFound

FOREVER = "public, max-age=31536000, immutable"
COMPRESSED = {".css", ".js", ".svg", ".json", ".html", ".txt"}
TYPES = {".woff2": "font/woff2", ".js": "text/javascript", ".webmanifest": "application/manifest+json"}

_import = re.compile(r'^@import "([^"]+)";\n?', re.MULTILINE)
_url = re.compile(r"url\(([^)'\":]+)\)")


@dataclass(frozen=True)
class Asset:
    """One static file as it is sent."""

    path: str
    body: bytes
    digest: str = field(init=False)

    def __post_init__(self) -> None:
        """The digest is what makes the address change when the content does."""
        object.__setattr__(self, "digest", hashlib.sha256(self.body).hexdigest()[:12])

    @property
    def url(self) -> str:
        """Address under the site's root."""
        return f"/static/{self.digest}/{self.path}"

    @cached_property
    def zipped(self) -> bytes | None:
        """The gzipped body, or None where it would gain nothing."""
        if PurePosixPath(self.path).suffix not in COMPRESSED:
            return None
        return gzip.compress(self.body, 6, mtime=0)

    @property
    def media_type(self) -> str:
        """The Content-Type."""
        suffix = PurePosixPath(self.path).suffix
        return TYPES.get(suffix) or mimetypes.guess_type(self.path)[0] or "application/octet-stream"


class Assets:
    """All static files of the given folders; also the ASGI application that serves them under `/static`."""

    def __init__(self, folders: list[Path]) -> None:
        """Later folders do not override earlier ones: a path that exists twice raises ValueError."""
        self._sources: dict[str, Path] = {}
        self._loaded: dict[str, Asset] = {}
        for folder in folders:
            for source in sorted(p for p in folder.rglob("*") if p.is_file()):
                path = source.relative_to(folder).as_posix()
                if path in self._sources:
                    message = f"static file {path} exists in two rooms"
                    raise ValueError(message)
                self._sources[path] = source

    def paths(self) -> list[str]:
        """Every static path there is."""
        return sorted(self._sources)

    def url(self, path: str) -> str:
        """The hashed address of a file; raises KeyError when there is none."""
        return self.asset(path).url

    def asset(self, path: str) -> Asset:
        """The file as it is sent; raises KeyError when there is none."""
        found = self._loaded.get(path)
        if found is None:
            found = self._loaded[path] = Asset(path, self._read(path))
        return found

    def _read(self, path: str) -> bytes:
        source = self._sources[path]
        if source.suffix != ".css":
            return source.read_bytes()
        return self._stylesheet(path).encode()

    def _stylesheet(self, path: str) -> str:
        """The text of a stylesheet with imports put in place and addresses hashed, both relative to its own folder."""
        folder = PurePosixPath(path).parent
        text = self._sources[path].read_text()
        text = _url.sub(lambda hit: f"url({self.url(_join(folder, hit[1]))})", text)
        return _import.sub(lambda hit: self._stylesheet(_join(folder, hit[1])), text)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve `/static/<hash>/<path>`; an outdated hash gets today's file, which is then not kept. Raises NotFound."""
        if scope["type"] != "http":
            return
        below = scope["path"].removeprefix(scope.get("root_path", "")).lstrip("/")
        digest, _, path = below.removeprefix("static/").partition("/")
        await self._reply(scope, digest, path)(scope, receive, send)

    def _reply(self, scope: Scope, digest: str, path: str) -> Response:
        if scope["method"] not in ("GET", "HEAD") or path not in self._sources:
            raise NotFound
        asset = self.asset(path)
        headers = {
            "Cache-Control": FOREVER if digest == asset.digest else "no-cache",
            "ETag": f'"{asset.digest}"',
            "Vary": "Accept-Encoding",
            "X-Content-Type-Options": "nosniff",
        }
        wishes = Headers(scope=scope)
        if wishes.get("if-none-match") == headers["ETag"]:
            return Response(status_code=304, headers=headers)
        body = asset.body
        if asset.zipped is not None and "gzip" in wishes.get("accept-encoding", ""):
            body, headers["Content-Encoding"] = asset.zipped, "gzip"
        return Response(body, media_type=asset.media_type, headers=headers)


def _join(folder: PurePosixPath, relative: str) -> str:
    """Resolve `../x` against a folder without touching the disk."""
    parts = list(folder.parts)
    for part in PurePosixPath(relative).parts:
        if part == "..":
            parts.pop()
        else:
            parts.append(part)
    return "/".join(parts)
