"""Reads of accounts: which there are, what they hold, and an instrument's register."""

from __future__ import annotations

from itertools import islice

import msgspec

from counterfoil.modules.holdings import queries as holdings
from counterfoil.modules.holdings.interface import ACCOUNTS, HOLDINGS, Account
from counterfoil.modules.instruments import queries as instruments
from counterfoil.modules.instruments.interface import Instrument
from counterfoil.node.ledger import LedgerNode
from counterfoil.node.reads_base import (
    Answer,
    AsOf,
    View,
    check_id,
    named,
    present,
    reading,
)
from counterfoil.node.refusals import NodeRefusal, Refused
from counterfoil.node.viewer import Viewer
from counterfoil.policy.subjects import AccountContents, Register

REGISTER_PAGE_MAX = 500
"""Lines of one page of a register: so many are read in the time for which a block may wait."""


class AccountOf(AsOf, frozen=True, kw_only=True):
    """account: id (20 bytes)."""

    account: bytes


class AccountsOf(AsOf, frozen=True, kw_only=True):
    """Of an owner, or of a servicer (party ids); one of the two."""

    owner: bytes = b""
    servicer: bytes = b""


class RegisterOf(AsOf, frozen=True, kw_only=True):
    """instrument: id (20 bytes). after: the account with which the page before this one ended, b"" for the first page.
    limit: lines of the page."""

    instrument: bytes
    after: bytes = b""
    limit: int = REGISTER_PAGE_MAX


class Label(msgspec.Struct, frozen=True):
    """How an instrument is called, and what its quantities mean: they count units of 10 ** −scale."""

    instrument_id: bytes
    isin: str
    name: str
    kind: str
    currency: str
    scale: int


class AccountLine(msgspec.Struct, frozen=True):
    account_id: bytes
    owner: bytes
    servicer: bytes
    kind: str
    status: str
    joint_holders: tuple[bytes, ...]
    frozen_debits: bool
    frozen_credits: bool
    opened_height: int


class BalanceLine(msgspec.Struct, frozen=True):
    """Of an issuance account `available` is negative: what is outstanding."""

    instrument: Label
    available: int
    earmarked: int


class EarmarkLine(msgspec.Struct, frozen=True):
    earmark_id: bytes
    instrument_id: bytes
    quantity: int
    reason: str
    owner: bytes
    reference: bytes
    expiry_ms: int


class AccountList(Answer, frozen=True, kw_only=True):
    accounts: tuple[AccountLine, ...]


class HoldingsOfAccount(Answer, frozen=True, kw_only=True):
    account: AccountLine
    balances: tuple[BalanceLine, ...]
    earmarks: tuple[EarmarkLine, ...]


class RegisterLine(msgspec.Struct, frozen=True):
    """One holder's account. owner_name: "" of an investor without a public name."""

    account_id: bytes
    owner: bytes
    owner_name: str
    servicer: bytes
    kind: str
    available: int
    earmarked: int


class RegisterPage(Answer, frozen=True, kw_only=True):
    """In the order of the register's own list, which says nothing about the holders. holders: accounts in all. next:
    `after` of the page that follows, b"" after the last."""

    instrument: Label
    outstanding: int
    earmarked: int
    holders: int
    lines: tuple[RegisterLine, ...]
    next: bytes


@named("accounts")
def accounts(node: LedgerNode, viewer: Viewer, params: AccountsOf) -> AccountList:
    """The accounts of an owner or of a servicer, as far as the viewer may see them, in the order of ids.

    By owner it walks the owner's list; a servicer its own clients'. By another servicer it reads all accounts of the
    ledger, and asks the policy about all of them.
    """
    if bool(params.owner) == bool(params.servicer):
        raise Refused(NodeRefusal.PARAMETERS_ARE_WRONG, detail="name an owner or a servicer")
    with reading(node, viewer, params) as view:
        if params.owner:
            found = holdings.accounts_of_owner(view.state, check_id(params.owner), view.height)
        else:
            servicer = check_id(params.servicer)
            found = (
                holdings.accounts_of_servicer(view.state, servicer, view.height)
                if view.is_narrowed(servicer)
                else holdings.accounts(view.state, view.height)
            )
        visible = view.visible(
            found,
            lambda one: AccountContents(one.account_id),
            lambda one: params.servicer in (b"", one.account.servicer),
        )
        lines = [account_line(one.account_id, one.account) for one in visible]
        return AccountList(moment=view.moment, accounts=tuple(lines))


@named("holdings")
def holdings_of(node: LedgerNode, viewer: Viewer, params: AccountOf) -> HoldingsOfAccount:
    """What an account holds, available and earmarked, now or at any past moment.

    Reads all earmarks of the ledger where something is earmarked.
    """
    with reading(node, viewer, params) as view:
        account_id = check_id(params.account)
        view.require(AccountContents(account_id))
        account = present(holdings.account(view.state, account_id, view.height))
        balances = holdings.balances(view.state, account_id, view.height)
        lines = [
            BalanceLine(label(view, one.instrument_id), one.available, one.earmarked) for one in balances
        ]
        marks = (
            holdings.earmarks(view.state, account_id, b"", view.height)
            if any(one.earmarked for one in balances)
            else []
        )
        return HoldingsOfAccount(
            moment=view.moment,
            account=account_line(account_id, account),
            balances=tuple(
                sorted(lines, key=lambda line: (line.instrument.isin, line.instrument.instrument_id))
            ),
            earmarks=tuple(
                EarmarkLine(
                    earmark_id,
                    mark.instrument_id,
                    mark.quantity,
                    mark.reason.name,
                    mark.owner,
                    mark.reference,
                    mark.expiry_ms,
                )
                for earmark_id, mark in marks
            ),
        )


@named("register")
def register(node: LedgerNode, viewer: Viewer, params: RegisterOf) -> RegisterPage:
    """Who holds an instrument, now or at any past moment, page by page.

    A page reads its own lines alone (about 20 µs each), and the totals from the record that counts them. For pages
    that fit together, ask for the next one `at` the height of the first.
    """
    if not 0 < params.limit <= REGISTER_PAGE_MAX:
        raise Refused(
            NodeRefusal.PARAMETERS_ARE_WRONG, limit=REGISTER_PAGE_MAX, detail="limit is 1 to the limit"
        )
    instrument_id = check_id(params.instrument)
    home = node.machine.wired.instruments.find(instrument_id)
    with reading(node, viewer, params, home.market if home is not None else "") as view:
        view.require(Register(instrument_id))
        shown = label(view, instrument_id)
        after = _handle_on_register(view, instrument_id, params.after) if params.after else b""
        held = (
            one for one in holdings.register(view.state, instrument_id, view.height, after) if one.total > 0
        )
        page = list(islice(held, params.limit + 1))
        lines = tuple(_register_line(view, one) for one in page[: params.limit])
        totals = holdings.totals(view.state, instrument_id, view.height)
        return RegisterPage(
            moment=view.moment,
            instrument=shown,
            outstanding=totals.issued - totals.redeemed,
            earmarked=totals.earmarked,
            holders=totals.holders,
            lines=lines,
            next=lines[-1].account_id if len(page) > len(lines) else b"",
        )


def _handle_on_register(view: View, instrument_id: bytes, account_id: bytes) -> bytes:
    """The handle of an account that is on the register; NotVisible where it is not, so that nothing can be probed."""
    key = check_id(account_id) + instrument_id
    present(view.find(HOLDINGS, key))
    return present(view.find(ACCOUNTS, account_id)).handle


def _register_line(view: View, held: holdings.Balance) -> RegisterLine:
    account = present(holdings.account(view.state, held.account_id, view.height))
    owner = view.wired.parties.find(account.owner)
    return RegisterLine(
        held.account_id,
        account.owner,
        owner.name if owner is not None else "",
        account.servicer,
        account.kind.name,
        held.available,
        held.earmarked,
    )


def account_line(account_id: bytes, account: Account) -> AccountLine:
    return AccountLine(
        account_id,
        account.owner,
        account.servicer,
        account.kind.name,
        account.status.name,
        account.joint_holders,
        account.frozen_debits,
        account.frozen_credits,
        account.opened_height,
    )


def label(view: View, instrument_id: bytes) -> Label:
    """How an instrument was called at the moment of the view; NotVisible where it was not announced yet."""
    found: Instrument = present(instruments.instrument(view.state, instrument_id, view.height))
    accepted = instruments.terms(view.state, instrument_id, view.height)
    in_force = [one.accepted.terms for one in accepted if one.in_force]
    terms = in_force[-1] if in_force else accepted[-1].accepted.terms
    isin = next((one.value for one in terms.identifiers if one.scheme == "ISIN"), "")
    return Label(instrument_id, isin, terms.name, found.kind.name, found.currency, found.scale)
