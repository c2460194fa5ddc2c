"""Issuance: securities are registered, grow, shrink and end as the market's policy demands, and are allotted."""

from __future__ import annotations

from counterfoil.modules.issuance import facts, messages, rules_registration
from counterfoil.modules.issuance.invariants import check, check_all
from counterfoil.modules.issuance.records import ISSUES, PLACINGS, REGISTRATIONS
from counterfoil.modules.issuance.rejects import IssuanceReject
from counterfoil.modules.issuance.rules_allotment import allot
from counterfoil.modules.module import Module

MODULE = Module(
    name="issuance",
    tables=(ISSUES, REGISTRATIONS, PLACINGS),
    rules={
        messages.RegisterIssue: rules_registration.register_issue,
        messages.RegisterFurtherIssue: rules_registration.register_further_issue,
        messages.RegisterReduction: rules_registration.register_reduction,
        messages.RegisterRedemption: rules_registration.register_redemption,
        messages.RegisterExit: rules_registration.register_exit,
        messages.Allot: allot,
    },
    facts=(facts.IssueRegistered, facts.AllotmentMade, facts.Allotted),
    rejects=IssuanceReject,
    invariants=(check,),
    full_checks=(check_all,),
)
