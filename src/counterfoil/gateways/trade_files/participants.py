"""Who bought and who sold, where a file does not say: a rule that gives every row the same pair for ever."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from itertools import accumulate

BROKERS_MAX = 1_000
CLIENTS_PER_BROKER_MAX = 100_000
"""Named so that a mistyped number does not fill the memory with weights."""

WEIGHT_OF_FIRST = 720_720
"""Divisible by 1 to 16, so that the weights of the first sixteen are exact: 720720, 360360, 240240, 180180 …"""

_PURPOSE = b"counterfoil/participants/1:"


@dataclass(frozen=True, slots=True)
class Assignment:
    """Buyer and seller of one trade; the accounts are those of their clients, or None for brokers' own."""

    buyer: str
    seller: str
    buyer_account: str | None
    seller_account: str | None


class Participants:
    """The brokers to assign, each with clients numbered from one.

    The rule. Let H be SHA-256 of "counterfoil/participants/1:" and the row reference, read as four big-endian
    64-bit numbers h0 … h3. The k-th broker in the list (from 1) weighs 720720 div k, and so does the k-th client
    of a broker, so that the first are the biggest (Zipf's law in whole numbers). One broker is picked with h0
    modulo the sum of all weights; another with h1 modulo the sum of the other brokers' weights, in list order.
    If the lowest bit of h2 is 0 the first one bought, else the second. Their clients are picked with h2 div 2
    (the buyer's) and h3 (the seller's) modulo the sum of the clients' weights. A remainder of a 64-bit number
    favours no participant by more than one part in 2^34.
    """

    def __init__(self, brokers: Sequence[str], clients_per_broker: int = 0) -> None:
        """Errors: ValueError for fewer than two brokers, repeated or empty names, or numbers out of range."""
        self.brokers = tuple(brokers)
        self.clients_per_broker = clients_per_broker
        if not 2 <= len(self.brokers) <= BROKERS_MAX:
            raise ValueError(f"a trade needs two parties: give 2 to {BROKERS_MAX} brokers")
        if len(frozenset(self.brokers)) != len(self.brokers) or not all(self.brokers):
            raise ValueError("each broker needs a name of its own")
        if not 0 <= clients_per_broker <= CLIENTS_PER_BROKER_MAX:
            raise ValueError(f"a broker has 0 to {CLIENTS_PER_BROKER_MAX} clients")
        self._broker_weights = weights(len(self.brokers))
        self._broker_sums = tuple(accumulate(self._broker_weights))
        self._client_sums = tuple(accumulate(weights(clients_per_broker)))

    def assign(self, row_reference: str) -> Assignment:
        """The pair of one row. The same reference and the same lists always give the same pair."""
        hashed = sha256(_PURPOSE + row_reference.encode()).digest()
        numbers = [int.from_bytes(hashed[at : at + 8], "big") for at in (0, 8, 16, 24)]
        one = bisect_right(self._broker_sums, numbers[0] % self._broker_sums[-1])
        other = self._other_than(one, numbers[1])
        buyer, seller = (other, one) if numbers[2] & 1 else (one, other)
        return Assignment(
            self.brokers[buyer],
            self.brokers[seller],
            self._client(buyer, numbers[2] >> 1),
            self._client(seller, numbers[3]),
        )

    def accounts(self, broker: str) -> tuple[str, ...]:
        """All client accounts that `assign` may give to a broker, in order; empty where brokers have no clients."""
        return tuple(client_account(broker, number) for number in range(1, self.clients_per_broker + 1))

    def _other_than(self, one: int, number: int) -> int:
        weight = self._broker_weights[one]
        point = number % (self._broker_sums[-1] - weight)
        if point >= self._broker_sums[one] - weight:
            point += weight
        return bisect_right(self._broker_sums, point)

    def _client(self, broker: int, number: int) -> str | None:
        if not self._client_sums:
            return None
        return client_account(
            self.brokers[broker], 1 + bisect_right(self._client_sums, number % self._client_sums[-1])
        )


def weights(count: int) -> tuple[int, ...]:
    """The weights of the first, second, … of `count`: Zipf's law in whole numbers, never less than 1."""
    return tuple(max(1, WEIGHT_OF_FIRST // rank) for rank in range(1, count + 1))


def client_account(broker: str, number: int) -> str:
    """The name of a broker's client account: `BROKER-C0001`."""
    return f"{broker}-C{number:04d}"


def assign(row_reference: str, brokers: tuple[str, ...], clients_per_broker: int) -> Assignment:
    """`Participants(brokers, clients_per_broker).assign(row_reference)`, with the lists remembered."""
    return _participants(brokers, clients_per_broker).assign(row_reference)


@lru_cache(maxsize=8)
def _participants(brokers: tuple[str, ...], clients_per_broker: int) -> Participants:
    return Participants(brokers, clients_per_broker)
