"""One market in New York on the ledger of the parties' tests."""

from __future__ import annotations

from typing import Any

import msgspec

from counterfoil.modules.markets.interface import DaySchedule, MatchingField, RegistrationApprover, Rulebook
from counterfoil.modules.markets.messages import CloseDay, OpenDay, OpenMarket
from counterfoil.modules.markets.records import Market
from counterfoil.primitives.calendars import SATURDAY_AND_SUNDAY, Calendar, IsoDate, UtcOffsets
from tests.unit.parties.world import HOUR_MS, NOW_MS, World, makers_and_checkers, party

BOTH = makers_and_checkers("operator")
MARKET = "XNYS"
NEW_YORK = UtcOffsets(((1_362_898_800_000, -240), (1_383_458_400_000, -300)))
"""Summer time from 10 March to 3 November 2013."""
FRIDAY, MONDAY, TUESDAY, WEDNESDAY = 20131004, 20131007, 20131008, 20131009
HOLIDAY = 20131014
WEEKDAYS = Calendar(SATURDAY_AND_SUNDAY, (IsoDate(HOLIDAY),))
BY_HAND = Rulebook(
    effective_from=MONDAY,
    time_zone="America/New_York",
    offsets=NEW_YORK,
    schedule=DaySchedule(),
    settlement_cycle_days=3,
    matching_fields=(MatchingField.TRADE_DATE,),
    amount_tolerance=200,
    registration_policy=(RegistrationApprover.ISSUER, RegistrationApprover.NOTARY),
    sign_off_required=False,
    cut_off_dvp_minute=16 * 60,
    cut_off_fop_minute=18 * 60,
)
SCHEDULED = msgspec.structs.replace(BY_HAND, schedule=DaySchedule(6 * 60, 20 * 60))
OPEN_MARKET = OpenMarket(party("operator"), MARKET, "New York", FRIDAY, BY_HAND, WEEKDAYS, WEEKDAYS)


class MarketWorld(World):
    """It is Monday morning, 8 o'clock in New York; the market was founded as `rulebook` says."""

    def __init__(self, rulebook: Rulebook = BY_HAND, **changes: Any) -> None:
        super().__init__()
        self.at(NOW_MS + 12 * HOUR_MS)
        self.act(msgspec.structs.replace(OPEN_MARKET, rulebook=rulebook, **changes), *BOTH)
        self.end_block()

    def at(self, time_ms: int) -> None:
        """Begin the open block anew at a moment."""
        self.time_ms = time_ms
        self.block = self._new_block()

    def open(self, date: int) -> None:
        self.act(OpenDay(MARKET, date), *BOTH)
        self.end_block()

    def close(self, date: int) -> None:
        self.act(CloseDay(MARKET, date), *BOTH)
        self.end_block()

    @property
    def market(self) -> Market:
        return self.markets.require(MARKET)
