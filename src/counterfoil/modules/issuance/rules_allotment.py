"""Allotment: from the issuer's treasury to underwriters, and on to investors."""

from __future__ import annotations

from counterfoil.modules.holdings.interface import Account, PostingReason
from counterfoil.modules.instruments.interface import Instrument
from counterfoil.modules.issuance.books import IssuanceBooks
from counterfoil.modules.issuance.facts import AllotmentMade, Allotted
from counterfoil.modules.issuance.guards import check_list, check_papers, check_security, is_treasury
from counterfoil.modules.issuance.messages import Allot
from counterfoil.modules.issuance.records import REFERENCE_LENGTH_MAX, UNDERWRITERS_MAX, Placing
from counterfoil.modules.issuance.rejects import IssuanceReject
from counterfoil.modules.module import ActionContext
from counterfoil.modules.parties.interface import Role
from counterfoil.primitives.outcome import Rejected

UNDERWRITERS = (Role.SECURITIES_COMPANY, Role.COMMERCIAL_BANK)


def allot(books: IssuanceBooks, ask: Allot, context: ActionContext) -> None:
    """Deliver an issue free of payment to everybody on a list, out of the treasury or an underwriter's share."""
    instrument_id, source_id, total = ask.instrument_id, ask.source_account, ask.total
    instrument = books.instruments.require_active(instrument_id)
    check_security(instrument)
    source = books.holdings.require_account(source_id, context)
    books.holdings.authorise_account(context, source_id, source, Allot, total)
    check_papers(ask.papers)
    if not is_reference(ask.reference):
        raise Rejected(IssuanceReject.REFERENCE_IS_MALFORMED)
    check_list(ask.lines, total)
    placing = None
    if not is_treasury(instrument, source):
        placing = books.placings.find(instrument_id + source_id)
        if placing is None:
            raise Rejected(IssuanceReject.SOURCE_MAY_NOT_ALLOT, account=source_id)
        if ask.to_underwriters:
            raise Rejected(IssuanceReject.ONLY_THE_TREASURY_ALLOTS_TO_UNDERWRITERS)
        left = placing.allotted - placing.placed
        if total > left:
            raise Rejected(IssuanceReject.MORE_THAN_WAS_ALLOTTED, left=left, total=total)
    targets = []
    for line in ask.lines:
        books.instruments.check_quantity(instrument, line.quantity)
        target = books.holdings.require_account(line.account_id)
        books.holdings.check_credit(line.account_id, target, instrument_id, line.quantity, context.time_ms)
        if ask.to_underwriters and not books.parties.has_role(target.owner, *UNDERWRITERS):
            raise Rejected(IssuanceReject.ACCOUNT_IS_NOT_AN_UNDERWRITERS, account=line.account_id)
        targets.append(target)
    if ask.to_underwriters and _underwriters_after(books, ask) > UNDERWRITERS_MAX:
        raise Rejected(IssuanceReject.TOO_MANY_UNDERWRITERS, limit=UNDERWRITERS_MAX)
    books.holdings.check_debit(source_id, source, instrument_id, total)
    if not context.use_reference(b"allotment", source_id, ask.reference.encode()):
        raise Rejected(IssuanceReject.REFERENCE_IS_USED, reference=ask.reference)

    allotment_id = context.new_id()
    context.tell(
        AllotmentMade(
            allotment_id,
            instrument_id,
            source_id,
            ask.to_underwriters,
            len(ask.lines),
            total,
            ask.reference,
            ask.papers,
        ),
        source.relationship,
        instrument.issuer,
    )
    _deliver(books, ask, context, allotment_id, instrument, source, targets)
    if placing is not None:
        _put_placing(books, instrument_id + source_id, placing.allotted, placing.placed + total)


def is_reference(text: str) -> bool:
    """1 to 35 visible ASCII characters, so that no two references look alike and differ."""
    return 0 < len(text) <= REFERENCE_LENGTH_MAX and all("!" <= character <= "~" for character in text)


def _deliver(
    books: IssuanceBooks,
    ask: Allot,
    context: ActionContext,
    allotment_id: bytes,
    instrument: Instrument,
    source: Account,
    targets: list[Account],
) -> None:
    instrument_id, source_id = ask.instrument_id, ask.source_account
    for line, target in zip(ask.lines, targets, strict=True):
        account_id, quantity = line.account_id, line.quantity
        books.holdings.move(
            context,
            instrument_id,
            instrument,
            source_id,
            source,
            account_id,
            target,
            quantity,
            PostingReason.ALLOTTED,
            allotment_id,
        )
        if ask.to_underwriters:
            key = instrument_id + account_id
            before = books.placings.find(key) or Placing(0, 0)
            _put_placing(books, key, before.allotted + quantity, before.placed)
        fact = Allotted(allotment_id, instrument_id, account_id, ask.to_underwriters, quantity, ask.papers)
        context.tell(fact, target.relationship)


def _put_placing(books: IssuanceBooks, key: bytes, allotted: int, placed: int) -> None:
    if placed < allotted:
        books.placings.put(key, Placing(allotted, placed))
    else:
        books.placings.delete(key)


def _underwriters_after(books: IssuanceBooks, ask: Allot) -> int:
    now = sum(1 for _ in books.placings.scan(ask.instrument_id))
    return now + sum(
        1 for line in ask.lines if books.placings.find(ask.instrument_id + line.account_id) is None
    )
