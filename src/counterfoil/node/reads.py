"""Every named read: what a client, a command or a page can ask of a node. Each asks the policy first."""

from __future__ import annotations

from typing import Any, Final

from counterfoil.node.ledger import LedgerNode
from counterfoil.node.reads_accounts import accounts, holdings_of, register
from counterfoil.node.reads_base import Read
from counterfoil.node.reads_business import instruction, instructions, list_trades, proposals, trade
from counterfoil.node.reads_certificates import certificate, list_authorities, list_certificates
from counterfoil.node.reads_consortium import consortium_of, list_feeds, list_validators, motions
from counterfoil.node.reads_custody import custody_trail, signer_details
from counterfoil.node.reads_grants import list_grants, list_key_grants
from counterfoil.node.reads_history import history
from counterfoil.node.reads_keys import (
    draft_holder,
    draft_key_epoch,
    key_epochs,
    opening_key,
    view_keys,
)
from counterfoil.node.reads_ledger import find, header, personas, result, status
from counterfoil.node.reads_log import read_log
from counterfoil.node.reads_market import instrument, list_instruments, list_markets
from counterfoil.node.reads_names import identity, list_identities, person, registrars
from counterfoil.node.reads_parties import list_parties, party_details
from counterfoil.node.reads_proofs import proof
from counterfoil.node.reads_receipts import receipts
from counterfoil.node.reads_sealed import sealed_blocks, sealed_receipts
from counterfoil.node.reads_statement import statement
from counterfoil.node.refusals import NodeRefusal, Refused
from counterfoil.node.viewer import Viewer
from counterfoil.primitives.codec import encode

__all__ = [
    "READS",
    "answer_read",
    "custody_trail",
    "signer_details",
    "accounts",
    "certificate",
    "consortium_of",
    "draft_holder",
    "draft_key_epoch",
    "find",
    "header",
    "history",
    "holdings_of",
    "identity",
    "instruction",
    "instructions",
    "instrument",
    "key_epochs",
    "list_authorities",
    "list_certificates",
    "list_feeds",
    "list_grants",
    "list_key_grants",
    "list_identities",
    "list_instruments",
    "list_markets",
    "list_parties",
    "list_trades",
    "opening_key",
    "list_validators",
    "motions",
    "party_details",
    "person",
    "personas",
    "proof",
    "proposals",
    "receipts",
    "read_log",
    "register",
    "registrars",
    "result",
    "sealed_blocks",
    "sealed_receipts",
    "statement",
    "status",
    "trade",
    "view_keys",
]

_ALL: tuple[Read[Any, Any], ...] = (
    status,
    header,
    result,
    find,
    personas,
    list_markets,
    list_instruments,
    instrument,
    list_parties,
    party_details,
    signer_details,
    custody_trail,
    registrars,
    identity,
    list_identities,
    person,
    list_authorities,
    list_certificates,
    certificate,
    accounts,
    holdings_of,
    register,
    statement,
    history,
    instructions,
    instruction,
    list_trades,
    trade,
    proposals,
    consortium_of,
    motions,
    list_validators,
    list_feeds,
    list_grants,
    list_key_grants,
    read_log,
    proof,
    key_epochs,
    view_keys,
    opening_key,
    draft_key_epoch,
    draft_holder,
    sealed_receipts,
    sealed_blocks,
    receipts,
)

READS: Final[dict[str, Read[Any, Any]]] = {read.name: read for read in _ALL}
"""By name. A read's `params`, `answer` and `text` are all that a command or a page needs to be made from it."""


def answer_read(node: LedgerNode, viewer: bytes, name: str, params: bytes, signer: bytes = b"") -> bytes:
    """The encoded answer of a read, for a party (or `ANYBODY`) that an address spoke for. Raises `Refused`, or
    `NotVisible`."""
    read = READS.get(name)
    if read is None:
        raise Refused(NodeRefusal.READ_IS_UNKNOWN, name=name[:40])
    asked, decoded = Viewer(viewer, signer), read.decode_params(params)
    try:
        return encode(read.run(node, asked, decoded))
    finally:  # whatever is told, be it why something cannot be: what it rests on is written down first
        node.read_log.note(asked, name, params)
