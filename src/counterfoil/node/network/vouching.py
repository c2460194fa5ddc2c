"""What a network's node puts into its proofs in place of a seal: light blocks, which its own engine has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from counterfoil.engine.cometbft.rpc import EngineRefused, EngineRpc, EngineUnreachable
from counterfoil.machine.genesis import Genesis, network_validators
from counterfoil.node.follower import HANDOVER_NAME
from counterfoil.state.headers import Header
from counterfoil.state.light_blocks import LightBlock
from counterfoil.state.proof_formats import Handover, Vouching
from counterfoil.state.proofs import CannotProve, NotSignedYet
from counterfoil.verify.light.client import LATEST, NoSuchBlock
from counterfoil.verify.light.commits import VALIDATORS_MAX
from counterfoil.verify.light.files import read_handover
from counterfoil.verify.light.handover import check_handover
from counterfoil.verify.light.json_form import read_light_block
from counterfoil.verify.light.refusals import Invalid, NotEnoughTrust
from counterfoil.verify.light.steps import TrustedState
from counterfoil.verify.light.vouching import vouch

PER_PAGE = 100
TIMEOUT_SECONDS = 5.0
"""The books are held still meanwhile; the engine answers in milliseconds."""


class EngineProvider:
    """Light blocks from the node's own engine."""

    def __init__(self, rpc: EngineRpc) -> None:
        self._rpc = rpc

    def light_block(self, height: int) -> LightBlock:
        try:
            commit = self._rpc.ask("commit", **({} if height == LATEST else {"height": str(height)}))
            signed = commit["signed_header"]
            found: list[Any] = []
            total = 1
            while len(found) < total:
                page = self._rpc.ask(
                    "validators",
                    height=signed["header"]["height"],
                    page=str(len(found) // PER_PAGE + 1),
                    per_page=str(PER_PAGE),
                )
                total, part = int(page["total"]), list(page["validators"])
                if not part or total > VALIDATORS_MAX:
                    raise Invalid("the engine answers no validators, or too many")
                found += part
        except EngineRefused as refused:
            raise NoSuchBlock(str(refused)) from None
        return read_light_block(signed, found)


class Vouchers:
    """Of one node. folder: of the node, with the handover of a ledger that had the embedded engine first."""

    def __init__(self, genesis: Genesis, chain_id: str, folder: Path, rpc: Path) -> None:
        self._provider = EngineProvider(EngineRpc(rpc, TIMEOUT_SECONDS))
        self._handover = _handover_in(folder)
        self._start = (
            check_handover(self._handover, chain_id, [bytes.fromhex(key) for key in genesis.sealers])
            if self._handover is not None
            else TrustedState.founded(chain_id, network_validators(genesis))
        )

    def __call__(self, header: Header) -> Vouching:
        """What shows that the network decided a header. CannotProve where the block after it is not signed yet."""
        try:
            return vouch(self._provider, self._start, header, self._handover)
        except NoSuchBlock:
            raise NotSignedYet(f"block {header.height} is not signed yet; ask again in a moment") from None
        except (EngineUnreachable, Invalid, NotEnoughTrust) as error:
            raise CannotProve(
                f"the engine shows nothing that vouches for block {header.height}: {error}"
            ) from None


def _handover_in(folder: Path) -> Handover | None:
    try:
        return read_handover((folder / HANDOVER_NAME).read_bytes())
    except FileNotFoundError:
        return None
