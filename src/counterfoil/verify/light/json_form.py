"""Light blocks as CometBFT writes them in JSON: in the answers of its RPC, and in other light clients' test files.

Heights and powers are text there, hashes and addresses hexadecimal in capitals, signatures and keys base64,
times as in RFC 3339 with up to nine decimals. What is absent may be null, empty or left out.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode
from collections.abc import Sequence
from typing import Any

from counterfoil.primitives.calendars import date_of, day_number
from counterfoil.primitives.signatures import ED25519
from counterfoil.state.light_blocks import (
    FLAG_ABSENT,
    BlockId,
    Commit,
    CommitSignature,
    ConsensusHeader,
    LightBlock,
    Validator,
)
from counterfoil.verify.light.encoding import address_of_validator, in_order
from counterfoil.verify.light.refusals import Invalid, require

ED25519_TYPE = "tendermint/PubKeyEd25519"
_TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?Z")
_DAY_S = 86_400


def read_light_block(signed_header: Any, validators: Any) -> LightBlock:
    """From a `signed_header` and a list of validators, in any order. `Invalid` where the form is not theirs."""
    try:
        return LightBlock(
            header=_header(signed_header["header"]),
            commit=_commit(signed_header["commit"]),
            validators=read_validators(validators),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Invalid(f"not a light block in CometBFT's JSON: {error!r}") from None


def read_validators(validators: Any) -> tuple[Validator, ...]:
    """From a list of validators, which is put into the order of a validator set."""
    try:
        return in_order([_validator(one) for one in validators or ()])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Invalid(f"not validators in CometBFT's JSON: {error!r}") from None


def read_commit(commit: Any) -> Commit:
    """From a `commit`, as a signed header or the next block has it."""
    try:
        return _commit(commit)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Invalid(f"not a commit in CometBFT's JSON: {error!r}") from None


def _validator(one: Any) -> Validator:
    key = one["pub_key"]
    require(
        key["type"] == ED25519_TYPE, f"a validator's key is of type {key['type']!r}; only Ed25519 is verified"
    )
    read = Validator(ED25519 + _base64(key["value"]), int(one["voting_power"]))
    require(
        "address" not in one or _hex(one["address"]) == address_of_validator(read.key),
        "a validator's address is not its key's",
    )
    return read


def _header(fields: Any) -> ConsensusHeader:
    return ConsensusHeader(
        chain_id=str(fields["chain_id"]),
        height=int(fields["height"]),
        at_ns=parse_time(fields["time"]),
        validators_hash=_hex(fields["validators_hash"]),
        next_validators_hash=_hex(fields["next_validators_hash"]),
        app_hash=_hex(fields["app_hash"]),
        proposer=_hex(fields["proposer_address"]),
        block_version=int(fields["version"]["block"]),
        app_version=int(fields["version"].get("app") or 0),
        last_block=_block_id(fields.get("last_block_id")),
        last_commit_hash=_hex(fields.get("last_commit_hash")),
        data_hash=_hex(fields.get("data_hash")),
        consensus_hash=_hex(fields.get("consensus_hash")),
        last_results_hash=_hex(fields.get("last_results_hash")),
        evidence_hash=_hex(fields.get("evidence_hash")),
    )


def _commit(fields: Any) -> Commit:
    signatures: Sequence[Any] = fields["signatures"] or ()
    return Commit(
        height=int(fields["height"]),
        round=int(fields["round"]),
        block=_block_id(fields["block_id"]),
        signatures=tuple([_signature(one) for one in signatures]),
    )


def _signature(one: Any) -> CommitSignature:
    flag = int(one["block_id_flag"])
    address, signature = _hex(one.get("validator_address")), _base64(one.get("signature"))
    time = 0 if flag == FLAG_ABSENT else parse_time(one["timestamp"])
    return CommitSignature(flag, address, time, signature)


def _block_id(fields: Any) -> BlockId:
    if not fields:
        return BlockId()
    parts = fields.get("parts") or fields.get("part_set_header") or {}
    return BlockId(_hex(fields["hash"]), int(parts.get("total") or 0), _hex(parts.get("hash")))


def parse_time(text: str) -> int:
    """Nanoseconds since 1970 UTC of a time as in RFC 3339, in UTC. ValueError where it is none."""
    found = _TIME.fullmatch(text)
    if found is None:
        raise ValueError(f"{text[:40]!r} is no time in UTC")
    year, month, day, hour, minute, second = (int(part) for part in found.groups()[:6])
    if hour > 23 or minute > 59 or second > 59:
        raise ValueError(f"{text!r} is no time of a day")
    seconds = day_number(date_of(year, month, day)) * _DAY_S + (hour * 60 + minute) * 60 + second
    return seconds * 1_000_000_000 + int((found[7] or "").ljust(9, "0"))


def _hex(text: str | None) -> bytes:
    return bytes.fromhex(text or "")


def _base64(text: str | None) -> bytes:
    try:
        return b64decode(text or "", validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from None
