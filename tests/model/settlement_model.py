"""Settlement instructions and net batches in dictionaries: entered, matched, changed, ended.

Attempts to settle and what wakes them stand in `attempts_model`.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from counterfoil.modules.holdings.rejects import HoldingsReject
from counterfoil.modules.instruments.records import InstrumentKind
from counterfoil.modules.markets.records import MatchingField
from counterfoil.modules.parties.records import Role
from counterfoil.modules.parties.rejects import PartiesReject
from counterfoil.modules.settlement.interface import batch_digest
from counterfoil.modules.settlement.reasons import Reason
from counterfoil.modules.settlement.records import (
    TRANSACTION_TYPES,
    CancellationStatus,
    HoldStatus,
    Link,
    MatchingStatus,
    Method,
    Moment,
    Movement,
    Position,
    Priority,
    ProcessingStatus,
    SettlementStatus,
    SignOffStatus,
)
from counterfoil.modules.settlement.rejects import SettlementReject as Reject
from counterfoil.primitives.codec import AMOUNT_MAX
from tests.model.attempts_model import DELIVER, FREE, AttemptsModel
from tests.model.core import Action, Item, No, ascending, demand
from tests.model.markets_model import day_of
from tests.model.trades_model import printable

MONEY = InstrumentKind.MONEY_TOKEN
OPPOSITE = {DELIVER: Movement.RECEIVE, Movement.RECEIVE: DELIVER}
MIRRORED = {
    Position.AFTER: Position.BEFORE,
    Position.BEFORE: Position.AFTER,
    Position.WITH: Position.WITH,
}


class SettlementModel(AttemptsModel):
    """Tables 90 instructions, 97 the last entry, 98 batches, 99 their chunks; 91 follows."""

    # Guards

    def check_text(self, text: str, most: int = 35) -> None:
        demand(not text or printable(text, most), Reject.REFERENCE_IS_MALFORMED)

    def check_dates(self, trade_date: int, settlement_date: int, today: int) -> None:
        trade, settles = day_of(trade_date), day_of(settlement_date)
        demand(trade and settles and trade <= settles, Reject.DATE_IS_INVALID)
        now = day_of(today)
        assert settles is not None
        assert now is not None
        demand((settles - now).days <= 3_653, Reject.DATE_IS_INVALID)

    def check_ahead(self, market: str, settlement_date: int, today: int, asset: bytes) -> None:
        if settlement_date > today:
            currency = self.tables[40][asset].currency if asset else ""
            business = self.is_business_day(market, settlement_date, currency)
            demand(business, Reject.SETTLEMENT_DATE_IS_NO_BUSINESS_DAY)

    def authorise_side(self, action: Action, party: bytes, account: bytes, ask: Any, worth: int) -> None:
        self.authorise_account(action, account, ask, worth)
        if party != self.tables[51][account].owner:
            self.authorise(action, party, ask, account, worth)

    def live(self, party: bytes, reference: str) -> bytes | None:
        for identity, one in self.tables[90].items():
            if (one.party, one.reference) == (party, reference):
                return identity
        return None

    def use_instruction_reference(self, party: bytes, reference: str) -> None:
        demand(self.live(party, reference) is None, Reject.REFERENCE_IS_USED)
        fresh = self.use_reference(b"instruction", party + reference.encode())
        demand(fresh, Reject.REFERENCE_IS_USED)

    def check_linkages(
        self, action: Action, ask: Any, party: bytes, identity: bytes, linkages: Any
    ) -> tuple[Link, ...]:
        demand(len(linkages) <= 8, Reject.TOO_MANY_LINKAGES)
        links: list[Link] = []
        for linkage in linkages:
            demand(0 < len(linkage.reference) <= 35, Reject.REFERENCE_IS_MALFORMED)
            other = self.live(party, linkage.reference)
            demand(other is not None, Reject.LINKED_INSTRUCTION_NOT_FOUND)
            assert other is not None
            again = other == identity or other in [link.instruction for link in links]
            demand(not again, Reject.LINKAGE_IS_CIRCULAR)
            if linkage.position is not Position.INFORMATION:
                found = self.tables[90][other]
                bound = Link(MIRRORED[linkage.position], identity) in found.links
                if not bound:
                    self.authorise_side(action, party, found.account, ask, given_up(found))
            links.append(Link(linkage.position, other))
        return tuple(links)

    # Entering

    def InstructWithNote(self, ask: Any, action: Action) -> None:
        demand(0 < len(ask.note) <= 1024, Reject.NOTE_IS_MALFORMED)
        self.Instruct(ask.instruction, action, ask.note)

    def InstructBothWithNotes(self, ask: Any, action: Action) -> None:
        notes = (ask.to_receiver, ask.to_deliverer)
        demand(any(notes) and all(len(note) <= 1024 for note in notes), Reject.NOTE_IS_MALFORMED)
        self.InstructBoth(ask.both, action)

    def Instruct(self, ask: Any, action: Action, note: bytes = b"") -> None:
        self.check_instruct_form(ask)
        market = self.market(ask.market)
        today = market.business_date
        self.check_dates(ask.trade_date, ask.settlement_date, today)
        instrument = self.active_instrument(ask.instrument_id)
        self.check_quantity(instrument, ask.quantity)
        if ask.method is not FREE:
            fits = (ask.method is Method.PVP) == (instrument.kind is MONEY)
            demand(fits, Reject.PAYMENT_METHOD_DOES_NOT_FIT)
            money = self.active_instrument(ask.asset).kind is MONEY
            demand(money and self.accepts(ask.market, ask.asset), Reject.ASSET_IS_NOT_ACCEPTED)
        self.check_ahead(ask.market, ask.settlement_date, today, ask.asset)
        named, held = self.party(ask.party), self.tables[51].get(ask.account)
        by_account = held is not None and held.owner == ask.party and self.is_known(action, held)
        known = self.is_public(named) or self.is_spoken_for(action, ask.party) or by_account
        demand(known, PartiesReject.PARTY_NOT_FOUND)
        self.in_business(ask.party, winding_down=True)
        self.party(ask.counterparty)
        account = self.account_unless_hidden(action, ask.account)
        holds = ask.party in (account.owner, account.servicer)
        demand(holds or self.is_known(action, account), HoldingsReject.ACCOUNT_NOT_FOUND)
        demand(holds, Reject.PARTY_DOES_NOT_HOLD_THE_ACCOUNT)
        demand(ask.account != ask.counterparty_account, Reject.SIDES_USE_THE_SAME_ACCOUNT)
        reserved = ask.priority is Priority.RESERVED and ask.party != market.operator
        demand(not reserved, Reject.PRIORITY_IS_RESERVED)
        worth = given_up(ask)
        self.authorise_side(action, ask.party, ask.account, ask, worth)
        cash = b""
        if ask.method is not FREE:
            cash = ask.cash_account or account.default_cash_account or ask.account
            self.account(cash)
            if cash != ask.account and ask.movement is not DELIVER:
                self.authorise_account(action, cash, ask, worth)
        if ask.trade:
            self.check_instruction(ask)
        self.use_instruction_reference(ask.party, ask.reference)
        links = self.check_linkages(action, ask, ask.party, b"", ask.linkages)
        identity = action.new_id()
        fields = {name: getattr(ask, name) for name in COPIED}
        self.accept(identity, Item(**fields, cash_account=cash, links=links), ask.hold)
        self.tables[90][identity].note = note
        if ask.trade:
            delivers = ask.movement is DELIVER
            self.link(ask.trade, (identity,) * delivers, (identity,) * (not delivers))
        self.match(action, identity)

    def check_instruct_form(self, ask: Any) -> None:
        demand(printable(ask.reference, 35), Reject.REFERENCE_IS_MALFORMED)
        for text in (ask.common_reference, ask.client, ask.counterparty_client):
            self.check_text(text)
        self.check_text(ask.trade_reference, 52)
        demand(ask.transaction_type in TRANSACTION_TYPES, Reject.TRANSACTION_TYPE_IS_UNKNOWN)
        demand(0 <= ask.amount <= AMOUNT_MAX, Reject.AMOUNT_IS_INVALID)
        nothing, everything = not (ask.amount or ask.asset or ask.cash_account), ask.amount and ask.asset
        fine = nothing if ask.method is FREE else everything
        demand(fine, Reject.METHOD_IS_INCONSISTENT)
        demand(ask.asset != ask.instrument_id, Reject.INSTRUMENT_IS_THE_ASSET)

    def accept(self, identity: bytes, one: Item, hold: bool) -> None:
        """Bring an instruction to life, unmatched."""
        counter = self.tables[97].setdefault(b"\0", Item(entries=0))
        counter.entries += 1
        vars(one).update(
            entry=counter.entries,
            accepted=self.now(one.market),
            processing=ProcessingStatus.ACCEPTED,
            matching=MatchingStatus.UNMATCHED,
            hold=HoldStatus.HELD if hold else HoldStatus.RELEASED,
            settlement=SettlementStatus.PENDING,
            cancellation=CancellationStatus.NONE,
            sign_off=SignOffStatus.NOT_REQUIRED,
            reason="",
            counterpart=b"",
            matched=None,
            settled_quantity=0,
            settled_amount=0,
            earmark=b"",
            waits=None,
            note=b"",
        )
        self.tables[90][identity] = one
        self.tie(identity, one.links)

    def now(self, market: str) -> Moment:
        return Moment(self.height, self.time_ms, self.market(market).business_date)

    def tie(self, identity: bytes, links: tuple[Link, ...]) -> None:
        for link in links:
            other = self.tables[90].get(link.instruction)
            if other is not None and link.position is not Position.INFORMATION:
                other.links += (Link(MIRRORED[link.position], identity),)

    def match(self, action: Action, identity: bytes) -> None:
        """Of those that fit, the smallest difference of amounts, then the earliest."""
        one = self.tables[90][identity]
        book, opposite = self.rulebook(one.market), OPPOSITE[one.movement]
        one.agreed = self.must_agree(one)
        fitting = [
            (other.entry, other_id, other)
            for other_id, other in self.tables[90].items()
            if other.waits == ("matching",) and (other.movement, other.agreed) == (opposite, one.agreed)
        ]
        reason, best = Reason.NO_MATCH, None
        for _, other_id, other in sorted(fitting, key=lambda found: found[0]):
            if not self.accounts_agree(one, other):
                reason = Reason.ACCOUNT_DIFFERS if reason is Reason.NO_MATCH else reason
                continue
            difference = abs(one.amount - other.amount)
            if difference > book.amount_tolerance:
                reason = Reason.AMOUNT_DIFFERS if best is None else reason
            elif best is None or difference < best[0]:
                best = (difference, other_id)
        if best is None:
            one.reason, one.waits = str(reason), ("matching",)
            return
        self.pair(identity, best[1])
        self.attempt(action, identity)

    def must_agree(self, one: Any) -> tuple[Any, ...]:
        """What must be the same on both sides, by the rulebook in force when an instruction comes in."""
        book = self.rulebook(one.market)
        fields = book.matching_fields
        delivers = one.movement is DELIVER
        parties = (one.party, one.counterparty) if delivers else (one.counterparty, one.party)
        clients = (one.client, one.counterparty_client)
        return (
            *(one.market, one.method, one.instrument_id, one.quantity, one.asset, one.settlement_date),
            *(one.transaction_type, parties),
            None if book.amount_tolerance else one.amount,
            one.trade_date if MatchingField.TRADE_DATE in fields else None,
            one.common_reference if MatchingField.COMMON_REFERENCE in fields else "",
            one.trade_reference if MatchingField.TRADE_REFERENCE in fields else "",
            (clients if delivers else clients[::-1]) if MatchingField.CLIENTS in fields else ("", ""),
        )

    def accounts_agree(self, one: Any, other: Any) -> bool:
        return (
            one.account != other.account
            and one.counterparty_account in (b"", other.account)
            and other.counterparty_account in (b"", one.account)
            and (not one.trade or not other.trade or one.trade == other.trade)
        )

    def pair(self, one_id: bytes, other_id: bytes) -> None:
        for mine, theirs in ((one_id, other_id), (other_id, one_id)):
            one = self.tables[90][mine]
            one.matching, one.counterpart, one.reason, one.waits = MatchingStatus.MATCHED, theirs, "", None
            one.matched, one.note = self.now(one.market), b""
            awaited = self.rulebook(one.market).sign_off_required and one.movement is DELIVER
            one.sign_off = SignOffStatus.AWAITED if awaited else SignOffStatus.NOT_REQUIRED

    # Both sides

    def InstructBoth(self, ask: Any, action: Action) -> None:
        terms, sides = ask.trade, (ask.delivery, ask.receipt)
        parties = (terms.seller, terms.buyer)
        self.check_form(terms)
        self.check_trading_day(terms)
        for side in sides:
            demand(printable(side.reference, 35), Reject.REFERENCE_IS_MALFORMED)
        self.check_text(ask.common_reference)
        demand(ask.transaction_type in TRANSACTION_TYPES, Reject.TRANSACTION_TYPE_IS_UNKNOWN)
        cash_named = any(side.cash_account for side in sides)
        demand(terms.asset or not cash_named, Reject.METHOD_IS_INCONSISTENT)
        market = self.market(ask.market)
        today = market.business_date
        self.check_dates(terms.trade_date, ask.settlement_date, today)
        instrument = self.active_instrument(terms.instrument_id)
        self.check_quantity(instrument, terms.quantity)
        if terms.asset:
            money = self.active_instrument(terms.asset).kind is MONEY
            demand(money and self.accepts(ask.market, terms.asset), Reject.ASSET_IS_NOT_ACCEPTED)
        self.check_ahead(ask.market, ask.settlement_date, today, terms.asset)
        accounts = [self.account_unless_hidden(action, side.account) for side in sides]
        holds = [party in (one.owner, one.servicer) for party, one in zip(parties, accounts, strict=True)]
        known = all(holds) or all(self.is_known(action, one) for one in accounts)
        demand(known, HoldingsReject.ACCOUNT_NOT_FOUND)
        demand(all(holds), Reject.TRADE_DOES_NOT_AGREE)
        demand(sides[0].account != sides[1].account, Reject.SIDES_USE_THE_SAME_ACCOUNT)
        self.check_clients(terms, action)
        for party, side in zip(parties, sides, strict=True):
            reserved = side.priority is Priority.RESERVED and party != market.operator
            demand(not reserved, Reject.PRIORITY_IS_RESERVED)
        worth = terms.amount or terms.quantity
        gives = max(terms.quantity, terms.amount)
        for party, side, given in zip(parties, sides, (gives, worth), strict=True):
            self.authorise_side(action, party, side.account, ask, given)
        cash = [b"", b""]
        if terms.asset:
            cash = [
                side.cash_account or one.default_cash_account or side.account
                for side, one in zip(sides, accounts, strict=True)
            ]
            for place, side in enumerate(sides):
                if cash[place] != side.account:
                    self.account(cash[place])
                    if place == 1:
                        self.authorise_account(action, cash[1], ask, worth)
        self.use_trade_reference(terms, *parties)
        for party, side in zip(parties, sides, strict=True):
            self.use_instruction_reference(party, side.reference)
        if self.settles_at_once(ask, cash):
            for _ in range(3):
                action.new_id()
            self.move(action, terms.instrument_id, sides[0].account, sides[1].account, terms.quantity)
            if terms.asset and cash[0] != cash[1]:
                self.move(action, terms.asset, cash[1], cash[0], terms.amount)
            return
        self.enter_both(ask, action, cash)

    def settles_at_once(self, ask: Any, cash: list[bytes]) -> bool:
        terms, sides = ask.trade, (ask.delivery, ask.receipt)
        today = self.market(ask.market).business_date
        if not self.market_is_open(ask.market) or ask.settlement_date > today:
            return False
        if self.past_cut_off(ask.market, not terms.asset) or self.rulebook(ask.market).sign_off_required:
            return False
        if any(side.hold or side.linkages for side in sides):
            return False
        try:
            self.check_debit(sides[0].account, terms.instrument_id, terms.quantity)
            self.check_use(sides[1].account, debit=False)
            self.check_delivery(sides[0].account, sides[1].account, terms.instrument_id)
            if terms.asset and cash[0] != cash[1]:
                self.check_debit(cash[1], terms.asset, terms.amount)
                self.check_use(cash[0], debit=False)
        except No:
            return False
        return True

    def enter_both(self, ask: Any, action: Action, cash: list[bytes]) -> None:
        terms, sides = ask.trade, (ask.delivery, ask.receipt)
        parties = (terms.seller, terms.buyer)
        for party in parties:
            self.in_business(party, winding_down=True)
        links = [
            self.check_linkages(action, ask, party, b"", side.linkages)
            for party, side in zip(parties, sides, strict=True)
        ]
        trade = self.add_trade(action, terms, self.CONFIRMED, terms.seller)
        ids = (action.new_id(), action.new_id())
        self.link(trade, ids[:1], ids[1:])
        method = FREE
        if terms.asset:
            money = self.tables[40][terms.instrument_id].kind is MONEY
            method = Method.PVP if money else Method.DVP
        for place, side in enumerate(sides):
            one = Item(
                market=ask.market,
                party=parties[place],
                account=side.account,
                cash_account=cash[place],
                movement=(DELIVER, Movement.RECEIVE)[place],
                method=method,
                transaction_type=ask.transaction_type,
                instrument_id=terms.instrument_id,
                quantity=terms.quantity,
                asset=terms.asset,
                amount=terms.amount,
                counterparty=parties[1 - place],
                counterparty_account=b"",
                trade_date=terms.trade_date,
                settlement_date=ask.settlement_date,
                reference=side.reference,
                common_reference=ask.common_reference,
                trade_reference=terms.trade_reference,
                trade=trade,
                client="",
                counterparty_client="",
                priority=side.priority,
                partial=side.partial,
                links=links[place],
            )
            self.accept(ids[place], one, side.hold)
        self.pair(*ids)
        self.attempt(action, ids[0])

    # Changing

    def knows_instruction(self, action: Action, one: Any) -> bool:
        account = self.tables[51][one.account]
        return self.is_spoken_for(action, one.party) or self.is_known(action, account)

    def own(self, action: Action, ask: Any) -> Any:
        one = self.tables[90].get(ask.instruction_id)
        demand(one is not None and self.knows_instruction(action, one), Reject.INSTRUCTION_NOT_FOUND)
        assert one is not None
        self.authorise_side(action, one.party, one.account, ask, given_up(one))
        return one

    def Amend(self, ask: Any, action: Action) -> None:
        one = self.own(action, ask)
        reserved = ask.priority is Priority.RESERVED and one.party != self.market(one.market).operator
        demand(not reserved, Reject.PRIORITY_IS_RESERVED)
        links = one.links
        if ask.linkages is not None:
            links = self.check_linkages(action, ask, one.party, ask.instruction_id, ask.linkages)
        hold = one.hold
        if ask.hold is not None:
            hold = HoldStatus.HELD if ask.hold else HoldStatus.RELEASED
        priority = one.priority if ask.priority is None else ask.priority
        partial = one.partial if ask.partial is None else ask.partial
        changed = (hold, priority, partial, links)
        demand(changed != (one.hold, one.priority, one.partial, one.links), Reject.NOTHING_CHANGES)
        freed = []
        if links != one.links:
            for link in one.links:
                other = self.tables[90].get(link.instruction)
                if other is not None and link.position is not Position.INFORMATION:
                    left = [back for back in other.links if back.instruction != ask.instruction_id]
                    other.links = tuple(left)
                    freed.append(link.instruction)
            self.tie(ask.instruction_id, links)
        one.hold, one.priority, one.partial, one.links = changed
        self.attempt(action, ask.instruction_id)
        for other_id in freed:
            self.make_ready(other_id)

    def Allocate(self, ask: Any, action: Action) -> None:
        one = self.own(action, ask)
        if one.movement is DELIVER:
            account, instrument = one.account, one.instrument_id
            needed = one.quantity - one.settled_quantity
        else:
            demand(one.method is not FREE, Reject.NOTHING_TO_ALLOCATE)
            account, instrument = one.cash_account, one.asset
            pair = self.pair_of(ask.instruction_id)
            needed = one.amount if pair is None else pair.delivery.amount - pair.delivery.settled_amount
        demand(not self.aside(one), Reject.INSTRUCTION_IS_ALLOCATED)
        demand(0 <= ask.quantity <= needed, Reject.ALLOCATION_IS_OUT_OF_RANGE)
        quantity = ask.quantity or needed
        if account != one.account:
            self.authorise_account(action, account, ask, quantity)
        self.check_debit(account, instrument, quantity)
        one.earmark = self.earmark(
            action,
            account,
            instrument,
            quantity,
            self.SETTLEMENT,
            ask.instruction_id,
            ask.instruction_id,
        )
        self.attempt(action, ask.instruction_id)

    def Deallocate(self, ask: Any, action: Action) -> None:
        one = self.own(action, ask)
        demand(self.aside(one), Reject.INSTRUCTION_IS_NOT_ALLOCATED)
        self.release(action, one.earmark)
        one.earmark = b""
        self.attempt(action, ask.instruction_id)

    def Cancel(self, ask: Any, action: Action) -> None:
        one = self.own(action, ask)
        requested = CancellationStatus.REQUESTED
        demand(one.cancellation is not requested, Reject.CANCELLATION_IS_REQUESTED)
        if one.matching is MatchingStatus.UNMATCHED:
            self.end_cancelled(action, ask.instruction_id)
        elif self.tables[90][one.counterpart].cancellation is requested:
            self.end_cancelled_pair(action, ask.instruction_id)
        else:
            one.cancellation, one.processing = requested, ProcessingStatus.PENDING_CANCELLATION

    def awaited(self, ask: Any, action: Action) -> Any:
        one = self.tables[90].get(ask.instruction_id)
        demand(one is not None, Reject.INSTRUCTION_NOT_FOUND)
        assert one is not None
        operates = self.is_spoken_for(action, self.market(one.market).operator)
        demand(operates or self.knows_instruction(action, one), Reject.INSTRUCTION_NOT_FOUND)
        pair = self.pair_of(ask.instruction_id)
        demand(pair is not None, Reject.INSTRUCTION_IS_NOT_MATCHED)
        assert pair is not None
        demand(pair.delivery.sign_off is SignOffStatus.AWAITED, Reject.SIGN_OFF_IS_NOT_AWAITED)
        operator = self.market(one.market).operator
        self.authorise(action, operator, ask, b"", one.amount or one.quantity)
        return pair

    def SignOff(self, ask: Any, action: Action) -> None:
        pair = self.awaited(ask, action)
        pair.delivery.sign_off = SignOffStatus.GIVEN
        self.attempt(action, pair.delivery_id)

    def RefuseSignOff(self, ask: Any, action: Action) -> None:
        self.awaited(ask, action)
        demand(0 < len(ask.narrative) <= 210, Reject.NARRATIVE_IS_MALFORMED)
        self.end_cancelled_pair(action, ask.instruction_id)

    # Batches

    def OpenBatch(self, ask: Any, action: Action) -> None:
        demand(printable(ask.reference, 35), Reject.REFERENCE_IS_MALFORMED)
        demand(1 <= ask.chunks <= 1_024, Reject.BATCH_SIZE_IS_INVALID)
        market = self.market(ask.market)
        self.check_dates(ask.settlement_date, ask.settlement_date, market.business_date)
        loads = self.has_role(ask.party, Role.DEPOSITORY, Role.EXCHANGE, Role.OPERATOR)
        demand(loads or ask.party == market.operator, Reject.BATCH_PARTY_HAS_NO_ROLE)
        self.authorise(action, ask.party, ask)
        fresh = self.use_reference(b"batch", ask.party + ask.reference.encode())
        demand(fresh, Reject.REFERENCE_IS_USED)
        self.tables[98][action.new_id()] = Item(
            market=ask.market,
            party=ask.party,
            reference=ask.reference,
            settlement_date=ask.settlement_date,
            chunks=ask.chunks,
            loaded=0,
            legs=0,
            opened=self.now(ask.market),
        )

    def batch(self, ask: Any, action: Action) -> Any:
        found = self.tables[98].get(ask.batch_id)
        known = found is not None and self.is_spoken_for(action, found.party)
        demand(known, Reject.BATCH_NOT_FOUND)
        assert found is not None
        self.authorise(action, found.party, ask)
        return found

    def LoadBatch(self, ask: Any, action: Action) -> None:
        batch = self.batch(ask, action)
        demand(0 <= ask.number < batch.chunks, Reject.CHUNK_NUMBER_IS_INVALID)
        key = ask.batch_id + ask.number.to_bytes(4, "big")
        demand(key not in self.tables[99], Reject.CHUNK_IS_LOADED)
        legs = unpacked(ask.chunk)
        self.tables[99][key] = Item(chunk=ask.chunk)
        batch.loaded += 1
        batch.legs += len(legs)

    def SettleBatch(self, ask: Any, action: Action) -> None:
        batch = self.batch(ask, action)
        demand(batch.loaded == batch.chunks, Reject.BATCH_IS_NOT_COMPLETE)
        keys = [ask.batch_id + number.to_bytes(4, "big") for number in range(batch.chunks)]
        chunks = [self.tables[99][key].chunk for key in keys]
        demand(ask.digest == batch_digest(chunks), Reject.DIGEST_DIFFERS)
        demand(batch.settlement_date <= self.market(batch.market).business_date, Reject.BATCH_IS_NOT_DUE)
        settles = self.market_is_open(batch.market) and not self.past_cut_off(batch.market, False)
        demand(settles, Reject.MARKET_DOES_NOT_SETTLE_NOW)
        nets: dict[tuple[bytes, bytes], int] = defaultdict(int)
        sums: dict[bytes, int] = defaultdict(int)
        for account, instrument, quantity in [leg for part in chunks for leg in unpacked(part)]:
            nets[account, instrument] += quantity
            sums[instrument] += quantity
        demand(not any(sums.values()), Reject.BATCH_DOES_NOT_NET_TO_ZERO)
        demand(all(abs(net) < 2**63 for net in nets.values()), Reject.NET_IS_TOO_LARGE)
        for instrument in sorted({row for part in chunks for row in rows(part.instruments)}):
            money = self.active_instrument(instrument).kind is MONEY
            demand(not money or self.accepts(batch.market, instrument), Reject.ASSET_IS_NOT_ACCEPTED)
        for (_, instrument), net in sorted(nets.items()):
            if net:
                self.check_quantity(self.tables[40][instrument], abs(net))
        for account in sorted({row for part in chunks for row in rows(part.accounts)}):
            self.account(account)
        given: dict[bytes, int] = {}
        for (account, _), net in sorted(nets.items()):
            if net < 0:
                given[account] = max(given.get(account, 0), -net)
        for account, quantity in given.items():
            self.authorise_account(action, account, ask, quantity)
        for (account, instrument), net in sorted(nets.items()):
            if net > 0 and self.tables[40][instrument].kind is not MONEY:
                self.check_holders(account)
        self.apply_net(action, {key: net for key, net in sorted(nets.items()) if net})
        self.end_batch(ask.batch_id)

    def lapse_batches(self) -> None:
        """What is not settled for as long as its market keeps it, the oldest first."""
        due = []
        for identity, one in self.tables[98].items():
            since = max(one.settlement_date, one.opened.business_date)
            if self.market_is_open(one.market) and since < self.recycled_from(one.market):
                due.append((one.market.encode(), since, identity))
        for _, _, identity in sorted(due):
            self.act(lambda _, identity=identity: self.end_batch(identity))

    def end_batch(self, identity: bytes) -> None:
        del self.tables[98][identity]
        for key in [key for key in self.tables[99] if key[:32] == identity]:
            del self.tables[99][key]

    def CancelBatch(self, ask: Any, action: Action) -> None:
        self.batch(ask, action)
        self.end_batch(ask.batch_id)


def given_up(one: Any) -> int:
    """What a mandate's limit is held against."""
    delivers = one.movement is DELIVER
    return int(max(one.quantity, one.amount) if delivers else one.amount or one.quantity)


def rows(table: bytes) -> list[bytes]:
    return [table[at : at + 20] for at in range(0, len(table), 20)]


def unpacked(chunk: Any) -> list[tuple[bytes, bytes, int]]:
    """The legs (account, instrument, quantity) of a part; refused where it is malformed."""
    legs, odd = divmod(len(chunk.quantity), 8)
    fits = not odd and len(chunk.account_index) == 4 * legs and len(chunk.instrument_index) == 2 * legs
    demand(fits, Reject.CHUNK_IS_MALFORMED)
    demand(0 < legs <= 65_536, Reject.CHUNK_IS_TOO_LARGE)
    for table in (chunk.accounts, chunk.instruments):
        listed = rows(table)
        fine = listed and len(listed[-1]) == 20 and ascending(listed)
        demand(fine, Reject.CHUNK_IS_MALFORMED)
    found = []
    for leg in range(legs):
        account = int.from_bytes(chunk.account_index[4 * leg : 4 * leg + 4], "little")
        instrument = int.from_bytes(chunk.instrument_index[2 * leg : 2 * leg + 2], "little")
        inside = 20 * account < len(chunk.accounts) and 20 * instrument < len(chunk.instruments)
        demand(inside, Reject.CHUNK_IS_MALFORMED)
        quantity = int.from_bytes(chunk.quantity[8 * leg : 8 * leg + 8], "little", signed=True)
        found.append((rows(chunk.accounts)[account], rows(chunk.instruments)[instrument], quantity))
    demand(all(leg[2] not in (0, -(2**63)) for leg in found), Reject.LEG_QUANTITY_IS_INVALID)
    return found


COPIED = (
    *("market", "party", "account", "movement", "method", "transaction_type", "instrument_id", "quantity"),
    *("asset", "amount", "counterparty", "counterparty_account", "trade_date", "settlement_date"),
    *("reference", "common_reference", "trade_reference", "trade", "client", "counterparty_client"),
    *("priority", "partial"),
)
