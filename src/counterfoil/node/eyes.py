"""Which of a block's facts one viewer may see: by whole receipts, or by whose business each fact is."""

from __future__ import annotations

from counterfoil.modules.holdings.interface import ACCOUNTS, relationships_of
from counterfoil.modules.module import PUBLIC
from counterfoil.node.ledger import LedgerNode
from counterfoil.node.reads_base import policy_of
from counterfoil.node.receipts_of import Found, mentions
from counterfoil.node.told import ToldBlock, is_business
from counterfoil.node.viewer import Viewer
from counterfoil.policy.rights import Right, Span
from counterfoil.policy.subjects import AccountHistory, Business, Register, Subject
from counterfoil.primitives.codec import Fact


class Eyes:
    """What one viewer may see of one block, each question asked once. Use with the engine's lock held."""

    def __init__(self, node: LedgerNode, viewer: Viewer, block: ToldBlock) -> None:
        self._node = node
        self._viewer = viewer
        self._policy = policy_of(node)
        self._block = block
        self._span = Span(block.time_ms, block.time_ms)
        self._asked: dict[Subject, Right | None] = {}
        self._relationships: dict[bytes, tuple[bytes, ...]] = {}
        self._issuers: dict[bytes, bytes] = {}

    def seen(self, found: Found, about: bytes, first: int = 0, until: int | None = None) -> list[Fact]:
        """Those of a receipt's facts that the viewer may see: all where it may see the receipt whole, else those of
        which it may see whose they are.

        about: an identity that they must be about, b"" for any; as much is asked for the others. first, until: which of
        the facts are looked at.
        """
        stakeholder = found.receipt.stakeholder
        whole = stakeholder == PUBLIC or self._may_see(self._block.told_to(stakeholder))
        seen = []
        for fact in found.facts[first:until]:
            accounts = self._block.accounts(found, fact) if about or not whole else ()
            used = None if whole else self._sees(fact, accounts, stakeholder)
            if about and about not in accounts and not mentions(fact, about):
                continue
            if whole or used:
                for subject in used or ():
                    self._may_see(subject)
                seen.append(fact)
        return seen

    def _sees(self, fact: Fact, accounts: tuple[bytes, ...], stakeholder: bytes) -> list[Subject]:
        """By which subjects the viewer may see a fact: of an account, a register, or markets' business; none if it may
        not.

        An account's are those told to its own relationship, a register's those told to its issuer.
        """
        for account in accounts:
            if stakeholder in self._told_of(account) and self._right(AccountHistory(account)) is not None:
                return [AccountHistory(account)]
        instrument = getattr(fact, "instrument_id", b"")
        if (
            instrument
            and self._issuer(instrument) == stakeholder
            and self._right(Register(instrument)) is not None
        ):
            return [Register(instrument)]
        markets = self._block.objects.markets(fact) if is_business(fact) else ()
        business: list[Subject] = [Business((), market) for market in markets]
        return business if all(self._right(one) is not None for one in business) else []

    def _told_of(self, account_id: bytes) -> tuple[bytes, ...]:
        """Whom an account's business is, or was, told to: its relationship."""
        found = self._relationships.get(account_id)
        if found is None:
            account = self._node.state.find(ACCOUNTS, account_id)
            found = relationships_of(account_id, account) if account is not None else ()
            self._relationships[account_id] = found
        return found

    def _issuer(self, instrument_id: bytes) -> bytes:
        found = self._issuers.get(instrument_id)
        if found is None:
            instrument = self._node.machine.wired.instruments.find(instrument_id)
            found = self._issuers[instrument_id] = instrument.issuer if instrument is not None else b""
        return found

    def _right(self, subject: Subject) -> Right | None:
        if subject not in self._asked:
            self._asked[subject] = self._policy.right(self._viewer.party, subject, self._span)
        return self._asked[subject]

    def _may_see(self, subject: Subject) -> bool:
        right = self._right(subject)
        if right is None:
            return False
        self._viewer.uses(right, subject)
        return True
