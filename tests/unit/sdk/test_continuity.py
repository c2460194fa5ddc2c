"""What somebody with a copy and no key can check, what no search of its bytes finds, and what a member opens."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from msgspec.structs import replace

from counterfoil.engine.decided import LOGGED_BLOCK, LoggedBlock
from counterfoil.machine.transactions import encode_bundle, read_bundle
from counterfoil.modules.holdings.records import ACCOUNTS, RELATIONSHIPS, AccountKind
from counterfoil.modules.settlement.records import INSTRUCTIONS
from counterfoil.modules.trades.records import TRADES
from counterfoil.modules.viewkeys.messages import RecordOpeningKey
from counterfoil.node.backup import FILES_NAME, Known, back_up
from counterfoil.node.key_epochs import draft_epoch
from counterfoil.node.ledger import LedgerNode, create_ledger, open_ledger
from counterfoil.node.personas import party_key, persona_keys, sandbox_genesis
from counterfoil.node.reads import READS
from counterfoil.primitives.codec import decode_exact, encode
from counterfoil.sdk import Client, LocalConnection, messages, seed
from counterfoil.sdk.continuity import CopyRefused, check_copy, keep
from counterfoil.sdk.own_receipts import OwnKeys, hang_founders
from counterfoil.state.receipts import SealedReceipt, SealedReceipts
from counterfoil.storage.block_log import BlockLog
from counterfoil.storage.cipher import Checksums
from counterfoil.storage.errors import CorruptStorage

SECRET_NAME = "Unmistakable Client 7731"
SECRET_REFERENCE = "REFERENCE-THAT-NOBODY-ELSE-USES"
SECRET_QUANTITY = 4_815_162_342
SECRET_PURPOSE = "An inquiry into something unheard of."


def client(node: LedgerNode, name: str) -> Client:
    party = node.machine.wired.parties.find_by_name
    found = {"broker-a": "Broker A", "broker-b": "Broker B", "issuer-a": "Issuer A", "regulator": "Regulator"}
    return Client(LocalConnection(node), *persona_keys(name), party=party(found[name]) or b"")


def business(node: LedgerNode) -> None:
    """Things that nobody but those concerned may find anywhere."""
    broker = client(node, "broker-a")
    enrol = messages.EnrolParty(
        broker.party, (messages.Role.INVESTOR,), SECRET_NAME, "", b"", b"\x42" * 32, True
    )
    owner = broker.send(enrol).created
    account = broker.send(
        messages.OpenAccount(owner, broker.party, messages.AccountKind.SEGREGATED, servicer_instructs=True)
    ).created
    mandate = messages.GrantMandate(broker.party, b"u" * 20, (900,), (account,), SECRET_QUANTITY)
    broker.send(mandate)
    depository = node.machine.wired.parties.find_by_name("Depository") or b""
    regulator = client(node, "regulator")
    regulator.send(messages.SuspendParty(regulator.party, depository, SECRET_PURPOSE))
    regulator.send(messages.ReinstateParty(regulator.party, depository))
    broker.send(
        messages.ProposeTransaction(
            encode(
                (
                    (broker.keys[0].address, b"z" * 20),
                    (messages.AmendParty(broker.party, broker.party, SECRET_REFERENCE, ""),),
                )
            ),
            broker.time_ms() + 3_600_000,
        )
    )


NEEDLES = (
    SECRET_NAME.encode(),
    SECRET_REFERENCE.encode(),
    SECRET_PURPOSE.encode(),
    b"\x42" * 32,
    SECRET_QUANTITY.to_bytes(8, "big"),
    SECRET_QUANTITY.to_bytes(8, "little"),
    str(SECRET_QUANTITY).encode(),
)


@pytest.fixture(scope="module")
def validator(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A validator's folder at rest, two epochs old, with broker-a's opening key recorded."""
    place = tmp_path_factory.mktemp("validator")
    path = place / "ledger"
    create_ledger(path, sandbox_genesis(), key_file=place / "key")
    with open_ledger(path, workers=0) as node:
        seed(lambda: LocalConnection(node))
        broker, regulator = client(node, "broker-a"), client(node, "regulator")
        broker.send(RecordOpeningKey(broker.party, party_key("broker-a").opening_key().public_key))
        business(node)
        regulator.send(draft_epoch(node.machine, regulator.party))
        while node.machine.wired.viewkeys.epoch_in_force == 1:
            pass
        business_again = messages.GrantMandate(broker.party, b"v" * 20, (), (), SECRET_QUANTITY)
        broker.send(business_again)
    return path


@pytest.fixture
def copy(validator: Path, tmp_path: Path) -> Path:
    """What a thief, or a member who is entitled to it, took home: the folder, and no key."""
    return Path(shutil.copytree(validator, tmp_path / "taken"))


def keys_for_broker(validator: Path) -> OwnKeys:
    with open_ledger(validator, workers=0, start=False) as node:
        broker = client(node, "broker-a")
        keys = OwnKeys(broker.view_keys(party_key("broker-a").opening_key()))
        hang_founders(keys, node.genesis_bytes)
        return keys


def test_nothing_private_is_found_in_any_file(validator: Path, copy: Path) -> None:
    """Neither what was written above, nor the identity of an account (but for issuance, which terms name to everybody),
    of a relationship, a trade or an instruction, nor the beginning of any transaction."""
    searched = 0
    with open_ledger(validator, workers=0, start=False) as node:
        state = node.machine.state
        accounts = [(key, state.find(ACCOUNTS, key)) for key in state.keys(ACCOUNTS)]
        identities = [
            *(key for key, found in accounts if found is not None and found.kind is not AccountKind.ISSUANCE),
            *state.keys(RELATIONSHIPS),
            *state.keys(TRADES),
            *state.keys(INSTRUCTIONS),
        ]
        transactions = [
            raw
            for block in node.blocks()
            for item in block.block.items
            for raw in node.machine.bundles.read_again(item)
        ]
    assert len(identities) > 10
    assert len(transactions) > 10
    for file in sorted(copy.rglob("*")):
        if not file.is_file() or file.name == "genesis.json":
            continue
        data = file.read_bytes()
        searched += len(data)
        for needle in (*NEEDLES, *identities, *(raw[:64] for raw in transactions)):
            assert needle not in data, f"{needle!r} lies open in {file}"
    assert searched > 50_000
    text = (copy / "genesis.json").read_bytes()
    assert not any(needle in text for needle in NEEDLES)


def test_the_needles_are_there_to_be_found(validator: Path) -> None:
    """Else the search above would prove nothing: the node itself finds each of them."""
    with open_ledger(validator, workers=0, start=False) as node:
        raws = b"".join(
            raw
            for block in node.blocks()
            for item in block.block.items
            for raw in node.machine.bundles.read_again(item)
        )
    for needle in NEEDLES[:4]:
        assert needle in raws
    assert encode(SECRET_QUANTITY)[1:] in raws


def test_anybody_checks_order_signatures_and_headers(validator: Path, copy: Path) -> None:
    report = check_copy(copy)
    with open_ledger(validator, workers=0, start=False) as node:
        assert node.machine.last == report.last
        assert report.chain_id == node.chain_id
        assert report.blocks == report.height == report.receipts_to == node.height
        assert report.gatherers == {node.engine.address: report.bundles}
        kept = [len(node.machine.block_results(height).receipts) for height in range(1, node.height + 1)]
    assert report.receipts == sum(kept)
    assert set(report.epochs) == {1, 2}
    assert report.own == []


def test_a_member_opens_its_own_part_of_a_copy(validator: Path, copy: Path) -> None:
    report = check_copy(copy, keys_for_broker(validator))
    told = b"".join(bytes(fact) for _, one in report.own for fact in one.receipt.facts)
    assert b"u" * 20 in told
    assert b"v" * 20 in told, "in the second epoch too"
    assert SECRET_PURPOSE.encode() not in told, "that is the depository's"
    assert len(report.own) > 10


def test_a_copy_kept_by_a_follower_is_the_same(validator: Path, tmp_path: Path) -> None:
    with open_ledger(validator, workers=0, start=False) as node:
        follower = client(node, "broker-b")
        height = keep(follower, node.genesis_bytes, tmp_path / "kept")
        assert height == node.height
        assert keep(follower, node.genesis_bytes, tmp_path / "kept") == height, "nothing new"
        with pytest.raises(CopyRefused, match="another ledger"):
            keep(follower, node.genesis_bytes.replace(b"sandbox", b"sandbax"), tmp_path / "kept")
    report = check_copy(tmp_path / "kept", keys_for_broker(validator))
    assert report.own
    assert report.receipts_to == report.height == height


def test_a_backup_is_checked_and_opened_in_part_as_the_folder_is(validator: Path, tmp_path: Path) -> None:
    """Whoever takes a backup home, which holds no key, finds the ledger's folder in it."""
    with open_ledger(validator, workers=0, start=False) as node:
        last = node.machine.last
        assert last is not None
        known = Known(node.chain_id, last.height, last.digest())
    back_up(validator, tmp_path / "backup", known)
    keys = keys_for_broker(validator)
    report, whole = check_copy(tmp_path / "backup" / FILES_NAME, keys), check_copy(validator)
    assert (report.height, report.receipts_to, report.last) == (whole.height, whole.receipts_to, whole.last)
    assert len(report.own) > 10
    for file in sorted((tmp_path / "backup").rglob("*")):
        data = file.read_bytes() if file.is_file() else b""
        assert not any(needle in data for needle in NEEDLES), file


@pytest.mark.parametrize("read", ["sealed_blocks", "sealed_receipts"])
def test_a_node_that_says_there_is_more_and_shows_nothing_is_given_up(
    validator: Path, tmp_path: Path, read: str
) -> None:
    """Else whoever copies would ask it for ever."""

    class Empty(LocalConnection):
        def read(self, name: str, params: bytes) -> bytes:
            answer = super().read(name, params)
            if name != read:
                return answer
            return encode(replace(READS[name].decode_answer(answer), blocks=(), next=2))

    with open_ledger(validator, workers=0, start=False) as node:
        broker = client(node, "broker-b")
        lied_to = Client(Empty(node), *persona_keys("broker-b"), party=broker.party)
        with pytest.raises(CopyRefused, match="the node shows no"):
            keep(lied_to, node.genesis_bytes, tmp_path / "kept")


# ---- copies that somebody tampered with


def rewritten(copy: Path, change: object) -> None:
    """The log of a copy written again with some block changed; checksums and heads fit."""
    blocks: list[LoggedBlock] = []
    log = BlockLog(copy / "log", Checksums())
    blocks = [LOGGED_BLOCK.exact(payload) for _, payload in log.read_from(1)]
    log.close()
    shutil.rmtree(copy / "log")
    (copy / "log").mkdir()
    log = BlockLog(copy / "log", Checksums())
    for logged in change(blocks):  # type: ignore[operator]
        log.append(logged.block.height, encode(logged))
        log.sync()
    log.close()


def busy(blocks: list[LoggedBlock]) -> int:
    return next(at for at, one in enumerate(blocks) if one.block.items and at > 5)


def without_items(blocks: list[LoggedBlock]) -> list[LoggedBlock]:
    at = busy(blocks)
    one = blocks[at]
    block = type(one.block)(one.block.height, one.block.time_ms, one.block.proposer, (), b"", ())
    return [*blocks[:at], LoggedBlock(block, one.header, one.seal), *blocks[at + 1 :]]


def unsigned(blocks: list[LoggedBlock]) -> list[LoggedBlock]:
    at = busy(blocks)
    one = blocks[at]
    bundle, _ = read_bundle(one.block.items[0])
    items = (encode_bundle(bundle.content, bundle.key, bytes(64)),)
    block = type(one.block)(one.block.height, one.block.time_ms, one.block.proposer, (), b"", items)
    return [*blocks[:at], LoggedBlock(block, one.header, one.seal), *blocks[at + 1 :]]


def unsealed(blocks: list[LoggedBlock]) -> list[LoggedBlock]:
    at = busy(blocks)
    one = blocks[at]
    return [*blocks[:at], LoggedBlock(one.block, one.header, bytes(64)), *blocks[at + 1 :]]


def another_time(blocks: list[LoggedBlock]) -> list[LoggedBlock]:
    at = busy(blocks)
    one = blocks[at]
    block = type(one.block)(
        one.block.height, one.block.time_ms + 1, one.block.proposer, (), b"", one.block.items
    )
    return [*blocks[:at], LoggedBlock(block, one.header, one.seal), *blocks[at + 1 :]]


def exchanged(blocks: list[LoggedBlock]) -> list[LoggedBlock]:
    """Two blocks in each other's place, under each other's height."""
    at = busy(blocks)
    one, other = blocks[at], blocks[at + 1]

    def at_height(logged: LoggedBlock, height: int) -> LoggedBlock:
        block = logged.block
        moved = type(block)(height, block.time_ms, block.proposer, (), b"", block.items)
        return LoggedBlock(moved, logged.header, logged.seal)

    return [
        *blocks[:at],
        at_height(other, one.block.height),
        at_height(one, other.block.height),
        *blocks[at + 2 :],
    ]


@pytest.mark.parametrize("change", [without_items, unsigned, unsealed, another_time, exchanged])
def test_a_changed_block_is_named(copy: Path, change: object) -> None:
    rewritten(copy, change)
    with pytest.raises(CopyRefused, match=r"block \d+"):
        check_copy(copy)


def test_a_copy_that_is_cut_off_says_how_far_it_goes(copy: Path) -> None:
    whole = check_copy(copy)
    rewritten(copy, lambda blocks: blocks[:-3])
    report = check_copy(copy)
    assert report.height == whole.height - 3
    rewritten(copy, lambda blocks: blocks[3:])
    with pytest.raises(CopyRefused, match="begins with block 4"):
        check_copy(copy)


def test_flipped_bits_of_the_log_are_noticed(copy: Path) -> None:
    (path,) = sorted((copy / "log").glob("*.log"))
    data = bytearray(path.read_bytes())
    for at in range(40, len(data), max(1, len(data) // 60)):
        changed = bytearray(data)
        changed[at] ^= 0x10
        path.write_bytes(changed)
        try:
            report = check_copy(copy)
        except (CopyRefused, CorruptStorage):
            continue
        assert report.height < check_height(copy, path, bytes(data)), f"bit flipped at {at}"


def check_height(copy: Path, path: Path, data: bytes) -> int:
    path.write_bytes(data)
    return check_copy(copy).height


def test_changed_receipts_are_named(validator: Path, tmp_path: Path) -> None:
    with open_ledger(validator, workers=0, start=False) as node:
        keep(client(node, "broker-b"), node.genesis_bytes, tmp_path / "kept")
    place = tmp_path / "kept" / "receipts"
    log = BlockLog(place, Checksums())
    held = [decode_exact(payload, SealedReceipts) for _, payload in log.read_from(1)]
    log.close()
    at = next(at for at, one in enumerate(held) if len(one.receipts) > 2)
    one = held[at]
    for receipts in (
        one.receipts[1:],
        (*one.receipts, one.receipts[0]),
        (SealedReceipt(b"x" * 60, bytes(32)), *one.receipts[1:]),
    ):
        shutil.rmtree(place)
        place.mkdir()
        log = BlockLog(place, Checksums())
        for number, kept in enumerate(held):
            changed = SealedReceipts(kept.height, receipts) if number == at else kept
            log.append(kept.height, encode(changed))
        log.sync()
        log.close()
        with pytest.raises(CopyRefused, match=f"receipts of block {one.height}"):
            check_copy(tmp_path / "kept")


def test_what_is_no_copy_is_refused(copy: Path, tmp_path: Path) -> None:
    with pytest.raises(CopyRefused, match="genesis"):
        check_copy(tmp_path)
    (tmp_path / "genesis.json").write_bytes(b"{}")
    with pytest.raises(CopyRefused):
        check_copy(tmp_path)
    (tmp_path / "genesis.json").write_bytes((copy / "genesis.json").read_bytes())
    (tmp_path / "log").mkdir()
    with pytest.raises(CopyRefused, match="no block"):
        check_copy(tmp_path)
    text = (copy / "genesis.json").read_text()
    (copy / "genesis.json").write_text(re.sub(r'"name": "[a-z]+"', '"name": "other"', text))
    with pytest.raises(CopyRefused, match="not sealed by a key"):
        check_copy(copy)
