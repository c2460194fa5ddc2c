"""Keys of sandbox personas: the same everywhere, different for each seed and name."""

from __future__ import annotations

import pytest

from counterfoil.custody.signers import SandboxKey, Signer
from counterfoil.primitives.addresses import address_of
from counterfoil.primitives.outcome import InvariantViolation
from counterfoil.primitives.signatures import verify

SEED = bytes(range(32))


def test_a_persona_has_the_same_key_everywhere() -> None:
    key: Signer = SandboxKey.from_name(SEED, "operator")
    assert key.public_key == SandboxKey.from_name(SEED, "operator").public_key
    assert key.public_key.hex() == "012208aab9ceadce8d428492883c7e16920f666c6e0fb3f1925093b60ea1889781"
    assert key.address == address_of(key.public_key)
    assert verify(key.public_key, b"message", key.sign(b"message"))


def test_another_seed_or_name_is_another_key() -> None:
    keys = {
        SandboxKey.from_name(seed, name).public_key
        for seed in (SEED, SEED[::-1], SEED[:16])
        for name in ("operator", "issuer", "issuer ", "")
    }
    assert len(keys) == 12


@pytest.mark.parametrize("size", [0, 15, 65])
def test_a_seed_of_another_size_is_refused(size: int) -> None:
    with pytest.raises(InvariantViolation):
        SandboxKey.from_name(bytes(size), "operator")


def test_it_prints_its_name() -> None:
    assert "operator" in repr(SandboxKey.from_name(SEED, "operator"))
