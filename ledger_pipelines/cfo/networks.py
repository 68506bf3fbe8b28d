"""The networks of crypto payments by their usual names (rules/cfo_sync.md, Invoices and payments)."""

from __future__ import annotations

import re

from ledger_pipelines.errors import LedgerError

#: Each network as it is kept, with the words that name it.
_WORDS: dict[str, tuple[str, ...]] = {
    "BTC": ("btc", "xbt", "bitcoin", "segwit"),
    "ERC20": ("erc20", "eth", "ethereum", "ether"),
    "TRC20": ("trc20", "trx", "tron"),
    "BEP20": ("bep20", "bsc", "bnb"),
    "TAO": ("tao", "bittensor", "finney"),
    "Polygon": ("polygon", "matic", "pol"),
    "Solana": ("solana", "sol", "spl"),
    "Arbitrum": ("arbitrum", "arb"),
    "Optimism": ("optimism", "op"),
    "Avalanche": ("avalanche", "avax", "avaxc"),
    "Base": ("base",),
    "TON": ("ton",),
    "Litecoin": ("ltc", "litecoin"),
    "Bitcoin Cash": ("bch",),
    "Dogecoin": ("doge", "dogecoin"),
    "XRP": ("xrp", "ripple"),
    "Cardano": ("ada", "cardano"),
    "Monero": ("xmr", "monero"),
}
KNOWN = tuple(_WORDS)
_NETWORKS = {word: network for network, words in _WORDS.items() for word in words}
#: What stands beside a network's name and says nothing: `Ethereum Mainnet`, `Arbitrum One`, `AVAX C-Chain`.
_FILLING = frozenset(
    ("network", "mainnet", "chain", "blockchain", "smart", "the", "one", "c", "token", "native")
)
#: Coins that many networks carry: `USDT-TRC20`, `usdttrc20`.
_COINS = ("usdt", "usdc", "busd", "dai", "tether")
#: Names of several words, of which a single one would be another network.
_PHRASES = {"bitcoin cash": "bch", "binance smart chain": "bsc"}


def network_of(name: str) -> str:
    """The network that is meant by a name, whatever its spelling: `Tron(TRC20)` is TRC20.

    Raises LedgerError when it is unknown, or may be several.
    """
    text = " ".join(name.casefold().split())
    for phrase, word in _PHRASES.items():
        text = text.replace(phrase, word)
    text = re.sub(r"(?<=[a-z])[ ._-]+(?=[0-9])", "", text)
    words = [word for word in re.findall(r"[^\W_]+", text) if word not in _FILLING and word not in _COINS]
    found = {_network(word) for word in words}
    network = found.pop() if len(found) == 1 else None
    if network is None:
        raise LedgerError(f"{name!r} is no known network: name one of {', '.join(KNOWN)}.")
    return network


def _network(word: str) -> str | None:
    if word in _NETWORKS:
        return _NETWORKS[word]
    for coin in _COINS:
        bare = word.removeprefix(coin) if word.startswith(coin) else word.removesuffix(coin)
        if bare in _NETWORKS:
            return _NETWORKS[bare]
    return None
