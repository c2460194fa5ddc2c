"""The one table of who may send what names every message of the ledger, and nothing else."""

from __future__ import annotations

from counterfoil.machine.wiring import MESSAGES
from counterfoil.modules.parties.interface import Role
from counterfoil.modules.parties.permissions import ADMITS, FOUR_EYES, LICENSED_AGENTS, PERMISSIONS, Eyes


def test_the_table_lists_every_message_by_its_name() -> None:
    declared = {kind.__struct_config__.tag: kind.__name__ for kind in MESSAGES}
    assert {tag: permission.message for tag, permission in PERMISSIONS.items()} == declared


def test_every_message_has_somebody_to_send_it() -> None:
    for permission in PERMISSIONS.values():
        assert permission.roles
        assert len(set(permission.roles)) == len(permission.roles)


def test_four_eyes_are_demanded_where_the_market_demands_them() -> None:
    named = {PERMISSIONS[tag].message for tag in FOUR_EYES}
    assert {"Mint", "ForceTransfer", "FreezeHolding", "AnnounceInstrument", "AmendTerms"} <= named
    assert {"OpenMarket", "AmendRulebook", "SetCalendar", "OpenDay", "CloseDay", "AmendParty"} <= named


def test_what_changes_who_acts_or_ends_the_business_is_administrative() -> None:
    named = {
        permission.message for permission in PERMISSIONS.values() if permission.eyes is Eyes.ADMINISTRATIVE
    }
    assert named == {
        *("GrantMandate", "RevokeMandate", "NameFourEyes", "WindDownParty", "AmendAccount"),
        *("RaiseViewKey", "RecordOpeningKey", "GrantViewKey", "EndViewGrant"),
    }


def test_the_role_tree() -> None:
    assert set(ADMITS[Role.REGULATOR]) == set(Role) - {Role.REGULATOR, Role.ISSUER, Role.INVESTOR}
    assert ADMITS[Role.DEPOSITORY] == (Role.OPERATOR, Role.ISSUER, Role.INVESTOR)
    assert ADMITS[Role.OPERATOR] == (Role.ISSUER, Role.INVESTOR)
    assert ADMITS[Role.TRUSTEE] == (Role.OPERATOR,)
    for role in (Role.SECURITIES_COMPANY, Role.COMMERCIAL_BANK):
        assert ADMITS[role] == (Role.INVESTOR,)
    for role in (
        Role.ISSUER,
        Role.INVESTOR,
        Role.NOTARY,
        Role.AUDITOR,
        Role.CENTRAL_BANK,
        Role.EXCHANGE,
        Role.IDENTITY_REGISTRAR,
    ):
        assert role not in ADMITS
    assert all(role in ADMITS and Role.INVESTOR in ADMITS[role] for role in LICENSED_AGENTS)


def test_the_eight_kinds_of_member_and_the_others_keep_their_numbers() -> None:
    assert [role.name for role in Role] == [
        "REGULATOR",
        "DEPOSITORY",
        "EXCHANGE",
        "SECURITIES_COMPANY",
        "COMMERCIAL_BANK",
        "ISSUER",
        "INVESTOR",
        "CENTRAL_BANK",
        "TRUSTEE",
        "OPERATOR",
        "NOTARY",
        "AUDITOR",
        "DATA_PROTECTION",
        "IDENTITY_REGISTRAR",
    ]
    assert [role.value for role in Role] == list(range(1, 15))
