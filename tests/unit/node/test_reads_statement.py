"""A statement is opening balance and postings and closing balance, for any period."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from counterfoil.node import reads_statement
from counterfoil.node.refusals import NodeRefusal
from counterfoil.sdk import LedgerError, Sandbox, messages, recipes


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as made:
        first, second = made.clients("broker-a", "broker-b")
        for day in range(2):
            for number in range(3):
                sell(made, f"D{day}-{number}", 100 + number)
            ask = messages.PlaceEarmark(made.account("broker-a"), made.seeded.share, 7)
            earmark = first.send(ask).created
            first.send(messages.ReleaseEarmark(earmark, 3))
            made.advance_to_day_close()
            made.advance_to(made.today + 1)
        assert second.party != first.party
        yield made


def sell(sandbox: Sandbox, reference: str, quantity: int) -> None:
    seller, buyer = sandbox.clients("broker-a", "broker-b")
    deal = recipes.dvp(
        "XSBX",
        reference,
        sandbox.today,
        seller=(seller, sandbox.account("broker-a")),
        buyer=(buyer, sandbox.account("broker-b")),
        instrument=sandbox.seeded.share,
        quantity=quantity,
        asset=sandbox.seeded.euro,
        amount=quantity * 1_000,
    )
    seller.send(deal, cosigners=[buyer])


PERIODS = [
    ("", ""),
    ("2024-01-02", "2024-01-02"),
    ("2024-01-03", "2024-01-03"),
    ("2024-01-02", "2024-01-03"),
    ("2024-01-03", ""),
    ("1", ""),
    ("20", "30"),
    ("2024-01-02T09:00:00Z", "2024-01-03T12:00:00Z"),
]


@pytest.mark.parametrize(("since", "until"), PERIODS)
@pytest.mark.parametrize("who", ["broker-a", "broker-b", "investor-a"])
def test_opening_and_postings_make_closing(sandbox: Sandbox, who: str, since: str, until: str) -> None:
    client, account = sandbox.client(who), sandbox.account(who)
    found = client.statement(account, since, until)
    assert found.balanced
    running = {
        (line.instrument.instrument_id, part): quantity
        for line in found.opening
        for part, quantity in (("AVAILABLE", line.available), ("EARMARKED", line.earmarked))
    }
    for posting in found.postings:
        key = (posting.instrument_id, posting.sub_balance)
        running[key] = running.get(key, 0) + posting.change
        assert running[key] == posting.balance_after
        assert found.opened_height < posting.height <= found.moment.height
    closing = {
        (line.instrument.instrument_id, part): quantity
        for line in found.closing
        for part, quantity in (("AVAILABLE", line.available), ("EARMARKED", line.earmarked))
    }
    assert {key: quantity for key, quantity in running.items() if quantity} == {
        key: quantity for key, quantity in closing.items() if quantity
    }
    assert closing == {
        (line.instrument.instrument_id, part): quantity
        for line in client.holdings(account, found.moment.height).balances
        for part, quantity in (("AVAILABLE", line.available), ("EARMARKED", line.earmarked))
    }


def test_a_day_holds_that_days_postings(sandbox: Sandbox) -> None:
    client, account = sandbox.client("broker-b"), sandbox.account("broker-b")
    for day, quantities in (("2024-01-02", [100, 101, 102]), ("2024-01-03", [100, 101, 102])):
        found = client.statement(account, day, day, instrument=sandbox.seeded.share)
        delivered = [line.change for line in found.postings if line.reason == "DELIVERED"]
        assert delivered == quantities
        assert {line.instrument_id for line in found.postings} == {sandbox.seeded.share}
        assert found.balanced


def test_an_issuance_account_counts_negative(sandbox: Sandbox) -> None:
    issuer = sandbox.client("issuer-a")
    account = next(line for line in issuer.accounts(owner=issuer.party) if line.kind == "ISSUANCE")
    found = issuer.statement(account.account_id)
    assert found.balanced
    assert [line.available for line in found.closing] == [-1_000_000]
    assert [(line.sub_balance, line.change) for line in found.postings] == [("ISSUED", -1_000_000)]


@pytest.mark.parametrize(
    ("since", "until", "name"),
    [
        ("2024-01-04", "2024-01-02", "PARAMETERS_ARE_WRONG"),
        ("2024-01-09", "", "MOMENT_IS_NOT_ON_RECORD"),
        ("2024-99-09", "", "PARAMETERS_ARE_WRONG"),
        ("", "2024-01-04", "MOMENT_IS_NOT_ON_RECORD"),
    ],
)
def test_periods_that_are_none(sandbox: Sandbox, since: str, until: str, name: str) -> None:
    with pytest.raises(LedgerError) as caught:
        sandbox.client("broker-a").statement(sandbox.account("broker-a"), since, until)
    assert caught.value.name == name


def test_a_statement_that_is_too_long_says_so(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reads_statement, "POSTINGS_MAX", 3)
    with pytest.raises(LedgerError) as caught:
        sandbox.client("broker-a").statement(sandbox.account("broker-a"))
    assert caught.value.name == NodeRefusal.TOO_MUCH_AT_ONCE.name
