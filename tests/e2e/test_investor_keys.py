"""An investor makes a key in each way that there is, loses it, and recovers by the approvals that it named."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pkcs11
import pytest

from counterfoil.cli.describe import message_text
from counterfoil.custody import known_secrets, seed_words
from counterfoil.custody.derivation import ledger_secret
from counterfoil.custody.hardware import HardwareStore, TokenAddress
from counterfoil.custody.key_files import KeyFolder
from counterfoil.custody.service.client import CustodianAddress, CustodianSession, CustodyStore
from counterfoil.custody.service.custodian import service_key
from counterfoil.custody.service.server import CustodyServer
from counterfoil.custody.signers import Signer
from counterfoil.machine.rejects import MachineReject
from counterfoil.modules.custodians.facts import KeyUsed
from counterfoil.modules.custodians.interface import UseKind
from counterfoil.modules.parties.facts import KeysInForce, RecoveryApproved
from counterfoil.modules.parties.rejects import PartiesReject
from counterfoil.primitives.signatures import single_key
from counterfoil.sdk import Client, NotVisible, Sandbox, TransactionRejected, recovery
from counterfoil.sdk import messages as m
from counterfoil.sdk.custody import LedgerTrail
from counterfoil.sdk.errors import LedgerError
from tests.unit.custody.custodians import CHEAP, PASSWORD, Desk
from tests.unit.custody.tokens import PIN, configure, make_token, module

PASSPHRASE = "a passphrase for the file"
KNOWN = "copper lantern drifts over seven"
OWNERS = {"users": ["@owner"], "keys": ["*"], "messages": ["*"], "reading": True}
APPROVES = {
    "users": ["ben"],
    "keys": ["birch"],
    "messages": ["ApproveRecovery"],
    "approvals": 1,
    "approvers": ["cid"],
    "record_first": True,
}
READS = {"users": ["ben"], "keys": ["birch"], "reading": True}


class Market:
    """A sandbox; a custodian that keeps keys; a broker with its own key, and an operator whose key is in custody."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.sandbox = Sandbox()
        self.desk = Desk(folder / "custody", self.sandbox.node.chain_id)
        self.desk.add("ben", "cid", "iris")
        birch = self.desk.key("birch")
        self.desk.key("savings", "iris")
        self.desk.rules(APPROVES, READS, OWNERS)
        self.regulator = self.sandbox.client("regulator")
        own = service_key(self.desk.books, self.desk.vault)
        operator = (m.Role.OPERATOR,)
        self.custodian, self.operator = self.regulator.send(
            m.EnrolParty(self.regulator.party, operator, "Example Custody", "", own.address, b"", True),
            m.EnrolParty(self.regulator.party, operator, "Birch", "", _address(birch), b"", True),
        ).objects
        self.desk.recorder = LedgerTrail(self.sandbox.connect, own, self.custodian)
        self.desk.restart()
        self.server = CustodyServer(self.desk.custodian, path=folder / "socket")
        self.server.start()
        self.sessions: list[CustodianSession] = []
        self.broker = self.sandbox.client("broker-a")
        self.birch = Client(self.sandbox.connect(), self.custody("ben").open("birch"), party=self.operator)
        self.approvers = tuple(sorted((self.broker.keys[0].address, _address(birch))))

    def custody(self, user: str) -> CustodyStore:
        """Keys in custody, as a user that has logged in."""
        session = CustodianSession(CustodianAddress(self.folder / "socket"))
        session.log_in(user, PASSWORD, self.desk.code(user))
        self.sessions.append(session)
        return CustodyStore(session, wait_seconds=60)

    def key(self, way: str) -> Signer:
        """A key that the investor makes."""
        folder = KeyFolder(self.folder / "keys", lambda *_: PASSPHRASE)
        if way == "file":
            return folder.generate("savings")
        if way == "words":
            return folder.keep("savings", ledger_secret(seed_words.seed_of(seed_words.new_words())))
        if way == "password":
            salt = known_secrets.new_salt()
            seed = known_secrets.seed_of("sandbox", "iris", KNOWN, salt, cost=CHEAP)
            assert seed == known_secrets.seed_of("sandbox", "Iris", KNOWN, salt, cost=CHEAP)
            return folder.keep("savings", ledger_secret(seed))
        return self.custody("iris").open("savings")

    def enrolled(self, signer: bytes) -> bytes:
        """The investor's party, admitted by its broker with its identity verified."""
        verified = sha256(b"passport and salt").digest()
        ask = m.EnrolParty(self.broker.party, (m.Role.INVESTOR,), "", "", signer, verified, True)
        return self.broker.send(ask).created

    def close(self) -> None:
        for session in self.sessions:
            session.close()
        self.server.close()
        self.desk.close()
        self.sandbox.close()


def _address(public_key: bytes) -> bytes:
    from counterfoil.primitives.addresses import address_of

    return address_of(public_key)


@pytest.fixture
def market(tmp_path: Path) -> Iterator[Market]:
    made = Market(tmp_path)
    yield made
    made.close()


@pytest.mark.parametrize("way", ["file", "words", "password", "custody"])
def test_made_lost_and_recovered(market: Market, way: str) -> None:
    lost = market.key(way)
    address = recovery.name_approvers(Client(market.sandbox.connect(), lost), market.approvers, 2)
    assert address == lost.address
    party = market.enrolled(address)
    investor = Client(market.sandbox.connect(), lost, party=party)
    investor.send(m.NameFourEyes(party, ()))

    fresh = KeyFolder(market.folder / "fresh", lambda *_: PASSPHRASE).generate("fresh")
    stranger = Client(market.sandbox.connect(), fresh)
    proposal = recovery.request(stranger, address, market.broker.keys[0].address)
    with pytest.raises(recovery.RecoveryMismatch):
        recovery.begin(market.broker, proposal, address, lost.public_key)
    with pytest.raises(recovery.RecoveryMismatch):
        recovery.begin(market.broker, proposal, lost.address[::-1], fresh.public_key)
    begun = recovery.begin(market.broker, proposal, address, fresh.public_key)
    investor.send(m.NameFourEyes(party, ()))
    assert market.broker.signer(address).keys == (lost.public_key,), (
        "one approval of two puts nothing in force"
    )

    late = investor.draft(m.NameFourEyes(party, ())).sign(lost)

    # The operator's key is in custody under four eyes: ben asks, cid approves.
    approving = market.custody("cid")._session
    finished: list[int] = []
    thread = threading.Thread(
        target=lambda: finished.append(recovery.approve(market.birch, address, fresh.public_key).height)
    )
    thread.start()
    while not approving.requests():
        pass
    (request,) = approving.requests()
    assert "ApproveRecovery" in message_text(*request.messages)
    approving.decide(request.request, approve=True)
    thread.join(timeout=60)
    (height,) = finished
    assert height > begun.height

    with pytest.raises(LedgerError, match="NOT_RECOGNISED"):
        investor.status()
    with pytest.raises(TransactionRejected) as refused:
        investor.submit(late)
    assert refused.value.number == MachineReject.SIGNER_IS_NOT_AUTHORISED.number, "the old key is refused"
    with pytest.raises(LedgerError, match="NOT_RECOGNISED"):
        Client(market.sandbox.connect(), lost, party=party)
    recovered = Client(market.sandbox.connect(), fresh, party=party, signer=address)
    draft = recovered.draft(m.NameFourEyes(party, ()), signers=(address,)).sign(fresh, signer=address)
    assert recovered.submit(draft).ok, "the new key speaks for the address, which is the party's as before"
    assert recovered.party_details(party).signer == address

    told = [fact for entry in recovered.history(signer=address) for fact in entry.facts]
    assert [fact.approvals for fact in told if isinstance(fact, RecoveryApproved)] == [1, 2]
    assert [fact.recovered for fact in told if isinstance(fact, KeysInForce)] == [False, True]
    uses = [fact.entry.kind for fact in told if isinstance(fact, KeyUsed)]
    assert (UseKind.TRANSACTION in uses) == (way == "custody"), "uses in custody are told to the key's owner"


def test_an_address_moves_from_store_to_store(
    market: Market, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From a file to a hardware module, to a custodian, to another file: address and party stay, the key before does
    not."""
    configuration = configure(tmp_path / "softhsm")
    make_token(configuration, "desk")
    monkeypatch.setenv("SOFTHSM2_CONF", str(configuration))
    pkcs11.lib(str(module())).reinitialize()
    token = HardwareStore(TokenAddress(module(), "desk"), lambda: PIN)
    first = market.key("file")
    another = KeyFolder(market.folder / "another", lambda *_: PASSPHRASE)
    address = recovery.name_approvers(Client(market.sandbox.connect(), first), market.approvers, 2)
    party = market.enrolled(address)
    before = first
    for key in (token.generate("desk"), market.custody("iris").open("savings"), another.generate("new")):
        owner = Client(market.sandbox.connect(), before, party=party, signer=address)
        rotate = m.RotateKeys(address, single_key(key.public_key))
        late = owner.draft(m.NameFourEyes(party, ()), signers=(address,)).sign(before, signer=address)
        assert owner.submit(owner.draft(rotate, signers=(address,)).sign(before, signer=address)).ok
        with pytest.raises(LedgerError, match="NOT_RECOGNISED"):
            owner.status()
        with pytest.raises(LedgerError) as refused:
            Client(market.sandbox.connect()).submit(late)
        assert refused.value.number == MachineReject.SIGNER_IS_NOT_AUTHORISED.number
        now = Client(market.sandbox.connect(), key, party=party, signer=address)
        draft = now.draft(m.NameFourEyes(party, ()), signers=(address,)).sign(key, signer=address)
        assert now.submit(draft).ok
        assert (now.signer(address).keys, now.party_details(party).signer) == ((key.public_key,), address)
        assert now.signer(address).recovery == market.approvers, "who may help stays named"
        before = key
    token.close()


def test_in_the_block_of_the_last_approval_the_old_key_is_refused_already(market: Market) -> None:
    """Decided in one block, the recovery first: what the old key signed after it counts no more."""
    lost = market.key("file")
    address = recovery.name_approvers(Client(market.sandbox.connect(), lost), market.approvers, 1)
    party = market.enrolled(address)
    fresh = KeyFolder(market.folder / "fresh", lambda *_: PASSPHRASE).generate("fresh")
    node, broker = market.sandbox.node, market.broker
    recover = m.ApproveRecovery(address, single_key(fresh.public_key))
    both = (broker.keys[0], fresh)
    first = broker.draft(recover, signers=[key.address for key in both]).sign(*both)
    second = Client(market.sandbox.connect(), lost, party=party).draft(m.NameFourEyes(party, ())).sign(lost)
    with node.engine.lock:
        futures = [node.engine.submit(draft.transaction) for draft in (first, second)]
    outcomes = [future.result() for future in futures]
    heights, numbers = {height for height, _ in outcomes}, [one.result.number for _, one in outcomes]
    assert numbers == [0, MachineReject.SIGNER_IS_NOT_AUTHORISED.number]
    assert len(heights) == 1 or outcomes[1][0] in (0, max(heights))


def test_who_may_see_a_recovery(market: Market) -> None:
    lost = market.key("file")
    address = recovery.name_approvers(Client(market.sandbox.connect(), lost), market.approvers, 2)
    party = market.enrolled(address)
    fresh = KeyFolder(market.folder / "fresh", lambda *_: PASSPHRASE).generate("fresh")
    proposal = recovery.request(
        Client(market.sandbox.connect(), fresh), address, market.broker.keys[0].address
    )
    recovery.begin(market.broker, proposal, address, fresh.public_key)
    owner = Client(market.sandbox.connect(), lost, party=party)
    for viewer in (owner, market.broker, market.birch, market.regulator):
        found = viewer.signer(address)
        assert [vote.approver for vote in found.votes if vote.counts] == [market.broker.keys[0].address]
        assert found.recovery == market.approvers
    nobody = Client(market.sandbox.connect())
    for viewer in (market.sandbox.client("broker-b"), market.sandbox.client("notary"), nobody):
        answers = []
        for asked in (address, fresh.address, bytes(20)):
            with pytest.raises(NotVisible) as hidden:
                viewer.signer(asked)
            answers.append(str(hidden.value))
            with pytest.raises(NotVisible):
                viewer.history(signer=asked)
        assert len(set(answers)) == 1, "not there and not yours are one answer"
    assert owner.history(signer=address)
    assert market.regulator.history(signer=address)


def test_an_owner_who_lost_nothing_ends_it(market: Market) -> None:
    key = market.key("file")
    address = recovery.name_approvers(Client(market.sandbox.connect(), key), market.approvers, 2)
    party = market.enrolled(address)
    owner = Client(market.sandbox.connect(), key, party=party)
    thief = KeyFolder(market.folder / "thief", lambda *_: PASSPHRASE).generate("thief")
    proposal = recovery.request(
        Client(market.sandbox.connect(), thief), address, market.broker.keys[0].address
    )
    recovery.begin(market.broker, proposal, address, thief.public_key)
    (told,) = [
        fact
        for entry in owner.history(signer=address)
        for fact in entry.facts
        if isinstance(fact, RecoveryApproved)
    ]
    assert told.keys == (thief.public_key,), "the owner is told"
    recovery.withdraw(owner, address)
    with pytest.raises(TransactionRejected) as refused:
        recovery.withdraw(owner, address)
    assert refused.value.number == PartiesReject.RECOVERY_NOT_FOUND.number
    assert not owner.signer(address).votes


def test_who_may_see_a_custodians_trail(market: Market) -> None:
    market.desk.custodian.record()
    entries = market.desk.books.entries
    assert entries > 0
    own = Client(
        market.sandbox.connect(), service_key(market.desk.books, market.desk.vault), party=market.custodian
    )
    for viewer in (own, market.regulator):
        found = viewer.custody_trail("Example Custody")
        assert (found.entries, found.head) == (entries, market.desk.books.head_after(entries))
    assert own.custody_trail(market.custodian, at=2).entries == 0, "as of a moment before"
    for viewer in (market.broker, market.birch, Client(market.sandbox.connect())):
        with pytest.raises(NotVisible):
            viewer.custody_trail(market.custodian)
