"""What a proof has proven, as values and in words."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from counterfoil.primitives.calendars import date_of_day, date_text
from counterfoil.state.headers import Header
from counterfoil.state.proof_formats import Place, ProofKind
from counterfoil.state.receipts import Receipt
from counterfoil.verify.grounds import Ground, Origin

_DAY_MS = 86_400_000
_MS_NS = 1_000_000


class ProvenRecord(NamedTuple):
    """A value, and the heights at whose end it is proven to have stood: from its change in block `since` on."""

    table: int
    key: bytes
    value: bytes
    since: int
    until: int


class ProvenReceipt(NamedTuple):
    """A receipt, and the digest of its sealed form (zero bytes where it has none)."""

    receipt: Receipt
    sealed: bytes


@dataclass(frozen=True)
class Describe:
    """What the caller knows of the ledger's records and facts, so that values can be told in the market's words.

    record(table, key, value) → text. handle(table, key, value) → the handle that the record commits to, or None.
    list_name(number) → text. fact(encoded) → text. Each may be left out.
    """

    record: Callable[[int, bytes, bytes], str] | None = None
    handle: Callable[[int, bytes, bytes], bytes | None] | None = None
    list_name: Callable[[int], str] | None = None
    fact: Callable[[bytes], str] | None = None


@dataclass(frozen=True)
class Verified:
    """What holds if the genesis file is the ledger's and those who vouch for its headers keep one history only.

    height: all of it is as of the end of this block; in_force: header of the last block up to there. sealed: the
    header that vouches for all; ground: who vouches for that. place: the question, for ABSENCE and LIST. records: for
    RECORDS those shown, for LIST all members. named: records that hold the handles in `place`. instant_ms: the
    question's instant, if it had one.
    """

    kind: ProofKind
    chain_id: str
    sandbox: bool
    height: int
    in_force: Header
    sealed: Header
    ground: Ground
    instant_ms: int | None
    place: Place | None
    records: tuple[ProvenRecord, ...]
    named: tuple[ProvenRecord, ...]
    receipts: tuple[ProvenReceipt, ...]

    def sentences(self, describe: Describe | None = None) -> list[str]:
        """The whole of what is proven, in words."""
        words = _Words(self, describe or Describe())
        said = [words.ground(), *words.claim()]
        return ["This is a sandbox ledger: what it says has no value.", *said] if self.sandbox else said


_ORIGINS = {
    Origin.FOUNDING_VALIDATORS: "These validators follow from the founding ones that the genesis file names.",
    Origin.HANDOVER: (
        "These validators follow from those to whom a key that the genesis file names handed the ledger over after "
        "block {start}."
    ),
    Origin.LIGHT_BLOCK: "These validators follow from the light block {start} that was given as believed.",
}


class _Words:
    def __init__(self, verified: Verified, describe: Describe) -> None:
        self._verified = verified
        self._describe = describe

    def ground(self) -> str:
        sealed, ground = self._verified.sealed, self._verified.ground
        said = (
            f"Ledger {self._verified.chain_id}, proven from the header of block {sealed.height} of "
            f"{instant_text(sealed.time_ms)}, "
        )
        if ground.origin is Origin.SEALER:
            return f"{said}sealed by a key that the genesis file names."
        return (
            f"{said}which the network's block {ground.height} of {instant_text(ground.at_ns // _MS_NS)} names, "
            f"signed by {ground.signers} of {ground.validators} validators with {ground.power} of a voting power of "
            f"{ground.total_power}. {_ORIGINS[ground.origin].format(start=ground.start)}"
        )

    def claim(self) -> list[str]:
        verified = self._verified
        if verified.kind is ProofKind.RECORDS:
            return [f"{self._when()}: {self._record(record)}" for record in verified.records]
        if verified.kind is ProofKind.HEADER:
            return [f"{self._when()}: its application hash is {verified.in_force.digest().hex()}."]
        if verified.kind is ProofKind.RECEIPTS:
            return [self._receipt(shown) for shown in verified.receipts]
        place = verified.place or Place(0, b"")
        if verified.kind is ProofKind.ABSENCE:
            member = self._named(place.member)
            return [f"{self._when()}: {self._list(place)} had no member of {member}."]
        count = len(verified.records)
        said = f"{self._when()}: {self._list(place)} had exactly {count} member{'' if count == 1 else 's'}."
        return [said, *(self._record(record) for record in verified.records)]

    def _when(self) -> str:
        verified = self._verified
        time = instant_text(verified.in_force.time_ms)
        if verified.instant_ms is not None:
            return (
                f"At {instant_text(verified.instant_ms)}, when the last block was {verified.height} of {time}"
            )
        if verified.in_force.height == verified.height:
            return f"At the end of block {verified.height} of {time}"
        return f"At height {verified.height}, when the last block was {verified.in_force.height} of {time}"

    def _record(self, record: ProvenRecord) -> str:
        return f"{self._told(record)} (so since block {record.since})"

    def _told(self, record: ProvenRecord) -> str:
        if self._describe.record is not None:
            return self._describe.record(record.table, record.key, record.value)
        return f"record {record.key.hex()} of table {record.table} was {record.value.hex()}"

    def _list(self, place: Place) -> str:
        name = self._describe.list_name(place.number) if self._describe.list_name is not None else ""
        return f"the list {name or place.number} of {self._named(place.parent)}"

    def _named(self, handle: bytes) -> str:
        text = f"handle {handle.hex()}"
        if self._describe.handle is None:
            return text
        for record in self._verified.named:
            if self._describe.handle(record.table, record.key, record.value) == handle:
                return f"{text} ({self._told(record)})"
        return f"{text} (no record in this proof says whose that is)"

    def _receipt(self, shown: ProvenReceipt) -> str:
        receipt = shown.receipt
        facts = [bytes(fact) for fact in receipt.facts]
        told = [self._describe.fact(fact) if self._describe.fact else fact.hex() for fact in facts]
        numbers = ", ".join(
            "accepted" if not result.number else str(result.number) for result in receipt.results
        )
        said = (
            f"{self._when()}: the receipt of action {receipt.action.hex()} at position {receipt.position}, "
            f"for {receipt.stakeholder.hex()}"
        )
        results = f"; results of its messages: {numbers}" if numbers else ""
        return (
            f"{said}{results}; {'what it was told: ' + '; '.join(told) if told else 'it was told no facts'}."
        )


def instant_text(time_ms: int) -> str:
    """A time in milliseconds since 1970 as "2013-10-07 15:30:00.123 UTC"."""
    day, rest = divmod(time_ms, _DAY_MS)
    try:
        date = date_text(date_of_day(day))
    except ValueError:
        return f"{time_ms} ms since 1970"
    seconds, milliseconds = divmod(rest, 1000)
    minutes, second = divmod(seconds, 60)
    hour, minute = divmod(minutes, 60)
    return f"{date} {hour:02d}:{minute:02d}:{second:02d}.{milliseconds:03d} UTC"
