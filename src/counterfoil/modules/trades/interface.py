"""What other modules may ask about trades, and the guards that the module's own rules share with them."""

from __future__ import annotations

from functools import lru_cache

from msgspec.structs import replace

from counterfoil.modules.instruments.interface import InstrumentKind
from counterfoil.modules.module import ActionContext
from counterfoil.modules.trades.books import TradesBooks
from counterfoil.modules.trades.facts import TradeSettled
from counterfoil.modules.trades.life import (
    THE_VENUES,
    add_trade,
    concerned,
    end_trade,
    operator_of,
    put_trade,
    reference_key,
    views,
)
from counterfoil.modules.trades.records import (
    INSTRUCTIONS_MAX,
    PRICE_SCALE_MAX,
    TRADE_REFERENCE_LENGTH_MAX,
    Capacity,
    Trade,
    TradeStatus,
    TradeTerms,
)
from counterfoil.modules.trades.rejects import TradesReject
from counterfoil.primitives.calendars import is_date
from counterfoil.primitives.codec import AMOUNT_MAX
from counterfoil.primitives.identifiers import is_mic
from counterfoil.primitives.outcome import Rejected

__all__ = [
    "THE_VENUES",
    "Capacity",
    "Trade",
    "TradeStatus",
    "TradeTerms",
    "Trades",
    "TradesReject",
    "views",
]

_known_date = lru_cache(maxsize=4_096)(is_date)
_known_mic = lru_cache(maxsize=1_024)(is_mic)
"""Few days and few venues come again and again; what is remembered is a fact of the calendar, not of the ledger."""


class Trades:
    """Built over the module's books by the wiring."""

    __slots__ = ("_books", "_trades")

    def __init__(self, books: TradesBooks) -> None:
        self._books = books
        self._trades = books.trades

    # ---- asking ----

    def find(self, trade_id: bytes) -> Trade | None:
        return self._trades.find(trade_id)

    def require(self, trade_id: bytes) -> Trade:
        """Rejected TRADE_NOT_FOUND."""
        trade = self._trades.find(trade_id)
        if trade is None:
            raise Rejected(TradesReject.TRADE_NOT_FOUND, trade=trade_id)
        return trade

    def require_confirmed(self, trade_id: bytes) -> Trade:
        """Rejected TRADE_NOT_FOUND or TRADE_IS_NOT_CONFIRMED."""
        trade = self.require(trade_id)
        if trade.status is TradeStatus.RECORDED:
            raise Rejected(TradesReject.TRADE_IS_NOT_CONFIRMED, trade=trade_id)
        return trade

    def by_reference(self, whose: bytes, venue: str, trade_reference: str) -> bytes | None:
        """The id of the live trade that bears a reference of a party's, or of the venue's own (`THE_VENUES`)."""
        found = self._books.references.find(reference_key(whose, venue, trade_reference))
        return found.trade if found is not None else None

    def check_form(self, terms: TradeTerms) -> None:
        """What is true of terms whoever trades whatever. Rejected 8000 to 8008, then TRADE_DATE_IS_NO_TRADING_DAY.

        A trade was made on a day on which its venue traded, by the trading calendar and no other. Of a venue that is no
        market of this ledger, or a trade away from any, there is no calendar to ask.
        """
        reference, amount = terms.trade_reference, terms.amount
        if not (
            0 < len(reference) <= TRADE_REFERENCE_LENGTH_MAX
            and reference.isascii()
            and reference.isprintable()
        ):
            raise Rejected(TradesReject.REFERENCE_IS_MALFORMED)
        if not _known_mic(terms.venue):
            raise Rejected(TradesReject.VENUE_IS_MALFORMED)
        if not 0 <= terms.execution_time_ms <= AMOUNT_MAX:
            raise Rejected(TradesReject.EXECUTION_TIME_IS_INVALID, execution_time_ms=terms.execution_time_ms)
        if not _known_date(terms.trade_date):
            raise Rejected(TradesReject.TRADE_DATE_IS_INVALID, trade_date=terms.trade_date)
        if not 0 < terms.quantity <= AMOUNT_MAX:
            raise Rejected(TradesReject.QUANTITY_IS_INVALID, quantity=terms.quantity)
        if not (0 <= terms.price <= AMOUNT_MAX and 0 <= terms.price_scale <= PRICE_SCALE_MAX):
            raise Rejected(TradesReject.PRICE_IS_INVALID, price=terms.price, scale=terms.price_scale)
        if not 0 <= amount <= AMOUNT_MAX:
            raise Rejected(TradesReject.AMOUNT_IS_INVALID, amount=amount)
        if (amount == 0) != (terms.asset == b""):
            raise Rejected(TradesReject.ASSET_IS_INCONSISTENT, amount=amount)
        if terms.asset == terms.instrument_id:
            raise Rejected(TradesReject.INSTRUMENT_IS_THE_ASSET)
        if not self._books.markets.may_trade_on(terms.venue, terms.trade_date):
            raise Rejected(
                TradesReject.TRADE_DATE_IS_NO_TRADING_DAY, venue=terms.venue, trade_date=terms.trade_date
            )

    def check_parties(self, terms: TradeTerms, context: ActionContext) -> None:
        """Whether the things and parties named in the terms exist and may trade.

        Rejected as `instruments.require_active`, 8009 to 8011, or as `holdings.require_account`.
        """
        books = self._books
        books.instruments.require_active(terms.instrument_id)
        for party in (terms.seller, terms.buyer):
            if not books.parties.is_active(party):
                raise Rejected(TradesReject.SIDE_IS_NOT_A_PARTY, party=party)
        if terms.asset and books.instruments.require(terms.asset).kind is not InstrumentKind.MONEY_TOKEN:
            raise Rejected(TradesReject.ASSET_IS_NOT_MONEY, asset=terms.asset)
        self.check_clients(terms, context)

    def check_clients(self, terms: TradeTerms, context: ActionContext) -> None:
        """Rejected as `holdings.require_account`, or CLIENT_ACCOUNT_IS_NOT_SERVED, to whom may see the account."""
        for party, client in ((terms.seller, terms.seller_client), (terms.buyer, terms.buyer_client)):
            if client:
                account = self._books.holdings.require_account(client, context)
                served = party in (account.owner, account.servicer)
                if not served or not self._may_state_clients(context, party, terms):
                    self._books.holdings.hide_from_strangers(context, client, account)
                if not served:
                    raise Rejected(TradesReject.CLIENT_ACCOUNT_IS_NOT_SERVED, account=client)

    def _may_state_clients(self, context: ActionContext, party: bytes, terms: TradeTerms) -> bool:
        """Whether the side whose client it is has a signer here, or the venue's operator, which knows both sides'."""
        stating = (party, operator_of(self._books, terms))
        return any(self._books.parties.is_spoken_for(context, one) for one in stating)

    def check_instruction(
        self,
        trade_id: bytes,
        instrument_id: bytes,
        asset: bytes,
        trade_date: int,
        side: bytes,
        sells: bool,
        quantity: int,
    ) -> None:
        """Whether an instruction of one side may settle (a part of) a trade.

        Rejected TRADE_NOT_FOUND (of others' too), TRADE_IS_NOT_CONFIRMED, TRADE_DOES_NOT_AGREE,
        QUANTITY_EXCEEDS_THE_TRADE or TRADE_HAS_TOO_MANY_INSTRUCTIONS.
        """
        of_sides = self.require(trade_id).terms
        if side not in (of_sides.seller, of_sides.buyer):
            raise Rejected(TradesReject.TRADE_NOT_FOUND, trade=trade_id)
        trade = self.require_confirmed(trade_id)
        terms = trade.terms
        if (
            terms.instrument_id != instrument_id
            or (asset and terms.asset != asset)
            or terms.trade_date != trade_date
            or side != (terms.seller if sells else terms.buyer)
        ):
            raise Rejected(TradesReject.TRADE_DOES_NOT_AGREE, trade=trade_id)
        if quantity > terms.quantity - trade.settled_quantity:
            raise Rejected(
                TradesReject.QUANTITY_EXCEEDS_THE_TRADE,
                quantity=quantity,
                unsettled=terms.quantity - trade.settled_quantity,
            )
        if len(trade.deliveries if sells else trade.receipts) >= INSTRUCTIONS_MAX:
            raise Rejected(TradesReject.TRADE_HAS_TOO_MANY_INSTRUCTIONS, trade=trade_id)

    # ---- changing ----

    def use_reference(self, context: ActionContext, terms: TradeTerms) -> None:
        """Use up the references of both sides, who agreed to a trade. Rejected REFERENCE_IS_USED."""
        seller, buyer, venue, reference = terms.seller, terms.buyer, terms.venue, terms.trade_reference
        at_hand, use = self._books.references.at_hand, context.use_key
        key = reference_key(seller, venue, reference)
        if at_hand(key) is not None or not use(key):
            raise Rejected(TradesReject.REFERENCE_IS_USED, reference=reference)
        if buyer != seller:
            key = reference_key(buyer, venue, reference)
            if at_hand(key) is not None or not use(key):
                raise Rejected(TradesReject.REFERENCE_IS_USED, reference=reference)

    def record(self, context: ActionContext, terms: TradeTerms) -> bytes:
        """Bring a trade to life to which both sides agreed; its terms are checked and its references used up by whoever
        asks. The trade's id."""
        return add_trade(self._books, context, terms, TradeStatus.CONFIRMED, terms.seller)

    def linked(
        self,
        context: ActionContext,
        trade_id: bytes,
        deliveries: tuple[bytes, ...] = (),
        receipts: tuple[bytes, ...] = (),
    ) -> None:
        """Note instructions that settle a live trade; while they live it does not lapse."""
        trade = self.require(trade_id)
        under_way = replace(
            trade,
            deliveries=trade.deliveries + deliveries,
            receipts=trade.receipts + receipts,
            idle_since=0,
        )
        put_trade(self._books, trade_id, trade, under_way)

    def unlinked(self, context: ActionContext, trade_id: bytes, instruction_ids: tuple[bytes, ...]) -> None:
        """Instructions that settled a trade, or were cancelled, are no longer under way."""
        trade = self._trades.find(trade_id)
        if trade is not None:
            deliveries = tuple(one for one in trade.deliveries if one not in instruction_ids)
            receipts = tuple(one for one in trade.receipts if one not in instruction_ids)
            since = 0 if deliveries or receipts else self._books.markets.business_date(trade.market)
            left = replace(trade, deliveries=deliveries, receipts=receipts, idle_since=since)
            put_trade(self._books, trade_id, trade, left)

    def settled(self, context: ActionContext, trade_id: bytes, quantity: int) -> None:
        """Count a settled quantity; the trade ends when all of it is settled.

        Two pairs of instructions may have been instructed for the same quantity, so that more than the whole is
        settled; the trade ends all the same, and both settlements stand in the receipts.
        """
        trade = self._trades.find(trade_id)
        if trade is None:
            return
        total = trade.settled_quantity + quantity
        if total < trade.terms.quantity:
            self._trades.put(trade_id, replace(trade, settled_quantity=total))
            return
        end_trade(self._books, trade_id, trade)
        context.tell(TradeSettled(trade_id, total), *concerned(self._books, trade))
