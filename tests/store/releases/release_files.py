"""Small archives of releases, good and bad, and a server that hands them out."""

import contextlib
import http.server
import io
import json
import pathlib
import threading
import zipfile
from collections.abc import Iterator, Mapping
from typing import Any

from ebm_tf.store.releases.archives import CARD, manifest, packed

FILES = {
    "config.json": b'{"type": "EbmTraining", "name": "digits_small"}\n',
    "weights/energy_average_00000009.weights.h5": bytes(range(256)) * 400,
}
FIGURE = {"metric": "frechet_pixels", "value": 0.4512, "seed": 0, "meaning": "it"}


def content(
    name: str = "digits_small", files: Mapping[str, bytes] = FILES, **changed: Any
) -> dict[str, bytes]:
    """Files of a release and their card, in which some entries are changed."""
    card = {"name": name, "figures": [FIGURE], "files": manifest(files), **changed}
    return {**files, CARD: json.dumps(card).encode()}


def archive(path: pathlib.Path, **how: Any) -> pathlib.Path:
    """Writes a good archive."""
    path.write_bytes(packed(content(**how)))
    return path


def zipped(members: list[tuple[str | zipfile.ZipInfo, bytes]]) -> bytes:
    """A zip file of any members, in their order, whatever they are."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        for name, data in members:
            file.writestr(name, data, zipfile.ZIP_DEFLATED)
    return stream.getvalue()


class Shop:
    """What a server hands out, how it does, and what it was asked for.

    Attributes:
      files: by path.
      ranges: whether it knows ranges.
      cut: bytes of an answer after which it breaks off; never if None.
      asked: (path, range) of every request.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.ranges = True
        self.cut: int | None = None
        self.asked: list[tuple[str, str | None]] = []
        self.port = 0

    def address(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}/{path}"


@contextlib.contextmanager
def serving() -> Iterator[Shop]:
    """A server in a thread."""
    shop = Shop()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path, span = self.path.lstrip("/"), self.headers.get("Range")
            shop.asked.append((path, span))
            if path not in shop.files:
                self.send_error(404)
                return
            data, start = shop.files[path], 0
            if span and shop.ranges:
                start = int(span.removeprefix("bytes=").removesuffix("-"))
            if start and start >= len(data):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(data)}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(206 if start else 200)
            if start:
                last = len(data) - 1
                self.send_header("Content-Range", f"bytes {start}-{last}/{len(data)}")
            rest = data[start:]
            self.send_header("Content-Length", str(len(rest)))
            self.end_headers()
            self.wfile.write(rest[: shop.cut])

        def log_message(self, format: str, *_: Any) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    shop.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield shop
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
