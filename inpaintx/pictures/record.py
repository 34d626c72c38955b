"""The record of a repair inside of its picture, as XMP: what kind of picture it is now, and what was done.

IPTC's Digital Source Type says that a trained model made a part of it; an entry of the history (XMP
specification, part 2, ``xmpMM:History``) says which pixels, by which model, and how. What the picture's own
packet says beside that is kept.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Any
from xml.dom import minidom
from xml.parsers.expat import ExpatError

import numpy as np

from inpaintx.errors import InpaintxError
from inpaintx.pictures.picture import Picture

#: A composite of which a part is made by a trained model (IPTC NewsCodes, digitalsourcetype).
SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_IPTC = "http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
_MM = "http://ns.adobe.com/xap/1.0/mm/"
_EVENT = "http://ns.adobe.com/xap/1.0/sType/ResourceEvent#"
_XMLNS = "http://www.w3.org/2000/xmlns/"
_EMPTY = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{_RDF}"/></x:xmpmeta>'
_BEGIN, _END = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>', '<?xpacket end="w"?>'


@dataclass(frozen=True)
class Repair:
    """What was filled in a picture, and by what.

    Attributes:
        pixels: how many were filled.
        box: the smallest that holds them: left, top, width, height.
        means: model, settings, seed and versions, in plain values, as a completer's ``described`` has them.
        software: what did it, with its version.
    """

    pixels: int
    box: tuple[int, int, int, int]
    means: Mapping[str, Any]
    software: str

    @classmethod
    def of(cls, mask: np.ndarray, means: Mapping[str, Any], software: str) -> Repair:
        """The repair of what a mask hides: bool ``[H, W]``, True = keep; it hides something."""
        rows, columns = (np.flatnonzero(~mask.all(axis=axis)) for axis in (1, 0))
        top, left = int(rows[0]), int(columns[0])
        box = (left, top, int(columns[-1]) + 1 - left, int(rows[-1]) + 1 - top)
        return cls(int(np.count_nonzero(~mask)), box, means, software)

    @property
    def filled(self) -> dict[str, Any]:
        """The pixels and their box, as a record states them."""
        return {"pixels": self.pixels, "box": list(self.box)}


def marked(picture: Picture, repair: Repair) -> Picture:
    """The picture with a record of its repair in its XMP packet; what else that says is kept.

    A packet that is no XML is replaced, and said to be lost. The entry has a time where the environment's
    SOURCE_DATE_EPOCH (seconds since 1970) gives one: otherwise the same repair would not give the same bytes.
    """
    tags = picture.tags
    try:
        packet, lost = _merged(tags.xmp, repair), tags.lost
    except (ExpatError, ValueError):  # ValueError: what is well-formed, but no XMP
        packet, lost = _merged(None, repair), (*tags.lost, "broken XMP")
    return replace(picture, tags=replace(tags, xmp=packet, lost=lost))


def source_date() -> str | None:
    """The time that SOURCE_DATE_EPOCH gives, in ISO 8601; None where it isn't set.

    Raises:
        InpaintxError: it is no number of seconds.
    """
    seconds = os.environ.get("SOURCE_DATE_EPOCH")
    if not seconds:
        return None
    try:
        return datetime.fromtimestamp(int(seconds), timezone.utc).isoformat()
    except (ValueError, OverflowError, OSError):
        raise InpaintxError(
            f"SOURCE_DATE_EPOCH is {seconds!r}; give seconds since 1970, or unset it"
        ) from None


def _merged(packet: bytes | None, repair: Repair) -> bytes:
    document = minidom.parseString((packet or _EMPTY.encode()).strip(b"\0 \r\n\t"))
    if document.doctype is not None:
        raise ValueError("XMP has no document type")
    found = document.getElementsByTagNameNS(_RDF, "RDF")
    if not found:
        raise ValueError("no rdf:RDF in the XMP")
    rdf = found[0]
    about = next(filter(None, (part.getAttributeNS(_RDF, "about") for part in _children(rdf))), "")
    _take_out(rdf, _IPTC, "DigitalSourceType")
    description = _rdf_element(document, "Description")
    _set(description, _RDF, "rdf", "about", about)
    rdf.appendChild(description)
    _set(description, _IPTC, "Iptc4xmpExt", "DigitalSourceType", SOURCE_TYPE)
    _history(document, rdf, description).appendChild(_event(document, repair))
    body = "".join(node.toxml() for node in document.childNodes if node.nodeType == node.ELEMENT_NODE)
    return f"{_BEGIN}{body}{_END}".encode()


def _children(parent: minidom.Element) -> list[minidom.Element]:
    return [node for node in parent.childNodes if isinstance(node, minidom.Element)]


def _take_out(rdf: minidom.Element, namespace: str, name: str) -> None:
    """Removes a property, written as an attribute or as an element."""
    for part in _children(rdf):
        if part.hasAttributeNS(namespace, name):
            part.removeAttributeNS(namespace, name)
        for value in _children(part):
            if (value.namespaceURI, value.localName) == (namespace, name):
                part.removeChild(value)


def _history(
    document: minidom.Document, rdf: minidom.Element, description: minidom.Element
) -> minidom.Element:
    """The list of the history's events: the packet's own, or a new one in ``description``."""
    for history in rdf.getElementsByTagNameNS(_MM, "History"):
        for events in history.getElementsByTagNameNS(_RDF, "Seq"):
            return events
    history = document.createElement("xmpMM:History")
    history.setAttributeNS(_XMLNS, "xmlns:xmpMM", _MM)
    events = document.createElement("rdf:Seq")
    history.appendChild(events)
    description.appendChild(history)
    return events


def _event(document: minidom.Document, repair: Repair) -> minidom.Element:
    event = _rdf_element(document, "li")
    _set(event, _EVENT, "stEvt", "action", "edited")
    parameters = {"filled": repair.filled, **repair.means}
    _set(event, _EVENT, "stEvt", "parameters", json.dumps(parameters, sort_keys=True))
    _set(event, _EVENT, "stEvt", "softwareAgent", repair.software)
    when = source_date()
    if when is not None:
        _set(event, _EVENT, "stEvt", "when", when)
    return event


def _rdf_element(document: minidom.Document, name: str) -> minidom.Element:
    """An element that stands anywhere, whatever the packet calls RDF's namespace."""
    element = document.createElement(f"rdf:{name}")
    element.setAttributeNS(_XMLNS, "xmlns:rdf", _RDF)
    return element


def _set(element: minidom.Element, namespace: str, prefix: str, name: str, value: str) -> None:
    """An attribute of a namespace, which is declared where it stands."""
    element.setAttributeNS(_XMLNS, f"xmlns:{prefix}", namespace)
    element.setAttributeNS(namespace, f"{prefix}:{name}", value)
