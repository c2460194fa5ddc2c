"""Founding the market: members, rulebook, securities, money, accounts, and what everybody holds beforehand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from msgspec.structs import replace

from counterfoil.demo.floor import Floor, key_of, send
from counterfoil.demo.places import offsets_of
from counterfoil.demo.plan import Holder, Plan, PlanError, Security
from counterfoil.demo.screen import Screen, Step
from counterfoil.primitives.calendars import IsoDate, add_days, previous_business_day
from counterfoil.primitives.codec import AMOUNT_MAX, Message
from counterfoil.primitives.currencies import minor_unit
from counterfoil.sdk import recipes
from counterfoil.sdk.messages import (
    AcceptAsset,
    AccountKind,
    ActivateParty,
    AdmitParty,
    Allot,
    ApplyForAdmission,
    CalendarKind,
    EnrolParty,
    HoldingLine,
    Identifier,
    Mint,
    OpenMarket,
    RegisterIssue,
    Role,
    SetCalendar,
    SuspendInstrument,
    SuspendParty,
    Terms,
)

MARKET = "XCTF"
"""A market code that nobody has."""
LINES_PER_ALLOTMENT = 1_000
RECYCLING_DAYS = 250


@dataclass
class Market:
    """The founded market: identities by the names that the plan uses."""

    plan: Plan
    floor: Floor
    members: dict[str, bytes] = field(default_factory=dict)
    accounts: dict[Holder, bytes] = field(default_factory=dict)
    securities: dict[str, bytes] = field(default_factory=dict)
    money: dict[str, bytes] = field(default_factory=dict)

    @property
    def day_before(self) -> IsoDate:
        """The business day before the first one: on it the market is founded."""
        return previous_business_day(self.plan.business_days()[0], self.plan.place.settlement)


def found_market(plan: Plan, floor: Floor, screen: Screen) -> Market:
    """Everything that must be there before the first day opens. DemoFailed where the ledger refuses."""
    market = Market(plan, floor)
    listed: dict[str, list[Security]] = {}
    for security in plan.securities.values():
        if security.listed:
            listed.setdefault(security.isin, []).append(security)
    with screen.step("Members admitted", len(plan.brokers)) as step:
        _admit_members(market, step)
        step.said = f"{len(market.members)} down the role tree, {len(plan.brokers)} of them brokers"
    with screen.step("Market opened") as step:
        _open_market(market)
        step.said = f"{MARKET} in {plan.place.zone}, regular way T+{plan.place.cycle_days(plan.first)}"
    with screen.step("Money tokens accepted", len(plan.currencies)) as step:
        for currency in plan.currencies:
            _announce_money(market, currency)
            step.advance()
        step.said = f"{', '.join(plan.currencies)} of Trustee Bank"
    with screen.step("Accounts opened", len(plan.holders)) as step:
        _open_accounts(market, step)
        step.said = f"{len(market.accounts):,} of brokers and their clients"
    with screen.step("Securities issued", len(listed)) as step:
        units = 0
        provisions = _provisions(market)
        for isin, names in listed.items():
            units += _issue(market, names, provisions.get(isin, {}))
            step.advance()
        step.said = f"{len(listed):,} with {units:,} units, each by three signatures"
    with screen.step("Money minted") as step:
        step.said = f"{_mint(market):,} deposits, by maker and checker"
    _suspend(market)
    return market


def _admit_members(market: Market, step: Step) -> None:
    """Brokers apply with their own keys; the regulator admits and activates them."""
    plan, floor = market.plan, market.floor
    market.members.update((one.name, one.party) for one in floor.regulator.parties())
    regulator = floor.regulator.party
    for broker in plan.brokers:
        if broker in market.members:
            raise PlanError(
                f"The trades name {broker!r}, as a member of every sandbox is called; rename it there."
            )
    for broker in plan.brokers:
        key = key_of(broker)
        apply = ApplyForAdmission(regulator, (Role.SECURITIES_COMPANY,), broker, "", key.address)
        party = market.members[broker] = send(floor.client(b"", key), [apply])[0][0]
        send(floor.regulator, [AdmitParty(regulator, party), ActivateParty(regulator, party)])
        step.advance()


def _open_market(market: Market) -> None:
    plan, place, before = market.plan, market.plan.place, market.day_before
    rules = recipes.rulebook(
        before,
        settlement_cycle_days=place.cycle_days(plan.first),
        time_zone=place.zone,
        offsets=offsets_of(place.zone, plan.first, plan.last),
        cut_off_dvp_minute=place.cut_off_dvp_minute,
        cut_off_fop_minute=place.cut_off_fop_minute,
    )
    rules = replace(rules, recycling_days=RECYCLING_DAYS)
    name, operator = "Demonstration market", market.floor.depository.party
    opening = OpenMarket(operator, MARKET, name, before, rules, place.trading, place.settlement)
    payments = SetCalendar(MARKET, CalendarKind.CURRENCY, plan.currency, add_days(before, 1), place.currency)
    send(market.floor.depository, [opening, payments])


def _announce_money(market: Market, currency: str) -> None:
    """One token of the trustee bank, registered by the market's policy and accepted in settlement."""
    floor, trustee = market.floor, market.floor.trustee.party
    issuance = send(floor.trustee, [recipes.open_account(trustee, trustee, AccountKind.ISSUANCE)])[0][0]
    terms = recipes.terms(f"{currency} of Trustee Bank")
    announce = recipes.money_token(trustee, trustee, MARKET, currency, issuance, terms, minor_unit(currency))
    token = market.money[currency] = send(floor.trustee, [announce])[0][0]
    register = RegisterIssue(token, 0, b"", _approvers(market, trustee), _papers("token", currency))
    send(floor.trustee, [register], floor.regulator, floor.notary)
    send(floor.depository, [AcceptAsset(MARKET, token, market.day_before)])


def _open_accounts(market: Market, step: Step) -> None:
    """A broker's own account, and for each client a party that the broker identified, with an account at the broker."""
    by_broker: dict[str, list[str | None]] = {}
    for broker, name in market.plan.holders:
        by_broker.setdefault(broker, []).append(name)
    for broker, names in by_broker.items():
        party, client = market.members[broker], market.floor.client(b"", key_of(broker))
        owners: dict[str | None, bytes] = {None: party}
        clients = [name for name in names if name is not None]
        enrolled = send(client, [_investor(party, name) for name in clients])
        owners.update(zip(clients, (objects[0] for objects in enrolled), strict=True))
        opened = send(client, [recipes.open_account(owners[name], party) for name in names])
        market.accounts.update(((broker, name), made[0]) for name, made in zip(names, opened, strict=True))
        step.advance(len(names))


def _investor(broker: bytes, name: str) -> EnrolParty:
    """A client without keys of its own, whom its broker identified and acts for."""
    return EnrolParty(broker, (Role.INVESTOR,), name, "", b"", _papers("identity", name), activate=True)


def _provisions(market: Market) -> dict[str, dict[bytes, int]]:
    """By ISIN, what each account is to hold before the first trade."""
    found: dict[str, dict[bytes, int]] = {}
    for (holder, name), quantity in market.plan.deliveries.items():
        lines = found.setdefault(market.plan.securities[name].isin, {})
        account = market.accounts[holder]
        lines[account] = lines.get(account, 0) + quantity
    return found


def issuer_name(security: Security) -> str:
    """The public name of a security's issuer, which has a key by that name."""
    return f"Issuer of {security.symbol or security.isin}"


def _issue(market: Market, names: Sequence[Security], provisions: dict[bytes, int]) -> int:
    """Announce, register and allot one security, under whichever names the trades know it; the units issued."""
    floor, depository, security = market.floor, market.floor.depository.party, names[0]
    name = issuer_name(security)
    key = key_of(name)
    enrol = EnrolParty(depository, (Role.ISSUER,), name, "", key.address, activate=True)
    issuer = send(floor.depository, [enrol])[0][0]
    client = floor.client(b"", key)
    kinds = (AccountKind.ISSUANCE, AccountKind.TREASURY)
    opened = send(floor.depository, [recipes.open_account(issuer, depository, kind) for kind in kinds])
    issuance, treasury = opened[0][0], opened[1][0]
    announce = recipes.equity(depository, issuer, MARKET, security.currency, issuance, _terms(security))
    instrument = send(floor.depository, [announce])[0][0]
    market.securities.update((known.name, instrument) for known in names)
    lines = [HoldingLine(account, quantity) for account, quantity in provisions.items()]
    needed = sum(line.quantity for line in lines)
    issued = min(AMOUNT_MAX, needed + needed // 10 + 1_000)
    papers = _papers("issue", security.isin)
    register = RegisterIssue(instrument, issued, treasury, _approvers(market, issuer), papers)
    send(client, [register], floor.regulator, floor.notary)
    allotments: list[Message] = []
    for start in range(0, len(lines), LINES_PER_ALLOTMENT):
        part = tuple(lines[start : start + LINES_PER_ALLOTMENT])
        total = sum(line.quantity for line in part)
        papers = _papers("allotment", f"{security.isin}/{start}")
        allotments.append(Allot(instrument, treasury, False, part, total, f"ALLOTMENT-{start}", papers))
    send(client, allotments)
    return issued


def _mint(market: Market) -> int:
    """The trustee's maker and checker mint, for each deposit, what its account will pay at most."""
    mints = [
        Mint(market.money[currency], market.accounts[holder], amount, f"DEPOSIT-{number}", market.day_before)
        for number, ((holder, currency), amount) in enumerate(market.plan.payments.items(), start=1)
    ]
    send(market.floor.trustee, mints)
    return len(mints)


def _suspend(market: Market) -> None:
    """What the plan wants stopped before the first day."""
    regulator = market.floor.regulator
    for broker in sorted(market.plan.suspended_brokers & frozenset(market.members)):
        send(regulator, [SuspendParty(regulator.party, market.members[broker], "Demonstration")])
    for security in market.plan.securities.values():
        if security.suspended:
            send(regulator, [SuspendInstrument(market.securities[security.name], regulator.party)])


def _approvers(market: Market, issuer: bytes) -> tuple[bytes, bytes, bytes]:
    """Whom the registration policy names: issuer, regulator, notary."""
    return issuer, market.floor.regulator.party, market.floor.notary.party


def _terms(security: Security) -> Terms:
    terms = recipes.terms(f"{security.symbol or security.isin} ordinary shares", security.isin)
    if not security.symbol:
        return terms
    identifiers = (*terms.identifiers, Identifier("SYMBOL", security.symbol))
    return replace(terms, identifiers=identifiers)


def _papers(kind: str, name: str) -> bytes:
    """Stands for the digest of papers that stay off the ledger."""
    return sha256(f"counterfoil demonstration {kind} {name}".encode()).digest()
