"""A scripted market day, the same in every process and for ever: what its blocks must lead to.

    python -m tests.vectors.golden_market --write

writes `golden_market.json` anew. Do that in a commit of its own that says why a byte, a hash or a result changed; where
ledgers exist already, the new rules stand behind a rule version and its height.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import msgspec

from counterfoil.custody.signers import SandboxKey
from counterfoil.machine.genesis import genesis_digest
from counterfoil.modules.governance.messages import ScheduleUpgrade
from counterfoil.modules.holdings.messages import AmendAccount, FreezeAccount
from counterfoil.modules.instruments.messages import AmendTerms, MatureInstrument, SuspendInstrument
from counterfoil.modules.markets.messages import CloseDay, OpenDay
from counterfoil.modules.parties.messages import NameFourEyes, RotateKeys, SuspendParty
from counterfoil.node.service import Service
from counterfoil.primitives.codec import Message, encode
from tests.model.desk import BLOCK_MS, Desk, by, party
from tests.model.opening import DAY_MS, HOUR_MS, THURSDAY, WEDNESDAY, Opening
from tests.model.samples import missing_kinds, samples

FILE = Path(__file__).with_name("golden_market.json")


LAST = (
    ScheduleUpgrade,
    AmendAccount,
    NameFourEyes,
    RotateKeys,
    SuspendParty,
    AmendTerms,
    MatureInstrument,
    SuspendInstrument,
    FreezeAccount,
    CloseDay,
)
"""What would stand in the way of others comes after them."""


def market_day() -> tuple[Desk, list[type[Message]]]:
    """The opening, one message of every kind in a block of its own, then days that close and open.

    Returns the ledger, and the kinds of message that it accepted.
    """
    opening = Opening().everything()
    desk = opening.desk
    accepted: list[type[Message]] = []

    def send(message: Message, keys: tuple[SandboxKey, ...]) -> None:
        desk.pass_time(BLOCK_MS)
        if not desk.send(message, *keys).result.number:
            accepted.append(type(message))

    later = []
    for message, keys in samples(opening):
        if type(message) in LAST:
            later.append((message, keys))
        else:
            send(message, keys)
    for message, keys in sorted(later, key=lambda sample: LAST.index(type(sample[0]))):
        send(message, keys)
    service = Service(desk.node)
    for closed, opened in ((0, WEDNESDAY), (WEDNESDAY, THURSDAY)):
        service.advance_clock(desk.time_ms + 10 * HOUR_MS)
        if closed:
            desk.send(CloseDay("XTST", closed), *by("depository"))
        service.advance_clock(desk.time_ms + DAY_MS - 10 * HOUR_MS)
        desk.send(OpenDay("XTST", opened), *by("depository"))
        desk.settle_down()
    return desk, accepted


def pinned() -> dict[str, Any]:
    """What the golden file holds."""
    desk, accepted = market_day()
    assert not missing_kinds(accepted), missing_kinds(accepted)
    blocks = list(desk.node.blocks())
    first = next(block for block in blocks if block.block.items)
    last = blocks[-1].header
    return {
        "chain_id": desk.chain_id,
        "genesis_digest": genesis_digest(desk.node.genesis_bytes).hex(),
        "party": party("broker-a").hex(),
        "first_item": first.block.items[0].hex(),
        "last_header": encode(last).hex(),
        "blocks": [
            {
                "height": block.header.height,
                "time_ms": block.header.time_ms,
                "results": [
                    [result.number, *[message.number for message in result.messages]]
                    for result in desk.machine.block_results(block.header.height).results
                ],
                "state_root": block.header.state_root.hex(),
                "app_hash": block.header.digest().hex(),
            }
            for block in blocks
        ],
    }


def read() -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode(FILE.read_bytes())
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.vectors.golden_market")
    parser.add_argument("--write", action="store_true", required=True, help="write the golden file anew")
    parser.parse_args()
    FILE.write_bytes(msgspec.json.format(msgspec.json.encode(pinned()), indent=1) + b"\n")
    print(f"{FILE} written")


if __name__ == "__main__":
    main()
