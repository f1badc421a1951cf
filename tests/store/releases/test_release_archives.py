"""Archives are the same every time, and bad ones do no harm."""

import hashlib
import json
import os
import stat
import struct
import zipfile

import pytest

from ebm_tf.errors import WeightsError
from ebm_tf.store.releases.archives import (
    CARD,
    code_files,
    digest_of,
    folder_files,
    manifest,
    packed,
    read_card,
    verified,
    verified_folder,
)
from ebm_tf.store.releases.cards import summary
from tests.store.releases.release_files import FILES, archive, content, zipped

WEIGHTS = "weights/energy_average_00000009.weights.h5"


@pytest.fixture
def inside(tmp_path):
    """Where it is unpacked; all else in the folder must stay as it is."""
    (tmp_path / "home").mkdir()
    return tmp_path / "home" / "whole"


def unpacked(path, inside):
    inside.mkdir(exist_ok=True)
    return verified(str(path), str(inside))


def link(name: str) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(name)
    member.create_system = 3
    member.external_attr = (stat.S_IFLNK | 0o777) << 16
    return member


def test_equal_files_make_equal_bytes(tmp_path, monkeypatch):
    first = packed(content())
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    assert packed(dict(reversed(content().items()))) == first
    with zipfile.ZipFile(archive(tmp_path / "a.zip")) as file:
        assert file.namelist() == sorted(content())
        assert {member.date_time for member in file.infolist()} == {
            (1980, 1, 1, 0, 0, 0)
        }


def test_what_goes_in_comes_out(tmp_path, inside):
    path = archive(tmp_path / "a.zip")
    card = unpacked(path, inside)
    found = {
        str(p.relative_to(inside)): p.read_bytes()
        for p in inside.rglob("*")
        if p.is_file()
    }
    assert found == content() == folder_files(str(inside))
    assert read_card(str(path)) == card == read_card(str(inside))
    assert verified(str(path)) == card
    assert digest_of(str(path)) == hashlib.sha256(path.read_bytes()).hexdigest()


def test_the_manifest_is_that_of_sha256sum():
    """Golden value of FIPS 180-2."""
    assert manifest({"a": b"abc"}) == {
        "a": {
            "bytes": 3,
            "sha256": "ba7816bf8f01cfea414140de5dae2223"
            "b00361a396177a9cb410ff61f20015ad",
        }
    }


def test_an_unpacked_release_is_compared_with_its_card(tmp_path, inside):
    card = unpacked(archive(tmp_path / "a.zip"), inside)
    (inside / "installed.json").write_text("{}")
    (inside / "weights" / ".hidden").write_text("")
    assert verified_folder(str(inside)) == card
    size = (inside / WEIGHTS).stat().st_size
    (inside / WEIGHTS).write_bytes(bytes(size))
    assert verified_folder(str(inside), contents=False) == card
    with pytest.raises(WeightsError, match="has another SHA-256 than its card says"):
        verified_folder(str(inside))
    (inside / WEIGHTS).write_bytes(b"short")
    with pytest.raises(WeightsError, match="has another size than its card says"):
        verified_folder(str(inside), contents=False)
    (inside / "weights" / "later.h5").write_bytes(b"more")
    with pytest.raises(WeightsError, match=r"weights/later.h5 is not in its card"):
        verified_folder(str(inside), contents=False)


@pytest.mark.parametrize(
    "name",
    [
        *("/etc/passwd", "../up", "weights/../../up", "weights//x", "./x", "weights/"),
        *("C:x", "C:/x", "C:\\x", "..\\up", "weights\\x", "\\\\host\\x"),
        *(
            "~/x",
            ".hidden",
            "weights/.hidden",
            "a/b/c",
            "",
            "x\n",
            "x\x00y",
            "x\u202ey",
        ),
    ],
)
def test_a_path_that_could_lead_outside_is_refused(tmp_path, inside, name):
    path = tmp_path / "bad.zip"
    member = zipfile.ZipInfo("placeholder")
    member.filename = member.orig_filename = name
    card = {"name": "x", "figures": [], "files": manifest({name: b"evil"})}
    path.write_bytes(zipped([(member, b"evil"), (CARD, json.dumps(card).encode())]))
    with pytest.raises(WeightsError, match="is damaged: it holds the path"):
        unpacked(path, inside)
    assert list(inside.iterdir()) == []
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bad.zip", "home"]
    assert [p.name for p in inside.parent.iterdir()] == ["whole"]


def test_a_name_that_zipfile_would_cut_is_refused(tmp_path, inside):
    """Python's zipfile drops what follows a zero byte."""
    files = {"config.json": b"a", "resultsX.json": b"b"}
    data = packed(content(files=files)).replace(b"resultsX.json", b"results\x00.json")
    path = tmp_path / "bad.zip"
    path.write_bytes(data)
    with pytest.raises(WeightsError, match="is damaged: it holds the path"):
        unpacked(path, inside)


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        ([(link("weights/x"), b"/etc/passwd")], "weights/x is no plain file"),
        ([("config.json", b"other")], "it holds config.json twice"),
        ([("CONFIG.json", b"other")], "it holds CONFIG.json twice"),
        ([("weights", b"a file")], "weights is a file and a folder"),
        ([("extra.json", b"{}")], "extra.json is not in its card"),
    ],
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_members_that_no_release_has_are_refused(tmp_path, inside, extra, message):
    path = tmp_path / "bad.zip"
    path.write_bytes(zipped([*content().items(), *extra]))
    with pytest.raises(WeightsError, match=message):
        unpacked(path, inside)
    assert not list(inside.iterdir())


def test_a_file_that_is_not_there_is_reported(tmp_path):
    path = tmp_path / "bad.zip"
    members = content()
    del members[WEIGHTS]
    path.write_bytes(packed(members))
    with pytest.raises(WeightsError, match=f"{WEIGHTS} is missing"):
        verified(str(path))


def test_a_bomb_is_refused_before_it_grows(tmp_path, inside):
    path = tmp_path / "bomb.zip"
    bomb = content(files={"config.json": bytes(50_000_000)})
    path.write_bytes(packed(bomb))
    assert path.stat().st_size < 100_000
    with pytest.raises(WeightsError, match="would expand to 50,000,"):
        unpacked(path, inside)
    assert not list(inside.iterdir())


def test_a_bomb_that_hides_its_size_does_not_grow(tmp_path, inside):
    """The directory of the zip file and the card say 10 bytes, the stream has more."""
    files = {"config.json": bytes(3_000_000)}
    facts = {"config.json": manifest({"config.json": bytes(10)})["config.json"]}
    members = content(files=files)
    members[CARD] = json.dumps({"name": "x", "figures": [], "files": facts}).encode()
    data = bytearray(packed(members))
    size = struct.pack("<L", 3_000_000)
    while (at := data.find(size)) >= 0:
        data[at : at + 4] = struct.pack("<L", 10)
    path = tmp_path / "bomb.zip"
    path.write_bytes(data)
    with pytest.raises(WeightsError, match="is damaged: "):
        unpacked(path, inside)
    assert sum(p.stat().st_size for p in inside.rglob("*") if p.is_file()) < 10_000


@pytest.mark.parametrize("part", ["stored", "size", "card"])
def test_what_was_tampered_with_is_reported(tmp_path, part):
    members = content()
    if part == "stored":
        members[WEIGHTS] = b"\x01" + members[WEIGHTS][1:]
    elif part == "size":
        members[WEIGHTS] += b"more"
    else:
        members[CARD] = members[CARD].replace(b'"sha256": "', b'"sha256": "0')
    path = tmp_path / "bad.zip"
    path.write_bytes(packed(members))
    said = {
        "stored": f"{WEIGHTS} has another SHA-256 than its card says",
        "size": f"{WEIGHTS} has another size than its card says",
        "card": "card.json is not as this version writes it",
    }
    with pytest.raises(WeightsError, match=said[part]):
        verified(str(path))


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.999])
def test_a_truncated_archive_is_reported(tmp_path, share):
    path = archive(tmp_path / "a.zip")
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(WeightsError, match="a.zip is damaged"):
        verified(str(path))


def test_no_flipped_bit_goes_unseen(tmp_path, inside):
    """What is unpacked after a flip, if anything, is what was packed."""
    path = archive(tmp_path / "a.zip", files={"config.json": b"{}" * 40})
    data = path.read_bytes()
    whole = content(files={"config.json": b"{}" * 40})["config.json"]
    refused = 0
    for at in range(0, len(data), 7):
        flipped = bytearray(data)
        flipped[at] ^= 0x10
        path.write_bytes(flipped)
        folder = inside.parent / str(at)
        folder.mkdir()
        try:
            verified(str(path), str(folder))
            assert (folder / "config.json").read_bytes() == whole
        except WeightsError:
            refused += 1
    assert refused > len(data) // 7 // 2


@pytest.mark.parametrize(
    "card",
    [
        b"",
        b"[]",
        b"{}",
        b'{"name": "../x", "figures": [], "files": {}}',
        b'{"name": "x", "figures": [], "files": {"../x": {}}}',
        b'{"name": "x", "figures": [], "files": {"x": {"bytes": "1"}}}',
        b"[" * 100_000,
    ],
)
def test_a_card_that_is_none_is_reported(tmp_path, card):
    path = tmp_path / "bad.zip"
    path.write_bytes(packed({CARD: card}))
    with pytest.raises(WeightsError, match="card.json is not as this version writes"):
        read_card(str(path))


def test_other_files_are_reported(tmp_path):
    with pytest.raises(WeightsError, match="No release at .*none.zip"):
        verified(str(tmp_path / "none.zip"))
    path = tmp_path / "other.zip"
    path.write_bytes(zipped([("readme.txt", b"hello")]))
    with pytest.raises(
        WeightsError, match="not the archive of a release: no card.json"
    ):
        verified(str(path))
    with pytest.raises(WeightsError, match="Cannot read|is damaged"):
        verified(os.fspath(tmp_path))


def test_all_files_of_the_card_are_in_it():
    assert set(json.loads(content()[CARD])["files"]) == set(FILES)


@pytest.mark.parametrize("name", ["own/mine.py", "OWN/x.h5", "weights/a.PY", "b.py"])
def test_what_a_run_could_execute_is_code(name):
    card = {"files": dict.fromkeys((*FILES, name))}
    assert code_files(card) == [name]


def test_figures_of_earlier_versions_have_the_names_of_now(tmp_path):
    old = [
        {"metric": "frechet_pixel", "value": 0.5},
        {"metric": "fid", "value": 0.5, "features": "pixels"},
        {"metric": "fid", "value": 3.0, "features": "inception_2015"},
    ]
    path = archive(tmp_path / "old.zip", figures=old)
    before = path.read_bytes()
    figures = read_card(str(path))["figures"]
    names = [figure["metric"] for figure in figures]
    assert names == ["frechet_pixels", "frechet_pixels", "fid"]
    assert summary(figures) == "frechet_pixels 0.5, fid 3"
    assert path.read_bytes() == before


@pytest.mark.parametrize("figures", [{}, 3, [3], [{"value": 1.0}], [{"metric": 1}]])
def test_figures_that_are_none_are_told(tmp_path, figures):
    path = archive(tmp_path / "odd.zip", figures=figures)
    with pytest.raises(WeightsError, match="card.json is not as this version"):
        read_card(str(path))
