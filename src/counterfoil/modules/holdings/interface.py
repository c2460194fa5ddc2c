"""What other modules may ask and do about accounts and holdings. Every quantity on the ledger is written here."""

from __future__ import annotations

from counterfoil.modules.holdings import accounts, bulk, issuing, marks
from counterfoil.modules.holdings.accounts import INTERMEDIARIES, Disposal
from counterfoil.modules.holdings.books import HoldingsBooks
from counterfoil.modules.holdings.bulk import NetChange
from counterfoil.modules.holdings.facts import Posting
from counterfoil.modules.holdings.marks import count_holdings
from counterfoil.modules.holdings.records import (
    ACCOUNTS,
    HOLDINGS,
    Account,
    AccountFreeze,
    AccountKind,
    AccountStatus,
    Direction,
    Earmark,
    EarmarkReason,
    Holding,
    PostingReason,
    Relationship,
    SubBalance,
    relationships_of,
)
from counterfoil.modules.holdings.rejects import HoldingsReject
from counterfoil.modules.instruments.interface import Instrument
from counterfoil.modules.module import ActionContext
from counterfoil.modules.parties.interface import Party, Role
from counterfoil.modules.parties.rejects import PartiesReject
from counterfoil.primitives.codec import Message
from counterfoil.primitives.outcome import RejectCode, Rejected

__all__ = [
    "INTERMEDIARIES",
    "ACCOUNTS",
    "HOLDINGS",
    "Account",
    "AccountFreeze",
    "AccountKind",
    "AccountStatus",
    "Direction",
    "Earmark",
    "EarmarkReason",
    "Holding",
    "Holdings",
    "NetChange",
    "Posting",
    "PostingReason",
    "Relationship",
    "SubBalance",
    "relationships_of",
]

_AVAILABLE = SubBalance.AVAILABLE
_DEBIT, _CREDIT = Direction.DEBIT, Direction.CREDIT
_OPEN = AccountStatus.OPEN
_ISSUANCE = AccountKind.ISSUANCE
_INVESTOR = Role.INVESTOR
_FREEZES = (HoldingsReject.ACCOUNT_IS_FROZEN_FOR_DEBITS, HoldingsReject.ACCOUNT_IS_FROZEN_FOR_CREDITS)


class Holdings:
    """Built over the module's books by the wiring.

    Writers check only what keeps the books right (quantities and the issuance account). Whether an account may be
    debited or credited at all is asked beforehand, with `check_debit` and `check_credit`; whether the asker may
    dispose of it, with `authorise_account`; whether the instrument moves, of instruments.
    """

    __slots__ = ("_accounts", "_books", "_find", "_identities", "_parties", "_put")

    def __init__(self, books: HoldingsBooks) -> None:
        self._books = books
        self._accounts = books.accounts.find
        self._find = books.holdings.find
        self._put = books.holdings.put
        self._parties = books.parties
        self._identities = books.identities

    # Accounts

    def account(self, account_id: bytes) -> Account | None:
        """The account, open or closed."""
        return self._accounts(account_id)

    def relationship(self, relationship: bytes) -> Relationship | None:
        """Between whom a relationship (20 bytes) is, or None."""
        return self._books.relationships.find(relationship) if len(relationship) == 20 else None

    def require_account(self, account_id: bytes, context: ActionContext | None = None) -> Account:
        """The account, if it is open. Rejected ACCOUNT_NOT_FOUND or ACCOUNT_IS_CLOSED; with a context, to whom may see
        it alone is said that it is closed."""
        account = self._accounts(account_id)
        if account is None:
            raise Rejected(HoldingsReject.ACCOUNT_NOT_FOUND, account=account_id)
        if account.status is not _OPEN:
            if context is not None:
                self.hide_from_strangers(context, account_id, account)
            raise Rejected(HoldingsReject.ACCOUNT_IS_CLOSED, account=account_id)
        return account

    def authorise_account(
        self,
        context: ActionContext,
        account_id: bytes,
        account: Account,
        message_type: type[Message],
        amount: int = 0,
        servicer_too: bool | None = None,
    ) -> None:
        """Whether the action's signers may dispose of the account.

        They do when the threshold of the account's own signers is met; or by authority of the owner (not where it
        is held jointly: then the signers say how the holders act together); or by authority of the servicer, where
        `servicer_too` or else the account says that it may instruct. Rejected NOT_AUTHORISED_FOR_THE_ACCOUNT, or, where
        none of the signers may see the account, ACCOUNT_NOT_FOUND.
        """
        needed = account.threshold
        if needed:
            present = context.signers
            for signer in account.signers:
                if signer in present:
                    needed -= 1
                    if not needed:
                        return
        parties = self._parties
        refusal = ""
        if not account.joint_holders:
            owner = parties.find(account.owner)
            if owner is not None and owner.signer:
                try:
                    parties.authorise(context, account.owner, message_type, account_id, amount)
                    return
                except Rejected as rejected:
                    refusal = rejected.code.name
        if account.servicer_instructs if servicer_too is None else servicer_too:
            try:
                parties.authorise(context, account.servicer, message_type, account_id, amount)
                return
            except Rejected as rejected:
                refusal = rejected.code.name
        self.hide_from_strangers(context, account_id, account)
        raise Rejected(HoldingsReject.NOT_AUTHORISED_FOR_THE_ACCOUNT, account=account_id, refusal=refusal)

    def hide_from_strangers(self, context: ActionContext, account_id: bytes, account: Account) -> None:
        """Rejected ACCOUNT_NOT_FOUND where none of the action's signers may see it, as if it were not there."""
        accounts.hide_from_strangers(self._books, context, account_id, account)

    def is_known_to(self, context: ActionContext, account: Account) -> bool:
        """Whether any of the action's signers may see the account."""
        return accounts.is_known_to(self._books, context, account)

    def open_account(
        self,
        context: ActionContext,
        owner: bytes,
        servicer: bytes,
        kind: AccountKind,
        account_id: bytes = b"",
        signers: tuple[bytes, ...] = (),
        threshold: int = 0,
        joint_holders: tuple[bytes, ...] = (),
        default_cash_account: bytes = b"",
        servicer_instructs: bool = True,
    ) -> bytes:
        """Open an account and return its identity; see `accounts.open_account` for what it checks."""
        disposal = Disposal(signers, threshold, joint_holders, default_cash_account, servicer_instructs)
        return accounts.open_account(self._books, context, account_id, owner, servicer, kind, disposal)

    def holds_anything(self, party_id: bytes) -> bool:
        """Whether a party has an open account, as owner, joint holder or servicer: it cannot be terminated then."""
        return self._books.party_accounts.find(party_id) is not None

    # Balances

    def balance(self, account_id: bytes, instrument_id: bytes) -> tuple[int, int]:
        """(available, earmarked), (0, 0) when the account holds none. Of an issuance account: (outstanding, 0)."""
        holding = self._find(account_id + instrument_id)
        return (holding.available, holding.earmarked) if holding is not None else (0, 0)

    def encumbered(self, instrument_id: bytes) -> int:
        """What is earmarked of an instrument, over all holdings."""
        totals = self._books.totals.find(instrument_id)
        return totals.earmarked if totals is not None else 0

    def outstanding(self, instrument_id: bytes) -> int:
        """What is issued of an instrument and not redeemed."""
        totals = self._books.totals.find(instrument_id)
        return totals.issued - totals.redeemed if totals is not None else 0

    def check_debit(self, account_id: bytes, account: Account, instrument_id: bytes, quantity: int) -> None:
        """Whether the account can give up `quantity` of what is available (0: anything at all).

        In this order, Rejected: ACCOUNT_IS_CLOSED, ISSUANCE_ACCOUNT_ONLY_ISSUES, ACCOUNT_IS_FROZEN_FOR_DEBITS,
        parties' PARTY_IS_NOT_ACTIVE, INSUFFICIENT_AVAILABLE_QUANTITY.
        """
        if account.status is not _OPEN:
            raise Rejected(HoldingsReject.ACCOUNT_IS_CLOSED, account=account_id)
        if account.kind is _ISSUANCE:
            raise Rejected(HoldingsReject.ISSUANCE_ACCOUNT_ONLY_ISSUES, account=account_id)
        if account.frozen_debits:
            raise Rejected(HoldingsReject.ACCOUNT_IS_FROZEN_FOR_DEBITS, account=account_id)
        self._parties.require_in_business(account.owner)
        if quantity:
            holding = self._find(account_id + instrument_id)
            if holding is None or holding.available < quantity:
                raise Rejected(
                    HoldingsReject.INSUFFICIENT_AVAILABLE_QUANTITY,
                    account=account_id,
                    instrument=instrument_id,
                    available=0 if holding is None else holding.available,
                    quantity=quantity,
                )

    def check_credit(
        self, account_id: bytes, account: Account, instrument_id: bytes, quantity: int, acquired_ms: int = 0
    ) -> None:
        """Whether the account can receive. In this order, Rejected: ACCOUNT_IS_CLOSED, ISSUANCE_ACCOUNT_ONLY_ISSUES,
        ACCOUNT_IS_FROZEN_FOR_CREDITS, parties' PARTY_IS_NOT_ACTIVE, HOLDER_IS_NOT_VERIFIED.

        acquired_ms: block time, where what enters are securities of somebody else's; 0 for money, and for what an
        owner moves to itself: who has lost its verification buys nothing, and sells and withdraws all the same.

        Nothing overflows: no holding is larger than what is outstanding, and that is bounded where it is issued.
        """
        if account.status is not _OPEN:
            raise Rejected(HoldingsReject.ACCOUNT_IS_CLOSED, account=account_id)
        if account.kind is _ISSUANCE:
            raise Rejected(HoldingsReject.ISSUANCE_ACCOUNT_ONLY_ISSUES, account=account_id)
        if account.frozen_credits:
            raise Rejected(HoldingsReject.ACCOUNT_IS_FROZEN_FOR_CREDITS, account=account_id)
        owner = self._parties.require_in_business(account.owner)
        if acquired_ms and (_INVESTOR in owner.roles or account.joint_holders):
            self._require_verified_holders(account_id, account, owner, acquired_ms)

    def check_acquisition(self, account_id: bytes, account: Account, time_ms: int) -> None:
        """Of `check_credit` the last part alone. Rejected HOLDER_IS_NOT_VERIFIED."""
        owner = self._parties.require(account.owner)
        self._require_verified_holders(account_id, account, owner, time_ms)

    def lifted_by(self, account_id: bytes, account: Account, why: RejectCode, time_ms: int = 0) -> bytes:
        """What `credited` names, in an account's place, once that is over for which a check above refused: the
        account for an order against it, the party that was stopped, the holder who is not verified; b"" for what nobody
        tells of. time_ms: as `acquired_ms` of `check_credit`.
        """
        if why in _FREEZES:
            return account_id
        if why is PartiesReject.PARTY_IS_NOT_ACTIVE:
            return self._parties.stopper(account.owner)
        if why is HoldingsReject.HOLDER_IS_NOT_VERIFIED:
            return self._unverified_holder(account, self._parties.require(account.owner), time_ms) or b""
        return b""

    def _require_verified_holders(
        self, account_id: bytes, account: Account, owner: Party, time_ms: int
    ) -> None:
        if self._unverified_holder(account, owner, time_ms) is not None:
            raise Rejected(HoldingsReject.HOLDER_IS_NOT_VERIFIED, account=account_id)

    def _unverified_holder(self, account: Account, owner: Party, time_ms: int) -> bytes | None:
        """The first of them."""
        may_acquire = self._identities.may_acquire
        if not may_acquire(account.owner, owner, time_ms):
            return account.owner
        for holder in account.joint_holders:
            if not may_acquire(holder, self._parties.require(holder), time_ms):
                return holder
        return None

    # Moving

    def move(
        self,
        context: ActionContext,
        instrument_id: bytes,
        instrument: Instrument,
        source_id: bytes,
        source: Account,
        target_id: bytes,
        target: Account,
        quantity: int,
        reason: PostingReason,
        reference: bytes,
    ) -> None:
        """Available of one account to available of another. Both postings are told.

        In this order, Rejected: QUANTITY_IS_OUT_OF_RANGE, SOURCE_IS_THE_TARGET, ISSUANCE_ACCOUNT_ONLY_ISSUES,
        INSUFFICIENT_AVAILABLE_QUANTITY.
        """
        if quantity <= 0:
            raise Rejected(HoldingsReject.QUANTITY_IS_OUT_OF_RANGE, quantity=quantity)
        if source_id == target_id:
            raise Rejected(HoldingsReject.SOURCE_IS_THE_TARGET, account=source_id)
        contra = instrument.issuance_account
        if source_id == contra or target_id == contra:
            raise Rejected(HoldingsReject.ISSUANCE_ACCOUNT_ONLY_ISSUES, account=contra)
        source_key = source_id + instrument_id
        held = self._find(source_key)
        if held is None or held.available < quantity:
            raise Rejected(
                HoldingsReject.INSUFFICIENT_AVAILABLE_QUANTITY,
                account=source_id,
                instrument=instrument_id,
                available=0 if held is None else held.available,
                quantity=quantity,
            )
        left, earmarked = held.available - quantity, held.earmarked
        if left or earmarked:
            self._put(source_key, Holding(left, earmarked))
        else:
            self._books.holdings.delete(source_key)
            count_holdings(self._books, source_id, instrument_id, -1)
        target_key = target_id + instrument_id
        held = self._find(target_key)
        if held is None:
            now = quantity
            self._put(target_key, Holding(now, 0))
            count_holdings(self._books, target_id, instrument_id, 1)
        else:
            now = held.available + quantity
            self._put(target_key, Holding(now, held.earmarked))
        context.credited.append(target_key)
        facts, issuer = context.facts, instrument.issuer
        facts.append(
            (
                Posting(source_id, instrument_id, _AVAILABLE, _DEBIT, quantity, reason, reference, left),
                (source.relationship, issuer),
            )
        )
        facts.append(
            (
                Posting(target_id, instrument_id, _AVAILABLE, _CREDIT, quantity, reason, reference, now),
                (target.relationship, issuer),
            )
        )

    def read_ahead(self, changes: list[bytes]) -> None:
        """Have at hand what a later block will change by `apply_net`: account and instrument, 40 bytes each."""
        self._books.holdings.read_ahead(changes)

    def apply_net(
        self,
        context: ActionContext,
        changes: list[NetChange],
        reason: PostingReason,
        reference: bytes,
    ) -> None:
        """Many net changes of what is available, all or none; see `bulk.apply_net`."""
        bulk.apply_net(self._books, context, changes, reason, reference)

    def issue(
        self,
        context: ActionContext,
        instrument_id: bytes,
        instrument: Instrument,
        to_id: bytes,
        to: Account,
        quantity: int,
        reason: PostingReason,
        reference: bytes,
    ) -> None:
        """Create `quantity`: the issuance account is debited, the other credited.

        In this order, Rejected: QUANTITY_IS_OUT_OF_RANGE, ISSUANCE_ACCOUNT_IS_WRONG, ISSUANCE_ACCOUNT_ONLY_ISSUES,
        ISSUED_QUANTITY_IS_TOO_LARGE.
        """
        issuing.issue(self._books, context, instrument_id, instrument, to_id, to, quantity, reason, reference)

    def redeem(
        self,
        context: ActionContext,
        instrument_id: bytes,
        instrument: Instrument,
        from_id: bytes,
        from_: Account,
        quantity: int,
        reason: PostingReason,
        reference: bytes,
    ) -> None:
        """End `quantity` of what is available in an account: it is debited, the issuance account credited.

        In this order, Rejected: QUANTITY_IS_OUT_OF_RANGE, ISSUANCE_ACCOUNT_IS_WRONG, ISSUANCE_ACCOUNT_ONLY_ISSUES,
        INSUFFICIENT_AVAILABLE_QUANTITY.
        """
        issuing.redeem(
            self._books, context, instrument_id, instrument, from_id, from_, quantity, reason, reference
        )

    # Earmarks

    def earmark_of(self, earmark_id: bytes) -> Earmark | None:
        return self._books.earmarks.find(earmark_id)

    def earmark(
        self,
        context: ActionContext,
        account_id: bytes,
        account: Account,
        instrument_id: bytes,
        instrument: Instrument,
        quantity: int,
        reason: EarmarkReason,
        owner: bytes,
        reference: bytes,
        expiry_ms: int = 0,
    ) -> bytes:
        """Set `quantity` of what is available aside, and return the earmark's id; see `marks.place`."""
        return marks.place(
            self._books,
            context,
            account_id,
            account,
            instrument_id,
            instrument,
            quantity,
            reason,
            owner,
            reference,
            expiry_ms,
        )

    def release(self, context: ActionContext, earmark_id: bytes, quantity: int | None = None) -> None:
        """Make an earmark's quantity, or part of it, available again.

        In this order, Rejected: EARMARK_NOT_FOUND, QUANTITY_IS_OUT_OF_RANGE, EARMARK_IS_TOO_SMALL.
        """
        marks.release(self._books, context, earmark_id, quantity, PostingReason.RELEASED)

    def move_earmarked(
        self,
        context: ActionContext,
        earmark_id: bytes,
        target_id: bytes,
        target: Account,
        quantity: int,
        reason: PostingReason,
        reference: bytes,
    ) -> None:
        """From an earmark to what is available in another account; what is left of the earmark stays.

        In this order, Rejected: EARMARK_NOT_FOUND, QUANTITY_IS_OUT_OF_RANGE, EARMARK_IS_TOO_SMALL,
        SOURCE_IS_THE_TARGET, ISSUANCE_ACCOUNT_ONLY_ISSUES.
        """
        marks.move(self._books, context, earmark_id, target_id, target, quantity, reason, reference)
