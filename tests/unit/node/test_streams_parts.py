"""An action that told much comes in parts: each bounded, all together the whole, none twice, each asked for anew."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from counterfoil.node import streams
from counterfoil.node.eyes import Eyes
from counterfoil.node.receipts_of import receipts_of_block
from counterfoil.node.rpc import RpcServer
from counterfoil.node.streams import WHOLE_BLOCK, Batch, Cursor, Position, Streams
from counterfoil.node.told import ToldBlock
from counterfoil.node.viewer import Viewer
from counterfoil.primitives.codec import Fact
from counterfoil.sdk import Sandbox, SocketConnection, StreamItem, messages, persona_client, recipes
from counterfoil.sdk.messages import Purpose
from counterfoil.sdk.stream import OpenAction

MESSAGES = 40
DAY_MS = 86_400_000


@pytest.fixture(scope="module")
def ledger() -> Iterator[Sandbox]:
    """One transaction that told much about one account, between two that told little."""
    with Sandbox() as made:
        broker = made.client("broker-a")
        ask = messages.PlaceEarmark(made.account("investor-a"), made.seeded.share, 1)
        broker.send(ask)
        broker.send(*[ask] * MESSAGES)
        broker.send(ask)
        yield made


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "FACTS_MAX", 7)
    monkeypatch.setattr(streams, "LOOKED_AT_ONCE", 5)
    monkeypatch.setattr(streams, "LOOKS_MAX", 3)


def big(ledger: Sandbox) -> int:
    return ledger.node.height - 1


def told(ledger: Sandbox, who: str, after: Position | int, about: bytes = b"") -> list[StreamItem]:
    return list(ledger.client(who).watch(after, about, follow=False))


def together(items: list[StreamItem]) -> list[tuple[int, int, bytes, tuple[Fact, ...]]]:
    """(height, place, action, facts) of whole actions."""
    whole: list[tuple[int, int, bytes, tuple[Fact, ...]]] = []
    for item in items:
        before: tuple[Fact, ...] = whole.pop()[3] if item.part else ()
        whole.append((item.height, item.place, item.action, before + item.facts))
    return whole


@pytest.mark.parametrize("who", ["broker-a", "investor-a", "issuer-a", "regulator", "depository"])
def test_the_parts_are_the_whole(
    ledger: Sandbox, who: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    whole = told(ledger, who, 0)
    assert not any(item.part or item.has_more for item in whole)
    request.getfixturevalue("parts")
    items = told(ledger, who, 0)
    assert together(items) == together(whole)
    assert all(0 < len(item.facts) <= 7 for item in items)
    for item, after in zip(items, [*items[1:], None], strict=True):
        follows = after is not None and after.action == item.action
        assert item.has_more == follows
        assert after is None or after.part == (item.part + 1 if follows else 0)
        assert not item.has_more or len(item.facts) == 7
    parts = [item.part for item in items if item.height == big(ledger)]
    assert parts == list(range(len(parts)))
    assert len(parts) >= 3 * MESSAGES / 7


@pytest.mark.usefixtures("parts")
def test_a_position_in_the_middle_leads_to_the_beginning_of_the_action(ledger: Sandbox) -> None:
    items = told(ledger, "broker-a", 0)
    for at, item in enumerate(items):
        begin = at - item.part if item.has_more else at + 1
        assert told(ledger, "broker-a", item.position) == items[begin:]


@pytest.mark.usefixtures("parts")
def test_every_batch_is_bounded(ledger: Sandbox) -> None:
    connection = ledger.client("regulator").connection
    batches = list(connection.watch(Position(0), b"", False))
    assert max(sum(len(item.facts) for item in batch.items) for batch in batches) <= 7 + 5
    inside = [batch for batch in batches if batch.items and batch.items[-1].has_more]
    assert inside
    assert not any(batch.is_current for batch in inside)
    assert all(batch.reached == batch.items[-1].position for batch in inside)


@pytest.mark.usefixtures("parts")
@pytest.mark.parametrize("who", ["broker-b", "regulator"])
def test_the_ledger_is_held_still_a_few_times_a_batch(
    ledger: Sandbox, who: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether much of what is looked at may be seen or nothing: other requests have their turn."""
    looks, found_each = [0], streams._look

    def counted(*given: Any) -> Iterator[StreamItem]:
        looks[-1] += 1
        return found_each(*given)

    monkeypatch.setattr(streams, "_look", counted)
    after = Position(big(ledger) - 1)
    for _ in ledger.client(who).connection.watch(after, b"", False):
        looks.append(0)
    assert max(looks) == 3
    assert len(looks) > 7 * MESSAGES / (3 * 5)


@pytest.mark.usefixtures("parts")
def test_each_fact_is_looked_at_once(ledger: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts do not begin their action again: the work grows as the facts do."""
    looked: dict[int, list[int]] = {}
    seen = Eyes.seen

    def counted(self: Eyes, found: Any, about: bytes, first: int = 0, until: int | None = None) -> list[Fact]:
        last = len(found.facts) if until is None else until
        if found.receipt.height == big(ledger):
            looked.setdefault(found.place, []).extend(range(first, last))
        return seen(self, found, about, first, until)

    monkeypatch.setattr(Eyes, "seen", counted)
    items = told(ledger, "broker-a", big(ledger) - 1)
    assert sum(item.height == big(ledger) for item in items) > 5
    assert list(looked.values()) == [[*range(count * MESSAGES)] for count in (3, 3, 1)]


@pytest.mark.usefixtures("parts")
def test_rights_that_end_in_the_middle_end_the_parts() -> None:
    with Sandbox() as ledger:
        owner, broker, lender = (ledger.client(who) for who in ("investor-a", "broker-a", "trustee"))
        account = ledger.account("investor-a")
        until_ms = owner.time_ms() + DAY_MS
        ask = recipes.show(owner, lender.party, until_ms, purpose=Purpose.DISCLOSURE, account=account)
        grant = owner.send(ask).created
        before = ledger.node.height
        broker.send(*[messages.PlaceEarmark(account, ledger.seeded.share, 1)] * MESSAGES)
        stream = lender.watch(before, account, follow=False)
        first = next(stream)
        assert first.has_more
        owner.send(messages.RevokeView(owner.party, grant))
        # What was served before it ended, and nothing of what would have come.
        assert sum(len(item.facts) for item in [first, *stream] if item.height == before + 1) <= 7 + 5


@pytest.mark.usefixtures("parts")
@pytest.mark.parametrize("batches", range(1, 8))
def test_what_a_lost_connection_broke_off_is_not_told_twice(
    ledger: Sandbox, tmp_path: Path, batches: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    told_by_node = SocketConnection.told
    losses = iter([batches, 1, 2])

    def lost(self: SocketConnection, after: Position | None, about: bytes) -> Iterator[Batch]:
        left = next(losses, 10**6)
        for batch in told_by_node(self, after, about):
            yield batch
            left -= 1
            if not left:
                raise ConnectionResetError

    monkeypatch.setattr(SocketConnection, "told", lost)
    with RpcServer(ledger.node, path=tmp_path / "s") as server:
        assert server.path is not None
        for who in ("broker-a", "regulator"):
            client = persona_client(SocketConnection(server.path), who)
            items = list(client.watch(big(ledger) - 1, follow=False))
            heard = [fact for item in items for fact in item.facts]
            expected = [fact for item in told(ledger, who, big(ledger) - 1) for fact in item.facts]
            assert heard == expected
            client.close()


def test_what_happened_twice_is_told_twice(ledger: Sandbox) -> None:
    """Equal facts of one receipt are two; the same facts told to another stakeholder are the same."""
    (item,) = [item for item in told(ledger, "broker-a", 0) if item.height == big(ledger)]
    one, other = item.facts[:2]
    cursor, again = streams.Cursor(Position(0)), OpenAction()
    block = ToldBlock(ledger.node, big(ledger), 0, receipts_of_block(ledger.node, big(ledger)))
    found = block.found[0]
    assert not list(cursor.find(found, [one, one, other], block))
    cursor.here.clear()
    assert not list(cursor.find(found, [other, one, one, one], block))
    (whole,) = cursor.end(found, block)
    assert whole.facts == (one, one, other, one)
    first = msgspec.structs.replace(whole, facts=(one, one), has_more=True)
    rest = msgspec.structs.replace(whole, facts=(one, other), part=1)
    heard = list(again.without_told([first]))
    again.begin_again()
    heard += again.without_told([first, rest])
    assert [fact for item in heard for fact in item.facts] == [one, one, one, other]


def test_how_far_it_got_tells_nothing_of_actions_that_show_nothing(parts: None) -> None:
    """However often a batch ends within a block: it says that it got to a block's end, or to what it told last."""
    with Sandbox() as made:
        broker = made.client("broker-a")
        ask = messages.PlaceEarmark(made.account("investor-a"), made.seeded.share, 1)
        broker.submit_many([broker.draft(ask).sign(*broker.keys) for _ in range(40)])
        for who in ("", "notary", "investor-b", "issuer-a", "broker-a", "regulator"):
            own, cursor = Streams(made.node), Cursor(Position(0))
            viewer = Viewer(made.client(who).party) if who else Viewer()
            may_tell, inside, is_current = [Position(0)], 0, False
            while not is_current:
                batch = own.next(viewer, cursor)
                is_current = batch.is_current
                may_tell += [item.position for item in batch.items]
                inside += cursor.position.place != WHOLE_BLOCK
                assert batch.reached.place == WHOLE_BLOCK or batch.reached in may_tell, who
            assert inside, "no batch ended within a block"
            assert batch.reached == Position(made.node.height)
