"""What is read of proposals, now and as of past blocks, over a state that is committed block by block."""

from __future__ import annotations

import pytest

from counterfoil.modules.approvals import MODULE
from counterfoil.modules.approvals.messages import ApproveTransaction
from counterfoil.modules.approvals.queries import open_proposals, proposal
from counterfoil.modules.approvals.records import Approval
from counterfoil.modules.parties.interface import SIGNERS
from counterfoil.state.state import State
from counterfoil.state.tables import LINKS
from counterfoil.storage.memory_store import MemoryStore
from tests.unit.approvals import market
from tests.unit.approvals.market import ISSUER, NOTARY, NOTES, NOW_MS, REGULATOR, STRANGER, Ledger


class CommittedLedger(Ledger):
    """Commits each block."""

    def __init__(self) -> None:
        super().__init__()
        tables = (*MODULE.tables, SIGNERS, NOTES)
        self.committed = State(MemoryStore({t.number: t.layout for t in (LINKS, *tables)}), tables, b"s" * 32)
        self.committed.found()
        self.committed.commit(1)
        self.height = 2
        self.take(self.committed.books)

    def end_block(self) -> None:
        self.committed.commit(self.height)
        self.height += 1
        self.time_ms += 1_000


@pytest.fixture
def ledger() -> CommittedLedger:
    return CommittedLedger()


def test_a_proposal_is_read_as_of_any_block(ledger: CommittedLedger) -> None:
    found = ledger.propose("a")
    ledger.end_block()
    ledger.act(ApproveTransaction(found), REGULATOR)
    ledger.end_block()
    ledger.act(ApproveTransaction(found), NOTARY)
    ledger.end_block()

    state = ledger.committed
    assert proposal(state, found) is None
    assert proposal(state, found, 1) is None
    entered, approved = proposal(state, found, 2), proposal(state, found, 3)
    assert entered is not None
    assert approved is not None
    assert entered.approved == ((ISSUER, Approval(2, NOW_MS)),)
    assert entered.missing == (REGULATOR, NOTARY)
    assert approved.approved == ((ISSUER, Approval(2, NOW_MS)), (REGULATOR, Approval(3, NOW_MS + 1_000)))
    assert approved.missing == (NOTARY,)
    assert proposal(state, found, 4) is None


def test_open_proposals_are_listed_by_their_expiry(ledger: CommittedLedger) -> None:
    late = ledger.act(market.proposal("a", expires_ms=NOW_MS + 9_000), ISSUER).created[0]
    early = ledger.act(
        market.proposal("a", signers=(NOTARY, STRANGER), expires_ms=NOW_MS + 8_000), NOTARY
    ).created[0]
    ledger.end_block()
    assert [view.proposal_id for view in open_proposals(ledger.committed)] == [early, late]
    assert [view.proposal_id for view in open_proposals(ledger.committed, REGULATOR)] == [late]
    assert [view.missing for view in open_proposals(ledger.committed, STRANGER)] == [(STRANGER,)]
    assert open_proposals(ledger.committed, b"x" * 20) == []
