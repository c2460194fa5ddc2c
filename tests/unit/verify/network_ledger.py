"""The small ledger under consensus: founded as a network, or handed over to one after a block."""

from __future__ import annotations

from collections.abc import Callable

from counterfoil.machine.genesis import Genesis
from counterfoil.primitives.signatures import SigningKey
from counterfoil.state.headers import Header
from counterfoil.state.proof_formats import Handover, Vouching
from counterfoil.verify.light.handover import hand_over
from counterfoil.verify.light.steps import TrustedState
from counterfoil.verify.light.vouching import vouch
from tests.unit.state.small_ledger import SEALER, START_MS, SmallLedger
from tests.unit.verify.light.chain import Chain, Powers, equal, validator_set

FOUR = equal("abcd")


def steady(height: int) -> Powers:
    return FOUR


class NetworkLedger(SmallLedger):
    """Blocks up to `sealed_until` are sealed by the embedded engine's key, the others decided by `powers(height)`."""

    def __init__(
        self, name: str = "network", powers: Callable[[int], Powers] = steady, sealed_until: int = 0
    ) -> None:
        self.powers = powers
        self.sealed_until = sealed_until
        super().__init__(name)
        first = sealed_until + 1 if sealed_until else 2
        self.chain = Chain(powers, first=first, chain_id=self.chain_id, app_hash=self._app_hash)

    @property
    def start(self) -> TrustedState:
        """Where a verifier's trust begins."""
        return TrustedState.founded(
            self.chain_id, validator_set(self.powers(self.chain.first)), height=self.sealed_until
        )

    def _genesis(self, name: str, sealer: SigningKey, sandbox: bool) -> Genesis:
        if self.sealed_until:
            return super()._genesis(name, sealer, sandbox)
        named = [{"key": one.key.hex(), "power": one.power} for one in validator_set(self.powers(2))]
        sections = {"validators": {"validators": named}}
        return Genesis(name, START_MS, "", (), sandbox=sandbox, sealed=False, sections=sections)

    def _seal(self, header: Header) -> bytes:
        return super()._seal(header) if header.height <= self.sealed_until else b""

    def _app_hash(self, height: int) -> bytes:
        return [header for header in self.headers if header.height < height][-1].digest()

    def hand_over(self) -> Handover:
        header = next(header for header in self.headers if header.height == self.sealed_until)
        return hand_over(
            self.chain_id, header, validator_set(self.powers(self.sealed_until + 1)), SEALER.sign
        )

    def _vouching(self, header: Header) -> Vouching:
        self.chain.grow(header.height + 1)
        return vouch(self.chain, self.start, header, self.hand_over() if self.sealed_until else None)
