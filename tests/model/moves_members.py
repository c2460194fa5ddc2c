"""Moves about parties, proposals, markets and instruments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from counterfoil.modules.approvals.messages import ApproveTransaction, ProposeTransaction, WithdrawProposal
from counterfoil.modules.custodians.messages import RecordTrail
from counterfoil.modules.custodians.records import TrailEntry, UseKind
from counterfoil.modules.instruments import messages as instruments
from counterfoil.modules.instruments.records import (
    Identifier,
    InstrumentKind,
    InstrumentStatus,
    QuantityType,
    Rounding,
    Terms,
)
from counterfoil.modules.markets import messages as markets
from counterfoil.modules.markets.records import CalendarKind, DaySchedule, RegistrationApprover
from counterfoil.modules.parties import messages as parties
from counterfoil.modules.parties.permissions import SERVICERS
from counterfoil.modules.parties.records import Duty, PartyStatus, Role
from counterfoil.primitives.calendars import Calendar, UtcOffsets
from counterfoil.primitives.codec import Message, encode
from counterfoil.primitives.identifiers import isin_check_digit
from counterfoil.primitives.signatures import KeyPolicy
from tests.model.desk import party
from tests.model.hand import STRANGERS, Hand, Move
from tests.model.markets_model import day_of
from tests.model.opening import BY_HAND, BY_SCHEDULE, DAY_MS, WEEKDAYS

Mover = Callable[[Hand], Move | None]
MOVES: dict[type[Message], Mover] = {}
SPONSORS = (Role.REGULATOR, Role.DEPOSITORY, Role.SECURITIES_COMPANY)
ESSENTIAL = ("regulator", "depository", "trustee", "broker-a", "broker-b", "exchange")


def move(kind: type[Message]) -> Callable[[Mover], Mover]:
    """Enter a function as the one that makes messages of a kind."""

    def enter(made: Mover) -> Mover:
        MOVES[kind] = made
        return made

    return enter


# Transactions that gather their signatures


@move(ProposeTransaction)
def propose(hand: Hand) -> Move | None:
    """Some other move as a proposal, by some of those who would sign it."""
    inner = MOVES[hand.one_of(*(kind for kind in MOVES if kind is not ProposeTransaction))](hand)
    if inner is None:
        return None
    message, signers = inner
    named = hand.together(signers, (hand.chance.choice(STRANGERS).address,) if hand.often(0.3) else ())
    named = named or (STRANGERS[0].address,)
    content = encode((named, (message,) * hand.one_of(1, 1, 1, 2)))
    if not hand.often(0.95):
        content = hand.one_of(b"", content[:-1], encode(((), (message,))), encode((named, ())))
    expires_ms = hand.twin.next_time_ms() + hand.one_of(DAY_MS, 3 * DAY_MS, 5_000, 0, 91 * DAY_MS)
    some = named[: hand.chance.randrange(1, len(named) + 1)] if hand.often(0.9) else named
    return ProposeTransaction(content, expires_ms), some


@move(ApproveTransaction)
def approve(hand: Hand) -> Move:
    identity = hand.key_of(16)
    found = hand.model.tables[16].get(identity)
    missing = [one for one in found.signers if identity + one not in hand.model.tables[17]] if found else []
    known = [one for one in missing if hand.is_known(one)] if hand.often(0.9) else []
    signers = tuple(known[: hand.one_of(1, 16)]) or (hand.chance.choice(STRANGERS).address,)
    return ApproveTransaction(identity), signers


@move(WithdrawProposal)
def withdraw(hand: Hand) -> Move:
    identity = hand.key_of(16)
    found = hand.model.tables[16].get(identity)
    known = [one for one in found.signers if hand.is_known(one)] if found and hand.often() else []
    return WithdrawProposal(identity), tuple(known[:1]) or (hand.chance.choice(STRANGERS).address,)


# Parties


def newcomer(hand: Hand, sponsor: bytes) -> tuple[tuple[Role, ...], str]:
    """Roles and a name that the sponsor may admit."""
    found = hand.model.tables[20].get(sponsor)
    roles = found.roles if found is not None else ()
    may: tuple[Role, ...] = (Role.INVESTOR,)
    if Role.REGULATOR in roles:
        may = (Role.NOTARY, Role.AUDITOR, Role.TRUSTEE, Role.COMMERCIAL_BANK, Role.OPERATOR, Role.EXCHANGE)
    elif Role.DEPOSITORY in roles:
        may = (Role.ISSUER, Role.INVESTOR)
    chosen = (hand.one_of(*may),) if hand.often(0.95) else hand.one_of((), tuple(Role)[:5], (Role.REGULATOR,))
    return chosen, hand.text(hand.fresh("Member "))


def lei(hand: Hand) -> str:
    return (
        ""
        if hand.often(0.8)
        else hand.one_of("5493001KJTIIGC8Y1R12", "5493001KJTIIGC8Y1R13", "HWUPKR0MPOU8FGXBT394")
    )


@move(parties.ApplyForAdmission)
def apply(hand: Hand) -> Move:
    sponsor, key = hand.party_with(*SPONSORS), hand.chance.choice(STRANGERS)
    roles, name = newcomer(hand, sponsor)
    signer = key.address if hand.often(0.97) else b"short"
    return parties.ApplyForAdmission(sponsor, roles, name, lei(hand), signer), (key.address,)


def applied(hand: Hand) -> tuple[bytes, bytes]:
    """(sponsor, applicant)."""
    identity = hand.key_of(20, lambda one: one.status is PartyStatus.APPLIED)
    found = hand.model.tables[20].get(identity)
    sponsor = found.parent if found is not None and hand.often(0.95) else hand.party_with(*SPONSORS)
    return sponsor, identity


@move(parties.AdmitParty)
def admit(hand: Hand) -> Move:
    sponsor, identity = applied(hand)
    return parties.AdmitParty(sponsor, identity), hand.speakers(sponsor)


@move(parties.RefuseApplication)
def refuse(hand: Hand) -> Move:
    sponsor, identity = applied(hand)
    return parties.RefuseApplication(sponsor, identity, hand.text("No need.")), hand.speakers(sponsor)


@move(parties.EnrolParty)
def enrol(hand: Hand) -> Move:
    sponsor = hand.party_with(*SPONSORS)
    roles, name = newcomer(hand, sponsor)
    investor = roles == (Role.INVESTOR,)
    signer = b"" if investor and hand.often(0.5) else hand.chance.choice(STRANGERS).address
    verified = hand.hash() if investor and hand.often(0.8) else b""
    ask = parties.EnrolParty(sponsor, roles, name, lei(hand), signer, verified, hand.often(0.7))
    return ask, hand.speakers(sponsor)


def below(hand: Hand, *statuses: PartyStatus, spare: bool = False) -> tuple[bytes, bytes]:
    """(authority, party below it). spare: seldom one without whom business stops."""
    essential = [party(name) for name in ESSENTIAL]

    def fits(one: Any) -> bool:
        return one.status in statuses and bool(one.parent)

    keys = [key for key, one in hand.model.tables[20].items() if fits(one)]
    if spare and hand.often(0.9):
        keys = [key for key in keys if key not in essential]
    identity = hand.chance.choice(keys) if keys and hand.often(0.93) else hand.key_of(20)
    found = hand.model.tables[20].get(identity)
    if found is None or not hand.often(0.95):
        return hand.party_with(*SPONSORS), identity
    above = [key for key, _ in hand.model.chain_above(found)] or [identity]
    return hand.chance.choice(above), identity


@move(parties.ActivateParty)
def activate(hand: Hand) -> Move:
    authority, identity = below(hand, PartyStatus.ADMITTED)
    return parties.ActivateParty(authority, identity), hand.speakers(authority)


@move(parties.SuspendParty)
def suspend(hand: Hand) -> Move:
    authority, identity = below(hand, PartyStatus.ACTIVE, PartyStatus.ADMITTED, spare=True)
    return parties.SuspendParty(authority, identity, hand.text("Why.")), hand.speakers(authority)


@move(parties.ReinstateParty)
def reinstate(hand: Hand) -> Move:
    authority, identity = below(hand, PartyStatus.SUSPENDED)
    return parties.ReinstateParty(authority, identity), hand.speakers(authority)


@move(parties.RevokeParty)
def revoke(hand: Hand) -> Move | None:
    authority, identity = below(hand, PartyStatus.ADMITTED, PartyStatus.SUSPENDED, spare=True)
    if identity in [party(name) for name in ESSENTIAL]:
        return None
    return parties.RevokeParty(authority, identity, hand.text("Why.")), hand.speakers(authority)


@move(parties.WindDownParty)
def wind_down(hand: Hand) -> Move | None:
    authority, identity = below(hand, PartyStatus.ACTIVE, PartyStatus.REVOKED, spare=True)
    if identity in [party(name) for name in ESSENTIAL]:
        return None
    authority = identity if hand.often(0.2) else authority
    return parties.WindDownParty(authority, identity, hand.text("Why.")), hand.speakers(authority)


@move(parties.TerminateParty)
def terminate(hand: Hand) -> Move:
    authority, identity = below(hand, PartyStatus.WINDING_DOWN)
    return parties.TerminateParty(authority, identity), hand.speakers(authority)


@move(parties.AmendParty)
def amend_party(hand: Hand) -> Move:
    authority, identity = below(hand, PartyStatus.ACTIVE, PartyStatus.SUSPENDED)
    if hand.often(0.7):
        authority = party("regulator")
    ask = parties.AmendParty(authority, identity, hand.text(hand.fresh("Name ")), lei(hand))
    return ask, hand.speakers(authority)


@move(parties.VerifyIdentity)
def verify(hand: Hand) -> Move:
    authority, identity = below(hand, PartyStatus.ADMITTED, PartyStatus.ACTIVE)
    return parties.VerifyIdentity(authority, identity, hand.hash()), hand.speakers(authority)


@move(parties.NameFourEyes)
def four_eyes(hand: Hand) -> Move:
    identity = hand.party_with(*Role)
    tags = hand.one_of((), (), (902,), (800, 900), (230,), (1,), (900, 800))
    return parties.NameFourEyes(identity, tags), hand.speakers(identity)


def policy(hand: Hand) -> KeyPolicy:
    keys = sorted(key.public_key for key in hand.chance.sample(STRANGERS, hand.chance.randrange(1, 4)))
    if not hand.often(0.95):
        keys = hand.one_of(keys[::-1], [], [b"\1" + bytes(32)], keys + keys)
    return KeyPolicy(hand.one_of(1, len(keys), 1, 2) if hand.often(0.5) else 1, tuple(keys))


def recovery(hand: Hand) -> tuple[tuple[bytes, ...], int]:
    approvers = sorted(key.address for key in hand.chance.sample(STRANGERS, hand.chance.randrange(3)))
    return tuple(approvers), hand.one_of(len(approvers), min(1, len(approvers)), len(approvers), 9)


@move(parties.RegisterSigner)
def register_signer(hand: Hand) -> Move:
    chosen = policy(hand)
    signers = tuple(hand.keys[key].address for key in dict.fromkeys(chosen.keys) if key in hand.keys)
    some = signers if hand.often() else signers[:1]
    return parties.RegisterSigner(chosen, *recovery(hand)), some or (STRANGERS[0].address,)


def rotating(hand: Hand) -> bytes:
    return hand.key_of(21) if hand.often(0.7) else hand.chance.choice(STRANGERS).address


@move(parties.RotateKeys)
def rotate(hand: Hand) -> Move:
    address = rotating(hand)
    found = hand.model.tables[21].get(address)
    signers: tuple[bytes, ...] = (address,) if hand.is_known(address) else (STRANGERS[0].address,)
    if found is not None and found.recovery and hand.often(0.3):
        signers = tuple(one for one in found.recovery if hand.is_known(one)) or signers
    return parties.RotateKeys(address, policy(hand)), signers


@move(parties.NameRecoveryApprovers)
def approvers(hand: Hand) -> Move:
    address = rotating(hand)
    signers = (address,) if hand.is_known(address) and hand.often(0.95) else (STRANGERS[0].address,)
    return parties.NameRecoveryApprovers(address, *recovery(hand)), signers


@move(parties.ApproveRecovery)
def approve_recovery(hand: Hand) -> Move:
    address = hand.key_of(21, lambda one: bool(one.recovery))
    found = hand.model.tables[21].get(address)
    votes = [vote.policy for key, vote in hand.model.tables[27].items() if key[:20] == address]
    chosen = hand.chance.choice(votes) if votes and hand.often(0.7) else policy(hand)
    named = found.recovery if found is not None else ()
    voting = tuple(one for one in named if hand.is_known(one))[: hand.one_of(1, 1, 8)]
    new = tuple(hand.keys[key].address for key in dict.fromkeys(chosen.keys) if key in hand.keys)
    signers = hand.together(voting if hand.often(0.95) else (), new if hand.often(0.7) else ())
    return parties.ApproveRecovery(address, chosen), signers or (STRANGERS[0].address,)


@move(parties.WithdrawRecovery)
def withdraw_recovery(hand: Hand) -> Move:
    key = hand.key_of(27)
    known = tuple(one for one in (key[:20], key[20:]) if len(one) == 20 and hand.is_known(one))
    signers = known[: hand.one_of(1, 2)] if known and hand.often() else (STRANGERS[0].address,)
    return parties.WithdrawRecovery(key[:20]), signers


@move(RecordTrail)
def record_trail(hand: Hand) -> Move:
    custodian = hand.party_with(*SERVICERS)
    trail = hand.model.tables[112].get(custodian)
    after, head = (trail.entries, trail.head) if trail is not None else (0, bytes(32))
    kind = hand.one_of(*UseKind)
    key = b"" if kind is UseKind.ADMINISTRATION else hand.chance.choice(STRANGERS).address
    entry = TrailEntry(
        hand.one_of(1_700_000_000_000, 1_700_000_000_000, 0) if hand.often(0.1) else 1_700_000_000_000,
        kind,
        key if hand.often(0.95) else bytes(19),
        hand.hash(),
        hand.hash(),
        hand.chance.randbytes(16),
        tuple(hand.chance.randbytes(16) for _ in range(hand.one_of(0, 0, 1, 17))),
    )
    ask = RecordTrail(
        custodian,
        after if hand.often(0.9) else after + hand.one_of(-1, 1),
        head if hand.often(0.95) else bytes(32),
        (entry,) * hand.one_of(1, 1, 2, 5, 0, 201) if hand.often(0.4) else (entry,),
    )
    return ask, hand.speakers(custodian)


@move(parties.GrantMandate)
def grant(hand: Hand) -> Move:
    identity = hand.party_with(*Role)
    user = hand.chance.choice(STRANGERS).address
    tags = hand.one_of((), (), (900, 901), (230, 231), (504,), (2,), (901, 900))
    accounts = tuple(sorted(hand.chance.sample(list(hand.model.tables[51]), 2))) if hand.often(0.2) else ()
    now = hand.twin.next_time_ms()
    ask = parties.GrantMandate(
        identity,
        user if hand.often(0.98) else b"",
        tags,
        accounts,
        hand.one_of(2**63 - 1, 2**63 - 1, 1_000, 0, -1),
        hand.one_of(0, 0, now + 5_000),
        hand.one_of(0, 0, now + DAY_MS, now - 1),
        hand.one_of(*Duty),
    )
    return ask, hand.speakers(identity)


@move(parties.RevokeMandate)
def revoke_mandate(hand: Hand) -> Move:
    strangers = [key.address for key in STRANGERS]
    spare = [key for key in hand.model.tables[22] if key[20:] in strangers]
    key = hand.chance.choice(spare) if spare and hand.often() else hand.party_with(*Role) + bytes(20)
    return parties.RevokeMandate(key[:20], key[20:]), hand.speakers(key[:20])


# Markets


def operator_of(hand: Hand, market: str) -> bytes:
    found = hand.model.tables[30].get(market.encode())
    return found.operator if found is not None else party("depository")


def rulebook(hand: Hand, since: int) -> Any:
    book = hand.one_of(BY_HAND, BY_SCHEDULE)
    changes: dict[str, Any] = {
        "effective_from": since,
        "offsets": UtcOffsets(((0, hand.one_of(0, 60, -300)),)),
        "schedule": hand.one_of(
            DaySchedule(), DaySchedule(420, 1_140), DaySchedule(-60, 1_500), DaySchedule(None, 1_200)
        ),
        "cut_off_dvp_minute": hand.one_of(960, 1_000),
        "cut_off_fop_minute": hand.one_of(960, 1_080),
        "amount_tolerance": hand.one_of(0, 5),
        "sign_off_required": hand.one_of(False, False, True),
        "partial_minimum": hand.one_of(0, 10, 1),
        "registration_policy": hand.one_of(
            book.registration_policy, book.registration_policy, (RegistrationApprover.ISSUER,)
        ),
    }
    if not hand.often(0.9):
        name, value = hand.one_of(
            ("settlement_cycle_days", 61),
            ("time_zone", ""),
            ("cut_off_dvp_minute", 3_000),
            ("amount_tolerance", -1),
            ("registration_policy", ()),
            ("partial_minimum", -1),
            ("recycling_days", 251),
            ("schedule", DaySchedule(600, 600)),
        )
        changes[name] = value
    return replace(book, **changes)


def calendar(hand: Hand) -> Calendar:
    if not hand.often(0.93):
        return hand.one_of(Calendar(127), Calendar(96, (20240108, 20240105)), Calendar(96, (), (20240108,)))
    holiday = hand.date(later=hand.chance.randrange(6))
    fine = day_of(holiday) is not None and day_of(holiday).weekday() < 5
    return hand.one_of(WEEKDAYS, Calendar(96, (holiday,)) if fine else WEEKDAYS, Calendar(0))


@move(markets.OpenMarket)
def open_market(hand: Hand) -> Move:
    operator = hand.party_with(Role.DEPOSITORY, Role.EXCHANGE, Role.OPERATOR)
    code = hand.one_of("XONE", "XTWO", "XTRE", "XTST", "bad")
    last = hand.date()
    ask = markets.OpenMarket(
        operator, code, hand.text("A market"), last, rulebook(hand, last), calendar(hand), calendar(hand)
    )
    return ask, hand.speakers(operator)


@move(markets.AmendRulebook)
def amend_rulebook(hand: Hand) -> Move:
    market = hand.market()
    since = hand.date(market, later=hand.one_of(0, 1, 1, 2))
    return markets.AmendRulebook(market, rulebook(hand, since)), hand.speakers(operator_of(hand, market))


@move(markets.SetCalendar)
def set_calendar(hand: Hand) -> Move:
    market, kind = hand.market(), hand.one_of(*CalendarKind)
    currency = "" if kind is not CalendarKind.CURRENCY else "USD"
    currency = currency if hand.often(0.95) else hand.one_of("EUR", "", "QQQ")
    since = hand.date(market, later=hand.one_of(0, 1, 1, 2))
    ask = markets.SetCalendar(market, kind, currency, since, calendar(hand))
    return ask, hand.speakers(operator_of(hand, market))


@move(markets.OpenDay)
def open_day(hand: Hand) -> Move:
    market = hand.market()
    ask = markets.OpenDay(market, hand.date(market, later=hand.one_of(0, 1, 1, 1, 1, 2)))
    return ask, hand.speakers(operator_of(hand, market))


@move(markets.CloseDay)
def close_day(hand: Hand) -> Move:
    market = hand.market()
    return markets.CloseDay(market, hand.date(market)), hand.speakers(operator_of(hand, market))


@move(markets.HandOverMarket)
def hand_over(hand: Hand) -> Move:
    market = hand.market() if hand.often(0.3) else "XSGN"
    present = operator_of(hand, market)
    authority = present if hand.often(0.7) else hand.party_with(Role.REGULATOR)
    operator = hand.party_with(Role.DEPOSITORY, Role.EXCHANGE, Role.OPERATOR)
    ask = markets.HandOverMarket(market, authority, operator)
    return ask, hand.together(hand.speakers(authority), hand.speakers(operator))


def money(hand: Hand) -> bytes:
    return hand.key_of(40, lambda one: one.kind is InstrumentKind.MONEY_TOKEN, 0.95)


@move(markets.AcceptAsset)
def accept(hand: Hand) -> Move:
    market = hand.market()
    ask = markets.AcceptAsset(market, money(hand), hand.date(market, later=hand.one_of(0, 0, 1)))
    return ask, hand.speakers(operator_of(hand, market))


@move(markets.WithdrawAsset)
def withdraw_asset(hand: Hand) -> Move:
    market = hand.market()
    ask = markets.WithdrawAsset(market, money(hand), hand.date(market, later=hand.one_of(0, 1, 2)))
    return ask, hand.speakers(operator_of(hand, market))


# Instruments


def isin(number: int) -> str:
    body = f"XS{number:09d}"
    return body + isin_check_digit(body)


def some_terms(hand: Hand, kind: InstrumentKind, known: tuple[Identifier, ...] = ()) -> Terms:
    hand.counter += 1
    identifiers = known if known and hand.often(0.7) else (Identifier("ISIN", isin(hand.counter)),)
    if kind is InstrumentKind.MONEY_TOKEN and hand.often(0.5):
        identifiers = ()
    if not hand.often(0.94):
        taken = hand.model.tables[42]
        scheme, _, value = hand.pick(taken).decode().partition(":") if taken else ("ISIN", "", "X")
        identifiers = hand.one_of(
            (), identifiers * 2, (Identifier(scheme, value),), (Identifier("ISIN", "bad"),)
        )
    unit = hand.one_of(1, 1, 1, 5, 10)
    return Terms(
        hand.text("Something"),
        "" if hand.often() else hand.one_of("ACME/SHS", "acme"),
        "" if hand.often() else hand.one_of("ESVUFR", "DBFTFB", "XX"),
        identifiers,
        unit,
        unit * hand.one_of(1, 1, 2),
        unit if hand.often(0.98) else 0,
        Rounding.DOWN,
        b"" if hand.often(0.98) else b"bad",
        hand.date(later=1) if kind is InstrumentKind.BOND else 0,
        hand.one_of(0, 100),
        hand.one_of(0, 2),
        b"" if hand.often(0.98) else b"bad",
    )


@move(instruments.AnnounceInstrument)
def announce(hand: Hand) -> Move:
    kind = hand.one_of(*InstrumentKind)
    is_money = kind is InstrumentKind.MONEY_TOKEN
    issuer = hand.party_with(Role.TRUSTEE, Role.CENTRAL_BANK) if is_money else hand.party_with(Role.ISSUER)
    registrar = hand.party_with(Role.DEPOSITORY, Role.TRUSTEE)
    accounts = [
        key
        for key, one in hand.model.tables[51].items()
        if one.kind.name == "ISSUANCE" and one.owner == issuer
    ]
    ask = instruments.AnnounceInstrument(
        registrar,
        issuer,
        kind,
        hand.market(),
        hand.text(hand.fresh("class ")),
        "",
        hand.one_of("USD", "USD", "EUR") if hand.often(0.96) else "QQQ",
        QuantityType.UNITS if hand.often() else QuantityType.FACE_AMOUNT,
        hand.one_of(2, 2, 0 if not is_money else 2, 13),
        hand.pick(accounts) or hand.key_of(51),
        some_terms(hand, kind),
    )
    return ask, hand.speakers(registrar)


def instrument(hand: Hand, *statuses: InstrumentStatus, share: float = 0.92) -> tuple[bytes, Any]:
    identity = hand.key_of(40, lambda one: one.status in statuses, share)
    return identity, hand.model.tables[40].get(identity)


def registrar_of(found: Any) -> bytes:
    return found.registrar if found is not None else party("depository")


@move(instruments.AmendTerms)
def amend_terms(hand: Hand) -> Move:
    identity, found = instrument(hand, InstrumentStatus.ACTIVE, InstrumentStatus.ANNOUNCED)
    kind = found.kind if found is not None else InstrumentKind.EQUITY
    market = found.market if found is not None else "XTST"
    known: tuple[Identifier, ...] = ()
    if found is not None:
        version = hand.model.tables[41][identity + found.terms_version.to_bytes(4, "big")]
        known = version.terms.identifiers
    terms = some_terms(hand, kind, known)
    if hand.often(0.8):
        terms = replace(terms, settlement_unit=1, minimum=1, multiple=1)
    since = hand.date(market, later=hand.one_of(0, 0, 1, 2))
    return instruments.AmendTerms(identity, since, terms), hand.speakers(registrar_of(found))


@move(instruments.SuspendInstrument)
def suspend_instrument(hand: Hand) -> Move:
    identity, found = instrument(hand, InstrumentStatus.ACTIVE)
    by = registrar_of(found) if hand.often(0.7) else hand.party_with(Role.REGULATOR, Role.DEPOSITORY)
    return instruments.SuspendInstrument(identity, by), hand.speakers(by)


@move(instruments.ResumeInstrument)
def resume(hand: Hand) -> Move:
    identity, found = instrument(hand, InstrumentStatus.SUSPENDED, share=0.97)
    by = found.suspended_by if found is not None and found.suspended_by else party("regulator")
    by = by if hand.often() else hand.party_with(Role.REGULATOR, Role.DEPOSITORY)
    return instruments.ResumeInstrument(identity, by), hand.speakers(by)


@move(instruments.MatureInstrument)
def mature(hand: Hand) -> Move:
    bonds = [key for key, one in hand.model.tables[40].items() if one.maturity_date]
    identity = hand.pick(bonds) if hand.often(0.8) else hand.key_of(40)
    found = hand.model.tables[40].get(identity or b"")
    return instruments.MatureInstrument(identity or b""), hand.speakers(registrar_of(found))


@move(instruments.RedeemInstrument)
def redeem(hand: Hand) -> Move:
    identity, found = instrument(hand, InstrumentStatus.MATURED)
    return instruments.RedeemInstrument(identity), hand.speakers(registrar_of(found))


@move(instruments.CancelInstrument)
def cancel(hand: Hand) -> Move:
    identity, found = instrument(hand, InstrumentStatus.ANNOUNCED)
    return instruments.CancelInstrument(identity), hand.speakers(registrar_of(found))


@move(instruments.AppointRegistrar)
def appoint_registrar(hand: Hand) -> Move:
    identity, found = instrument(hand, InstrumentStatus.ACTIVE, InstrumentStatus.SUSPENDED)
    present = registrar_of(found)
    authority = present if hand.often(0.7) else hand.party_with(Role.REGULATOR)
    registrar = hand.party_with(Role.DEPOSITORY, Role.TRUSTEE, Role.CENTRAL_BANK)
    ask = instruments.AppointRegistrar(identity, authority, registrar)
    return ask, hand.together(hand.speakers(authority), hand.speakers(registrar))
