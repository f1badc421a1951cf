"""Releases are found by name, from wherever they came."""

import dataclasses
import json
import os
import shutil

import pytest

from configs.digits_clean import config as clean
from ebm_tf.config import core
from ebm_tf.config.kinds import to_json
from ebm_tf.config.overrides import override
from ebm_tf.errors import WeightsError
from ebm_tf.store.releases import archives
from ebm_tf.store.releases import index as releases
from ebm_tf.store.releases.archives import digest_of
from ebm_tf.store.releases.index import (
    BUNDLED,
    INDEX,
    Entry,
    index_text,
    installed,
    located,
    read_index,
)
from ebm_tf.store.releases.installing import install, release_path
from ebm_tf.store.sources import find
from tests.runs import DIGITS_FID
from tests.store.releases.release_files import FILES, archive, serving

WEIGHTS = "weights/energy_average_00000009.weights.h5"


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """Nothing is installed, and nothing is bundled."""
    monkeypatch.setenv(releases.VARIABLE, str(tmp_path / "cache"))
    monkeypatch.setattr(releases, "BUNDLED_FOLDER", str(tmp_path / "bundled"))
    return tmp_path / "cache"


@pytest.fixture
def bundled(tmp_path):
    """A release that is bundled."""
    folder = tmp_path / "bundled"
    folder.mkdir()
    list_in(archive(folder / "digits_small.zip"))
    return folder


def list_in(path, **changed):
    """Lists an archive in the index beside it."""
    sha256, size = digest_of(str(path)), path.stat().st_size
    entry = Entry(path.stem, path.name, sha256, size, "fid 1")
    entries = read_index(str(path.parent)) | {path.stem: entry._replace(**changed)}
    (path.parent / INDEX).write_text(index_text(entries.values()))


def other_files() -> dict[str, bytes]:
    return FILES | {WEIGHTS: b"later weights"}


def quiet(line: str) -> None:
    del line


def names(folder) -> list[str]:
    return sorted(os.listdir(folder)) if folder.exists() else []


def test_other_sources_stay_as_they_are(cache):
    for source in ("runs/a/b", "/x/release:a.weights.h5", "gs://a/b", ""):
        assert located(source) == source
    assert not cache.exists()


def test_what_is_bundled_is_unpacked_at_first_use(bundled, cache):
    folder = located("release:digits_small")
    assert folder == str(cache / "digits_small")
    assert (cache / WEIGHTS.replace("weights/", "digits_small/weights/")).read_bytes()
    shutil.rmtree(bundled)
    assert located("release:digits_small") == folder
    assert names(cache) == ["digits_small"]


def test_a_newer_release_of_the_program_takes_its_place(bundled, cache):
    located("release:digits_small")
    list_in(archive(bundled / "digits_small.zip", files=other_files()))
    folder = located("release:digits_small")
    assert (cache / "digits_small" / WEIGHTS).read_bytes() == b"later weights"
    assert names(cache) == ["digits_small"] and folder == str(cache / "digits_small")


def test_what_a_user_installed_stays(bundled, cache, tmp_path):
    own = archive(tmp_path / "own.zip", files=other_files())
    install(str(own), report=quiet)
    located("release:digits_small")
    assert (cache / "digits_small" / WEIGHTS).read_bytes() == b"later weights"


def test_what_replaces_a_bundled_one_is_reported(bundled, tmp_path):
    own, lines = archive(tmp_path / "own.zip", files=other_files()), []
    install(str(bundled), report=lines.append)
    assert not any("replaces the bundled" in line for line in lines)
    install(str(own), report=lines.append)
    assert "it replaces the bundled digits_small" in lines[-1]
    assert lines[-1].endswith("tools/release.py install digits_small")


@pytest.mark.parametrize("harm", ["cut", "gone", "more", "no card"])
def test_a_release_that_lost_files_is_unpacked_again(bundled, cache, harm):
    folder = cache / "digits_small"
    located("release:digits_small")
    spoil(folder, harm)
    assert located("release:digits_small") == str(folder)
    assert (folder / WEIGHTS).read_bytes() == FILES[WEIGHTS]
    assert names(folder / "weights") == [os.path.basename(WEIGHTS)]


def spoil(folder, harm):
    if harm == "cut":
        (folder / WEIGHTS).write_bytes(b"cut")
    elif harm == "gone":
        (folder / WEIGHTS).unlink()
    elif harm == "more":
        (folder / "weights" / "energy_average_00000099.weights.h5").write_bytes(b"x")
    else:
        (folder / "card.json").unlink()


def test_one_of_a_user_that_lost_files_says_how_to_restore_it(bundled, cache, tmp_path):
    """It is not replaced by the other one that is bundled."""
    own = archive(tmp_path / "own.zip", files=other_files())
    install(str(own), report=quiet)
    spoil(cache / "digits_small", "cut")
    with pytest.raises(WeightsError, match="another size than its card says") as error:
        located("release:digits_small")
    assert str(error.value).endswith(f"tools/release.py install --again {own}")
    install(str(own), again=True, report=quiet)
    assert located("release:digits_small") == str(cache / "digits_small")


def test_a_name_may_have_the_prefix_of_a_config(bundled, cache):
    folder = str(cache / "digits_small")
    assert install("release:digits_small", report=quiet) == [folder]
    shutil.rmtree(bundled)
    assert install("release:digits_small", report=quiet) == [folder]
    with pytest.raises(WeightsError, match="No release is named 'none'"):
        install("release:none", report=quiet)


def test_verifying_takes_what_a_config_would(bundled, cache):
    path = bundled / "digits_small.zip"
    assert release_path("release:digits_small") == str(path)
    assert release_path(located("release:digits_small")) == str(cache / path.stem)
    assert release_path("digits_small") == str(cache / path.stem)
    list_in(archive(path, files=other_files()))
    assert release_path("digits_small") == str(path)


@pytest.mark.parametrize("scheme", ["ftp", "FTP", "sftp"])
def test_other_schemes_of_the_web_are_refused(scheme):
    with pytest.raises(WeightsError, match=r"/a.zip: http\(s\) only"):
        install(f"{scheme}://host/a.zip", report=quiet)


def test_wherever_a_run_folder_is_read_a_release_is(bundled, cache):
    file = str(cache / "digits_small" / WEIGHTS)
    assert find("release:digits_small").file("energy") == file
    assert find("release:digits_small").file("energy", step=9, kind="averaged") == file
    assert find("release:digits_small").steps("energy") == [9]
    with pytest.raises(WeightsError) as error:
        find("release:digits_small").file("generator")
    assert str(error.value).endswith(
        f"the newest that it holds: {os.path.basename(WEIGHTS)}."
    )


def test_a_release_brings_the_network_of_its_classifier(bundled):
    network = dataclasses.replace(clean.classifier, width=7)
    config = to_json(dataclasses.replace(clean, classifier=network))
    archive(
        bundled / "digits_clean.zip",
        name="digits_clean",
        files={"config.json": config.encode()},
    )
    assert find("release:digits_clean").network("classifier") == network


def test_a_config_takes_a_release_without_looking_for_it():
    config = override(core.load(str(DIGITS_FID)), ["weights=release:none"])
    assert config.weights == "release:none"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("digits_smal", "the nearest are digits_small."),
        ("utterly", "the nearest are digits_small."),
        ("../digits_small", "No release is named '../digits_small'"),
        ("", "No release is named ''"),
    ],
)
def test_an_unknown_name_lists_the_near_ones(bundled, cache, name, message):
    with pytest.raises(WeightsError) as error:
        located(f"release:{name}")
    assert message in str(error.value)
    assert not cache.exists()


def test_an_unknown_name_where_nothing_is(cache):
    with pytest.raises(WeightsError, match="there is no other: python3 tools/rel"):
        located("release:digits")
    with pytest.raises(WeightsError, match="there is no other"):
        install("digits", report=quiet)


def test_a_wrong_hash_is_left_unpacked(bundled, cache):
    archive(bundled / "digits_small.zip", files=other_files())
    for use in (lambda: located("release:digits_small"), lambda: install(str(bundled))):
        with pytest.raises(WeightsError, match="Expected SHA-256 .* is left unpacked"):
            use()
    assert names(cache) == []


def test_a_bad_archive_leaves_what_was_there(bundled, cache):
    located("release:digits_small")
    path = bundled / "digits_small.zip"
    path.write_bytes(path.read_bytes()[:-300])
    list_in(path)
    with pytest.raises(WeightsError, match="is damaged"):
        located("release:digits_small")
    assert (cache / "digits_small" / WEIGHTS).read_bytes() == FILES[WEIGHTS]
    assert names(cache) == ["digits_small"]


def test_a_kill_while_unpacking_leaves_nothing_half(bundled, cache, monkeypatch):
    """As where nothing of the program ran after the last file was written."""
    monkeypatch.setattr(releases, "_move", lambda *_: None)
    monkeypatch.setattr(shutil, "rmtree", lambda *_, **__: None)
    located("release:digits_small")
    monkeypatch.undo()
    monkeypatch.setenv(releases.VARIABLE, str(cache))
    (rest,) = names(cache)
    assert rest.startswith(".unpacking-")
    assert releases.all_installed() == {}
    assert installed("digits_small") is None


def test_two_processes_that_unpack_at_once_agree(bundled, cache, monkeypatch):
    """The other one is done just before this one moves its folder."""
    move, path = releases._move, str(bundled / "digits_small.zip")

    def late(*arguments):
        monkeypatch.setattr(releases, "_move", move)
        monkeypatch.setattr(releases.os, "rename", rename_after_the_other)
        move(*arguments)

    rename, moved = os.rename, []

    def rename_after_the_other(source, target):
        if source.endswith("whole") and not moved:
            moved.append(target)
            releases.install_archive(path, BUNDLED)
        rename(source, target)

    monkeypatch.setattr(releases, "_move", late)
    assert located("release:digits_small") == str(cache / "digits_small")
    assert moved and names(cache) == ["digits_small"]


def test_an_archive_of_another_name_is_not_taken(bundled):
    archive(bundled / "digits_large.zip")
    with pytest.raises(WeightsError, match="release digits_large, not digits_small"):
        located("release:digits_large")


def test_a_cache_that_cannot_be_written_is_reported(bundled, cache):
    cache.write_text("a file")
    with pytest.raises(
        WeightsError, match=f"Cannot write .* {releases.VARIABLE} names"
    ):
        located("release:digits_small")


def test_the_cache_has_one_documented_place(monkeypatch, tmp_path):
    monkeypatch.delenv(releases.VARIABLE)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert releases.cache_folder() == str(tmp_path / ".cache/ebm_tf/releases")


def test_a_damaged_index_is_reported(bundled):
    for text in ("", "{}", '{"releases": [{"name": "../x"}]}'):
        (bundled / INDEX).write_text(text)
        with pytest.raises(WeightsError, match="The index .* is damaged"):
            read_index(str(bundled))


def test_files_and_folders_are_installed(tmp_path, cache):
    folder = tmp_path / "some"
    folder.mkdir()
    archive(folder / "one.zip", name="one")
    archive(folder / "two.zip", name="two")
    assert len(install(str(folder), report=quiet)) == 2
    assert names(cache) == ["one", "two"]
    shutil.copytree(cache / "one", tmp_path / "unpacked")
    shutil.rmtree(cache)
    assert install(str(tmp_path / "unpacked"), report=quiet) == [str(cache / "one")]
    assert located("release:one") == str(cache / "one")
    (tmp_path / "unpacked" / WEIGHTS).write_bytes(b"other")
    with pytest.raises(WeightsError, match="is damaged"):
        install(str(tmp_path / "unpacked"), report=quiet)
    with pytest.raises(WeightsError, match="holds no release"):
        install(str(tmp_path / "cache" / "one" / "weights"), report=quiet)


def test_a_bad_archive_of_a_folder_keeps_no_other_from_being_installed(tmp_path, cache):
    folder, lines = tmp_path / "some", []
    folder.mkdir()
    for name in ("one", "two", "three"):
        archive(folder / f"{name}.zip", name=name)
    whole = (folder / "one.zip").read_bytes()
    (folder / "one.zip").write_bytes(whole[:-40])
    with pytest.raises(WeightsError, match=r"1 of 3 archives in .* installed: one.zip"):
        install(str(folder), report=lines.append)
    assert names(cache) == ["three", "two"]
    assert [line for line in lines if line.startswith("Not installed: ")]


def test_a_file_in_a_bucket_is_installed(tmp_path, cache):
    import tensorflow as tf

    tf.io.gfile.copy(str(archive(tmp_path / "a.zip")), "ram://bucket/a.zip", True)
    assert install("ram://bucket/a.zip", report=quiet) == [str(cache / "digits_small")]
    with pytest.raises(WeightsError, match="Cannot read ram://bucket/b.zip"):
        install("ram://bucket/b.zip", report=quiet)


@pytest.fixture
def shop(tmp_path):
    with serving() as shop:
        path = archive(tmp_path / "digits_small.zip")
        shop.files["digits_small.zip"] = path.read_bytes()
        shop.files["digits_small.zip.sha256"] = digest_of(str(path)).encode()
        yield shop


def test_an_address_is_installed_and_works_offline(shop, cache):
    address = shop.address("digits_small.zip")
    lines = []
    assert install(address, report=lines.append) == [str(cache / "digits_small")]
    assert lines[0] == f"Downloading {address}" and not lines[1].startswith("Note")
    asked = len(shop.asked)
    shop.files.clear()
    assert install(address, report=quiet) == [str(cache / "digits_small")]
    assert install("digits_small", report=quiet) == [str(cache / "digits_small")]
    assert located("release:digits_small") == str(cache / "digits_small")
    assert len(shop.asked) == asked
    assert names(cache) == ["digits_small"]
    with pytest.raises(WeightsError, match="404"):
        install(address, again=True, report=quiet)


@pytest.mark.parametrize("ranges", [True, False])
def test_a_broken_download_is_continued(shop, cache, ranges):
    shop.ranges = ranges
    shop.cut = 400
    address = shop.address("digits_small.zip")
    with pytest.raises(WeightsError, match="broke off"):
        install(address, report=quiet)
    assert names(cache) == ["digits_small.zip.partial"]
    assert (cache / "digits_small.zip.partial").stat().st_size == 400
    shop.cut = None
    install(address, report=quiet)
    assert shop.asked[-1] == ("digits_small.zip", "bytes=400-")
    assert names(cache) == ["digits_small"]


@pytest.mark.parametrize("stop", [OSError(28, "No space left"), KeyboardInterrupt()])
def test_a_download_that_could_not_be_unpacked_is_kept(shop, cache, monkeypatch, stop):
    def fail(*_):
        raise stop

    address = shop.address("digits_small.zip")
    with monkeypatch.context() as patch:
        patch.setattr(archives, "verified", fail)
        with pytest.raises((WeightsError, KeyboardInterrupt)):
            install(address, report=quiet)
    assert names(cache) == ["digits_small.zip.partial"]
    install(address, report=quiet)
    size = len(shop.files["digits_small.zip"])
    assert shop.asked[-1] == ("digits_small.zip", f"bytes={size}-")
    assert names(cache) == ["digits_small"]


@pytest.mark.parametrize("by", ["argument", "server", "index"])
def test_a_tampered_download_is_left_unpacked(shop, cache, tmp_path, by):
    address = shop.address("digits_small.zip")
    wrong = "0" * 64
    shop.files["digits_small.zip.sha256"] = (wrong if by == "server" else "").encode()
    source, given = address, None
    if by == "argument":
        given = wrong
    elif by == "index":
        (tmp_path / "bundled").mkdir()
        entry = Entry("digits_small", "digits_small.zip", wrong, 1, "", address)
        (tmp_path / "bundled" / INDEX).write_text(index_text([entry]))
        source = "digits_small"
    with pytest.raises(
        WeightsError, match=f"Expected SHA-256 {wrong} .* unpacked"
    ) as error:
        install(source, sha256=given, report=quiet)
    assert f" of {address}, got " in str(error.value)
    assert names(cache) == []


def test_without_a_known_hash_the_card_is_checked_and_that_is_said(shop, cache):
    del shop.files["digits_small.zip.sha256"]
    lines = []
    install(shop.address("digits_small.zip"), report=lines.append)
    assert any(line.startswith("Note: no SHA-256 of the archive") for line in lines)
    lines.clear()
    with pytest.raises(WeightsError, match="No release at none.zip"):
        install("none.zip", report=lines.append)
    assert lines == []
    facts = json.loads((cache / "digits_small" / "installed.json").read_text())
    assert facts["source"] == shop.address("digits_small.zip")


def test_a_name_whose_archive_is_elsewhere(shop, cache, tmp_path):
    """A run does not download of itself: it says how to."""
    (tmp_path / "bundled").mkdir()
    sha256 = shop.files["digits_small.zip.sha256"].decode()
    address = shop.address("digits_small.zip")
    entry = Entry("digits_small", "digits_small.zip", sha256, 1, "", address)
    (tmp_path / "bundled" / INDEX).write_text(index_text([entry]))
    with pytest.raises(WeightsError, match="tools/release.py install digits_small"):
        located("release:digits_small")
    assert shop.asked == []
    install("digits_small", report=quiet)
    assert located("release:digits_small") == str(cache / "digits_small")


def test_an_address_must_name_an_archive(shop):
    for path in ("digits_small", "", ".zip", "a b.zip"):
        with pytest.raises(WeightsError, match="to end in NAME.zip"):
            install(shop.address(path), report=quiet)
