"""One side instructs; where the other side's instruction is there already, the two match and are tried at once."""

from __future__ import annotations

from msgspec.structs import replace

from counterfoil.modules.instruments.interface import InstrumentKind
from counterfoil.modules.module import ActionContext
from counterfoil.modules.parties.interface import PartiesReject, is_known_to_all
from counterfoil.modules.settlement.attempts import attempt
from counterfoil.modules.settlement.books import SettlementBooks
from counterfoil.modules.settlement.checks import (
    authorise_side,
    cash_account_of,
    check_business_day,
    check_dates,
    check_reference,
    check_text,
    given_up,
)
from counterfoil.modules.settlement.endings import recycling_key, reference_key
from counterfoil.modules.settlement.facts import (
    InstructionAccepted,
    InstructionMatched,
    InstructionPending,
    NotePassed,
)
from counterfoil.modules.settlement.links import check_linkages, tie
from counterfoil.modules.settlement.matching import find_match, matching_key
from counterfoil.modules.settlement.messages import Instruct
from counterfoil.modules.settlement.queues import (
    join_queue,
    leave_queue,
    matching_place,
    next_entry,
)
from counterfoil.modules.settlement.reasons import NO_REASON, Reason
from counterfoil.modules.settlement.records import (
    TRADE_REFERENCE_LENGTH_MAX,
    TRANSACTION_TYPES,
    CancellationStatus,
    HoldStatus,
    Instruction,
    InstructionReference,
    Link,
    MatchingStatus,
    Method,
    Moment,
    Movement,
    Priority,
    ProcessingStatus,
    Recycled,
    SettlementStatus,
    SignOffStatus,
)
from counterfoil.modules.settlement.rejects import SettlementReject
from counterfoil.primitives.codec import AMOUNT_MAX
from counterfoil.primitives.outcome import Rejected


def _require_party(books: SettlementBooks, ask: Instruct, context: ActionContext) -> None:
    """The instructing party, in business. An investor for whom nobody speaks, its account's signers neither, is not
    there."""
    party = books.parties.require(ask.party)
    if not is_known_to_all(party) and not books.parties.is_spoken_for(context, ask.party):
        account = books.holdings.account(ask.account)
        if account is None or account.owner != ask.party or not books.holdings.is_known_to(context, account):
            raise Rejected(PartiesReject.PARTY_NOT_FOUND, party=ask.party)
    books.parties.require_in_business(ask.party)


def instruct(books: SettlementBooks, ask: Instruct, context: ActionContext, note: bytes = b"") -> None:
    """Enter one side's settlement instruction.

    Whether the account holds enough is not asked here: it is asked at each attempt, so that what comes in today can
    be delivered today.
    """
    _check_form(ask)
    market = books.markets.require(ask.market)
    business_date = market.business_date
    check_dates(ask.trade_date, ask.settlement_date, business_date)
    _check_what_moves(books, ask)
    check_business_day(books, ask.market, ask.settlement_date, business_date, ask.asset)
    _require_party(books, ask, context)
    books.parties.require(ask.counterparty)
    account = books.holdings.require_account(ask.account, context)
    if ask.party not in (account.owner, account.servicer):
        books.holdings.hide_from_strangers(context, ask.account, account)
        raise Rejected(SettlementReject.PARTY_DOES_NOT_HOLD_THE_ACCOUNT, party=ask.party)
    if ask.account == ask.counterparty_account:
        raise Rejected(SettlementReject.SIDES_USE_THE_SAME_ACCOUNT, account=ask.account)
    if ask.priority is Priority.RESERVED and ask.party != market.operator:
        raise Rejected(SettlementReject.PRIORITY_IS_RESERVED)
    worth = given_up(ask.movement is Movement.DELIVER, ask.quantity, ask.amount)
    authorise_side(books, context, ask.party, ask.account, account, Instruct, worth)
    cash_account = b""
    if ask.method is not Method.FREE:
        cash_account = cash_account_of(ask.account, account, ask.cash_account)
        cash = books.holdings.require_account(cash_account)
        if cash_account != ask.account and ask.movement is Movement.RECEIVE:
            books.holdings.authorise_account(context, cash_account, cash, Instruct, worth)
    if ask.trade:
        books.trades.check_instruction(
            ask.trade,
            ask.instrument_id,
            ask.asset,
            ask.trade_date,
            ask.party,
            ask.movement is Movement.DELIVER,
            ask.quantity,
        )
    check_fresh_reference(books, context, ask.party, ask.reference)
    links = check_linkages(books, context, Instruct, ask.party, b"", ask.linkages)

    instruction_id = context.new_id()
    now = Moment(context.height, context.time_ms, business_date)
    instruction = Instruction(
        market=ask.market,
        party=ask.party,
        account=ask.account,
        cash_account=cash_account,
        movement=ask.movement,
        method=ask.method,
        transaction_type=ask.transaction_type,
        instrument_id=ask.instrument_id,
        quantity=ask.quantity,
        asset=ask.asset,
        amount=ask.amount,
        counterparty=ask.counterparty,
        counterparty_account=ask.counterparty_account,
        trade_date=ask.trade_date,
        settlement_date=ask.settlement_date,
        reference=ask.reference,
        common_reference=ask.common_reference,
        trade_reference=ask.trade_reference,
        trade=ask.trade,
        client=ask.client,
        counterparty_client=ask.counterparty_client,
        priority=ask.priority,
        partial=ask.partial,
        links=links,
        relationship=account.relationship,
        account_handle=account.handle,
        handle=context.handle(instruction_id),
        entry=next_entry(books),
        accepted=now,
        processing=ProcessingStatus.ACCEPTED,
        matching=MatchingStatus.UNMATCHED,
        hold=HoldStatus.HELD if ask.hold else HoldStatus.RELEASED,
        settlement=SettlementStatus.PENDING,
        cancellation=CancellationStatus.NONE,
        sign_off=SignOffStatus.NOT_REQUIRED,
        reason=NO_REASON,
        note=note,
    )
    accept(books, context, instruction_id, instruction, links)
    if ask.trade:
        mine, none = (instruction_id,), ()
        delivers = ask.movement is Movement.DELIVER
        books.trades.linked(context, ask.trade, mine if delivers else none, none if delivers else mine)
    _match_or_wait(books, context, instruction_id, instruction)


def accept(
    books: SettlementBooks,
    context: ActionContext,
    instruction_id: bytes,
    instruction: Instruction,
    links: tuple[Link, ...],
) -> None:
    """Bring a checked instruction to life."""
    books.instructions.put(instruction_id, instruction)
    books.references.put(
        reference_key(instruction.party, instruction.reference), InstructionReference(instruction_id)
    )
    books.recycled.put(recycling_key(instruction), Recycled(instruction_id))
    tie(books, instruction_id, links)
    fact = InstructionAccepted(
        instruction_id,
        instruction.market,
        instruction.party,
        instruction.account,
        instruction.movement,
        instruction.method,
        instruction.instrument_id,
        instruction.quantity,
        instruction.asset,
        instruction.amount,
        instruction.counterparty,
        instruction.trade_date,
        instruction.settlement_date,
        instruction.reference,
        instruction.common_reference,
        instruction.trade_reference,
        instruction.accepted.business_date,
    )
    context.tell(fact, instruction.relationship)


def check_fresh_reference(
    books: SettlementBooks, context: ActionContext, party: bytes, reference: str
) -> None:
    """Use a member's reference up; one that a live instruction bears is taken however old it is.

    Rejected REFERENCE_IS_USED.
    """
    key = reference_key(party, reference)
    if books.references.at_hand(key) is not None or not context.use_key(key):
        raise Rejected(SettlementReject.REFERENCE_IS_USED, reference=reference)


def sign_off_of(books: SettlementBooks, market: str) -> SignOffStatus:
    """What the market's rulebook demands of a pair that matches now."""
    demanded = books.markets.rulebook(market).sign_off_required
    return SignOffStatus.AWAITED if demanded else SignOffStatus.NOT_REQUIRED


def _check_form(ask: Instruct) -> None:
    check_reference(ask.reference)
    for text in (ask.common_reference, ask.client, ask.counterparty_client):
        check_text(text)
    check_text(ask.trade_reference, TRADE_REFERENCE_LENGTH_MAX)
    if ask.transaction_type not in TRANSACTION_TYPES:
        raise Rejected(SettlementReject.TRANSACTION_TYPE_IS_UNKNOWN)
    if not 0 <= ask.amount <= AMOUNT_MAX:
        raise Rejected(SettlementReject.AMOUNT_IS_INVALID, amount=ask.amount)
    free = ask.method is Method.FREE
    if (free and (ask.amount or ask.asset or ask.cash_account)) or (
        not free and not (ask.amount and ask.asset)
    ):
        raise Rejected(SettlementReject.METHOD_IS_INCONSISTENT, method=ask.method.name)
    if ask.asset == ask.instrument_id:
        raise Rejected(SettlementReject.INSTRUMENT_IS_THE_ASSET)


def _check_what_moves(books: SettlementBooks, ask: Instruct) -> None:
    """The instrument in a deliverable quantity, and the money that pays for it."""
    instrument = books.instruments.require_active(ask.instrument_id)
    books.instruments.check_quantity(instrument, ask.quantity)
    if ask.method is Method.FREE:
        return
    if (ask.method is Method.PVP) != (instrument.kind is InstrumentKind.MONEY_TOKEN):
        raise Rejected(SettlementReject.PAYMENT_METHOD_DOES_NOT_FIT, kind=instrument.kind.name)
    money = books.instruments.require_active(ask.asset)
    if money.kind is not InstrumentKind.MONEY_TOKEN or not books.markets.accepts_asset(ask.market, ask.asset):
        raise Rejected(SettlementReject.ASSET_IS_NOT_ACCEPTED, asset=ask.asset)


def _match_or_wait(
    books: SettlementBooks, context: ActionContext, instruction_id: bytes, instruction: Instruction
) -> None:
    rulebook = books.markets.rulebook(instruction.market)
    found = find_match(books, instruction, rulebook)
    if isinstance(found, Reason):
        place = matching_place(matching_key(instruction, rulebook))
        join_queue(books, place, instruction_id)
        books.instructions.put(instruction_id, replace(instruction, reason=str(found), queue=place))
        context.tell(InstructionPending(instruction_id, found), instruction.relationship)
        return
    other_id, other, _ = found
    leave_queue(books, other.queue)
    now = Moment(context.height, context.time_ms, instruction.accepted.business_date)
    sign_off = sign_off_of(books, instruction.market)
    for one_id, one, counterpart, note in (
        (instruction_id, instruction, other_id, other.note),
        (other_id, other, instruction_id, instruction.note),
    ):
        matched = replace(
            one,
            matching=MatchingStatus.MATCHED,
            matched=now,
            counterpart=counterpart,
            sign_off=sign_off if one.movement is Movement.DELIVER else SignOffStatus.NOT_REQUIRED,
            reason=NO_REASON,
            queue=b"",
            note=b"",
        )
        books.instructions.put(one_id, matched)
        context.tell(InstructionMatched(one_id, counterpart, now.business_date), one.relationship)
        if note:
            context.tell(NotePassed(one_id, note), one.relationship)
    attempt(books, context, instruction_id)
