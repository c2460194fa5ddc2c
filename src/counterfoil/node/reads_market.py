"""Reads of public facts: markets with their rulebooks and business days, instruments with their terms."""

from __future__ import annotations

import msgspec

from counterfoil.modules.instruments import queries as instruments
from counterfoil.modules.instruments.interface import Terms
from counterfoil.modules.issuance import queries as issuance
from counterfoil.modules.markets import queries as markets
from counterfoil.modules.markets.interface import Rulebook
from counterfoil.node.ledger import LedgerNode
from counterfoil.node.reads_accounts import Label, label
from counterfoil.node.reads_base import (
    PAGE_MAX,
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
from counterfoil.policy.subjects import PublicFact


class MarketLine(msgspec.Struct, frozen=True):
    """business_date: yyyymmdd; of the open day, or of the last one. Times in ms since 1970 UTC. closes: the block in
    which the last day was closed, 0 for none."""

    market: str
    name: str
    operator: bytes
    is_open: bool
    business_date: int
    cut_off_dvp_ms: int
    cut_off_fop_ms: int
    rulebook: Rulebook
    closed_height: int


class MarketList(Answer, frozen=True, kw_only=True):
    markets: tuple[MarketLine, ...]


class InstrumentOf(AsOf, frozen=True, kw_only=True):
    """instrument: id (20 bytes)."""

    instrument: bytes


class InstrumentsPage(AsOf, frozen=True, kw_only=True):
    """first: how many to pass over; limit: lines of the page."""

    first: int = 0
    limit: int = PAGE_MAX


class InstrumentLine(msgspec.Struct, frozen=True):
    label: Label
    status: str
    issuer: bytes
    registrar: bytes
    market: str


class InstrumentList(Answer, frozen=True, kw_only=True):
    """In the order of their ids. next: `first` of the page after this one, 0 after the last."""

    instruments: tuple[InstrumentLine, ...]
    next: int


class TermsLine(msgspec.Struct, frozen=True):
    """A version of the terms. effective_from: business date (yyyymmdd)."""

    version: int
    effective_from: int
    accepted_time_ms: int
    in_force: bool
    terms: Terms


class InstrumentDetails(Answer, frozen=True, kw_only=True):
    """Everything public about an instrument: identity, status, every version of its terms."""

    label: Label
    status: str
    issuer: bytes
    registrar: bytes
    market: str
    class_name: str
    campaign: str
    quantity_type: str
    settlement_unit: int
    minimum: int
    multiple: int
    rounding: str
    maturity_date: int
    registered: int
    ended: int
    terms: tuple[TermsLine, ...]


@named("markets", is_alike=True)
def list_markets(node: LedgerNode, viewer: Viewer, params: AsOf) -> MarketList:
    """Every market with its rulebook in force, its business day and whether it is open. Public."""
    with reading(node, viewer, params) as view:
        view.require(PublicFact())
        lines = (_market_line(view, code) for code in markets.market_codes(view.state))
        return MarketList(moment=view.moment, markets=tuple(line for line in lines if line is not None))


@named("instruments", is_alike=True)
def list_instruments(node: LedgerNode, viewer: Viewer, params: InstrumentsPage) -> InstrumentList:
    """Every instrument that was announced. Public. Reads all of them for each page."""
    if params.first < 0 or not 0 < params.limit <= PAGE_MAX:
        raise Refused(
            NodeRefusal.PARAMETERS_ARE_WRONG,
            limit=PAGE_MAX,
            detail="first is 0 or more, limit 1 to the limit",
        )
    with reading(node, viewer, params) as view:
        view.require(PublicFact())
        found = instruments.instruments(view.state, view.height)
        page = found[params.first : params.first + params.limit]
        after = params.first + len(page)
        return InstrumentList(
            moment=view.moment,
            instruments=tuple(
                InstrumentLine(
                    label(view, one), record.status.name, record.issuer, record.registrar, record.market
                )
                for one, record in page
            ),
            next=after if after < len(found) else 0,
        )


@named("instrument", is_alike=True)
def instrument(node: LedgerNode, viewer: Viewer, params: InstrumentOf) -> InstrumentDetails:
    """An instrument's identity, status, and every version of its terms. Public."""
    instrument_id = check_id(params.instrument)
    home = node.machine.wired.instruments.find(instrument_id)
    with reading(node, viewer, params, home.market if home is not None else "") as view:
        view.require(PublicFact())
        found = present(instruments.instrument(view.state, instrument_id, view.height))
        issue = issuance.issue(view.state, instrument_id, view.height)
        return InstrumentDetails(
            moment=view.moment,
            label=label(view, instrument_id),
            status=found.status.name,
            issuer=found.issuer,
            registrar=found.registrar,
            market=found.market,
            class_name=found.class_name,
            campaign=found.campaign,
            quantity_type=found.quantity_type.name,
            settlement_unit=found.settlement_unit,
            minimum=found.minimum,
            multiple=found.multiple,
            rounding=found.rounding.name,
            maturity_date=found.maturity_date,
            registered=issue.registered if issue is not None else 0,
            ended=issue.ended if issue is not None else 0,
            terms=tuple(
                TermsLine(
                    one.version,
                    one.accepted.effective_from,
                    one.accepted.accepted_time_ms,
                    one.in_force,
                    one.accepted.terms,
                )
                for one in instruments.terms(view.state, instrument_id, view.height)
            ),
        )


def _market_line(view: View, code: str) -> MarketLine | None:
    found = markets.market(view.state, code, view.height)
    rulebook = markets.rulebook(view.state, code, view.height)
    if found is None or rulebook is None:
        return None
    return MarketLine(
        code,
        found.name,
        found.operator,
        found.status.name == "OPEN",
        found.business_date,
        found.cut_off_dvp_ms,
        found.cut_off_fop_ms,
        rulebook,
        found.closed_height,
    )
