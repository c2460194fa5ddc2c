"""Net batches: loaded in parts, their digest signed, settled in one block, all legs or none."""

from __future__ import annotations

from typing import cast

from counterfoil.modules.holdings.interface import PostingReason
from counterfoil.modules.instruments.interface import Instrument, InstrumentKind
from counterfoil.modules.module import ActionContext
from counterfoil.modules.parties.interface import Role
from counterfoil.modules.settlement.books import SettlementBooks
from counterfoil.modules.settlement.checks import check_dates, check_reference
from counterfoil.modules.settlement.facts import (
    BatchCancelled,
    BatchLoaded,
    BatchOpened,
    BatchSettled,
)
from counterfoil.modules.settlement.judging import account_of
from counterfoil.modules.settlement.legs import (
    CHUNKS_MAX,
    LEGS_MAX,
    Denominations,
    Nets,
    batch_digest,
    check_chunk,
    chunk_digest,
    first_undeliverable,
    net,
    touched,
)
from counterfoil.modules.settlement.messages import CancelBatch, LoadBatch, OpenBatch, SettleBatch
from counterfoil.modules.settlement.records import Batch, BatchChunk, Moment, OpenBatchPlace
from counterfoil.modules.settlement.rejects import SettlementReject
from counterfoil.primitives.outcome import Rejected

LOADERS = (Role.DEPOSITORY, Role.EXCHANGE, Role.OPERATOR)


def open_batch(books: SettlementBooks, ask: OpenBatch, context: ActionContext) -> None:
    """Announce a batch; its parts follow."""
    check_reference(ask.reference)
    if not 1 <= ask.chunks <= CHUNKS_MAX:
        raise Rejected(SettlementReject.BATCH_SIZE_IS_INVALID, chunks=ask.chunks)
    market = books.markets.require(ask.market)
    check_dates(ask.settlement_date, ask.settlement_date, market.business_date)
    if ask.party != market.operator and not books.parties.has_role(ask.party, *LOADERS):
        raise Rejected(SettlementReject.BATCH_PARTY_HAS_NO_ROLE, party=ask.party)
    books.parties.authorise(context, ask.party, OpenBatch)
    if not context.use_reference(b"batch", ask.party + ask.reference.encode()):
        raise Rejected(SettlementReject.REFERENCE_IS_USED, reference=ask.reference)

    batch_id = context.new_id()
    opened = Moment(context.height, context.time_ms, market.business_date)
    batch = Batch(ask.market, ask.party, ask.reference, ask.settlement_date, ask.chunks, 0, 0, opened)
    books.batches.put(batch_id, batch)
    books.open_batches.put(open_batch_key(batch_id, batch), OpenBatchPlace())
    fact = BatchOpened(batch_id, ask.market, ask.party, ask.reference, ask.settlement_date, ask.chunks)
    context.tell(fact, ask.party)


def load_batch(books: SettlementBooks, ask: LoadBatch, context: ActionContext) -> None:
    """Keep one part of a batch's legs until the batch settles, and have at hand what it will change."""
    batch = _require(books, context, ask.batch_id)
    books.parties.authorise(context, batch.party, LoadBatch)
    if not 0 <= ask.number < batch.chunks:
        raise Rejected(SettlementReject.CHUNK_NUMBER_IS_INVALID, number=ask.number, chunks=batch.chunks)
    key = _chunk_key(ask.batch_id, ask.number)
    if books.chunks.find(key) is not None:
        raise Rejected(SettlementReject.CHUNK_IS_LOADED, number=ask.number)
    legs = check_chunk(ask.chunk)
    if batch.legs + legs > LEGS_MAX:
        raise Rejected(SettlementReject.BATCH_IS_TOO_LARGE, legs=batch.legs + legs)

    books.chunks.put(key, ask.chunk)
    loaded = Batch(
        batch.market,
        batch.party,
        batch.reference,
        batch.settlement_date,
        batch.chunks,
        batch.loaded + 1,
        batch.legs + legs,
        batch.opened,
    )
    books.batches.put(ask.batch_id, loaded)
    books.holdings.read_ahead(touched(ask.chunk))
    context.tell(BatchLoaded(ask.batch_id, ask.number, legs, chunk_digest(ask.chunk)), batch.party)


def settle_batch(books: SettlementBooks, ask: SettleBatch, context: ActionContext) -> None:
    """Settle every leg of a batch together, on the balances that all of them leave.

    Each account that gives must have agreed: by a signature here, or by a mandate of its owner to the party's signer
    for this message. What an account receives in the batch may cover what it gives.
    """
    batch = _require(books, context, ask.batch_id)
    books.parties.authorise(context, batch.party, SettleBatch)
    if batch.loaded < batch.chunks:
        raise Rejected(SettlementReject.BATCH_IS_NOT_COMPLETE, loaded=batch.loaded, chunks=batch.chunks)
    chunks = [
        cast(BatchChunk, books.chunks.find(_chunk_key(ask.batch_id, number)))
        for number in range(batch.chunks)
    ]
    digest = batch_digest(chunks)
    if ask.digest != digest:
        raise Rejected(SettlementReject.DIGEST_DIFFERS, loaded=digest)
    business_date = books.markets.business_date(batch.market)
    if batch.settlement_date > business_date:
        raise Rejected(SettlementReject.BATCH_IS_NOT_DUE, settlement_date=batch.settlement_date)
    if not books.markets.is_open(batch.market) or books.markets.past_cut_off(
        batch.market, context.time_ms, False
    ):
        raise Rejected(SettlementReject.MARKET_DOES_NOT_SETTLE_NOW)
    nets = net(chunks)
    is_money = _check_instruments(books, batch.market, nets)
    for account_id in nets.accounts:
        books.holdings.require_account(account_id)
    _authorise(books, context, nets)
    _check_buyers(books, context, nets, is_money)

    accounts, instruments = nets.accounts, nets.instruments
    changes = [
        (accounts[account], instruments[instrument], change)
        for account, instrument, change in zip(nets.account, nets.instrument, nets.change, strict=True)
    ]
    books.holdings.apply_net(context, changes, PostingReason.DELIVERED, ask.batch_id)
    changed = dict.fromkeys(nets.account)
    told = dict.fromkeys([account_of(books, accounts[account]).relationship for account in changed])
    context.tell(BatchSettled(ask.batch_id, digest, batch.legs, business_date), batch.party, *told)
    end_batch(books, ask.batch_id, batch)


def cancel_batch(books: SettlementBooks, ask: CancelBatch, context: ActionContext) -> None:
    """Drop a batch and its parts."""
    batch = _require(books, context, ask.batch_id)
    books.parties.authorise(context, batch.party, CancelBatch)

    end_batch(books, ask.batch_id, batch)
    context.tell(BatchCancelled(ask.batch_id, batch.reference), batch.party)


def _check_instruments(books: SettlementBooks, market: str, nets: Nets) -> list[bool]:
    """Whether all that moves may, and each net change is a quantity that can be delivered; which instruments are
    money."""
    instruments: list[Instrument] = []
    for instrument_id in nets.instruments:
        instrument = books.instruments.require_active(instrument_id)
        if instrument.kind is InstrumentKind.MONEY_TOKEN:
            if not books.markets.accepts_asset(market, instrument_id):
                raise Rejected(SettlementReject.ASSET_IS_NOT_ACCEPTED, asset=instrument_id)
        instruments.append(instrument)
    found = first_undeliverable(
        nets, [Denominations(one.settlement_unit, one.minimum, one.multiple) for one in instruments]
    )
    if found is not None:
        books.instruments.check_quantity(instruments[nets.instrument[found]], abs(nets.change[found]))
    return [instrument.kind is InstrumentKind.MONEY_TOKEN for instrument in instruments]


def _require(books: SettlementBooks, context: ActionContext, batch_id: bytes) -> Batch:
    """An open batch, for who announced it; of anybody else's is not told whether there is one."""
    batch = books.batches.find(batch_id)
    if batch is None or not books.parties.is_spoken_for(context, batch.party):
        raise Rejected(SettlementReject.BATCH_NOT_FOUND, batch=batch_id)
    return batch


def _chunk_key(batch_id: bytes, number: int) -> bytes:
    return batch_id + number.to_bytes(4, "big")


def open_batch_key(batch_id: bytes, batch: Batch) -> bytes:
    """Under which an open batch stands by its settlement date, or its announcement where that was later: 40 bytes."""
    date = max(batch.settlement_date, batch.opened.business_date)
    return batch.market.encode() + date.to_bytes(4, "big") + batch_id


def end_batch(books: SettlementBooks, batch_id: bytes, batch: Batch) -> None:
    """Take a batch out of the state with all its parts."""
    for number in range(batch.chunks):
        key = _chunk_key(batch_id, number)
        if books.chunks.find(key) is not None:
            books.chunks.delete(key)
    books.open_batches.delete(open_batch_key(batch_id, batch))
    books.batches.delete(batch_id)


def _authorise(books: SettlementBooks, context: ActionContext, nets: Nets) -> None:
    """Whoever gives anything has agreed; asked once for an account, with the largest quantity that it gives."""
    given: dict[int, int] = {}
    for account, change in zip(nets.account, nets.change, strict=True):
        if change < 0 and -change > given.get(account, 0):
            given[account] = -change
    for account, quantity in given.items():
        account_id = nets.accounts[account]
        books.holdings.authorise_account(
            context, account_id, account_of(books, account_id), SettleBatch, quantity
        )


def _check_buyers(books: SettlementBooks, context: ActionContext, nets: Nets, is_money: list[bool]) -> None:
    """Whoever receives securities in the end may acquire them; asked once for an account."""
    bought = dict.fromkeys(
        account
        for account, instrument, change in zip(nets.account, nets.instrument, nets.change, strict=True)
        if change > 0 and not is_money[instrument]
    )
    for account in bought:
        account_id = nets.accounts[account]
        books.holdings.check_acquisition(account_id, account_of(books, account_id), context.time_ms)
