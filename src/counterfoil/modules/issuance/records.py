"""What the ledger keeps about issues: how much was registered by which papers, and what underwriters still place."""

from __future__ import annotations

from enum import IntEnum

from counterfoil.primitives.codec import Record
from counterfoil.state.tables import Table

PAPERS_HASH_SIZE = 32
"""Bytes: SHA-256 of the papers that an act rests on (resolution, prospectus, agreement); they stay off the ledger."""
REFERENCE_LENGTH_MAX = 35
"""Characters: ISO 20022's Max35Text."""
LINES_MAX = 1_000
"""Lines of one allotment or redemption: a longer list is sent in several messages, each with its control total."""
UNDERWRITERS_MAX = 100
"""Underwriting accounts of one instrument at one time: a large syndicate has some dozens."""


class RegistrationAct(IntEnum):
    """What a registration did to the issue."""

    INITIAL = 1
    FURTHER = 2
    REDUCTION = 3
    REDEMPTION = 4
    EXIT = 5


class Issue(Record):
    """Key: instrument id. Quantities in units of the instrument's scale; registered less ended is outstanding.

    registered: by initial and further registration (and what was outstanding when the ledger was founded with it).
    ended: by reduction, redemption and exit. Where `registered` would outgrow 63 bits, both are lowered by `ended`.
    acts: how many registrations there were. last: the latest.
    """

    registered: int
    ended: int
    acts: int
    last: RegistrationAct


class Registration(Record):
    """Key: instrument id, hash of the papers (32 bytes). One registration that took effect; kept for ever.

    number: from 1, in order. quantity: registered or ended by it. business_date: of the home market (yyyymmdd).
    approvers: the parties whose signatures the market's policy named, in its order.
    """

    number: int
    act: RegistrationAct
    quantity: int
    business_date: int
    height: int
    approvers: tuple[bytes, ...]


class Placing(Record):
    """Key: instrument id, account of an underwriter. What was allotted to it, and what of that it has allotted on.

    Ends when all is placed, or when a registration leaves nothing of the instrument outstanding.
    """

    allotted: int
    placed: int


ISSUES = Table(number=60, name="issues", record=Issue, key_sizes=(20,), resident=True)
REGISTRATIONS = Table(number=61, name="registrations", record=Registration, key_sizes=(20, PAPERS_HASH_SIZE))
PLACINGS = Table(number=62, name="placings", record=Placing, key_sizes=(20, 20), resident=True)
