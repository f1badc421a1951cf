"""Files from the web, whose downloads go on where they broke off."""

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

import tqdm

from ebm_tf.errors import WeightsError

TIMEOUT_SECONDS = 30
SCHEMES = ("http", "https")

_PIECE = 1 << 16
_BREAKS = (
    http.client.HTTPException,
    TimeoutError,
    ConnectionError,
    ssl.SSLError,
)
_AGAIN = "give the same command again to go on"


def is_address(source: str) -> bool:
    """Whether something is an address of the web."""
    return urllib.parse.urlsplit(source).scheme.lower() in SCHEMES


def file_name(address: str) -> str:
    """The last part of the path of an address; empty where it has none."""
    path = urllib.parse.unquote(urllib.parse.urlsplit(address).path)
    return os.path.basename(path)


def download(address: str, partial: str) -> None:
    """Completes a local file that holds the beginning of what is at an address.

    A server that does not know ranges sends all of it anew.

    Raises:
      WeightsError: if it cannot be had, or breaks off; what came is kept.
    """
    have = os.path.getsize(partial) if os.path.exists(partial) else 0
    headers = {"Range": f"bytes={have}-"} if have else {}
    try:
        with _answer(address, headers) as answer:
            goes_on = answer.status == 206 and _first_byte(answer) == have
            if answer.status == 206 and not goes_on:
                raise WeightsError(f"{address} sends another part than was asked for.")
            _append(answer, address, partial, have if goes_on else 0)
    except urllib.error.HTTPError as error:
        if error.code != 416 or not have:
            raise _failure(address, f"{error.code} {error.reason}") from error
        # Nothing comes after what is here: all of it is, or it is of another file.
        if _whole_length(error.headers.get("Content-Range")) != have:
            os.remove(partial)
            download(address, partial)


def published_digest(address: str) -> str | None:
    """The SHA-256 that lies beside a file as ``ADDRESS.sha256``, if it does.

    Raises:
      WeightsError: if the server cannot be reached.
    """
    parts = urllib.parse.urlsplit(address)
    beside = urllib.parse.urlunsplit(parts._replace(path=f"{parts.path}.sha256"))
    try:
        with _answer(beside, {}, told=address) as answer:
            words = answer.read(1000).decode("ascii", "replace").split()
    except urllib.error.HTTPError as error:
        if error.code in (403, 404, 410):
            return None
        raise _failure(address, f"{error.code} {error.reason}") from error
    found = words[0].lower() if words else ""
    # Some servers answer any question with a page.
    return found if re.fullmatch("[0-9a-f]{64}", found) else None


@contextlib.contextmanager
def _answer(
    address: str, headers: dict[str, str], *, told: str | None = None
) -> Iterator[http.client.HTTPResponse]:
    """What a server answers; that it refuses is an `HTTPError`.

    Other errors name the address `told`, where that is another one.
    """
    told = told or address
    # Compressed on the way, the bytes would be others.
    headers = {"Accept-Encoding": "identity", "User-Agent": "ebm_tf", **headers}
    try:
        request = urllib.request.Request(address, headers=headers)
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
            yield answer
    except urllib.error.HTTPError:
        raise
    except urllib.error.URLError as error:
        raise _failure(told, str(error.reason)) from error
    except _BREAKS as error:
        raise WeightsError(f"{told} broke off ({error}): {_AGAIN}.") from error
    except ValueError as error:
        raise _failure(told, str(error)) from error


def _append(
    answer: http.client.HTTPResponse, address: str, partial: str, have: int
) -> None:
    length = answer.headers.get("Content-Length")
    total = have + int(length) if length and length.isdigit() else None
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
        while piece := answer.read(_PIECE):
            file.write(piece)
            bar.update(len(piece))
        come = file.tell()
    if total is not None and come < total:
        raise WeightsError(
            f"{address} broke off after {come:,} of {total:,} bytes: {_AGAIN}."
        )


def _first_byte(answer: http.client.HTTPResponse) -> int | None:
    found = re.match(r"bytes (\d+)-", answer.headers.get("Content-Range") or "")
    return int(found[1]) if found else None


def _whole_length(content_range: str | None) -> int | None:
    found = re.fullmatch(r"bytes \*/(\d+)", content_range or "")
    return int(found[1]) if found else None


def _failure(address: str, reason: str) -> WeightsError:
    return WeightsError(f"Cannot download {address}: {reason}.")
