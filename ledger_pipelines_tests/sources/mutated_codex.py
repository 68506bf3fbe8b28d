"""A Codex of three companies that shows whatever a tree says, with one value mutated."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote, urlsplit

import jwt

from ledger_pipelines.sources.codex.models import ENTITIES
from ledger_pipelines_tests.sources.conftest import Reply, ScriptedServer, Seen, problem_reply
from ledger_pipelines_tests.sources.mutations import Mutated, Path

Answer = Callable[[Mutated, Seen], bytes]


class TreeServer(ScriptedServer):
    """Answers by a function of the tree that it has at the moment."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self.mutated = Mutated({}, "")
        self._answer = answer

    def take(self, seen: Seen) -> Reply:
        try:
            return Reply(body=self._answer(self.mutated, seen))
        except LookupError:
            return problem_reply(404, "no such thing")


def _entry(number: int) -> dict[str, Any]:
    account = f"62054{number}"
    company = {
        "account_number": account,
        "name": f"Company {account}",
        "description": "…",
        "billing_plan": "Gold",
        "contract_term_length": "1-Year",
        "contract_start_date": "2024-01-01",
        "contract_end_date": "2026-01-01T00:00:00Z",
        "support_level": "Gold",
        "compliance_level": None,
        "profit_or_non_profit": "profit",
        "company_main_number": "555",
        "company_start_date": "2012-05-01",
        "domains": '["a.example"]',
        "phone_system": "Zoom",
        "email_system": "Mail",
    }
    assets = [
        {
            "id": number * 10 + one,
            "hostname": f"WS-{number}-{one}",
            "hardware_type": "Laptop",
            "device_type": None,
            "operating_system": "Windows 11",
            "last_logged_in_user": "ada",
            "online": True,
            "last_seen": "2025-03-01T10:00:00Z",
            "backup_usage_tb": "1.50",
            "backup_data_bytes": 1_649_267_441_664,
        }
        for one in range(3)
    ]
    contacts = [
        {
            "id": number * 10 + one,
            "name": f"Person {number}-{one}",
            "email": "a@b.example",
            "title": "",
            "employment_type": "Full Time",
            "active": True,
            "secondary_emails": "[]",
        }
        for one in range(3)
    ]
    tickets = [
        {
            "ticket_id": number * 10 + one,
            "ticket_number": f"19583{number}{one}",
            "subject": "No sound",
            "description": "<p>…</p>",
            "status": "closed",
            "priority": "low",
            "requester_email": "a@b.example",
            "requester_name": "A",
            "created_at": "2025-03-01T10:00:00Z",
            "last_updated_at": "2025-03-02T10:00:00.123456+00:00",
            "closed_at": "2025-03-02T10:00:00",
            "total_hours_spent": 0.9166666666666666,
            "conversations": [{"body": "…"}],
        }
        for one in range(3)
    ]
    return {"company": company, "assets": assets, "contacts": contacts, "tickets": tickets}


_PLAN = {
    "plan_name": "Gold",
    "support_level": "Gold",
    **{name: 19.9 for name in ENTITIES["plans"].schema.names if name.startswith(("per_", "backup_"))},
    "features": {"antivirus": "SentinelOne"},
    "feature_display_names": {"antivirus": "Antivirus"},
}
CODEX: dict[str, Any] = {
    "entries": [_entry(number) for number in range(3)],
    "plans": [{"id": years, "term_length": f"{years} Year"} | _PLAN for years in range(1, 4)],
}
CODEX_RECORDS: list[Path] = [
    ("entries", 1, "company"),
    ("entries", 1, "assets", 1),
    ("entries", 1, "contacts", 1),
    ("entries", 1, "tickets", 1),
    ("plans", 1),
]


def codex_answer(mutated: Mutated, seen: Seen, *, has_bulk: bool) -> bytes:
    path = unquote(urlsplit(seen.path).path)
    entries = mutated.tree["entries"]
    if path == "/service-token":
        return json.dumps({"token": jwt.encode({"exp": 2**33}, "k" * 32)}).encode()
    if path == "/billing-plans/api/plans":
        return mutated.json({"status": "success", "plans": mutated.tree["plans"]})
    if path == "/api/companies/bulk" and has_bulk:
        return mutated.json(entries)
    if path == "/api/companies":
        return mutated.json([entry["company"] for entry in entries])
    _, account, part = path.rsplit("/", 2)
    known = {
        json.dumps(entry["company"].get("account_number")): entry for entry in entries if _is_object(entry)
    }
    return mutated.json(known[json.dumps(account)][part])


def _is_object(entry: dict[str, Any]) -> bool:
    return isinstance(entry["company"], dict)
