"""Validators: whose nodes decide blocks, with which keys and which power, at every height."""

from __future__ import annotations

from counterfoil.modules.module import Module
from counterfoil.modules.validators import facts, rules
from counterfoil.modules.validators.founding import ValidatorsGenesis, found
from counterfoil.modules.validators.invariants import check, check_all
from counterfoil.modules.validators.messages import (
    AddValidator,
    ReadmitValidator,
    RemoveValidator,
    RotateConsensusKey,
    SetVotingPower,
)
from counterfoil.modules.validators.records import CONSENSUS_KEYS, MISBEHAVIOURS, VALIDATOR_SETS, VALIDATORS
from counterfoil.modules.validators.rejects import ValidatorsReject

__all__ = ["MODULE", "ValidatorsGenesis", "found"]

MODULE = Module(
    name="validators",
    tables=(VALIDATORS, VALIDATOR_SETS, CONSENSUS_KEYS, MISBEHAVIOURS),
    rules={
        AddValidator: rules.add_validator,
        RemoveValidator: rules.remove_validator,
        SetVotingPower: rules.set_voting_power,
        RotateConsensusKey: rules.rotate_consensus_key,
        ReadmitValidator: rules.readmit_validator,
    },
    facts=(
        facts.ValidatorAdded,
        facts.ValidatorRemoved,
        facts.VotingPowerSet,
        facts.ConsensusKeyRotated,
        facts.ValidatorReadmitted,
        facts.MisbehaviourRecorded,
    ),
    rejects=ValidatorsReject,
    invariants=(check,),
    full_checks=(check_all,),
)
