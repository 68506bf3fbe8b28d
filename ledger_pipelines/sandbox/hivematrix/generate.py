"""The invented world: every company of it, drawn from the seed in blocks.

Blocks keep memory flat at 10,000 companies and make the first companies of a large world those of a small
one, up to the numbers that run through it.
"""

from __future__ import annotations

import numpy as np

from ledger_pipelines.sandbox.config import SandboxConfig
from ledger_pipelines.sandbox.hivematrix.catalogue import billing_plans, feature_options
from ledger_pipelines.sandbox.hivematrix.devices import draw_assets
from ledger_pipelines.sandbox.hivematrix.directory import draw_companies
from ledger_pipelines.sandbox.hivematrix.people import draw_contacts, draw_locations
from ledger_pipelines.sandbox.hivematrix.tickets import HISTORY_YEARS, draw_tickets
from ledger_pipelines.sandbox.hivematrix.world import Company, World, serialised

_BLOCK = 500


def generate(config: SandboxConfig) -> World:
    """The world that `config` describes: the same bytes for the same settings.

    It has exactly `companies` times the average of assets, contacts and (for each of two years) tickets; how
    they are divided among the companies is drawn. One contact more stands under each second of 40 companies.
    """
    companies: list[Company] = []
    next_id = {"asset": 1, "contact": 1, "location": 1, "ticket": 1}
    for first in range(0, config.companies, _BLOCK):
        positions = range(first, min(first + _BLOCK, config.companies))
        companies.extend(_block(config, positions, next_id))
    return World(companies, billing_plans(), feature_options())


def _block(config: SandboxConfig, positions: range, next_id: dict[str, int]) -> list[Company]:
    rng = np.random.default_rng([config.seed, positions.start])
    owners = draw_companies(rng, positions, seed=config.seed, total=config.companies, until=config.until)
    size = len(owners)
    asset_counts = _divide(rng, size, config.assets_per_company)
    contact_counts = _divide(rng, size, config.contacts_per_company)
    ticket_counts = _divide(rng, size, config.tickets_per_company * HISTORY_YEARS)

    assets = draw_assets(rng, owners, asset_counts, first_id=next_id["asset"], until=config.until)
    all_assets = list(assets)
    contacts = list(draw_contacts(rng, owners, contact_counts, first_id=next_id["contact"]))
    locations = draw_locations(rng, owners, first_id=next_id["location"])
    tickets = draw_tickets(rng, contacts, ticket_counts, first_id=next_id["ticket"], until=config.until)
    companies = [
        Company(
            owner.record["account_number"],
            serialised(owner.record),
            own_assets,
            [contact.row for contact in own_contacts],
            own_locations,
            own_tickets,
            days,
        )
        for owner, own_assets, own_contacts, own_locations, (own_tickets, days) in zip(
            owners, all_assets, contacts, locations, tickets, strict=True
        )
    ]
    next_id["asset"] += sum(asset_counts)
    next_id["contact"] += sum(contact_counts)
    next_id["location"] += sum(map(len, locations))
    next_id["ticket"] += sum(ticket_counts)
    return companies


def _divide(rng: np.random.Generator, companies: int, average: int) -> list[int]:
    """`companies` times `average` things among companies of unlike size; a few may get none."""
    sizes = rng.gamma(4.0, 1.0, companies)
    counts: list[int] = rng.multinomial(companies * average, sizes / sizes.sum()).tolist()
    return counts
