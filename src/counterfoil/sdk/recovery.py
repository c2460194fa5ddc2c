"""Lost keys, step by step: naming who may help, asking them with a new key, and their approvals.

Nobody needs the lost key. The new key signs the request, which the first approver completes; what the ledger has of it
then, the others approve one after the other, until the threshold is full and the new key is in force.
"""

from __future__ import annotations

from collections.abc import Iterable

from counterfoil.modules.approvals.messages import ApproveTransaction, ProposeTransaction
from counterfoil.modules.parties.messages import ApproveRecovery, RegisterSigner, WithdrawRecovery
from counterfoil.primitives.addresses import address_of
from counterfoil.primitives.codec import encode
from counterfoil.primitives.signatures import single_key
from counterfoil.sdk.client import Client, Result

REQUEST_DAYS = 14
"""So long a request waits for its first approver; the ledger lets a proposal wait for up to 90 days."""
_DAY_MS = 86_400_000


class RecoveryMismatch(Exception):
    """What is on the ledger is not the recovery that the approver was asked for. Nothing was approved."""


def name_approvers(client: Client, approvers: Iterable[bytes], threshold: int) -> bytes:
    """Register the client's first key as a signer whose keys `threshold` of the approvers (addresses) may replace.

    Returns the signer's address, which is the key's own. Do it before the address is given to a sponsor.
    """
    key = client.keys[0]
    client.send(RegisterSigner(single_key(key.public_key), tuple(sorted(approvers)), threshold))
    return key.address


def request(client: Client, address: bytes, approver: bytes) -> bytes:
    """Ask for the client's first key to replace the lost ones of `address`. client: of the new key, without a party.

    approver: the address of the one who begins. Returns the proposal (32 bytes) that it finds on the ledger.
    """
    key = client.keys[0]
    content = _content(address, key.public_key, approver)
    return client.send(ProposeTransaction(content, client.time_ms() + REQUEST_DAYS * _DAY_MS)).created


def begin(client: Client, proposal: bytes, address: bytes, new_key: bytes) -> Result:
    """The first approval. client: an approver's, whose first key approves.

    new_key: the tagged key (33 bytes) that the owner named to the approver in person, by telephone or in a letter: what
    the ledger shows alone says nothing of who made it. RecoveryMismatch where the proposal is another.
    """
    approver = client.keys[0].address
    found = next((line for line in client.proposals(approver) if line.proposal_id == proposal), None)
    if found is None or found.content != _content(address, new_key, approver):
        raise RecoveryMismatch(
            "There is no such request, or it is for another address or another key; ask its owner again."
        )
    return client.send(ApproveTransaction(proposal))


def approve(client: Client, address: bytes, new_key: bytes) -> Result:
    """A further approval; the one that makes the threshold full puts the new key in force."""
    return client.send(ApproveRecovery(address, single_key(new_key)))


def withdraw(client: Client, address: bytes) -> Result:
    """An approver takes its approval back; or the owner, who lost nothing, ends the recovery with the old key."""
    return client.send(WithdrawRecovery(address))


def _content(address: bytes, new_key: bytes, approver: bytes) -> bytes:
    """What new key and first approver sign together."""
    wanted = ApproveRecovery(address, single_key(new_key))
    return encode(((address_of(new_key), approver), (wanted,)))
