"""The first page of the README: a market is founded and one delivery against payment settles, in about thirty lines."""

from __future__ import annotations

# first page
from hashlib import sha256

from counterfoil import sdk
from counterfoil.sdk import messages as m
from counterfoil.sdk import recipes as r


def first_page() -> tuple[int, int]:
    with sdk.Sandbox(seeded=False) as ledger:
        regulator, depository, notary, bank = ledger.clients("regulator", "depository", "notary", "trustee")
        issuer, seller, buyer = ledger.clients("issuer-a", "broker-a", "broker-b")
        today, papers, signers = ledger.today, sha256(b"prospectus").digest(), (regulator, notary)

        # The depository opens a market, its first day, and five accounts, to which their owners agree.
        depository.send(r.open_market(depository, "XDEM", "Demo Market", today), m.OpenDay("XDEM", today))
        kinds = (
            (issuer, "ISSUANCE"),
            (issuer, "TREASURY"),
            (bank, "ISSUANCE"),
            (seller, "OWN"),
            (buyer, "OWN"),
        )
        asked = [r.open_account(owner, depository, m.AccountKind[kind]) for owner, kind in kinds]
        agreed = (bank, seller, buyer)
        issued, treasury, minted, sellers, buyers = depository.send(*asked, cosigners=agreed).objects

        # A share and a bank's money are announced, and registered by all whom the market's rulebook names.
        equity = r.equity(depository, issuer, "XDEM", "EUR", issued, r.terms("Example plc", "XS0000000009"))
        money = r.money_token(depository, bank, "XDEM", "EUR", minted, r.terms("Bank euro"))
        share, euro = depository.send(equity, money).objects
        issuer.send(r.register(issuer, share, 1_000_000, treasury, papers, signers), cosigners=signers)
        bank.send(r.register(bank, euro, 0, b"", papers, signers), cosigners=signers)
        depository.send(m.AcceptAsset("XDEM", euro, today))

        # Shares are allotted, money is minted, and a trade settles in the block in which both sides sign it.
        issuer.send(r.allot(share, treasury, {sellers: 1_000}, "IPO-1", papers))
        bank.send(m.Mint(euro, buyers, 50_000_00, "BANK-0001", today))
        sides = {"seller": (seller, sellers), "buyer": (buyer, buyers)}
        trade = r.dvp(
            "XDEM", "T-1", today, **sides, instrument=share, quantity=100, asset=euro, amount=12_500_00
        )
        seller.send(trade, cosigners=[buyer])
        return buyer.balance(buyers, "XS0000000009")[0], seller.balance(sellers, euro)[0]


# end of the first page


def test_the_first_page_does_what_it_says() -> None:
    assert first_page() == (100, 12_500_00)


def test_it_is_about_thirty_lines() -> None:
    with open(__file__) as file:
        text = file.read()
    page = text[text.index("# first page\n") : text.index("# end of the first page")]
    lines = [line for line in page.splitlines() if line.strip() and not line.strip().startswith("#")]
    assert len(lines) <= 35
