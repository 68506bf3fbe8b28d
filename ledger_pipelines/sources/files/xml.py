"""XML files from outside, read so that none can do more than be read.

A DOCTYPE is refused before a parser that expands anything sees it: with it go entity bombs, and files or addresses that
an entity stands for. After that there is nothing to limit, and an attachment of any size is taken.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any
from xml.parsers import expat

from lxml import etree

from ledger_pipelines.errors import LedgerError

#: How a document is parsed, whoever parses it: as the arguments of lxml's `XMLParser` and `iterparse` alike.
SAFELY: dict[str, Any] = {
    "resolve_entities": False,
    "no_network": True,
    "load_dtd": False,
    "dtd_validation": False,
    "remove_comments": True,
    "remove_pis": True,
    "recover": False,
    "huge_tree": True,
}
#: How many bytes the search for a DOCTYPE takes at once.
_HEAD = 4096


def read_bytes(path: Path) -> bytes:
    """The file's bytes. Raises LedgerError where it cannot be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise LedgerError(f"{path} cannot be read: {error.strerror}.") from None


def parse_xml(data: bytes, name: str) -> etree._Element:
    """The document's root element; `name` is what messages call the file.

    Any encoding that it declares or begins with is taken. Raises LedgerError in one sentence where it is no XML, is cut
    off, is not in the encoding that it declares, or has a DOCTYPE.
    """
    refuse_doctype([data], name)
    try:
        root = etree.fromstring(data, etree.XMLParser(**SAFELY))
    except etree.XMLSyntaxError as error:
        raise unreadable(name, error) from None
    # There is one for each DOCTYPE, whatever that says.
    if root.getroottree().docinfo.internalDTD is not None:
        raise LedgerError(_doctype(name))
    return root


def refuse_doctype(parts: Iterable[bytes], name: str) -> None:
    """Reads the parts of a document as far as its first element, which a DOCTYPE must come before.

    Raises LedgerError where there is one, or no element; nothing that it declares is looked at.
    """
    parser, elements = expat.ParserCreate(), []

    def doctype(*_: object) -> None:
        raise LedgerError(_doctype(name))

    parser.StartDoctypeDeclHandler = doctype
    parser.StartElementHandler = lambda tag, _: elements.append(tag)
    try:
        for part in parts:
            # Little by little: the first element begins soon, and what comes after it is another parser's.
            for begin in range(0, len(part), _HEAD):
                parser.Parse(part[begin : begin + _HEAD])
                if elements:
                    return
        parser.Parse(b"", True)
    except (expat.ExpatError, ValueError, LookupError) as error:
        if not elements:
            # The last two are of encodings that nobody writes accounting files in.
            raise unreadable(name, error) from None


def unreadable(name: str, error: Exception) -> LedgerError:
    """The error for a file that a parser gives up, with the parser's own reason and place."""
    reason = " ".join(str(getattr(error, "msg", None) or error).split()).rstrip(".")
    return LedgerError(f"{name} is not readable XML ({reason}): nothing of it was taken.")


def _doctype(name: str) -> str:
    return f"{name} has a DOCTYPE, which no accounting document needs and which can stand for other files: it is refused."
