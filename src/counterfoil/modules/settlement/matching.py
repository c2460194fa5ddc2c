"""Matching: two instructions that agree, found by a digest of what must agree."""

from __future__ import annotations

from typing import cast

from sortedcontainers import SortedList

from counterfoil.modules.markets.interface import MatchingField, Rulebook
from counterfoil.modules.settlement.books import SettlementBooks
from counterfoil.modules.settlement.reasons import Reason
from counterfoil.modules.settlement.records import Instruction, Movement
from counterfoil.primitives.digests import MATCHING_FIELDS, digest

CANDIDATES_MAX = 1_024
"""Unmatched instructions with the same fields that are looked at for one: they differ in amount or account only."""

_SIDE = {Movement.DELIVER: b"d", Movement.RECEIVE: b"r"}
_OTHER_SIDE = {Movement.DELIVER: b"r", Movement.RECEIVE: b"d"}


def matching_key(instruction: Instruction, rulebook: Rulebook) -> bytes:
    """Where an unmatched instruction waits: digest of the fields (32 bytes), then side (1) and entry (8)."""
    entry = instruction.entry.to_bytes(8, "big")
    return fields_digest(instruction, rulebook) + _SIDE[instruction.movement] + entry


def fields_digest(instruction: Instruction, rulebook: Rulebook) -> bytes:
    """What must agree exactly, the same seen from both sides.

    Always: market, method, instrument, quantity, asset, intended settlement date, transaction type and the two
    parties; the amount where the market tolerates no difference; further fields by the rulebook.
    """
    delivers = instruction.movement is Movement.DELIVER
    deliverer, receiver = instruction.party, instruction.counterparty
    client, counterparty_client = instruction.client, instruction.counterparty_client
    if not delivers:
        deliverer, receiver = receiver, deliverer
        client, counterparty_client = counterparty_client, client
    fields = rulebook.matching_fields
    return digest(
        MATCHING_FIELDS,
        instruction.market.encode(),
        bytes((instruction.method,)),
        instruction.instrument_id,
        instruction.quantity.to_bytes(8, "big"),
        instruction.asset,
        instruction.settlement_date.to_bytes(4, "big"),
        instruction.transaction_type.encode(),
        deliverer,
        receiver,
        b"" if rulebook.amount_tolerance else instruction.amount.to_bytes(8, "big"),
        instruction.trade_date.to_bytes(4, "big") if MatchingField.TRADE_DATE in fields else b"",
        instruction.common_reference.encode() if MatchingField.COMMON_REFERENCE in fields else b"",
        instruction.trade_reference.encode() if MatchingField.TRADE_REFERENCE in fields else b"",
        client.encode() if MatchingField.CLIENTS in fields else b"",
        counterparty_client.encode() if MatchingField.CLIENTS in fields else b"",
    )


def find_match(
    books: SettlementBooks, instruction: Instruction, rulebook: Rulebook
) -> tuple[bytes, Instruction, bytes] | Reason:
    """The unmatched instruction of the other side that fits best: (its id, itself, its key in the index), or why none.

    Best is the smallest difference of the amounts, then the earliest entry (T2S matches in that order too).
    """
    prefix = fields_digest(instruction, rulebook) + _OTHER_SIDE[instruction.movement]
    index = cast("SortedList[bytes]", books.matching.index)
    best: tuple[bytes, Instruction, bytes] | None = None
    least = rulebook.amount_tolerance + 1
    why = Reason.NO_MATCH
    at = index.bisect_left(prefix)
    for key in index.islice(at, at + CANDIDATES_MAX):
        if not key.startswith(prefix):
            break
        waiting = books.matching.find(key)
        candidate_id = waiting.instruction if waiting is not None else b""
        candidate = books.instructions.find(candidate_id)
        if candidate is None:
            continue
        if not _accounts_agree(instruction, candidate):
            why = Reason.ACCOUNT_DIFFERS if why is Reason.NO_MATCH else why
            continue
        difference = abs(instruction.amount - candidate.amount)
        if difference < least:
            best, least = (candidate_id, candidate, key), difference
            if not difference:
                break
        elif best is None:
            why = Reason.AMOUNT_DIFFERS
    return why if best is None else best


def _accounts_agree(one: Instruction, other: Instruction) -> bool:
    """Whether each names the other's account or none, and both mean the same trade where both name one."""
    return (
        one.account != other.account
        and one.counterparty_account in (b"", other.account)
        and other.counterparty_account in (b"", one.account)
        and (not one.trade or not other.trade or one.trade == other.trade)
    )
