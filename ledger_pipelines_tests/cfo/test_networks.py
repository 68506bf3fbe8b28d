"""Networks by their usual names, whatever the spelling."""

from __future__ import annotations

import pytest

from ledger_pipelines.cfo.networks import KNOWN, network_of
from ledger_pipelines.cfo.payments import required_confirmations
from ledger_pipelines.errors import LedgerError

NAMES = {
    "TRC20": [
        "TRC20",
        "TRC-20",
        "trc 20",
        "Tron(TRC20)",
        "TRX",
        "TRON",
        "USDT-TRC20",
        "usdttrc20",
        "Tron Network",
    ],
    "BEP20": ["BEP20(BSC)", "BSC", "bep-20", "Binance Smart Chain", "BNB Smart Chain (BEP20)", "USDT_BSC"],
    "ERC20": ["ETH", "ERC-20", "ERC20", "Ethereum Mainnet", " ethereum (ERC-20) ", "USDC-ERC20"],
    "BTC": ["BTC", "Bitcoin", "BTC (SegWit)"],
    "TAO": ["TAO", "Bittensor"],
    "Polygon": ["Polygon", "MATIC"],
    "Arbitrum": ["Arbitrum One"],
    "Avalanche": ["AVAX C-Chain", "AVAXC"],
    "Bitcoin Cash": ["Bitcoin Cash", "BCH"],
}


@pytest.mark.parametrize(("network", "name"), [(one, name) for one, names in NAMES.items() for name in names])
def test_a_network_is_known_by_its_usual_names(network: str, name: str) -> None:
    assert network_of(name) == network


@pytest.mark.parametrize("network", KNOWN)
def test_a_network_as_it_is_kept_is_known_again(network: str) -> None:
    assert network_of(network.lower()) == network


@pytest.mark.parametrize(
    "name", ["TRC21", "Omni", "", " ", "USDT", "TRC20/ERC20", "BEP2", "network", "🙂", "TRC200"]
)
def test_an_unknown_or_doubtful_one_is_refused_with_the_known(name: str) -> None:
    with pytest.raises(LedgerError, match=r"is no known network: name one of BTC, ERC20, TRC20, BEP20, TAO"):
        network_of(name)


@pytest.mark.parametrize(
    ("name", "needed"), [("Tron(TRC20)", 20), ("BEP20(BSC)", 15), ("ETH", 12), ("MATIC", 6)]
)
def test_the_spelling_does_not_change_the_confirmations_of_usdt(name: str, needed: int) -> None:
    assert required_confirmations("USDT", name) == needed
