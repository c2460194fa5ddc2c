"""The keys of the sealed ledger, as records: epochs and who holds their roots, counters of view keys, grants."""

from __future__ import annotations

from counterfoil.modules.module import Module
from counterfoil.modules.viewkeys import facts, rules_epochs, rules_views
from counterfoil.modules.viewkeys.deadlines import end_grants
from counterfoil.modules.viewkeys.invariants import check, check_all
from counterfoil.modules.viewkeys.messages import (
    AdmitHolder,
    ConfirmKeyEpoch,
    EndViewGrant,
    GrantViewKey,
    ProposeKeyEpoch,
    RaiseViewKey,
    RecordOpeningKey,
    RemoveHolder,
)
from counterfoil.modules.viewkeys.records import (
    EPOCH_IN_FORCE,
    HOLDERS,
    KEY_EPOCHS,
    OPENING_KEYS,
    PROPOSED_EPOCHS,
    STOPPED_PARTIES,
    VIEW_GRANT_ENDS,
    VIEW_GRANTS,
    VIEW_GRANTS_OF,
    VIEW_NODES,
)
from counterfoil.modules.viewkeys.rejects import ViewKeysReject
from counterfoil.modules.viewkeys.stopping import raise_for_stopped

MODULE = Module(
    name="viewkeys",
    tables=(
        KEY_EPOCHS,
        EPOCH_IN_FORCE,
        PROPOSED_EPOCHS,
        HOLDERS,
        OPENING_KEYS,
        VIEW_NODES,
        VIEW_GRANTS,
        VIEW_GRANT_ENDS,
        VIEW_GRANTS_OF,
        STOPPED_PARTIES,
    ),
    rules={
        AdmitHolder: rules_epochs.admit_holder,
        RemoveHolder: rules_epochs.remove_holder,
        ProposeKeyEpoch: rules_epochs.propose_epoch,
        ConfirmKeyEpoch: rules_epochs.confirm_epoch,
        RaiseViewKey: rules_views.raise_view_key,
        RecordOpeningKey: rules_views.record_opening_key,
        GrantViewKey: rules_views.grant_view_key,
        EndViewGrant: rules_views.end_view_grant,
    },
    facts=(
        facts.HolderAdmitted,
        facts.HolderRemoved,
        facts.KeyEpochProposed,
        facts.KeyEpochBegins,
        facts.ViewKeyRaised,
        facts.ViewKeysChanged,
        facts.OpeningKeyRecorded,
        facts.ViewKeyGranted,
        facts.ViewGrantEnded,
    ),
    rejects=ViewKeysReject,
    deadlines=(end_grants,),
    retries=(raise_for_stopped,),
    invariants=(check,),
    full_checks=(check_all,),
)
