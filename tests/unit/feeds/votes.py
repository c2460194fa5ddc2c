"""Validators that vote, as CometBFT would report it: extended commits, and the blocks that hold them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from counterfoil.machine.feed_items import (
    BlockIdFlag,
    ExtendedCommit,
    ExtendedVote,
    encode_extension,
    make_feed_item,
)
from counterfoil.machine.machine import Outcome
from counterfoil.modules.feeds.interface import Seen
from counterfoil.modules.feeds.messages import DefineFeed
from counterfoil.modules.validators.messages import AddValidator
from counterfoil.node.personas import PERSONAS
from counterfoil.verify.light.encoding import address_of_validator, extension_bytes, votes_info
from tests.model.desk import Desk, party
from tests.model.opening import consensus_key

MINUTE = 60_000
FOUR = ("exchange", "notary", "trustee", "broker-a")
SEVEN = (*FOUR, "broker-b", "depository", "central-bank")
FEED = DefineFeed("USD/EUR", "EUR per USD", 4, (), 3, 10 * MINUTE, 1, 60 * MINUTE, 500, 20)
COMMIT, ABSENT, NIL = BlockIdFlag.COMMIT, BlockIdFlag.ABSENT, BlockIdFlag.NIL


def validating(names: Iterable[str] = FOUR, power: int = 10) -> Desk:
    """A ledger with these validators in force, and one feed that they observe."""
    desk = Desk()
    desk.carry(*(AddValidator(party(name), consensus_key(name).public_key, power) for name in names), FEED)
    for name in ("EUR/GBP", "EUR/JPY"):
        desk.carry(DefineFeed(name, "a rate", 4, (), 3, 10 * MINUTE, 1, 60 * MINUTE, 500, 20))
    desk.pass_time()
    return desk


def seen(desk: Desk, value: int, name: str = "USD/EUR", age_ms: int = 0) -> Seen:
    return Seen(name, value, desk.next_time_ms() - age_ms)


def votes_on_last(
    desk: Desk,
    extensions: Mapping[str, bytes],
    *,
    flags: Mapping[str, BlockIdFlag] | None = None,
    round_: int = 0,
    sign: Callable[[str, bytes], bytes] | None = None,
) -> ExtendedCommit:
    """The extended commit of the last block: everybody votes for it, and extends its vote with what is said here."""
    by_address = {address_of_validator(consensus_key(card.name).public_key): card.name for card in PERSONAS}
    votes = []
    for entry in desk.machine.validators(desk.height):
        address = address_of_validator(entry.key)
        name = by_address[address]
        flag = (flags or {}).get(name, COMMIT)
        if flag is not COMMIT:
            votes.append(ExtendedVote(address, entry.power, flag))
            continue
        extension = extensions.get(name, b"")
        signed = extension_bytes(desk.chain_id, desk.height, round_, extension)
        signature = (sign or _signed)(name, signed)
        votes.append(ExtendedVote(address, entry.power, flag, extension, signature))
    return ExtendedCommit(round_, tuple(votes))


def _signed(name: str, message: bytes) -> bytes:
    return consensus_key(name).sign(message)


def bare(commit: ExtendedCommit) -> bytes:
    """What the engine reports of it."""
    return votes_info(commit.round, [(vote.address, vote.power, vote.flag) for vote in commit.votes])


def observed(desk: Desk, values: Mapping[str, int], **more: Any) -> ExtendedCommit:
    """Who of the validators observed which value of the one feed."""
    extensions = {name: encode_extension((seen(desk, value),)) for name, value in values.items()}
    return votes_on_last(desk, extensions, **more)


def next_block(desk: Desk, commit: ExtendedCommit, **more: Any) -> list[Outcome]:
    """The block after it, whose proposer holds this extended commit."""
    return desk.decide(feed_item=make_feed_item(commit), last_commit=bare(commit), **more)
