"""The doors of key stores, of the custodian, and of names: whatever comes in there from outside."""

from __future__ import annotations

from random import Random

from counterfoil.custody import seed_words
from counterfoil.custody.hardware import token_address
from counterfoil.custody.key_store import KeyStoreError
from counterfoil.custody.names import make_record, read_record
from counterfoil.custody.service.client import custodian_address
from counterfoil.custody.service.exposure import exposure_of
from counterfoil.custody.service.policy import SigningPolicy
from counterfoil.custody.service.protocol import REQUEST, AddKey, Decide, LogIn, SetPolicy, Sign
from counterfoil.custody.service.subjects import SubjectReader
from counterfoil.custody.signers import SandboxKey
from counterfoil.primitives.codec import Malformed, encode
from counterfoil.primitives.outcome import Rejected
from counterfoil.primitives.signatures import single_key
from tests.fuzz.mangling import mangled

BEGINS = 1_700_000_000
RULE = (
    b'{"rules": [{"name": "a", "users": ["@owner"], "keys": ["*"], "messages": ["Instruct", "*"], "quantity_max": 5,'
    b' "accounts": [], "approvals": 1, "approvers": ["ben", "cid"], "record_first": true, "reading": false}]}'
)


class CustodyDoors:
    """sign_bytes: what is signed for transactions of the ledger with this chain id."""

    def __init__(self, chain_id: str, sign_bytes: list[bytes]) -> None:
        self._reader = SubjectReader(chain_id)
        self._sign_bytes = sign_bytes
        key = SandboxKey.from_name(bytes(32), "named")
        record = make_record(
            "a.example", single_key(key.public_key), [key], begins_s=BEGINS, expires_s=BEGINS + 100
        )
        self._record = record.text
        self._frames = [
            encode(one)
            for one in (
                LogIn("ann", "a password", "000000"),
                Sign("key", sign_bytes[0]),
                Decide(bytes(16), True),
                AddKey("key", "ann"),
                SetPolicy(RULE),
            )
        ]
        self._words = seed_words.new_words(12)

    def custody_frame(self, chance: Random) -> str:
        try:
            REQUEST.exact(mangled(self._frames, chance))
        except Malformed:
            return "refused"
        return "taken"

    def custody_policy(self, chance: Random) -> str:
        try:
            SigningPolicy(mangled([RULE], chance))
        except Rejected:
            return "refused"
        return "taken"

    def custody_subject(self, chance: Random) -> str:
        """What is read from bytes that are to be signed is what the ledger would read."""
        subject = self._reader.read(mangled(self._sign_bytes, chance))
        if subject is None:
            return "refused"
        for message in subject.messages:
            exposure = exposure_of(message)
            assert exposure is None or min(exposure.quantity, exposure.amount) >= 0
        return "taken"

    def name_record(self, chance: Random) -> str:
        text = mangled([self._record.encode()], chance).decode("utf-8", "replace")
        try:
            read_record("a.example", text, BEGINS)
        except KeyStoreError:
            return "refused"
        assert text == self._record, "a changed record was believed"
        return "taken"

    def key_store_text(self, chance: Random) -> str:
        texts = (
            (token_address, "pkcs11:token=market%20keys;serial=12?module-path=/usr/lib/module.so"),
            (custodian_address, "custodian:127.0.0.1:7000"),
            (seed_words.checked_words, self._words),
        )
        read, good = chance.choice(texts)
        try:
            read(mangled([good.encode()], chance).decode("utf-8", "replace"))
        except KeyStoreError:
            return "refused"
        return "taken"
