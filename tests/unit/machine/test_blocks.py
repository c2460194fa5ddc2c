"""How a block is applied: lists, order, failing rules, what is always true, deadlines, dry runs, no block at all."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import msgspec
import pytest

from counterfoil.engine.port import EngineStopped
from counterfoil.machine.failures import ProgramIsOutdated, RulesFailed
from counterfoil.machine.genesis import Parameters
from counterfoil.machine.rejects import MachineReject
from counterfoil.machine.transactions import Mode
from counterfoil.modules.cash.messages import RequestRedemption
from counterfoil.modules.governance.messages import CancelUpgrade, ScheduleUpgrade
from counterfoil.modules.holdings.messages import CloseAccount, OpenAccount, PlaceEarmark, ReleaseEarmark
from counterfoil.modules.holdings.records import AccountKind
from counterfoil.modules.holdings.rejects import HoldingsReject
from counterfoil.modules.parties.messages import RotateKeys
from counterfoil.modules.parties.rejects import PartiesReject
from counterfoil.primitives.digests import object_id
from counterfoil.primitives.outcome import InvariantViolation
from counterfoil.primitives.signatures import KeyPolicy
from counterfoil.state.receipts import BlockResults, Receipt
from tests.model.desk import Desk, by, own, party, replayed
from tests.model.opening import DAY_MS, Opening, stranger

A = by("broker-a")
NOT_EXECUTED = MachineReject.MESSAGE_WAS_NOT_EXECUTED.number
SHORT = HoldingsReject.INSUFFICIENT_AVAILABLE_QUANTITY.number


@pytest.fixture
def opening() -> Opening:
    made = Opening().everything()
    made.desk.pass_time()
    return made


def earmark(opening: Opening, quantity: int) -> PlaceEarmark:
    return PlaceEarmark(opening.accounts["a"], opening.instruments["share"], quantity)


def available(opening: Opening) -> int:
    holdings = opening.desk.machine.wired.holdings
    return holdings.balance(opening.accounts["a"], opening.instruments["share"])[0]


# Lists of messages


def test_all_or_nothing_takes_effect_as_a_whole(opening: Opening) -> None:
    before = available(opening)
    outcome = opening.desk.send([earmark(opening, 1), earmark(opening, 2), earmark(opening, 3)], *A)
    assert [result.number for result in outcome.result.messages] == [0, 0, 0]
    assert available(opening) == before - 6


def test_all_or_nothing_leaves_nothing_where_one_is_rejected(opening: Opening) -> None:
    desk, before = opening.desk, opening.desk.books()
    messages = [earmark(opening, 1), earmark(opening, 10**12), earmark(opening, 3)]
    outcome = desk.send(messages, *A)
    assert outcome.result.number == SHORT
    assert [result.number for result in outcome.result.messages] == [NOT_EXECUTED, SHORT, NOT_EXECUTED]
    assert [result.objects for result in outcome.result.messages] == [(), (), ()]
    assert [rejected.number for rejected in outcome.rejects] == [SHORT]
    assert desk.books() == before


def test_each_on_its_own_goes_on_after_a_reject(opening: Opening) -> None:
    before = available(opening)
    messages = [earmark(opening, 1), earmark(opening, 10**12), earmark(opening, 3), earmark(opening, 10**13)]
    outcome = opening.desk.send(messages, *A, mode=Mode.EACH_ON_ITS_OWN)
    assert outcome.result.number == SHORT, "the first reject is the transaction's number"
    assert [result.number for result in outcome.result.messages] == [0, SHORT, 0, SHORT]
    assert [len(result.objects) for result in outcome.result.messages] == [1, 0, 1, 0]
    assert len(outcome.rejects) == 2
    assert available(opening) == before - 4


def test_a_later_message_builds_on_an_earlier_one(opening: Opening) -> None:
    """Identities follow from the transaction's own, so that a list can name what it is about to create."""
    desk = opening.desk
    first = desk.body((earmark(opening, 7),), (A[0].address,))
    before = available(opening)
    outcome = desk.block([desk.signed(first, *A)])[0]
    expected = object_id(outcome.result.id, 0, 0)
    assert outcome.result.messages[0].objects == (expected,)
    outcome = desk.send([earmark(opening, 5), ReleaseEarmark(expected)], *A)
    assert not outcome.result.number
    assert available(opening) == before - 5


def test_a_reference_of_a_list_that_is_taken_back_is_free_again(opening: Opening) -> None:
    usd, b = opening.instruments["usd"], opening.accounts["b"]
    good = RequestRedemption(usd, b, 10, "ONCE")
    bad = RequestRedemption(usd, b, 10**15, "OTHER")
    desk = opening.desk
    assert desk.send([good, bad], *by("broker-b")).result.number == SHORT
    assert not desk.send(good, *by("broker-b")).result.number
    assert desk.send(good, *by("broker-b")).result.number


# Order


def test_transactions_are_executed_as_they_were_bundled(opening: Opening) -> None:
    desk = opening.desk
    everything = available(opening)
    raws = [desk.transaction(earmark(opening, everything - number), *A) for number in range(3)]
    outcomes = desk.block(raws)
    assert [outcome.result.number for outcome in outcomes] == [0, SHORT, SHORT]
    assert [result.id for result in desk.machine.block_results(desk.height).results] == [
        outcome.result.id for outcome in outcomes
    ]


def test_urgent_messages_go_first(opening: Opening, monkeypatch: pytest.MonkeyPatch) -> None:
    desk, machine = opening.desk, opening.desk.machine
    monkeypatch.setattr(machine, "wired", machine.wired._replace(urgent=frozenset((CloseAccount,))))
    ordinary = desk.transaction(earmark(opening, 1), *A)
    urgent = desk.transaction(CloseAccount(opening.accounts["empty"]), *A)
    outcomes = desk.block([ordinary, urgent])
    assert [outcome.result.number for outcome in outcomes] == [0, 0], "outcomes stand as bundled"
    results = machine.block_results(desk.height).results
    assert [result.id for result in results] == [outcomes[1].result.id, outcomes[0].result.id]


# Nothing to do


def test_a_block_without_effect_is_none(opening: Opening) -> None:
    desk = opening.desk
    last, height = desk.machine.last, desk.height
    assert desk.engine.decide_due() is None
    refused = desk.block([b"", desk.signed_for(desk.body((earmark(opening, 1),), (A[0].address,)))])
    assert all(outcome.result.number for outcome in refused)
    assert (desk.machine.last, desk.height) == (last, height)
    assert desk.node.log.last_height() == height


def test_heights_have_no_gaps_and_times_only_rise(opening: Opening) -> None:
    opening.desk.send(earmark(opening, 1), *A)
    headers = [block.header for block in opening.desk.node.blocks()]
    assert [header.height for header in headers] == list(range(1, len(headers) + 1))
    assert [header.number for header in headers] == list(range(len(headers)))
    assert all(one.time_ms < following.time_ms for one, following in pairwise(headers))


# When something of ours is wrong


def broken_rule(_books: Any, _ask: Any, _context: Any) -> None:
    raise ZeroDivisionError("a rule of ours")


def test_where_the_rules_fail_the_block_is_taken_back_and_the_transaction_named(
    opening: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, machine = opening.desk, opening.desk.machine
    monkeypatch.setattr(machine, "_rules", {**machine._rules, CloseAccount: (broken_rule, None)})
    before = desk.books()
    good = desk.prepared(desk.transaction(earmark(opening, 1), *A))
    bad = desk.prepared(desk.transaction(CloseAccount(opening.accounts["empty"]), *A))
    with pytest.raises(RulesFailed) as failed:
        machine.execute(desk.height + 1, desk.next_time_ms(), [[good, bad]], bytes(32))
    assert failed.value.prepared is bad
    assert isinstance(failed.value.__cause__, ZeroDivisionError)
    assert desk.books() == before
    assert bad.id not in machine.window
    assert good.id not in machine.window
    assert not desk.send(earmark(opening, 1), *A).result.number


def test_what_is_always_true_is_checked_before_a_block_is_committed(
    opening: Opening, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, machine = opening.desk, opening.desk.machine
    seen: list[set[int]] = []

    def never(_books: Any, changed: Any) -> None:
        seen.append({number for number, records in changed.items() if records})
        raise InvariantViolation("what cannot be")

    (module, books), *others = machine.wired.modules
    modules = ((replace(module, invariants=(never,)), books), *others)
    monkeypatch.setattr(machine, "wired", machine.wired._replace(modules=modules))
    height = desk.height
    with pytest.raises(InvariantViolation, match="what cannot be"):
        desk.send(earmark(opening, 1), *A)
    assert {50, 52} <= seen[0], "holdings and earmarks changed"
    assert desk.height == height
    assert desk.node.log.last_height() == height, "nothing of it is on record"


def test_every_module_says_what_is_always_true_of_what_it_owns(opening: Opening) -> None:
    for module, _ in opening.desk.machine.wired.modules:
        if module.tables and module.name != "governance":
            assert module.invariants, module.name


# Deadlines


def test_deadlines_are_bounded_a_block_and_go_on_in_the_next() -> None:
    opening = Opening(Desk(parameters=Parameters(deadline_actions_max=3, retry_actions_max=5))).everything()
    desk = opening.desk
    expiry_ms = desk.next_time_ms() + 1_000
    message = PlaceEarmark(opening.accounts["a"], opening.instruments["share"], 1, expiry_ms=expiry_ms)
    desk.send([message] * 7, *A)
    before, height = available(opening), desk.height
    desk.pass_time(2_000)
    desk.settle_down()
    assert available(opening) == before + 7
    assert desk.height == height + 3, "three, three and one"


def test_deadlines_come_before_the_blocks_transactions(opening: Opening) -> None:
    desk = opening.desk
    everything = available(opening)
    expiry_ms = desk.next_time_ms() + 1_000
    desk.send(
        PlaceEarmark(opening.accounts["a"], opening.instruments["share"], everything, expiry_ms=expiry_ms), *A
    )
    assert available(opening) == 0
    desk.pass_time(2_000)
    assert not desk.send(earmark(opening, everything), *A).result.number


# Dry runs, receipts


def test_a_dry_run_tells_what_would_be_and_changes_nothing(opening: Opening) -> None:
    desk, before = opening.desk, opening.desk.books()
    root = desk.machine.last
    good = desk.try_out(earmark(opening, 1), *A)
    bad = desk.try_out(earmark(opening, 10**12), *A)
    assert (good.result.number, bad.result.number) == (0, SHORT)
    assert len(good.result.messages[0].objects) == 1
    assert desk.books() == before
    assert desk.machine.last == root
    assert not desk.send(earmark(opening, 1), *A).result.number
    again = replayed(desk)
    assert again.machine.last == desk.machine.last


def test_the_sender_has_a_receipt_where_nobody_else_was_told(opening: Opening) -> None:
    desk = opening.desk
    outcome = desk.send(earmark(opening, 10**12), *A)
    results: BlockResults = desk.machine.block_results(desk.height)
    receipts = [msgspec.msgpack.decode(kept.plaintext, type=Receipt) for kept in results.receipts]
    (receipt,) = [one for one in receipts if one.action == outcome.result.id]
    assert receipt.stakeholder == A[0].address
    assert receipt.results[0].number == SHORT
    assert desk.machine.last is not None
    assert desk.machine.last.receipt_count == len(results.receipts)


# Rule versions


def test_an_unknown_rule_version_stops_the_node_and_says_what_to_do(opening: Opening) -> None:
    desk = opening.desk
    desk.carry(ScheduleUpgrade(party("regulator"), 2, desk.height + 3))
    assert not desk.send(earmark(opening, 1), *A).result.number
    with pytest.raises(ProgramIsOutdated, match=r"rule version 2 is in force; this program knows 1: install"):
        desk.send(earmark(opening, 1), *A)
    height = desk.height
    again = replayed(desk)
    assert again.height == height, "what was decided before is readable and replays"
    with pytest.raises(EngineStopped) as stopped:
        desk.engine.decide_due()
    assert isinstance(stopped.value.__cause__, ProgramIsOutdated)


def test_an_upgrade_that_is_taken_back_stops_nobody(opening: Opening) -> None:
    desk = opening.desk
    desk.carry(ScheduleUpgrade(party("regulator"), 2, desk.height + 3))
    desk.carry(CancelUpgrade(party("regulator")))
    for _ in range(3):
        assert not desk.send(earmark(opening, 1), *A).result.number
    assert desk.machine.last is not None
    assert desk.machine.last.rule_version == 1


# Who acts


def test_a_suspended_or_unknown_member_is_refused_and_an_account_is_its_signers(opening: Opening) -> None:
    desk = opening.desk
    somebody = stranger("somebody")
    outcome = desk.send(earmark(opening, 1), somebody)
    assert outcome.result.number == HoldingsReject.ACCOUNT_NOT_FOUND.number
    opened = OpenAccount(party("investor-a"), party("broker-a"), AccountKind.OWN)
    outcome = desk.send(opened, somebody)
    assert outcome.result.number == PartiesReject.SIGNER_IS_NOT_AUTHORISED.number


def test_a_party_goes_on_under_its_rotated_keys(opening: Opening) -> None:
    desk, new = opening.desk, stranger("new key of broker-a")
    (old,) = own("broker-a")
    desk.do(RotateKeys(old.address, KeyPolicy(1, (new.public_key,))), old)
    body = desk.body((earmark(opening, 1),), (old.address,))
    by_old, by_new = desk.block([desk.signed_for(body, (0, old)), desk.signed_for(body, (0, new))])
    assert by_old.rejects[0].code is MachineReject.SIGNER_IS_NOT_AUTHORISED
    assert not by_new.result.number
    desk.pass_time(DAY_MS)
    assert replayed(desk).machine.last == desk.machine.last
