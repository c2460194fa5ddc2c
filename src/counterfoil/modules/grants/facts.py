"""What happened to grants. Told to grantor and grantee, and to those concerned unless it is an investigation."""

from __future__ import annotations

from counterfoil.modules.grants.records import Purpose, Scope
from counterfoil.primitives.codec import Fact


class ViewGranted(Fact, tag=1050):
    """A party may see something from now until valid_until_ms; fields as in the grant."""

    grant_id: bytes
    grantor: bytes
    grantee: bytes
    scope: Scope
    shown: bytes
    purpose: Purpose
    period_from_ms: int
    period_until_ms: int
    valid_until_ms: int


class ViewRevoked(Fact, tag=1051):
    """A grant was ended before its time by a party."""

    grant_id: bytes
    by: bytes


class ViewLapsed(Fact, tag=1052):
    """A grant's time is over."""

    grant_id: bytes


class ReadLogRecorded(Fact, tag=1053):
    """So far a party's node had logged who read what. Told to the party."""

    party: bytes
    node: bytes
    entries: int
    head: bytes
