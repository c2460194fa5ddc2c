"""Recovery of lost keys, and custodians' trails, in dictionaries."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

from counterfoil.modules.custodians.rejects import CustodiansReject
from counterfoil.modules.parties.rejects import PartiesReject as Reject
from counterfoil.primitives.addresses import address_of
from counterfoil.primitives.codec import encode
from tests.model.core import Action, Item, demand
from tests.model.parties_model import DAY_MS, PartiesModel


class CustodyModel(PartiesModel):
    """Tables 27 votes for a recovery, 112 trails of custodians."""

    def forget_votes(self, address: bytes) -> None:
        for key in [key for key in self.tables[27] if key[:20] == address]:
            del self.tables[27][key]

    def rotations(self, address: bytes) -> int:
        signer = self.tables[21].get(address)
        return signer.rotations if signer is not None else 0

    def votes_for(self, address: bytes, policy: Any) -> list[bytes]:
        return [
            key[20:]
            for key, vote in self.tables[27].items()
            if key[:20] == address
            and vote.policy == policy
            and vote.lapses_ms > self.time_ms
            and vote.rotations == self.rotations(key[20:])
        ]

    def ApproveRecovery(self, ask: Any, action: Action) -> None:
        signer = self.tables[21].get(ask.address)
        demand(signer is not None, Reject.SIGNER_NOT_FOUND)
        approving = set(signer.recovery) & set(action.signers)
        demand(approving, Reject.SIGNER_IS_NOT_AUTHORISED)
        self.check_policy(ask.policy)
        demand(ask.policy != signer.policy, Reject.KEYS_ARE_IN_FORCE)
        shown = len({address_of(key) for key in ask.policy.keys} & set(action.signers))
        begun = self.votes_for(ask.address, ask.policy)
        demand(begun or shown >= ask.policy.threshold, Reject.KEYS_HAVE_NOT_SIGNED)
        for approver in approving:
            self.tables[27][ask.address + approver] = Item(
                policy=ask.policy,
                rotations=self.rotations(approver),
                lapses_ms=self.time_ms + 30 * DAY_MS,
            )
        if len(self.votes_for(ask.address, ask.policy)) >= signer.recovery_threshold:
            signer.policy, signer.rotations = ask.policy, signer.rotations + 1
            self.forget_votes(ask.address)

    def WithdrawRecovery(self, ask: Any, action: Action) -> None:
        demand(ask.address in self.tables[21], Reject.SIGNER_NOT_FOUND)
        voted = [key[20:] for key in self.tables[27] if key[:20] == ask.address]
        gone = voted if ask.address in action.signers else [one for one in voted if one in action.signers]
        demand(gone, Reject.RECOVERY_NOT_FOUND)
        for approver in gone:
            del self.tables[27][ask.address + approver]

    def RecordTrail(self, ask: Any, action: Action) -> None:
        self.authorise(action, ask.custodian, ask)
        fine = 0 < len(ask.entries) <= 200 and all(map(self.is_entry, ask.entries))
        demand(fine, CustodiansReject.ENTRIES_ARE_INVALID)
        trail = self.tables[112].get(ask.custodian, Item(entries=0, head=bytes(32)))
        demand(ask.after == trail.entries, CustodiansReject.TRAIL_DOES_NOT_FOLLOW)
        demand(ask.head == trail.head, CustodiansReject.TRAIL_HAS_ANOTHER_HEAD)
        head = trail.head
        for entry in ask.entries:
            line = encode(entry)
            size = len(line).to_bytes(4, "big")
            head = sha256(b"\x06e" + (32).to_bytes(4, "big") + head + size + line).digest()
        self.tables[112][ask.custodian] = Item(entries=trail.entries + len(ask.entries), head=head)

    @staticmethod
    def is_entry(entry: Any) -> bool:
        lengths = [len(entry.key), len(entry.subject), len(entry.policy), len(entry.user)]
        fine = 0 < entry.time_ms < 2**62 and lengths == [0 if entry.kind == 5 else 20, 32, 32, 16]
        return fine and len(entry.approvers) <= 16 and {len(one) for one in entry.approvers} <= {16}
