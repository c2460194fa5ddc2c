"""What may happen on a ledger and its model side by side, one step after the other."""

from __future__ import annotations

from random import Random

from counterfoil.machine.machine import Outcome
from counterfoil.machine.transactions import Mode
from counterfoil.machine.wiring import MESSAGES
from counterfoil.modules.markets.messages import CloseDay, OpenDay
from counterfoil.modules.markets.records import MarketStatus
from counterfoil.node.personas import PERSONAS
from counterfoil.primitives.codec import Message
from tests.model.core import Expected
from tests.model.desk import by, party, replayed
from tests.model.hand import Hand
from tests.model.markets_model import moment
from tests.model.moves_consortium import misbehaviours, votes
from tests.model.moves_keys import MOVES
from tests.model.opening import BY_HAND, Opening
from tests.model.twin import Twin

KINDS: tuple[type[Message], ...] = tuple(kind for kind in MESSAGES if kind in MOVES)
NINE = 9 * 60
AHEAD = (1_000, 60_000, 3_600_000, 5 * 3_600_000)


class Play:
    """One game: the market's morning, and then whatever the steps bring. Each step is decided by its seed alone."""

    def __init__(self) -> None:
        opening = Opening(Twin()).everything()
        self.hand = Hand(opening)
        self.twin: Twin = self.hand.twin
        self.sent: list[bytes] = []
        self.twin.accepted = dict.fromkeys(self.twin.accepted, 0)
        self.twin.refused = {}

    def chance(self, seed: int | str) -> Random:
        self.hand.chance = Random(seed)
        return self.hand.chance

    def send(self, kinds: list[type[Message]], seed: int | str, mode: Mode = Mode.ALL_OR_NOTHING) -> None:
        """One transaction of one or several kinds of message goes into the open block."""
        self.chance(seed)
        messages: list[Message] = []
        signers: tuple[bytes, ...] = ()
        for kind in kinds:
            made = MOVES[kind](self.hand)
            if made is not None:
                messages.append(made[0])
                signers = self.hand.together(signers, made[1])
        if messages:
            self.enter(self.hand.sign(messages, signers, mode=mode))

    def enter(self, raw: bytes) -> Expected:
        self.sent.append(raw)
        return self.twin.enter(raw)

    def send_again(self, seed: int | str) -> None:
        """Something that was sent before: used up, expired, or now accepted after all."""
        if self.sent:
            self.twin.enter(self.chance(seed).choice(self.sent[-30:]))

    def out_of_time(self, seed: int | str) -> None:
        """A transaction that expires too early or too late."""
        chance = self.chance(seed)
        made = MOVES[chance.choice(KINDS)](self.hand)
        if made is not None:
            expiry_ms = self.twin.next_time_ms() + chance.choice((0, -1, 600_001, 10**9))
            self.enter(self.hand.sign([made[0]], made[1], expiry_ms=expiry_ms))

    def close_block(self) -> list[Outcome]:
        return self.twin.close()

    def pass_time(self, ms: int) -> None:
        self.close_block()
        self.twin.pass_time(ms)

    def another_engine(self, seed: int | str) -> None:
        """A block of CometBFT's: with what its validators observed, and sometimes what one of them did twice."""
        self.close_block()
        chance = self.chance(seed)
        found = misbehaviours(self.hand) if chance.random() < 0.15 else ()
        self.twin.decide(*found, **votes(self.hand))

    def turn_the_day(self) -> None:
        """The operator closes the day of XTST and opens the next one, some days later by the clock if need be."""
        self.close_block()
        twin = self.twin
        market = twin.model.tables[30][b"XTST"]
        keys = by(*(card.name for card in PERSONAS if party(card.name) == market.operator))
        if not keys:
            return
        if market.status is MarketStatus.OPEN:
            twin.block([twin.transaction(CloseDay("XTST", market.business_date), *keys)])
        day = twin.model.next_day("XTST", twin.model.tables[30][b"XTST"].business_date)
        if day is not None:
            twin.advance_to(moment(BY_HAND.offsets, day, NINE))
            twin.block([twin.transaction(OpenDay("XTST", day), *keys)])

    def check(self) -> None:
        self.close_block()
        self.twin.machine.check_everything()

    def finish(self) -> None:
        """The books are right, and the blocks lead to the same header when they are applied again."""
        self.check()
        assert replayed(self.twin).machine.last == self.twin.machine.last

    def step(self, seed: str) -> None:
        """Any of these, by chance: for long games without Hypothesis."""
        chance = self.chance(seed)
        kind = chance.random()
        if kind < 0.03:
            self.pass_time(chance.choice(AHEAD))
        elif kind < 0.05:
            self.turn_the_day()
        elif kind < 0.06:
            self.send_again(seed + "again")
        elif kind < 0.07:
            self.out_of_time(seed + "late")
        elif kind < 0.11:
            self.another_engine(seed + "votes")
        else:
            count = 1 if chance.random() < 0.9 else chance.randrange(2, 4)
            kinds = [chance.choice(KINDS) for _ in range(count)]
            self.send(kinds, seed + "send", chance.choice(tuple(Mode)))
        if self.chance(seed + "close").random() < 0.6:
            self.close_block()
