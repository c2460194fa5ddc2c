"""Each of the cast, with nothing but its view keys and what everybody may keep, opens its own part of the ledger.

All of it and nothing else. Whose that is, is told here by the tree alone, apart from the code.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from counterfoil.modules.grants.records import Purpose
from counterfoil.modules.holdings.records import relationship_of
from counterfoil.modules.module import PUBLIC
from counterfoil.modules.parties.messages import SuspendParty
from counterfoil.modules.settlement.facts import NotePassed
from counterfoil.modules.settlement.messages import InstructWithNote
from counterfoil.modules.settlement.records import NOTE_BYTES_MAX, Movement
from counterfoil.modules.viewkeys.messages import (
    EndViewGrant,
    GrantViewKey,
    RaiseViewKey,
    RecordOpeningKey,
)
from counterfoil.node.ledger import create_ledger, open_ledger
from counterfoil.node.personas import sandbox_genesis
from counterfoil.node.reads import answer_read
from counterfoil.node.reads_base import Params
from counterfoil.node.reads_keys import Since
from counterfoil.node.reads_ledger import Nothing
from counterfoil.node.reads_sealed import Blocks, SealedBlockReceipts
from counterfoil.node.receipts_of import receipts_of_block
from counterfoil.node.refusals import NodeRefusal, Refused
from counterfoil.policy.policy import ANYBODY
from counterfoil.primitives.codec import encode
from counterfoil.sdk import LedgerError, NotVisible, messages
from counterfoil.sdk.own_receipts import OwnKeys, OwnReceipt, hang_founders, open_block
from counterfoil.sealing.handing import NOTE_ROOM, NOTE_SIZES, open_note
from counterfoil.sealing.opening_keys import OpeningKey
from counterfoil.verify import ProofRefused, Trust, check_seal
from tests.unit.node.cast import Cast, key
from tests.unit.policy.world import TREE

MEMBERS = (
    *(
        "regulator",
        "depository",
        "exchange",
        "broker-a",
        "broker-b",
        "client-a",
        "other-client-a",
        "client-b",
    ),
    *(
        "three-brokers",
        "joint-holder",
        "moved",
        "issuer",
        "other-issuer",
        "trustee",
        "joint-holder",
        "operator",
        "client-o",
        "auditor",
    ),
)
UNDER: dict[str, str] = {
    **dict.fromkeys(("issuer", "other-issuer"), "depository"),
    **dict.fromkeys(
        ("client-a", "other-client-a", "former", "moved", "three-brokers", "applicant"), "broker-a"
    ),
    **dict.fromkeys(("client-b", "joint-holder"), "broker-b"),
    "client-s": "broker-s",
    "client-o": "operator",
}
"""Who was admitted by whom; everybody else by the regulator."""


def opening(name: str) -> OpeningKey:
    return key(name).opening_key()


@pytest.fixture(scope="module")
def cast() -> Iterator[Cast]:
    made = Cast()
    for name in MEMBERS:
        message = RecordOpeningKey(made.parties[name], opening(name).public_key)
        made.clients[name].send(message)
    yield made
    made.close()


def blocks(cast: Cast) -> list[SealedBlockReceipts]:
    found = list(cast.clients["notary"].sealed_receipts())
    for block in found:
        check_seal(Trust.in_genesis(cast.node.genesis_bytes), block.header, block.seal)
    return found


def keys_of(cast: Cast, name: str, since: int = 0) -> OwnKeys:
    keys = OwnKeys(cast.clients[name].view_keys(opening(name), since))
    hang_founders(keys, cast.node.genesis_bytes)
    return keys


def opened(cast: Cast, name: str, keys: OwnKeys | None = None) -> dict[tuple[int, int], OwnReceipt]:
    """By (height, place)."""
    keys = keys or keys_of(cast, name)
    return {
        (block.header.height, one.place): one
        for block in blocks(cast)
        for one in open_block(keys, block.header, block.receipts)
    }


def is_under(lower: str, upper: str) -> bool:
    while lower in UNDER:
        lower = UNDER[lower]
        if lower == upper:
            return True
    return False


def addresses(name: str) -> list[bytes]:
    """Its own signer's and its users'."""
    return [key(name).address, key(f"{name} user").address, key(f"{name} checker").address]


def entitled(cast: Cast, name: str) -> set[bytes]:
    """Stakeholders whose receipts the party opens: by the tree, from names and accounts alone."""
    mine = {name, *(lower for lower in cast.parties if is_under(lower, name))}
    found = {cast.parties[one] for one in mine} | {PUBLIC, *addresses(name)}
    for account_name in cast.accounts:
        account = cast.node.machine.wired.holdings.account(cast.accounts[account_name])
        assert account is not None
        holders, told_apart = (account.owner, *account.joint_holders), b""
        if account.joint_holders:
            told_apart = cast.accounts[account_name]
        if cast.parties[name] in holders or account.servicer in {cast.parties[one] for one in mine}:
            found.add(relationship_of(account.servicer, account.owner, told_apart))
    return found


@pytest.mark.parametrize("name", [name for name in MEMBERS if name != "regulator"])
def test_a_member_opens_its_own_part_all_of_it_and_nothing_else(cast: Cast, name: str) -> None:
    stakeholders, found = entitled(cast, name), opened(cast, name)
    expected = {}
    for height in range(1, cast.node.height + 1):
        for place, kept in enumerate(receipts_of_block(cast.node, height)):
            if kept.stakeholder in stakeholders:
                expected[height, place] = kept.plaintext
    assert {at: one.receipt.stakeholder for at, one in found.items()} == {
        at: found[at].receipt.stakeholder for at in expected
    }
    assert found.keys() == expected.keys()
    assert len(expected) >= 5


def test_a_regulator_opens_whatever_it_knows_of(cast: Cast) -> None:
    """It is handed the top; of signers it says itself under which addresses it looks."""
    keys = keys_of(cast, "regulator")
    for name in cast.clients:
        for address in addresses(name):
            keys.hang(address, b"")
    found = opened(cast, "regulator", keys)
    every = [
        (height, place)
        for height in range(1, cast.node.height + 1)
        for place, _ in enumerate(receipts_of_block(cast.node, height))
    ]
    assert sorted(found) == every


def test_siblings_open_nothing_of_each_other(cast: Cast) -> None:
    for one, other in (("broker-a", "broker-b"), ("client-a", "other-client-a"), ("issuer", "other-issuer")):
        mine = {at for at, found in opened(cast, one).items() if found.receipt.stakeholder != PUBLIC}
        theirs = {at for at, found in opened(cast, other).items() if found.receipt.stakeholder != PUBLIC}
        assert mine
        assert theirs
        assert not mine & theirs


def test_keys_of_somebody_else_are_not_to_be_had(cast: Cast) -> None:
    with pytest.raises(NotVisible):
        cast.nobody.view_keys(opening("broker-a"))
    with pytest.raises(ValueError, match="another opening key"):
        cast.clients["broker-a"].view_keys(opening("broker-b"))
    with pytest.raises(LedgerError) as refused:
        cast.clients["notary"].view_keys(opening("notary"))
    assert refused.value.name == NodeRefusal.NO_OPENING_KEY.name


def test_a_ledger_that_is_not_sealed_has_nothing_of_the_kind(tmp_path: Path) -> None:
    draft = replace(sandbox_genesis("open"), sealed=False)
    create_ledger(tmp_path / "ledger", draft, encrypted=False)
    asked: dict[str, Params] = {
        **dict.fromkeys(("sealed_blocks", "sealed_receipts"), Blocks(first=1, last=1)),
        "view_keys": Since(since=0),
        "key_epochs": Nothing(),
    }
    with open_ledger(tmp_path / "ledger", workers=0) as node:
        for name, params in asked.items():
            with pytest.raises(Refused) as refused:
                answer_read(node, ANYBODY, name, encode(params))
            assert refused.value.code is NodeRefusal.LEDGER_IS_NOT_SEALED, name


def test_whoever_alters_what_everybody_keeps_is_found_out(cast: Cast) -> None:
    keys = keys_of(cast, "broker-a")
    block = next(one for one in blocks(cast) if len(one.receipts) > 2 and one.receipts[0].sealed)
    first, second, *rest = block.receipts
    lies = {
        "left out": (second, *rest),
        "put twice": (first, first, second, *rest),
        "swapped": (second, first, *rest),
        "emptied": (type(first)(b"", b""), second, *rest),
        "another digest": (type(first)(first.sealed, bytes(32)), second, *rest),
        "another envelope": (type(first)(first.sealed[:-1] + b"x", first.hidden), second, *rest),
        "a short digest": (type(first)(first.sealed, first.hidden[:31]), second, *rest),
        "said to be for everybody": (type(first)(b"", b"", b"a lie", bytes(16)), second, *rest),
    }
    assert open_block(keys, block.header, block.receipts)
    for how, receipts in lies.items():
        with pytest.raises(ProofRefused):
            open_block(keys, block.header, receipts)
            pytest.fail(how)
    with pytest.raises(ProofRefused, match="not sealed by a key"):
        check_seal(Trust.in_genesis(cast.node.genesis_bytes), block.header, bytes(64))
    other = next(one for one in blocks(cast) if one.header.height != block.header.height)
    with pytest.raises(ProofRefused):
        open_block(keys, other.header, block.receipts)


def test_a_raised_key_shuts_out_who_had_the_old_one() -> None:
    """The client's leaked; its servicer follows by itself, the client asks again, who has the old one sees no more."""
    cast = Cast()
    try:
        for name in ("client-a", "broker-a"):
            cast.clients[name].send(RecordOpeningKey(cast.parties[name], opening(name).public_key))
        leaked, broker = keys_of(cast, "client-a"), keys_of(cast, "broker-a")
        relationship = relationship_of(cast.parties["broker-a"], cast.parties["client-a"])
        raised_at = cast.clients["client-a"].send(RaiseViewKey(cast.parties["client-a"], relationship)).height
        again = keys_of(cast, "client-a")
        assert cast.clients["client-a"].send(
            RecordOpeningKey(cast.parties["client-a"], opening("client-a").public_key)
        )

        def of_relationship(keys: OwnKeys, name: str) -> list[int]:
            return [
                height
                for (height, _), one in opened(cast, name, keys).items()
                if one.receipt.stakeholder == relationship
            ]

        assert max(of_relationship(again, "client-a")) == raised_at
        assert max(of_relationship(broker, "broker-a")) == raised_at
        assert max(of_relationship(leaked, "client-a")) < raised_at
        assert leaked.changed_at == broker.changed_at == raised_at
    finally:
        cast.close()


def test_a_leaked_key_of_a_broker_opens_nothing_of_its_clients_once_it_is_raised() -> None:
    """The broker and its client ask again; whoever has the old key sees nothing of either from that very block on."""
    cast = Cast()
    try:
        for name in ("client-a", "broker-a"):
            cast.clients[name].send(RecordOpeningKey(cast.parties[name], opening(name).public_key))
        leaked, broker = keys_of(cast, "broker-a"), cast.clients["broker-a"]
        relationship = relationship_of(broker.party, cast.parties["client-a"])
        before = opened(cast, "broker-a", leaked)
        assert relationship in {one.receipt.stakeholder for one in before.values()}
        raised_at = broker.send(RaiseViewKey(broker.party, broker.party)).height
        segregated = messages.AccountKind.SEGREGATED
        broker.send(messages.OpenAccount(cast.parties["client-a"], broker.party, segregated))
        later = {at: one for at, one in opened(cast, "broker-a", leaked).items() if at[0] >= raised_at}
        assert {one.receipt.stakeholder for one in later.values()} == {PUBLIC}
        for name in ("broker-a", "client-a"):
            seen = opened(cast, name).items()
            assert relationship in {one.receipt.stakeholder for at, one in seen if at[0] > raised_at}, name
    finally:
        cast.close()


def test_a_joint_holder_opens_the_account_that_it_holds_and_none_of_its_owners_others(cast: Cast) -> None:
    """From the first receipt on, in a copy that anybody keeps; like the owner, and like the servicer."""
    broker, owner = cast.parties["broker-a"], cast.parties["client-a"]
    own = relationship_of(broker, owner, cast.accounts["joint"])

    def told(name: str, relationship: bytes) -> set[tuple[int, int]]:
        return {at for at, one in opened(cast, name).items() if one.receipt.stakeholder == relationship}

    assert told("joint-holder", own) == told("client-a", own) == told("broker-a", own) != set()
    assert told("client-a", relationship_of(broker, owner)) != set()
    assert told("joint-holder", relationship_of(broker, owner)) == set()
    for other in ("client-b", "other-client-a", "broker-b", "depository"):
        assert told(other, own) == set(), other


def test_who_comes_to_hold_an_account_jointly_opens_it_from_then_on_and_who_leaves_no_more() -> None:
    cast = Cast()
    try:
        names = ("client-a", "joint-holder", "client-b", "broker-a")
        for name in names:
            cast.clients[name].send(RecordOpeningKey(cast.parties[name], opening(name).public_key))
        broker, account_id = cast.clients["broker-a"], cast.accounts["client-a's"]
        own = relationship_of(broker.party, cast.parties["client-a"], account_id)

        def amend(*joint: str) -> int:
            holders = tuple(sorted(cast.parties[name] for name in joint))
            signers = (key("client-a").address,)
            ask = messages.AmendAccount(account_id, signers, 1, holders, b"", True)
            agree = [cast.clients[name] for name in ("client-a", *joint)]
            return broker.send(ask, cosigners=agree).height

        def told(name: str, keys: OwnKeys | None = None) -> list[int]:
            found = opened(cast, name, keys).items()
            return sorted(height for (height, _), one in found if one.receipt.stakeholder == own)

        assert told("joint-holder") == []
        joined = amend("joint-holder")
        assert told("joint-holder") == told("client-a") == told("broker-a") == [joined]
        both = amend("joint-holder", "client-b")
        assert told("client-b") == told("joint-holder") == [joined, both]
        kept = keys_of(cast, "client-b")
        left = amend("joint-holder")
        assert told("client-b", kept) == [joined, both], "not the block in which it left, either"
        assert told("client-b") == [], "nor is anything handed to it"
        alone = amend()
        assert told("joint-holder") == []
        assert told("client-a") == told("broker-a") == [joined, both, left, alone]
        text = {type(fact).__name__ for entry in broker.history(account=account_id) for fact in entry.facts}
        assert {"AccountOpened", "AccountHeldJointly", "AccountAmended"} <= text, "one history over both"
        assert broker.statement(account_id).balanced
        cast.node.machine.check_everything()
    finally:
        cast.close()


def test_whoever_is_stopped_opens_nothing_more_of_others_though_nobody_raises_a_key() -> None:
    """A suspended broker with its kept keys, a suspended auditor with what it was granted: not from that block on."""
    cast = Cast()
    try:
        for name in ("broker-a", "client-a", "auditor"):
            cast.clients[name].send(RecordOpeningKey(cast.parties[name], opening(name).public_key))
        broker, regulator, auditor = (cast.clients[one] for one in ("broker-b", "regulator", "auditor"))
        until = broker.time_ms() + 3_600_000
        audit = GrantViewKey(broker.party, broker.party, auditor.party, Purpose.AUDIT, "Audit.", until)
        broker.send(audit)
        kept = {name: keys_of(cast, name) for name in ("broker-a", "auditor")}
        stopped_at = {
            name: regulator.send(SuspendParty(regulator.party, cast.parties[name], "An inquiry.")).height
            for name in kept
        }
        cast.clients["operator"].send(
            messages.OpenAccount(
                cast.parties["client-o"], cast.parties["operator"], messages.AccountKind.SEGREGATED
            )
        )
        broker.send(RecordOpeningKey(broker.party, opening("broker-b").public_key))
        for name, keys in kept.items():
            later = {
                one.receipt.stakeholder
                for at, one in opened(cast, name, keys).items()
                if at[0] >= stopped_at[name]
            }
            own = {PUBLIC, *addresses(name)}
            assert later <= own, name
        assert broker.party in {
            one.receipt.stakeholder for one in opened(cast, "auditor", kept["auditor"]).values()
        }
    finally:
        cast.close()


def test_a_client_that_moved_left_its_old_branch_behind(cast: Cast) -> None:
    """Each of its brokers opens what was done there and nothing of the other; the client both."""

    def of(name: str, servicer: str) -> set[tuple[int, int]]:
        relationship = relationship_of(cast.parties[servicer], cast.parties["moved"])
        return {at for at, one in opened(cast, name).items() if one.receipt.stakeholder == relationship}

    for servicer, other in (("broker-a", "broker-b"), ("broker-b", "broker-a")):
        assert of(servicer, servicer) == of("moved", servicer) != set()
        assert of(other, servicer) == set()


def test_a_grant_hands_one_branch_to_an_auditor_from_then_on(cast: Cast) -> None:
    broker, auditor = cast.clients["broker-b"], cast.clients["auditor"]
    before = {at for at, one in opened(cast, "auditor").items() if one.receipt.stakeholder != PUBLIC}
    until = broker.time_ms() + 3_600_000
    grant = GrantViewKey(broker.party, broker.party, auditor.party, Purpose.AUDIT, "Audit.", until)
    granted_at = broker.send(grant).height
    seen = {at: one for at, one in opened(cast, "auditor").items() if at not in before}
    stakeholders = {one.receipt.stakeholder for (height, _), one in seen.items() if height == granted_at}
    assert broker.party in stakeholders
    past = {
        height
        for (height, _), one in seen.items()
        if one.receipt.stakeholder not in (PUBLIC, auditor.party, key("auditor").address)
    }
    assert min(past) == granted_at, "nothing of the past"
    kept = keys_of(cast, "auditor")
    ended_at = broker.send(EndViewGrant(broker.party, broker.party, auditor.party)).height
    broker.send(RecordOpeningKey(broker.party, opening("broker-b").public_key))
    assert max(height for height, _ in opened(cast, "broker-b")) > ended_at
    for keys in (kept, keys_of(cast, "auditor")):
        later = {
            one.receipt.stakeholder for at, one in opened(cast, "auditor", keys).items() if at[0] > ended_at
        }
        assert later <= {PUBLIC, auditor.party}, "nothing once the grant has ended"


def test_a_member_reads_the_notes_that_came_to_it(cast: Cast) -> None:
    """From one that asks and one that answers, in instructions that match; who else is told of it reads none."""
    a, b = cast.clients["broker-a"], cast.clients["broker-b"]
    before = cast.node.height
    sale = cast._instruct(a, "client-a's", Movement.DELIVER, b, "NOTED-1", 7)
    purchase = cast._instruct(b, "broker-b's", Movement.RECEIVE, a, "NOTED-2", 7)
    for client, instruction, receiver, text in (
        (a, sale, b.party, "Who keeps the paper?"),
        (b, purchase, a.party, "We do."),
    ):
        client.send(InstructWithNote(instruction, client.note_for(receiver, text)))
    for reader, sender, text in ((b, a, "Who keeps the paper?"), (a, b, "We do.")):
        name = "broker-a" if reader is a else "broker-b"
        (note,) = reader.notes(opening(name), before)
        assert (note.sender, note.text) == (sender.party, text)
        assert reader.instruction(note.instruction).party == reader.party
        assert reader.notes(opening(name), note.height) == []
        assert reader.notes(opening("client-a"), before) == []
    assert cast.clients["regulator"].notes(opening("regulator"), before) == []


def test_a_note_of_three_lengths_says_what_was_written(cast: Cast) -> None:
    """Who sees the receipt, or the sealed bundle, learns nothing of the text by its length."""
    assert NOTE_SIZES[-1] == NOTE_BYTES_MAX, "as much as an instruction carries"
    sender, mine, chain_id = cast.clients["broker-b"], opening("broker-a"), cast.node.chain_id
    sizes = set()
    for length in (0, 1, 2, 100, 205, 206, 207, 208, 460, 463, 464, NOTE_ROOM - 1, NOTE_ROOM):
        for text in ("x" * length, "\0" * length, "€" * (length // 3)):
            note = sender.note_for("broker-a", text)
            sizes.add(len(note))
            assert open_note(mine, chain_id, sender.party, cast.parties["broker-a"], note) == text.encode()
    assert sizes == set(NOTE_SIZES)
    assert len(sender.note_for("broker-a", "Yes.")) == len(
        sender.note_for("broker-a", "No, and never again.")
    )


def test_no_other_of_the_cast_opens_a_note(cast: Cast) -> None:
    """Siblings, former and suspended members, whose client moved, who has three brokers, whose grant has expired:
    whoever they are, with a key of their own, and whatever of the receipt they see."""
    a, b = cast.clients["broker-a"], cast.clients["broker-b"]
    before = cast.node.height
    for number, (client, account, movement, other) in enumerate(
        ((b, "three at b", Movement.DELIVER, a), (a, "three at a", Movement.RECEIVE, b))
    ):
        instruction = cast._instruct(client, account, movement, other, f"THREE-{number}", 3)
        note = client.note_for(other.party, "For your eyes alone.") if client is b else b""
        client.send(InstructWithNote(instruction, note) if note else instruction)
    read = {name for name in TREE if cast.client(name).notes(opening(name), before)}
    assert read == {"broker-a"}
    carried = {
        name
        for name in TREE
        for item in cast.client(name).watch(before, follow=False)
        if any(isinstance(fact, NotePassed) for fact in item.facts)
    }
    assert carried >= {"broker-a", "three-brokers", "regulator"}
    assert not carried & {"former", "broker-s", "client-s", "moved", "broker-b", "client-a"}
    assert not carried & {"auditor-expired", "auditor-revoked", "auditor-of-the-past"}


def test_a_note_reaches_its_receiver_alone(cast: Cast) -> None:
    """Whoever sees the receipt that carries it, the client, a supervisor, a validator: only broker-a opens it."""
    sender, receiver = cast.clients["broker-b"], cast.clients["broker-a"]
    text = "Deliver the rest on Thursday; ask for Anna."
    note = sender.note_for("broker-a", text)
    assert text.encode() not in note
    chain_id = cast.node.chain_id
    mine = opening("broker-a")
    assert open_note(mine, chain_id, sender.party, receiver.party, note) == text.encode()
    for other in ("broker-b", "client-a", "regulator"):
        assert open_note(opening(other), chain_id, sender.party, receiver.party, note) is None
    assert open_note(mine, chain_id, receiver.party, sender.party, note) is None
    assert open_note(mine, chain_id + "x", sender.party, receiver.party, note) is None
    assert open_note(mine, chain_id, sender.party, receiver.party, note[:-1]) is None
    with pytest.raises(ValueError, match="at most"):
        sender.note_for("broker-a", "x" * 1_024)
    with pytest.raises(NotVisible):
        sender.note_for("notary", text)
