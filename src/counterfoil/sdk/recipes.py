"""Messages that markets need again and again, with everything that usually goes without saying filled in.

Each function builds one message and does nothing else; what it leaves at a default can be said by building the message
itself. Quantities count units of the instrument's scale, amounts units of the money token's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from counterfoil.primitives.calendars import IsoDate, add_days, day_number
from counterfoil.primitives.codec import Message, encode
from counterfoil.primitives.identifiers import is_isin
from counterfoil.sdk.messages import (
    UTC,
    AccountKind,
    Allot,
    AnnounceInstrument,
    Calendar,
    DaySchedule,
    DefineFeed,
    GrantMandate,
    GrantView,
    HoldingLine,
    Identifier,
    InstructBoth,
    InstrumentKind,
    Level,
    MatchingField,
    OpenAccount,
    OpenMarket,
    ProposeMotion,
    Purpose,
    QuantityType,
    RecordReadLog,
    RecordVerification,
    RegisterIssue,
    RegistrationApprover,
    Rounding,
    Rulebook,
    Scope,
    Side,
    Terms,
    TradeTerms,
    UtcOffsets,
)

WEEKENDS = Calendar(0b1100000)
"""Closed on Saturdays and Sundays alone."""
REGISTRATION = (RegistrationApprover.ISSUER, RegistrationApprover.REGULATOR, RegistrationApprover.NOTARY)
CUT_OFF_DVP_MINUTE, CUT_OFF_FOP_MINUTE = 17 * 60, 18 * 60
PRICE_SCALE = 4
MINUTE_MS = 60_000
_DAY_MS = 86_400_000


class Acting(Protocol):
    """Whoever acts for a party, such as a client."""

    @property
    def party(self) -> bytes: ...


Who = bytes | Acting
"""A party: its id, or whoever acts for it."""


def _party(who: Who) -> bytes:
    return who if isinstance(who, bytes) else who.party


def rulebook(
    first_day: int,
    *,
    settlement_cycle_days: int = 2,
    registration_policy: tuple[RegistrationApprover, ...] = REGISTRATION,
    sign_off_required: bool = False,
    amount_tolerance: int = 0,
    partial_minimum: int = 1,
    schedule: DaySchedule | None = None,
    time_zone: str = "UTC",
    offsets: UtcOffsets = UTC,
    cut_off_dvp_minute: int = CUT_OFF_DVP_MINUTE,
    cut_off_fop_minute: int = CUT_OFF_FOP_MINUTE,
) -> Rulebook:
    """The rules of a market from `first_day` (yyyymmdd) on; its operator opens and closes the days."""
    return Rulebook(
        effective_from=first_day,
        time_zone=time_zone,
        offsets=offsets,
        schedule=schedule or DaySchedule(),
        settlement_cycle_days=settlement_cycle_days,
        matching_fields=(MatchingField.TRADE_DATE,),
        amount_tolerance=amount_tolerance,
        registration_policy=registration_policy,
        sign_off_required=sign_off_required,
        cut_off_dvp_minute=cut_off_dvp_minute,
        cut_off_fop_minute=cut_off_fop_minute,
        partial_minimum=partial_minimum,
    )


def open_market(
    operator: Who,
    market: str,
    name: str,
    first_day: int,
    rules: Rulebook | None = None,
    closed: Calendar = WEEKENDS,
) -> OpenMarket:
    """Found a market whose first business day is `first_day` (yyyymmdd), which its calendar must leave open."""
    last_date = add_days(IsoDate(first_day), -1)
    return OpenMarket(_party(operator), market, name, last_date, rules or rulebook(first_day), closed, closed)


def open_account(
    owner: Who, servicer: Who, kind: AccountKind = AccountKind.OWN, default_cash: bytes = b""
) -> OpenAccount:
    """An account without signers of its own: owner and servicer dispose of it. An owner whom the servicer did not admit
    signs as well."""
    return OpenAccount(_party(owner), _party(servicer), kind, default_cash_account=default_cash)


def terms(
    name: str,
    isin: str = "",
    *,
    settlement_unit: int = 1,
    minimum: int = 1,
    multiple: int = 1,
    maturity_date: int = 0,
    nominal: int = 0,
    nominal_scale: int = 0,
) -> Terms:
    """The terms of an instrument. ValueError where the ISIN is none."""
    if isin and not is_isin(isin):
        raise ValueError(f"{isin!r} is not an ISIN")
    return Terms(
        name=name,
        fisn="",
        cfi="",
        identifiers=(Identifier("ISIN", isin),) if isin else (),
        settlement_unit=settlement_unit,
        minimum=minimum,
        multiple=multiple,
        rounding=Rounding.DOWN,
        residue_account=b"",
        maturity_date=maturity_date,
        nominal=nominal,
        nominal_scale=nominal_scale,
        document_hash=b"",
    )


def equity(
    registrar: Who,
    issuer: Who,
    market: str,
    currency: str,
    issuance_account: bytes,
    of: Terms,
    class_name: str = "ordinary",
) -> AnnounceInstrument:
    """Announce shares of one class, in whole units."""
    return _announce(
        InstrumentKind.EQUITY,
        registrar,
        issuer,
        market,
        currency,
        issuance_account,
        of,
        QuantityType.UNITS,
        0,
        class_name,
    )


def bond(
    registrar: Who,
    issuer: Who,
    market: str,
    currency: str,
    issuance_account: bytes,
    of: Terms,
    scale: int = 2,
) -> AnnounceInstrument:
    """Announce a bond, counted by face amount; its terms have a maturity date."""
    return _announce(
        InstrumentKind.BOND,
        registrar,
        issuer,
        market,
        currency,
        issuance_account,
        of,
        QuantityType.FACE_AMOUNT,
        scale,
        "",
    )


def money_token(
    registrar: Who,
    issuer: Who,
    market: str,
    currency: str,
    issuance_account: bytes,
    of: Terms,
    scale: int = 2,
) -> AnnounceInstrument:
    """Announce a settlement asset: `issuer` owes what it stands for, in that currency."""
    return _announce(
        InstrumentKind.MONEY_TOKEN,
        registrar,
        issuer,
        market,
        currency,
        issuance_account,
        of,
        QuantityType.UNITS,
        scale,
        "",
    )


def register(
    issuer: Who,
    instrument: bytes,
    quantity: int,
    treasury: bytes,
    papers: bytes,
    cosigners: Sequence[Who],
) -> RegisterIssue:
    """Initial registration, to be signed by the issuer and by those whom the market's rulebook names, in its order.

    papers: SHA-256 of what it rests on. Of a money token: quantity 0 and treasury b"".
    """
    approvers = (_party(issuer), *(_party(one) for one in cosigners))
    return RegisterIssue(instrument, quantity, treasury, approvers, papers)


def allot(
    instrument: bytes,
    source: bytes,
    lines: Mapping[bytes, int],
    reference: str,
    papers: bytes,
    *,
    to_underwriters: bool = False,
) -> Allot:
    """Distribute an issue from an account: lines are quantities by account."""
    listed = tuple(HoldingLine(account, quantity) for account, quantity in lines.items())
    return Allot(instrument, source, to_underwriters, listed, sum(lines.values()), reference, papers)


def dvp(
    market: str,
    reference: str,
    trade_date: int,
    *,
    seller: tuple[Who, bytes],
    buyer: tuple[Who, bytes],
    instrument: bytes,
    quantity: int,
    asset: bytes,
    amount: int,
    settlement_date: int = 0,
    time_ms: int = 0,
    venue: str = "XOFF",
    price: int = 0,
    price_scale: int = PRICE_SCALE,
    seller_cash: bytes = b"",
    buyer_cash: bytes = b"",
) -> InstructBoth:
    """A trade and both sides' instructions, delivery against payment, to be signed by both.

    reference: of the trade, unique for its venue; the sides' own references are made from it. seller, buyer: party and
    account. settlement_date: 0 for the trade date. time_ms: of execution, 0 for the trade date's midnight in UTC.
    seller_cash, buyer_cash: b"" for the default cash account of the side's account, or itself where it has none.
    """
    trade = TradeTerms(
        trade_reference=reference,
        venue=venue,
        execution_time_ms=time_ms or day_number(IsoDate(trade_date)) * _DAY_MS,
        trade_date=trade_date,
        instrument_id=instrument,
        quantity=quantity,
        price=price,
        price_scale=price_scale,
        amount=amount,
        asset=asset,
        seller=_party(seller[0]),
        buyer=_party(buyer[0]),
    )
    return InstructBoth(
        market,
        trade,
        settlement_date or trade_date,
        Side(seller[1], f"{reference}-S", seller_cash),
        Side(buyer[1], f"{reference}-B", buyer_cash),
    )


def motion(members: Sequence[Who], *moved: Message, expires_ms: int) -> ProposeMotion:
    """Put messages before the consortium, to be signed by these members; they take effect together when it is carried.

    expires_ms: until when the others may approve (`Client.time_ms` is now).
    """
    return ProposeMotion(tuple(_party(one) for one in members), encode(moved), expires_ms)


def feed(
    name: str,
    unit: str,
    scale: int,
    *,
    observers: Sequence[Who] = (),
    quorum: int = 3,
    interval_ms: int = MINUTE_MS,
    age_max_ms: int = 0,
    stale_after_ms: int = 0,
    deviation_bps: int = 1_000,
    deviation_units: int = 0,
) -> DefineFeed:
    """Define a feed, as part of a motion. observers: none for the validators. deviation_bps: 1,000 is ten per cent.

    age_max_ms: 0 for the interval itself. stale_after_ms: 0 for ten intervals.
    """
    return DefineFeed(
        name=name,
        unit=unit,
        scale=scale,
        observers=tuple(sorted(_party(one) for one in observers)),
        quorum=quorum,
        age_max_ms=age_max_ms or interval_ms,
        interval_ms=interval_ms,
        stale_after_ms=stale_after_ms or 10 * interval_ms,
        deviation_bps=deviation_bps,
        deviation_units=deviation_units,
    )


def show(
    grantor: Who,
    grantee: Who,
    until_ms: int,
    *,
    purpose: Purpose = Purpose.AUDIT,
    party: bytes = b"",
    account: bytes = b"",
    instrument: bytes = b"",
    market: str = "",
    period_from_ms: int = 0,
    period_until_ms: int = 0,
) -> GrantView:
    """Let another party see one thing until a moment: a party's business (by default the grantor's own), an account, an
    instrument's register, or the business of a market. The period is of the data shown: all of it unless it is said.
    """
    scope, shown = Scope.PARTY, party or _party(grantor)
    if account:
        scope, shown = Scope.ACCOUNT, account
    elif instrument:
        scope, shown = Scope.REGISTER, instrument
    elif market:
        scope, shown = Scope.MARKET, market.encode()
    return GrantView(
        _party(grantor), _party(grantee), scope, shown, purpose, period_from_ms, period_until_ms, until_ms
    )


def node_of(party: Who, node: bytes) -> GrantMandate:
    """Let a member's node (the address of its key, as `status` shows it) record how far its log of reads is."""
    tag = RecordReadLog.__struct_config__.tag
    return GrantMandate(_party(party), node, (int(tag or 0),), ())


def _announce(
    kind: InstrumentKind,
    registrar: Who,
    issuer: Who,
    market: str,
    currency: str,
    issuance_account: bytes,
    of: Terms,
    quantity_type: QuantityType,
    scale: int,
    class_name: str,
) -> AnnounceInstrument:
    return AnnounceInstrument(
        registrar=_party(registrar),
        issuer=_party(issuer),
        kind=kind,
        market=market,
        class_name=class_name,
        campaign="",
        currency=currency,
        quantity_type=quantity_type,
        scale=scale,
        issuance_account=issuance_account,
        terms=of,
    )


def verification(
    agent: Who,
    party: bytes,
    handle: bytes,
    evidence_hash: bytes,
    expires_ms: int,
    *,
    level: Level = Level.STANDARD,
    pointer: bytes = b"",
) -> RecordVerification:
    """That a client of a licensed agent is the person of a handle, until expires_ms."""
    return RecordVerification(_party(agent), party, handle, level, evidence_hash, expires_ms, pointer)
