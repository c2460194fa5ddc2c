"""How a trade comes to life, changes and ends: its record, its references, its clients' records, and who is told."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from counterfoil.modules.module import ActionContext
from counterfoil.modules.trades.books import TradesBooks
from counterfoil.modules.trades.facts import TradeRecorded
from counterfoil.modules.trades.records import (
    BUYS,
    SELLS,
    IdleTrade,
    Trade,
    TradeClient,
    TradeReference,
    TradeStatus,
    TradeTerms,
)
from counterfoil.primitives.codec import Fact
from counterfoil.primitives.digests import REFERENCE, begun, finished
from counterfoil.primitives.outcome import ensure

THE_VENUES = b""
"""In the place of a party: the venue's own references, which its operator gives."""
_MEMBERS, _VENUES = begun(REFERENCE, b"trade"), begun(REFERENCE, b"trade of the venue")


def reference_key(whose: bytes, venue: str, trade_reference: str) -> bytes:
    """32 bytes. whose: the party that enters the trade or agrees to it, `THE_VENUES` where the operator signs it."""
    return finished(_MEMBERS if whose else _VENUES, whose + (venue + trade_reference).encode())


def reference_keys(terms: TradeTerms, status: TradeStatus, recorder: bytes) -> tuple[bytes, ...]:
    """Under which references a trade stands: its recorder's, or those of both who agreed to it.

    One that the operator signed stands under the venue's, which comes first, and takes up what of its sides' is free.
    """
    if status is TradeStatus.RECORDED:
        whose: tuple[bytes, ...] = (recorder,)
    elif status is TradeStatus.CONFIRMED:
        whose = (terms.seller, terms.buyer)
    else:
        whose = (THE_VENUES, terms.seller, terms.buyer)
    return tuple(reference_key(one, terms.venue, terms.trade_reference) for one in dict.fromkeys(whose))


def use_reference(
    books: TradesBooks, context: ActionContext, whose: bytes, venue: str, trade_reference: str
) -> bool:
    """Use a reference up for the ledger's window; False where it is used, or a live trade bears it however old."""
    key = reference_key(whose, venue, trade_reference)
    return books.references.at_hand(key) is None and context.use_key(key)


def worth_of(terms: TradeTerms, party: bytes) -> int:
    """What a mandate's limit is held against, as in settlement: of who only buys what is paid (the quantity if free),
    of anybody else the larger of the two, so that nobody signs more away than he may by asking little for it."""
    if party == terms.buyer and party != terms.seller:
        return terms.amount or terms.quantity
    return max(terms.quantity, terms.amount)


def market_of(books: TradesBooks, terms: TradeTerms) -> str:
    """Whose rulebook says when a trade lapses: the venue's where it is a market of this ledger, else the instrument's
    home market's."""
    if books.markets.is_here(terms.venue):
        return terms.venue
    return books.instruments.require(terms.instrument_id).market


def add_trade(
    books: TradesBooks, context: ActionContext, terms: TradeTerms, status: TradeStatus, recorder: bytes
) -> bytes:
    """The id of a trade that lives from now on; its terms are checked and its references used up."""
    trade_id = context.new_id()
    market = market_of(books, terms)
    trade = Trade(
        without_clients(terms),
        status,
        recorder,
        1,
        context.height,
        context.time_ms,
        market=market,
        idle_since=books.markets.business_date(market),
    )
    put_trade(books, trade_id, None, trade)
    put_clients(books, trade_id, terms)
    stand(books, trade_id, trade)
    tell_terms(books, context, trade, terms, lambda shown: TradeRecorded(trade_id, shown, status, recorder))
    return trade_id


def end_trade(books: TradesBooks, trade_id: bytes, trade: Trade) -> None:
    """Take a trade out of the state with all that hangs on it. Nobody is told here."""
    stand_no_more(books, trade_id, trade)
    for side in (SELLS, BUYS):
        if books.clients.find(trade_id + side) is not None:
            books.clients.delete(trade_id + side)
    put_trade(books, trade_id, trade, None)


def put_trade(books: TradesBooks, trade_id: bytes, before: Trade | None, now: Trade | None) -> None:
    """Write the record, and keep in step where it waits to lapse."""
    old = idle_key(trade_id, before) if before is not None else b""
    new = idle_key(trade_id, now) if now is not None else b""
    if old != new:
        if old:
            books.idle.delete(old)
        if new:
            books.idle.put(new, IdleTrade())
    if now is None:
        books.trades.delete(trade_id)
    else:
        books.trades.put(trade_id, now)


def idle_key(trade_id: bytes, trade: Trade) -> bytes:
    """Where a trade waits to lapse; b"" while an instruction is under way for it."""
    if not trade.idle_since:
        return b""
    return trade.market.encode() + trade.idle_since.to_bytes(4, "big") + trade_id


def stand(books: TradesBooks, trade_id: bytes, trade: Trade) -> None:
    """Let a live trade be found by its references."""
    for key in reference_keys(trade.terms, trade.status, trade.recorder):
        if books.references.at_hand(key) is None:
            books.references.put(key, TradeReference(trade_id))


def stand_no_more(books: TradesBooks, trade_id: bytes, trade: Trade) -> None:
    """The references of a live trade are borne by none; those of its sides that another bears stay with that one."""
    keys = reference_keys(trade.terms, trade.status, trade.recorder)
    mine = [key for key in keys if stands_under(books, trade_id, key)]
    ensure(keys[0] in mine, "a live trade stands under its reference")
    for key in mine:
        books.references.delete(key)


def stands_under(books: TradesBooks, trade_id: bytes, key: bytes) -> bool:
    found = books.references.find(key)
    return found is not None and found.trade == trade_id


# ---- what each side may know ----


def without_clients(terms: TradeTerms) -> TradeTerms:
    return replace(terms, seller_client=b"", buyer_client=b"")


def put_clients(books: TradesBooks, trade_id: bytes, terms: TradeTerms) -> None:
    """Each side's client in a record of its own."""
    for side, account in ((SELLS, terms.seller_client), (BUYS, terms.buyer_client)):
        before = books.clients.find(trade_id + side)
        if account and (before is None or before.account != account):
            books.clients.put(trade_id + side, TradeClient(account))
        elif before is not None and not account:
            books.clients.delete(trade_id + side)


def terms_of(books: TradesBooks, trade_id: bytes, trade: Trade) -> TradeTerms:
    """All that was agreed, clients included: for the rules alone."""
    seller, buyer = books.clients.find(trade_id + SELLS), books.clients.find(trade_id + BUYS)
    if seller is None and buyer is None:
        return trade.terms
    return replace(
        trade.terms,
        seller_client=seller.account if seller is not None else b"",
        buyer_client=buyer.account if buyer is not None else b"",
    )


def views(terms: TradeTerms) -> tuple[TradeTerms, TradeTerms]:
    """(what the seller's side may know, what the buyer's may): all but the other's client."""
    return replace(terms, buyer_client=b""), replace(terms, seller_client=b"")


def concerned(books: TradesBooks, trade: Trade) -> tuple[bytes, ...]:
    """Seller and buyer, and the venue's operator where it signs for them."""
    terms = trade.terms
    told = [terms.seller, terms.buyer]
    if trade.status is TradeStatus.EXCHANGE_SIGNED:
        told.append(operator_of(books, terms))
    return tuple(dict.fromkeys(told))


def tell_terms(
    books: TradesBooks,
    context: ActionContext,
    trade: Trade,
    terms: TradeTerms,
    fact: Callable[[TradeTerms], Fact],
) -> None:
    """Tell each side the terms without the other's client, and the operator, where it signed, what it sent."""
    seller, buyer = terms.seller, terms.buyer
    told = concerned(books, trade)
    if not terms.seller_client and not terms.buyer_client:
        context.tell(fact(terms), *told)
        return
    if seller == buyer:
        context.tell(fact(terms), *told)
        return
    of_seller, of_buyer = views(terms)
    for party in told:
        shown = of_seller if party == seller else of_buyer if party == buyer else terms
        context.tell(fact(shown), party)


def operator_of(books: TradesBooks, terms: TradeTerms) -> bytes:
    """The party that runs the venue, b"" where the venue is no market of this ledger."""
    market = books.markets.find(terms.venue)
    return market.operator if market is not None else b""
