"""A ledger of which instruments and holdings are real, with accounts of two investors at one broker."""

from __future__ import annotations

from typing import Any

from msgspec import structs

from counterfoil.modules import holdings
from counterfoil.modules.holdings.books import HoldingsBooks
from counterfoil.modules.holdings.interface import (
    Account,
    AccountKind,
    EarmarkReason,
    Holdings,
    PostingReason,
)
from counterfoil.modules.identities.books import IdentitiesBooks
from counterfoil.modules.identities.interface import Identities
from counterfoil.modules.module import ActionContext
from counterfoil.modules.parties.interface import Party, PartyStatus, Role
from counterfoil.state.books import Books
from tests.unit.instruments import desk as instruments_desk
from tests.unit.instruments.desk import DEPOSITORY, ISSUER, NOBODY, REGULATOR, announcement, party

ALICE, BOB, BROKER, UNVERIFIED = (party(name) for name in ("alice", "bob", "broker", "unverified"))
KEY_1, KEY_2, KEY_3 = (party(f"key {number}") for number in (1, 2, 3))
ORDER, OTHER_ORDER = b"order".ljust(32, b"."), b"other order".ljust(32, b".")
REFERENCE = b"reference"

__all__ = ["DEPOSITORY", "ISSUER", "NOBODY", "REGULATOR"]


class Desk(instruments_desk.Desk):
    """`share` is active; Alice holds 1,000 of it in `alice`, Bob nothing in `bob`."""

    def __init__(self, state: Books | None = None) -> None:
        super().__init__(state)
        self._add_party(ALICE, Role.INVESTOR, identity_hash=ORDER, parent=BROKER)
        self._add_party(BOB, Role.INVESTOR, identity_hash=ORDER, parent=BROKER)
        self._add_party(UNVERIFIED, Role.INVESTOR)
        self._add_party(BROKER, Role.SECURITIES_COMPANY)
        self.books = HoldingsBooks(
            self.state.shelf,
            self.parties,
            Identities(IdentitiesBooks(self.state.shelf, self.parties)),
            self.instruments,
        )
        self.holdings = Holdings(self.books)
        self.instruments_books.outstanding = self.holdings.outstanding
        self.modules.append((holdings.MODULE, self.books))
        self.issuance = self.opened(ISSUER, DEPOSITORY, AccountKind.ISSUANCE)
        self.alice = self.opened(ALICE)
        self.bob = self.opened(BOB)
        self.share = self.active(issuance_account=self.issuance)
        self.issued(self.alice, 1_000)
        self.check()

    def _add_party(self, party_id: bytes, role: Role, **fields: Any) -> None:
        plain = Party((role,), b"", party_id.decode().strip("."), "", party_id, PartyStatus.ACTIVE)
        self.parties.table[party_id] = structs.replace(plain, **fields)

    def without_signer(self, party_id: bytes) -> None:
        """As an investor who acts through its agent alone."""
        self.parties.table[party_id] = structs.replace(self.parties.table[party_id], signer=b"")

    def opened(
        self, owner: bytes, servicer: bytes = BROKER, kind: AccountKind = AccountKind.OWN, **fields: Any
    ) -> bytes:
        context = self.context()
        made: list[bytes] = []
        self.run(
            lambda: made.append(self.holdings.open_account(context, owner, servicer, kind, **fields)), context
        )
        return made[0]

    def account(self, account_id: bytes) -> Account:
        found = self.holdings.account(account_id)
        assert found is not None
        return found

    def issued(self, account_id: bytes, quantity: int, instrument_id: bytes = b"") -> ActionContext:
        instrument_id = instrument_id or self.share
        context = self.context()
        return self.run(
            lambda: self.holdings.issue(
                context,
                instrument_id,
                self.instruments.require(instrument_id),
                account_id,
                self.account(account_id),
                quantity,
                PostingReason.ISSUED,
                REFERENCE,
            ),
            context,
        )

    def redeemed(self, account_id: bytes, quantity: int) -> ActionContext:
        context = self.context()
        return self.run(
            lambda: self.holdings.redeem(
                context,
                self.share,
                self.instruments.require(self.share),
                account_id,
                self.account(account_id),
                quantity,
                PostingReason.REDEEMED,
                REFERENCE,
            ),
            context,
        )

    def moved(self, source: bytes, target: bytes, quantity: int) -> ActionContext:
        context = self.context()
        return self.run(
            lambda: self.holdings.move(
                context,
                self.share,
                self.instruments.require(self.share),
                source,
                self.account(source),
                target,
                self.account(target),
                quantity,
                PostingReason.DELIVERED,
                REFERENCE,
            ),
            context,
        )

    def earmarked(
        self,
        account_id: bytes,
        quantity: int,
        reason: EarmarkReason = EarmarkReason.SETTLEMENT,
        owner: bytes = ORDER,
        reference: bytes = REFERENCE,
        expiry_ms: int = 0,
    ) -> bytes:
        context = self.context()
        made: list[bytes] = []
        self.run(
            lambda: made.append(
                self.holdings.earmark(
                    context,
                    account_id,
                    self.account(account_id),
                    self.share,
                    self.instruments.require(self.share),
                    quantity,
                    reason,
                    owner,
                    reference,
                    expiry_ms,
                )
            ),
            context,
        )
        return made[0]

    def released(self, earmark_id: bytes, quantity: int | None = None) -> ActionContext:
        context = self.context()
        return self.run(lambda: self.holdings.release(context, earmark_id, quantity), context)

    def moved_earmarked(self, earmark_id: bytes, target: bytes, quantity: int) -> ActionContext:
        context = self.context()
        return self.run(
            lambda: self.holdings.move_earmarked(
                context,
                earmark_id,
                target,
                self.account(target),
                quantity,
                PostingReason.DELIVERED,
                REFERENCE,
            ),
            context,
        )

    def balance(self, account_id: bytes) -> tuple[int, int]:
        return self.holdings.balance(account_id, self.share)

    def another_share(self) -> bytes:
        message = announcement(
            class_name="another",
            issuance_account=self.issuance,
            identifiers=(instruments_desk.Identifier("LOCAL", "1"),),
        )
        return self.act(message, DEPOSITORY).created[0]
