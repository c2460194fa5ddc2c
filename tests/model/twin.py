"""The ledger and its dictionary model side by side: every transaction goes to both, every block is compared."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from counterfoil.machine.feed_items import read_feed_item
from counterfoil.machine.genesis import Parameters
from counterfoil.machine.machine import Outcome
from counterfoil.machine.rejects import MachineReject
from counterfoil.machine.wiring import MESSAGES
from counterfoil.modules.settlement.interface import Instruction
from counterfoil.modules.settlement.queues import IN_DUE, IN_MATCHING, IN_READY, IN_WAITING
from counterfoil.modules.validators.interface import Misbehaviour
from counterfoil.primitives.addresses import address_of
from counterfoil.primitives.signatures import met
from tests.model.core import Expected, Item
from tests.model.desk import PARAMETERS, Desk
from tests.model.viewkeys_model import ViewKeysModel

OWN = ("agreed",)
"""What only the model keeps with an item."""
SPECIAL = {31: "rulebook", 32: "rulebook", 99: "chunk"}
"""Tables whose model has the whole record in one field."""
COMPARED = (
    *(10, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 27, 30, 31, 32, 33, 34, 35, 40, 41, 42, 43, 44),
    *(50, 51, 52, 53, 54, 55, 56, 57, 58, 60, 61, 62, 70, 71, 72, 80, 81, 82, 90, 97, 98, 99, 112),
    *(120, 121, 122, 123, 124),
    *range(130, 140),
    *(140, 141, 142, 143, 144, 145, 146, 147, 150, 151, 152, 153, 154),
    *(160, 161, 162, 163, 170, 171, 172, 180, 181, 182, 183),
)


class Model(ViewKeysModel):
    deadlines = (
        "lapse_applications",
        "lapse_attestations",
        "follow_schedules",
        "put_terms_into_force",
        "lapse_earmarks",
        "end_grants",
        "lapse_proposals",
        "lapse_views",
        "lapse_motions",
        "lapse_redemptions",
        "lapse_idle_trades",
        "end_recycling",
        "lapse_batches",
    )


class Twin(Desk):
    """A desk whose every block the model foretells. `enter` puts a transaction into the open block; `close` decides."""

    def __init__(self, *, parameters: Parameters = PARAMETERS) -> None:
        super().__init__(parameters=parameters)
        self.model = Model(parameters.reference_window_ms, parameters.id_window_ms)
        self.model.chain_id = self.chain_id
        self.model.decode_content = self.machine.reader.proposal
        self.model.decode_motion = self.machine.reader.motion
        self.model.carried = []
        self.pending: list[tuple[bytes, Expected]] = []
        self.accepted: dict[type[Any], int] = dict.fromkeys(MESSAGES, 0)
        self.refused: dict[int, int] = {}
        self._saved: Any = None
        for number in COMPARED:
            for key, record in self.live(number).items():
                self.model.tables[number][key] = taken_over(number, record)
        self.model.height = self.height

    def live(self, number: int) -> dict[bytes, Any]:
        live = self.machine.state.books.shelves[number].live
        return {key: record for key, record in live.items() if record is not None}

    # Blocks

    def enter(self, raw: bytes) -> Expected:
        """What the model says of the transaction, in the block that is open now."""
        self._begin()
        expected = self._foretell(raw)
        self.pending.append((raw, expected))
        return expected

    def close(self) -> list[Outcome]:
        """Decide the open block and compare."""
        self._begin()
        self.model.end()
        before = self.height
        return self._conclude(super().block([raw for raw, _ in self.pending]), before)

    def decide(self, *misbehaviour: Misbehaviour, **more: Any) -> list[Outcome]:
        """A block of another engine; what is pending comes into a block of its own first."""
        if self.pending:
            self.close()
        self._begin()
        for found in misbehaviour:
            self.model.act(lambda _, found=found: self.model.report(found))  # type: ignore[misc]
        item = more.get("feed_item", b"")
        if item:
            validators = self.machine.validators(self.height)
            commit = more["last_commit"]
            observed = read_feed_item(item, self.chain_id, self.height + 1, commit, validators)
            self.model.act(lambda _: self.model.take_in(observed))
        for raw in more.get("raws", ()):
            self.enter(raw)
        self.model.end()
        before = self.height
        return self._conclude(super().decide(*misbehaviour, **more), before)

    def _conclude(self, outcomes: list[Outcome], before: int) -> list[Outcome]:
        model = self.model
        for (raw, expected), outcome in zip(self.pending, outcomes, strict=True):
            self._compare(raw, expected, outcome)
        if self.height == before:
            model.restore(self._saved[0])
            model.ids = self._saved[1]
        self.pending, self._saved = [], None
        self.compare_books()
        return outcomes

    def block(self, raws: Iterable[bytes], *, time_ms: int | None = None) -> list[Outcome]:
        if time_ms is not None:
            self.advance_to(time_ms)
        for raw in raws:
            self.enter(raw)
        return self.close()

    def settle_down(self) -> None:
        height = -1
        while height != self.height:
            height = self.height
            self.close()

    def _begin(self) -> None:
        if self._saved is None:
            self._saved = (self.model.snapshot(), dict(self.model.ids))
            self.model.begin(self.height + 1, self.next_time_ms())

    def _foretell(self, raw: bytes) -> Expected:
        prepared = self.prepared(raw)
        body = prepared.body
        if body is None or prepared.reject is not None:
            assert prepared.reject is not None
            return Expected(prepared.reject.number, ())
        if self.model.time_ms < body.expiry_ms <= self.model.time_ms + self.model.id_window_ms:
            assert prepared.good is not None
            if 0 in prepared.good:
                return Expected(MachineReject.SIGNATURE_IS_WRONG.number, ())
        signed: dict[int, list[bytes]] = {}
        for item in prepared.signatures:
            signed.setdefault(item.signer, []).append(item.key)

        def fits(address: bytes) -> bool:
            keys = signed.get(body.signers.index(address), [])
            signer = self.model.tables[21].get(address)
            if signer is not None:
                return met(signer.policy, keys)
            return len(keys) == 1 and address_of(keys[0]) == address

        return self.model.transact(prepared.id, body.expiry_ms, body.signers, body.mode, body.messages, fits)

    # Comparing

    def _compare(self, raw: bytes, expected: Expected, outcome: Outcome) -> None:
        body = self.prepared(raw).body
        found = tuple((one.number, one.objects) for one in outcome.result.messages)
        assert (outcome.result.number, found) == expected, (
            f"the ledger says {outcome.result.number} {found}, the model {expected}, of {body}; {outcome.rejects}"
        )
        self.refused[expected.number] = self.refused.get(expected.number, 0) + 1
        if body is not None:
            for message, (number, _) in zip(body.messages, expected.messages, strict=False):
                self.accepted[type(message)] += not number
        for kind in self.model.carried:
            self.accepted[kind] += 1
        self.model.carried = []

    def compare_books(self) -> None:
        for number in COMPARED:
            mine, theirs = self.model.tables[number], self.live(number)
            assert mine.keys() == theirs.keys(), f"table {number}: {mine.keys() ^ theirs.keys()}"
            for key, item in mine.items():
                other = taken_over(number, theirs[key])
                for name, value in vars(item).items():
                    if name in OWN:
                        continue
                    there = getattr(other, name)
                    if name == "waits" and value is not None:
                        value = value[:3]
                    assert there == value, f"table {number}, {key.hex()}: {name} is {there}, not {value}"


def taken_over(number: int, record: Any) -> Item:
    """A record of the ledger as the model would have it."""
    if number in SPECIAL:
        return Item(**{SPECIAL[number]: record})
    fields = {name: getattr(record, name) for name in record.__struct_fields__}
    if number == 33:
        fields["versions"] = tuple((one.effective_from, one.calendar) for one in record.versions)
    if isinstance(record, Instruction):
        fields["waits"] = waits_of(record.queue)
    return Item(**fields)


def waits_of(queue: bytes) -> tuple[Any, ...] | None:
    """What a place in a queue waits for; how much it must be is not part of the place."""
    kind, key = queue[:1], queue[1:]
    if kind == IN_MATCHING:
        return ("matching",)
    if kind == IN_READY:
        return ("ready",)
    if kind == IN_DUE:
        return ("due", key[:4].decode(), int.from_bytes(key[4:8], "big"))
    if kind == IN_WAITING:
        return ("waiting", key[:20], key[20:40])
    return None
