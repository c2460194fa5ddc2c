"""What the genesis file says of the consortium and of the first validators, and what it says when it is wrong."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from counterfoil.machine.failures import ProgramIsOutdated
from counterfoil.modules.consortium.queries import members, rule_for
from counterfoil.modules.consortium.records import DecisionRule
from counterfoil.modules.parties.records import Role
from counterfoil.modules.validators.interface import possession_bytes
from counterfoil.node.ledger import LedgerNode
from counterfoil.node.personas import sandbox_genesis
from counterfoil.primitives.signatures import ED25519
from tests.model.desk import Desk as Running
from tests.model.desk import memory_node, party, replayed
from tests.model.opening import consensus_key


def key_of(name: str) -> str:
    return consensus_key(name).public_key.hex()


def validator(
    party: str, name: str = "one", *, ledger: str = "sandbox", by: str = "", **more: Any
) -> dict[str, Any]:
    """As the genesis file has one. by: whose key signs that the key is the party's."""
    key = consensus_key(name).public_key
    possession = consensus_key(by or name).sign(possession_bytes(ledger, party.encode(), key))
    return {"party": party, "key": key.hex(), "possession": possession.hex(), **more}


KEY, OTHER = key_of("one"), key_of("other")
NOTARY = validator("Notary")
UNSIGNED = "its key has not signed that it is to be this party's"
IDENTITY = (ED25519 + b"\x01" + bytes(31)).hex()
"""The point that every signature is good for."""


def founded(**sections: Any) -> LedgerNode:
    draft = sandbox_genesis()
    kept = {"parties": draft.sections["parties"]}
    node = memory_node(msgspec.structs.replace(draft, sections={**kept, **sections}))
    node.engine.found()
    return node


def test_without_a_section_whoever_runs_the_ledger_is_a_member() -> None:
    node = founded()
    assert dict(members(node.state)) == {party("regulator"): 1, party("depository"): 1}
    assert rule_for(node.state, 140) == DecisionRule(2, 3)
    assert node.machine.validators(1) == ()


def test_members_weights_and_rules_are_data() -> None:
    node = founded(
        consortium={
            "members": [
                {"party": "Regulator", "weight": 0},
                {"party": "Exchange"},
                {"party": "Notary", "weight": 7},
            ],
            "rules": [
                {"numerator": 1, "denominator": 2, "approvals": 2},
                {
                    "message": "AddValidator",
                    "numerator": 3,
                    "denominator": 4,
                    "roles": ["regulator", "exchange"],
                },
            ],
        }
    )
    assert dict(members(node.state)) == {party("regulator"): 0, party("exchange"): 1, party("notary"): 7}
    assert rule_for(node.state, 140) == DecisionRule(1, 2, 2)
    assert rule_for(node.state, 1600) == DecisionRule(3, 4, 1, (Role.REGULATOR, Role.EXCHANGE))
    assert node.machine.wired.consortium.indispensable(140) == (party("notary"),)
    node.machine.check_everything()


def test_the_first_validators_are_in_force_from_the_founding_on() -> None:
    node = founded(
        validators={
            "validators": [
                validator("Exchange", power=3),
                validator("Notary", "other", power=30),
            ]
        }
    )
    found = node.machine.validators(1)
    assert [(entry.party, entry.power) for entry in found] == [(party("notary"), 30), (party("exchange"), 3)]
    assert node.machine.validators(10**6) == found
    assert node.machine.validator_updates(1) == ()
    node.machine.check_everything()
    desk = Running(node)
    assert replayed(desk).machine.last == node.machine.last


@pytest.mark.parametrize(
    ("section", "content", "words"),
    [
        ("consortium", {"members": [{"party": "Nobody"}]}, "no founding party"),
        ("consortium", {"members": [{"party": "Notary"}] * 2}, "names 'Notary' twice"),
        ("consortium", {"members": [{"party": "Notary", "weight": -1}]}, "weight of 'Notary'"),
        ("consortium", {"members": [{"party": "Notary", "weight": 10**10}]}, "weight of 'Notary'"),
        ("consortium", {"members": [{"party": "Notary"}] * 65}, "at most 64 members"),
        ("consortium", {"members": [{"party": "Notary", "weight": 0}]}, "more than all members together"),
        ("consortium", {"rules": [{"message": "Mint"}]}, "'Mint' is no message"),
        ("consortium", {"rules": [{"numerator": 3}]}, "between nothing and everything"),
        ("consortium", {"rules": [{"approvals": 0}]}, "between nothing and everything"),
        ("consortium", {"rules": [{"approvals": 3}]}, "more than all members together"),
        ("consortium", {"rules": [{"roles": ["king"]}]}, "'king' is no role"),
        ("consortium", {"rules": [{"roles": ["notary"]}]}, "more than all members together"),
        ("consortium", {"rules": [{"roles": ["regulator", "regulator"]}]}, "between nothing and everything"),
        ("consortium", {"kings": []}, "section 'consortium' is not valid"),
        (
            "validators",
            {"validators": [validator("Nobody")]},
            "'Nobody': it is no founding party",
        ),
        ("validators", {"validators": [NOTARY, validator("Notary", "other")]}, "a party is one validator"),
        ("validators", {"validators": [NOTARY, validator("Exchange")]}, "is named twice"),
        (
            "validators",
            {"validators": [{**NOTARY, "key": key_of(str(n))} for n in range(101)]},
            "at most 100 validators",
        ),
        (
            "validators",
            {"validators": [{**NOTARY, "key": IDENTITY}]},
            "a validator's key is no key",
        ),
        ("validators", {"validators": [{**NOTARY, "key": "zz"}]}, "section 'validators' is not valid"),
        ("validators", {"validators": [{**NOTARY, "power": 0}]}, "no voting power"),
        ("validators", {"validators": [{**NOTARY, "power": 10**12}]}, "16002"),
        ("validators", {"validators": [{**NOTARY, "key": OTHER}]}, UNSIGNED),
        ("validators", {"validators": [{**NOTARY, "party": "Exchange"}]}, UNSIGNED),
        ("validators", {"validators": [{**NOTARY, "possession": ""}]}, UNSIGNED),
        ("validators", {"validators": [validator("Notary", by="other")]}, UNSIGNED),
        ("validators", {"validators": [validator("Notary", ledger="another")]}, UNSIGNED),
        ("validators", {"validators": [{"party": "Notary", "key": KEY}]}, "required field `possession`"),
        ("validators", {"validators": [{"key": KEY, "power": 1}]}, "missing required field `party`"),
        ("feeds", {}, "section 'feeds' that this program does not know"),
    ],
)
def test_what_is_wrong_is_said(section: str, content: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        founded(**{section: content})


def test_a_rule_version_that_this_program_does_not_know_is_not_founded() -> None:
    node = memory_node(msgspec.structs.replace(sandbox_genesis(), rule_version=2))
    with pytest.raises(ProgramIsOutdated, match="rule version 2 is in force; this program knows 1"):
        node.engine.found()
