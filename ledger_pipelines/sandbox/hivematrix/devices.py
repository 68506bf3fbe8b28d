"""Invented assets: what a remote-monitoring tool sees at a company.

Rows are drawn column by column for many companies at once; see `generate`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np

from ledger_pipelines.sandbox.hivematrix.directory import Identity, slug
from ledger_pipelines.sandbox.hivematrix.world import Record, serialised

_WINDOWS = (
    "Microsoft Windows 11 Pro 10.0.22631",
    "Microsoft Windows 10 Pro 10.0.19045",
    "Microsoft Windows 11 Enterprise 10.0.26100",
)
_MAC = ("macOS 14.5", "macOS 15.1")
_SERVER = (
    "Microsoft Windows Server 2022 Datacenter 10.0.20348",
    "Microsoft Windows Server 2019 Standard 10.0.17763",
    "Ubuntu 22.04.4 LTS",
)
_ESXI = ("VMware ESXi 7.0.3",)


@dataclass(frozen=True, slots=True)
class _Kind:
    """A sort of device. `backed_up` is the share with a backup, `terabytes` its typical size."""

    hardware_type: str | None
    device_type: str | None
    prefix: str
    systems: tuple[str | None, ...]
    weight: int
    backed_up: float = 0.0
    terabytes: float = 0.0


_KINDS: tuple[_Kind, ...] = (
    _Kind("Desktop", None, "WS", _WINDOWS, 284, 0.2, 0.3),
    _Kind("Desktop", None, "WS", _MAC, 137, 0.2, 0.3),
    _Kind("Laptop", None, "NB", _WINDOWS, 169, 0.2, 0.2),
    _Kind("Laptop", None, "NB", _MAC, 98, 0.2, 0.2),
    _Kind("Server", None, "SRV", _SERVER, 82, 0.8, 1.5),
    _Kind("Server", "Virtual Server", "SRV", _SERVER, 27, 0.8, 0.9),
    _Kind("Server", "Server VM", "SRV", _SERVER, 20, 0.8, 0.9),
    _Kind("Server", "Physical Server", "SRV", _SERVER, 21, 0.8, 2.0),
    _Kind("ESXI Host", None, "ESX", _ESXI, 25, 0.4, 2.5),
    _Kind("ESXi Host", None, "ESX", _ESXI, 16, 0.4, 2.5),
    _Kind("Network Device", None, "NET", (None,), 47),
    _Kind("Network Device", "Switch", "SW", (None,), 27),
    _Kind("Network Device", "Managed switch", "SW", (None,), 14),
    _Kind("Network Device", "Firewall", "FW", (None,), 14),
    _Kind("Network Device", "FIREWALL", "FW", (None,), 3),
    _Kind("Printer", None, "PRN", (None,), 31),
    _Kind("Unknown", None, "WS", (None,), 22),
    _Kind(None, None, "WS", (None,), 20),
)
_WEIGHTS = np.array([kind.weight for kind in _KINDS]) / sum(kind.weight for kind in _KINDS)
_BACKED_UP = np.array([kind.backed_up for kind in _KINDS])
_TERABYTES = np.array([kind.terabytes for kind in _KINDS])


def backup_bytes(hundredths: int) -> int:
    """Bytes as Codex derives them from a text with two decimals (wire/codex.md, Asset)."""
    return int((hundredths / 100) * 2**40)


def draw_assets(
    rng: np.random.Generator, owners: list[Identity], counts: list[int], *, first_id: int, until: date
) -> Iterator[list[bytes]]:
    """For each owner in turn, its assets; `counts` says how many. Ids run on from `first_id`."""
    size = sum(counts)
    kinds = rng.choice(len(_KINDS), size, p=_WEIGHTS)
    backed_up = rng.random(size) < _BACKED_UP[kinds]
    amounts = np.rint(rng.gamma(1.4, _TERABYTES[kinds] * 100 / 1.4 + 0.001)).astype(int)
    hundredths = np.where(backed_up, amounts, -1).tolist()
    end = np.datetime64(until.isoformat(), "s") + 86_399
    seen = np.datetime_as_string(end - rng.integers(0, 40 * 86_400, size)).tolist()
    draws = rng.random((size, 3)).tolist()
    kinds_list = kinds.tolist()
    position = 0
    for owner, count in zip(owners, counts, strict=True):
        network = _network(owner)
        rows = []
        for place in range(count):
            at = position + place
            kind = _KINDS[kinds_list[at]]
            row = _asset(
                network,
                kind,
                place,
                draw=draws[at],
                hundredths=hundredths[at],
                seen=seen[at],
                id=first_id + at,
            )
            rows.append(serialised(row))
        position += count
        yield rows


@dataclass(frozen=True, slots=True)
class _Network:
    label: str
    domain: str
    external: str
    internal: str


def _network(owner: Identity) -> _Network:
    at = owner.position
    label = (slug(owner.record["name"])[:5] or "client").upper()
    documentation = ("203.0.113", "198.51.100", "192.0.2")[at // 254 % 3]
    internal = f"10.{at // 256 % 256}.{at % 256}"
    return _Network(f"{label}-", f"{label}{at}", f"{documentation}.{at % 254 + 1}", internal)


def _asset(
    network: _Network, kind: _Kind, place: int, *, draw: list[float], hundredths: int, seen: str, id: int
) -> Record:
    system = kind.systems[int(draw[0] * len(kind.systems))]
    protected = system is not None
    return {
        "antivirus_product": (
            ("SentinelOne Agent" if draw[1] < 0.5 else "Windows Defender Antivirus") if protected else None
        ),
        "backup_data_bytes": backup_bytes(hundredths) if hundredths > 0 else 0,
        "backup_usage_tb": f"{hundredths / 100:.2f}" if hundredths >= 0 else None,
        "device_type": kind.device_type,
        "domain": network.domain if protected and draw[1] < 0.9 else None,
        "ext_ip_address": network.external,
        "hardware_type": kind.hardware_type,
        "hostname": f"{network.label}{kind.prefix}{place:02d}",
        "id": id,
        "int_ip_address": f"{network.internal}.{place % 244 + 10}",
        "last_logged_in_user": f"{network.domain}\\user{place:02d}" if protected else None,
        "last_seen": None if draw[2] > 0.97 else f"{seen}.{place % 1000:03d}000" if draw[2] > 0.7 else seen,
        "online": draw[1] < 0.8,
        "operating_system": system,
    }
