"""What a node does for whoever talks to it, in the same process or over a socket."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

from counterfoil.engine.incidents import told
from counterfoil.engine.port import EngineStopped
from counterfoil.engine.submission import Submission
from counterfoil.machine.transactions import SIGNATURES_MAX
from counterfoil.node.clock import SandboxClock, system_clock_ms
from counterfoil.node.ledger import LedgerNode
from counterfoil.node.protocol import WAIT_MS_MAX, Answered, answered, authentication_bytes
from counterfoil.node.reads import answer_read
from counterfoil.node.reads_base import now_ms, policy_of
from counterfoil.node.reads_ledger import first_answer
from counterfoil.node.refusals import NodeRefusal, Refused
from counterfoil.node.streams import Batch, Cursor, Position, Streams
from counterfoil.node.viewer import Viewer
from counterfoil.policy.policy import ANYBODY
from counterfoil.primitives.addresses import address_of
from counterfoil.primitives.signatures import check_key, met, verify

POLL_SECONDS = 0.01
"""How often a waiting client's transaction is looked for after each block."""


ADVANCE_MS_MAX = 3_660 * 86_400_000
TIME_MAX_MS = 253_402_300_799_999
"""The last millisecond of the year 9999."""
_DUE_BLOCKS_MAX = 10_000
"""Blocks of deadlines and retries that one step of the clock may lead to; each does a bounded part of what is due."""


class Recognised(NamedTuple):
    """Who somebody has shown to be. rotations: how often the signer's keys had been replaced by then."""

    party: bytes = ANYBODY
    signer: bytes = b""
    rotations: int = 0


NOBODY = Recognised()
"""Who has not said who it is."""


class Known(Protocol):
    """What whoever connects is told first."""

    @property
    def chain_id(self) -> str: ...
    @property
    def sandbox(self) -> bool: ...
    @property
    def height(self) -> int: ...


class Services(Protocol):
    """What stands behind a node's door: a node that executes (`Service`), or a follower (`FollowerService`)."""

    @property
    def node(self) -> Known: ...
    def recognise(
        self, challenge: bytes, party: bytes, signer: bytes, signatures: Sequence[tuple[bytes, bytes]]
    ) -> Recognised: ...
    def submit(self, transactions: Sequence[bytes], submitter: bytes) -> Submission: ...
    def wait(self, transaction: bytes, wait_ms: int) -> Answered | None: ...
    def read(self, who: Recognised, name: str, params: bytes) -> bytes: ...
    def cursor(self, after: Position | None, about: bytes) -> Cursor: ...
    def watch(self, who: Recognised, cursor: Cursor) -> Batch: ...
    def try_out(self, transaction: bytes) -> Answered: ...
    def advance_clock(self, time_ms: int) -> int: ...


class Service:
    """One node's services. Safe to use from several threads."""

    def __init__(self, node: LedgerNode) -> None:
        self.node = node
        self._streams = Streams(node)

    def recognise(
        self, challenge: bytes, party: bytes, signer: bytes, signatures: Sequence[tuple[bytes, bytes]]
    ) -> Recognised:
        """Refused NOT_RECOGNISED unless the signatures show that the signer, who speaks for the party, is there.

        The signer's threshold must be met under the keys in force, as for a transaction.
        """
        node = self.node
        signed = authentication_bytes(node.chain_id, challenge, party, signer)
        if len(signatures) > SIGNATURES_MAX or not all(verify(key, signed, one) for key, one in signatures):
            raise Refused(NodeRefusal.NOT_RECOGNISED)
        keys = tuple(key for key, _ in signatures)
        with node.engine.lock:
            policy = node.machine.wired.parties.policy(signer)
            if policy is not None:
                present = met(policy, keys)
            else:
                present = len(keys) == 1 and check_key(keys[0]) and address_of(keys[0]) == signer
            if not present or not policy_of(node).speaks_for(signer, party, self.time_ms()):
                raise Refused(NodeRefusal.NOT_RECOGNISED)
            return Recognised(party, signer, node.machine.wired.parties.rotations(signer))

    def still_recognise(self, who: Recognised) -> None:
        """Refused NOT_RECOGNISED where the signer speaks for the party no more, or its keys were replaced since."""
        node = self.node
        if who == NOBODY:
            return
        with node.engine.lock:
            rotations = node.machine.wired.parties.rotations(who.signer)
            speaks = policy_of(node).speaks_for(who.signer, who.party, self.time_ms())
        if not speaks or rotations != who.rotations:
            raise Refused(NodeRefusal.NOT_RECOGNISED)

    def trusted_authorities(self) -> tuple[int, tuple[bytes, ...]]:
        """A number that changes with them, and the certificates (DER) of the authorities that the ledger trusts."""
        with self.node.engine.lock:
            certificates = self.node.machine.wired.certificates
            found = certificates.authorities()
            return certificates.changes(), tuple(authority.certificate for _, authority in found)

    def certified(self, fingerprint: bytes) -> bytes:
        """The party in whose name a certificate speaks. Refused CERTIFICATE_IS_NOT_IN_FORCE.

        Certificates live by the clock of the world, whatever a sandbox's own clock shows.
        """
        with self.node.engine.lock:
            found = self.node.machine.wired.certificates.in_force(fingerprint, system_clock_ms())
        if found is None:
            raise Refused(NodeRefusal.CERTIFICATE_IS_NOT_IN_FORCE)
        return found.party

    def require_carried(self, certified: bytes, party: bytes) -> None:
        """Refused CERTIFICATE_IS_ANOTHERS unless the party whose certificate a connection has shown is this one, or
        above it: it carries its own business and that of those below it."""
        with self.node.engine.lock:
            above = self.node.machine.wired.parties.is_above(certified, party)
        if certified != party and not above:
            raise Refused(NodeRefusal.CERTIFICATE_IS_ANOTHERS)

    def no_more_certified(self, fingerprints: Iterable[bytes]) -> list[bytes]:
        """Those of some certificates that are not in force now."""
        now_ms = system_clock_ms()
        with self.node.engine.lock:
            in_force = self.node.machine.wired.certificates.in_force
            return [one for one in fingerprints if in_force(one, now_ms) is None]

    def time_ms(self) -> int:
        """Block time as it would be now."""
        return now_ms(self.node)

    def submit(self, transactions: Sequence[bytes], submitter: bytes) -> Submission:
        """Take them in; `Rejected` as the engine's port has it where none is taken."""
        try:
            return self.node.engine.submit_many(transactions, submitter)
        except EngineStopped as stopped:
            cause = told(stopped.__cause__) if stopped.__cause__ is not None else "closed"
            raise Refused(NodeRefusal.NODE_STOPPED, cause=cause) from None

    def result(self, transaction: bytes) -> Answered | None:
        """The first authorised result of a transaction, however long ago; None where there is none (yet).

        Refused NODE_STOPPED after a failure: the last block in memory may be one that was never made durable.
        """
        with self.node.engine.lock:
            if self.node.engine.failure is not None:
                raise Refused(NodeRefusal.NODE_STOPPED, cause=told(self.node.engine.failure))
            return first_answer(self.node, transaction)

    def wait(self, transaction: bytes, wait_ms: int) -> Answered | None:
        """`result`, after waiting for it for so long if need be. Looks again whenever a block was decided."""
        give_up = time.monotonic() + min(max(wait_ms, 0), WAIT_MS_MAX) / 1_000
        seen = -1
        while True:
            height = self.node.height
            if height != seen:
                seen = height
                found = self.result(transaction)
                if found is not None:
                    return found
            if time.monotonic() >= give_up:
                return None
            time.sleep(POLL_SECONDS)

    def read(self, who: Recognised, name: str, params: bytes) -> bytes:
        """The encoded result of a named read."""
        self.still_recognise(who)
        return answer_read(self.node, who.party, name, params, who.signer)

    def cursor(self, after: Position | None, about: bytes) -> Cursor:
        """Where a stream begins: after a position, or after all that has happened by now."""
        return Cursor(after or Position(self.node.height), about)

    def watch(self, who: Recognised, cursor: Cursor) -> Batch:
        """What has happened after a cursor, as far as it may be seen now and one batch goes."""
        self.still_recognise(who)
        return self._streams.next(Viewer(who.party, who.signer), cursor)

    def try_out(self, transaction: bytes) -> Answered:
        """A dry run under the keys and balances of now."""
        node = self.node
        prepared = node.machine.reader.prepare(transaction)
        prepared.good = bytes(
            verify(key, message, signature) for key, message, signature in prepared.checks()
        )
        with node.engine.lock:
            return answered((0, node.machine.try_out(prepared, self.time_ms())), transaction)

    def advance_clock(self, time_ms: int) -> int:
        """Move a sandbox's clock forward and let happen what became due. Refused NO_SANDBOX anywhere else.

        Every opening and closing of a day on the way has its own block; at most `ADVANCE_MS_MAX` in one call.
        """
        node = self.node
        clock = node.clock
        if not node.sandbox or not isinstance(clock, SandboxClock):
            raise Refused(NodeRefusal.NO_SANDBOX)
        if time_ms > min(clock() + ADVANCE_MS_MAX, TIME_MAX_MS):
            detail = "the clock is moved ten years at most in one step, and not beyond the year 9999"
            raise Refused(NodeRefusal.PARAMETERS_ARE_WRONG, time_ms=time_ms, detail=detail)
        markets = node.machine.wired.markets
        while True:
            change_ms = markets.next_change_ms()
            self._let_happen(min(time_ms, change_ms))
            after_ms = markets.next_change_ms()
            if clock() >= time_ms or after_ms <= change_ms:
                break
        self._let_happen(time_ms)
        return clock()

    def _let_happen(self, time_ms: int) -> None:
        engine = self.node.engine
        engine.move_clock(time_ms)
        for _ in range(_DUE_BLOCKS_MAX):
            if engine.decide_due() is None:
                break
