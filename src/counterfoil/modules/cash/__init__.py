"""Cash: money tokens that an issuer owes, minted against deposits and redeemed against payments."""

from __future__ import annotations

from counterfoil.modules.cash import facts, messages, rules
from counterfoil.modules.cash.deadlines import lapse_redemptions
from counterfoil.modules.cash.invariants import check, check_all
from counterfoil.modules.cash.records import BANK_ENTRIES, OPEN_REDEMPTIONS, REDEMPTIONS, SUPPLIES
from counterfoil.modules.cash.rejects import CashReject
from counterfoil.modules.module import Module

MODULE = Module(
    name="cash",
    tables=(BANK_ENTRIES, SUPPLIES, REDEMPTIONS, OPEN_REDEMPTIONS),
    rules={
        messages.Mint: rules.mint,
        messages.RequestRedemption: rules.request_redemption,
        messages.PayRedemption: rules.pay_redemption,
        messages.RefuseRedemption: rules.refuse_redemption,
    },
    facts=(
        facts.Minted,
        facts.RedemptionRequested,
        facts.RedemptionPaid,
        facts.RedemptionRefused,
        facts.RedemptionLapsed,
    ),
    rejects=CashReject,
    deadlines=(lapse_redemptions,),
    invariants=(check,),
    full_checks=(check_all,),
)
