"""The markets: their rulebooks as data, their calendars, and the business day."""

from counterfoil.modules.markets import deadlines, facts, invariants, messages, rules
from counterfoil.modules.markets.records import (
    ACCEPTED_ASSETS,
    AMENDMENTS,
    CALENDARS,
    DAY_CLOSES,
    MARKETS,
    RULEBOOKS,
)
from counterfoil.modules.markets.rejects import MarketsReject
from counterfoil.modules.module import Module

__all__ = ["MODULE"]

MODULE = Module(
    name="markets",
    tables=(MARKETS, RULEBOOKS, AMENDMENTS, CALENDARS, ACCEPTED_ASSETS, DAY_CLOSES),
    rules={
        messages.OpenMarket: rules.open_market,
        messages.AmendRulebook: rules.amend_rulebook,
        messages.SetCalendar: rules.set_calendar,
        messages.OpenDay: rules.open_day,
        messages.CloseDay: rules.close_day,
        messages.AcceptAsset: rules.accept_asset,
        messages.WithdrawAsset: rules.withdraw_asset,
        messages.HandOverMarket: rules.hand_over_market,
    },
    facts=(
        facts.MarketOpened,
        facts.RulebookAmended,
        facts.CalendarSet,
        facts.DayOpened,
        facts.DayClosed,
        facts.AssetAccepted,
        facts.AssetWithdrawn,
        facts.MarketHandedOver,
    ),
    rejects=MarketsReject,
    deadlines=(deadlines.follow_schedules,),
    invariants=(invariants.check,),
    full_checks=(invariants.check_all,),
)
