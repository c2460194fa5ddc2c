"""The sandbox: personas, fixtures, a clock; in memory or in a folder; and nothing of it on a production ledger."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from counterfoil.machine.genesis import Genesis
from counterfoil.node.ledger import memory_ledger, open_ledger
from counterfoil.node.personas import PERSONAS, party_key, persona_keys, refuse_personas, sandbox_genesis
from counterfoil.node.refusals import NodeRefusal
from counterfoil.sdk import LedgerError, LocalConnection, Sandbox, messages, persona_client, recipes, seed
from counterfoil.sdk.pytest_plugin import sandbox_ledger

__all__ = ["sandbox_ledger"]


def test_everybody_has_what_the_fixtures_say(sandbox_ledger: Sandbox) -> None:
    seeded = sandbox_ledger.seeded
    for name, account in seeded.accounts.items():
        client = sandbox_ledger.client(name)
        assert client.balance(account, seeded.share) == (100_000, 0)
        assert client.balance(account, seeded.bond) == (100_000_00, 0)
        assert client.balance(account, seeded.euro) == (10_000_000_00, 0)
    market = sandbox_ledger.client("regulator").market(seeded.market)
    assert (market.is_open, market.business_date) == (True, 20240102)
    sandbox_ledger.node.machine.check_everything()


def test_every_persona_can_act(sandbox_ledger: Sandbox) -> None:
    for card in PERSONAS:
        client = sandbox_ledger.client(card.name)
        assert client.party_details(client.party).line.name == card.party
    with pytest.raises(KeyError, match="broker-a"):
        sandbox_ledger.client("broker-z")


def test_days_go_by_as_the_clock_is_moved(sandbox_ledger: Sandbox) -> None:
    client = sandbox_ledger.client("regulator")
    assert sandbox_ledger.today == 20240102
    assert sandbox_ledger.advance_to_day_close() == 20240102
    assert not client.market("XSBX").is_open
    with pytest.raises(ValueError, match="no business day"):
        sandbox_ledger.advance_to_day_close()
    assert sandbox_ledger.advance_to("2024-01-03") == 20240103
    assert client.market("XSBX").is_open
    assert sandbox_ledger.advance_to(date(2024, 1, 6)) == 20240105  # a Saturday
    assert not client.market("XSBX").is_open
    assert sandbox_ledger.advance_to(20240112) == 20240112
    closed = [client.header(f"2024-01-{day:02d}").header.height for day in (2, 3, 4, 5, 8, 9, 10, 11)]
    assert closed == sorted(set(closed))


def test_the_clock_never_goes_back(sandbox_ledger: Sandbox) -> None:
    before = sandbox_ledger.time_ms
    sandbox_ledger.advance_to(20230101)
    assert sandbox_ledger.time_ms >= before
    assert sandbox_ledger.today == 20240102


def test_instructions_settle_when_their_day_comes(sandbox_ledger: Sandbox) -> None:
    seller, buyer = sandbox_ledger.clients("investor-a", "investor-b")
    deal = recipes.dvp(
        "XSBX",
        "LATER",
        sandbox_ledger.today,
        seller=(seller, sandbox_ledger.account("investor-a")),
        buyer=(buyer, sandbox_ledger.account("investor-b")),
        instrument=sandbox_ledger.seeded.share,
        quantity=10,
        asset=sandbox_ledger.seeded.euro,
        amount=1_000,
        settlement_date=20240104,
    )
    seller.send(deal, cosigners=[buyer])
    account, share = sandbox_ledger.account("investor-b"), sandbox_ledger.seeded.share
    assert buyer.balance(account, share) == (100_000, 0)
    assert len(buyer.instructions(account=account)) == 1
    sandbox_ledger.advance_to(20240104)
    assert buyer.balance(account, share) == (100_010, 0)
    assert buyer.instructions(account=account) == []


def test_a_market_without_schedule_is_opened_and_closed_by_its_operator() -> None:
    with Sandbox(seeded=False, start=date(2024, 3, 4)) as sandbox:
        depository = sandbox.client("depository")
        assert sandbox.today == 20240304
        depository.send(
            recipes.open_market(depository, "XMAN", "By hand", 20240304), messages.OpenDay("XMAN", 20240304)
        )
        assert sandbox.advance_to_day_close() == 20240304
        assert sandbox.advance_to(20240307) == 20240307
        assert depository.market("XMAN").is_open
        assert sandbox.advance_to(20240310) == 20240308  # a Sunday


def test_where_a_sandbox_begins() -> None:
    with Sandbox(seeded=False, start=datetime(2020, 2, 29, 12, tzinfo=UTC)) as sandbox:
        assert sandbox.today == 20200229
    with pytest.raises(ValueError, match="zone"):
        Sandbox(start=datetime(2020, 2, 29))
    with Sandbox(seeded=False) as sandbox, pytest.raises(ValueError, match="not seeded"):
        sandbox.account("broker-a")


def test_in_a_folder_it_outlives_its_process(tmp_path: Path) -> None:
    path = tmp_path / "ledger"
    with Sandbox(folder=path) as sandbox:
        sandbox.advance_to(20240103)
        share, account = sandbox.seeded.share, sandbox.account("broker-a")
        height = sandbox.node.height
    with open_ledger(path, workers=0) as node:
        assert node.height == height
        client = persona_client(LocalConnection(node), "broker-a")
        assert client.balance(account, share) == (100_000, 0)
        assert client.market("XSBX").business_date == 20240103


def test_a_temporary_folder_is_gone_afterwards() -> None:
    with Sandbox(seeded=False, folder=True) as sandbox:
        folder = sandbox.node.folder
        assert folder is not None
        path = folder.path
        assert path.is_dir()
    assert not path.exists()


# ---- a production ledger ----


def production() -> Genesis:
    return Genesis(name="production", time_ms=1_700_000_000_000, secret_commitment="", sealers=())


@pytest.mark.parametrize("persona", [card.name for card in PERSONAS])
def test_a_production_genesis_refuses_every_persona(persona: str) -> None:
    draft = sandbox_genesis()
    for key in (*persona_keys(persona), party_key(persona)):
        party = {"name": "X", "roles": ["regulator"], "signer": {"keys": [key.public_key.hex().upper()]}}
        genesis = Genesis(
            name="production",
            time_ms=draft.time_ms,
            secret_commitment="",
            sealers=(),
            sections={"parties": {"parties": [party]}},
        )
        with pytest.raises(ValueError, match="persona"):
            refuse_personas(genesis)
    refuse_personas(draft)
    refuse_personas(production())


def test_a_production_ledger_has_no_clock_no_personas_no_fixtures() -> None:
    with memory_ledger(production()) as node:
        connection = LocalConnection(node)
        for ask in (
            lambda: connection.advance_clock(2_000_000_000_000),
            lambda: persona_client(connection, "broker-a"),
            lambda: seed(lambda: connection),
            lambda: connection.read("personas", b"\x80"),
        ):
            with pytest.raises(LedgerError) as caught:
                ask()
            assert caught.value.name == NodeRefusal.NO_SANDBOX.name
        assert node.height == 1
