"""Reads of trades, settlement instructions, and proposals that wait for signatures."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from counterfoil.modules.approvals import queries as approvals
from counterfoil.modules.settlement import queries as settlement
from counterfoil.modules.settlement.records import INSTRUCTIONS_OF_ACCOUNT, Instruction
from counterfoil.modules.trades import queries as trades
from counterfoil.modules.trades.interface import Trade, TradeTerms
from counterfoil.node.ledger import LedgerNode
from counterfoil.node.reads_base import (
    LONG_ID_SIZE,
    PAGE_MAX,
    Answer,
    AsOf,
    Params,
    View,
    check_id,
    named,
    reading,
)
from counterfoil.node.refusals import NodeRefusal, Refused
from counterfoil.node.viewer import Viewer
from counterfoil.policy.subjects import AccountContents, Business, PendingProposal, Side


class InstructionOf(AsOf, frozen=True, kw_only=True):
    """instruction: id (32 bytes)."""

    instruction: bytes


class TradeOf(AsOf, frozen=True, kw_only=True):
    """trade: id (32 bytes)."""

    trade: bytes


class OpenBusiness(Params, frozen=True, kw_only=True):
    """What is named narrows the list: account, party (ids), market (code). first, limit: the page."""

    account: bytes = b""
    party: bytes = b""
    market: str = ""
    first: int = 0
    limit: int = PAGE_MAX


class PendingOf(Params, frozen=True, kw_only=True):
    """signer: only proposals that name this address (20 bytes); b"" for all that the viewer may see."""

    signer: bytes = b""


class InstructionLine(msgspec.Struct, frozen=True):
    """Quantities in units of the instrument's scale, amounts of the asset's.

    Statuses as ISO 20022's sese.024 names them; code: its reason; words and remedy: in plain language.
    """

    instruction_id: bytes
    market: str
    party: bytes
    account: bytes
    cash_account: bytes
    movement: str
    method: str
    transaction_type: str
    instrument_id: bytes
    quantity: int
    settled_quantity: int
    asset: bytes
    amount: int
    settled_amount: int
    counterparty: bytes
    counterparty_account: bytes
    trade_date: int
    settlement_date: int
    reference: str
    common_reference: str
    trade_reference: str
    trade: bytes
    counterpart: bytes
    priority: str
    partial: str
    accepted_height: int
    accepted_time_ms: int
    accepted_business_date: int
    matched_height: int
    matched_business_date: int
    processing: str
    matching: str
    hold: str
    settlement: str
    cancellation: str
    failing: bool
    code: str
    words: str
    remedy: str


class InstructionDetails(Answer, frozen=True, kw_only=True):
    instruction: InstructionLine


class InstructionList(Answer, frozen=True, kw_only=True):
    """By entry. next: `first` of the page after this one, 0 after the last."""

    instructions: tuple[InstructionLine, ...]
    next: int


class TradeLine(msgspec.Struct, frozen=True):
    """idle_since: the business date of `market` since which nothing is under way for it (0: something is).

    terms: with the clients of those sides alone whose business the viewer may see.
    """

    trade_id: bytes
    status: str
    recorder: bytes
    version: int
    recorded_height: int
    recorded_time_ms: int
    settled_quantity: int
    instructions: tuple[bytes, ...]
    market: str
    idle_since: int
    terms: TradeTerms


class TradeDetails(Answer, frozen=True, kw_only=True):
    trade: TradeLine


class TradeList(Answer, frozen=True, kw_only=True):
    """Oldest first. next: `first` of the page after this one, 0 after the last."""

    trades: tuple[TradeLine, ...]
    next: int


class ProposalLine(msgspec.Struct, frozen=True):
    """messages: kinds of what is proposed. content: what the signers approve, encoded (signers, messages)."""

    proposal_id: bytes
    proposer: bytes
    messages: tuple[str, ...]
    content: bytes
    expires_ms: int
    approved: tuple[bytes, ...]
    missing: tuple[bytes, ...]


class ProposalList(Answer, frozen=True, kw_only=True):
    """The one that lapses first at the head."""

    proposals: tuple[ProposalLine, ...]


@named("instruction")
def instruction(node: LedgerNode, viewer: Viewer, params: InstructionOf) -> InstructionDetails:
    """A live instruction with its statuses, or as it was at a past moment. One that has ended is in the history."""
    with reading(node, viewer, params) as view:
        key = check_id(params.instruction, LONG_ID_SIZE)
        found = settlement.instruction(view.state, key, view.height)
        live = view.shown(found, subject_of_instruction(found))
        return InstructionDetails(moment=view.moment, instruction=_instruction_line(view, key, live))


@named("instructions")
def instructions(node: LedgerNode, viewer: Viewer, params: OpenBusiness) -> InstructionList:
    """Live instructions that the viewer may see, by entry.

    Of an account that the viewer may see it walks the account's list; otherwise it reads every live instruction.
    """
    _check_page(params)
    with reading(node, viewer) as view:
        account = check_id(params.account) if params.account else b""
        own = params.party if view.is_narrowed(params.party) else b""
        found = _of_account(view, account)
        visible = view.visible(
            found if found is not None else settlement.open_instructions(view.state, party=own),
            lambda one: subject_of_instruction(one[1]),
            lambda one: (
                account in (b"", one[1].account)
                and params.party in (b"", one[1].party)
                and params.market in ("", one[1].market)
            ),
        )
        page, after = _page(visible, params)
        return InstructionList(
            moment=view.moment,
            instructions=tuple(_instruction_line(view, key, live) for key, live in page),
            next=after,
        )


@named("trade")
def trade(node: LedgerNode, viewer: Viewer, params: TradeOf) -> TradeDetails:
    """A live trade, or as it was at a past moment. One that has settled is in the history."""
    with reading(node, viewer, params) as view:
        key = check_id(params.trade, LONG_ID_SIZE)
        found = trades.trade(view.state, key, view.height)
        seen = SeenTrade.of(view, key, found)
        live = view.shown(found, seen.subject)
        return TradeDetails(moment=view.moment, trade=_trade_line(view, seen, live))


@named("trades")
def list_trades(node: LedgerNode, viewer: Viewer, params: OpenBusiness) -> TradeList:
    """Live trades that the viewer may see, the oldest first. Reads every live trade."""
    _check_page(params)
    with reading(node, viewer) as view:
        own = params.party if view.is_narrowed(params.party) else b""
        found = trades.live_trades(view.state, own)
        visible = view.visible(
            [(SeenTrade.of(view, key, live), live) for key, live in found],
            lambda one: one[0].subject,
            lambda one: (
                params.party in (b"", one[1].terms.seller, one[1].terms.buyer)
                and params.market in ("", one[1].terms.venue)
                and (not params.account or params.account in one[0].visible_clients(view))
            ),
        )
        page, after = _page(visible, params)
        return TradeList(
            moment=view.moment, trades=tuple(_trade_line(view, seen, live) for seen, live in page), next=after
        )


@named("proposals")
def proposals(node: LedgerNode, viewer: Viewer, params: PendingOf) -> ProposalList:
    """Transactions that wait on the ledger for signatures, as far as the viewer may see them."""
    with reading(node, viewer) as view:
        visible = view.visible(
            approvals.open_proposals(view.state),
            lambda one: PendingProposal(one.proposal.signers),
            lambda one: not params.signer or params.signer in one.proposal.signers,
        )
        return ProposalList(moment=view.moment, proposals=tuple(_proposal_line(view, one) for one in visible))


# ---- subjects ----


class _NoInstruction(NamedTuple):
    party: bytes = b""
    account: bytes = b""
    market: str = ""


class _NoTerms(NamedTuple):
    seller: bytes = b""
    buyer: bytes = b""
    venue: str = ""


class _NoTrade(NamedTuple):
    terms: _NoTerms = _NoTerms()


_NO_INSTRUCTION, _NO_TRADE = _NoInstruction(), _NoTrade()
"""Stand-ins for what is not there: nobody's business, about which the policy is asked all the same."""


def subject_of_instruction(found: Instruction | None) -> Business:
    live = found or _NO_INSTRUCTION
    return Business((Side(live.party, live.account),), live.market)


class SeenTrade(NamedTuple):
    """A trade, or that there is none, before it is known who looks. clients: the seller's, the buyer's, or b""."""

    trade_id: bytes
    terms: TradeTerms | _NoTerms
    clients: tuple[bytes, bytes]

    @classmethod
    def of(cls, view: View, trade_id: bytes, trade: Trade | None) -> SeenTrade:
        return cls(trade_id, (trade or _NO_TRADE).terms, trades.clients(view.state, trade_id, view.height))

    @property
    def sides(self) -> tuple[Side, Side]:
        return Side(self.terms.seller, self.clients[0]), Side(self.terms.buyer, self.clients[1])

    @property
    def subject(self) -> Business:
        """The trade as such: what both sides may see of it."""
        return Business(self.sides, self.terms.venue)

    def visible_clients(self, view: View) -> tuple[bytes, bytes]:
        """Each side's client where the viewer may know that side's business, else b""."""
        seller, buyer = (
            side.account if view.may_see(Business((side,), self.terms.venue)) else b"" for side in self.sides
        )
        return seller, buyer


# ---- lines ----


def _of_account(view: View, account_id: bytes) -> list[tuple[bytes, Instruction]] | None:
    """None where there is no such account, or it is not the viewer's to know how long its list is."""
    account = view.wired.holdings.account(account_id)
    visible = view.policy.may_see(view.viewer.party, AccountContents(account_id))
    if account is None or not visible:
        return None
    members = view.state.members(INSTRUCTIONS_OF_ACCOUNT.number, account.handle)
    found = [(full_key[1:], settlement.instruction(view.state, full_key[1:])) for full_key in members]
    return sorted(((key, live) for key, live in found if live is not None), key=lambda entry: entry[1].entry)


def _instruction_line(view: View, key: bytes, live: Instruction) -> InstructionLine:
    statuses = settlement.statuses(live, view.wired.markets)
    return InstructionLine(
        instruction_id=key,
        market=live.market,
        party=live.party,
        account=live.account,
        cash_account=live.cash_account,
        movement=live.movement.value,
        method=live.method.name,
        transaction_type=live.transaction_type,
        instrument_id=live.instrument_id,
        quantity=live.quantity,
        settled_quantity=live.settled_quantity,
        asset=live.asset,
        amount=live.amount,
        settled_amount=live.settled_amount,
        counterparty=live.counterparty,
        counterparty_account=live.counterparty_account,
        trade_date=live.trade_date,
        settlement_date=live.settlement_date,
        reference=live.reference,
        common_reference=live.common_reference,
        trade_reference=live.trade_reference,
        trade=live.trade,
        counterpart=live.counterpart,
        priority=live.priority.name,
        partial=live.partial.value,
        accepted_height=live.accepted.height,
        accepted_time_ms=live.accepted.time_ms,
        accepted_business_date=live.accepted.business_date,
        matched_height=live.matched.height if live.matched is not None else 0,
        matched_business_date=live.matched.business_date if live.matched is not None else 0,
        processing=statuses.processing,
        matching=statuses.matching,
        hold=statuses.hold,
        settlement=statuses.settlement,
        cancellation=statuses.cancellation,
        failing=statuses.failing,
        code=statuses.code,
        words=statuses.words,
        remedy=statuses.remedy,
    )


def _trade_line(view: View, seen: SeenTrade, live: Trade) -> TradeLine:
    seller_client, buyer_client = seen.visible_clients(view)
    terms = replace(live.terms, seller_client=seller_client, buyer_client=buyer_client)
    return TradeLine(
        seen.trade_id,
        live.status.name,
        live.recorder,
        live.version,
        live.recorded_height,
        live.recorded_time_ms,
        live.settled_quantity,
        live.instructions,
        live.market,
        live.idle_since,
        terms,
    )


def _proposal_line(view: View, found: approvals.ProposalView) -> ProposalLine:
    _, messages = view.node.machine.reader.proposal(found.proposal.content)
    return ProposalLine(
        found.proposal_id,
        found.proposal.proposer,
        tuple(type(message).__name__ for message in messages),
        found.proposal.content,
        found.proposal.expires_ms,
        tuple(address for address, _ in found.approved),
        found.missing,
    )


def _check_page(params: OpenBusiness) -> None:
    if params.first < 0 or not 0 < params.limit <= PAGE_MAX:
        raise Refused(
            NodeRefusal.PARAMETERS_ARE_WRONG,
            limit=PAGE_MAX,
            detail="first is 0 or more, limit 1 to the limit",
        )


def _page(found: list[Any], params: OpenBusiness) -> tuple[Iterable[Any], int]:
    """The page asked for, and where the next one begins (0 after the last)."""
    page = found[params.first : params.first + params.limit]
    after = params.first + len(page)
    return page, after if after < len(found) else 0
