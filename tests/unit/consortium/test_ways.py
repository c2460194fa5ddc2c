"""No operator is indispensable: every act of office has a second way, and that way works without the usual sender."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from counterfoil.machine.wiring import MESSAGES
from counterfoil.modules.certificates.messages import NameAuthority, RevokeCertificate, WithdrawAuthority
from counterfoil.modules.holdings.messages import ForceTransfer, FreezeAccount, FreezeHolding
from counterfoil.modules.identities.messages import WithdrawVerification
from counterfoil.modules.instruments.messages import SuspendInstrument
from counterfoil.modules.issuance.messages import RegisterIssue
from counterfoil.modules.markets.messages import AmendRulebook, CloseDay, OpenDay, OpenMarket
from counterfoil.modules.markets.records import RegistrationApprover
from counterfoil.modules.parties.messages import WindDownParty
from counterfoil.modules.parties.permissions import MOVABLE, PERMISSIONS
from counterfoil.modules.parties.rejects import PartiesReject
from counterfoil.modules.settlement.messages import OpenBatch
from counterfoil.modules.viewkeys.messages import AdmitHolder, RemoveHolder
from counterfoil.node.personas import CONSORTIUM, PERSONAS
from counterfoil.primitives.codec import Message
from counterfoil.sealing.opening_keys import OpeningKey
from tests.model.desk import by, own, party
from tests.model.moves_keys import OTHERS, next_epoch
from tests.model.opening import BY_HAND, DAY_MS, TUESDAY, WEDNESDAY, WEEKDAYS, Opening, papers
from tests.model.samples import samples
from tests.unit.consortium.ways import BY_MOTION, EITHER, OWN, POLICY, STEP_IN, SUCCESSION

Made = Callable[[Opening, bytes], Message]


@pytest.fixture
def opening() -> Opening:
    made = Opening().everything()
    made.desk.pass_time()
    return made


def test_every_message_stands_in_one_list_and_the_permissions_agree() -> None:
    lists = {
        "own": set(OWN.split()),
        "either": set(EITHER),
        "succession": set(SUCCESSION.split()),
        "policy": set(POLICY.split()),
        "step in": set(STEP_IN.split()),
        "by motion": set(BY_MOTION.split()),
    }
    assert sorted(name for names in lists.values() for name in names) == sorted(
        kind.__name__ for kind in MESSAGES
    )
    movable = {PERMISSIONS[tag].message for tag in MOVABLE}
    assert movable == lists["step in"] | lists["by motion"]


def without(*away: str) -> tuple[str, ...]:
    """Three members of the consortium that are not among these."""
    return tuple(name for name in CONSORTIUM if name not in away)[:3]


def personas_of(keys: tuple[Any, ...]) -> tuple[str, ...]:
    return tuple(
        card.name for card in PERSONAS if any(key in (*by(card.name), *own(card.name)) for key in keys)
    )


@pytest.mark.parametrize("name", STEP_IN.split())
def test_the_consortium_acts_where_the_office_holder_is_away(opening: Opening, name: str) -> None:
    """Every sample of the message that an office holder's keys sign is carried by three others, none of them his."""
    tried = 0
    for message, keys in samples(opening):
        if type(message).__name__ != name:
            continue
        usual = personas_of(keys)
        others = without(*usual)
        assert len(others) == 3, f"{usual} are not away"
        outcome = opening.desk.try_out(opening.desk.motion(message, names=others), *by(*others))
        assert not outcome.result.number, f"{message}: {outcome.rejects[0]}"
        tried += 1
    assert tried


NOT_ABOVE = PartiesReject.AUTHORITY_IS_NOT_ABOVE


@pytest.mark.parametrize(
    ("authority", "name", "expected"),
    [
        ("regulator", "broker-a", None),
        ("broker-a", "broker-a", NOT_ABOVE),
        ("exchange", "exchange", NOT_ABOVE),
        ("regulator", "regulator", NOT_ABOVE),
    ],
)
def test_nobody_is_wound_down_in_its_own_name(
    opening: Opening, authority: str, name: str, expected: PartiesReject | None
) -> None:
    """Members of the consortium act in an authority's place, never in that of the party itself."""
    ask = WindDownParty(party(authority), party(name), "They say so.")
    outcome = opening.desk.try_out(opening.desk.motion(ask), *by(*CONSORTIUM[:3]))
    assert (outcome.rejects[0].code if outcome.rejects else None) is expected


@pytest.mark.parametrize("name", STEP_IN.split())
def test_two_members_are_not_enough_to_act_for_an_office_holder(opening: Opening, name: str) -> None:
    message, keys = next(found for found in samples(opening) if type(found[0]).__name__ == name)
    two = without(*personas_of(keys))[:2]
    outcome = opening.desk.try_out(opening.desk.motion(message, names=two), *by(*two))
    assert not outcome.result.number
    assert len(outcome.result.messages[0].objects) == 1, "the motion waits: nothing else came into being"


@pytest.mark.parametrize("name", BY_MOTION.split())
@pytest.mark.parametrize("absent", CONSORTIUM)
def test_what_the_consortium_decides_is_decided_without_any_one_member(
    opening: Opening, name: str, absent: str
) -> None:
    others = without(absent)
    message = next(found for found, _ in samples(opening) if type(found).__name__ == name)
    outcome = opening.desk.try_out(opening.desk.motion(message, names=others), *by(*others))
    assert not outcome.result.number, f"{message}: {outcome.rejects[0]}"
    tag = next(tag for tag, permission in PERMISSIONS.items() if permission.message == name)
    assert opening.desk.machine.wired.consortium.indispensable(tag) == ()


_OPENING = OpeningKey(papers("opening key")).public_key


def _second_holder(opening: Opening) -> bytes:
    """The address of a node that holds the root beside the ledger's own."""
    node = OTHERS[0].address
    if opening.desk.machine.wired.viewkeys.holder(node) is None:
        opening.do(AdmitHolder(party("regulator"), node, _OPENING, bytes(113)), *by("regulator"))
    return node


MADE: dict[str, Made] = {
    "OpenMarket": lambda opening, who: OpenMarket(
        who, "XNEW", "New", 20231229, replace(BY_HAND, effective_from=TUESDAY), WEEKDAYS, WEEKDAYS
    ),
    "SuspendInstrument": lambda opening, who: SuspendInstrument(opening.instruments["share"], who),
    "FreezeAccount": lambda opening, who: FreezeAccount(
        opening.accounts["a"], who, papers("either"), True, True
    ),
    "FreezeHolding": lambda opening, who: FreezeHolding(
        who, opening.accounts["a"], opening.instruments["share"], 5, papers("either")
    ),
    "ForceTransfer": lambda opening, who: ForceTransfer(
        who,
        opening.instruments["share"],
        opening.accounts["a"],
        opening.accounts["b"],
        5,
        papers("either"),
    ),
    "OpenBatch": lambda opening, who: OpenBatch("XTST", who, "EITHER", TUESDAY, 1),
    "WithdrawVerification": lambda opening, who: WithdrawVerification(
        who, party("investor-a"), "Forged papers."
    ),
    "NameAuthority": lambda opening, who: NameAuthority(
        who, b"another", opening.desk.time_ms, opening.desk.time_ms + DAY_MS
    ),
    "WithdrawAuthority": lambda opening, who: WithdrawAuthority(
        who, opening.authority, "Its key was stolen."
    ),
    "RevokeCertificate": lambda opening, who: RevokeCertificate(who, papers("node"), "Its key was stolen."),
    "AdmitHolder": lambda opening, who: AdmitHolder(who, OTHERS[0].address, _OPENING, bytes(113)),
    "RemoveHolder": lambda opening, who: RemoveHolder(who, _second_holder(opening)),
    "ProposeKeyEpoch": lambda opening, who: next_epoch(opening.desk, papers("root"), who),
}


@pytest.mark.parametrize(("name", "who"), [(name, who) for name, pair in EITHER.items() for who in pair])
def test_either_of_two_office_holders_can_do_it(opening: Opening, name: str, who: str) -> None:
    message = MADE[name](opening, party(who))
    assert type(message).__name__ == name
    outcome = opening.desk.try_out(message, *by(who))
    assert not outcome.result.number, f"{message}: {outcome.rejects[0]}"


def test_a_registration_goes_on_without_a_notary_once_the_rulebook_names_none() -> None:
    """The notary and the depository are away: the others amend the rulebook, and register under it."""
    opening = Opening().everything()
    desk, others = opening.desk, ("regulator", "exchange", "central-bank")
    issue = RegisterIssue(
        opening.instruments["new"],
        100,
        opening.accounts["treasury"],
        (party("issuer-a"), party("regulator")),
        papers("new issue"),
    )
    assert desk.send(issue, *by("issuer-a", "regulator")).result.number
    policy = (RegistrationApprover.ISSUER, RegistrationApprover.REGULATOR)
    amended = replace(BY_HAND, effective_from=WEDNESDAY, registration_policy=policy)
    desk.do(desk.motion(AmendRulebook("XTST", amended), names=others), *by(*others))
    desk.advance_to(desk.time_ms + 24 * 3_600_000)
    for turn in (CloseDay("XTST", TUESDAY), OpenDay("XTST", WEDNESDAY)):
        desk.do(desk.motion(turn, names=others), *by(*others))
    desk.do(issue, *by("issuer-a", "regulator"))
