"""Public keys and threshold policies under names of DNS: the record, its text, and what signs it.

A record is one TXT record at `_counterfoil.NAME`, such as

    v=cf1; a=cfk1...; t=2; k=AQ...,AS...,AX...; b=1700000000; e=1707776000; s=0:w3...,2:Zp...

v: the format. a: the address whose keys these are (not the policy's own where keys were rotated). t: how many of the
keys must sign. k: the tagged keys, ascending, in base64url without padding. b, e: seconds since 1970 UTC from which and
until which it may be used. s: signatures of at least t of the keys, each after its key's place, over the name and all
that stands before. So the record speaks for itself: who holds the keys wanted them under this name, in this time. That
the name is whom one thinks it is, only DNSSEC, or an address that one knows, can say.
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from counterfoil.custody.key_store import KeyStoreError
from counterfoil.custody.signers import Signer
from counterfoil.primitives.addresses import AddressKind, from_text, to_text
from counterfoil.primitives.digests import NAME_RECORD
from counterfoil.primitives.signatures import KeyPolicy, is_valid_policy, policy_address, verify

LABEL: Final = "_counterfoil"
VERSION: Final = "cf1"
TEXT_BYTES_MAX: Final = 4_096
"""Sixteen keys and as many signatures take half of it."""
STRING_BYTES_MAX: Final = 255
"""Of one string of a TXT record; longer texts are several, put together again."""
NAME_BYTES_MAX: Final = 253 - len(LABEL) - 1
DAY_SECONDS: Final = 86_400
DAYS_MAX: Final = 400
"""A record is renewed at least about once a year: nobody else can take it back when a key is lost."""
TTL_SECONDS: Final = 3_600

_HOST: Final = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*")
_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,11}")
_FIELDS: Final = ("v", "a", "t", "k", "b", "e", "s")


class NameRecordError(KeyStoreError):
    """A record cannot be made, or what was found is none that may be used; the message says why."""


class NameRecord(NamedTuple):
    """name: in lower case, without the label and the last dot. signatures: (place of the key, 64 bytes)."""

    name: str
    address: bytes
    policy: KeyPolicy
    begins_s: int
    expires_s: int
    signatures: tuple[tuple[int, bytes], ...]

    @property
    def is_own_address(self) -> bool:
        """Whether the address is that of these very keys; else only the ledger says that they are in force for it."""
        return self.address == policy_address(self.policy)

    @property
    def text(self) -> str:
        signatures = ",".join(f"{place}:{_encoded(signature)}" for place, signature in self.signatures)
        return f"{self.unsigned}; s={signatures}"

    @property
    def unsigned(self) -> str:
        keys = ",".join(_encoded(key) for key in self.policy.keys)
        address = to_text(AddressKind.SIGNER, self.address)
        return f"v={VERSION}; a={address}; t={self.policy.threshold}; k={keys}; b={self.begins_s}; e={self.expires_s}"

    @property
    def signed_bytes(self) -> bytes:
        return NAME_RECORD + self.name.encode("ascii") + b"\x00" + self.unsigned.encode("ascii")


def canonical_name(name: str) -> str:
    """A host name as records are signed with it. Names in other scripts are given in their xn-- form."""
    lower = name.strip().rstrip(".").lower()
    if len(lower) > NAME_BYTES_MAX or _HOST.fullmatch(lower) is None:
        raise NameRecordError(
            f"{name!r} is no name of DNS: letters, digits, hyphens between dots; other scripts in their xn-- form."
        )
    return lower


def make_record(
    name: str,
    policy: KeyPolicy,
    signers: Iterable[Signer],
    *,
    begins_s: int,
    expires_s: int,
    address: bytes = b"",
) -> NameRecord:
    """A record signed by keys of the policy, as many as its threshold. address: where it is not the policy's own."""
    if not is_valid_policy(policy):
        raise NameRecordError(
            "A policy is 1 to 16 different good keys, ascending, with a threshold of 1 to their number."
        )
    record = NameRecord(
        canonical_name(name), address or policy_address(policy), policy, begins_s, expires_s, ()
    )
    _check_time(record)
    message = record.signed_bytes
    by_place = {policy.keys.index(one.public_key): one for one in signers if one.public_key in policy.keys}
    signatures = tuple((place, by_place[place].sign(message)) for place in sorted(by_place))
    signed = record._replace(signatures=signatures)
    _check_signatures(signed)
    return signed


def read_record(name: str, text: str, now_s: int) -> NameRecord:
    """The record in a text that was found under the name. NameRecordError where it may not be used now."""
    if len(text.encode()) > TEXT_BYTES_MAX:
        raise NameRecordError(f"The record under {name} is longer than {TEXT_BYTES_MAX} bytes.")
    try:
        record = _parsed(canonical_name(name), text)
    except ValueError as error:
        raise NameRecordError(f"What stands under {name} is no record of this format: {error}.") from None
    if record.text != text or not is_valid_policy(record.policy):
        raise NameRecordError(
            f"What stands under {name} is not the one form of such a record, or has bad keys."
        )
    _check_time(record)
    _check_signatures(record)
    if now_s < record.begins_s:
        raise NameRecordError(f"The record under {name} may not be used yet.")
    if now_s >= record.expires_s:
        raise NameRecordError(f"The record under {name} has expired; its owner has to publish it anew.")
    return record


def zone_lines(record: NameRecord, ttl_seconds: int = TTL_SECONDS) -> str:
    """The record as a line for a zone file."""
    strings = " ".join(f'"{part}"' for part in strings_of(record.text))
    return f"{LABEL}.{record.name}. {ttl_seconds} IN TXT {strings}"


def strings_of(text: str) -> Sequence[str]:
    """A text in pieces that a TXT record takes."""
    return [text[at : at + STRING_BYTES_MAX] for at in range(0, len(text), STRING_BYTES_MAX)]


def _parsed(name: str, text: str) -> NameRecord:
    """ValueError says which field is wrong."""
    fields = [part.split("=", 1) for part in text.split("; ")]
    if [field[0] for field in fields] != list(_FIELDS) or any(len(field) != 2 for field in fields):
        raise ValueError(f"its fields are not {', '.join(_FIELDS)} in this order")
    found = dict(fields)
    if found["v"] != VERSION:
        raise ValueError(f"its version is not {VERSION}")
    signatures = []
    for part in found["s"].split(","):
        place, colon, signature = part.partition(":")
        if not colon:
            raise ValueError("a signature without its key's place")
        signatures.append((_number(place), _decoded(signature)))
    return NameRecord(
        name,
        from_text(found["a"], AddressKind.SIGNER),
        KeyPolicy(_number(found["t"]), tuple(_decoded(key) for key in found["k"].split(","))),
        _number(found["b"]),
        _number(found["e"]),
        tuple(signatures),
    )


def _check_time(record: NameRecord) -> None:
    if not 0 < record.expires_s - record.begins_s <= DAYS_MAX * DAY_SECONDS:
        raise NameRecordError(f"A record is for at most {DAYS_MAX} days, and ends after it begins.")


def _check_signatures(record: NameRecord) -> None:
    keys, message = record.policy.keys, record.signed_bytes
    places = [place for place, _ in record.signatures]
    good = (
        places == sorted(set(places))
        and all(0 <= place < len(keys) for place in places)
        and all(verify(keys[place], message, signature) for place, signature in record.signatures)
    )
    if not good or len(places) < record.policy.threshold:
        raise NameRecordError(
            f"The record for {record.name} is not signed by {record.policy.threshold} of its keys for this name."
        )


def _number(text: str) -> int:
    if _NUMBER.fullmatch(text) is None:
        raise ValueError(f"{text[:20]!r} is no number")
    return int(text)


def _encoded(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _decoded(text: str) -> bytes:
    if re.fullmatch(r"[A-Za-z0-9_-]{1,200}", text) is None:
        raise ValueError("a key or signature is not in base64url")
    data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if _encoded(data) != text:
        raise ValueError("a key or signature is not in its one form of base64url")
    return data
