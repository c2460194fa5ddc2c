"""Whether a proof answers what was asked: a true proof of something else is no answer.

What the asker must know for it is in the question, in the proof, and in the headers that the asker has checked itself.
What none of them tells rests on the word of nodes (`rests_on_word`), of which more than one is asked then.
"""

from __future__ import annotations

from typing import Protocol

from counterfoil.modules.feeds.records import FEED_VALUES, FEEDS, feed_key
from counterfoil.modules.holdings.records import ACCOUNTS, HOLDINGS, REGISTER
from counterfoil.modules.instruments.records import INSTRUMENTS, TERMS
from counterfoil.modules.settlement.records import INSTRUCTIONS
from counterfoil.modules.trades.records import BUYS, SELLS, TRADE_CLIENTS, TRADES
from counterfoil.modules.validators.records import VALIDATOR_SETS
from counterfoil.node.clock import parse_instant
from counterfoil.node.reads_base import is_date_text
from counterfoil.node.reads_proofs import ProofOf
from counterfoil.primitives.codec import Decoder
from counterfoil.state.light_blocks import LightBlock
from counterfoil.state.proof_formats import Place, ProofKind
from counterfoil.verify import Verified

BEHIND_MAX = 100
"""Blocks that a node may be behind the asker and still answer for now."""

_INSTRUMENT, _ACCOUNT = Decoder(INSTRUMENTS.record), Decoder(ACCOUNTS.record)
_SET = Decoder(VALIDATOR_SETS.record)


def is_answered(asked: ProofOf, found: Verified, light: LightBlock | None) -> bool:
    """Whether a proof that holds is one of what was asked. light: CometBFT's block of its height, None without one."""
    records = {(one.table, one.key) for one in found.records}
    holding = (HOLDINGS.number, asked.account + asked.instrument)
    match asked.kind:
        case "header":
            return found.kind is ProofKind.HEADER
        case "holding":
            return found.kind is ProofKind.RECORDS and records == {holding}
        case "account":
            return found.kind is ProofKind.RECORDS and records == {(ACCOUNTS.number, asked.account)}
        case "instruction":
            return found.kind is ProofKind.RECORDS and records == {(INSTRUCTIONS.number, asked.business)}
        case "no-holding":
            return found.kind is ProofKind.ABSENCE and _is_place(asked, found, member=True)
        case "register":
            return found.kind is ProofKind.LIST and _is_place(asked, found, member=False)
        case "terms":
            return found.kind is ProofKind.RECORDS and all(
                table == TERMS.number and key.startswith(asked.instrument) for table, key in records
            )
        case "trade":
            clients = {(TRADE_CLIENTS.number, asked.business + side) for side in (SELLS, BUYS)}
            trade = (TRADES.number, asked.business)
            return found.kind is ProofKind.RECORDS and {trade} <= records <= {trade} | clients
        case "feed":
            key = feed_key(asked.name)
            feed = (FEEDS.number, key)
            return found.kind is ProofKind.RECORDS and {feed} <= records <= {feed, (FEED_VALUES.number, key)}
        case "validators":
            return found.kind is ProofKind.RECORDS and _are_validators(found, light)
        case "receipt":
            return found.kind is ProofKind.RECEIPTS and all(
                one.receipt.action == asked.business for one in found.receipts
            )
    return False


class Headers(Protocol):
    """Those that the asker has checked itself."""

    @property
    def last_height(self) -> int:
        """Of the last one that is signed."""

    def in_force(self, height: int) -> int:
        """The height of the last block with a header up to a height; 0 where there is none."""

    def in_force_at(self, time_ms: int) -> int:
        """The same up to an instant."""


def is_of_moment(asked: ProofOf, found: Verified, headers: Headers) -> bool:
    """Whether it is as of the moment that was asked for: by the asker's headers, unless that is a business date."""
    at, last_height = asked.at.strip(), headers.last_height
    if not at:
        return found.height >= last_height - BEHIND_MAX
    if is_date_text(at):
        return True
    if at.isascii() and at.isdigit() and len(at) < 20:
        height = int(at)
        return headers.in_force(min(height, last_height)) <= found.height <= height
    try:
        instant_ms = parse_instant(at)
    except ValueError:
        return False
    expected = headers.in_force_at(instant_ms)
    if found.height <= last_height:
        return headers.in_force(found.height) == expected
    return expected == headers.in_force(last_height) and found.in_force.time_ms <= instant_ms


def rests_on_word(asked: ProofOf, found: Verified) -> bool:
    """Whether part of the answer is what no proof shows: which height a business date is, that terms are the last ones,
    that a feed has no value, or a trade no client, where none is shown."""
    if is_date_text(asked.at.strip()) or asked.kind == "terms":
        return True
    shown = [one.table for one in found.records]
    if asked.kind == "feed":
        return FEED_VALUES.number not in shown
    return asked.kind == "trade" and shown.count(TRADE_CLIENTS.number) < 2


def is_said_too(found: Verified, other: Verified) -> bool:
    """Whether another node's answer, to the same question at the same moment, shows the same."""
    return (other.kind, other.height) == (found.kind, found.height) and _shown(other) == _shown(found)


def _shown(found: Verified) -> set[tuple[int, bytes, bytes]]:
    return {(one.table, one.key, one.value) for one in found.records}


def _is_place(asked: ProofOf, found: Verified, *, member: bool) -> bool:
    """Whether it speaks of the asked instrument's register (and account), as the records say that hold the handles."""
    parent = account = b""
    for one in found.named:
        if (one.table, one.key) == (INSTRUMENTS.number, asked.instrument):
            parent = _INSTRUMENT.exact(one.value).handle
        if member and (one.table, one.key) == (ACCOUNTS.number, asked.account):
            account = _ACCOUNT.exact(one.value).handle
    return bool(parent) and bool(account) == member and found.place == Place(REGISTER.number, parent, account)


def _are_validators(found: Verified, light: LightBlock | None) -> bool:
    """One set, that of the block itself where its engine's validators are known."""
    if [one.table for one in found.records] != [VALIDATOR_SETS.number]:
        return False
    (shown,) = found.records
    if light is None:
        return int.from_bytes(shown.key, "big") <= found.height
    recorded = {entry.key: entry.power for entry in _SET.exact(shown.value).entries}
    return recorded == {validator.key: validator.power for validator in light.validators}
