"""Messages about the chain itself."""

from __future__ import annotations

from counterfoil.primitives.codec import Message


class ScheduleUpgrade(Message, tag=140):
    """From block `from_height` on, rule version `version` is in force at every node. By motion only.

    party: the regulator, depository or operator in whose name the consortium decides it. A node whose program does not
    know the version stops there.
    """

    party: bytes
    version: int
    from_height: int


class CancelUpgrade(Message, tag=141):
    """Take a scheduled upgrade back before its height. By motion only; party as in `ScheduleUpgrade`."""

    party: bytes
