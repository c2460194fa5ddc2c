"""Proposals and rule versions in dictionaries."""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec

from counterfoil.modules.approvals.messages import (
    ApproveTransaction,
    ProposeTransaction,
    WithdrawProposal,
)
from counterfoil.modules.approvals.rejects import ApprovalsReject as Reject
from counterfoil.modules.governance.rejects import GovernanceReject
from counterfoil.primitives.codec import encode
from tests.model.core import Action, Item, demand, time_key
from tests.model.grants_model import GrantsModel

OWN = (ProposeTransaction, ApproveTransaction, WithdrawProposal)
DAY_MS = 86_400_000
IN_FORCE, SCHEDULED = b"\0", b"\1"


class ChainModel(GrantsModel):
    """Tables 10 rule versions, 16 proposals, 17 approvals; 18 and 19 follow."""

    decode_content: Any = None

    def count_proposals(self) -> None:
        self.tables[18] = {time_key(one.expires_ms) + key: Item() for key, one in self.tables[16].items()}
        counts = Counter(one.proposer for one in self.tables[16].values())
        self.tables[19] = {proposer: Item(count=count) for proposer, count in counts.items()}

    def ProposeTransaction(self, ask: Any, action: Action) -> None:
        demand(len(ask.content) <= 65_536, Reject.CONTENT_IS_TOO_LARGE)
        content = self.taken_apart(ask.content)
        demand(content is not None, Reject.CONTENT_IS_MALFORMED)
        signers, messages = content
        fine = 0 < len(signers) <= 64 and len(set(signers)) == len(signers)
        demand(fine and all(len(one) == 20 for one in signers), Reject.SIGNERS_ARE_NOT_IN_RANGE)
        demand(0 < len(messages) <= 100, Reject.MESSAGES_ARE_NOT_IN_RANGE)
        inside = any(isinstance(message, OWN) for message in messages)
        demand(not inside, Reject.PROPOSAL_INSIDE_A_PROPOSAL)
        demand(ask.expires_ms > self.time_ms, Reject.EXPIRY_IS_PAST)
        demand(ask.expires_ms <= self.time_ms + 90 * DAY_MS, Reject.EXPIRY_IS_TOO_FAR)
        approving = [signer for signer in action.signers if signer in signers]
        demand(approving, Reject.PROPOSER_IS_NOT_NAMED)
        identity = action.new_id()
        self.tables[16][identity] = Item(
            content=ask.content, signers=signers, proposer=approving[0], expires_ms=ask.expires_ms
        )
        self.approve(identity, approving, action)

    def taken_apart(self, content: bytes) -> Any:
        try:
            found = self.decode_content(content)
        except (msgspec.MsgspecError, ValueError):
            return None
        return found if encode(found) == content else None

    def ApproveTransaction(self, ask: Any, action: Action) -> None:
        proposal = self.tables[16].get(ask.proposal_id)
        named = [one for one in action.signers if proposal is not None and one in proposal.signers]
        demand(named, Reject.PROPOSAL_NOT_FOUND)
        assert proposal is not None
        demand(proposal.expires_ms > self.time_ms, Reject.PROPOSAL_HAS_EXPIRED)
        approving = [signer for signer in named if ask.proposal_id + signer not in self.tables[17]]
        demand(approving, Reject.SIGNER_HAS_APPROVED)
        self.approve(ask.proposal_id, approving, action)

    def approve(self, identity: bytes, approving: list[bytes], action: Action) -> None:
        for signer in approving:
            self.tables[17][identity + signer] = Item(height=self.height, time_ms=self.time_ms)
        proposal = self.tables[16][identity]
        if all(identity + signer in self.tables[17] for signer in proposal.signers):
            self.end_proposal(identity)
            for index, message in enumerate(self.taken_apart(proposal.content)[1]):
                inner = Action(identity, index, proposal.signers)
                self.run(message, inner)
                action.created += inner.created
                action.credited += inner.credited
        self.count_proposals()

    def end_proposal(self, identity: bytes) -> None:
        del self.tables[16][identity]
        for key in [key for key in self.tables[17] if key[:32] == identity]:
            del self.tables[17][key]
        self.count_proposals()

    def WithdrawProposal(self, ask: Any, action: Action) -> None:
        proposal = self.tables[16].get(ask.proposal_id)
        demand(proposal is not None, Reject.PROPOSAL_NOT_FOUND)
        assert proposal is not None
        demand(set(action.signers) & set(proposal.signers), Reject.PROPOSAL_NOT_FOUND)
        self.end_proposal(ask.proposal_id)

    def lapse_proposals(self) -> None:
        for key in sorted(self.tables[18]):
            if int.from_bytes(key[:8], "big") <= self.time_ms:
                self.act(lambda _, key=key: self.end_proposal(key[8:]))

    # The chain itself

    def ScheduleUpgrade(self, ask: Any, action: Action) -> None:
        self.authorise(action, ask.party, ask)
        newer = self.tables[10][IN_FORCE].version < ask.version < 2**31
        demand(newer, GovernanceReject.VERSION_IS_NOT_NEWER)
        demand(ask.from_height > self.height, GovernanceReject.HEIGHT_IS_PAST)
        demand(SCHEDULED not in self.tables[10], GovernanceReject.UPGRADE_IS_SCHEDULED)
        self.tables[10][SCHEDULED] = Item(version=ask.version, from_height=ask.from_height)

    def CancelUpgrade(self, ask: Any, action: Action) -> None:
        self.authorise(action, ask.party, ask)
        scheduled = self.tables[10].pop(SCHEDULED, None)
        demand(scheduled is not None, GovernanceReject.NO_UPGRADE_IS_SCHEDULED)
