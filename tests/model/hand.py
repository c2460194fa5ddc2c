"""Choosing: parties, accounts, quantities and signers, mostly such that a message is accepted, sometimes not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from random import Random
from typing import Any, TypeVar

import msgspec

from counterfoil.custody.signers import SandboxKey
from counterfoil.machine.transactions import Signature, Transaction
from counterfoil.modules.parties.records import PartyStatus, Role
from counterfoil.node.personas import PERSONAS
from counterfoil.primitives.codec import Message, encode
from tests.model.desk import SECRETS, by, own
from tests.model.opening import SEVEN, Opening, consensus_key, stranger
from tests.model.settlement_model import SettlementModel
from tests.model.twin import Twin

T = TypeVar("T")
Move = tuple[Message, tuple[bytes, ...]]
"""A message, and the addresses that sign it."""
SIGNERS_MAX = 10
STRANGERS = tuple(stranger(f"key {number}") for number in range(24))


class Hand:
    """One player of the whole market. `chance` decides everything."""

    def __init__(self, opening: Opening) -> None:
        assert isinstance(opening.desk, Twin)
        self.opening = opening
        self.twin: Twin = opening.desk
        self.model: SettlementModel = self.twin.model
        self.chance = Random(0)
        self.counter = 0
        known = [
            *STRANGERS,
            stranger("applicant"),
            stranger("clerk"),
            stranger("holder"),
            stranger("registrar"),
        ]
        known += [SandboxKey("node", SECRETS.sealer)]
        known += [SandboxKey(f"node {number}", bytes([number]) * 32) for number in range(1, 4)]
        known += [stranger(name) for name in ("admitted", "suspended", "leaving", "doomed", "somebody")]
        for card in PERSONAS:
            known += [*by(card.name), *own(card.name)]
        self.keys: dict[bytes, SandboxKey] = {key.public_key: key for key in known}
        self.addresses: dict[bytes, SandboxKey] = {key.address: key for key in known}
        validating = [consensus_key(name) for name in SEVEN]
        self.consensus: dict[bytes, SandboxKey] = {key.public_key: key for key in validating}

    # Choosing

    def often(self, share: float = 0.9) -> bool:
        return self.chance.random() < share

    def pick(self, values: Iterable[T]) -> T | None:
        listed = list(values)
        return self.chance.choice(listed) if listed else None

    def one_of(self, *values: T) -> T:
        return self.chance.choice(values)

    def key_of(
        self, table: int, fits: Callable[[Any], bool] = lambda item: True, share: float = 0.9
    ) -> bytes:
        """The key of a record that fits, of any record, or of none at all."""
        items = self.model.tables[table]
        fitting = [key for key, item in items.items() if fits(item)]
        if fitting and self.often(share):
            return self.chance.choice(fitting)
        if items and self.often(0.8):
            return self.chance.choice(list(items))
        return self.one_of(b"", bytes(20), bytes(32), b"\xff" * 20)

    def fresh(self, prefix: str) -> str:
        """A reference that was not used yet; now and then one that may have been."""
        self.counter += 1
        return f"{prefix}{self.counter if self.often(0.93) else self.chance.randrange(self.counter)}"

    def party_with(self, *roles: Role, share: float = 0.93) -> bytes:
        def fits(party: Any) -> bool:
            return bool(set(party.roles) & set(roles)) and party.status is PartyStatus.ACTIVE

        return self.key_of(20, fits, share)

    def quantity(self, there: int) -> int:
        """Of something of which so much is there."""
        return self.one_of(
            *(1, 2, 10, 20, 50, 100, there // 2, there // 2, there),
            *(self.chance.choice((0, -1, there + 1, 3 * there, 2**63 - 1, 2**63)),),
        )

    def amount(self, there: int) -> int:
        return max(1, self.quantity(there)) if self.often(0.93) else self.quantity(there)

    def text(self, good: str) -> str:
        return good if self.often(0.95) else self.one_of("", " ", "x" * 300, "tab\t", "é")

    def hash(self) -> bytes:
        return self.chance.randbytes(32) if self.often(0.96) else self.one_of(b"", bytes(20), bytes(33))

    def date(self, market: str = "XTST", *, later: int = 0) -> int:
        """A business date: today of a market or some days on."""
        found = self.model.tables[30].get(market.encode())
        day = found.business_date if found is not None else 20240102
        for _ in range(later):
            day = self.model.next_day(market, day) or day
        return day if self.often(0.95) else self.one_of(0, 20240230, 20231229, 20240106, 20350101, day + 1)

    def market(self) -> str:
        codes = [key.decode() for key in self.model.tables[30]]
        return self.one_of("XTST", "XTST", *codes) if self.often(0.97) else self.one_of("XXXX", "", "xtst")

    # Signing

    def speakers(self, party_id: bytes) -> tuple[bytes, ...]:
        """Who may act for a party: all of them, some of them, or somebody else."""
        party = self.model.tables[20].get(party_id)
        if party is None:
            return (self.chance.choice(STRANGERS).address,)
        users = [key[20:] for key in self.model.tables[22] if key[:20] == party_id]
        everybody = [party.signer, *users] if party.signer else users
        known = [address for address in everybody if self.is_known(address)]
        if not known or not self.often(0.96):
            return (self.chance.choice(STRANGERS).address,)
        if self.often(0.85):
            return tuple(known[:SIGNERS_MAX])
        return tuple(self.chance.sample(known, self.chance.randrange(1, len(known) + 1)))[:SIGNERS_MAX]

    def is_known(self, address: bytes) -> bool:
        signer = self.model.tables[21].get(address)
        return (
            address in self.addresses if signer is None else all(k in self.keys for k in signer.policy.keys)
        )

    def disposers(self, account_id: bytes) -> tuple[bytes, ...]:
        """Who disposes of an account."""
        account = self.model.tables[51].get(account_id)
        if account is None:
            return (self.chance.choice(STRANGERS).address,)
        owner = self.model.tables[20][account.owner]
        ways: list[tuple[bytes, ...]] = []
        if owner.signer or any(key[:20] == account.owner for key in self.model.tables[22]):
            ways.append(self.speakers(account.owner))
        if account.servicer_instructs:
            ways.append(self.speakers(account.servicer))
        signers = tuple(one for one in account.signers if self.is_known(one))
        if signers:
            ways.append(signers)
        return self.chance.choice(ways) if ways else self.speakers(account.owner)

    @staticmethod
    def together(*groups: Sequence[bytes]) -> tuple[bytes, ...]:
        return tuple(dict.fromkeys(address for group in groups for address in group))[:16]

    def signatures(self, addresses: tuple[bytes, ...]) -> list[tuple[int, SandboxKey]]:
        """(position, key) by the keys in force, now and then one too few."""
        found: list[tuple[int, SandboxKey]] = []
        for at, address in enumerate(addresses):
            signer = self.model.tables[21].get(address)
            if signer is None:
                keys = [self.addresses[address]]
            else:
                keys = [self.keys[key] for key in signer.policy.keys][: signer.policy.threshold]
            found += [(at, key) for key in keys]
        if found and not self.often(0.98):
            found.pop(self.chance.randrange(len(found)))
        return found

    def sign(self, messages: Sequence[Message], addresses: tuple[bytes, ...], **more: Any) -> bytes:
        addresses = addresses or (STRANGERS[0].address,)
        body = self.twin.body(messages, addresses, **more)
        raw = self.twin.signed_for(body, *self.signatures(addresses))
        return raw if self.often(0.99) else self.spoiled(raw)

    def spoiled(self, raw: bytes) -> bytes:
        """With a signature that is wrong, or bytes that are no transaction."""
        transaction = msgspec.msgpack.decode(raw, type=Transaction)
        if not transaction.signatures or self.often(0.5):
            return raw[:-1]
        first, *rest = transaction.signatures
        wrong = Signature(first.signer, first.key, first.signature[::-1])
        return encode(Transaction(transaction.body, (wrong, *rest)))
