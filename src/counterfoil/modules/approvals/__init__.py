"""Approvals: transactions whose signers are not together collect their signatures on the ledger."""

from __future__ import annotations

from counterfoil.modules.approvals import facts, rules
from counterfoil.modules.approvals.deadlines import lapse_proposals
from counterfoil.modules.approvals.invariants import check, check_all
from counterfoil.modules.approvals.messages import ApproveTransaction, ProposeTransaction, WithdrawProposal
from counterfoil.modules.approvals.records import APPROVALS, LAPSES, OPEN_PROPOSALS, PROPOSALS
from counterfoil.modules.approvals.rejects import ApprovalsReject
from counterfoil.modules.module import Module

MODULE = Module(
    name="approvals",
    tables=(PROPOSALS, APPROVALS, LAPSES, OPEN_PROPOSALS),
    rules={
        ProposeTransaction: rules.propose,
        ApproveTransaction: rules.approve,
        WithdrawProposal: rules.withdraw,
    },
    facts=(
        facts.ProposalEntered,
        facts.ProposalApproved,
        facts.ProposalExecuted,
        facts.ProposalWithdrawn,
        facts.ProposalLapsed,
    ),
    rejects=ApprovalsReject,
    deadlines=(lapse_proposals,),
    invariants=(check,),
    full_checks=(check_all,),
)
