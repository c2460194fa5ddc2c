"""An issue's life: signed by three one after another, allotted through an underwriter, pledged, bought back, ended."""

from __future__ import annotations

from collections.abc import Sequence

from counterfoil.primitives.codec import Message, encode
from counterfoil.sdk import Client, messages, recipes
from tests.scenarios.floor import HOUR_MS, Floor, papers

ISIN = "XS0000000025"


def entered_by_one_and_approved_by_others(
    floor: Floor, issuer: Client, others: Sequence[Client], message: Message
) -> None:
    """Signatures that are not together are collected on the ledger; the last one lets it take effect."""
    signers = tuple(key.address for client in (issuer, *others) for key in client.keys)
    ask = messages.ProposeTransaction(encode((signers, (message,))), floor.ledger.time_ms + HOUR_MS)
    proposal = issuer.send(ask).created
    for client in others:
        client.send(messages.ApproveTransaction(proposal))


def test_from_the_first_signature_to_the_last(floor: Floor) -> None:
    issuer, depository, broker, investor = floor.ledger.clients(
        "issuer-b", "depository", "broker-a", "broker-b"
    )
    regulator, notary = floor.ledger.clients("regulator", "notary")
    market = floor.market.market

    # Two accounts: what is issued stands against the one, and lies in the other until it is allotted.
    kinds = messages.AccountKind.ISSUANCE, messages.AccountKind.TREASURY
    contra, treasury = (
        depository.send(recipes.open_account(issuer, depository, kind), cosigners=[issuer]).created
        for kind in kinds
    )
    terms = recipes.terms("Second Share", ISIN)
    share = depository.send(recipes.equity(depository, issuer, market, "EUR", contra, terms)).created
    register = recipes.register(issuer, share, 50_000, treasury, papers("prospectus"), (regulator, notary))

    # The issuer signs on Monday, the regulator and the notary when they have read it: only then does it exist.
    assert issuer.instrument(share).status == "ANNOUNCED"
    entered_by_one_and_approved_by_others(floor, issuer, (regulator, notary), register)
    assert issuer.instrument(share).status == "ACTIVE"
    assert issuer.whole_register(share).outstanding == 50_000

    # To an underwriter, who may allot on, and from it to an investor; the control total is the list's own.
    underwriter, buyer = floor.ledger.account("broker-a"), floor.ledger.account("broker-b")
    issuer.send(
        recipes.allot(share, treasury, {underwriter: 30_000}, "UW-1", papers("deed"), to_underwriters=True)
    )
    broker.send(recipes.allot(share, underwriter, {buyer: 12_000}, "UW-2", papers("deed")))
    held = {line.account_id: line.available for line in issuer.register(share)}
    assert held == {treasury: 20_000, underwriter: 18_000, buyer: 12_000}

    # The investor pledges half to the broker. Pledged is still its own, on the register, and not to be sold.
    ask = messages.PlaceEarmark(buyer, share, 6_000, broker.party, b"loan 7")
    pledge = investor.send(ask).created
    assert investor.balance(buyer, share) == (6_000, 6_000)
    back = {"instrument": share, "seller": (investor, buyer), "buyer": (issuer, treasury)}
    free = {"asset": b"", "amount": 0}
    everything = recipes.dvp(market, "BACK-1", floor.ledger.today, **back, **free, quantity=12_000)
    waits = investor.send(everything, cosigners=[issuer])
    assert investor.instruction(waits.objects[1]).code == "LACK"

    # Exit is refused while anything is in others' hands or encumbered.
    exits = messages.RegisterExit(share, treasury, register.approvers, papers("exit"))
    assert floor.refusal(exits, issuer, (regulator, notary))

    # The pledgee releases it; what waited for it settles at once.
    assert floor.refusal(messages.ReleaseEarmark(pledge), investor), "its beneficiary alone may"
    broker.send(messages.ReleaseEarmark(pledge))
    assert investor.balance(buyer, share) == (0, 0)
    sold = recipes.dvp(
        market,
        "BACK-2",
        floor.ledger.today,
        **(back | {"seller": (broker, underwriter)}),
        **free,
        quantity=18_000,
    )
    broker.send(sold, cosigners=[issuer])
    assert {line.account_id: line.available for line in issuer.register(share)} == {treasury: 50_000}

    # An order on the treasury would stop it too; without one all three sign, and the issue is over.
    last = floor.ledger.node.height
    issuer.send(exits, cosigners=(regulator, notary))
    assert issuer.instrument(share).status == "CANCELLED"
    assert issuer.whole_register(share).outstanding == 0
    assert issuer.register(share) == []
    assert issuer.whole_register(share, at=last).outstanding == 50_000, "and how it was can still be read"


def test_exit_waits_for_what_is_set_aside_in_the_treasury_itself(floor: Floor) -> None:
    issuer, regulator, notary = floor.ledger.clients("issuer-a", "regulator", "notary")
    share = floor.market.share
    (treasury,) = [line.account_id for line in issuer.register(share) if line.owner_name == "Issuer A"]
    reduce = messages.RegisterReduction(
        share, 600_000, treasury, (issuer.party, regulator.party, notary.party), papers("buy-back")
    )
    freeze = messages.FreezeHolding(regulator.party, treasury, share, 1, papers("order"))
    order = regulator.send(freeze).created
    assert floor.refusal(reduce, issuer, (regulator, notary)) == "INSUFFICIENT_AVAILABLE_QUANTITY"
    regulator.send(messages.UnfreezeHolding(regulator.party, order))
    issuer.send(reduce, cosigners=(regulator, notary))
    assert issuer.whole_register(share).outstanding == 400_000
