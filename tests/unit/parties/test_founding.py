"""Founding the first parties from the genesis file's section."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from counterfoil.modules import parties
from counterfoil.modules.module import ActionContext, BlockContext
from counterfoil.modules.parties import PartiesGenesis, found, invariants
from counterfoil.modules.parties.books import PartiesBooks
from counterfoil.modules.parties.interface import Duty, Parties, PartyStatus, Role
from counterfoil.primitives.addresses import address_of_policy
from counterfoil.state.state import State
from counterfoil.state.tables import LINKS
from counterfoil.state.window import Window
from counterfoil.storage.memory_store import MemoryStore
from tests.unit.parties.world import LEI, NOW_MS, by, key_of


def hex_key(name: str) -> str:
    return key_of(name).public_key.hex()


def section(**changes: Any) -> dict[str, Any]:
    """The section as the genesis file has it, with changes to the broker's entry."""
    broker = {
        "name": "broker",
        "roles": ["securities_company"],
        "sponsor": "regulator",
        "lei": LEI,
        "signer": {"keys": [hex_key("broker")]},
    }
    return {
        "parties": [
            {"name": "regulator", "roles": ["regulator"], "signer": {"keys": [hex_key("regulator")]}},
            {
                "name": "depository",
                "roles": ["operator", "depository"],
                "sponsor": "regulator",
                "signer": {"keys": [hex_key("d2"), hex_key("d1"), hex_key("d3")], "threshold": 2},
                "users": [
                    {"signer": {"keys": [hex_key("maker")]}},
                    {
                        "signer": {"keys": [hex_key("checker")]},
                        "duty": "checker",
                        "message_types": [303, 304],
                    },
                    {"signer": {"keys": [hex_key("head")]}, "duty": "both", "amount_limit": 5},
                ],
            },
            {**broker, **changes},
            {
                "name": "ann",
                "roles": ["investor"],
                "sponsor": "broker",
                "identity_hash": "ab" * 32,
            },
        ]
    }


def founded(data: dict[str, Any]) -> tuple[PartiesBooks, dict[str, bytes]]:
    tables = parties.MODULE.tables
    state = State(MemoryStore({table.number: table.layout for table in (LINKS, *tables)}), tables, b"s" * 32)
    state.found()
    books = PartiesBooks(state.books.shelf)
    block = BlockContext(1, NOW_MS, 1, state.handle, Window(), 1)
    context = ActionContext(block, bytes(32), 0, ())
    identities = found(books, context, msgspec.convert(data, PartiesGenesis))
    state.books.accept()
    changed = {
        number: {key: (old, shelf.live[key]) for key, old in shelf.touched.items()}
        for number, shelf in state.books.shelves.items()
    }
    invariants.check(books, changed)
    invariants.check_all(books)
    state.commit(1)
    return books, identities


def test_the_first_parties() -> None:
    books, identities = founded(section())
    asked = Parties(books)
    assert list(identities) == ["regulator", "depository", "broker", "ann"]
    regulator, depository = asked.require(identities["regulator"]), asked.require(identities["depository"])
    assert (regulator.parent, regulator.below, regulator.signer) == (b"", 2, by("regulator"))
    assert depository.roles == (Role.DEPOSITORY, Role.OPERATOR)
    keys = tuple(sorted(key_of(name).public_key for name in ("d1", "d2", "d3")))
    assert depository.signer == address_of_policy(2, keys)
    assert asked.policy(depository.signer) is not None
    assert asked.policy(regulator.signer) is None
    assert asked.find_by_name("broker") == identities["broker"]
    assert asked.find_by_name("ann") is None
    ann = asked.require_active(identities["ann"])
    assert (ann.signer, ann.agent, ann.status) == (b"", identities["broker"], PartyStatus.ACTIVE)
    head = books.mandates.find(identities["depository"] + by("head"))
    checker = books.mandates.find(identities["depository"] + by("checker"))
    assert head is not None
    assert checker is not None
    assert (head.duty, head.amount_limit) == (Duty.MAKER_AND_CHECKER, 5)
    assert (checker.duty, checker.message_types) == (Duty.CHECKER, (303, 304))


def test_nobody_need_be_founded() -> None:
    assert founded({})[1] == {}


@pytest.mark.parametrize(
    ("words", "changes"),
    [
        ("only a regulator stands at the top", {"sponsor": ""}),
        ("is not founded before it", {"sponsor": "ann"}),
        ("may not admit", {"roles": ["investor"]}),
        ("is no role", {"roles": ["broker"]}),
        ("different roles", {"roles": []}),
        ("different roles", {"roles": ["notary", "notary"]}),
        ("2014 NAME_IS_INVALID", {"name": "bro\x00ker"}),
        ("2015 NAME_IS_TAKEN", {"name": "regulator"}),
        ("every founding party has a name", {"name": ""}),
        ("2016 LEI_IS_INVALID", {"lei": "x"}),
        ("only an investor may have no signer", {"signer": None}),
        ("2035 POLICY_IS_INVALID", {"signer": {"keys": []}}),
        ("2035 POLICY_IS_INVALID", {"signer": {"keys": ["01" + "00" * 32]}}),
        ("non-hexadecimal", {"signer": {"keys": ["key"]}}),
        ("an identity hash has 32 bytes", {"identity_hash": "ab"}),
        ("no amount", {"users": [{"signer": {"keys": [hex_key("u")]}, "amount_limit": -1}]}),
        ("names a user twice", {"users": [{"signer": {"keys": [hex_key("u")]}}] * 2}),
        (
            "2029 MESSAGE_TYPES_ARE_INVALID",
            {"users": [{"signer": {"keys": [hex_key("u")]}, "message_types": [1]}]},
        ),
    ],
)
def test_what_cannot_be_founded(words: str, changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=words) as caught:
        founded(section(**changes))
    assert "the founding party" in str(caught.value)


def test_an_investor_is_founded_under_its_real_name() -> None:
    data = section()
    del data["parties"][3]["identity_hash"]
    with pytest.raises(ValueError, match="verified identity"):
        founded(data)


def test_the_section_has_no_unknown_fields() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"parties": [{"name": "x", "roles": [], "password": ""}]}, PartiesGenesis)
