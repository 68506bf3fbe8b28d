"""Invented companies: who they are, which plan they are on, since when.

Here: the company record. Not here: its devices, people and tickets (their own modules).
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from ledger_pipelines.sandbox.hivematrix.catalogue import PLAN_SHARES, SUPPORT_LEVELS, TERMS
from ledger_pipelines.sandbox.hivematrix.names import COUNTRIES, NOTABLE_COMPANIES, Country
from ledger_pipelines.sandbox.hivematrix.world import Record

#: From this many companies on, the special cases below are among them.
_SPECIAL_FROM = 12
#: Position of a company → what is special about its plan or term.
_SPECIAL: dict[int, Record] = {
    2: {"billing_plan": "Inactive"},
    4: {"billing_plan": "Legacy Gold"},
    6: {"billing_plan": None, "support_level": None},
    8: {"billing_plan": "Managed Devices", "contract_term_length": "", "contract_end_date": None},
    9: {"billing_plan": "Complete & Secure", "contract_term_length": "1-Year"},
    10: {"billing_plan": "Essential Care", "contract_term_length": None},
}
_RAW_TERMS = (TERMS[:1], ("1 Year", "1 Year", "1 year", "1-Year"), ("2 Year", "2 Year", "2-Year"), TERMS[3:])


@dataclass(frozen=True, slots=True)
class Identity:
    """What the records of a company have in common."""

    position: int
    country: Country
    domain: str
    record: Record


def account_number(seed: int, position: int) -> str:
    """Six digits, unlike for every position below 900,000."""
    # The step has no factor in common with 900,000, so it visits every number once.
    return str(100_000 + (seed * 7_919 + 13_577 + position * 561_239) % 900_000)


def slug(text: str) -> str:
    """`text` in lower-case ASCII letters and digits, as a mail address can carry it."""
    folded = text.translate(str.maketrans("ŁłØøÅåÆæß", "LlOoAaAas"))
    ascii_text = unicodedata.normalize("NFKD", folded).encode("ascii", "ignore").decode()
    return "".join(letter for letter in ascii_text.lower() if letter.isalnum())


def draw_companies(
    rng: np.random.Generator, positions: range, *, seed: int, total: int, until: date
) -> list[Identity]:
    """The companies at `positions` of `total`, drawn from `rng`."""
    size = len(positions)
    countries = rng.choice(len(COUNTRIES), size, p=[0.45, 0.15, 0.12, 0.12, 0.08, 0.08])
    plans = rng.choice(len(PLAN_SHARES), size, p=[share / 100 for _, share in PLAN_SHARES])
    draws = rng.random((size, 12))
    identities = []
    for row, position in enumerate(positions):
        country = COUNTRIES[countries[row]]
        draw = [float(value) for value in draws[row]]
        name = _name(country, position, draw)
        domain = f"{slug(name)[:18] or 'client'}{position}.example"
        plan = PLAN_SHARES[plans[row]][0]
        record = _company(country, position, name=name, domain=domain, plan=plan, draw=draw, until=until)
        record["account_number"] = account_number(seed, position)
        if total >= _SPECIAL_FROM:
            record |= _SPECIAL.get(position, {})
        identities.append(Identity(position, country, domain, record))
    return identities


def _pick(choices: tuple[str, ...], draw: float) -> str:
    return choices[int(draw * len(choices))]


def _name(country: Country, position: int, draw: list[float]) -> str:
    if position < len(NOTABLE_COMPANIES):
        return NOTABLE_COMPANIES[position]
    words = (_pick(country.places, draw[0]), _pick(country.trades, draw[1]), _pick(country.forms, draw[2]))
    return " ".join(word for word in words if word)


def _company(
    country: Country, position: int, *, name: str, domain: str, plan: str, draw: list[float], until: date
) -> Record:
    years = int(draw[3] * 4)
    start = until - timedelta(days=int(draw[4] * 365 * 5))
    end = start + timedelta(days=365 * years - 1) if years and draw[5] < 0.8 else None
    domains = f'["{domain}"]' if draw[6] < 0.7 else f'["{domain}", "mail.{domain}"]'
    charity = plan == "Non-Profit Care"
    return {
        "account_number": "",
        "billing_plan": plan,
        "company_main_number": f"{country.phone}{100 + position % 100:03d}" if draw[7] < 0.75 else None,
        "company_start_date": start.replace(month=3, day=1).isoformat() if draw[7] < 0.65 else None,
        "compliance_level": "hipaa" if draw[8] < 0.05 else "cjis" if draw[8] < 0.08 else "standard",
        "contract_end_date": end.isoformat() if end else None,
        "contract_start_date": start.isoformat() + ("T00:00:00Z" if draw[9] < 0.3 else ""),
        "contract_term_length": _pick(_RAW_TERMS[years], draw[10]),
        "description": f"Managed since {start.year}. On site weekdays." if draw[5] < 0.35 else None,
        "domains": domains if draw[6] < 0.9 else None,
        "email_system": "Microsoft 365" if draw[11] < 0.6 else "Google Workspace",
        "name": name,
        "phone_system": "RingCentral" if draw[11] < 0.35 else "Teams" if draw[11] < 0.7 else None,
        "profit_or_non_profit": "Non-Profit" if charity else "For Profit",
        "support_level": SUPPORT_LEVELS[plan],
    }
