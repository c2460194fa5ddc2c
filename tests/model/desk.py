"""A whole ledger at one's elbow: the real machine and engine over memory or a folder, with fixed secrets and times.

Nothing runs by itself: each block is made by a call, and each transaction's bytes are the same in every run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from hashlib import sha256
from typing import Any

from msgspec.structs import replace

from counterfoil.custody.signers import SandboxKey
from counterfoil.engine.decided import DecidedBlock
from counterfoil.machine.genesis import Genesis, Parameters
from counterfoil.machine.machine import Outcome
from counterfoil.machine.transactions import Body, Mode, Prepared, Signature, Transaction, sign_prefix
from counterfoil.modules.consortium.messages import ProposeMotion
from counterfoil.modules.parties.permissions import PERMISSIONS, Eyes
from counterfoil.modules.validators.interface import Misbehaviour, possession_bytes
from counterfoil.modules.validators.messages import AddValidator, ReadmitValidator, RotateConsensusKey
from counterfoil.node.clock import SandboxClock
from counterfoil.node.ledger import LAYOUTS, LedgerNode, NodeSecrets, complete_genesis
from counterfoil.node.personas import CONSORTIUM, PERSONAS, party_key, persona_keys, sandbox_genesis
from counterfoil.primitives.codec import Message, encode
from counterfoil.primitives.digests import object_id
from counterfoil.primitives.signatures import verify
from counterfoil.sealing.derivation import BUNDLE, info
from counterfoil.sealing.opening_keys import SUITE_TAG
from counterfoil.state.headers import Header
from counterfoil.storage.memory_log import MemoryLog
from counterfoil.storage.memory_store import MemoryStore
from tests.vectors.hpke_oracle import set_up_sender

SECRETS = NodeSecrets(network=bytes(range(32)), sealer=bytes(range(32, 64)), opening=bytes(range(64, 96)))
PARAMETERS = Parameters(id_window_ms=600_000, reference_window_ms=3_600_000)
BLOCK_MS = 1_000
DECIDING = CONSORTIUM[:3]
"""Members of the sandbox's consortium that are enough to carry a motion."""

KNOWN_KEYS: dict[bytes, SandboxKey] = {}
"""Consensus keys of tests, by their public part, so that what puts one in force can carry its statement."""
Possessing = AddValidator | RotateConsensusKey | ReadmitValidator

_good: dict[tuple[bytes, bytes, bytes], bool] = {}


def by(*names: str) -> tuple[SandboxKey, ...]:
    """The keys with which personas act: of those with users, the maker's and the checker's."""
    return tuple(key for name in names for key in persona_keys(name))


def own(*names: str) -> tuple[SandboxKey, ...]:
    """The keys of the parties' own signers."""
    return tuple(party_key(name) for name in names)


def party(name: str) -> bytes:
    """The identity of a persona's party: they are founded in the order of the table."""
    place = next(at for at, card in enumerate(PERSONAS) if card.name == name)
    return object_id((1).to_bytes(32, "big"), 0, place)[:20]


def only_by_motion(kind: type[Message]) -> bool:
    """Whether nobody sends a kind of message alone."""
    tag = kind.__struct_config__.tag
    assert isinstance(tag, int)
    return PERMISSIONS[tag].eyes is Eyes.CONSORTIUM


def possessed(message: Message, chain_id: str) -> Message:
    """With the statement of a test's consensus key where the message lacks one and is to have it."""
    if not isinstance(message, Possessing) or message.possession or message.key not in KNOWN_KEYS:
        return message
    signed = possession_bytes(chain_id, message.party, message.key)
    return replace(message, possession=KNOWN_KEYS[message.key].sign(signed))


class Desk:
    """One ledger. `send` makes a block of one transaction, `block` one of several."""

    def __init__(
        self,
        node: LedgerNode | None = None,
        *,
        genesis: Genesis | None = None,
        parameters: Parameters = PARAMETERS,
    ) -> None:
        if node is None:
            node = memory_node(genesis or sandbox_genesis(parameters=parameters))
            node.engine.found()
        self.node = node
        self.machine = node.machine
        self.engine = node.engine
        self.chain_id = node.chain_id
        self.nonce = 0
        self.headers: list[Header] = []

    @property
    def height(self) -> int:
        return self.machine.state.height

    @property
    def time_ms(self) -> int:
        """Block time of the last block."""
        last = self.machine.last
        assert last is not None
        return last.time_ms

    def next_time_ms(self) -> int:
        """Block time of the next block if no clock is advanced."""
        return max(self.time_ms + 1, self.node.clock())

    def advance_to(self, time_ms: int) -> None:
        assert isinstance(self.node.clock, SandboxClock)
        self.node.clock.advance_to(time_ms)

    def pass_time(self, ms: int = BLOCK_MS) -> None:
        self.advance_to(self.next_time_ms() + ms)

    # Transactions

    def body(
        self,
        messages: Iterable[Message],
        signers: Iterable[bytes],
        *,
        mode: Mode = Mode.ALL_OR_NOTHING,
        expiry_ms: int | None = None,
    ) -> Body:
        """The next body; its nonce counts."""
        self.nonce += 1
        expiry = self.next_time_ms() + 300_000 if expiry_ms is None else expiry_ms
        return Body(expiry, self.nonce.to_bytes(16, "big"), tuple(signers), mode, tuple(messages))

    def signed(self, body: Body, *keys: SandboxKey) -> bytes:
        """The body with one signature of each key, for the signer whose address the key has."""
        return self.signed_for(body, *((body.signers.index(key.address), key) for key in keys))

    def signed_for(self, body: Body, *keys: tuple[int, SandboxKey]) -> bytes:
        """The body with the signatures of (position of the signer, key)."""
        raw = encode(body)
        message = sign_prefix(self.chain_id) + raw
        signatures = tuple(Signature(at, key.public_key, key.sign(message)) for at, key in keys)
        return encode(Transaction(raw, signatures))

    def transaction(
        self,
        messages: Message | Iterable[Message],
        *keys: SandboxKey,
        mode: Mode = Mode.ALL_OR_NOTHING,
        expiry_ms: int | None = None,
    ) -> bytes:
        """Signed by each key under its own address. What only the consortium decides goes in as a motion of it."""
        listed = (messages,) if isinstance(messages, Message) else tuple(messages)
        listed = tuple(
            self.motion(one) if only_by_motion(type(one)) else possessed(one, self.chain_id) for one in listed
        )
        keys = tuple(dict.fromkeys(keys))
        body = self.body(listed, [key.address for key in keys], mode=mode, expiry_ms=expiry_ms)
        return self.signed(body, *keys)

    def prepared(self, raw: bytes) -> Prepared:
        """Taken apart, its signatures checked."""
        prepared = self.machine.reader.prepare(raw)
        prepared.good = bytes(_fits(check) for check in prepared.checks())
        return prepared

    # Blocks

    def block(self, raws: Iterable[bytes], *, time_ms: int | None = None) -> list[Outcome]:
        """One block, decided, logged and synced as the engine does it."""
        if time_ms is not None:
            self.advance_to(time_ms)
        before = self.height
        outcomes, _ = self.engine._block([self.prepared(raw) for raw in raws])
        if self.height != before:
            assert self.machine.last is not None
            self.headers.append(self.machine.last)
        return outcomes

    def send(
        self, messages: Message | Iterable[Message], *keys: SandboxKey, mode: Mode = Mode.ALL_OR_NOTHING
    ) -> Outcome:
        """A block of one transaction, and what became of that."""
        return self.block([self.transaction(messages, *keys, mode=mode)])[0]

    def send_alone(self, message: Message, *keys: SandboxKey) -> Outcome:
        """A block of one transaction with the message itself, though only the consortium may decide it."""
        return self.block([self.signed(self.body((message,), [key.address for key in keys]), *keys)])[0]

    def do(self, message: Message, *keys: SandboxKey) -> tuple[bytes, ...]:
        """Send what must be accepted; the identities that it created."""
        outcome = self.send(message, *keys)
        assert not outcome.result.number, f"{message}: {outcome.rejects[0]}"
        return outcome.result.messages[0].objects

    def motion(self, *messages: Message, names: tuple[str, ...] = DECIDING) -> ProposeMotion:
        """Messages as a motion that members of the consortium bring; `by(*names)` sign it."""
        parties = tuple(party(name) for name in names)
        stated = tuple(possessed(one, self.chain_id) for one in messages)
        return ProposeMotion(parties, encode(stated), self.next_time_ms() + 86_400_000)

    def carry(self, *messages: Message) -> tuple[bytes, ...]:
        """Let the consortium decide what must be accepted; the identities that the messages created."""
        return self.do(self.motion(*messages), *by(*DECIDING))[1:]

    def decided(
        self,
        *misbehaviour: Misbehaviour,
        raws: Iterable[bytes] = (),
        feed_item: bytes = b"",
        last_commit: bytes = b"",
    ) -> DecidedBlock:
        """The next block as another engine would have decided it."""
        prepared, time_ms = [self.prepared(raw) for raw in raws], self.next_time_ms()
        bundles = (self.engine.bundle(prepared, time_ms),) if prepared else ()
        items = (feed_item, *bundles) if feed_item else bundles
        return DecidedBlock(self.height + 1, time_ms, bytes(20), misbehaviour, last_commit, items)

    def apply(self, block: DecidedBlock) -> list[Outcome]:
        """Apply a block that another engine decided, and make it durable as this one does; none without effect."""
        outcomes = self.engine.execute(block)
        if not self.machine.has_effect:
            self.machine.discard()
            return outcomes
        header = self.machine.commit()
        self.engine.make_durable(block, header)
        self.headers.append(header)
        return outcomes

    def decide(self, *misbehaviour: Misbehaviour, **more: Any) -> list[Outcome]:
        """Let another engine decide the next block; arguments as of `decided`."""
        return self.apply(self.decided(*misbehaviour, **more))

    def try_out(self, message: Message, *keys: SandboxKey) -> Outcome:
        return self.machine.try_out(self.prepared(self.transaction(message, *keys)), self.next_time_ms())

    def settle_down(self) -> None:
        """Blocks of deadlines and retries until nothing more is due."""
        while self.engine.decide_due() is not None:
            assert self.machine.last is not None
            self.headers.append(self.machine.last)

    def books(self) -> dict[int, dict[bytes, Any]]:
        """Every live record, by table and key."""
        state = self.machine.state
        found: dict[int, dict[bytes, Any]] = {}
        for number, table in state.tables.items():
            live = {key: state.find(table, key) for key in state.keys(table)}
            found[number] = {key: record for key, record in live.items() if record is not None}
        return found


def seal_for_the_same_every_time(
    public_key: bytes, purpose: bytes, place: tuple[bytes, ...], plain: bytes
) -> bytes:
    """What `seal_for` does, with a key pair that follows from what is sealed instead of from chance."""
    ephemeral = sha256(b"ephemeral" + b"".join(place) + plain).digest()
    enc, sender = set_up_sender(public_key, info(purpose, *place), ephemeral, 2)
    return SUITE_TAG + enc + sender.seal(0, b"", plain)


def sealed_the_same_every_time(
    bundle_key: bytes, place: tuple[bytes, ...], transactions: Sequence[bytes]
) -> bytes:
    """What `seal_transactions` does, in the same way."""
    return seal_for_the_same_every_time(bundle_key, BUNDLE, place, encode(tuple(transactions)))


def memory_node(genesis: Genesis, clock: Callable[[], int] | None = None) -> LedgerNode:
    """A ledger that nobody has founded yet, in memory."""
    return LedgerNode(
        complete_genesis(genesis, SECRETS),
        SECRETS,
        MemoryStore(LAYOUTS),
        MemoryLog(),
        workers=0,
        scheduled=False,
        clock=clock,
        seal=sealed_the_same_every_time,
    )


def replayed(desk: Desk, node: LedgerNode | None = None) -> LedgerNode:
    """The ledger's blocks applied again from its genesis, each header and seal compared; by default in memory."""
    node = node or memory_node(desk.node.genesis)
    assert node.genesis_bytes == desk.node.genesis_bytes
    for block in desk.node.blocks(node.height + 1):
        node.engine.replay(block)
    return node


def _fits(check: tuple[bytes, bytes, bytes]) -> bool:
    found = _good.get(check)
    if found is None:
        if len(_good) > 20_000:
            _good.clear()
        found = _good[check] = verify(*check)
    return found
