"""The consortium: the members who run the ledger together, and how they decide."""

from __future__ import annotations

from counterfoil.modules.consortium import facts, rules
from counterfoil.modules.consortium.deadlines import lapse_motions
from counterfoil.modules.consortium.founding import ConsortiumGenesis, found
from counterfoil.modules.consortium.invariants import check, check_all
from counterfoil.modules.consortium.messages import (
    ApproveMotion,
    ProposeMotion,
    SetDecisionRule,
    SetWeight,
    WithdrawApproval,
)
from counterfoil.modules.consortium.records import (
    DECISION_RULES,
    MEMBERS,
    MOTION_APPROVALS,
    MOTION_LAPSES,
    MOTIONS,
)
from counterfoil.modules.consortium.rejects import ConsortiumReject
from counterfoil.modules.module import Module

__all__ = ["MODULE", "ConsortiumGenesis", "found"]

MODULE = Module(
    name="consortium",
    tables=(MEMBERS, DECISION_RULES, MOTIONS, MOTION_APPROVALS, MOTION_LAPSES),
    rules={
        ProposeMotion: rules.propose_motion,
        ApproveMotion: rules.approve_motion,
        WithdrawApproval: rules.withdraw_approval,
        SetWeight: rules.set_weight,
        SetDecisionRule: rules.set_decision_rule,
    },
    facts=(
        facts.MotionProposed,
        facts.MotionApproved,
        facts.ApprovalWithdrawn,
        facts.MotionCarried,
        facts.MotionEnded,
        facts.WeightSet,
        facts.DecisionRuleSet,
    ),
    rejects=ConsortiumReject,
    deadlines=(lapse_motions,),
    invariants=(check,),
    full_checks=(check_all,),
)
