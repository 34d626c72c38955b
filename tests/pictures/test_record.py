"""The record of a repair in its picture: read back by Pillow, and by exiftool where it is installed."""

import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from inpaintx.errors import InpaintxError
from inpaintx.pictures import Picture, read_picture, write_picture
from inpaintx.pictures.record import SOURCE_TYPE, Repair, marked

RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
EVENT = "{http://ns.adobe.com/xap/1.0/sType/ResourceEvent#}"
SOURCE = "{http://iptc.org/std/Iptc4xmpExt/2008-02-29/}DigitalSourceType"
MEANS = {"model": {"sha256": "ab" * 32}, "seed": 7, "settings": {"blend": 'a "quoted" <name> & more'}}
SCANNED = b"""<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<r:Description r:about="uuid:1" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:odd="http://odd.example/"
 xmlns:xmpMM="http://ns.adobe.com/xap/1.0/mm/" xmlns:stEvt="http://ns.adobe.com/xap/1.0/sType/ResourceEvent#"
 xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/" odd:shelf="12"
 Iptc4xmpExt:DigitalSourceType="http://cv.iptc.org/newscodes/digitalsourcetype/positiveFilm">
<dc:creator><r:Seq><r:li>An\xc3\xa4is</r:li></r:Seq></dc:creator>
<xmpMM:History><r:Seq><r:li stEvt:action="created" stEvt:softwareAgent="Scanner"/></r:Seq></xmpMM:History>
</r:Description></r:RDF></x:xmpmeta>
<?xpacket end="w"?>"""


@pytest.fixture(autouse=True)
def _no_date(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)


@pytest.fixture
def repair() -> Repair:
    mask = np.ones((6, 9), bool)
    mask[1:3, 4:8] = False
    mask[4, 5] = False
    return Repair.of(mask, MEANS, "inpaintx 1")


def picture(xmp: bytes | None = None, dtype: type = np.uint8) -> Picture:
    plain = Picture(np.arange(6 * 9 * 3, dtype=dtype).reshape(6, 9, 3))
    return replace(plain, tags=replace(plain.tags, xmp=xmp))


def events(packet: bytes) -> list[dict[str, str]]:
    """The attributes of the history's entries."""
    root = ElementTree.fromstring(packet)
    return [li.attrib for li in root.iter(f"{RDF}li") if f"{EVENT}action" in li.attrib]


def source_types(packet: bytes) -> list[str]:
    return [part.attrib[SOURCE] for part in ElementTree.fromstring(packet).iter() if SOURCE in part.attrib]


def packet_of(path: Path) -> bytes:
    with Image.open(path) as opened:
        packet = opened.info.get("xmp") or opened.info.get("XML:com.adobe.xmp")
        assert packet is not None
        return packet if isinstance(packet, bytes) else packet.encode()


def test_what_was_filled(repair: Repair) -> None:
    assert repair.filled == {"pixels": 9, "box": [4, 1, 4, 4]}


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp", ".jpg"])
@pytest.mark.parametrize("packet", [None, SCANNED], ids=["none", "scanned"])
def test_pillow_reads_it_back(suffix: str, packet: bytes | None, repair: Repair, tmp_path: Path) -> None:
    path = tmp_path / f"a{suffix}"
    write_picture(marked(picture(packet), repair), path, "jpeg" if suffix == ".jpg" else None)
    back = packet_of(path)
    assert source_types(back) == [SOURCE_TYPE]
    *before, entry = events(back)
    assert [event[f"{EVENT}softwareAgent"] for event in before] == ([] if packet is None else ["Scanner"])
    assert entry[f"{EVENT}action"] == "edited"
    assert entry[f"{EVENT}softwareAgent"] == "inpaintx 1"
    assert json.loads(entry[f"{EVENT}parameters"]) == {"filled": repair.filled, **MEANS}
    if packet is not None:
        assert "Anäis".encode() in back
        assert b'odd:shelf="12"' in back
    if suffix != ".jpg":
        assert np.array_equal(read_picture(path).array, picture().array)


def test_sixteen_bits(repair: Repair, tmp_path: Path) -> None:
    deep = picture(SCANNED, np.uint16)
    for name in ("a.png", "a.tif"):
        write_picture(marked(deep, repair), tmp_path / name)
        assert len(events(packet_of(tmp_path / name))) == 2
        assert np.array_equal(read_picture(tmp_path / name).array, deep.array)


@pytest.mark.parametrize("packet", [None, SCANNED], ids=["none", "scanned"])
@pytest.mark.skipif(shutil.which("exiftool") is None, reason="exiftool is not installed")
def test_exiftool_reads_it_back(packet: bytes | None, repair: Repair, tmp_path: Path) -> None:
    for name in ("a.png", "b.tif", "c.webp"):
        write_picture(marked(picture(packet), repair), tmp_path / name)
    told = subprocess.run(
        ["exiftool", "-j", "-struct", "-validate", "-warning", "-a", "-XMP:all", *sorted(tmp_path.iterdir())],
        capture_output=True,
        check=True,
    )
    read: list[dict[str, Any]] = json.loads(told.stdout)
    assert len(read) == 3
    for one in read:
        assert one["DigitalSourceType"] == SOURCE_TYPE
        assert one["History"][-1]["Action"] == "edited"
        assert json.loads(one["History"][-1]["Parameters"])["model"] == MEANS["model"]
        assert len(one["History"]) == (1 if packet is None else 2)
        assert one.get("Creator") == (None if packet is None else ["Anäis"])
        assert "XMP" not in one.get("Warning", "")


def test_a_second_repair_adds_to_the_first(repair: Repair) -> None:
    twice = marked(marked(picture(), repair), replace(repair, software="inpaintx 2"))
    assert twice.tags.xmp is not None
    assert [event[f"{EVENT}softwareAgent"] for event in events(twice.tags.xmp)] == [
        "inpaintx 1",
        "inpaintx 2",
    ]
    assert source_types(twice.tags.xmp) == [SOURCE_TYPE]


@pytest.mark.parametrize(
    "packet",
    [
        b"<x:xmpmeta",
        b"<a/>",
        b"\xff\xfe",
        b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
        SCANNED[:200],
    ],
)
def test_a_broken_packet_is_said_to_be_lost(packet: bytes, repair: Repair) -> None:
    result = marked(picture(packet), repair)
    assert result.tags.lost == ("broken XMP",)
    assert result.tags.xmp is not None
    assert len(events(result.tags.xmp)) == 1


def test_the_same_repair_gives_the_same_bytes(repair: Repair, monkeypatch: pytest.MonkeyPatch) -> None:
    assert marked(picture(), repair).tags.xmp == marked(picture(), repair).tags.xmp
    [entry] = events(marked(picture(), repair).tags.xmp or b"")
    assert f"{EVENT}when" not in entry
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    [entry] = events(marked(picture(), repair).tags.xmp or b"")
    assert entry[f"{EVENT}when"] == "1970-01-02T00:00:00+00:00"
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "soon")
    with pytest.raises(InpaintxError, match="seconds since 1970"):
        marked(picture(), repair)
