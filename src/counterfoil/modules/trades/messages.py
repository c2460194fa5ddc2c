"""What members may ask about trades. Tags 800 to 849."""

from __future__ import annotations

from counterfoil.modules.trades.records import TradeTerms
from counterfoil.primitives.codec import Message


class RecordTrade(Message, tag=800):
    """Record a trade. recorder: the seller, the buyer, or the operator of the venue, who signs it for both."""

    terms: TradeTerms
    recorder: bytes


class ConfirmTrade(Message, tag=801):
    """The side that did not record a trade agrees to it. version: of the terms that it agrees to."""

    trade_id: bytes
    version: int


class AmendTrade(Message, tag=802):
    """Replace the terms of a trade: by its recorder before confirmation, by both sides after it, by the venue's
    operator where that signed it. Venue, reference and parties stay."""

    trade_id: bytes
    terms: TradeTerms


class CancelTrade(Message, tag=803):
    """End a trade that nothing was instructed for: by either side before confirmation, by both after it, by the
    venue's operator where that signed it. party: who asks."""

    trade_id: bytes
    party: bytes
