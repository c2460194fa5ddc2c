"""What a verifier must believe beforehand: a ledger's genesis file, hence its name and who vouches for its headers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from hashlib import sha256
from typing import Any, NamedTuple

from counterfoil.primitives.codec import Malformed
from counterfoil.primitives.digests import GENESIS
from counterfoil.primitives.signatures import check_key
from counterfoil.state.light_blocks import LightBlock, Validator
from counterfoil.state.proof_formats import Handover
from counterfoil.verify.light.commits import Votes, check_light_block, check_own_commit, check_validators
from counterfoil.verify.light.files import read_handover, read_light_blocks
from counterfoil.verify.light.handover import check_handover
from counterfoil.verify.light.refusals import Invalid
from counterfoil.verify.light.steps import TrustedState

_CHAIN_ID_DIGEST_SIZE = 8
_NAME_MAX = 33


class Trust(NamedTuple):
    """chain_id: the name and the first 16 hexadecimal digits of the genesis digest.

    sealers: tagged keys that may seal headers under the embedded engine. time_ms: of the founding. validators: the
    founding ones of a ledger that was founded as a network, which has no sealers. handover, light_block: what is
    believed beside the genesis file, if anything: that the ledger went over to a network, or a light block of it.
    """

    chain_id: str
    genesis: bytes
    sealers: tuple[bytes, ...]
    sandbox: bool
    time_ms: int = 0
    validators: tuple[Validator, ...] = ()
    handover: Handover | None = None
    light_block: LightBlock | None = None

    @classmethod
    def in_genesis(cls, data: bytes) -> Trust:
        """From the exact bytes of a genesis file. ValueError where it is none.

        Whoever takes the file from a stranger trusts that stranger: compare its digest, or the chain id, with what
        the market publishes.
        """
        try:
            content = json.loads(data)
            name, sealers, sandbox = content["name"], content["sealers"], content.get("sandbox", False)
            keys = tuple([bytes.fromhex(key) for key in sealers])
            time_ms, validators = content.get("time_ms", 0), founding_validators(content)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise ValueError(f"this is not a genesis file: {error!r}") from None
        if not isinstance(name, str) or not 0 < len(name.encode()) <= _NAME_MAX:
            raise ValueError("this is not a genesis file: it does not name a ledger")
        if type(time_ms) is not int or not 0 <= time_ms < 2**63:
            raise ValueError("this is not a genesis file: the time of the founding is none")
        if not isinstance(sandbox, bool):
            raise ValueError("this is not a genesis file: its sandbox flag is neither true nor false")
        if not all(check_key(key) for key in keys) or not (keys or validators):
            raise ValueError(
                "the genesis file does not name good keys that may seal headers, or else validators"
            )
        digest = sha256(GENESIS + data).digest()
        chain_id = f"{name}-{digest[:_CHAIN_ID_DIGEST_SIZE].hex()}"
        return cls(chain_id, digest, keys, sandbox, time_ms, () if keys else validators)

    def believing(self, data: bytes) -> Trust:
        """Beside the genesis file, believe a file that one has from a source that one trusts.

        A handover: the ledger's old sealers are not believed for what came after it. A file of light blocks: its last
        one is believed, and nothing that does not follow from it. ValueError where the file is neither, or is not of
        this ledger or not signed as it should be.
        """
        try:
            return self._replace(handover=self._own(read_handover(data)))
        except Malformed:
            pass
        try:
            block = read_light_blocks(data)[-1]
            check_light_block(block, self.chain_id)
            check_own_commit(Votes(block), block.validators)
        except (Malformed, Invalid) as error:
            raise ValueError(f"this is no file from which trust could begin: {error}") from None
        return self._replace(light_block=block)

    def _own(self, handover: Handover) -> Handover:
        try:
            check_handover(handover, self.chain_id, self.sealers)
        except Invalid as invalid:
            raise ValueError(str(invalid)) from None
        return handover

    def start(self, shown: Handover | None) -> TrustedState:
        """Where trust in consensus begins: the founding validators, or those of a handover. `Invalid` where nowhere.

        shown: the handover that a proof brings along; one that is believed already takes its place.
        """
        handover = self.handover or shown
        if handover is not None:
            return check_handover(handover, self.chain_id, self.sealers)
        if not self.validators:
            raise Invalid("the genesis file names no validators, and nothing hands the ledger over to any")
        return TrustedState.founded(self.chain_id, self.validators)


def founding_validators(content: Any) -> tuple[Validator, ...]:
    """Of a genesis file's content, from its section `validators`; none where it has no such section.

    ValueError, KeyError, TypeError or AttributeError where it is not in form.
    """
    section = content.get("sections", {}).get("validators", {})
    named: Sequence[Any] = section.get("validators", ())
    found = tuple([Validator(bytes.fromhex(one["key"]), one.get("power", 1)) for one in named])
    if not all(check_key(one.key) and type(one.power) is int for one in found):
        raise ValueError("a validator's key is no key, or its power no number")
    try:
        if found:
            check_validators(found)
    except Invalid as invalid:
        raise ValueError(str(invalid)) from None
    return found
