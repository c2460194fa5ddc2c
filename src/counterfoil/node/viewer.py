"""Who asks something of a node, and the rights that the answer rests on."""

from __future__ import annotations

from counterfoil.policy.policy import ANYBODY
from counterfoil.policy.rights import Right
from counterfoil.policy.subjects import QueueCounts, Subject


class Viewer:
    """Who asks, in one request, and the rights to what is another's that the answer rests on.

    party: whom it reads as, `ANYBODY` where it has not said. signer: the address that showed so, b"" where none did.
    used: for each right what it was used for, each subject once, in order.
    """

    __slots__ = ("party", "signer", "used")

    def __init__(self, party: bytes = ANYBODY, signer: bytes = b"") -> None:
        self.party = party
        self.signer = signer
        self.used: dict[Right, dict[Subject, None]] = {}

    def uses(self, right: Right, subject: Subject) -> None:
        """Remember what must be logged; figures that name nobody need not be."""
        if right.is_logged and not isinstance(subject, QueueCounts):
            self.used.setdefault(right, {})[subject] = None
