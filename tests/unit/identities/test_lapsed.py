"""Lapsed verification blocks buying, and neither selling nor withdrawing: on a whole market, beside its model."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from msgspec.structs import replace

from counterfoil.modules.cash.messages import Mint, RequestRedemption
from counterfoil.modules.holdings.messages import AmendAccount, ForceTransfer, OpenAccount
from counterfoil.modules.holdings.records import AccountKind
from counterfoil.modules.holdings.rejects import HoldingsReject
from counterfoil.modules.identities.messages import AppointIdentityRegistrar, WithdrawVerification
from counterfoil.modules.identities.records import Suite
from counterfoil.modules.issuance.messages import Allot, HoldingLine
from counterfoil.modules.settlement.interface import batch_digest
from counterfoil.modules.settlement.messages import Amend, InstructBoth, LoadBatch, OpenBatch, SettleBatch
from counterfoil.modules.settlement.records import INSTRUCTIONS, Linkage, Position
from counterfoil.primitives.outcome import RejectCode
from tests.model.desk import by, own, party
from tests.model.opening import DEPOSITORY, HOUR_MS, THURSDAY, TUESDAY, Opening, chunk, papers
from tests.model.twin import Twin

BOTH = (*by("broker-a"), *by("broker-b"))


@pytest.fixture
def market() -> Iterator[Opening]:
    """Investor A's verification has lapsed; every block is compared with the model's."""
    made = Opening(Twin()).everything()
    made.do(replace(made.verification(101), expires_ms=made.desk.time_ms + HOUR_MS), *by("broker-a"))
    made.desk.pass_time(HOUR_MS)
    yield made
    made.desk.machine.check_everything()


def renew(market: Opening) -> None:
    market.do(market.verification(101), *by("broker-a"))


def purchase(market: Opening, reference: str, account: str = "ia", **more: object) -> InstructBoth:
    """Broker B sells to an account of broker A's client."""
    return market.both(
        reference,
        seller=party("broker-b"),
        buyer=party("broker-a"),
        delivery={"account": market.accounts["b"], **more},
        receipt={"account": market.accounts[account]},
    )


def sale(market: Opening, reference: str) -> InstructBoth:
    return market.both(reference, delivery={"account": market.accounts["ia"]})


def reasons(market: Opening, ids: tuple[bytes, ...]) -> list[str]:
    """Of the two instructions; none where they settled."""
    found = (market.desk.machine.state.find(INSTRUCTIONS, one) for one in ids[1:])
    return [one.reason for one in found if one is not None]


def shares(market: Opening, account: str = "ia") -> int:
    wired = market.desk.machine.wired
    return wired.holdings.balance(market.accounts[account], market.instruments["share"])[0]


def refusal(market: Opening, ask: object, *keys: object) -> RejectCode | None:
    rejects = market.desk.try_out(ask, *keys).rejects  # type: ignore[arg-type]
    return rejects[0].code if rejects else None


def test_a_purchase_waits_and_settles_with_the_renewal(market: Opening) -> None:
    before = shares(market)
    ids = market.do(purchase(market, "N1"), *BOTH)
    assert reasons(market, ids) == ["PRSY", "BLOC"]
    assert shares(market) == before
    renew(market)
    assert shares(market) == before + 100
    assert reasons(market, market.do(purchase(market, "N2"), *BOTH)) == []
    assert shares(market) == before + 200


def test_a_sale_settles_and_its_proceeds_are_paid(market: Opening) -> None:
    before = shares(market)
    assert reasons(market, market.do(sale(market, "N1"), *BOTH)) == []
    assert shares(market) == before - 100


def test_money_comes_in_and_goes_out(market: Opening) -> None:
    usd, account = market.instruments["usd"], market.accounts["ia"]
    market.do(Mint(usd, account, 500, "BANK/LAPSED", TUESDAY), *by("trustee"))
    market.do(RequestRedemption(usd, account, 500, "R9"), *by("broker-a"))


def test_what_an_owner_moves_to_itself_is_not_bought(market: Opening) -> None:
    ask = market.both(
        "N1",
        amount=0,
        asset=b"",
        seller=party("broker-a"),
        buyer=party("investor-a"),
        delivery={"account": market.accounts["ia"]},
        receipt={"account": market.accounts["empty"]},
    )
    ids = market.do(ask, *by("broker-a", "investor-a"))
    assert reasons(market, ids) == []
    assert shares(market, "empty") == 100


def test_an_order_is_carried_out_all_the_same(market: Opening) -> None:
    regulator, share = party("regulator"), market.instruments["share"]
    source, target = market.accounts["a"], market.accounts["ia"]
    market.do(ForceTransfer(regulator, share, source, target, 10, papers("will")), *by("regulator"))


def test_nothing_is_allotted(market: Opening) -> None:
    share, treasury = market.instruments["share"], market.accounts["treasury"]
    market.do(
        Allot(share, treasury, True, (HoldingLine(market.accounts["a"], 50),), 50, "A1", papers("1")),
        *by("issuer-a"),
    )
    lines = (HoldingLine(market.accounts["ia"], 5),)
    ask = Allot(share, treasury, False, lines, 5, "A9", papers("6"))
    assert refusal(market, ask, *by("issuer-a")) is HoldingsReject.HOLDER_IS_NOT_VERIFIED
    renew(market)
    assert refusal(market, ask, *by("issuer-a")) is None


@pytest.mark.parametrize(("change", "expected"), [(5, HoldingsReject.HOLDER_IS_NOT_VERIFIED), (-5, None)])
def test_a_batch_in_which_it_buys_does_not_settle(
    market: Opening, change: int, expected: RejectCode | None
) -> None:
    share, client, broker = market.instruments["share"], market.accounts["ia"], market.accounts["a"]
    part = chunk([client, broker], [share], [(client, share, change), (broker, share, -change)])
    (batch,) = market.do(OpenBatch("XTST", party("depository"), "B9", TUESDAY, 1), *DEPOSITORY)
    market.do(LoadBatch(batch, 0, part), *DEPOSITORY)
    ask = SettleBatch(batch, batch_digest([part]))
    assert refusal(market, ask, *DEPOSITORY, *by("broker-a")) is expected


def test_a_batch_pays_a_seller_whose_verification_lapsed(market: Opening) -> None:
    usd, client, cash = market.instruments["usd"], market.accounts["ia"], market.accounts["a cash"]
    part = chunk([client, cash], [usd], [(client, usd, 5), (cash, usd, -5)])
    (batch,) = market.do(OpenBatch("XTST", party("depository"), "B9", TUESDAY, 1), *DEPOSITORY)
    market.do(LoadBatch(batch, 0, part), *DEPOSITORY)
    ask = SettleBatch(batch, batch_digest([part]))
    assert refusal(market, ask, *DEPOSITORY, *by("broker-a")) is None


def test_linked_purchases_wait_together(market: Opening) -> None:
    ids = market.do(purchase(market, "N1", hold=True), *BOTH)
    other = market.both(
        "N2",
        seller=party("broker-b"),
        buyer=party("broker-a"),
        delivery={"account": market.accounts["b"], "linkages": (Linkage(Position.WITH, "SN1"),)},
        receipt={"account": market.accounts["a"]},
    )
    market.do(other, *BOTH)
    before = shares(market), shares(market, "a")
    market.do(Amend(ids[1], False), *by("broker-b"))
    assert reasons(market, ids) == ["PRSY", "BLOC"]
    assert (shares(market), shares(market, "a")) == before


def test_what_was_matched_before_the_lapse_waits_on_its_day(market: Opening) -> None:
    renew(market)
    ids = market.do(replace(purchase(market, "N1"), settlement_date=THURSDAY), *BOTH)
    market.do(WithdrawVerification(party("broker-a"), party("investor-a"), "Forged."), *by("broker-a"))
    assert reasons(market, ids) == ["FUTU", "FUTU"]
    assert reasons(market, market.do(purchase(market, "N2"), *BOTH)) == ["PRSY", "BLOC"]


def test_an_account_held_jointly_buys_only_while_all_holders_are_verified(market: Opening) -> None:
    renew(market)
    owner, joint = party("investor-b"), (party("investor-a"),)
    ask = OpenAccount(
        owner,
        party("broker-b"),
        AccountKind.SEGREGATED,
        joint_holders=joint,
        default_cash_account=market.accounts["ib"],
    )
    (market.accounts["joint"],) = market.do(ask, *by("broker-b", "investor-a"))
    assert refusal(market, _gift(market, "N1"), *BOTH) is None
    assert reasons(market, market.do(_gift(market, "N2"), *BOTH)) == []
    market.do(WithdrawVerification(party("broker-a"), party("investor-a"), "Forged."), *by("broker-a"))
    assert reasons(market, market.do(_gift(market, "N3"), *BOTH)) == ["PRSY", "BLOC"]
    amended = AmendAccount(market.accounts["joint"], (own("investor-b")[0].address,), 1, joint, b"", True)
    market.do(amended, *by("broker-b"))


def _gift(market: Opening, reference: str) -> InstructBoth:
    return market.both(
        reference,
        10,
        amount=0,
        asset=b"",
        delivery={"account": market.accounts["a"]},
        receipt={"account": market.accounts["joint"]},
    )


def test_a_demand_reaches_those_who_were_never_verified(market: Opening) -> None:
    """From then on; before it, whoever was never verified by a registrar buys as ever."""
    bought = market.both("N1", 1, receipt={"account": market.accounts["ib"]})
    assert reasons(market, market.do(bought, *BOTH)) == []
    later_ms = market.desk.time_ms + 10_000
    registrar = market.parties["registrar"]
    ask = AppointIdentityRegistrar(
        party("regulator"), registrar, Suite.RISTRETTO255_SHA512, bytes(32), 2, later_ms
    )
    market.do(ask, *by("regulator"))
    market.desk.pass_time(20_000)
    bought = market.both("N2", 1, receipt={"account": market.accounts["ib"]})
    assert reasons(market, market.do(bought, *BOTH)) == ["PRSY", "BLOC"]
    bought = market.both("N3", 1, receipt={"account": market.accounts["b"]})
    assert reasons(market, market.do(bought, *BOTH)) == []
    opened = OpenAccount(party("investor-b"), party("broker-b"), AccountKind.OWN)
    assert refusal(market, opened, *by("broker-b")) is HoldingsReject.OWNER_IS_NOT_VERIFIED
    market.do(market.verification(101), *by("broker-a"))
    client = party("investor-a")
    for servicer, expected in (
        ("broker-a", None),
        ("depository", HoldingsReject.SERVICER_HAS_NO_LICENCE),
        ("trustee", HoldingsReject.SERVICER_HAS_NO_LICENCE),
    ):
        opened = OpenAccount(client, party(servicer), AccountKind.OWN)
        assert refusal(market, opened, *by(servicer, "investor-a")) is expected, servicer
    opened = OpenAccount(party("broker-b"), party("trustee"), AccountKind.OWN)
    assert refusal(market, opened, *by("trustee", "broker-b")) is None
    joint = OpenAccount(
        party("broker-b"), party("broker-b"), AccountKind.OWN, joint_holders=(party("investor-b"),)
    )
    assert refusal(market, joint, *by("broker-b")) is HoldingsReject.JOINT_HOLDER_IS_NOT_VERIFIED
