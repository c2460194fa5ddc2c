"""Registers, balances and statements, now and as of past blocks, on a committed state."""

from __future__ import annotations

from random import Random

import pytest

from counterfoil.modules.holdings import queries
from counterfoil.modules.holdings.interface import AccountKind
from counterfoil.modules.holdings.messages import CloseAccount, FreezeAccount
from counterfoil.modules.holdings.queries import Balance, StatementLine
from counterfoil.modules.holdings.records import InstrumentTotals
from tests.unit.holdings.desk import ALICE, BOB, BROKER, DEPOSITORY, ISSUER, NOBODY, ORDER, REGULATOR
from tests.unit.holdings.kept import KeptDesk, holders


@pytest.fixture
def desk() -> KeptDesk:
    """Block 1: the founding. 2: 100 to Bob, 30 back. 3: 40 earmarked. 4: all the rest to Bob. 5: 40 redeemed."""
    desk = KeptDesk()
    desk.moved(desk.alice, desk.bob, 100)
    desk.moved(desk.bob, desk.alice, 30)
    desk.check()
    desk.earmark_id = desk.earmarked(desk.alice, 40)  # type: ignore[attr-defined]
    desk.check()
    desk.moved(desk.alice, desk.bob, 890)
    desk.check()
    desk.released(desk.earmark_id)  # type: ignore[attr-defined]
    desk.redeemed(desk.alice, 40)
    desk.check()
    return desk


def test_the_register_now_and_as_of_any_block(desk: KeptDesk) -> None:
    alice, bob, share = desk.alice, desk.bob, desk.share
    expected = {
        None: [(bob, 960, 0)],
        5: [(bob, 960, 0)],
        4: [(bob, 960, 0), (alice, 0, 40)],
        3: [(alice, 890, 40), (bob, 70, 0)],
        2: [(alice, 930, 0), (bob, 70, 0)],
        1: [(alice, 1_000, 0)],
    }
    for height, lines in expected.items():
        found = holders(desk.kept, share, height)
        assert found == [Balance(account, share, available, aside) for account, available, aside in lines]
        assert sum(line.total for line in queries.register(desk.kept, share, height)) == 0
    assert holders(desk.kept, NOBODY) == []
    assert queries.totals(desk.kept, share) == InstrumentTotals(1_000, 40, 0, 1)
    assert queries.totals(desk.kept, share, 3) == InstrumentTotals(1_000, 0, 40, 2)
    assert queries.totals(desk.kept, NOBODY) == InstrumentTotals(0, 0, 0)


@pytest.mark.parametrize("seed", range(6))
def test_a_register_is_walked_on_from_any_of_its_members_as_of_any_block(seed: int) -> None:
    """Accounts come and go on two registers; behind each member of each block stand those that followed it then."""
    chance, desk = Random(seed), KeptDesk()
    accounts = [desk.alice, desk.bob, *(desk.opened(ALICE, DEPOSITORY) for _ in range(8))]
    desk.check()
    for _ in range(25):
        for _ in range(chance.randrange(1, 4)):
            source, target = chance.sample(accounts, 2)
            there = desk.balance(source)[0]
            if there:
                desk.moved(source, target, chance.choice((there, max(1, there // 2))))
        desk.check()
    for height in (None, *range(1, desk.kept.height + 1)):
        whole = list(queries.register(desk.kept, desk.share, height))
        totals = queries.totals(desk.kept, desk.share, height)
        assert totals.holders == len(whole) - 1
        for place, line in enumerate(whole):
            found = queries.account(desk.kept, line.account_id)
            assert found is not None
            rest = queries.register(desk.kept, desk.share, height, found.handle)
            assert list(rest) == whole[place + 1 :]


def test_balances(desk: KeptDesk) -> None:
    state, alice, share = desk.kept, desk.alice, desk.share
    assert queries.balance(state, alice, share) == Balance(alice, share, 0, 0)
    assert queries.balance(state, alice, share, 3) == Balance(alice, share, 890, 40)
    assert queries.balance(state, desk.issuance, share, 4) == Balance(desk.issuance, share, -1_000, 0)
    assert queries.balances(state, alice) == ()
    assert queries.balances(state, alice, 4) == (Balance(alice, share, 0, 40),)
    assert queries.balances(state, NOBODY) == ()


def test_a_statement_leads_from_opening_to_closing(desk: KeptDesk) -> None:
    share = desk.share
    statement = queries.statement(desk.kept, desk.alice, 1)
    assert statement.opening == (Balance(desk.alice, share, 1_000, 0),)
    assert statement.lines == (
        StatementLine(2, share, -70, 0, 930, 0),
        StatementLine(3, share, -40, 40, 890, 40),
        StatementLine(4, share, -890, 0, 0, 40),
        StatementLine(5, share, 0, -40, 0, 0),
    )
    assert statement.closing == ()
    whole = queries.statement(desk.kept, desk.alice, 0)
    assert whole.opening == ()
    assert whole.lines[0] == StatementLine(1, share, 1_000, 0, 1_000, 0)
    part = queries.statement(desk.kept, desk.alice, 2, 3)
    assert part.lines == statement.lines[1:2]
    assert part.closing == (Balance(desk.alice, share, 890, 40),)
    assert queries.statement(desk.kept, desk.bob, 4).lines == ()
    issuance = queries.statement(desk.kept, desk.issuance, 1)
    assert issuance.lines == (StatementLine(5, share, 40, 0, -960, 0),)


def test_a_holding_that_comes_back_is_one_statement(desk: KeptDesk) -> None:
    desk.moved(desk.bob, desk.alice, 5)
    desk.check()
    assert [line.available for line in queries.statement(desk.kept, desk.alice, 3).lines] == [0, 0, 5]
    assert holders(desk.kept, desk.share)[-1] == Balance(desk.alice, desk.share, 5, 0)


def test_accounts_of_a_party(desk: KeptDesk) -> None:
    state = desk.kept
    second = desk.opened(ALICE, DEPOSITORY, joint_holders=(BOB,))
    desk.check()
    assert [held.account_id for held in queries.accounts_of_owner(state, ALICE)] == sorted(
        [desk.alice, second]
    )
    assert [held.account_id for held in queries.accounts_of_owner(state, ALICE, 5)] == [desk.alice]
    assert queries.accounts_of_owner(state, REGULATOR) == []
    assert [held.account_id for held in queries.accounts_held_jointly(state, BOB)] == [second]
    assert {held.account_id for held in queries.accounts_of_servicer(state, BROKER)} == {desk.alice, desk.bob}
    by_depository = {held.account_id for held in queries.accounts_of_servicer(state, DEPOSITORY)}
    assert by_depository == {desk.issuance, second}
    (issuing,) = queries.accounts_of_owner(state, ISSUER)
    assert issuing.account.kind is AccountKind.ISSUANCE


def test_an_account_as_of_a_past_block(desk: KeptDesk) -> None:
    desk.act(FreezeAccount(desk.bob, REGULATOR, ORDER, True, False), REGULATOR)
    desk.act(CloseAccount(desk.alice), ALICE)
    desk.check()
    frozen, before = (queries.account(desk.kept, desk.bob, height) for height in (None, 5))
    assert frozen is not None
    assert before is not None
    assert (frozen.frozen_debits, before.frozen_debits) == (True, False)
    assert queries.account(desk.kept, NOBODY) is None
    assert [held.account_id for held in queries.accounts_of_owner(desk.kept, ALICE)] == [desk.alice]


def test_earmarks_of_an_account(desk: KeptDesk) -> None:
    state, earmark_id = desk.kept, desk.earmark_id  # type: ignore[attr-defined]
    assert queries.earmarks(state, desk.alice) == []
    ((found, earmark),) = queries.earmarks(state, desk.alice, desk.share, 4)
    assert (found, earmark.quantity) == (earmark_id, 40)
    assert queries.earmarks(state, desk.alice, NOBODY, 4) == []
    assert queries.earmarks(state, desk.bob, height=4) == []
