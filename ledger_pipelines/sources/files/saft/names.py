"""The names of SAF-T's elements that are read, as lxml has them."""

from __future__ import annotations

from typing import Any, TypeAlias

NAMESPACE = "urn:StandardAuditFile-Taxation-Financial:NO"

Element: TypeAlias = Any


def tag(name: str) -> str:
    """An element's name with its namespace."""
    return f"{{{NAMESPACE}}}{name}"


def child(element: Element, *path: str) -> Element | None:
    """The first element of this path below, None where there is none."""
    for name in path:
        element = element.find(tag(name))
        if element is None:
            return None
    return element


def text(element: Element, *path: str) -> str | None:
    """What the first element of this path below says, with single spaces; None where that is nothing."""
    found = child(element, *path)
    return None if found is None else " ".join("".join(found.itertext()).split()) or None
