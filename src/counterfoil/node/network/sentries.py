"""Whom each node of a new network talks to: a validator behind sentries knows those alone, and only they know where
it is.

As the engine's own documentation has it (docs/core/validators.md in CometBFT).
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from counterfoil.node.network.homes import Peering
from counterfoil.node.network.settings import NetworkNode


def peering_of(own: NetworkNode, nodes: Sequence[NetworkNode]) -> Peering:
    """nodes: all of the network, where known with their addresses.

    A sentry that was not told where its validator is waits to be called by it.
    """
    sentries = [node for node in nodes if own.power and node.guards == own.name]
    if sentries:
        return Peering(sentries, unconditional=[node.id for node in sentries], exchange=False)
    hidden = _behind_sentries(nodes) - {own.guards}
    known = [node for node in nodes if node.name not in (own.name, *hidden) and node.host]
    validator = [node.id for node in nodes if own.guards and node.name == own.guards]
    return Peering(known, private=validator, unconditional=validator)


def as_given_out(node: NetworkNode, nodes: Sequence[NetworkNode]) -> NetworkNode:
    """As the network's description shows one of its nodes to everybody."""
    return replace(node, host="") if node.name in _behind_sentries(nodes) else node


def _behind_sentries(nodes: Sequence[NetworkNode]) -> frozenset[str]:
    return frozenset(node.guards for node in nodes if node.guards)
