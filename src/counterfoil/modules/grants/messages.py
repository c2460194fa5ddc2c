"""What may be asked about grants of a view: give one, end one; and record how far a node's log of reads is."""

from __future__ import annotations

from counterfoil.modules.grants.records import Purpose, Scope
from counterfoil.primitives.codec import Message


class GrantView(Message, tag=1000):
    """Let another party see something for a purpose and a time.

    shown: a party, account or instrument (20 bytes), or a market's code (ASCII), as the scope says. Data is shown as of
    the period from period_from_ms until before period_until_ms (0: without end; block times). The grant itself ends at
    valid_until_ms, after now and within 731 days. Must be signed for the grantor; where an owner shows an account that
    is held jointly, for every joint holder too, and where a keeper shows one to another house (`CUSTODY`), for every
    holder who speaks for itself.
    """

    grantor: bytes
    grantee: bytes
    scope: Scope
    shown: bytes
    purpose: Purpose
    period_from_ms: int
    period_until_ms: int
    valid_until_ms: int


class RevokeView(Message, tag=1001):
    """End a grant (id, 32 bytes) at once: by its grantor, by its grantee, by one above the grantor, or by a joint
    holder of the account whose owner gave it."""

    party: bytes
    grant: bytes


class RecordReadLog(Message, tag=1002):
    """State how far a node's log of reads is, so that what it holds cannot be changed afterwards.

    party: whose node it is. node: the address of the node's own key, which must have signed; it may be a user of the
    party with a mandate for this message. entries: how many the log has. head: the digest that they lead to (32 bytes).
    """

    party: bytes
    node: bytes
    entries: int
    head: bytes
