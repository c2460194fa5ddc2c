"""The Python client of the ledger, and scratch ledgers to try it on. The first page is in the README."""

from counterfoil.custody.tls import Identity
from counterfoil.machine.transactions import Mode
from counterfoil.node.streams import Position, StreamItem
from counterfoil.sdk import messages, recipes
from counterfoil.sdk.client import Client, Result
from counterfoil.sdk.connections import Connection, LocalConnection, SocketConnection, TlsAddress
from counterfoil.sdk.draft import Draft
from counterfoil.sdk.errors import LedgerError, NodeUnreachable, NotVisible, TransactionRejected
from counterfoil.sdk.failover import FailoverConnection
from counterfoil.sdk.sandbox import Fixtures, Sandbox, persona_client, seed
from counterfoil.sdk.stream import Stream

__all__ = [
    "Client",
    "Connection",
    "Draft",
    "FailoverConnection",
    "Fixtures",
    "Identity",
    "LedgerError",
    "LocalConnection",
    "Mode",
    "NodeUnreachable",
    "NotVisible",
    "Position",
    "Result",
    "Sandbox",
    "SocketConnection",
    "Stream",
    "StreamItem",
    "TlsAddress",
    "TransactionRejected",
    "messages",
    "persona_client",
    "recipes",
    "seed",
]
