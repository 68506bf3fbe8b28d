"""How to get into a sandbox: where its systems answer, their keys, tokens and passwords. They open nothing else.

The sandbox is on loopback and holds invented records only, so these are names rather than secrets.
"""

from __future__ import annotations

#: The header `key` of Holded.
HOLDED_API_KEY = "holded-sandbox-key"
#: The key of an account that has not paid: Holded answers 402.
HOLDED_BLOCKED_KEY = "holded-blocked-key"

#: A token of 4Geeks that never expires, unlike those that a login gives.
FOURGEEKS_TOKEN = "5a17d1b09c3e4f6a8b2d7c90e1f34a56789bcdef"  # noqa: S105 - it opens invented records only
FOURGEEKS_EMAIL = "ledger@school.example"
FOURGEEKS_PASSWORD = "sandbox-password"  # noqa: S105 - it opens invented records only
#: The one academy that the school's login may see.
FOURGEEKS_ACADEMY = 6

NOTION_TOKEN = "ntn_sandbox"  # noqa: S105 - it opens invented records only
NOTION_DATABASE_ID = "1f0c9a52-7d3e-4b68-9e21-6a5b4c3d2e1f"
NOTION_DATA_SOURCE_ID = "8c4e2b17-05a9-4f3d-b6c8-2d1e0f9a8b7c"
#: Where each of the school's systems answers.
HOLDED_PATH, FOURGEEKS_PATH, NOTION_PATH = "/holded/api/invoicing/v1", "/4geeks/v1", "/notion/v1"


def environment(base_url: str) -> dict[str, str]:
    """The variables with which the ledger reads from the sandbox at `base_url`, by their names."""
    return {
        "CORE_URL": f"{base_url}/core",
        "CODEX_URL": f"{base_url}/codex",
        "HOLDED_URL": base_url + HOLDED_PATH,
        "HOLDED_API_KEY": HOLDED_API_KEY,
        "FOURGEEKS_URL": base_url + FOURGEEKS_PATH,
        "FOURGEEKS_EMAIL": FOURGEEKS_EMAIL,
        "FOURGEEKS_PASSWORD": FOURGEEKS_PASSWORD,
        "FOURGEEKS_ACADEMY": str(FOURGEEKS_ACADEMY),
        "NOTION_URL": base_url + NOTION_PATH,
        "NOTION_TOKEN": NOTION_TOKEN,
        "NOTION_DATABASE_ID": NOTION_DATABASE_ID,
    }
