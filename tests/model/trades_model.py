"""Trades in dictionaries: recorded, confirmed, amended, cancelled, settled."""

from __future__ import annotations

from typing import Any

from counterfoil.modules.instruments.records import InstrumentKind
from counterfoil.modules.trades.interface import reference_key
from counterfoil.modules.trades.records import TradeStatus
from counterfoil.modules.trades.rejects import TradesReject as Reject
from counterfoil.primitives.codec import AMOUNT_MAX
from counterfoil.primitives.identifiers import is_mic
from tests.model.consortium_model import FeedsModel
from tests.model.core import Action, Item, demand
from tests.model.markets_model import day_of

RECORDED, CONFIRMED, SIGNED = TradeStatus.RECORDED, TradeStatus.CONFIRMED, TradeStatus.EXCHANGE_SIGNED


def printable(text: str, most: int) -> bool:
    return 0 < len(text) <= most and all(32 <= ord(one) <= 126 for one in text)


class TradesModel(FeedsModel):
    """Tables 80 trades, 81 references."""

    def trade(self, identity: bytes) -> Any:
        found = self.tables[80].get(identity)
        demand(found is not None, Reject.TRADE_NOT_FOUND)
        return found

    def check_form(self, terms: Any) -> None:
        demand(printable(terms.trade_reference, 52), Reject.REFERENCE_IS_MALFORMED)
        demand(is_mic(terms.venue), Reject.VENUE_IS_MALFORMED)
        demand(0 <= terms.execution_time_ms <= AMOUNT_MAX, Reject.EXECUTION_TIME_IS_INVALID)
        demand(day_of(terms.trade_date), Reject.TRADE_DATE_IS_INVALID)
        demand(0 < terms.quantity <= AMOUNT_MAX, Reject.QUANTITY_IS_INVALID)
        fine = 0 <= terms.price <= AMOUNT_MAX and 0 <= terms.price_scale <= 18
        demand(fine, Reject.PRICE_IS_INVALID)
        demand(0 <= terms.amount <= AMOUNT_MAX, Reject.AMOUNT_IS_INVALID)
        demand((terms.amount == 0) == (not terms.asset), Reject.ASSET_IS_INCONSISTENT)
        demand(terms.asset != terms.instrument_id, Reject.INSTRUMENT_IS_THE_ASSET)

    def check_parties(self, terms: Any) -> None:
        self.active_instrument(terms.instrument_id)
        for party in (terms.seller, terms.buyer):
            demand(self.is_active(party), Reject.SIDE_IS_NOT_A_PARTY)
        if terms.asset:
            money = self.instrument(terms.asset).kind is InstrumentKind.MONEY_TOKEN
            demand(money, Reject.ASSET_IS_NOT_MONEY)
        self.check_clients(terms)

    def check_clients(self, terms: Any) -> None:
        for party, client in ((terms.seller, terms.seller_client), (terms.buyer, terms.buyer_client)):
            if client:
                account = self.account(client)
                demand(party in (account.owner, account.servicer), Reject.CLIENT_ACCOUNT_IS_NOT_SERVED)

    def use_trade_reference(self, terms: Any) -> None:
        fresh = self.use_reference(b"trade", (terms.venue + terms.trade_reference).encode())
        demand(fresh, Reject.REFERENCE_IS_USED)

    def add_trade(self, action: Action, terms: Any, status: TradeStatus, recorder: bytes) -> bytes:
        key = reference_key(terms.venue, terms.trade_reference)
        demand(key not in self.tables[81], Reject.REFERENCE_IS_USED)
        identity = action.new_id()
        self.tables[81][key] = Item(trade=identity)
        self.tables[80][identity] = Item(
            terms=terms,
            status=status,
            recorder=recorder,
            version=1,
            recorded_height=self.height,
            recorded_time_ms=self.time_ms,
            instructions=(),
            settled_quantity=0,
        )
        return identity

    def end_trade(self, identity: bytes) -> None:
        terms = self.tables[80].pop(identity).terms
        del self.tables[81][reference_key(terms.venue, terms.trade_reference)]

    def RecordTrade(self, ask: Any, action: Action) -> None:
        terms = ask.terms
        self.check_form(terms)
        self.check_parties(terms)
        venue = self.tables[30].get(terms.venue.encode())
        if ask.recorder in (terms.seller, terms.buyer):
            status = CONFIRMED if terms.seller == terms.buyer else RECORDED
        else:
            operator = venue.operator if venue is not None else b""
            demand(ask.recorder == operator, Reject.RECORDER_IS_NOT_INVOLVED)
            status = SIGNED
        self.authorise(action, ask.recorder, ask, b"", terms.amount)
        self.use_trade_reference(terms)
        self.add_trade(action, terms, status, ask.recorder)

    def ConfirmTrade(self, ask: Any, action: Action) -> None:
        trade = self.trade(ask.trade_id)
        demand(trade.status is RECORDED, Reject.TRADE_IS_CONFIRMED)
        demand(ask.version == trade.version, Reject.VERSION_IS_NOT_CURRENT)
        terms = trade.terms
        side = terms.buyer if trade.recorder == terms.seller else terms.seller
        self.authorise(action, side, ask, b"", terms.amount)
        trade.status = CONFIRMED

    def authorise_trade(self, action: Action, trade: Any, ask: Any, alone: bytes, amount: int) -> None:
        """By both sides once both have agreed, else by one party."""
        both = dict.fromkeys((trade.terms.seller, trade.terms.buyer))
        for party in both if trade.status is CONFIRMED else (alone,):
            self.authorise(action, party, ask, b"", amount)

    def AmendTrade(self, ask: Any, action: Action) -> None:
        trade, terms = self.trade(ask.trade_id), ask.terms
        self.check_form(terms)
        same = all(
            getattr(terms, name) == getattr(trade.terms, name)
            for name in ("venue", "trade_reference", "seller", "buyer")
        )
        demand(same, Reject.IDENTITY_OF_THE_TRADE_CHANGES)
        self.check_parties(terms)
        demand(terms != trade.terms, Reject.NOTHING_CHANGES)
        untouched = not trade.instructions and not trade.settled_quantity
        demand(untouched, Reject.TRADE_HAS_INSTRUCTIONS)
        self.authorise_trade(action, trade, ask, trade.recorder, terms.amount)
        trade.terms, trade.version = terms, trade.version + 1

    def CancelTrade(self, ask: Any, action: Action) -> None:
        trade = self.trade(ask.trade_id)
        sides = (trade.terms.seller, trade.terms.buyer)
        involved = (trade.recorder,) if trade.status is SIGNED else sides
        demand(ask.party in involved, Reject.PARTY_IS_NOT_INVOLVED)
        demand(not trade.instructions, Reject.TRADE_HAS_INSTRUCTIONS)
        self.authorise_trade(action, trade, ask, ask.party, trade.terms.amount)
        self.end_trade(ask.trade_id)

    # What settlement does to it

    def check_instruction(self, ask: Any) -> None:
        trade, terms = self.trade(ask.trade), self.trade(ask.trade).terms
        demand(trade.status is not RECORDED, Reject.TRADE_IS_NOT_CONFIRMED)
        side = terms.seller if ask.movement.name == "DELIVER" else terms.buyer
        agrees = (terms.instrument_id, terms.trade_date, side) == (
            ask.instrument_id,
            ask.trade_date,
            ask.party,
        )
        demand(agrees and (not ask.asset or terms.asset == ask.asset), Reject.TRADE_DOES_NOT_AGREE)
        left = terms.quantity - trade.settled_quantity
        demand(ask.quantity <= left, Reject.QUANTITY_EXCEEDS_THE_TRADE)
        demand(len(trade.instructions) < 64, Reject.TRADE_HAS_TOO_MANY_INSTRUCTIONS)

    def count_settled(self, identity: bytes, quantity: int) -> None:
        trade = self.tables[80].get(identity)
        if trade is None:
            return
        if trade.settled_quantity + quantity < trade.terms.quantity:
            trade.settled_quantity += quantity
        else:
            self.end_trade(identity)

    def unlink(self, identity: bytes, instruction: bytes) -> None:
        trade = self.tables[80].get(identity)
        if trade is not None:
            trade.instructions = tuple(one for one in trade.instructions if one != instruction)
