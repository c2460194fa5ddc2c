"""Which of a block's facts one viewer may see: by whole receipts, or by whose business each fact is."""

from __future__ import annotations

from counterfoil.modules.holdings.interface import ACCOUNTS
from counterfoil.modules.module import PUBLIC
from counterfoil.node.ledger import LedgerNode
from counterfoil.node.reads_base import policy_of
from counterfoil.node.receipts_of import Found, mentions
from counterfoil.node.told import ToldBlock, is_business, objects_in, stated_account
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

    def seen(self, found: Found, about: bytes) -> list[Fact]:
        """The facts of a receipt: all where the viewer may see it whole, else those of which it may see whose they are.

        about: an identity that they must be about, b"" for any.
        """
        stakeholder = found.receipt.stakeholder
        whole = stakeholder == PUBLIC or self._may_see(self._block.told_to(stakeholder))
        named: dict[bytes, frozenset[bytes]] = {}
        for fact in found.facts:
            account = stated_account(fact)
            if account:
                named[account] = named.get(account, frozenset()) | objects_in(fact)
        seen = []
        for fact in found.facts:
            accounts = self._accounts(fact, named)
            if about and about not in accounts and not mentions(fact, about):
                continue
            if whole or self._sees(fact, accounts, stakeholder):
                seen.append(fact)
        return seen

    def _accounts(self, fact: Fact, named: dict[bytes, frozenset[bytes]]) -> tuple[bytes, ...]:
        """Which accounts a fact is about. named: by account the objects that facts of the same receipt name with it; a
        fact that states no account, and whose object is nobody's any more, is about theirs."""
        accounts = self._block.objects.accounts(fact)
        if accounts:
            return accounts
        mentioned = objects_in(fact)
        return tuple(account for account, objects in named.items() if objects & mentioned)

    def _sees(self, fact: Fact, accounts: tuple[bytes, ...], stakeholder: bytes) -> bool:
        """As one about an account, on a register, or of a market's business that the viewer may see.

        An account's are those told to its own relationship, a register's those told to its issuer.
        """
        if any(self._sees_account(account, stakeholder) for account in accounts):
            return True
        instrument = getattr(fact, "instrument_id", b"")
        if instrument and self._sees_register(instrument, stakeholder):
            return True
        markets = self._block.objects.markets(fact) if is_business(fact) else ()
        return bool(markets) and all(self._may_see(Business((), market)) for market in markets)

    def _sees_account(self, account_id: bytes, stakeholder: bytes) -> bool:
        account = self._node.state.find(ACCOUNTS, account_id)
        told = account is not None and account.relationship == stakeholder
        return told and self._may_see(AccountHistory(account_id))

    def _sees_register(self, instrument_id: bytes, stakeholder: bytes) -> bool:
        instrument = self._node.machine.wired.instruments.find(instrument_id)
        told = instrument is not None and instrument.issuer == stakeholder
        return told and self._may_see(Register(instrument_id))

    def _may_see(self, subject: Subject) -> bool:
        if subject not in self._asked:
            self._asked[subject] = self._policy.right(self._viewer.party, subject, self._span)
        right = self._asked[subject]
        if right is None:
            return False
        self._viewer.uses(right, subject)
        return True
