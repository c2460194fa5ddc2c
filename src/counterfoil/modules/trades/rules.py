"""The rules about trades: recorded, confirmed or signed by the exchange, amended or cancelled."""

from __future__ import annotations

from msgspec.structs import replace

from counterfoil.modules.module import ActionContext
from counterfoil.modules.trades.books import TradesBooks
from counterfoil.modules.trades.facts import TradeAmended, TradeCancelled, TradeConfirmed
from counterfoil.modules.trades.interface import Trades
from counterfoil.modules.trades.life import (
    THE_VENUES,
    add_trade,
    concerned,
    end_trade,
    operator_of,
    put_clients,
    stand,
    tell_terms,
    terms_of,
    use_reference,
    without_clients,
    worth_of,
)
from counterfoil.modules.trades.messages import AmendTrade, CancelTrade, ConfirmTrade, RecordTrade
from counterfoil.modules.trades.records import Trade, TradeStatus, TradeTerms
from counterfoil.modules.trades.rejects import TradesReject
from counterfoil.primitives.codec import Message
from counterfoil.primitives.outcome import Rejected


def record_trade(books: TradesBooks, ask: RecordTrade, context: ActionContext) -> None:
    """Put a trade on the ledger.

    Recorded by one side it waits for the other's word, unless one party stands on both sides (for two of its
    clients). Signed by the operator of the venue it needs no further word.
    """
    trades, terms = Trades(books), ask.terms
    trades.check_form(terms)
    trades.check_parties(terms, context)
    if ask.recorder in (terms.seller, terms.buyer):
        both = terms.seller == terms.buyer
        status = TradeStatus.CONFIRMED if both else TradeStatus.RECORDED
    elif ask.recorder == operator_of(books, terms):
        status = TradeStatus.EXCHANGE_SIGNED
    else:
        raise Rejected(TradesReject.RECORDER_IS_NOT_INVOLVED, party=ask.recorder)
    books.parties.authorise(context, ask.recorder, RecordTrade, amount=worth_of(terms, ask.recorder))
    signed = status is TradeStatus.EXCHANGE_SIGNED
    _use_reference(books, context, terms, THE_VENUES if signed else ask.recorder)
    if signed:
        # Neither side is to enter it again; nor can either keep the exchange from recording it.
        for side in dict.fromkeys((terms.seller, terms.buyer)):
            use_reference(books, context, side, terms.venue, terms.trade_reference)

    add_trade(books, context, terms, status, ask.recorder)


def confirm_trade(books: TradesBooks, ask: ConfirmTrade, context: ActionContext) -> None:
    """Agree to what the other side recorded."""
    trade = _require_known(books, context, ask.trade_id)
    terms = trade.terms
    if trade.status is not TradeStatus.RECORDED:
        raise Rejected(TradesReject.TRADE_IS_CONFIRMED, status=trade.status.name)
    if ask.version != trade.version:
        raise Rejected(TradesReject.VERSION_IS_NOT_CURRENT, version=trade.version)
    side = terms.buyer if trade.recorder == terms.seller else terms.seller
    books.parties.authorise(context, side, ConfirmTrade, amount=worth_of(terms, side))
    _use_reference(books, context, terms, side)

    confirmed = replace(trade, status=TradeStatus.CONFIRMED)
    books.trades.put(ask.trade_id, confirmed)
    stand(books, ask.trade_id, confirmed)
    context.tell(TradeConfirmed(ask.trade_id, trade.version, side), terms.seller, terms.buyer)


def amend_trade(books: TradesBooks, ask: AmendTrade, context: ActionContext) -> None:
    """Replace the terms. Whoever agreed to the old ones must agree to the new ones."""
    trades, terms = Trades(books), ask.terms
    trade = _require_known(books, context, ask.trade_id)
    old = terms_of(books, ask.trade_id, trade)
    trades.check_form(terms)
    if (terms.venue, terms.trade_reference, terms.seller, terms.buyer) != (
        old.venue,
        old.trade_reference,
        old.seller,
        old.buyer,
    ):
        raise Rejected(TradesReject.IDENTITY_OF_THE_TRADE_CHANGES)
    trades.check_parties(terms, context)
    if terms == old:
        raise Rejected(TradesReject.NOTHING_CHANGES)
    if trade.instructions or trade.settled_quantity:
        raise Rejected(TradesReject.TRADE_HAS_INSTRUCTIONS, instructions=len(trade.instructions))
    alone = operator_of(books, old) if trade.status is TradeStatus.EXCHANGE_SIGNED else trade.recorder
    _authorise(books, context, trade, alone, AmendTrade, terms)

    version = trade.version + 1
    amended = replace(trade, terms=without_clients(terms), version=version)
    books.trades.put(ask.trade_id, amended)
    put_clients(books, ask.trade_id, terms)
    tell_terms(books, context, amended, terms, lambda shown: TradeAmended(ask.trade_id, version, shown))


def cancel_trade(books: TradesBooks, ask: CancelTrade, context: ActionContext) -> None:
    """End a trade. Before confirmation that is how a side withdraws it, or refuses it.

    The exchange's is ended whatever is under way, so that no side can keep it from that by instructing; instructions
    are the sides' own, and go on without the trade.
    """
    trade = _require_known(books, context, ask.trade_id)
    terms = trade.terms
    if trade.status is TradeStatus.EXCHANGE_SIGNED:
        involved: tuple[bytes, ...] = (operator_of(books, terms),)
    else:
        involved = (terms.seller, terms.buyer)
    if ask.party not in involved:
        raise Rejected(TradesReject.PARTY_IS_NOT_INVOLVED, party=ask.party)
    if trade.instructions and trade.status is not TradeStatus.EXCHANGE_SIGNED:
        raise Rejected(TradesReject.TRADE_HAS_INSTRUCTIONS, instructions=len(trade.instructions))
    _authorise(books, context, trade, ask.party, CancelTrade, terms)

    end_trade(books, ask.trade_id, trade)
    fact = TradeCancelled(ask.trade_id, ask.party, trade.settled_quantity)
    context.tell(fact, *concerned(books, trade))


def _require_known(books: TradesBooks, context: ActionContext, trade_id: bytes) -> Trade:
    """A live trade; one that none of the action's signers may see is not there. Its sides may, the operator of its
    venue, and who sees the account of a client behind it."""
    trade = Trades(books).require(trade_id)
    terms = terms_of(books, trade_id, trade)
    parties = (terms.seller, terms.buyer, operator_of(books, terms))
    if any(books.parties.is_spoken_for(context, party) for party in parties):
        return trade
    for client in (terms.seller_client, terms.buyer_client):
        account = books.holdings.account(client)
        if account is not None and books.holdings.is_known_to(context, account):
            return trade
    raise Rejected(TradesReject.TRADE_NOT_FOUND, trade=trade_id)


def _use_reference(books: TradesBooks, context: ActionContext, terms: TradeTerms, whose: bytes) -> None:
    if not use_reference(books, context, whose, terms.venue, terms.trade_reference):
        raise Rejected(TradesReject.REFERENCE_IS_USED, reference=terms.trade_reference)


def _authorise(
    books: TradesBooks,
    context: ActionContext,
    trade: Trade,
    alone: bytes,
    message: type[Message],
    terms: TradeTerms,
) -> None:
    """Both sides of a confirmed trade, else the one; a mandate's limit is held against what was and what is to be."""
    old = trade.terms
    both = trade.status is TradeStatus.CONFIRMED
    for party in dict.fromkeys((old.seller, old.buyer)) if both else (alone,):
        worth = max(worth_of(old, party), worth_of(terms, party))
        books.parties.authorise(context, party, message, amount=worth)
