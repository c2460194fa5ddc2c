"""What other modules may ask about trades, and the guards that the module's own rules share with them."""

from __future__ import annotations

from functools import lru_cache

from counterfoil.modules.instruments.interface import InstrumentKind
from counterfoil.modules.module import ActionContext
from counterfoil.modules.trades.books import TradesBooks
from counterfoil.modules.trades.facts import TradeRecorded, TradeSettled
from counterfoil.modules.trades.records import (
    INSTRUCTIONS_MAX,
    PRICE_SCALE_MAX,
    TRADE_REFERENCE_LENGTH_MAX,
    Capacity,
    Trade,
    TradeReference,
    TradeStatus,
    TradeTerms,
)
from counterfoil.modules.trades.rejects import TradesReject
from counterfoil.primitives.calendars import is_date
from counterfoil.primitives.codec import AMOUNT_MAX
from counterfoil.primitives.digests import REFERENCE, digest
from counterfoil.primitives.identifiers import is_mic
from counterfoil.primitives.outcome import InvariantViolation, Rejected

__all__ = ["Capacity", "Trade", "TradeStatus", "TradeTerms", "Trades", "TradesReject"]

_TRADE = b"trade"
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

    def by_reference(self, venue: str, trade_reference: str) -> bytes | None:
        """The id of the live trade that bears a venue's reference."""
        found = self._books.references.find(reference_key(venue, trade_reference))
        return found.trade if found is not None else None

    def check_form(self, terms: TradeTerms) -> None:
        """What can be said about terms without looking anything up. Rejected 8000 to 8008, in that order."""
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

    def check_parties(self, terms: TradeTerms) -> None:
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
        self.check_clients(terms)

    def check_clients(self, terms: TradeTerms) -> None:
        """Rejected as `holdings.require_account`, or CLIENT_ACCOUNT_IS_NOT_SERVED."""
        for party, client in ((terms.seller, terms.seller_client), (terms.buyer, terms.buyer_client)):
            if client:
                account = self._books.holdings.require_account(client)
                if party not in (account.owner, account.servicer):
                    raise Rejected(TradesReject.CLIENT_ACCOUNT_IS_NOT_SERVED, account=client)

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

        Rejected TRADE_NOT_FOUND, TRADE_IS_NOT_CONFIRMED, TRADE_DOES_NOT_AGREE, QUANTITY_EXCEEDS_THE_TRADE or
        TRADE_HAS_TOO_MANY_INSTRUCTIONS.
        """
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
        if len(trade.instructions) >= INSTRUCTIONS_MAX:
            raise Rejected(TradesReject.TRADE_HAS_TOO_MANY_INSTRUCTIONS, trade=trade_id)

    # ---- changing ----

    def use_reference(self, context: ActionContext, terms: TradeTerms) -> None:
        """Use the venue's trade reference up. Rejected REFERENCE_IS_USED."""
        if not context.use_reference(_TRADE, (terms.venue + terms.trade_reference).encode()):
            raise Rejected(TradesReject.REFERENCE_IS_USED, reference=terms.trade_reference)

    def record(self, context: ActionContext, terms: TradeTerms, confirmed: bool) -> bytes:
        """Bring a trade to life; its terms are checked and its reference used up by whoever asks. The trade's id.

        Rejected REFERENCE_IS_USED where a live trade, older than the window, bears the reference.
        """
        status = TradeStatus.CONFIRMED if confirmed else TradeStatus.RECORDED
        return add_trade(self._books, context, terms, status, terms.seller)

    def linked(self, context: ActionContext, trade_id: bytes, instruction_ids: tuple[bytes, ...]) -> None:
        """Note instructions that settle a live trade."""
        trade = self.require(trade_id)
        self._trades.put(trade_id, changed(trade, instructions=trade.instructions + instruction_ids))

    def unlinked(self, context: ActionContext, trade_id: bytes, instruction_ids: tuple[bytes, ...]) -> None:
        """Instructions that settled a trade, or were cancelled, are no longer under way."""
        trade = self._trades.find(trade_id)
        if trade is not None:
            left = tuple(one for one in trade.instructions if one not in instruction_ids)
            self._trades.put(trade_id, changed(trade, instructions=left))

    def settled(self, context: ActionContext, trade_id: bytes, quantity: int) -> None:
        """Count a settled quantity; the trade ends when all of it is settled.

        Two pairs of instructions may have been instructed for the same quantity, so that more than the whole is
        settled; the trade ends all the same, and both settlements stand in the receipts.
        """
        trade = self._trades.find(trade_id)
        if trade is None:
            return
        total = trade.settled_quantity + quantity
        terms = trade.terms
        if total < terms.quantity:
            self._trades.put(trade_id, changed(trade, settled_quantity=total))
            return
        end_trade(self._books, trade_id, trade)
        context.tell(TradeSettled(trade_id, total), terms.seller, terms.buyer)


def reference_key(venue: str, trade_reference: str) -> bytes:
    """32 bytes."""
    return digest(REFERENCE, _TRADE, (venue + trade_reference).encode())


def changed(
    trade: Trade,
    *,
    terms: TradeTerms | None = None,
    status: TradeStatus | None = None,
    instructions: tuple[bytes, ...] | None = None,
    settled_quantity: int | None = None,
) -> Trade:
    """The trade with other contents; new terms make a new version."""
    return Trade(
        terms=trade.terms if terms is None else terms,
        status=trade.status if status is None else status,
        recorder=trade.recorder,
        version=trade.version if terms is None else trade.version + 1,
        recorded_height=trade.recorded_height,
        recorded_time_ms=trade.recorded_time_ms,
        instructions=trade.instructions if instructions is None else instructions,
        settled_quantity=trade.settled_quantity if settled_quantity is None else settled_quantity,
    )


def add_trade(
    books: TradesBooks, context: ActionContext, terms: TradeTerms, status: TradeStatus, recorder: bytes
) -> bytes:
    key = reference_key(terms.venue, terms.trade_reference)
    if books.references.find(key) is not None:
        raise Rejected(TradesReject.REFERENCE_IS_USED, reference=terms.trade_reference)
    trade_id = context.new_id()
    books.trades.put(trade_id, Trade(terms, status, recorder, 1, context.height, context.time_ms))
    books.references.put(key, TradeReference(trade_id))
    context.tell(TradeRecorded(trade_id, terms, status, recorder), terms.seller, terms.buyer)
    return trade_id


def end_trade(books: TradesBooks, trade_id: bytes, trade: Trade) -> None:
    key = reference_key(trade.terms.venue, trade.terms.trade_reference)
    found = books.references.find(key)
    if found is None or found.trade != trade_id:
        raise InvariantViolation("a live trade stands under its reference")
    books.trades.delete(trade_id)
    books.references.delete(key)
