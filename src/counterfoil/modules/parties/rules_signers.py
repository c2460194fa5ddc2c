"""Keys: an address stays the same while the keys behind it change."""

from __future__ import annotations

from counterfoil.modules.module import ActionContext
from counterfoil.modules.parties.books import PartiesBooks
from counterfoil.modules.parties.checks import check_policy, check_recovery
from counterfoil.modules.parties.facts import KeysInForce, RecoveryNamed
from counterfoil.modules.parties.messages import NameRecoveryApprovers, RegisterSigner, RotateKeys
from counterfoil.modules.parties.records import ADDRESS_SIZE, Signer
from counterfoil.modules.parties.rejects import PartiesReject
from counterfoil.primitives.addresses import address_of
from counterfoil.primitives.outcome import Rejected
from counterfoil.primitives.signatures import KeyPolicy, policy_address


def register_signer(books: PartiesBooks, ask: RegisterSigner, context: ActionContext) -> None:
    """The keys prove that they work: each of them signs under its own address."""
    check_policy(ask.policy)
    address = policy_address(ask.policy)
    if books.signers.find(address) is not None:
        raise Rejected(PartiesReject.SIGNER_IS_REGISTERED, signer=address)
    check_recovery(address, ask.recovery, ask.recovery_threshold)
    signed = sum(1 for key in ask.policy.keys if address_of(key) in context.signers)
    if signed < ask.policy.threshold:
        raise Rejected(PartiesReject.KEYS_HAVE_NOT_SIGNED, signed=signed, threshold=ask.policy.threshold)
    books.signers.put(address, Signer(ask.policy, ask.recovery, ask.recovery_threshold))
    _tell_keys(context, address, ask.policy, recovered=False)
    if ask.recovery:
        context.tell(RecoveryNamed(address, ask.recovery, ask.recovery_threshold), address)


def rotate_keys(books: PartiesBooks, ask: RotateKeys, context: ActionContext) -> None:
    """Signed by the keys in force (of a bare key, by that key), or by enough of the recovery approvers."""
    signer = books.signers.find(ask.address) if len(ask.address) == ADDRESS_SIZE else None
    recovered = ask.address not in context.signers
    if recovered:
        if signer is None:
            raise Rejected(PartiesReject.SIGNER_NOT_FOUND)
        approvals = sum(1 for approver in signer.recovery if approver in context.signers)
        if not signer.recovery or approvals < signer.recovery_threshold:
            told = {"approvals": approvals, "threshold": signer.recovery_threshold} if approvals else {}
            raise Rejected(PartiesReject.SIGNER_IS_NOT_AUTHORISED, **told)
    check_policy(ask.policy)
    put_in_force(books, ask.address, signer or Signer(ask.policy), ask.policy, context, recovered=recovered)


def name_recovery_approvers(books: PartiesBooks, ask: NameRecoveryApprovers, context: ActionContext) -> None:
    """Only the signer itself says who may replace its keys."""
    signer = books.signers.find(ask.address) if len(ask.address) == ADDRESS_SIZE else None
    if signer is None:
        raise Rejected(PartiesReject.SIGNER_NOT_FOUND)
    if ask.address not in context.signers:
        raise Rejected(PartiesReject.SIGNER_IS_NOT_AUTHORISED, signer=ask.address)
    check_recovery(ask.address, ask.recovery, ask.recovery_threshold)
    books.signers.put(
        ask.address, Signer(signer.policy, ask.recovery, ask.recovery_threshold, signer.rotations)
    )
    forget_votes(books, ask.address, signer)
    context.tell(RecoveryNamed(ask.address, ask.recovery, ask.recovery_threshold), ask.address)


def put_in_force(
    books: PartiesBooks,
    address: bytes,
    signer: Signer,
    policy: KeyPolicy,
    context: ActionContext,
    *,
    recovered: bool,
) -> None:
    """From the next message on these keys speak for the address, and no approval of other ones is open."""
    books.signers.put(
        address, Signer(policy, signer.recovery, signer.recovery_threshold, signer.rotations + 1)
    )
    forget_votes(books, address, signer)
    _tell_keys(context, address, policy, recovered)


def forget_votes(books: PartiesBooks, address: bytes, signer: Signer) -> None:
    """What a signer's approvers wanted so far counts no longer."""
    for approver in signer.recovery:
        if books.recovery_votes.find(address + approver) is not None:
            books.recovery_votes.delete(address + approver)


def _tell_keys(context: ActionContext, address: bytes, policy: KeyPolicy, recovered: bool) -> None:
    context.tell(KeysInForce(address, policy.threshold, policy.keys, recovered), address)
