"""Accounts, who holds how much of what in them, and what of it is set aside: the only writer of quantities."""

from __future__ import annotations

from counterfoil.modules.holdings import facts, rules_accounts, rules_holdings
from counterfoil.modules.holdings.deadlines import lapse_earmarks
from counterfoil.modules.holdings.invariants import check, check_all
from counterfoil.modules.holdings.messages import (
    AmendAccount,
    CloseAccount,
    ForceTransfer,
    FreezeAccount,
    FreezeHolding,
    OpenAccount,
    PlaceEarmark,
    ReleaseEarmark,
    UnfreezeAccount,
    UnfreezeHolding,
)
from counterfoil.modules.holdings.records import (
    ACCOUNTS,
    CONTENTS,
    EARMARK_EXPIRIES,
    EARMARKS,
    HOLDINGS,
    PARTY_ACCOUNTS,
    PARTY_RELATIONSHIPS,
    RELATIONSHIPS,
    TOTALS,
)
from counterfoil.modules.holdings.rejects import HoldingsReject
from counterfoil.modules.module import Module

MODULE = Module(
    name="holdings",
    tables=(
        HOLDINGS,
        ACCOUNTS,
        EARMARKS,
        EARMARK_EXPIRIES,
        TOTALS,
        CONTENTS,
        PARTY_ACCOUNTS,
        RELATIONSHIPS,
        PARTY_RELATIONSHIPS,
    ),
    rules={
        OpenAccount: rules_accounts.open_new_account,
        AmendAccount: rules_accounts.amend,
        FreezeAccount: rules_accounts.freeze,
        UnfreezeAccount: rules_accounts.unfreeze,
        PlaceEarmark: rules_holdings.place_earmark,
        CloseAccount: rules_accounts.close,
        ReleaseEarmark: rules_holdings.release_earmark,
        ForceTransfer: rules_holdings.force_transfer,
        FreezeHolding: rules_holdings.freeze_holding,
        UnfreezeHolding: rules_holdings.unfreeze_holding,
    },
    facts=(
        facts.Posting,
        facts.EarmarkPlaced,
        facts.EarmarkReduced,
        facts.AccountOpened,
        facts.AccountAmended,
        facts.AccountHeldJointly,
        facts.AccountFrozen,
        facts.AccountUnfrozen,
        facts.AccountClosed,
        facts.TransferredByOrder,
    ),
    rejects=HoldingsReject,
    deadlines=(lapse_earmarks,),
    invariants=(check,),
    full_checks=(check_all,),
)
