"""Moves about accounts and holdings, issues and money, trades and settlement."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from counterfoil.modules.cash import messages as cash
from counterfoil.modules.holdings import messages as holdings
from counterfoil.modules.holdings.records import AccountKind, AccountStatus, EarmarkReason
from counterfoil.modules.instruments.records import InstrumentKind, InstrumentStatus
from counterfoil.modules.issuance import messages as issuance
from counterfoil.modules.markets.records import RegistrationApprover
from counterfoil.modules.parties.records import Role
from counterfoil.modules.settlement import messages as settlement
from counterfoil.modules.settlement.interface import batch_digest
from counterfoil.modules.settlement.records import (
    Linkage,
    MatchingStatus,
    Method,
    Movement,
    Partial,
    Position,
    Priority,
    SignOffStatus,
)
from counterfoil.modules.trades import messages as trades
from counterfoil.modules.trades.records import TradeStatus, TradeTerms
from tests.model.desk import party
from tests.model.hand import STRANGERS, Hand, Move
from tests.model.moves_members import instrument, money, move, operator_of, registrar_of
from tests.model.moves_names import MOVES
from tests.model.opening import DAY_MS, chunk

__all__ = ["MOVES"]

ACTIVE, ANNOUNCED = InstrumentStatus.ACTIVE, InstrumentStatus.ANNOUNCED
HOLDING_KINDS = (AccountKind.OWN, AccountKind.SEGREGATED, AccountKind.CLIENT_OMNIBUS, AccountKind.TREASURY)

# Accounts and holdings


def account(hand: Hand, *kinds: AccountKind, share: float = 0.95) -> bytes:
    wanted = kinds or HOLDING_KINDS
    return hand.key_of(51, lambda one: one.kind in wanted and one.status is AccountStatus.OPEN, share)


def held(hand: Hand, *kinds: InstrumentKind) -> tuple[bytes, bytes, int]:
    """(account, instrument, available) of something that somebody holds."""
    model = hand.model
    found = [
        key
        for key, holding in model.tables[50].items()
        if holding.available
        and model.tables[40][key[20:]].issuance_account != key[:20]
        and (not kinds or model.tables[40][key[20:]].kind in kinds)
    ]
    if found and hand.often(0.95):
        key = hand.chance.choice(found)
        return key[:20], key[20:], model.tables[50][key].available
    one, other = account(hand), hand.key_of(40)
    return one, other, model.balance(one, other)[0]


def disposal(hand: Hand) -> dict[str, Any]:
    signers = tuple(sorted(key.address for key in hand.chance.sample(STRANGERS, hand.one_of(0, 0, 0, 1, 2))))
    joint = ()
    if hand.often(0.1):
        joint = tuple(sorted(hand.chance.sample([party("investor-a"), party("investor-b")], 1)))
    return {
        "signers": signers if hand.often(0.97) else (b"bad",),
        "threshold": hand.one_of(len(signers), min(1, len(signers)), len(signers), len(signers), 3),
        "joint_holders": joint,
        "default_cash_account": b"" if hand.often(0.8) else account(hand, AccountKind.OWN),
        "servicer_instructs": hand.often(0.9),
    }


@move(holdings.OpenAccount)
def open_account(hand: Hand) -> Move:
    servicer = hand.party_with(Role.DEPOSITORY, Role.SECURITIES_COMPANY, Role.TRUSTEE)
    owner = hand.party_with(Role.INVESTOR, Role.SECURITIES_COMPANY, Role.ISSUER, Role.TRUSTEE)
    key = hand.chance.choice(STRANGERS)
    address = key.address if hand.often(0.15) else b""
    ask = holdings.OpenAccount(owner, servicer, hand.one_of(*AccountKind), address, **disposal(hand))
    holders = [hand.speakers(one) for one in (owner, *ask.joint_holders) if hand.often()]
    return ask, hand.together(hand.speakers(servicer), (address,) if address else (), *holders)


@move(holdings.AmendAccount)
def amend_account(hand: Hand) -> Move:
    identity = account(hand, AccountKind.OWN, AccountKind.SEGREGATED)
    found = hand.model.tables[51].get(identity)
    changes = disposal(hand)
    if found is not None and hand.often():
        changes["joint_holders"] = found.joint_holders
    signers = hand.disposers(identity)
    if found is not None:
        signers = hand.together(signers, hand.speakers(found.owner))
    return holdings.AmendAccount(identity, **changes), signers


def authority(hand: Hand, identity: bytes) -> bytes:
    found = hand.model.tables[51].get(identity)
    return hand.one_of(party("regulator"), found.servicer if found is not None else party("depository"))


@move(holdings.FreezeAccount)
def freeze_account(hand: Hand) -> Move:
    identity = account(hand)
    by = authority(hand, identity) if hand.often() else hand.party_with(*Role)
    ask = holdings.FreezeAccount(identity, by, hand.hash(), hand.often(0.5), hand.often(0.5))
    return ask, hand.speakers(by)


@move(holdings.UnfreezeAccount)
def unfreeze_account(hand: Hand) -> Move:
    identity = hand.key_of(51, lambda one: bool(one.freezes), 0.97)
    found = hand.model.tables[51].get(identity)
    order = hand.pick(found.freezes) if found is not None else None
    by = order.authority if order is not None and hand.often(0.8) else party("regulator")
    by = by if hand.often(0.95) else hand.party_with(*Role)
    known = order.order_hash if order is not None else hand.hash()
    return holdings.UnfreezeAccount(identity, by, known), hand.speakers(by)


@move(holdings.PlaceEarmark)
def place_earmark(hand: Hand) -> Move:
    identity, what, there = held(hand)
    beneficiary = b"" if hand.often(0.6) else hand.party_with(*Role)
    expiry_ms = hand.twin.next_time_ms() + hand.one_of(2_000, DAY_MS, -5, 10**18)
    ask = holdings.PlaceEarmark(
        identity,
        what,
        hand.amount(there) // hand.one_of(1, 3, 10),
        beneficiary,
        b"r" if hand.often(0.97) else b"r" * 33,
        0 if hand.often(0.5) else expiry_ms,
    )
    return ask, hand.disposers(identity)


@move(holdings.CloseAccount)
def close_account(hand: Hand) -> Move:
    full = {key[:20] for key in hand.model.tables[50]}
    identity = hand.key_of(51, lambda one: one.status is AccountStatus.OPEN)
    if hand.often(0.8):
        empty = [
            key for key, one in hand.model.tables[51].items() if key not in full and one.kind.name == "OWN"
        ]
        identity = hand.pick(empty) or identity
    return holdings.CloseAccount(identity), hand.disposers(identity)


@move(holdings.ReleaseEarmark)
def release_earmark(hand: Hand) -> Move:
    identity = hand.key_of(52, lambda one: one.reason is EarmarkReason.HOLDER)
    found = hand.model.tables[52].get(identity)
    if found is None:
        return holdings.ReleaseEarmark(identity), (STRANGERS[0].address,)
    signers = hand.together(hand.disposers(found.account_id), hand.speakers(found.owner))
    quantity = 0 if hand.often(0.5) else hand.quantity(found.quantity)
    return holdings.ReleaseEarmark(identity, quantity), signers


def orderer(hand: Hand, what: bytes) -> bytes:
    by = hand.one_of(party("regulator"), registrar_of(hand.model.tables[40].get(what)))
    return by if hand.often(0.95) else hand.party_with(*Role)


@move(holdings.ForceTransfer)
def force(hand: Hand) -> Move:
    source, what, there = held(hand)
    quantity, freeze = hand.amount(there), b""
    frozen = [key for key, one in hand.model.tables[52].items() if one.reason is EarmarkReason.FREEZE]
    if frozen and hand.often(0.4):
        freeze = hand.chance.choice(frozen)
        found = hand.model.tables[52][freeze]
        source, what, quantity = found.account_id, found.instrument_id, hand.amount(found.quantity)
    by = orderer(hand, what)
    ask = holdings.ForceTransfer(by, what, source, account(hand), quantity, hand.hash(), freeze)
    return ask, hand.speakers(by)


@move(holdings.FreezeHolding)
def freeze_holding(hand: Hand) -> Move:
    identity, what, there = held(hand)
    by = orderer(hand, what)
    ask = holdings.FreezeHolding(by, identity, what, hand.amount(there) // hand.one_of(1, 5), hand.hash())
    return ask, hand.speakers(by)


@move(holdings.UnfreezeHolding)
def unfreeze_holding(hand: Hand) -> Move:
    identity = hand.key_of(52, lambda one: one.reason is EarmarkReason.FREEZE, 0.95)
    found = hand.model.tables[52].get(identity)
    by = found.owner if found is not None and hand.often() else party("regulator")
    quantity = 0 if found is None or hand.often(0.6) else hand.quantity(found.quantity)
    return holdings.UnfreezeHolding(by, identity, quantity), hand.speakers(by)


# Issues


def approvers(hand: Hand, found: Any) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
    """(parties that fill the policy, their signers)."""
    if found is None:
        return (party("regulator"),), hand.speakers(party("regulator"))
    book = hand.model.tables[31][found.market.encode()].rulebook
    named = []
    for kind in book.registration_policy:
        if kind is RegistrationApprover.ISSUER:
            named.append(found.issuer)
        elif kind is RegistrationApprover.ADMINISTRATOR:
            named.append(operator_of(hand, found.market))
        else:
            named.append(hand.party_with(Role[kind.name], share=0.99))
    if not hand.often(0.95):
        named = hand.one_of(named[:-1], named + named, [hand.party_with(*Role) for _ in named])
    return tuple(named), hand.together(*(hand.speakers(one) for one in named))


def treasury(hand: Hand, found: Any) -> bytes:
    if found is not None and hand.often(0.95):
        keys = [
            key
            for key, one in hand.model.tables[51].items()
            if one.kind is AccountKind.TREASURY
            and one.owner == found.issuer
            and one.status is AccountStatus.OPEN
        ]
        return hand.pick(keys) or account(hand)
    return account(hand)


def papers(hand: Hand) -> bytes:
    used = [key[20:] for key in hand.model.tables[61]]
    return hand.hash() if hand.often(0.96) or not used else hand.chance.choice(used)


@move(issuance.RegisterIssue)
def register(hand: Hand) -> Move:
    identity, found = instrument(hand, ANNOUNCED, share=0.95)
    is_money = found is not None and found.kind is InstrumentKind.MONEY_TOKEN
    named, signers = approvers(hand, found)
    quantity = 0 if is_money and hand.often(0.97) else hand.amount(10_000)
    target = b"" if is_money and hand.often(0.97) else treasury(hand, found)
    return issuance.RegisterIssue(identity, quantity, target, named, papers(hand)), signers


def security(hand: Hand, *statuses: InstrumentStatus) -> tuple[bytes, Any]:
    for _ in range(4):
        identity, found = instrument(hand, *statuses)
        if found is None or found.kind is not InstrumentKind.MONEY_TOKEN:
            break
    return identity, found


@move(issuance.RegisterFurtherIssue)
def further(hand: Hand) -> Move:
    identity, found = security(hand, ACTIVE)
    named, signers = approvers(hand, found)
    ask = issuance.RegisterFurtherIssue(
        identity, hand.amount(5_000), treasury(hand, found), named, papers(hand)
    )
    return ask, signers


@move(issuance.RegisterReduction)
def reduce(hand: Hand) -> Move:
    identity, found = security(hand, ACTIVE)
    named, signers = approvers(hand, found)
    source = treasury(hand, found)
    quantity = hand.amount(hand.model.balance(source, identity)[0])
    return issuance.RegisterReduction(identity, quantity, source, named, papers(hand)), signers


def lines(hand: Hand, most: int) -> tuple[tuple[issuance.HoldingLine, ...], int]:
    accounts = [key for key, one in hand.model.tables[51].items() if one.kind in HOLDING_KINDS]
    chosen = hand.chance.sample(accounts, min(len(accounts), hand.one_of(1, 1, 2, 3)))
    listed = [issuance.HoldingLine(one, max(1, min(most, hand.amount(most) // 3))) for one in chosen]
    if not hand.often(0.96):
        listed = hand.one_of([], listed * 2, [issuance.HoldingLine(bytes(20), 1)])
    total = sum(line.quantity for line in listed)
    return tuple(listed), total if hand.often(0.97) else total + 1


@move(issuance.RegisterRedemption)
def redemption(hand: Hand) -> Move:
    identity, found = instrument(hand, InstrumentStatus.MATURED)
    named, signers = approvers(hand, found)
    holders = [key[:20] for key in hand.model.tables[50] if key[20:] == identity]
    holders = [one for one in holders if found is None or one != found.issuance_account]
    listed, total = lines(hand, 50)
    if holders and hand.often(0.9):
        some = hand.chance.sample(holders, hand.chance.randrange(1, len(holders) + 1))
        there = [hand.model.balance(one, identity)[0] for one in some]
        listed = tuple(
            issuance.HoldingLine(one, quantity if hand.often(0.6) else max(1, quantity // 2))
            for one, quantity in zip(some, there, strict=True)
            if quantity
        )
        total = sum(line.quantity for line in listed)
    return issuance.RegisterRedemption(identity, listed, total, named, papers(hand)), signers


@move(issuance.RegisterExit)
def leave(hand: Hand) -> Move | None:
    names = hand.opening.instruments
    spare = [key for key in hand.model.tables[40] if key not in (names["share"], names["usd"])]
    identity = hand.pick(spare) or bytes(20)
    if hand.often(0.7):
        outstanding = [key for key in spare if hand.model.outstanding(key)]
        whole = [
            key
            for key in outstanding
            if hand.model.balance(treasury(hand, hand.model.tables[40][key]), key)[0]
            == hand.model.outstanding(key)
        ]
        identity = hand.pick(whole) or identity
    found = hand.model.tables[40].get(identity)
    named, signers = approvers(hand, found)
    return issuance.RegisterExit(identity, treasury(hand, found), named, papers(hand)), signers


@move(issuance.Allot)
def allot(hand: Hand) -> Move:
    identity, found = security(hand, ACTIVE)
    source = treasury(hand, found)
    placings = list(hand.model.tables[62])
    underwriters = hand.often(0.2)
    if placings and hand.often(0.3):
        place = hand.chance.choice(placings)
        identity, source, underwriters = place[:20], place[20:], not hand.often(0.95)
    listed, total = lines(hand, max(1, hand.model.balance(source, identity)[0] // 4))
    if underwriters and hand.often(0.9):
        mine = [key for key, one in hand.model.tables[51].items() if one.owner == party("broker-b")]
        quantity = max(1, hand.model.balance(source, identity)[0] // 5)
        listed, total = (issuance.HoldingLine(hand.pick(mine) or b"", quantity),), quantity
    ask = issuance.Allot(
        identity, source, underwriters, listed, total, hand.text(hand.fresh("A")), hand.hash()
    )
    return ask, hand.disposers(source)


# Money


@move(cash.Mint)
def mint(hand: Hand) -> Move:
    token = money(hand)
    found = hand.model.tables[40].get(token)
    issuer = found.issuer if found is not None else party("trustee")
    ask = cash.Mint(token, account(hand), hand.amount(50_000), hand.text(hand.fresh("E")), hand.date())
    return ask, hand.speakers(issuer)


@move(cash.RequestRedemption)
def request(hand: Hand) -> Move:
    identity, token, there = held(hand, InstrumentKind.MONEY_TOKEN)
    payee = b"" if hand.often(0.7) else hand.hash()
    reference = hand.text(hand.fresh("R"))
    ask = cash.RequestRedemption(token, identity, hand.amount(there) // hand.one_of(1, 10), reference, payee)
    return ask, hand.disposers(identity)


def redeeming(hand: Hand) -> tuple[bytes, tuple[bytes, ...]]:
    identity = hand.key_of(72, share=0.95)
    found = hand.model.tables[72].get(identity)
    token = hand.model.tables[40].get(found.token) if found is not None else None
    return identity, hand.speakers(token.issuer if token is not None else party("trustee"))


@move(cash.PayRedemption)
def pay(hand: Hand) -> Move:
    identity, signers = redeeming(hand)
    return cash.PayRedemption(identity, hand.text(hand.fresh("E")), hand.date()), signers


@move(cash.RefuseRedemption)
def refuse(hand: Hand) -> Move:
    identity, signers = redeeming(hand)
    return cash.RefuseRedemption(identity, hand.text("No.")), signers


# Trades


def sides(hand: Hand) -> tuple[bytes, bytes, bytes, bytes]:
    """(seller, its account, buyer, its account), mostly of the two brokers."""

    def side() -> tuple[bytes, bytes]:
        identity = account(hand, AccountKind.OWN, AccountKind.SEGREGATED)
        found = hand.model.tables[51].get(identity)
        if found is None:
            return hand.party_with(*Role), identity
        return hand.one_of(found.owner, found.owner, found.servicer), identity

    a, b = hand.opening.accounts["a"], hand.opening.accounts["b"]
    mine = (party("broker-a"), a, party("broker-b"), b)
    if hand.often(0.75):
        return mine if hand.often(0.6) else (mine[2], b, mine[0], a)
    return (*side(), *side())


def asset_of(hand: Hand) -> bytes:
    return hand.opening.instruments["usd"] if hand.often(0.85) else money(hand)


def what_moves(hand: Hand, seller_account: bytes) -> tuple[bytes, int]:
    names = hand.opening.instruments
    what = hand.one_of(names["share"], names["share"], names["other"], names["bond"])
    if not hand.often(0.85):
        what = hand.key_of(40)
    return what, hand.model.balance(seller_account, what)[0]


def terms(hand: Hand, seller: bytes, buyer: bytes, what: bytes, quantity: int) -> TradeTerms:
    paid = hand.often(0.85)
    amount = max(1, min(quantity, 10**6)) * hand.one_of(250, 7, 1) if paid else 0
    made = TradeTerms(
        trade_reference=hand.text(hand.fresh("T")),
        venue=hand.one_of("XTST", "XSGN", "XOFF") if hand.often(0.98) else "bad",
        execution_time_ms=hand.twin.time_ms,
        trade_date=hand.date(),
        instrument_id=what,
        quantity=quantity,
        price=250,
        price_scale=2 if hand.often(0.98) else 19,
        amount=amount if hand.often(0.98) else -1,
        asset=asset_of(hand) if paid else b"",
        seller=seller,
        buyer=buyer,
    )
    if not hand.often(0.95):
        made = replace(made, seller_client=account(hand), buyer_client=b"")
    if not hand.often(0.9):
        made = replace(made, seller_client=served(hand, seller), buyer_client=served(hand, buyer))
    return made


def served(hand: Hand, member: bytes) -> bytes:
    """An account that a member owns or keeps."""
    accounts = hand.model.tables[51].items()
    return hand.pick(key for key, one in accounts if member in (one.owner, one.servicer)) or b""


@move(trades.RecordTrade)
def record(hand: Hand) -> Move:
    seller, mine, buyer, _ = sides(hand)
    what, there = what_moves(hand, mine)
    made = terms(hand, seller, buyer, what, hand.amount(there))
    recorder = hand.one_of(seller, buyer, operator_of(hand, made.venue))
    return trades.RecordTrade(made, recorder), hand.speakers(recorder)


@move(trades.ConfirmTrade)
def confirm(hand: Hand) -> Move:
    identity = hand.key_of(80, lambda one: one.status is TradeStatus.RECORDED, 0.95)
    found = hand.model.tables[80].get(identity)
    if found is None:
        return trades.ConfirmTrade(identity, 1), (STRANGERS[0].address,)
    version = found.version if hand.often(0.95) else 7
    both = (found.terms.seller, found.terms.buyer)
    signers = hand.together(*(hand.speakers(one) for one in both))
    return trades.ConfirmTrade(identity, version), signers


@move(trades.AmendTrade)
def amend_trade(hand: Hand) -> Move:
    identity = hand.key_of(80, lambda one: not one.deliveries and not one.receipts)
    found = hand.model.tables[80].get(identity)
    if found is None:
        seller, mine, buyer, _ = sides(hand)
        what, there = what_moves(hand, mine)
        made = terms(hand, seller, buyer, what, hand.amount(there))
        return trades.AmendTrade(identity, made), hand.speakers(seller)
    known = hand.model.whole_terms(identity)
    changed = replace(known, quantity=hand.amount(100), price=hand.one_of(250, 251))
    if not hand.often(0.9):
        changed = replace(known, buyer_client=served(hand, known.buyer))
    if not hand.often(0.95):
        changed = replace(changed, trade_reference="another")
    who = (found.terms.seller, found.terms.buyer, found.recorder)
    return trades.AmendTrade(identity, changed), hand.together(*(hand.speakers(one) for one in who))


@move(trades.CancelTrade)
def cancel_trade(hand: Hand) -> Move:
    identity = hand.key_of(80, lambda one: not one.deliveries and not one.receipts)
    found = hand.model.tables[80].get(identity)
    if found is None:
        return trades.CancelTrade(identity, party("broker-a")), hand.speakers(party("broker-a"))
    who = (found.terms.seller, found.terms.buyer, found.recorder)
    asker = hand.one_of(*who)
    return trades.CancelTrade(identity, asker), hand.together(*(hand.speakers(one) for one in who))


# Settlement


def linkages(hand: Hand, member: bytes) -> tuple[Linkage, ...]:
    if hand.often(0.75):
        return ()
    mine = [one.reference for one in hand.model.tables[90].values() if one.party == member]
    if not hand.often(0.95):
        mine = [*mine, "none such", ""]
    chosen = hand.chance.sample(mine, min(len(mine), hand.one_of(1, 1, 2)))
    return tuple(Linkage(hand.one_of(*Position), reference) for reference in chosen)


def process(hand: Hand, member: bytes) -> dict[str, Any]:
    """What a side says of how its instruction is to be treated."""
    return {
        "hold": not hand.often(0.85),
        "partial": hand.one_of(*Partial),
        "priority": hand.one_of(Priority.NORMAL, Priority.NORMAL, Priority.HIGH, Priority.TOP)
        if hand.often(0.97)
        else Priority.RESERVED,
        "linkages": linkages(hand, member),
    }


def when(hand: Hand, market: str) -> tuple[int, int]:
    """(trade date, settlement date)."""
    return hand.date(market), hand.date(market, later=hand.one_of(0, 0, 0, 1, 2))


@move(settlement.Instruct)
def instruct(hand: Hand) -> Move:
    unmatched = [one for one in hand.model.tables[90].values() if one.matching is MatchingStatus.UNMATCHED]
    if unmatched and hand.often(0.5):
        return answer(hand, hand.chance.choice(unmatched))
    market = hand.market()
    seller, seller_account, buyer, buyer_account = sides(hand)
    what, there = what_moves(hand, seller_account)
    delivers = hand.often(0.5)
    member, mine, other = (seller, seller_account, buyer) if delivers else (buyer, buyer_account, seller)
    quantity = hand.amount(there)
    free = not hand.often(0.8)
    found = hand.model.tables[40].get(what)
    pvp = found is not None and found.kind is InstrumentKind.MONEY_TOKEN
    trade_date, settlement_date = when(hand, market)
    named = buyer_account if delivers else seller_account
    ask = settlement.Instruct(
        market=market,
        party=member,
        account=mine,
        movement=Movement.DELIVER if delivers else Movement.RECEIVE,
        method=Method.FREE if free else Method.PVP if pvp else Method.DVP,
        instrument_id=what,
        quantity=quantity,
        counterparty=other,
        trade_date=trade_date,
        settlement_date=settlement_date,
        reference=hand.text(hand.fresh("I")),
        asset=b"" if free else asset_of(hand),
        amount=0 if free else max(1, min(quantity, 10**6)) * hand.one_of(250, 7),
        counterparty_account=b"" if hand.often(0.8) else named,
        transaction_type="TRAD" if hand.often(0.97) else "NONE",
        common_reference=hand.one_of("", "", "C1"),
        **process(hand, member),
    )
    if not hand.often(0.85):
        ask = replace(ask, trade=hand.key_of(80, lambda one: one.status is not TradeStatus.RECORDED))
        found_trade = hand.model.tables[80].get(ask.trade)
        if found_trade is not None and hand.often():
            agreed = found_trade.terms
            paid = bool(agreed.asset)
            ask = replace(
                ask,
                instrument_id=agreed.instrument_id,
                quantity=min(agreed.quantity, max(1, quantity)),
                trade_date=agreed.trade_date,
                method=Method.DVP if paid else Method.FREE,
                asset=agreed.asset,
                amount=agreed.amount,
            )
    return ask, hand.disposers(mine)


def answer(hand: Hand, one: Any) -> Move:
    """The other side of an unmatched instruction; now and then not quite."""
    accounts = [
        key
        for key, found in hand.model.tables[51].items()
        if one.counterparty in (found.owner, found.servicer) and found.status is AccountStatus.OPEN
    ]
    mine = one.counterparty_account or hand.pick(accounts) or bytes(20)
    ask = settlement.Instruct(
        market=one.market,
        party=one.counterparty,
        account=mine,
        movement=Movement.RECEIVE if one.movement is Movement.DELIVER else Movement.DELIVER,
        method=one.method,
        instrument_id=one.instrument_id,
        quantity=one.quantity,
        counterparty=one.party,
        trade_date=one.trade_date,
        settlement_date=one.settlement_date,
        reference=hand.text(hand.fresh("I")),
        asset=one.asset,
        amount=one.amount + (0 if not one.amount or hand.often(0.8) else hand.one_of(1, 5, 6)),
        counterparty_account=b"" if hand.often(0.8) else one.account,
        common_reference=one.common_reference,
        **process(hand, one.counterparty),
    )
    if not hand.often(0.95):
        ask = replace(ask, quantity=one.quantity + 1)
    found = hand.model.tables[51].get(mine)
    cash_account = found.default_cash_account if found is not None else b""
    signers = hand.together(hand.disposers(mine), hand.disposers(cash_account) if cash_account else ())
    return ask, signers


@move(settlement.InstructBoth)
def both(hand: Hand) -> Move:
    market = hand.one_of("XTST", "XTST", "XTST", "XSGN") if hand.often(0.97) else hand.market()
    seller, seller_account, buyer, buyer_account = sides(hand)
    what, there = what_moves(hand, seller_account)
    made = terms(hand, seller, buyer, what, hand.amount(there))
    trade_date, settlement_date = when(hand, market)
    ask = settlement.InstructBoth(
        market,
        replace(made, trade_date=trade_date),
        settlement_date,
        settlement.Side(seller_account, hand.text(hand.fresh("I")), **calm(hand, seller)),
        settlement.Side(buyer_account, hand.text(hand.fresh("I")), **calm(hand, buyer)),
    )
    if not hand.often(0.95):
        ask = replace(ask, receipt=replace(ask.receipt, cash_account=hand.opening.accounts["a cash"]))
    signers = [hand.disposers(seller_account), hand.disposers(buyer_account)]
    for identity, member in ((seller_account, seller), (buyer_account, buyer)):
        found = hand.model.tables[51].get(identity)
        if found is not None and found.owner != member:
            signers.append(hand.speakers(member))
        if found is not None and found.default_cash_account:
            signers.append(hand.disposers(found.default_cash_account))
    return ask, hand.together(*signers)


@move(settlement.InstructWithNote)
def instruct_with_note(hand: Hand) -> Move:
    inner, signers = instruct(hand)
    assert isinstance(inner, settlement.Instruct)
    return settlement.InstructWithNote(inner, note(hand)), signers


@move(settlement.InstructBothWithNotes)
def both_with_notes(hand: Hand) -> Move:
    inner, signers = both(hand)
    assert isinstance(inner, settlement.InstructBoth)
    return settlement.InstructBothWithNotes(
        inner, note(hand), b"" if hand.often(0.5) else note(hand)
    ), signers


def note(hand: Hand) -> bytes:
    return hand.chance.randbytes(hand.one_of(1, 60, 1024)) if hand.often() else hand.one_of(b"", bytes(1025))


def calm(hand: Hand, member: bytes) -> dict[str, Any]:
    """Mostly nothing special, so that it can settle at once."""
    return process(hand, member) if hand.often(0.5) else {"partial": hand.one_of(*Partial)}


def instruction(hand: Hand, fits: Any = lambda one: True) -> tuple[bytes, tuple[bytes, ...]]:
    """(identity, who may change it)."""
    identity = hand.key_of(90, fits, 0.95)
    one = hand.model.tables[90].get(identity)
    if one is None:
        return identity, (STRANGERS[0].address,)
    signers = [hand.disposers(one.account)]
    if hand.model.tables[51][one.account].owner != one.party:
        signers.append(hand.speakers(one.party))
    if one.cash_account and one.cash_account != one.account:
        signers.append(hand.disposers(one.cash_account))
    return identity, hand.together(*signers)


@move(settlement.Amend)
def amend(hand: Hand) -> Move:
    identity, signers = instruction(hand)
    one = hand.model.tables[90].get(identity)
    member = one.party if one is not None else b""
    ask = settlement.Amend(
        identity,
        hand.one_of(None, False, False, True),
        hand.one_of(None, None, Priority.HIGH, Priority.TOP, Priority.RESERVED if not hand.often() else None),
        hand.one_of(None, Partial.ALLOWED, Partial.NOT_ALLOWED),
        None if hand.often(0.7) else linkages(hand, member),
    )
    return ask, signers


@move(settlement.Allocate)
def allocate(hand: Hand) -> Move:
    identity, signers = instruction(hand, lambda one: not one.earmark)
    one = hand.model.tables[90].get(identity)
    quantity = 0 if one is None or hand.often(0.4) else hand.quantity(one.quantity)
    return settlement.Allocate(identity, quantity), signers


@move(settlement.Deallocate)
def deallocate(hand: Hand) -> Move:
    identity, signers = instruction(hand, lambda one: bool(one.earmark))
    return settlement.Deallocate(identity), signers


@move(settlement.Cancel)
def cancel(hand: Hand) -> Move:
    identity, signers = instruction(hand)
    return settlement.Cancel(identity), signers


def awaited(hand: Hand) -> tuple[bytes, tuple[bytes, ...]]:
    identity = hand.key_of(90, lambda one: one.sign_off is SignOffStatus.AWAITED, 0.95)
    one = hand.model.tables[90].get(identity)
    if one is not None and one.counterpart and hand.often(0.3):
        identity = one.counterpart
    return identity, hand.speakers(operator_of(hand, one.market if one is not None else "XTST"))


@move(settlement.SignOff)
def sign_off(hand: Hand) -> Move:
    identity, signers = awaited(hand)
    return settlement.SignOff(identity), signers


@move(settlement.RefuseSignOff)
def refuse_sign_off(hand: Hand) -> Move:
    identity, signers = awaited(hand)
    return settlement.RefuseSignOff(identity, hand.text("Not today.")), signers


# Batches


@move(settlement.OpenBatch)
def open_batch(hand: Hand) -> Move:
    market = hand.market()
    by = operator_of(hand, market) if hand.often(0.9) else hand.party_with(*Role)
    chunks = hand.one_of(1, 1, 2) if hand.often(0.97) else hand.one_of(0, 1_025)
    ask = settlement.OpenBatch(market, by, hand.text(hand.fresh("B")), hand.date(market), chunks)
    return ask, hand.speakers(by)


def legs(hand: Hand) -> Any:
    """Something out of some accounts and into others; now and then it does not add up."""
    accounts, made = [], []
    instruments = []
    for _ in range(hand.one_of(1, 2, 3)):
        source, what, there = held(hand)
        target = account(hand)
        quantity = max(1, there // hand.one_of(2, 10, 50, 1))
        if len(source) != 20 or len(target) != 20 or len(what) != 20 or source == target:
            continue
        made += [(source, what, -quantity), (target, what, quantity if hand.often(0.97) else quantity + 1)]
        accounts += [source, target]
        instruments.append(what)
    if not made:
        accounts, instruments = [bytes(20)], [bytes(20)]
        made = [(bytes(20), bytes(20), 1)]
    part = chunk(sorted(set(accounts)), sorted(set(instruments)), made)
    if not hand.often(0.96):
        part = hand.one_of(
            replace(part, quantity=part.quantity[:-1]),
            replace(part, accounts=part.accounts[:-1]),
            replace(part, quantity=bytes(len(part.quantity))),
            replace(part, account_index=b"\xff" * len(part.account_index)),
            replace(
                part, accounts=b"", instruments=b"", account_index=b"", instrument_index=b"", quantity=b""
            ),
        )
    return part


@move(settlement.LoadBatch)
def load_batch(hand: Hand) -> Move:
    identity = hand.key_of(98, lambda one: one.loaded < one.chunks, 0.95)
    found = hand.model.tables[98].get(identity)
    number, by = 0, party("depository")
    if found is not None:
        by = found.party
        missing = [
            n for n in range(found.chunks) if identity + n.to_bytes(4, "big") not in hand.model.tables[99]
        ]
        number = hand.pick(missing) or 0 if hand.often(0.95) else hand.one_of(0, -1, found.chunks)
    return settlement.LoadBatch(identity, number, legs(hand)), hand.speakers(by)


@move(settlement.SettleBatch)
def settle_batch(hand: Hand) -> Move:
    identity = hand.key_of(98, lambda one: one.loaded == one.chunks, 0.95)
    found = hand.model.tables[98].get(identity)
    if found is None:
        return settlement.SettleBatch(identity, bytes(32)), (STRANGERS[0].address,)
    keys = [identity + number.to_bytes(4, "big") for number in range(found.chunks)]
    parts = [hand.model.tables[99][key].chunk for key in keys if key in hand.model.tables[99]]
    givers = []
    for part in parts:
        rows = [part.accounts[at : at + 20] for at in range(0, len(part.accounts), 20)]
        givers += [hand.disposers(one) for one in rows]
    signers = hand.together(hand.speakers(found.party), *givers)
    digest = batch_digest(parts) if hand.often(0.97) else hand.hash()
    return settlement.SettleBatch(identity, digest), signers


@move(settlement.CancelBatch)
def cancel_batch(hand: Hand) -> Move:
    identity = hand.key_of(98, share=0.95)
    found = hand.model.tables[98].get(identity)
    return settlement.CancelBatch(identity), hand.speakers(found.party if found else party("depository"))
