"""Whoever tries identities in transactions, which dry runs answer at once, is told "not there" of what is another's.

Every message of a day is sent by its own signers and by others in their names, with each object that they may not see
in the place of one that it names, and with one that does not exist: it must not matter which of them it is. What an
effect cannot but show stands in a table.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from counterfoil.custody.signers import SandboxKey
from counterfoil.modules.approvals.records import PROPOSALS
from counterfoil.modules.cash.records import REDEMPTIONS
from counterfoil.modules.grants.records import GRANTS
from counterfoil.modules.holdings.records import ACCOUNTS, EARMARKS, AccountKind
from counterfoil.modules.parties.records import PARTIES
from counterfoil.modules.settlement.records import BATCHES, INSTRUCTIONS
from counterfoil.modules.trades.life import terms_of
from counterfoil.modules.trades.messages import RecordTrade
from counterfoil.modules.trades.records import TRADES
from counterfoil.node.reads_base import policy_of
from counterfoil.policy.policy import ANYBODY
from counterfoil.policy.subjects import (
    AccountContents,
    Business,
    PartyName,
    PendingProposal,
    Side,
    Subject,
    ViewGrant,
)
from counterfoil.primitives.codec import Message
from counterfoil.state.tables import Table
from tests.model.desk import Desk, own, party
from tests.model.opening import Opening
from tests.model.samples import samples

TELLS = {"Allot": "whether the owner of an account underwrites: the rule is about that"}
"""Messages whose refusal says more of an account than that it is there, and what."""


def exchanged(value: Any, old: bytes, new: bytes) -> Any:
    """A message with one identity in the place of another wherever it names that."""
    if isinstance(value, tuple):
        return tuple([exchanged(part, old, new) for part in value])
    if isinstance(value, msgspec.Struct):
        fields = {name: exchanged(getattr(value, name), old, new) for name in value.__struct_fields__}
        return replace(value, **fields)
    return new if value == old else value


def named(value: Any) -> Iterator[bytes]:
    """Everything in bytes that a message says."""
    if isinstance(value, bytes):
        yield value
    parts = value if isinstance(value, tuple) else ()
    if isinstance(value, msgspec.Struct):
        parts = tuple([getattr(value, name) for name in value.__struct_fields__])
    for part in parts:
        yield from named(part)


Kind = Table[Any]
KINDS: tuple[Kind, ...] = (
    *(ACCOUNTS, PARTIES, INSTRUCTIONS, TRADES, EARMARKS, REDEMPTIONS, PROPOSALS, GRANTS, BATCHES),
)
ALSO_TELLS: dict[tuple[str, str], str] = {
    # (field, kind) → why its acceptance shows that the object is there
    (
        "account_id",
        "accounts",
    ): "whoever credits an account, by order, by minting or by allotting, names it as its owner did",
    ("beneficiary", "parties"): "what is set aside for somebody is told to it",
    ("counterparty", "parties"): "an instruction waits for its other side, and would wait for nobody",
    ("seller", "parties"): "the same of a trade",
    ("buyer", "parties"): "the same",
    ("party", "parties"): "an authority certifies whom it was shown",
}
ALSO_TOLD_BY = {
    "account_id": ("Mint", "Allot"),
    "beneficiary": ("PlaceEarmark",),
    "counterparty": ("Instruct", "InstructWithNote"),
    "seller": ("RecordTrade",),
    "buyer": ("RecordTrade",),
    "party": ("RecordCertificate",),
}
"""Field → the messages whose acceptance shows it."""
OUTSIDERS = ("broker-b", "investor-b", "issuer-b", "trustee", "auditor")


class Probe:
    """A day at its end, and what each party may see of it, by the policy that every read asks."""

    def __init__(self) -> None:
        self.opening = Opening().everything()
        self.desk = self.opening.desk
        self.desk.pass_time()
        self.state, self.wired = self.desk.machine.state, self.desk.machine.wired
        self.policy = policy_of(self.desk.node)

    def acting(self, keys: tuple[SandboxKey, ...]) -> list[bytes]:
        speaks_for = self.wired.parties.speaks_for
        return [p for p in self.state.keys(PARTIES) if any(speaks_for(p, key.address) for key in keys)]

    def live(self, kind: Kind) -> list[bytes]:
        return [key for key in self.state.keys(kind) if self.state.find(kind, key) is not None]

    def hidden(self, kind: Kind, keys: tuple[SandboxKey, ...]) -> list[bytes]:
        """Objects of a kind that none of those for whom these keys speak may see."""
        acting = self.acting(keys) or [ANYBODY]
        return [key for key in self.live(kind) if not any(self.may_see(one, kind, key) for one in acting)]

    def may_see(self, viewer: bytes, kind: Kind, key: bytes) -> bool:
        found = self.state.find(kind, key)
        if kind is ACCOUNTS and (found.kind is AccountKind.ISSUANCE or self.pays_for(viewer, key)):
            return True  # terms name it, or the record of an account that the viewer sees
        return any(
            self.policy.may_see(viewer, subject) for subject in self.subjects(kind, key, found)
        ) or viewer in self.named_by(kind, found)

    def pays_for(self, viewer: bytes, cash: bytes) -> bool:
        """Whether an account that the viewer may see names this one as where its money goes."""
        named_in = [
            key for key in self.live(ACCOUNTS) if self.state.find(ACCOUNTS, key).default_cash_account == cash
        ]
        return any(self.policy.may_see(viewer, AccountContents(key)) for key in named_in)

    def named_by(self, kind: Kind, found: Any) -> tuple[bytes, ...]:
        """Parties to which an object was told by its own record."""
        if kind is EARMARKS:
            return (found.owner,)
        if kind is REDEMPTIONS:
            return (self.wired.instruments.require(found.token).issuer,)
        return (found.party,) if kind is BATCHES else ()

    def subjects(self, kind: Kind, key: bytes, found: Any) -> tuple[Subject, ...]:
        if kind is ACCOUNTS:
            return (AccountContents(key),)
        if kind is PARTIES:
            return (PartyName(key),)
        if kind is INSTRUCTIONS:
            return (Business((Side(found.party, found.account),), found.market),)
        if kind is TRADES:
            terms = terms_of(self.wired.rules[RecordTrade][1], key, found)
            sides = (Side(terms.seller, terms.seller_client), Side(terms.buyer, terms.buyer_client))
            return (Business(sides, terms.venue),)
        if kind is EARMARKS or kind is REDEMPTIONS:
            return (AccountContents(found.account_id),)
        if kind is PROPOSALS:
            return (PendingProposal(found.signers),)
        if kind is GRANTS:
            return (ViewGrant(found.grantor, found.grantee, self.wired.grants.concerned(found)),)
        return ()

    def tries(self) -> Iterator[tuple[Message, tuple[SandboxKey, ...]]]:
        """Every message of the day by its own signers, and by outsiders who put themselves in their place."""
        for message, keys in samples(self.opening):
            yield message, keys
            mine = set(self.acting(keys))
            for name in OUTSIDERS:
                signs, changed = own(name), message
                for one in dict.fromkeys(named(message)):
                    if one in mine:
                        changed = exchanged(changed, one, party(name))
                yield changed, signs
                yield message, signs


def fields_of(value: Any, wanted: bytes, where: str = "") -> Iterator[str]:
    """The names of the fields in which a message says something."""
    if isinstance(value, tuple):
        for part in value:
            yield from fields_of(part, wanted, where)
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from fields_of(getattr(value, name), wanted, name)
    elif value == wanted:
        yield where


@pytest.mark.slow
def test_what_is_not_there_and_what_is_not_ones_own_are_refused_alike() -> None:
    probe = Probe()
    told: dict[tuple[str, str, str], set[tuple[tuple[str, ...], tuple[str, ...]]]] = {}
    compared: dict[str, set[str]] = {kind.name: set() for kind in KINDS}
    live = {kind.name: set(probe.live(kind)) for kind in KINDS}
    for message, keys in probe.tries():
        name = type(message).__name__
        for identity in dict.fromkeys(named(message)):
            for kind in KINDS:
                if identity not in live[kind.name]:
                    continue
                fields = sorted(set(fields_of(message, identity)))
                absent = answer(probe.desk, exchanged(message, identity, b"\x99" * len(identity)), keys)
                for other in probe.hidden(kind, keys):
                    compared[kind.name].add(name)
                    found = answer(probe.desk, exchanged(message, identity, other), keys)
                    if found != absent:
                        told.setdefault((name, ",".join(fields), kind.name), set()).add((absent, found))
    unexpected = {
        (name, fields, kind): answers
        for (name, fields, kind), answers in told.items()
        if not any((field, kind) in ALSO_TELLS and name in ALSO_TOLD_BY[field] for field in fields.split(","))
    }
    assert not unexpected, unexpected
    for field, kind in ALSO_TELLS:
        for name in ALSO_TOLD_BY[field]:
            shown = [one for one in told if one[0] == name and field in one[1].split(",") and one[2] == kind]
            assert shown, f"{name}.{field} tells nothing any more: take it out of the table"
    for kind in KINDS:
        assert compared[kind.name], f"no message was tried with {kind.name}"
    assert len(set().union(*compared.values())) > 60


def answer(desk: Desk, message: Message, keys: tuple[SandboxKey, ...]) -> tuple[str, ...]:
    return tuple(rejected.code.name for rejected in desk.try_out(message, *keys).rejects)


def test_it_does_not_matter_which_hidden_account_a_message_names() -> None:
    probe = Probe()
    desk = probe.desk
    compared: set[str] = set()
    told: dict[str, set[tuple[str, ...]]] = {}
    for message, keys in samples(probe.opening):
        name, accounts = type(message).__name__, set(desk.machine.state.keys(ACCOUNTS))
        hidden = probe.hidden(ACCOUNTS, keys)
        for mine in [one for one in dict.fromkeys(named(message)) if one in accounts]:
            answers = {answer(desk, exchanged(message, mine, other), keys) for other in hidden}
            compared.update([name] if len(hidden) > 1 else [])
            if len(answers) > 1:
                told.setdefault(name, set()).update(answers)
    assert told.keys() == TELLS.keys(), told
    assert len(compared) >= 14, compared
