"""A file's beginning: its first element, and before it no document type, which is where entities are declared."""

from __future__ import annotations

from typing import IO
from xml.parsers import expat

from ledger_pipelines.errors import LedgerError
from ledger_pipelines.sources.files.saft.names import NAMESPACE

_CHUNK = 1 << 16
#: Both parsers read these alike; another encoding could hide from one what the other sees.
_ENCODINGS = frozenset({"utf-8", "utf-16", "utf-16le", "utf-16be", "us-ascii", "iso-8859-1", "windows-1252"})


class _FirstElementError(Exception):
    """The prolog has ended, with an element of this name."""


def check_beginning(stream: IO[bytes], name: str) -> None:
    """Reads up to the first element, and of a document type no further than the word DOCTYPE.

    Raises LedgerError where the file has a document type, an encoding that is not among the usual ones, or a first
    element that no SAF-T Financial file has.
    """
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartDoctypeDeclHandler = lambda *_: _refuse(name)
    parser.XmlDeclHandler = lambda _, encoding, __: _check_encoding(encoding, name)
    parser.StartElementHandler = _end_of_prolog
    try:
        while chunk := stream.read(_CHUNK):
            parser.Parse(chunk, False)
        parser.Parse(b"", True)
    except _FirstElementError as first:
        _check_root(str(first), name)
    except (expat.ExpatError, LookupError, ValueError) as error:
        raise LedgerError(f"{name} is not XML ({error}): export it again.") from None


def _end_of_prolog(element: str, _: object) -> None:
    raise _FirstElementError(element)


def _check_root(element: str, name: str) -> None:
    namespace, _, local = element.rpartition(" ")
    if (namespace, local) != (NAMESPACE, "AuditFile"):
        raise LedgerError(
            f"{name} is no Norwegian SAF-T Financial file: it is a {local} of the namespace {namespace or '(none)'}, "
            f"not an AuditFile of {NAMESPACE}."
        )


def _refuse(name: str) -> None:
    raise LedgerError(
        f"{name} has a DOCTYPE, which no SAF-T file has and which can make a small file endless: "
        "export it again without one."
    )


def _check_encoding(encoding: str | None, name: str) -> None:
    if encoding is not None and encoding.lower() not in _ENCODINGS:
        raise LedgerError(f"{name} is in the encoding {encoding}: export it again in UTF-8.")
