"""The read of this node's log of reads, for whoever guards the data; and its check."""

from __future__ import annotations

from itertools import islice

import msgspec

from counterfoil.modules.grants import queries as grants
from counterfoil.node.ledger import LedgerNode
from counterfoil.node.read_log import Head, ReadEntry
from counterfoil.node.reads_base import Answer, Params, named, reading
from counterfoil.node.refusals import NodeRefusal, Refused
from counterfoil.node.viewer import Viewer
from counterfoil.policy.subjects import ReadsOfNode

LOG_PAGE_MAX = 1_000


class ReadLogOf(Params, frozen=True, kw_only=True):
    """first: number of the first entry wanted; where older ones are kept no more, it begins with those that are."""

    first: int = 1
    limit: int = LOG_PAGE_MAX


class Recording(msgspec.Struct, frozen=True):
    """That the ledger says since block `height`: the log had so many entries then, which lead to this digest."""

    party: bytes
    height: int
    time_ms: int
    entries: int
    head: bytes


class ReadLogPage(Answer, frozen=True, kw_only=True):
    """node: whose log it is. total: entries so far; head: what they lead to. recorded: oldest first.

    next: `first` of the page after this one, 0 after the last.
    """

    node: bytes
    total: int
    head: bytes
    recorded: tuple[Recording, ...]
    entries: tuple[ReadEntry, ...]
    next: int


@named("read-log")
def read_log(node: LedgerNode, viewer: Viewer, params: ReadLogOf) -> ReadLogPage:
    """Who read what is another's at this node, when, by which right. For the data protection role alone."""
    if params.first < 1 or not 0 < params.limit <= LOG_PAGE_MAX:
        raise Refused(
            NodeRefusal.PARAMETERS_ARE_WRONG,
            limit=LOG_PAGE_MAX,
            detail="first is 1 or more, limit 1 to the limit",
        )
    with reading(node, viewer) as view:
        view.require(ReadsOfNode())
        moment, recorded = view.moment, recordings_of(node)
    head = node.read_log.head
    entries = tuple(islice(node.read_log.entries(params.first), params.limit))
    after = entries[-1].number + 1 if entries else 0
    return ReadLogPage(
        moment=moment,
        node=node.sealer.address,
        total=head.entries,
        head=head.digest,
        recorded=recorded,
        entries=entries,
        next=after if after <= head.entries else 0,
    )


def recordings_of(node: LedgerNode) -> tuple[Recording, ...]:
    """What the ledger says of this node's log, the oldest first."""
    found = []
    with node.engine.lock:
        for party, address, _ in grants.recorded_logs(node.state):
            if address == node.sealer.address:
                found += [
                    Recording(party, height, record.time_ms, record.entries, record.head)
                    for height, record in grants.recordings(node.state, party, address)
                ]
    return tuple(sorted(found, key=lambda one: one.height))


def check_read_log(node: LedgerNode) -> tuple[Head, Head, tuple[Recording, ...]]:
    """Follow this node's whole log and compare it with what the ledger says of it.

    Returns where what is kept begins, how far it goes, and what it was compared with. Raises LogTampered.
    """
    recorded = recordings_of(node)
    first = node.read_log.check([Head(one.entries, one.head) for one in recorded])
    return first, node.read_log.head, recorded
