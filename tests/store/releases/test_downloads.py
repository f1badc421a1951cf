"""Downloads go on where they broke off, with any server."""

import os

import pytest

from ebm_tf.errors import WeightsError
from ebm_tf.store.releases import downloads
from ebm_tf.store.releases.downloads import download, is_address, published_digest
from tests.store.releases.release_files import serving

DATA = os.urandom(300_000)


@pytest.fixture
def shop():
    with serving() as shop:
        shop.files["a.zip"] = DATA
        yield shop


@pytest.fixture
def partial(tmp_path):
    return tmp_path / "a.zip.partial"


def test_a_download(shop, partial):
    download(shop.address("a.zip"), str(partial))
    assert partial.read_bytes() == DATA
    assert shop.asked == [("a.zip", None)]


@pytest.mark.parametrize("ranges", [True, False])
def test_a_download_that_broke_off_goes_on(shop, partial, ranges):
    shop.ranges, shop.cut = ranges, 100_000
    with pytest.raises(WeightsError, match="broke off"):
        download(shop.address("a.zip"), str(partial))
    assert partial.read_bytes() == DATA[:100_000]
    shop.cut = None
    download(shop.address("a.zip"), str(partial))
    assert partial.read_bytes() == DATA
    assert shop.asked[-1] == ("a.zip", "bytes=100000-")


def test_it_goes_on_several_times(shop, partial):
    shop.cut = 120_000
    for come in (120_000, 240_000):
        with pytest.raises(WeightsError, match="repeat the command"):
            download(shop.address("a.zip"), str(partial))
        assert partial.stat().st_size == come
    download(shop.address("a.zip"), str(partial))
    assert partial.read_bytes() == DATA


def test_what_is_whole_already_is_not_fetched(shop, partial):
    partial.write_bytes(DATA)
    download(shop.address("a.zip"), str(partial))
    assert partial.read_bytes() == DATA
    assert len(shop.asked) == 1


def test_what_is_longer_than_the_file_is_fetched_again(shop, partial):
    partial.write_bytes(DATA + b"of another file")
    download(shop.address("a.zip"), str(partial))
    assert partial.read_bytes() == DATA


def test_what_a_server_does_not_have_is_reported(shop, partial):
    with pytest.raises(WeightsError, match="Cannot download .*none.zip: 404"):
        download(shop.address("none.zip"), str(partial))
    assert not partial.exists()


def test_an_empty_file_is_no_endless_loop(shop, partial):
    """Some servers refuse the range from the first byte of nothing."""
    shop.files["a.zip"] = b""
    partial.write_bytes(b"of another file")
    download(shop.address("a.zip"), str(partial))
    assert partial.read_bytes() == b""


def test_a_server_that_is_not_there_is_reported(shop, partial):
    address = shop.address("a.zip")
    with serving() as other:
        address = other.address("a.zip")
    with pytest.raises(WeightsError, match="Cannot download .* refused"):
        download(address, str(partial))


def test_where_no_digest_can_be_asked_for_the_file_is_named(shop):
    with serving() as other:
        address = other.address("a.zip")
    with pytest.raises(WeightsError, match=f"Cannot download {address}.sha256: "):
        published_digest(address)


def test_the_digest_beside_a_file(shop):
    shop.files["a.zip.sha256"] = b"AB" * 32 + b"  a.zip\n"
    assert published_digest(shop.address("a.zip")) == "ab" * 32
    assert published_digest(shop.address("a.zip?version=2")) is None
    assert shop.asked[-1] == ("a.zip.sha256?version=2", None)
    shop.files["page.zip.sha256"] = b"<html>Sorry, no such thing</html>"
    assert published_digest(shop.address("page.zip")) is None
    assert published_digest(shop.address("none.zip")) is None


def test_what_is_an_address():
    assert is_address("https://a.b/c.zip") and is_address("HTTP://a.b/c.zip")
    for other in ("digits", "/a/b.zip", "gs://a/b.zip", "file:///a.zip", "C:/a.zip"):
        assert not is_address(other)
    assert downloads.file_name("https://a.b/c/d%20e.zip?x=1/2#f") == "d e.zip"
    assert downloads.file_name("https://a.b") == ""
