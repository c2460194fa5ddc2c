"""Records of keys under names: one form, signed by enough of the keys for this name and time, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from counterfoil.custody.names import (
    DAY_SECONDS,
    DAYS_MAX,
    TEXT_BYTES_MAX,
    NameRecord,
    NameRecordError,
    canonical_name,
    make_record,
    read_record,
    strings_of,
    zone_lines,
)
from counterfoil.custody.signers import SandboxKey
from counterfoil.primitives.addresses import address_of
from counterfoil.primitives.signatures import KeyPolicy, policy_address, single_key

NAME = "alder.example"
BEGINS, EXPIRES = 1_700_000_000, 1_700_000_000 + 90 * DAY_SECONDS
NOW = BEGINS + 1


def key(name: str) -> SandboxKey:
    return SandboxKey.from_name(bytes(32), name)


KEYS = sorted((key(f"k{number}") for number in range(3)), key=lambda one: one.public_key)
TWO_OF_THREE = KeyPolicy(2, tuple(one.public_key for one in KEYS))


def record(policy: KeyPolicy = TWO_OF_THREE, signers: Any = KEYS, **changes: Any) -> NameRecord:
    times = {"begins_s": BEGINS, "expires_s": EXPIRES, **changes}
    return make_record(NAME, policy, signers, **times)


def test_what_is_made_is_read() -> None:
    for policy, signers in (
        (TWO_OF_THREE, KEYS),
        (TWO_OF_THREE, KEYS[:2]),
        (TWO_OF_THREE, KEYS[::2]),
        (single_key(KEYS[0].public_key), KEYS[:1]),
    ):
        made = record(policy, signers)
        assert read_record(NAME, made.text, NOW) == made
        assert made.address == policy_address(policy)
        assert made.is_own_address
        assert len(made.signatures) == len(signers)


def test_the_largest_policy_fits() -> None:
    keys = sorted((key(f"k{number}") for number in range(16)), key=lambda one: one.public_key)
    made = record(KeyPolicy(16, tuple(one.public_key for one in keys)), keys)
    assert len(made.text) < TEXT_BYTES_MAX
    assert read_record(NAME, made.text, NOW) == made
    assert "".join(strings_of(made.text)) == made.text
    assert max(map(len, strings_of(made.text))) == 255
    assert zone_lines(made).startswith('_counterfoil.alder.example. 3600 IN TXT "v=cf1; a=cfk1')


def test_an_address_outlives_its_keys() -> None:
    made = record(address=address_of(key("older").public_key))
    assert read_record(NAME, made.text, NOW) == made
    assert not made.is_own_address


def test_it_is_for_this_name_alone() -> None:
    made = record()
    assert read_record("ALDER.example.", made.text, NOW) == made
    with pytest.raises(NameRecordError, match="not signed by 2"):
        read_record("birch.example", made.text, NOW)


@pytest.mark.parametrize(("now", "match"), [(BEGINS - 1, "not be used yet"), (EXPIRES, "has expired")])
def test_it_is_for_its_time_alone(now: int, match: str) -> None:
    with pytest.raises(NameRecordError, match=match):
        read_record(NAME, record().text, now)


@pytest.mark.parametrize(
    "changes",
    [
        {"signers": KEYS[:1]},
        {"signers": [key("stranger"), KEYS[0]]},
        {"signers": []},
        {"policy": KeyPolicy(2, TWO_OF_THREE.keys[::-1])},
        {"policy": KeyPolicy(4, TWO_OF_THREE.keys)},
        {"policy": KeyPolicy(1, (b"\x01" + bytes(32),))},
        {"expires_s": BEGINS},
        {"expires_s": BEGINS + DAYS_MAX * DAY_SECONDS + 1},
    ],
)
def test_what_cannot_be_made(changes: dict[str, Any]) -> None:
    with pytest.raises(NameRecordError):
        record(**changes)


def test_any_character_that_was_changed_is_found_out() -> None:
    text = record().text
    for at in range(len(text)):
        for other in "A=, ":
            if text[at] == other:
                continue
            changed = text[:at] + other + text[at + 1 :]
            with pytest.raises(NameRecordError):
                read_record(NAME, changed, NOW)


@pytest.mark.parametrize(
    "change",
    [
        lambda text: "",
        lambda text: text + " ",
        lambda text: text + "; x=1",
        lambda text: text.replace("; ", ";"),
        lambda text: text.replace("t=2", "t=02"),
        lambda text: text.replace("t=2", "t=-2"),
        lambda text: text.replace("t=2", "t=2; t=2"),
        lambda text: text.replace("v=cf1", "v=cf2"),
        lambda text: text.replace("0:", "1:"),
        lambda text: text.replace(",1:", ",0:"),
        lambda text: text.replace("s=0:", "s=99:"),
        lambda text: text.replace("s=0:", "s="),
        lambda text: text.replace("t=2", f"t={'9' * 30}"),
        lambda text: text + "A" * TEXT_BYTES_MAX,
        lambda text: text.replace("cfk1", "cfa1"),
        lambda text: text.upper(),
    ],
)
def test_there_is_one_form_only(change: Any) -> None:
    with pytest.raises(NameRecordError):
        read_record(NAME, change(record().text), NOW)


def test_one_signature_counts_once() -> None:
    made = record(signers=KEYS[:2])
    ((place, signature), _) = made.signatures
    twice = made._replace(signatures=((place, signature), (place, signature)))
    with pytest.raises(NameRecordError, match="not signed"):
        read_record(NAME, twice.text, NOW)


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "-a.example",
        "a..example",
        "a b.example",
        "é.example",
        "a" * 64,
        "a." * 130 + "a",
        "a_b.example",
    ],
)
def test_names_that_are_none(name: str) -> None:
    with pytest.raises(NameRecordError):
        canonical_name(name)
