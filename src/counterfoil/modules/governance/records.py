"""What the chain keeps about itself."""

from __future__ import annotations

from counterfoil.primitives.codec import Record
from counterfoil.state.tables import Table

RULE_VERSION_MAX = 2**31 - 1


class RuleVersion(Record):
    """The rule version in force (key `IN_FORCE`), and the one that replaces it from a height on (key `SCHEDULED`)."""

    version: int
    from_height: int


RULE_VERSIONS = Table(number=10, name="rule_versions", record=RuleVersion, key_sizes=(1,))
IN_FORCE = b"\x00"
SCHEDULED = b"\x01"
