"""What a follower does for its owner: what it keeps it answers itself, the rest it passes on to nodes that execute.

Its door is a node's door, and whoever is its owner reads there as at a node. Its own answers (`status`, `header`,
`receipts`) rest on what it has checked. A proof that a node answers is checked before it is passed on, against the
genesis file, the follower's own headers, and the question; what even a proof leaves to a node's word, two nodes must
say. All other answers are the word of the node that gave them: what matters is asked for with its proof.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from counterfoil.engine.submission import Submission
from counterfoil.machine.genesis import Genesis
from counterfoil.machine.machine import Outcome
from counterfoil.node import reads_ledger
from counterfoil.node.follower import Follower
from counterfoil.node.proof_questions import is_answered, is_of_moment, is_said_too, rests_on_word
from counterfoil.node.protocol import Answered, authentication_bytes
from counterfoil.node.reads_base import AsOf, Moment, is_date_text
from counterfoil.node.reads_ledger import SealedHeader, Status
from counterfoil.node.reads_proofs import ProofOf, proof
from counterfoil.node.reads_receipts import OwnReceipts, ReceiptsFrom, receipts
from counterfoil.node.refusals import NodeRefusal, Refused
from counterfoil.node.service import Recognised
from counterfoil.node.streams import Batch, Cursor, Position
from counterfoil.policy.errors import NotVisible
from counterfoil.policy.policy import ANYBODY
from counterfoil.primitives.addresses import address_of
from counterfoil.primitives.codec import Malformed, encode
from counterfoil.primitives.signatures import check_key, verify
from counterfoil.state.headers import Header
from counterfoil.state.receipts import TransactionResult
from counterfoil.storage.errors import CorruptStorage
from counterfoil.verify import ProofRefused, Trust, Verified, verify_proof


class Upstream(Protocol):
    """Nodes that execute, as one viewer asks them. Raises `Refused`: `PassedOn` with what a node refuses, and
    `NODES_ARE_AWAY`."""

    def submit(self, transactions: Sequence[bytes]) -> list[Answered]: ...
    def wait(self, transaction: bytes, wait_ms: int) -> Answered | None: ...
    def read(self, name: str, params: bytes) -> bytes: ...
    def try_out(self, transaction: bytes) -> Answered: ...
    def advance_clock(self, time_ms: int) -> int: ...


WITNESSES = 2
"""So many nodes must say what no proof shows."""


class Owner:
    """Whose follower it is: the party, the address that speaks for it, and the nodes as they know that party.

    witnesses: each of the nodes by itself.
    """

    def __init__(
        self, party: bytes, signer: bytes, upstream: Upstream, witnesses: Sequence[Upstream] = ()
    ) -> None:
        self.party = party
        self.signer = signer
        self.upstream = upstream
        self.witnesses = witnesses


class CheckedHeaders:
    """The headers that a follower has checked, by which the moments of answers are measured."""

    def __init__(self, follower: Follower) -> None:
        self._follower = follower

    @property
    def last(self) -> Header:
        """The last one that is signed. Refused MOMENT_IS_NOT_ON_RECORD where there is none."""
        header = self._follower.vouched_header
        if header is None:
            raise Refused(NodeRefusal.MOMENT_IS_NOT_ON_RECORD, detail="no block has been checked here yet")
        return header

    @property
    def last_height(self) -> int:
        return self.last.height

    def header_in_force(self, height: int) -> Header | None:
        """The last header at or before a height. Blocks in a row without effect are few: a network rests."""
        for at in range(height, 0, -1):
            header = self._follower.header_of(at)
            if header is not None:
                return header
        return None

    def in_force(self, height: int) -> int:
        header = self.header_in_force(height)
        return header.height if header is not None else 0

    def in_force_at(self, time_ms: int) -> int:
        """By halves: later headers have later times."""
        first, end = 0, self.last.height
        while first < end:
            half = (first + end + 1) // 2
            header = self.header_in_force(half)
            if header is not None and header.time_ms > time_ms:
                end = half - 1
            else:
                first = half
        return self.in_force(first)


class FollowerService:
    """One follower's services. Safe to use from several threads.

    public: the nodes as somebody without a name asks them; None where there are none, and then all but the follower's
    own answers is refused. public_witnesses: each of them by itself.
    """

    def __init__(
        self,
        follower: Follower,
        genesis: Genesis,
        clock: Callable[[], int],
        public: Upstream | None = None,
        owner: Owner | None = None,
        public_witnesses: Sequence[Upstream] = (),
    ) -> None:
        self._follower = follower
        self._headers = CheckedHeaders(follower)
        self._genesis = genesis
        self._clock = clock
        self._public = public
        self._owner = owner
        self._public_witnesses = public_witnesses

    @property
    def _trust(self) -> Trust:
        return self._follower.trust

    @property
    def node(self) -> Follower:
        """What whoever connects is told first: the ledger's name, and whether it is a sandbox."""
        return self._follower

    def recognise(
        self, challenge: bytes, party: bytes, signer: bytes, signatures: Sequence[tuple[bytes, bytes]]
    ) -> Recognised:
        """Refused NOT_RECOGNISED for everybody but the owner, who signs with the key that the follower acts with."""
        owner = self._owner
        signed = authentication_bytes(self.node.chain_id, challenge, party, signer)
        if (
            owner is None
            or (party, signer) != (owner.party, owner.signer)
            or len(signatures) != 1
            or not check_key(signatures[0][0])
            or address_of(signatures[0][0]) != signer
            or not verify(signatures[0][0], signed, signatures[0][1])
        ):
            raise Refused(NodeRefusal.NOT_RECOGNISED)
        return Recognised(party, signer)

    def submit(self, transactions: Sequence[bytes], submitter: bytes) -> Submission:
        """Handed on; each is signed by its authors, whoever brings it."""
        submission = Submission(len(transactions))
        for index, told in enumerate(self._upstream(submitter).submit(transactions)):
            result = TransactionResult(told.id, told.number, told.messages)
            submission.answer(index, (told.height, Outcome(result, ())))
        submission.announce()
        return submission

    def wait(self, transaction: bytes, wait_ms: int) -> Answered | None:
        return self._upstream(ANYBODY).wait(transaction, wait_ms)

    def try_out(self, transaction: bytes) -> Answered:
        return self._upstream(ANYBODY).try_out(transaction)

    def advance_clock(self, time_ms: int) -> int:
        return self._upstream(ANYBODY).advance_clock(time_ms)

    def cursor(self, after: Position | None, about: bytes) -> Cursor:
        """Refused: what happens is streamed by nodes that execute."""
        raise Refused(
            NodeRefusal.READ_IS_UNKNOWN, name="watch", detail="a follower streams nothing; ask a node"
        )

    def watch(self, who: Recognised, cursor: Cursor) -> Batch:
        """Never asked: there is no cursor."""
        raise Refused(NodeRefusal.READ_IS_UNKNOWN, name="watch")

    def read(self, who: Recognised, name: str, params: bytes) -> bytes:
        viewer = who.party
        if name == reads_ledger.status.name:
            return encode(self._status())
        if name == reads_ledger.header.name:
            return encode(self._header(reads_ledger.header.decode_params(params)))
        if name == receipts.name:
            return encode(self._receipts(viewer, receipts.decode_params(params)))
        answer = self._upstream(viewer).read(name, params)
        if name == proof.name:
            asked = proof.decode_params(params)
            found = self._checked_proof(asked, proof.decode_answer(answer).file)
            if rests_on_word(asked, found):
                self._require_witnesses(viewer, asked, found)
        return answer

    # ---- what it answers itself ----

    def _last(self) -> Header:
        return self._headers.last

    def _moment(self, header: Header) -> Moment:
        return Moment(header.height, header.time_ms, self.node.chain_id, self.node.sandbox)

    def _status(self) -> Status:
        """As of the last header that is signed. Windows are those of the genesis file; what waits is not known
        here, and a follower has no key of its own."""
        header, parameters = self._last(), self._genesis.parameters
        return Status(
            moment=self._moment(header),
            name=self._genesis.name,
            genesis=self._trust.genesis,
            rule_version=header.rule_version,
            blocks=header.number + 1,
            application_hash=header.digest(),
            state_root=header.state_root,
            clock_ms=header.time_ms if self.node.sandbox else self._clock(),
            id_window_ms=parameters.id_window_ms,
            reference_window_ms=parameters.reference_window_ms,
            records=header.slot_count,
            sealers=self._genesis.sealers,
            node=b"",
            waiting={},
        )

    def _header(self, params: AsOf) -> SealedHeader:
        """Of now, or of a height: business dates and instants are the executing nodes' to tell."""
        last, at = self._last(), params.at.strip()
        header: Header | None = last
        if at:
            height = int(at) if at.isascii() and at.isdigit() and len(at) < 20 else 0
            if not 0 < height <= last.height:
                detail = f"a follower knows headers by their heights, 1 to {last.height}"
                raise Refused(NodeRefusal.MOMENT_IS_NOT_ON_RECORD, at=at[:40], detail=detail)
            header = self._headers.header_in_force(height)
        shown = header if header is not None else last
        return SealedHeader(
            moment=self._moment(shown),
            header=shown,
            application_hash=shown.digest(),
            seal=self._follower.seal_of(shown.height),
        )

    def _receipts(self, viewer: bytes, params: ReceiptsFrom) -> OwnReceipts:
        if self._owner is None or viewer != self._owner.party:
            raise NotVisible
        last = params.last_height or self._last().height
        kept = sorted(self._follower.fetched(), key=lambda one: one.height)
        first = bisect_right(kept, params.first_height - 1, key=lambda one: one.height)
        end = bisect_right(kept, last, key=lambda one: one.height)
        return OwnReceipts(moment=self._moment(self._last()), blocks=tuple(kept[first:end]), next_height=0)

    # ---- what it passes on ----

    def _upstream(self, viewer: bytes) -> Upstream:
        found = self._owner.upstream if self._owner is not None and viewer else self._public
        if found is None:
            raise Refused(NodeRefusal.NODES_ARE_AWAY)
        return found

    def _checked_proof(self, asked: ProofOf, file: bytes) -> Verified:
        """Refused ANSWER_IS_NOT_PROVEN where the file does not prove anything, is of another history than is kept, or
        proves something else than what was asked."""
        follower = self._follower
        try:
            found = verify_proof(file, self._trust)
            sealed = found.sealed
            own = follower.header_of(sealed.height) if sealed.height <= follower.vouched_height else sealed
            if own != sealed:
                detail = f"its block {sealed.height} is not the one that is kept here"
                raise Refused(NodeRefusal.ANSWER_IS_NOT_PROVEN, detail=detail)
            light = follower.light_block_of(found.height) if found.height <= follower.height else None
            if not is_answered(asked, found, light):
                raise Refused(NodeRefusal.ANSWER_IS_NOT_PROVEN, detail="it proves something else")
            if not is_of_moment(asked, found, self._headers):
                detail = f"it is as of block {found.height}, which is not the moment that was asked for"
                raise Refused(NodeRefusal.ANSWER_IS_NOT_PROVEN, detail=detail)
        except (ProofRefused, Malformed, CorruptStorage) as error:
            raise Refused(NodeRefusal.ANSWER_IS_NOT_PROVEN, detail=error) from None
        return found

    def _require_witnesses(self, viewer: bytes, asked: ProofOf, found: Verified) -> None:
        """Refused ANSWER_IS_NOT_PROVEN unless two nodes, each asked by itself, show the same at the same moment.

        One that is away, refuses, or proves nothing says nothing; one that shows something else is a contradiction.
        """
        is_dated = is_date_text(asked.at.strip())
        question = asked if is_dated else msgspec.structs.replace(asked, at=str(found.height))
        own = self._owner.witnesses if self._owner is not None and viewer else self._public_witnesses
        agreeing = 0
        for witness in own:
            try:
                file = proof.decode_answer(witness.read(proof.name, encode(question))).file
                other = self._checked_proof(question, file)
            except (Refused, Malformed):
                continue
            if not is_said_too(found, other):
                detail = f"another node says otherwise, as of block {other.height}: ask the operators of both"
                raise Refused(NodeRefusal.ANSWER_IS_NOT_PROVEN, detail=detail)
            agreeing += 1
            if agreeing == WITNESSES:
                return
        what = (
            "which block that date is" if is_dated else f"that nothing else was there at block {found.height}"
        )
        detail = f"{what} is what {WITNESSES} nodes must say, and {agreeing} did; let the follower know another one"
        raise Refused(NodeRefusal.ANSWER_IS_NOT_PROVEN, detail=detail)
