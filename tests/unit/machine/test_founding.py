"""Founding with an opening register: several blocks, all lists joined at once, and what is refused."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from counterfoil.custody.signers import SandboxKey
from counterfoil.machine.founding import opening_account, opening_money, opening_security
from counterfoil.machine.genesis import (
    Genesis,
    decode_genesis,
    encode_genesis,
    network_validators,
    secret_commitment,
)
from counterfoil.modules.holdings import queries
from counterfoil.modules.holdings.records import ACCOUNTS_OF_OWNER, REGISTER
from counterfoil.modules.instruments.records import INSTRUMENTS
from counterfoil.node.ledger import LAYOUTS, LedgerNode, NodeSecrets, memory_ledger
from counterfoil.state.gathering import GatheredPlaces
from counterfoil.state.tables import LINK_END
from counterfoil.storage.memory_log import MemoryLog
from counterfoil.storage.memory_store import MemoryStore
from counterfoil.verify import Trust
from counterfoil.verify.light.encoding import in_order

ACCOUNTS, SECURITIES, QUANTITY = 23, 3, 40


def _party(name: str, role: str, sponsor: str) -> dict[str, Any]:
    key = SandboxKey.from_name(b"founding of a test", name)
    return {"name": name, "roles": [role], "sponsor": sponsor, "signer": {"keys": [key.public_key.hex()]}}


def _draft(sandbox: bool = True, **changes: Any) -> Genesis:
    register = {
        "market": "XTST",
        "issuer": "issuer",
        "trustee": "trustee",
        "brokers": ["broker one", "broker two"],
        "securities": SECURITIES,
        "accounts": ACCOUNTS,
        "quantity": QUANTITY,
        "money": 1_000,
        "accounts_per_block": 10,
    } | changes
    parties = [
        _party("regulator", "regulator", ""),
        _party("depository", "depository", "regulator"),
        _party("issuer", "issuer", "depository"),
        _party("trustee", "trustee", "regulator"),
        _party("broker one", "securities_company", "regulator"),
        _party("broker two", "securities_company", "regulator"),
    ]
    sections = {"parties": {"parties": parties}, "opening_register": register}
    return Genesis("founding", 1_700_000_000_000, "", (), sandbox=sandbox, sections=sections)


@pytest.fixture
def node() -> LedgerNode:
    return memory_ledger(_draft(), start=False)


def test_the_register_is_founded_in_several_blocks(node: LedgerNode) -> None:
    assert node.machine.founding_height == 1 + 1 + 3 + -(-(3 * ACCOUNTS + 2 * (SECURITIES + 1)) // 20)
    assert node.height == node.machine.founding_height
    balances = queries.balances(node.state, opening_account(4))
    assert {balance.instrument_id: balance.available for balance in balances} == {
        opening_security(4 % SECURITIES): QUANTITY,
        opening_money(): 1_000,
    }
    node.machine.check_everything()


def test_every_holder_is_on_the_register_and_every_account_on_its_owners_list(node: LedgerNode) -> None:
    instrument = node.state.find(INSTRUMENTS, opening_security(1))
    assert instrument is not None
    members = {key[1:21] for key in node.state.members(REGISTER.number, instrument.handle)}
    holders = {opening_account(number) for number in range(ACCOUNTS) if number % SECURITIES == 1}
    assert members == holders | {instrument.issuance_account}
    broker = node.machine.wired.parties.find_by_name("broker two") or b""
    account = node.machine.wired.holdings.require_account(opening_account(1))
    listed = {key[1:] for key in node.state.members(ACCOUNTS_OF_OWNER.number, account.owner_handle)}
    assert account.owner == broker
    assert listed == {opening_account(number) for number in range(1, ACCOUNTS, 2)}


def test_a_replay_founds_the_same(node: LedgerNode) -> None:
    again = LedgerNode(node.genesis_bytes, node.secrets, MemoryStore(LAYOUTS), MemoryLog(), workers=0)
    for block in node.blocks():
        again.engine.replay(block)
    assert again.machine.last == node.machine.last


@pytest.mark.parametrize(
    ("draft", "words"),
    [
        (_draft(sandbox=False), "only a sandbox ledger"),
        (_draft(quantity=2**63 - 1), "more of one instrument than an amount can hold"),
        (_draft(accounts="many"), "'opening_register' is not valid"),
    ],
)
def test_what_is_no_opening_register_is_refused(draft: Genesis, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        memory_ledger(draft, start=False)


# A ledger that is founded as a network


def _key(name: str) -> str:
    return SandboxKey.from_name(b"validators of a test", name).public_key.hex()


def _network(*validators: Any, sealers: tuple[str, ...] = ()) -> bytes:
    sections = {"validators": {"validators": list(validators)}}
    return encode_genesis(Genesis("net", 1_700_000_000_000, "", sealers, sealed=False, sections=sections))


def test_founding_validators_stand_in_consensus_order() -> None:
    named = [{"key": _key(name), "power": power} for name, power in (("a", 5), ("b", 7), ("c", 5))]
    data = _network(*named, {"party": "Depository", "key": _key("d")})
    genesis = decode_genesis(data)
    found = network_validators(genesis)
    assert [one.power for one in found] == [7, 5, 5, 1]
    assert found == in_order(found)
    trust = Trust.in_genesis(data)
    assert in_order(trust.validators) == found
    assert (trust.sealers, trust.time_ms) == ((), genesis.time_ms)
    assert network_validators(_draft()) == ()


def test_where_one_machine_seals_the_validators_vouch_for_nothing_yet() -> None:
    data = _network({"key": _key("a"), "power": 1}, sealers=(_key("s"),))
    assert [one.power for one in network_validators(decode_genesis(data))] == [1]
    trust = Trust.in_genesis(data)
    assert (trust.sealers, trust.validators) == ((bytes.fromhex(_key("s")),), ())


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (_network(), "no validators of a network"),
        (_network({"power": 1}), "is not valid"),
        (_network("x"), "is not valid"),
        (_network({"key": _key("a"), "power": 0}), "no voting power"),
        (_network({"key": _key("a"), "power": 2**61}), "beyond the limit"),
        (_network({"key": _key("a"), "power": "1"}), "no number"),
        (_network({"key": _key("a"), "power": 1}, {"key": _key("a"), "power": 2}), "named twice"),
        (_network({"key": "01" + "00" * 32, "power": 1}), "is no key"),
        (_network({"key": "zz", "power": 1}), "is not valid"),
        (encode_genesis(Genesis("net", 1, "", ())), "no key that may sign headers"),
        (encode_genesis(Genesis("net", 1, "", (), sections={"validators": []})), "is not valid"),
    ],
)
def test_what_founds_no_network(data: bytes, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        decode_genesis(data)
    with pytest.raises(ValueError, match="genesis file"):
        Trust.in_genesis(data)


def test_one_machine_does_not_run_a_network() -> None:
    data = _network({"party": "A", "key": _key("a"), "possession": "", "power": 1})
    genesis = msgspec.json.decode(data)
    commitment = secret_commitment(bytes(32))
    data = encode_genesis(msgspec.convert({**genesis, "secret_commitment": commitment}, Genesis))
    secrets = NodeSecrets(bytes(32), bytes(32), bytes(32))
    node = LedgerNode(data, secrets, MemoryStore(LAYOUTS), MemoryLog(), workers=0)
    with pytest.raises(ValueError, match="founds a network"):
        node.engine.found()


def test_gathered_places_come_out_in_order() -> None:
    gathered = GatheredPlaces()
    assert gathered.first_place() == LINK_END
    gathered = GatheredPlaces()
    places = [bytes([at * 37 % 251]) * 31 + bytes([at]) for at in range(50)]
    for at, place in enumerate(places):
        gathered.add(place, b"key" + bytes([at]))
    runs = [*gathered.between(0, 20), *gathered.between(20, 50)]
    assert [place for place, _, _ in runs] == sorted(places)
    assert [following for _, _, following in runs] == [*sorted(places)[1:], LINK_END]
    assert all(key == b"key" + place[31:] for place, key, _ in runs)
