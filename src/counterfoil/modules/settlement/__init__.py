"""Settlement: instructions that match and settle, delivery against payment, when they are due and provided for."""

from __future__ import annotations

from counterfoil.modules.module import Module
from counterfoil.modules.settlement import facts, messages, rules_amend, rules_batch, rules_notes
from counterfoil.modules.settlement.deadlines import end_recycling, lapse_batches
from counterfoil.modules.settlement.invariants import check, check_all
from counterfoil.modules.settlement.records import (
    BATCH_CHUNKS,
    BATCHES,
    COUNTERS,
    DUE,
    INSTRUCTION_REFERENCES,
    INSTRUCTIONS,
    MATCHING,
    OPEN_BATCHES,
    READY,
    RECYCLED,
    RISEN,
    WAITING,
)
from counterfoil.modules.settlement.rejects import SettlementReject
from counterfoil.modules.settlement.retries import retry
from counterfoil.modules.settlement.rules_both import instruct_both
from counterfoil.modules.settlement.rules_instruct import instruct

MODULE = Module(
    name="settlement",
    tables=(
        INSTRUCTIONS,
        INSTRUCTION_REFERENCES,
        MATCHING,
        WAITING,
        DUE,
        READY,
        RISEN,
        COUNTERS,
        BATCHES,
        BATCH_CHUNKS,
        RECYCLED,
        OPEN_BATCHES,
    ),
    rules={
        messages.Instruct: instruct,
        messages.InstructBoth: instruct_both,
        messages.Amend: rules_amend.amend,
        messages.Allocate: rules_amend.allocate,
        messages.Deallocate: rules_amend.deallocate,
        messages.Cancel: rules_amend.cancel,
        messages.SignOff: rules_amend.sign_off,
        messages.RefuseSignOff: rules_amend.refuse_sign_off,
        messages.OpenBatch: rules_batch.open_batch,
        messages.LoadBatch: rules_batch.load_batch,
        messages.SettleBatch: rules_batch.settle_batch,
        messages.CancelBatch: rules_batch.cancel_batch,
        messages.InstructWithNote: rules_notes.instruct_with_note,
        messages.InstructBothWithNotes: rules_notes.instruct_both_with_notes,
    },
    facts=(
        facts.InstructionAccepted,
        facts.InstructionMatched,
        facts.InstructionPending,
        facts.InstructionAmended,
        facts.InstructionSettled,
        facts.InstructionCancelled,
        facts.CancellationRequested,
        facts.SettlementSignedOff,
        facts.DeliverySettled,
        facts.NotePassed,
        facts.BatchOpened,
        facts.BatchLoaded,
        facts.BatchSettled,
        facts.BatchCancelled,
        facts.BatchLapsed,
    ),
    rejects=SettlementReject,
    deadlines=(end_recycling, lapse_batches),
    retries=(retry,),
    invariants=(check,),
    full_checks=(check_all,),
)
