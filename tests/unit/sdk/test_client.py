"""The client: it sends once, says what was wrong and what to do, and reads under the names people use."""

from __future__ import annotations

import pytest

from counterfoil.node.refusals import NodeRefusal
from counterfoil.sdk import (
    Client,
    Draft,
    LedgerError,
    LocalConnection,
    Mode,
    NotVisible,
    Sandbox,
    TransactionRejected,
    messages,
    recipes,
)
from counterfoil.sdk.pytest_plugin import sandbox_ledger
from counterfoil.sdk.rejects import problem_of_number, rejects

__all__ = ["sandbox_ledger"]


def earmark(sandbox: Sandbox, quantity: int = 1) -> messages.PlaceEarmark:
    return messages.PlaceEarmark(sandbox.account("broker-a"), sandbox.seeded.share, quantity)


def test_a_result_says_what_was_created_and_where(sandbox_ledger: Sandbox) -> None:
    client = sandbox_ledger.client("broker-a")
    result = client.send(earmark(sandbox_ledger), earmark(sandbox_ledger, 2))
    assert result.ok
    assert result.height == sandbox_ledger.node.height
    assert len(result.objects) == 2
    assert result.created == result.objects[0]
    moved = client.send(messages.ReleaseEarmark(result.created))
    with pytest.raises(ValueError, match="created nothing"):
        _ = moved.created


def test_sending_again_gives_the_first_result(sandbox_ledger: Sandbox) -> None:
    client = sandbox_ledger.client("broker-a")
    draft = client.draft(earmark(sandbox_ledger)).sign(*client.keys)
    assert client.wait(draft, 0) is None
    first = client.submit(draft)
    height = sandbox_ledger.node.height
    assert client.submit(draft) == first
    assert client.submit_many([draft, draft]) == [first, first]
    assert client.wait(draft) == first
    assert client.result(draft) is not None
    assert sandbox_ledger.node.height == height
    assert client.balance(sandbox_ledger.account("broker-a"), sandbox_ledger.seeded.share)[1] == 1


def test_a_reject_carries_number_explanation_and_remedy(sandbox_ledger: Sandbox) -> None:
    client = sandbox_ledger.client("broker-a")
    with pytest.raises(TransactionRejected) as caught:
        client.send(earmark(sandbox_ledger, 10**9))
    error = caught.value
    assert error.name == "INSUFFICIENT_AVAILABLE_QUANTITY"
    assert error.facts["available"] == "100000"
    assert error.explanation.endswith(".")
    assert error.resolution.endswith(".")
    assert str(error.number) in str(error)
    assert error.answer.height == sandbox_ledger.node.height


def test_a_rejected_transaction_sent_again_is_explained_again(sandbox_ledger: Sandbox) -> None:
    client = sandbox_ledger.client("broker-a")
    draft = client.draft(earmark(sandbox_ledger, 10**9)).sign(*client.keys)
    names = []
    for _ in range(2):
        with pytest.raises(TransactionRejected) as caught:
            client.submit(draft)
        names.append((caught.value.number, caught.value.name, caught.value.explanation))
    assert names[0] == names[1]


def test_each_on_its_own_tells_which_were_rejected(sandbox_ledger: Sandbox) -> None:
    client = sandbox_ledger.client("broker-a")
    result = client.send(
        earmark(sandbox_ledger, 1),
        earmark(sandbox_ledger, 10**9),
        earmark(sandbox_ledger, 3),
        mode=Mode.EACH_ON_ITS_OWN,
    )
    assert [bool(message.number) for message in result.messages] == [False, True, False]
    assert not result.ok
    assert [problem.name for problem in result.problems] == ["INSUFFICIENT_AVAILABLE_QUANTITY"]
    assert client.balance(sandbox_ledger.account("broker-a"), sandbox_ledger.seeded.share)[1] == 4


def test_many_at_once_keep_their_order(sandbox_ledger: Sandbox) -> None:
    client = sandbox_ledger.client("broker-a")
    drafts = [client.draft(earmark(sandbox_ledger, number)).sign(*client.keys) for number in range(1, 60)]
    results = client.submit_many(drafts)
    assert [result.id for result in results] == [draft.id for draft in drafts]
    assert all(result.ok for result in results)
    assert client.submit_many([]) == []


def test_a_dry_run_leaves_nothing(sandbox_ledger: Sandbox) -> None:
    client = sandbox_ledger.client("broker-a")
    height = sandbox_ledger.node.height
    good = client.draft(earmark(sandbox_ledger)).sign(*client.keys)
    assert client.try_out(good).ok
    bad = client.try_out(client.draft(earmark(sandbox_ledger, 10**9)).sign(*client.keys))
    assert [problem.name for problem in bad.problems] == ["INSUFFICIENT_AVAILABLE_QUANTITY"]
    unsigned = client.try_out(client.draft(earmark(sandbox_ledger)))
    assert [problem.name for problem in unsigned.problems] == ["SIGNER_IS_NOT_AUTHORISED"]
    assert sandbox_ledger.node.height == height
    assert client.submit(good).ok


def test_signatures_are_collected_apart(sandbox_ledger: Sandbox) -> None:
    seller, buyer = sandbox_ledger.clients("broker-a", "broker-b")
    deal = recipes.dvp(
        "XSBX",
        "APART-1",
        sandbox_ledger.today,
        seller=(seller, sandbox_ledger.account("broker-a")),
        buyer=(buyer, sandbox_ledger.account("broker-b")),
        instrument=sandbox_ledger.seeded.share,
        quantity=5,
        asset=sandbox_ledger.seeded.euro,
        amount=500,
    )
    draft = seller.draft(deal, signers=(seller.keys[0].address, buyer.keys[0].address)).sign(*seller.keys)
    with pytest.raises(TransactionRejected) as caught:
        seller.submit(draft)
    assert caught.value.name == "SIGNER_IS_NOT_AUTHORISED"
    received = Draft.from_bytes(draft.to_bytes())
    assert buyer.submit(received.sign(*buyer.keys)).ok


def test_names_are_resolved(sandbox_ledger: Sandbox) -> None:
    client = sandbox_ledger.client("issuer-a")
    assert client.register("XS0000000009") == client.register(sandbox_ledger.seeded.share)
    assert client.party_id("Broker A") == sandbox_ledger.client("broker-a").party
    assert client.instrument("XS0000000009").label.name == "Sandbox Share"
    for read in (
        lambda: client.register("XS0000000000"),
        lambda: client.party_id("Nobody"),
        lambda: client.party_id(""),
    ):
        with pytest.raises(LedgerError) as caught:
            read()
        assert caught.value.name == NodeRefusal.NAME_IS_UNKNOWN.name


def test_a_client_shows_who_it_is(sandbox_ledger: Sandbox) -> None:
    key = sandbox_ledger.client("broker-a").keys[0]
    other = sandbox_ledger.client("broker-b").party
    with pytest.raises(LedgerError) as caught:
        Client(sandbox_ledger.connect(), key, party=other)
    assert caught.value.name == "NOT_RECOGNISED"
    nobody = Client(sandbox_ledger.connect())
    with pytest.raises(NotVisible):
        nobody.holdings(sandbox_ledger.account("broker-a"))
    with Client(sandbox_ledger.connect(), key, party="Broker A") as by_name:
        assert by_name.holdings(sandbox_ledger.account("broker-a")).balances


def test_a_mandated_user_reads_as_its_party_while_the_mandate_lasts(sandbox_ledger: Sandbox) -> None:
    depository = sandbox_ledger.client("depository")
    account = sandbox_ledger.account("broker-a")
    checker = Client(sandbox_ledger.connect(), depository.keys[1], party="Depository")
    assert checker.holdings(account).account.account_id == account
    from counterfoil.node.personas import party_key

    own = Client(sandbox_ledger.connect(), party_key("depository"), party="Depository")
    own.send(messages.RevokeMandate(own.party, depository.keys[1].address))
    with pytest.raises(LedgerError) as caught:
        Client(sandbox_ledger.connect(), depository.keys[1], party="Depository")
    assert caught.value.name == "NOT_RECOGNISED"


def test_a_signer_with_several_keys_reads_when_its_threshold_is_met(sandbox_ledger: Sandbox) -> None:
    from counterfoil.node.personas import party_key

    key, second, third = (party_key(name) for name in ("broker-a", "issuer-a", "issuer-b"))
    client = sandbox_ledger.client("broker-a")
    keys = tuple(sorted((key.public_key, second.public_key, third.public_key)))
    client.send(messages.RotateKeys(key.address, messages.KeyPolicy(2, keys)))
    shown = Client(sandbox_ledger.connect(), second, third, party=client.party, signer=key.address)
    assert shown.holdings(sandbox_ledger.account("broker-a"))
    with pytest.raises(LedgerError) as caught:
        Client(sandbox_ledger.connect(), second, party=client.party, signer=key.address)
    assert caught.value.name == "NOT_RECOGNISED"
    draft = shown.draft(earmark(sandbox_ledger), signers=(key.address,)).sign(
        second, third, signer=key.address
    )
    assert shown.submit(draft).ok


def test_every_reject_is_known_by_its_number() -> None:
    assert len(rejects()) > 100
    assert problem_of_number(1030).name == "TRANSACTION_IS_USED"
    assert problem_of_number(123_456).name == "UNKNOWN"


def test_a_closed_ledger_says_so() -> None:
    sandbox = Sandbox(seeded=False)
    client = sandbox.client("broker-a")
    draft = client.draft(messages.CloseAccount(b"a" * 20)).sign(*client.keys)
    connection = LocalConnection(sandbox.node)
    sandbox.close()
    with pytest.raises(LedgerError) as caught:
        connection.submit([draft.transaction])
    assert caught.value.name == "NODE_STOPPED"
