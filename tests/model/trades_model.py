"""Trades in dictionaries: recorded, confirmed, amended, cancelled, settled."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from counterfoil.modules.holdings.rejects import HoldingsReject
from counterfoil.modules.instruments.records import InstrumentKind
from counterfoil.modules.markets.records import CalendarKind
from counterfoil.modules.trades.life import reference_key
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


def worth(terms: Any, party: bytes) -> int:
    """What a mandate's limit is held against."""
    buys = party == terms.buyer != terms.seller
    return int(terms.amount or terms.quantity if buys else max(terms.amount, terms.quantity))


class TradesModel(FeedsModel):
    """Tables 80 trades, 81 references, 82 clients."""

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

    def known_trade(self, action: Action, identity: bytes) -> Any:
        found, terms = self.trade(identity), self.whole_terms(identity)
        parties = (terms.seller, terms.buyer, self.operator_of_venue(terms))
        clients = [self.tables[51][one] for one in (terms.seller_client, terms.buyer_client) if one]
        known = any(self.is_spoken_for(action, one) for one in parties)
        known = known or any(self.is_known(action, one) for one in clients)
        demand(known, Reject.TRADE_NOT_FOUND)
        return found

    def check_parties(self, terms: Any, action: Action) -> None:
        self.active_instrument(terms.instrument_id)
        for party in (terms.seller, terms.buyer):
            demand(self.is_active(party), Reject.SIDE_IS_NOT_A_PARTY)
        if terms.asset:
            money = self.instrument(terms.asset).kind is InstrumentKind.MONEY_TOKEN
            demand(money, Reject.ASSET_IS_NOT_MONEY)
        self.check_clients(terms, action)

    def check_clients(self, terms: Any, action: Action) -> None:
        for party, client in ((terms.seller, terms.seller_client), (terms.buyer, terms.buyer_client)):
            if client:
                account = self.account_unless_hidden(action, client)
                states = (party, self.operator_of_venue(terms))
                stated = any(self.is_spoken_for(action, one) for one in states)
                stated = stated and party in (account.owner, account.servicer)
                demand(stated or self.is_known(action, account), HoldingsReject.ACCOUNT_NOT_FOUND)
                demand(party in (account.owner, account.servicer), Reject.CLIENT_ACCOUNT_IS_NOT_SERVED)

    def check_trading_day(self, terms: Any) -> None:
        """Of a venue that is a market here."""
        if terms.venue.encode() in self.tables[30]:
            key, day = self.calendar_key(terms.venue, CalendarKind.TRADING, ""), day_of(terms.trade_date)
            assert day is not None
            demand(self.is_open_on(key, day), Reject.TRADE_DATE_IS_NO_TRADING_DAY)

    def use_trade_reference(self, terms: Any, *whose: bytes) -> None:
        for one in dict.fromkeys(whose):
            demand(self.is_fresh(terms, one), Reject.REFERENCE_IS_USED)

    def is_fresh(self, terms: Any, whose: bytes) -> bool:
        lives = reference_key(whose, terms.venue, terms.trade_reference) in self.tables[81]
        return not lives and self.use_reference(
            b"trade", whose, (terms.venue + terms.trade_reference).encode()
        )

    def bears(self, trade: Any) -> list[bytes]:
        """Whose references a trade bears: the recorder's, both sides', or the venue's and what of theirs is free."""
        sides = [trade.terms.seller, trade.terms.buyer]
        whose = {RECORDED: [trade.recorder], CONFIRMED: sides, SIGNED: [b"", *sides]}[trade.status]
        return [reference_key(one, trade.terms.venue, trade.terms.trade_reference) for one in whose]

    def name(self, identity: bytes) -> None:
        for key in self.bears(self.tables[80][identity]):
            self.tables[81].setdefault(key, Item(trade=identity))

    def add_trade(self, action: Action, terms: Any, status: TradeStatus, recorder: bytes) -> bytes:
        identity = action.new_id()
        here = terms.venue.encode() in self.tables[30]
        market = terms.venue if here else self.tables[40][terms.instrument_id].market
        self.tables[80][identity] = Item(
            terms=replace(terms, seller_client=b"", buyer_client=b""),
            status=status,
            recorder=recorder,
            version=1,
            recorded_height=self.height,
            recorded_time_ms=self.time_ms,
            deliveries=(),
            receipts=(),
            settled_quantity=0,
            market=market,
            idle_since=self.market(market).business_date,
        )
        self.keep_clients(identity, terms)
        self.name(identity)
        return identity

    def keep_clients(self, identity: bytes, terms: Any) -> None:
        for side, client in ((b"s", terms.seller_client), (b"b", terms.buyer_client)):
            self.tables[82].pop(identity + side, None)
            if client:
                self.tables[82][identity + side] = Item(account=client)

    def whole_terms(self, identity: bytes) -> Any:
        found = [self.tables[82].get(identity + side) for side in (b"s", b"b")]
        seller, buyer = (one.account if one is not None else b"" for one in found)
        return replace(self.tables[80][identity].terms, seller_client=seller, buyer_client=buyer)

    def end_trade(self, identity: bytes) -> None:
        del self.tables[80][identity]
        for key, one in list(self.tables[81].items()):
            if one.trade == identity:
                del self.tables[81][key]
        for side in (b"s", b"b"):
            self.tables[82].pop(identity + side, None)

    def lapse_idle_trades(self) -> None:
        """What nobody instructs for as long as its market keeps it, the longest first."""
        due = [
            (one.market.encode(), one.idle_since, identity)
            for identity, one in self.tables[80].items()
            if one.idle_since
            and self.market_is_open(one.market)
            and one.idle_since < self.recycled_from(one.market)
        ]
        for _, _, identity in sorted(due):
            self.act(lambda _, identity=identity: self.end_trade(identity))

    def operator_of_venue(self, terms: Any) -> bytes:
        venue = self.tables[30].get(terms.venue.encode())
        return venue.operator if venue is not None else b""

    def RecordTrade(self, ask: Any, action: Action) -> None:
        terms = ask.terms
        self.check_form(terms)
        self.check_trading_day(terms)
        self.check_parties(terms, action)
        sides = (terms.seller, terms.buyer)
        if ask.recorder in sides:
            status = CONFIRMED if terms.seller == terms.buyer else RECORDED
        else:
            demand(ask.recorder == self.operator_of_venue(terms), Reject.RECORDER_IS_NOT_INVOLVED)
            status = SIGNED
        self.authorise(action, ask.recorder, ask, b"", worth(terms, ask.recorder))
        self.use_trade_reference(terms, b"" if status is SIGNED else ask.recorder)
        if status is SIGNED:
            for side in sides:
                self.is_fresh(terms, side)
        self.add_trade(action, terms, status, ask.recorder)

    def ConfirmTrade(self, ask: Any, action: Action) -> None:
        trade = self.known_trade(action, ask.trade_id)
        demand(trade.status is RECORDED, Reject.TRADE_IS_CONFIRMED)
        demand(ask.version == trade.version, Reject.VERSION_IS_NOT_CURRENT)
        terms = trade.terms
        side = terms.buyer if trade.recorder == terms.seller else terms.seller
        self.authorise(action, side, ask, b"", worth(terms, side))
        self.use_trade_reference(terms, side)
        trade.status = CONFIRMED
        self.name(ask.trade_id)

    def authorise_trade(self, action: Action, trade: Any, ask: Any, alone: bytes, terms: Any) -> None:
        """By both sides once both have agreed, else by one party."""
        both = dict.fromkeys((trade.terms.seller, trade.terms.buyer))
        for party in both if trade.status is CONFIRMED else (alone,):
            self.authorise(action, party, ask, b"", max(worth(trade.terms, party), worth(terms, party)))

    def AmendTrade(self, ask: Any, action: Action) -> None:
        trade, terms = self.known_trade(action, ask.trade_id), ask.terms
        self.check_form(terms)
        same = all(
            getattr(terms, name) == getattr(trade.terms, name)
            for name in ("venue", "trade_reference", "seller", "buyer")
        )
        demand(same, Reject.IDENTITY_OF_THE_TRADE_CHANGES)
        self.check_trading_day(terms)
        self.check_parties(terms, action)
        demand(terms != self.whole_terms(ask.trade_id), Reject.NOTHING_CHANGES)
        untouched = not trade.deliveries and not trade.receipts and not trade.settled_quantity
        demand(untouched, Reject.TRADE_HAS_INSTRUCTIONS)
        alone = self.operator_of_venue(terms) if trade.status is SIGNED else trade.recorder
        self.authorise_trade(action, trade, ask, alone, terms)
        trade.terms = replace(terms, seller_client=b"", buyer_client=b"")
        trade.version += 1
        self.keep_clients(ask.trade_id, terms)

    def CancelTrade(self, ask: Any, action: Action) -> None:
        trade = self.known_trade(action, ask.trade_id)
        sides = (trade.terms.seller, trade.terms.buyer)
        involved = (self.operator_of_venue(trade.terms),) if trade.status is SIGNED else sides
        demand(ask.party in involved, Reject.PARTY_IS_NOT_INVOLVED)
        under_way = trade.deliveries or trade.receipts
        demand(not under_way or trade.status is SIGNED, Reject.TRADE_HAS_INSTRUCTIONS)
        self.authorise_trade(action, trade, ask, ask.party, trade.terms)
        self.end_trade(ask.trade_id)

    # What settlement does to it

    def check_instruction(self, ask: Any) -> None:
        trade, terms = self.trade(ask.trade), self.trade(ask.trade).terms
        demand(ask.party in (terms.seller, terms.buyer), Reject.TRADE_NOT_FOUND)
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
        mine = trade.deliveries if ask.movement.name == "DELIVER" else trade.receipts
        demand(len(mine) < 64, Reject.TRADE_HAS_TOO_MANY_INSTRUCTIONS)

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
            trade.deliveries = tuple(one for one in trade.deliveries if one != instruction)
            trade.receipts = tuple(one for one in trade.receipts if one != instruction)
            if not trade.deliveries and not trade.receipts:
                trade.idle_since = self.market(trade.market).business_date

    def link(self, identity: bytes, deliveries: tuple[bytes, ...], receipts: tuple[bytes, ...]) -> None:
        trade = self.tables[80][identity]
        trade.deliveries += deliveries
        trade.receipts += receipts
        trade.idle_since = 0
