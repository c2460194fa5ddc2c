"""Whoever tries identities in transactions, which dry runs answer at once, learns at most which of them exist.

Every message of a day is tried with each account that its signers may not see, and that terms do not name to everybody,
in the place of one that it names: it must not matter which of them it is. Identities are digests, and are not guessed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec.structs import replace

from counterfoil.custody.signers import SandboxKey
from counterfoil.modules.holdings.records import ACCOUNTS, AccountKind
from counterfoil.modules.parties.records import PARTIES
from counterfoil.node.reads_base import policy_of
from counterfoil.policy.subjects import AccountContents
from counterfoil.primitives.codec import Message
from tests.model.desk import Desk
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


def hidden_from(desk: Desk, keys: tuple[SandboxKey, ...]) -> list[bytes]:
    """Accounts that none of the parties for which these keys speak may see."""
    state, parties, policy = desk.machine.state, desk.machine.wired.parties, policy_of(desk.node)
    signers = [key.address for key in keys]
    acting = [
        party for party in state.keys(PARTIES) if any(parties.speaks_for(party, one) for one in signers)
    ]
    found = []
    for account in state.keys(ACCOUNTS):
        record = state.find(ACCOUNTS, account)
        seen = any(policy.may_see(party, AccountContents(account)) for party in acting)
        if record is not None and record.kind is not AccountKind.ISSUANCE and not seen:
            found.append(account)
    return found


def answer(desk: Desk, message: Message, keys: tuple[SandboxKey, ...]) -> tuple[str, ...]:
    return tuple(rejected.code.name for rejected in desk.try_out(message, *keys).rejects)


def test_it_does_not_matter_which_hidden_account_a_message_names() -> None:
    opening = Opening().everything()
    desk = opening.desk
    desk.pass_time()
    compared: set[str] = set()
    told: dict[str, set[tuple[str, ...]]] = {}
    for message, keys in samples(opening):
        name, accounts = type(message).__name__, set(desk.machine.state.keys(ACCOUNTS))
        hidden = hidden_from(desk, keys)
        for own in [one for one in dict.fromkeys(named(message)) if one in accounts]:
            answers = {answer(desk, exchanged(message, own, other), keys) for other in hidden}
            compared.update([name] if len(hidden) > 1 else [])
            if len(answers) > 1:
                told.setdefault(name, set()).update(answers)
    assert told.keys() == TELLS.keys(), told
    assert len(compared) >= 14, compared
