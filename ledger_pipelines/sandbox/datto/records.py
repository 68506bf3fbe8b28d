"""Datto RMM's records, made of the same invented world as Codex's: its devices, with their bytes in a field of text.

One company in three is known by the variable of its site, the others by the site's name.
"""

from __future__ import annotations

from collections import Counter
from functools import cached_property
from typing import Any
from uuid import UUID, uuid4

import orjson

from ledger_pipelines.sandbox.hivematrix.world import Record, World

#: The user-defined field that has the backed-up bytes, of so many.
BACKUP_FIELD, FIELDS = 6, 30
_FIRST_SITE = 100
_SERVERS = ("server", "esxi")


class Fleet:
    """All devices and sites of one account, and the tokens that open it."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.tokens: set[str] = set()

    @cached_property
    def _records(self) -> tuple[list[Record], list[Record], dict[str, list[Record]]]:
        sites, devices, variables = [], [], {}
        names = [orjson.loads(company.row).get("name") for company in self._world.companies]
        for at, (company, name) in enumerate(zip(self._world.companies, names, strict=True)):
            by_number = at % 3 == 0 or names.count(name) > 1
            site = _site(_FIRST_SITE + at, f"{name} (Main Site)" if by_number else name)
            sites.append(site)
            variables[site["uid"]] = [_variable(at, company.account_number)] if by_number else []
            devices += [_device(orjson.loads(row), site) for row in company.assets]
        return sites, devices, variables

    @cached_property
    def _owners(self) -> list[str]:
        """The company of each device, by its account number."""
        return [company.account_number for company in self._world.companies for _ in company.assets]

    @property
    def sites(self) -> list[Record]:
        """The sites, one for each company."""
        return self._records[0]

    @property
    def devices(self) -> list[Record]:
        """The devices, in the order in which they are shown."""
        return self._records[1]

    @property
    def variables(self) -> dict[str, list[Record]]:
        """The variables of each site, by its uid."""
        return self._records[2]

    def devices_now(self) -> list[Record]:
        """The devices as of when Codex answers, too: each month since brought a hundredth of them."""
        if not self._world.months_back:
            return self.devices
        remaining = {company.account_number: len(company.assets) for company in self._world.companies_now()}
        counts: Counter[str] = Counter()
        found = []
        for device, account in zip(self.devices, self._owners, strict=True):
            counts[account] += 1
            if counts[account] <= remaining[account]:
                found.append(device)
        return found

    def clear(self) -> None:
        """Leaves an account without records, for some of one's own."""
        for records in (self.sites, self.devices):
            records.clear()
        self.variables.clear()

    def add_site(self, name: str | None, account_number: str | None = None) -> Record:
        """Adds a site, with its variable where it has one."""
        site = _site(_FIRST_SITE + len(self.sites), name)
        self.sites.append(site)
        self.variables[site["uid"]] = [] if account_number is None else [_variable(1, account_number)]
        return site

    def add_device(self, site: Record, hostname: str | None, backup: object, **more: Any) -> Record:
        """Adds a device with what its user-defined field says."""
        row = {"id": 9_000_000 + len(self.devices), "hostname": hostname, "hardware_type": "Server"}
        device = _device(row, site) | more
        device["udf"][f"udf{BACKUP_FIELD}"] = backup
        self.devices.append(device)
        return device

    def new_token(self) -> str:
        """A token that opens the account until it expires."""
        token = uuid4().hex
        self.tokens.add(token)
        return token

    def expire(self) -> None:
        """Ends all tokens."""
        self.tokens.clear()


def _site(number: int, name: str | None) -> Record:
    return {
        "id": number,
        "uid": str(UUID(int=number)),
        "accountUid": "sandbox",
        "name": name,
        "description": None,
        "notes": None,
        "onDemand": False,
        "devicesStatus": None,
    }


def _variable(number: int, account: str) -> Record:
    return {"id": number, "name": "account_number", "value": account, "masked": False}


def _device(row: Record, site: Record) -> Record:
    kind = str(row.get("hardware_type") or "")
    stored = row.get("backup_data_bytes")
    fields: Record = {f"udf{number}": None for number in range(1, FIELDS + 1)}
    fields[f"udf{BACKUP_FIELD}"] = str(stored) if type(stored) is int and stored else None
    seen = row.get("last_seen")
    return {
        "id": row.get("id"),
        "uid": str(UUID(int=int(row["id"]) + (1 << 64))) if type(row.get("id")) is int else str(uuid4()),
        "siteId": site["id"],
        "siteUid": site["uid"],
        "siteName": site["name"],
        "deviceType": {
            "category": "Server" if any(word in kind.lower() for word in _SERVERS) else kind or None,
            "type": row.get("device_type"),
        },
        "hostname": row.get("hostname"),
        "intIpAddress": row.get("int_ip_address"),
        "extIpAddress": row.get("ext_ip_address"),
        "operatingSystem": row.get("operating_system"),
        "lastLoggedInUser": row.get("last_logged_in_user"),
        "domain": row.get("domain"),
        "online": row.get("online"),
        "suspended": False,
        "deleted": False,
        "lastSeen": None if seen is None else 1_721_131_200_000,
        "udf": fields,
        "deviceClass": "device",
        "antivirus": None,
    }
