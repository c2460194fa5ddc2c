"""Both sides instruct together. Where the trade is due and provided for it settles here and now, and what was born,
matched, settled and ended within the action never becomes a record: four holdings change and nothing else.
"""

from __future__ import annotations

from msgspec.structs import replace

from counterfoil.modules.holdings.interface import Account, PostingReason
from counterfoil.modules.instruments.interface import Instrument, InstrumentKind
from counterfoil.modules.markets.interface import Market, MarketStatus
from counterfoil.modules.module import ActionContext
from counterfoil.modules.settlement.attempts import attempt
from counterfoil.modules.settlement.books import SettlementBooks
from counterfoil.modules.settlement.checks import (
    authorise_side,
    check_business_day,
    check_dates,
    check_reference,
    check_text,
    given_up,
)
from counterfoil.modules.settlement.facts import DeliverySettled, InstructionMatched
from counterfoil.modules.settlement.links import check_linkages
from counterfoil.modules.settlement.messages import InstructBoth
from counterfoil.modules.settlement.queues import next_entry
from counterfoil.modules.settlement.reasons import NO_REASON
from counterfoil.modules.settlement.records import (
    TRANSACTION_TYPES,
    CancellationStatus,
    HoldStatus,
    Instruction,
    Link,
    MatchingStatus,
    Method,
    Moment,
    Movement,
    Priority,
    ProcessingStatus,
    SettlementStatus,
    SignOffStatus,
)
from counterfoil.modules.settlement.rejects import SettlementReject
from counterfoil.modules.settlement.rules_instruct import accept, check_fresh_reference, sign_off_of
from counterfoil.modules.trades.interface import views
from counterfoil.primitives.outcome import Rejected

_OPEN = MarketStatus.OPEN
_RESERVED = Priority.RESERVED
_MONEY = InstrumentKind.MONEY_TOKEN
_DELIVERED, _PAID = PostingReason.DELIVERED, PostingReason.PAID


def instruct_both(books: SettlementBooks, ask: InstructBoth, context: ActionContext) -> None:
    """Enter a trade with the instructions of both its sides.

    The seller's side delivers, the buyer's receives and pays the stated amount; without an amount it is free of
    payment. What cannot settle now becomes a confirmed trade and a matched pair of instructions.
    """
    terms, delivery, receipt, market_code = ask.trade, ask.delivery, ask.receipt, ask.market
    seller, buyer, amount, asset = terms.seller, terms.buyer, terms.amount, terms.asset
    source_id, target_id = delivery.account, receipt.account
    trades, holdings, instruments, markets = books.trades, books.holdings, books.instruments, books.markets

    trades.check_form(terms)
    check_reference(delivery.reference)
    check_reference(receipt.reference)
    if ask.common_reference:
        check_text(ask.common_reference)
    if ask.transaction_type not in TRANSACTION_TYPES:
        raise Rejected(SettlementReject.TRANSACTION_TYPE_IS_UNKNOWN)
    if not asset and (delivery.cash_account or receipt.cash_account):
        raise Rejected(SettlementReject.METHOD_IS_INCONSISTENT)
    market = markets.require(market_code)
    business_date = market.business_date
    check_dates(terms.trade_date, ask.settlement_date, business_date)
    instrument = instruments.require_active(terms.instrument_id)
    instruments.check_quantity(instrument, terms.quantity)
    money = None
    if asset:
        money = instruments.require_active(asset)
        if money.kind is not _MONEY or not markets.accepts_asset(market_code, asset):
            raise Rejected(SettlementReject.ASSET_IS_NOT_ACCEPTED, asset=asset)
    if ask.settlement_date > business_date:
        check_business_day(books, market_code, ask.settlement_date, business_date, asset)
    source = holdings.require_account(source_id, context)
    target = holdings.require_account(target_id, context)
    if (seller != source.owner and seller != source.servicer) or (
        buyer != target.owner and buyer != target.servicer
    ):
        holdings.hide_from_strangers(context, source_id, source)
        holdings.hide_from_strangers(context, target_id, target)
        raise Rejected(SettlementReject.TRADE_DOES_NOT_AGREE)
    if source_id == target_id:
        raise Rejected(SettlementReject.SIDES_USE_THE_SAME_ACCOUNT, account=source_id)
    if terms.seller_client or terms.buyer_client:
        trades.check_clients(terms, context)
    if (delivery.priority is _RESERVED and seller != market.operator) or (
        receipt.priority is _RESERVED and buyer != market.operator
    ):
        raise Rejected(SettlementReject.PRIORITY_IS_RESERVED)
    gives, worth = given_up(True, terms.quantity, amount), given_up(False, terms.quantity, amount)
    authorise_side(books, context, seller, source_id, source, InstructBoth, gives)
    authorise_side(books, context, buyer, target_id, target, InstructBoth, worth)
    payee_id = payer_id = b""
    payee, payer = source, target
    if money is not None:
        payee_id = delivery.cash_account or source.default_cash_account or source_id
        payer_id = receipt.cash_account or target.default_cash_account or target_id
        if payee_id != source_id:
            payee = holdings.require_account(payee_id)
        if payer_id != target_id:
            payer = holdings.require_account(payer_id)
            holdings.authorise_account(context, payer_id, payer, InstructBoth, worth)
    trades.use_reference(context, terms)
    check_fresh_reference(books, context, seller, delivery.reference)
    check_fresh_reference(books, context, buyer, receipt.reference)

    if _settles_at_once(books, ask, market, context.time_ms) and _is_provided(
        books, ask, context, instrument, source, target, payer_id, payer, payee_id, payee
    ):
        trade_id, delivery_id, receipt_id = context.new_id(), context.new_id(), context.new_id()
        holdings.move(
            context,
            terms.instrument_id,
            instrument,
            source_id,
            source,
            target_id,
            target,
            terms.quantity,
            _DELIVERED,
            delivery_id,
        )
        if money is not None and payer_id != payee_id:
            holdings.move(context, asset, money, payer_id, payer, payee_id, payee, amount, _PAID, delivery_id)
        fact = DeliverySettled(
            trade_id,
            delivery_id,
            receipt_id,
            market_code,
            terms,
            ask.settlement_date,
            business_date,
            delivery.reference,
            receipt.reference,
            ask.common_reference,
        )
        _tell_both(context, fact, source.relationship, target.relationship)
        return
    _enter(books, ask, context, market, instrument, source, target, payee_id, payer_id)


def _tell_both(context: ActionContext, fact: DeliverySettled, seller: bytes, buyer: bytes) -> None:
    """One fact tells both relationships, unless a client is named, of whom the other must not learn."""
    terms = fact.terms
    if seller == buyer:
        context.facts.append((fact, (seller,)))
    elif not terms.seller_client and not terms.buyer_client:
        context.facts.append((fact, (seller, buyer)))
    else:
        for relationship, shown in zip((seller, buyer), views(terms), strict=True):
            context.facts.append((replace(fact, terms=shown), (relationship,)))


def _settles_at_once(books: SettlementBooks, ask: InstructBoth, market: Market, time_ms: int) -> bool:
    """Whether nothing but provision could stand against the settlement: then no record is needed to try it."""
    delivery, receipt = ask.delivery, ask.receipt
    if market.status is not _OPEN or ask.settlement_date > market.business_date:
        return False
    if time_ms >= (market.cut_off_dvp_ms if ask.trade.asset else market.cut_off_fop_ms):
        return False
    if delivery.hold or receipt.hold or delivery.linkages or receipt.linkages:
        return False
    return not books.markets.rulebook(ask.market).sign_off_required


def _is_provided(
    books: SettlementBooks,
    ask: InstructBoth,
    context: ActionContext,
    instrument: Instrument,
    source: Account,
    target: Account,
    payer_id: bytes,
    payer: Account,
    payee_id: bytes,
    payee: Account,
) -> bool:
    """Whether both sides can give and take what the trade says, now."""
    terms, holdings = ask.trade, books.holdings
    try:
        holdings.check_debit(ask.delivery.account, source, terms.instrument_id, terms.quantity)
        acquired_ms = 0 if instrument.kind is _MONEY or source.owner == target.owner else context.time_ms
        holdings.check_credit(ask.receipt.account, target, terms.instrument_id, terms.quantity, acquired_ms)
        if payer_id and payer_id != payee_id:
            holdings.check_debit(payer_id, payer, terms.asset, terms.amount)
            holdings.check_credit(payee_id, payee, terms.asset, terms.amount)
    except Rejected:
        return False
    return True


def _enter(
    books: SettlementBooks,
    ask: InstructBoth,
    context: ActionContext,
    market: Market,
    instrument: Instrument,
    source: Account,
    target: Account,
    payee_id: bytes,
    payer_id: bytes,
) -> None:
    """Make the records of what cannot settle at once, then try it as any matched pair is tried."""
    terms, delivery, receipt = ask.trade, ask.delivery, ask.receipt
    for party in (terms.seller, terms.buyer):
        books.parties.require_in_business(party)
    delivery_links = check_linkages(books, context, InstructBoth, terms.seller, b"", delivery.linkages)
    receipt_links = check_linkages(books, context, InstructBoth, terms.buyer, b"", receipt.linkages)

    trade_id = books.trades.record(context, terms)
    delivery_id, receipt_id = context.new_id(), context.new_id()
    books.trades.linked(context, trade_id, (delivery_id,), (receipt_id,))
    if not terms.asset:
        method = Method.FREE
    else:
        method = Method.PVP if instrument.kind is _MONEY else Method.DVP
    sign_off = sign_off_of(books, ask.market)
    now = Moment(context.height, context.time_ms, market.business_date)
    ids = (delivery_id, receipt_id)
    delivering = _instruction(
        books,
        ask,
        context,
        now,
        trade_id,
        ids,
        source,
        payee_id,
        method,
        sign_off,
        delivery_links,
        Movement.DELIVER,
    )
    accept(books, context, delivery_id, delivering, delivery_links)
    ids = (receipt_id, delivery_id)
    nothing = SignOffStatus.NOT_REQUIRED
    receiving = _instruction(
        books,
        ask,
        context,
        now,
        trade_id,
        ids,
        target,
        payer_id,
        method,
        nothing,
        receipt_links,
        Movement.RECEIVE,
    )
    accept(books, context, receipt_id, receiving, receipt_links)
    context.tell(InstructionMatched(delivery_id, receipt_id, now.business_date), source.relationship)
    context.tell(InstructionMatched(receipt_id, delivery_id, now.business_date), target.relationship)
    attempt(books, context, delivery_id)


def _instruction(
    books: SettlementBooks,
    ask: InstructBoth,
    context: ActionContext,
    now: Moment,
    trade_id: bytes,
    ids: tuple[bytes, bytes],
    account: Account,
    cash_account: bytes,
    method: Method,
    sign_off: SignOffStatus,
    links: tuple[Link, ...],
    movement: Movement,
) -> Instruction:
    """One of the two instructions, matched from the start. ids: its own and the other's.

    It names no account of the other side: who may see this one need not know that one's client.
    """
    terms = ask.trade
    delivers = movement is Movement.DELIVER
    mine = ask.delivery if delivers else ask.receipt
    return Instruction(
        market=ask.market,
        party=terms.seller if delivers else terms.buyer,
        account=mine.account,
        cash_account=cash_account,
        movement=movement,
        method=method,
        transaction_type=ask.transaction_type,
        instrument_id=terms.instrument_id,
        quantity=terms.quantity,
        asset=terms.asset,
        amount=terms.amount,
        counterparty=terms.buyer if delivers else terms.seller,
        counterparty_account=b"",
        trade_date=terms.trade_date,
        settlement_date=ask.settlement_date,
        reference=mine.reference,
        common_reference=ask.common_reference,
        trade_reference=terms.trade_reference,
        trade=trade_id,
        client="",
        counterparty_client="",
        priority=mine.priority,
        partial=mine.partial,
        links=links,
        relationship=account.relationship,
        account_handle=account.handle,
        handle=context.handle(ids[0]),
        entry=next_entry(books),
        accepted=now,
        processing=ProcessingStatus.ACCEPTED,
        matching=MatchingStatus.MATCHED,
        hold=HoldStatus.HELD if mine.hold else HoldStatus.RELEASED,
        settlement=SettlementStatus.PENDING,
        cancellation=CancellationStatus.NONE,
        sign_off=sign_off,
        reason=NO_REASON,
        counterpart=ids[1],
        matched=now,
    )
