"""Reads about the ledger itself: its status, its headers, results of transactions, and what a name stands for."""

from __future__ import annotations

import msgspec

from counterfoil.machine.genesis import genesis_digest
from counterfoil.modules.instruments import queries as instruments
from counterfoil.modules.instruments.records import ISIN
from counterfoil.modules.markets.queries import market_codes
from counterfoil.modules.settlement import queries as settlement
from counterfoil.node.ledger import LedgerNode
from counterfoil.node.personas import PERSONAS, party_key, persona_keys
from counterfoil.node.protocol import Answered
from counterfoil.node.reads_base import Answer, AsOf, Params, View, named, reading
from counterfoil.node.reads_parties import all_parties
from counterfoil.node.refusals import NodeRefusal, Refused
from counterfoil.node.viewer import Viewer
from counterfoil.policy.subjects import PartyName, QueueCounts
from counterfoil.primitives.addresses import AddressKind, parse_text
from counterfoil.primitives.identifiers import is_isin
from counterfoil.state.headers import Header

TEXT_LENGTH_MAX = 200


class Nothing(Params, frozen=True):
    """No parameters."""


class TransactionOf(Params, frozen=True, kw_only=True):
    """transaction: as it was sent, with its signatures or without."""

    transaction: bytes


class NameOf(Params, frozen=True, kw_only=True):
    """text: an ISIN, a member's public name, a persona's name (sandbox), or an address as text."""

    text: str


class Status(Answer, frozen=True, kw_only=True):
    """The ledger as it stands.

    application_hash: digest of the last header. clock_ms: what the node's clock shows; the time of a block that comes
    now is not before it. node: the address of this node's own key, b"" of a follower. records: slots of the tree.
    waiting: instructions in each queue, for regulators and whoever operates all markets; nothing for others, whom it
    would tell of each other's business.
    """

    name: str
    genesis: bytes
    rule_version: int
    blocks: int
    application_hash: bytes
    state_root: bytes
    clock_ms: int
    id_window_ms: int
    reference_window_ms: int
    records: int
    sealers: tuple[str, ...]
    node: bytes
    waiting: dict[str, int]


class SealedHeader(Answer, frozen=True, kw_only=True):
    """A header as it was sealed: application_hash is its digest, seal the engine's signature over it."""

    header: Header
    application_hash: bytes
    seal: bytes


class ResultOf(Answer, frozen=True, kw_only=True):
    """result: None where no transaction of this id and expiry was authorised (yet)."""

    result: Answered | None


class Named(Answer, frozen=True, kw_only=True):
    """What a name stands for. kind: "party", "account", "instrument" or "signer"."""

    kind: str
    identity: bytes


class Persona(msgspec.Struct, frozen=True):
    """A named persona of a sandbox. keys: tagged public keys that it signs with. party: whom it acts for, b"" where
    that party is not on the ledger. does: in words."""

    name: str
    keys: tuple[bytes, ...]
    party: bytes
    party_name: str
    does: str


class Personas(Answer, frozen=True, kw_only=True):
    personas: tuple[Persona, ...]


@named("status", is_alike=True)
def status(node: LedgerNode, viewer: Viewer, params: Nothing) -> Status:
    """The ledger's name, height, root and time. Public but for what waits."""
    with reading(node, viewer) as view:
        header, parameters = view.header, node.machine.parameters
        return Status(
            moment=view.moment,
            name=node.genesis.name,
            genesis=genesis_digest(node.genesis_bytes),
            rule_version=header.rule_version,
            blocks=header.number + 1,
            application_hash=header.digest(),
            state_root=header.state_root,
            clock_ms=node.clock(),
            id_window_ms=parameters.id_window_ms,
            reference_window_ms=parameters.reference_window_ms,
            records=header.slot_count,
            sealers=node.genesis.sealers,
            node=node.sealer.address,
            waiting=settlement.waiting_counts(view.state) if _oversees_settlement(view) else {},
        )


def _oversees_settlement(view: View) -> bool:
    return all(view.may_see(QueueCounts(code)) for code in market_codes(view.state))


@named("header", is_alike=True)
def header(node: LedgerNode, viewer: Viewer, params: AsOf) -> SealedHeader:
    """The header that was in force at a moment, with its seal. Public."""
    with reading(node, viewer, params) as view:
        stored = node.machine.header(view.header.number)
        return SealedHeader(
            moment=view.moment,
            header=stored.header,
            application_hash=stored.header.digest(),
            seal=stored.seal,
        )


@named("result", is_alike=True)
def result(node: LedgerNode, viewer: Viewer, params: TransactionOf) -> ResultOf:
    """The first authorised result of a transaction, however long ago, to whoever has the transaction itself.

    Its id would not do: it stands in the receipts of everybody whom the transaction concerned, while the results name
    what was created for others too.
    """
    with reading(node, viewer) as view:
        return ResultOf(moment=view.moment, result=first_answer(node, params.transaction))


def first_answer(node: LedgerNode, transaction: bytes) -> Answered | None:
    """What was first decided about a transaction; None where that is nothing yet, or the bytes are none."""
    prepared = node.machine.reader.prepare(transaction)
    if prepared.reject is not None or prepared.body is None:
        return None
    found = node.machine.first_result(prepared.body.expiry_ms, prepared.id)
    if found is None:
        return None
    height, first = found
    return Answered(first.id, height, first.number, first.messages)


@named("find")
def find(node: LedgerNode, viewer: Viewer, params: NameOf) -> Named:
    """What a name stands for: an address as text, an ISIN, a member's public name. Refused NAME_IS_UNKNOWN."""
    text = params.text.strip()[:TEXT_LENGTH_MAX]
    with reading(node, viewer) as view:
        try:
            kind, identity = parse_text(text)
            return Named(moment=view.moment, kind=_KINDS[kind], identity=identity)
        except ValueError:
            pass
        if is_isin(text):
            instrument = instruments.instrument_of_identifier(view.state, ISIN, text)
            if instrument is not None:
                return Named(moment=view.moment, kind="instrument", identity=instrument)
        party = view.wired.parties.find_by_name(text)
        if party is not None and view.may_see(PartyName(party)):
            return Named(moment=view.moment, kind="party", identity=party)
    raise Refused(NodeRefusal.NAME_IS_UNKNOWN, name=text)


@named("personas", is_alike=True)
def personas(node: LedgerNode, viewer: Viewer, params: Nothing) -> Personas:
    """The named personas of a sandbox and the parties they act for. Refused NO_SANDBOX on any other ledger.

    Reads all parties.
    """
    if not node.sandbox:
        raise Refused(NodeRefusal.NO_SANDBOX)
    with reading(node, viewer) as view:
        by_signer = {party.signer: key for key, party in all_parties(view)}
        found = []
        for card in PERSONAS:
            party = by_signer.get(party_key(card.name).address, b"")
            keys = tuple(key.public_key for key in persona_keys(card.name))
            found.append(Persona(card.name, keys, party, card.party, card.does))
        return Personas(moment=view.moment, personas=tuple(found))


_KINDS = {
    AddressKind.SIGNER: "signer",
    AddressKind.PARTY: "party",
    AddressKind.ACCOUNT: "account",
    AddressKind.INSTRUMENT: "instrument",
}
