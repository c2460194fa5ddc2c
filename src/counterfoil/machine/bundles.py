"""Bundles: what anybody can check of one, and what whoever holds the root opens."""

from __future__ import annotations

from collections.abc import Callable

from counterfoil.machine.rejects import MachineReject
from counterfoil.machine.sealed_ledger import NOT_SEALED, SealedLedger
from counterfoil.machine.transactions import (
    BUNDLE_BYTES_MAX,
    Bundle,
    BundleContent,
    Prepared,
    Reader,
    bundle_sign_prefix,
    read_bundle,
)
from counterfoil.primitives.outcome import Rejected
from counterfoil.primitives.signatures import verify


def check_outside(prefix: bytes, raw: bytes) -> tuple[Bundle, BundleContent]:
    """Take a bundle apart, and check who gathered it: all that needs no root, at the cost of one signature.

    prefix: `bundle_sign_prefix`. Rejected BUNDLE_IS_MALFORMED.
    """
    if len(raw) > BUNDLE_BYTES_MAX:
        raise Rejected(MachineReject.BUNDLE_IS_MALFORMED, size=len(raw), limit=BUNDLE_BYTES_MAX)
    bundle, content = read_bundle(raw)
    if not verify(bundle.key, prefix + bundle.content, bundle.signature):
        raise Rejected(MachineReject.BUNDLE_IS_MALFORMED, detail="the gatherer's signature is wrong")
    if not (0 < content.expiry_ms < 2**62 and NOT_SEALED <= content.key_epoch < 2**62):
        raise Rejected(MachineReject.BUNDLE_IS_MALFORMED, detail="expiry or epoch")
    return bundle, content


class BundleReader:
    """Opens the bundles of one ledger, sealed or not."""

    def __init__(self, chain_id: str, reader: Reader, sealed: SealedLedger | None) -> None:
        self.prefix = bundle_sign_prefix(chain_id)
        self._reader = reader
        self._sealed = sealed

    def open(
        self, raw: bytes, admit: Callable[[BundleContent], None] = lambda _content: None
    ) -> tuple[BundleContent, bytes, list[Prepared]]:
        """(content, the key that signed it, its transactions), taken apart, signatures inside unchecked. Whether its
        epoch still serves is another question: `serves`.

        admit: is asked when the gatherer is known and nothing is opened yet; it may raise Rejected. Rejected
        BUNDLE_IS_MALFORMED, or BUNDLE_CANNOT_BE_OPENED.
        """
        bundle, content = check_outside(self.prefix, raw)
        admit(content)
        return content, bundle.key, [self._reader.prepare(one) for one in self._opened(content)]

    def serves(self, content: BundleContent, time_ms: int) -> bool:
        """Whether a bundle counts in a block of `time_ms`: neither it nor its epoch is of the past."""
        if content.expiry_ms <= time_ms:
            return False
        return self._sealed is None or self._sealed.serves(content.key_epoch, time_ms)

    def read_again(self, raw: bytes) -> tuple[bytes, ...]:
        """The transactions of a bundle that was decided at any time, as they came; none where it did not open then."""
        _, content = read_bundle(raw)
        try:
            return self._opened(content)
        except Rejected:
            return ()

    def _opened(self, content: BundleContent) -> tuple[bytes, ...]:
        if self._sealed is not None:
            return self._sealed.open(content)
        if content.key_epoch != NOT_SEALED:
            raise Rejected(MachineReject.BUNDLE_CANNOT_BE_OPENED, gatherer=content.gatherer)
        return content.transactions
