"""One net settlement batch: loaded in chunks, their digest signed, all legs settled in one block or none."""

from __future__ import annotations

import random
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.ledger import MARKET, key, new_ledger, opened, signed
from counterfoil.machine.founding import opening_account, opening_security
from counterfoil.modules.settlement.legs import LEGS_PER_CHUNK_MAX, batch_digest
from counterfoil.modules.settlement.messages import LoadBatch, OpenBatch, SettleBatch
from counterfoil.modules.settlement.records import BatchChunk
from counterfoil.node.clock import system_clock_ms
from counterfoil.node.ledger import LedgerNode


@dataclass
class Settled:
    """founding, loading: seconds before; settling: from handing in the signed digest to its durable acknowledgement."""

    legs: int
    accounts: int
    securities: int
    founding_seconds: float
    loading_seconds: float
    settling_seconds: float

    @property
    def rate(self) -> float:
        return self.legs / self.settling_seconds


def settle(accounts: int = 10_000, securities: int = 500, held: int = 100) -> Settled:
    """One leg on every holding of the opening register: accounts × held of them."""
    folder = Path(tempfile.mkdtemp(prefix="counterfoil-batch-", dir="/var/tmp"))
    try:
        started = time.perf_counter()
        new_ledger(folder / "ledger", accounts, securities, held)
        founding = time.perf_counter() - started
        with opened(folder / "ledger") as node:
            return _settle(node, accounts, securities, held, founding)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _settle(node: LedgerNode, accounts: int, securities: int, held: int, founding: float) -> Settled:
    chunks = make_chunks(accounts, securities, held)
    operator = node.machine.wired.parties.find_by_name("operator") or b""
    today = node.machine.wired.markets.business_date(MARKET)

    def send(message: object) -> list[bytes]:
        raw = signed(node.chain_id, (message,), (key("operator"),), system_clock_ms() + 300_000)
        _, outcome = node.engine.submit(raw).result()
        if outcome.result.number:
            raise RuntimeError(str(outcome.rejects[0]))
        return list(outcome.result.messages[0].objects)

    started = time.perf_counter()
    batch = send(OpenBatch(MARKET, operator, "bench batch", today, len(chunks)))[0]
    for number, chunk in enumerate(chunks):
        send(LoadBatch(batch, number, chunk))
    loading = time.perf_counter() - started
    digest = batch_digest(chunks)
    started = time.perf_counter()
    send(SettleBatch(batch, digest))
    settling = time.perf_counter() - started
    return Settled(accounts * held, accounts, securities, founding, loading, settling)


def make_chunks(accounts: int, securities: int, held: int) -> list[BatchChunk]:
    """Legs that net to zero for each security: its holders, in pairs, give and take."""
    chance = random.Random(1)
    legs: list[tuple[int, int, int]] = []
    for security in range(securities):
        holders = [number for number in range(accounts) if (security - number) % securities < held]
        for giver, taker in zip(holders[::2], holders[1::2], strict=False):
            quantity = chance.randrange(1, 1000)
            legs.append((giver, security, -quantity))
            legs.append((taker, security, quantity))
    chance.shuffle(legs)
    ids = [opening_account(number) for number in range(accounts)]
    securities_ids = [opening_security(number) for number in range(securities)]
    return [
        _chunk(legs[at : at + LEGS_PER_CHUNK_MAX], ids, securities_ids)
        for at in range(0, len(legs), LEGS_PER_CHUNK_MAX)
    ]


def _chunk(legs: list[tuple[int, int, int]], accounts: list[bytes], securities: list[bytes]) -> BatchChunk:
    account_table = sorted({accounts[account] for account, _, _ in legs})
    security_table = sorted({securities[security] for _, security, _ in legs})
    account_at = {identity: at for at, identity in enumerate(account_table)}
    security_at = {identity: at for at, identity in enumerate(security_table)}
    return BatchChunk(
        accounts=b"".join(account_table),
        instruments=b"".join(security_table),
        account_index=np.array([account_at[accounts[leg[0]]] for leg in legs], dtype="<u4").tobytes(),
        instrument_index=np.array([security_at[securities[leg[1]]] for leg in legs], dtype="<u2").tobytes(),
        quantity=np.array([leg[2] for leg in legs], dtype="<i8").tobytes(),
    )
