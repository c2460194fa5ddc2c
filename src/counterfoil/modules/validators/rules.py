"""Who takes part in consensus, with which key and which power, and what misbehaviour costs."""

from __future__ import annotations

from msgspec.structs import replace

from counterfoil.modules.module import BY_THE_CONSORTIUM, PUBLIC, ActionContext
from counterfoil.modules.validators.books import ValidatorsBooks
from counterfoil.modules.validators.facts import (
    ConsensusKeyRotated,
    MisbehaviourRecorded,
    ValidatorAdded,
    ValidatorReadmitted,
    ValidatorRemoved,
    VotingPowerSet,
)
from counterfoil.modules.validators.messages import (
    AddValidator,
    ReadmitValidator,
    RemoveValidator,
    RotateConsensusKey,
    SetVotingPower,
)
from counterfoil.modules.validators.possession import is_possessed
from counterfoil.modules.validators.records import (
    CONSENSUS_ADDRESS_SIZE,
    HEIGHT_MAX,
    ROTATION_INTERVAL_MS,
    VALIDATORS_MAX,
    VOTING_POWER_MAX,
    ConsensusKey,
    Misbehaviour,
    RecordedMisbehaviour,
    Validator,
    ValidatorStatus,
    height_key,
)
from counterfoil.modules.validators.rejects import ValidatorsReject
from counterfoil.modules.validators.sets import present_entries, put_in_force
from counterfoil.primitives.outcome import Rejected
from counterfoil.primitives.signatures import check_key
from counterfoil.verify.light.encoding import address_of_validator

ACTIVE, SUSPENDED = ValidatorStatus.ACTIVE, ValidatorStatus.SUSPENDED


def add_validator(books: ValidatorsBooks, ask: AddValidator, context: ActionContext) -> None:
    books.parties.authorise(context, ask.party, AddValidator)
    books.parties.require_active(ask.party)
    if books.validators.find(ask.party) is not None:
        raise Rejected(ValidatorsReject.PARTY_IS_A_VALIDATOR, party=ask.party)
    if sum(1 for _ in books.validators.scan()) >= VALIDATORS_MAX:
        raise Rejected(ValidatorsReject.TOO_MANY_VALIDATORS, limit=VALIDATORS_MAX)
    check_power(ask.power)
    _take_key(books, ask, context)

    books.validators.put(ask.party, Validator(ask.key, ask.power, ACTIVE, context.height))
    from_height = put_in_force(books, context.height)
    context.tell(ValidatorAdded(ask.party, ask.key, ask.power, from_height), PUBLIC)


def remove_validator(books: ValidatorsBooks, ask: RemoveValidator, context: ActionContext) -> None:
    books.parties.authorise(context, ask.party, RemoveValidator)
    _require(books, ask.party)

    books.validators.delete(ask.party)
    context.tell(ValidatorRemoved(ask.party, put_in_force(books, context.height)), PUBLIC)


def set_voting_power(books: ValidatorsBooks, ask: SetVotingPower, context: ActionContext) -> None:
    books.parties.authorise(context, ask.party, SetVotingPower)
    validator = _require_active(books, ask.party)
    check_power(ask.power)

    books.validators.put(ask.party, replace(validator, power=ask.power))
    context.tell(VotingPowerSet(ask.party, ask.power, put_in_force(books, context.height)), PUBLIC)


def rotate_consensus_key(books: ValidatorsBooks, ask: RotateConsensusKey, context: ActionContext) -> None:
    """The power stays: a member in whose hands a key is no longer safe need not wait for the others."""
    books.parties.authorise(context, ask.party, RotateConsensusKey)
    validator = _require_active(books, ask.party)
    by_itself = context.signers is not BY_THE_CONSORTIUM
    if by_itself and validator.rotated_ms and context.time_ms < validator.rotated_ms + ROTATION_INTERVAL_MS:
        raise Rejected(
            ValidatorsReject.KEY_WAS_ROTATED_JUST_NOW, until_ms=validator.rotated_ms + ROTATION_INTERVAL_MS
        )
    _take_key(books, ask, context)

    rotated_ms = context.time_ms if by_itself else validator.rotated_ms
    books.validators.put(ask.party, replace(validator, key=ask.key, rotated_ms=rotated_ms))
    context.tell(ConsensusKeyRotated(ask.party, ask.key, put_in_force(books, context.height)), PUBLIC)


def readmit_validator(books: ValidatorsBooks, ask: ReadmitValidator, context: ActionContext) -> None:
    """What it did before this block was known to those who decided, and costs it nothing again."""
    books.parties.authorise(context, ask.party, ReadmitValidator)
    books.parties.require_active(ask.party)
    if _require(books, ask.party).status is not SUSPENDED:
        raise Rejected(ValidatorsReject.VALIDATOR_IS_NOT_SUSPENDED, party=ask.party)
    check_power(ask.power)
    _take_key(books, ask, context)

    books.validators.put(ask.party, Validator(ask.key, ask.power, ACTIVE, context.height))
    from_height = put_in_force(books, context.height)
    context.tell(ValidatorReadmitted(ask.party, ask.key, ask.power, from_height), PUBLIC)


def record_misbehaviour(books: ValidatorsBooks, found: Misbehaviour, context: ActionContext) -> None:
    """Put on record what the engine has proven, and take the validator's power.

    It keeps its power where nobody else has any, since a set without power decides nothing ever again, and where it
    was readmitted after what it did; on record it is in any case. What is of nobody's key, or on record, is nothing.
    """
    known = len(found.address) == CONSENSUS_ADDRESS_SIZE and 0 < found.height <= HEIGHT_MAX
    key = books.keys.find(found.address) if known else None
    if key is None:
        return
    record_key = height_key(found.height) + found.address + bytes((found.kind,))
    if books.misbehaviours.find(record_key) is not None:
        return

    validator = books.validators.find(key.party)
    others = any(entry.party != key.party for entry in present_entries(books))
    suspends = (
        validator is not None
        and validator.status is ACTIVE
        and found.height >= validator.since_height
        and others
    )
    if validator is not None and suspends:
        books.validators.put(key.party, replace(validator, power=0, status=SUSPENDED))
        put_in_force(books, context.height)
    books.misbehaviours.put(
        record_key,
        RecordedMisbehaviour(key.party, found.time_ms, found.total_power, context.height, suspends),
    )
    fact = MisbehaviourRecorded(key.party, found.address, found.kind, found.height, suspends)
    context.tell(fact, PUBLIC)


def check_power(power: int) -> None:
    if not 1 <= power <= VOTING_POWER_MAX:
        raise Rejected(ValidatorsReject.POWER_IS_NOT_IN_RANGE, power=power, limit=VOTING_POWER_MAX)


def _take_key(
    books: ValidatorsBooks,
    ask: AddValidator | RotateConsensusKey | ReadmitValidator,
    context: ActionContext,
) -> None:
    """A consensus key serves one validator, once, which has shown that it has it."""
    party, key = ask.party, ask.key
    if not check_key(key):
        raise Rejected(ValidatorsReject.KEY_IS_NOT_GOOD)
    address = address_of_validator(key)
    if books.keys.find(address) is not None:
        raise Rejected(ValidatorsReject.KEY_WAS_IN_USE, address=address)
    if not is_possessed(context.block.chain_id, party, key, ask.possession):
        raise Rejected(ValidatorsReject.KEY_IS_NOT_POSSESSED, address=address)
    books.keys.put(address, ConsensusKey(party, key, context.height))


def _require(books: ValidatorsBooks, party: bytes) -> Validator:
    validator = books.validators.find(party)
    if validator is None:
        raise Rejected(ValidatorsReject.PARTY_IS_NO_VALIDATOR, party=party)
    return validator


def _require_active(books: ValidatorsBooks, party: bytes) -> Validator:
    validator = _require(books, party)
    if validator.status is not ACTIVE:
        raise Rejected(ValidatorsReject.VALIDATOR_IS_SUSPENDED, party=party)
    return validator
