"""What may be asked about issues. Quantities in units of the instrument's scale; papers: SHA-256, 32 bytes."""

from __future__ import annotations

from counterfoil.primitives.codec import Message, Record


class RegisterIssue(Message, tag=600):
    """Initial registration: the instrument becomes active, and its quantity is issued into the issuer's treasury.

    Takes effect at once when all those have signed whom the registration policy of the home market names. approvers:
    their party ids, one for each entry of the policy, in its order. treasury_account: of kind TREASURY, the issuer's.
    A money token is registered with quantity 0 and no account: its units are minted against deposits alone.
    """

    instrument_id: bytes
    quantity: int
    treasury_account: bytes
    approvers: tuple[bytes, ...]
    papers: bytes


class RegisterFurtherIssue(Message, tag=601):
    """A further issue (tap) of an active instrument into the issuer's treasury, under the same policy."""

    instrument_id: bytes
    quantity: int
    treasury_account: bytes
    approvers: tuple[bytes, ...]
    papers: bytes


class RegisterReduction(Message, tag=602):
    """End part of what the issuer's treasury holds (shares bought back, an issue not placed), under the same policy."""

    instrument_id: bytes
    quantity: int
    treasury_account: bytes
    approvers: tuple[bytes, ...]
    papers: bytes


class RegisterExit(Message, tag=603):
    """Exit registration: all that is outstanding is ended, and so is the instrument, under the same policy.

    treasury_account: where all of it is held; b"" where nothing is outstanding any more.
    """

    instrument_id: bytes
    treasury_account: bytes
    approvers: tuple[bytes, ...]
    papers: bytes


class HoldingLine(Record):
    """One account and one quantity of a list."""

    account_id: bytes
    quantity: int


class RegisterRedemption(Message, tag=604):
    """End holdings of a matured instrument in the accounts of the list, under the same policy.

    total: control total, the sum of the lines' quantities (1 to 1,000 lines, each account once). The holders' claim
    to money is settled by what pays it; put both into one all-or-nothing transaction where the ledger pays.
    """

    instrument_id: bytes
    lines: tuple[HoldingLine, ...]
    total: int
    approvers: tuple[bytes, ...]
    papers: bytes


class Allot(Message, tag=605):
    """Distribute an issue: from the issuer's treasury to underwriters, and on to investors.

    source_account: the issuer's treasury, or an underwriter's account that was allotted to. to_underwriters: the
    lines are accounts of underwriters, who may allot on what they get; only the treasury does this. lines: 1 to
    1,000, each account once. total: control total, the sum of their quantities. reference: the source's own, 1 to 35
    characters, unique within the ledger's reference window. papers: of the underwriting agreement or allotment list.
    """

    instrument_id: bytes
    source_account: bytes
    to_underwriters: bool
    lines: tuple[HoldingLine, ...]
    total: int
    reference: str
    papers: bytes
