"""Files from the web, whose downloads are resumed where they broke off."""

import contextlib
import http.client
import os
import re
import ssl
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import Any

import tqdm

from ebm_tf.errors import WeightsError

TIMEOUT_SECONDS = 30

_CHUNK = 1 << 16
_BREAKS = (http.client.HTTPException, TimeoutError, ConnectionError, ssl.SSLError)
_RESUME = "repeat the command to resume"


def is_address(source: str) -> bool:
    """Whether something is an address of the web."""
    return urllib.parse.urlsplit(source).scheme.lower() in ("http", "https")


def file_name(address: str) -> str:
    """The last part of the path of an address; empty where it has none."""
    path = urllib.parse.unquote(urllib.parse.urlsplit(address).path)
    return os.path.basename(path)


def download(address: str, partial: str) -> None:
    """Completes a local file that holds the beginning of the file at an address.

    A server that does not know ranges sends all of it again.

    Raises:
      WeightsError: if it cannot be downloaded, or breaks off; what came is kept.
    """
    have = os.path.getsize(partial) if os.path.exists(partial) else 0
    headers = {"Range": f"bytes={have}-"} if have else {}
    try:
        with _response(address, headers) as response:
            if response.status != 206:
                have = 0
            elif _number(response, "Content-Range", r"bytes (\d+)-.*") != have:
                raise WeightsError(f"{address} sends another part than was asked for.")
            _append(response, address, partial, have)
    except urllib.error.HTTPError as error:
        if error.code != 416 or not have:
            raise _failure(address, f"{error.code} {error.reason}") from error
        # No byte follows: the file is complete, or the beginning of another one.
        if _number(error, "Content-Range", r"bytes \*/(\d+)") != have:
            os.remove(partial)
            download(address, partial)


def published_digest(address: str) -> str | None:
    """The SHA-256 in the file ``ADDRESS.sha256`` beside a file, if there is one.

    Raises:
      WeightsError: if the server cannot be reached.
    """
    parts = urllib.parse.urlsplit(address)
    beside = urllib.parse.urlunsplit(parts._replace(path=f"{parts.path}.sha256"))
    try:
        with _response(beside, {}) as response:
            text = response.read(1000).decode("ascii", "replace").lower()
    except urllib.error.HTTPError as error:
        if error.code in (403, 404, 410):
            return None
        raise _failure(beside, f"{error.code} {error.reason}") from error
    # Some servers answer any request with a page.
    found = re.match(r"\s*([0-9a-f]{64})(\s|$)", text)
    return found[1] if found else None


@contextlib.contextmanager
def _response(
    address: str, headers: dict[str, str]
) -> Iterator[http.client.HTTPResponse]:
    """The response of a server; an error status is raised as an `HTTPError`."""
    # Compression in transit would change the bytes.
    headers = {"Accept-Encoding": "identity", "User-Agent": "ebm_tf", **headers}
    try:
        request = urllib.request.Request(address, headers=headers)
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:
            yield response
    except urllib.error.HTTPError:
        raise
    except urllib.error.URLError as error:
        raise _failure(address, str(error.reason)) from error
    except _BREAKS as error:
        raise WeightsError(f"{address} broke off ({error}): {_RESUME}.") from error
    except ValueError as error:
        raise _failure(address, str(error)) from error


def _append(
    response: http.client.HTTPResponse, address: str, partial: str, have: int
) -> None:
    length = _number(response, "Content-Length", r"(\d+)")
    total = None if length is None else have + length
    bar = tqdm.tqdm(
        total=total,
        initial=have,
        unit="B",
        unit_scale=True,
        dynamic_ncols=True,
        disable=not sys.stderr.isatty(),
    )
    with bar, open(partial, "r+b" if have else "wb") as file:
        file.seek(have)
        while chunk := response.read(_CHUNK):
            file.write(chunk)
            bar.update(len(chunk))
        received = file.tell()
    if total is not None and received < total:
        raise WeightsError(
            f"{address} broke off after {received:,} of {total:,} bytes: {_RESUME}."
        )


def _number(response: Any, header: str, pattern: str) -> int | None:
    found = re.fullmatch(pattern, response.headers.get(header) or "")
    return int(found[1]) if found else None


def _failure(address: str, reason: str) -> WeightsError:
    return WeightsError(f"Cannot download {address}: {reason}.")
