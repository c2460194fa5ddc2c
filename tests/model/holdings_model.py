"""Accounts, holdings and earmarks in dictionaries. Counters are counted anew each time."""

from __future__ import annotations

from collections import Counter
from typing import Any

from counterfoil.modules.holdings.records import (
    AccountFreeze,
    AccountKind,
    AccountStatus,
    EarmarkReason,
    relationship_of,
)
from counterfoil.modules.holdings.rejects import HoldingsReject as Reject
from counterfoil.modules.instruments.records import InstrumentKind
from counterfoil.modules.parties.records import PartyStatus, Role
from counterfoil.modules.parties.rejects import PartiesReject
from counterfoil.primitives.codec import AMOUNT_MAX
from tests.model.core import EVERY, Action, Item, No, ascending, demand, time_key
from tests.model.instruments_model import InstrumentsModel

INTERMEDIARIES = (
    Role.DEPOSITORY,
    Role.SECURITIES_COMPANY,
    Role.COMMERCIAL_BANK,
    Role.TRUSTEE,
    Role.OPERATOR,
    Role.CENTRAL_BANK,
)
ISSUERS = (Role.ISSUER, Role.TRUSTEE, Role.COMMERCIAL_BANK, Role.CENTRAL_BANK)
OWNERS = {
    AccountKind.OWN: tuple(Role),
    AccountKind.SEGREGATED: tuple(Role),
    AccountKind.CLIENT_OMNIBUS: INTERMEDIARIES,
    AccountKind.NOMINEE: INTERMEDIARIES,
    AccountKind.ISSUANCE: ISSUERS,
    AccountKind.TREASURY: ISSUERS,
}
OPEN, CLOSED = AccountStatus.OPEN, AccountStatus.CLOSED
TIME_MAX_MS = 253_402_300_799_999
DISPOSAL = ("signers", "threshold", "joint_holders", "default_cash_account", "servicer_instructs")


class HoldingsModel(InstrumentsModel):
    """Tables 50 holdings, 51 accounts, 52 earmarks, 54 totals; 53 and 55 to 58 follow from them."""

    # What follows

    def count_again(self) -> None:
        self.tables[53] = {
            time_key(one.expiry_ms) + key: Item() for key, one in self.tables[52].items() if one.expiry_ms
        }
        holdings = Counter(key[:20] for key in self.tables[50])
        self.tables[55] = {account: Item(holdings=count) for account, count in holdings.items()}
        for instrument, totals in self.tables[54].items():
            contra = self.tables[40][instrument].issuance_account
            accounts_of = [key[:20] for key in self.tables[50] if key[20:] == instrument]
            totals.holders = len([account for account in accounts_of if account != contra])
        accounts: Counter[bytes] = Counter()
        for account in self.tables[51].values():
            if account.status is OPEN:
                accounts.update({account.owner, account.servicer, *account.joint_holders})
        self.tables[56] = {party: Item(open=count) for party, count in accounts.items()}
        self.relate_again()

    def relate_again(self) -> None:
        """An account that is, or was, held jointly is a relationship of its own; what was related once stays so."""
        held: Counter[bytes] = Counter()
        of_joint_holders = {}
        for key, account in self.tables[51].items():
            base = relationship_of(account.servicer, account.owner)
            own = relationship_of(account.servicer, account.owner, key)
            if account.joint_holders or getattr(account, "relationship", base) == own:
                account.relationship, alone = own, key
            else:
                account.relationship, alone = base, b""
            between = Item(servicer=account.servicer, owner=account.owner, account=alone)
            self.tables[57].setdefault(account.relationship, between)
            held[account.servicer + account.relationship] += account.status is OPEN
            of_joint_holders.update({one + own: Item(open=0) for one in account.joint_holders})
        emptied = [key for key, one in self.tables[58].items() if one.open and not held[key]]
        servicers = (one.servicer + key for key, one in self.tables[57].items())
        self.tables[58] = {**of_joint_holders, **{key: Item(open=held[key]) for key in servicers}}
        for key in emptied:
            self.raise_if_sealed(key[20:])

    def raise_if_sealed(self, node: bytes) -> None:
        raise NotImplementedError

    def outstanding(self, instrument: bytes) -> int:
        totals = self.tables[54].get(instrument)
        return totals.issued - totals.redeemed if totals is not None else 0

    def encumbered(self, instrument: bytes) -> int:
        return sum(one.quantity for one in self.tables[52].values() if one.instrument_id == instrument)

    def balance(self, account: bytes, instrument: bytes) -> tuple[int, int]:
        found = self.tables[50].get(account + instrument)
        return (found.available, found.earmarked) if found is not None else (0, 0)

    # Accounts

    def account(self, identity: bytes) -> Any:
        found = self.tables[51].get(identity)
        demand(found is not None, Reject.ACCOUNT_NOT_FOUND)
        assert found is not None
        demand(found.status is OPEN, Reject.ACCOUNT_IS_CLOSED)
        return found

    def is_known(self, action: Action, account: Any) -> bool:
        """Whether a signer may see the account: its own, a holder's, its servicer's, or of one above that."""
        servicer = self.tables[20].get(account.servicer)
        above = [upper for upper, _ in self.chain_above(servicer)] if servicer is not None else []
        sides = (account.owner, account.servicer, *account.joint_holders, *above)
        mine = set(action.signers) & set(account.signers)
        return bool(mine) or any(self.is_spoken_for(action, one) for one in sides)

    def known_account(self, action: Action, identity: bytes, authority: bytes = b"") -> Any:
        found = self.tables[51].get(identity)
        if found is not None and not (authority and self.is_spoken_for(action, authority)):
            demand(self.is_known(action, found), Reject.ACCOUNT_NOT_FOUND)
        return self.account(identity)

    def account_for(self, action: Action, ask: Any) -> Any:
        orders = self.has_role(ask.authority, Role.REGULATOR, Role.DEPOSITORY)
        return self.known_account(action, ask.account_id, ask.authority if orders else b"")

    def account_unless_hidden(self, action: Action, identity: bytes) -> Any:
        """To whom may not see it is not said that it is closed."""
        found = self.tables[51].get(identity)
        if found is not None and found.status is not OPEN:
            demand(self.is_known(action, found), Reject.ACCOUNT_NOT_FOUND)
        return self.account(identity)

    def authorise_account(
        self, action: Action, identity: bytes, ask: Any, amount: int = 0, servicer_too: bool | None = None
    ) -> None:
        account = self.tables[51][identity]
        signed = len(set(account.signers) & set(action.signers))
        if account.threshold and signed >= account.threshold:
            return
        speakers = []
        owner = self.tables[20].get(account.owner)
        if not account.joint_holders and owner is not None and owner.signer:
            speakers.append(account.owner)
        if account.servicer_instructs if servicer_too is None else servicer_too:
            speakers.append(account.servicer)
        for party in speakers:
            try:
                self.authorise(action, party, ask, identity, amount)
                return
            except No:
                continue
        demand(self.is_known(action, account), Reject.ACCOUNT_NOT_FOUND)
        raise No(Reject.NOT_AUTHORISED_FOR_THE_ACCOUNT)

    def check_disposal(
        self,
        action: Action,
        owner_id: bytes,
        owner: Any,
        kind: AccountKind,
        ask: Any,
        before: Any = None,
    ) -> None:
        known = before.joint_holders if before is not None else ()
        kept = before.default_cash_account if before is not None else b""
        signers, joint = ask.signers, ask.joint_holders
        most = 8 if kind in (AccountKind.OWN, AccountKind.SEGREGATED) else 0
        demand(len(joint) <= most, Reject.TOO_MANY_JOINT_HOLDERS)
        demand(ascending(joint) and owner_id not in joint, Reject.JOINT_HOLDERS_ARE_NOT_IN_ORDER)
        for holder in joint:
            party = self.in_business(holder, winding_down=False)
            fine = holder in known or self.is_verified(holder, party)
            demand(fine, Reject.JOINT_HOLDER_IS_NOT_VERIFIED)
        fine = len(signers) <= 16 and ascending(signers) and all(len(one) == 20 for one in signers)
        demand(fine, Reject.SIGNERS_ARE_MALFORMED)
        fine = min(1, len(signers)) <= ask.threshold <= len(signers)
        demand(fine, Reject.THRESHOLD_IS_OUT_OF_RANGE)
        somebody = signers or ask.servicer_instructs or (owner.signer and not joint)
        demand(somebody, Reject.NOBODY_DISPOSES_OF_THE_ACCOUNT)
        if ask.default_cash_account:
            cash = self.tables[51].get(ask.default_cash_account)
            fine = cash is not None and cash.status is OPEN and cash.kind is not AccountKind.ISSUANCE
            same = ask.default_cash_account == kept
            demand(fine and (same or self.is_known(action, cash)), Reject.DEFAULT_CASH_ACCOUNT_IS_NOT_OPEN)

    def OpenAccount(self, ask: Any, action: Action) -> None:
        self.with_role(ask.servicer, *INTERMEDIARIES)
        self.authorise(action, ask.servicer, ask)
        disposal = Item(**{name: getattr(ask, name) for name in DISPOSAL})
        if ask.address:
            demand(len(ask.address) == 20, Reject.ADDRESS_IS_MALFORMED)
            demand(ask.address in action.signers, Reject.ADDRESS_HAS_NOT_SIGNED)
            demand(ask.address not in self.tables[21], Reject.ADDRESS_IS_NOT_A_BARE_KEY)
            if not ask.signers and not ask.threshold:
                disposal.signers, disposal.threshold = (ask.address,), 1
        for holder in (ask.owner, *ask.joint_holders):
            self.check_agreement(action, ask, ask.servicer, holder)
        demand(not ask.address or ask.address not in self.tables[51], Reject.ACCOUNT_EXISTS)
        owner = self.in_business(ask.owner, winding_down=False)
        demand(set(owner.roles) & set(OWNERS[ask.kind]), Reject.OWNER_MAY_NOT_HOLD_THIS_KIND)
        demand(self.is_verified(ask.owner, owner), Reject.OWNER_IS_NOT_VERIFIED)
        demand(self.may_open(ask.servicer, owner), Reject.SERVICER_HAS_NO_LICENCE)
        self.check_disposal(action, ask.owner, owner, ask.kind, disposal)
        identity = ask.address or action.new_short_id()
        self.tables[51][identity] = Item(
            owner=ask.owner,
            servicer=ask.servicer,
            kind=ask.kind,
            status=OPEN,
            frozen_debits=False,
            frozen_credits=False,
            freezes=(),
            opened_height=self.height,
            **vars(disposal),
        )
        self.count_again()

    def check_agreement(self, action: Action, ask: Any, servicer: bytes, holder: bytes) -> None:
        """Nobody is given an account unasked, but by whoever admitted it."""
        found = self.tables[20].get(holder)
        if found is None or holder == servicer or self.is_above(servicer, holder):
            return
        known = self.is_public(found) or self.is_spoken_for(action, holder if found.signer else found.parent)
        demand(known, PartiesReject.PARTY_NOT_FOUND)
        for party in (holder,) if found.signer else (holder, found.parent):
            try:
                self.authorise(action, party, ask)
            except No:
                continue
            return
        raise No(Reject.HOLDER_HAS_NOT_AGREED)

    def AmendAccount(self, ask: Any, action: Action) -> None:
        account = self.known_account(action, ask.account_id)
        servicer_too = account.servicer_instructs and not account.signers
        self.authorise_account(action, ask.account_id, ask, servicer_too=servicer_too)
        owner = self.party(account.owner)
        self.check_disposal(action, account.owner, owner, account.kind, ask, account)
        if ask.joint_holders != account.joint_holders:
            try:
                self.authorise(action, account.servicer, ask, ask.account_id)
            except No:
                raise No(Reject.SERVICER_MUST_AGREE) from None
            for holder in ask.joint_holders:
                if holder not in account.joint_holders:
                    self.check_agreement(action, ask, account.servicer, holder)
        left = set(account.joint_holders) - set(ask.joint_holders)
        for name in DISPOSAL:
            setattr(account, name, getattr(ask, name))
        self.count_again()
        if left:
            self.raise_if_sealed(account.relationship)

    def set_freezes(self, account: Any, freezes: tuple[AccountFreeze, ...]) -> None:
        account.freezes = freezes
        account.frozen_debits = any(one.debits for one in freezes)
        account.frozen_credits = any(one.credits for one in freezes)

    def FreezeAccount(self, ask: Any, action: Action) -> None:
        account = self.account_for(action, ask)
        may = ask.authority == account.servicer or self.has_role(
            ask.authority, Role.REGULATOR, Role.DEPOSITORY
        )
        demand(may, Reject.AUTHORITY_MAY_NOT_FREEZE)
        self.authorise(action, ask.authority, ask, ask.account_id)
        demand(len(ask.order_hash) == 32, Reject.ORDER_HASH_IS_MALFORMED)
        demand(ask.debits or ask.credits, Reject.FREEZE_FREEZES_NOTHING)
        known = [one.order_hash for one in account.freezes]
        demand(ask.order_hash not in known, Reject.FREEZE_EXISTS)
        demand(len(known) < 16, Reject.TOO_MANY_FREEZES)
        placed = AccountFreeze(ask.authority, ask.order_hash, ask.debits, ask.credits)
        self.set_freezes(account, (*account.freezes, placed))

    def UnfreezeAccount(self, ask: Any, action: Action) -> None:
        account = self.account_for(action, ask)
        placed = [one for one in account.freezes if one.order_hash == ask.order_hash]
        demand(placed, Reject.FREEZE_NOT_FOUND)
        may = ask.authority == placed[0].authority or self.has_role(ask.authority, Role.REGULATOR)
        demand(may, Reject.AUTHORITY_MAY_NOT_UNFREEZE)
        self.authorise(action, ask.authority, ask, ask.account_id)
        self.set_freezes(account, tuple(one for one in account.freezes if one not in placed))
        action.credited.append(ask.account_id + EVERY)

    def CloseAccount(self, ask: Any, action: Action) -> None:
        account = self.known_account(action, ask.account_id)
        self.authorise_account(action, ask.account_id, ask, servicer_too=True)
        empty = not [key for key in self.tables[50] if key[:20] == ask.account_id]
        demand(empty, Reject.ACCOUNT_IS_NOT_EMPTY)
        account.status = CLOSED
        self.count_again()

    # Quantities

    def check_use(self, identity: bytes, *, debit: bool) -> None:
        """Whether an account may give (or take) anything at all."""
        account = self.tables[51][identity]
        demand(account.status is OPEN, Reject.ACCOUNT_IS_CLOSED)
        demand(account.kind is not AccountKind.ISSUANCE, Reject.ISSUANCE_ACCOUNT_ONLY_ISSUES)
        if debit:
            demand(not account.frozen_debits, Reject.ACCOUNT_IS_FROZEN_FOR_DEBITS)
        else:
            demand(not account.frozen_credits, Reject.ACCOUNT_IS_FROZEN_FOR_CREDITS)
        self.in_business(account.owner, winding_down=True)

    def check_holders(self, identity: bytes) -> None:
        """Whether all who hold an account may receive securities from others."""
        account = self.tables[51][identity]
        fine = all(self.may_acquire(holder) for holder in (account.owner, *account.joint_holders))
        demand(fine, Reject.HOLDER_IS_NOT_VERIFIED)

    def check_delivery(self, source: bytes, target: bytes, instrument: bytes) -> None:
        """The same, where what is delivered is neither money nor the owner's own."""
        own = self.tables[51][source].owner == self.tables[51][target].owner
        if self.tables[40][instrument].kind is not InstrumentKind.MONEY_TOKEN and not own:
            self.check_holders(target)

    def check_debit(self, identity: bytes, instrument: bytes, quantity: int) -> None:
        self.check_use(identity, debit=True)
        enough = self.balance(identity, instrument)[0] >= quantity
        demand(enough or not quantity, Reject.INSUFFICIENT_AVAILABLE_QUANTITY)

    def add(self, account: bytes, instrument: bytes, available: int, earmarked: int = 0) -> None:
        """Change one holding; the totals follow."""
        holding = self.tables[50].setdefault(account + instrument, Item(available=0, earmarked=0))
        holding.available += available
        holding.earmarked += earmarked
        assert holding.available >= 0
        assert holding.earmarked >= 0
        if not holding.available and not holding.earmarked:
            del self.tables[50][account + instrument]
        self.count_again()

    def move(self, action: Action, instrument: bytes, source: bytes, target: bytes, quantity: int) -> None:
        demand(quantity > 0, Reject.QUANTITY_IS_OUT_OF_RANGE)
        demand(source != target, Reject.SOURCE_IS_THE_TARGET)
        contra = self.tables[40][instrument].issuance_account
        demand(contra not in (source, target), Reject.ISSUANCE_ACCOUNT_ONLY_ISSUES)
        enough = self.balance(source, instrument)[0] >= quantity
        demand(enough, Reject.INSUFFICIENT_AVAILABLE_QUANTITY)
        self.add(source, instrument, -quantity)
        self.add(target, instrument, quantity)
        action.credited.append(target + instrument)

    def check_issuance(self, instrument: bytes, other: bytes, quantity: int) -> bytes:
        demand(0 < quantity <= AMOUNT_MAX, Reject.QUANTITY_IS_OUT_OF_RANGE)
        found = self.tables[40][instrument]
        contra = self.tables[51].get(found.issuance_account)
        fine = contra is not None and contra.status is OPEN and contra.kind is AccountKind.ISSUANCE
        fine = fine and contra is not None and contra.owner == found.issuer
        demand(fine, Reject.ISSUANCE_ACCOUNT_IS_WRONG)
        demand(other != found.issuance_account, Reject.ISSUANCE_ACCOUNT_ONLY_ISSUES)
        identity: bytes = found.issuance_account
        return identity

    def totals(self, instrument: bytes) -> Any:
        return self.tables[54].setdefault(instrument, Item(issued=0, redeemed=0, earmarked=0, holders=0))

    def issue(self, action: Action, instrument: bytes, target: bytes, quantity: int) -> None:
        contra = self.check_issuance(instrument, target, quantity)
        room = self.balance(contra, instrument)[0] + quantity <= AMOUNT_MAX
        demand(room, Reject.ISSUED_QUANTITY_IS_TOO_LARGE)
        totals = self.totals(instrument)
        self.add(contra, instrument, quantity)
        self.add(target, instrument, quantity)
        action.credited.append(target + instrument)
        totals.issued += quantity
        if totals.issued > AMOUNT_MAX:
            totals.issued, totals.redeemed = totals.issued - totals.redeemed, 0

    def redeem(self, instrument: bytes, source: bytes, quantity: int) -> None:
        contra = self.check_issuance(instrument, source, quantity)
        enough = self.balance(source, instrument)[0] >= quantity
        demand(enough, Reject.INSUFFICIENT_AVAILABLE_QUANTITY)
        self.add(source, instrument, -quantity)
        self.add(contra, instrument, -quantity)
        self.totals(instrument).redeemed += quantity

    # Earmarks

    def earmark(
        self,
        action: Action,
        account: bytes,
        instrument: bytes,
        quantity: int,
        reason: EarmarkReason,
        owner: bytes,
        reference: bytes,
        expiry_ms: int = 0,
    ) -> bytes:
        demand(quantity > 0, Reject.QUANTITY_IS_OUT_OF_RANGE)
        contra = self.tables[40][instrument].issuance_account
        demand(account != contra, Reject.ISSUANCE_ACCOUNT_ONLY_ISSUES)
        demand(len(reference) <= 32, Reject.REFERENCE_IS_TOO_LONG)
        fine = not expiry_ms or self.time_ms < expiry_ms <= TIME_MAX_MS
        demand(fine, Reject.EXPIRY_IS_OUT_OF_RANGE)
        enough = self.balance(account, instrument)[0] >= quantity
        demand(enough, Reject.INSUFFICIENT_AVAILABLE_QUANTITY)
        identity = action.new_id()
        self.tables[52][identity] = Item(
            account_id=account,
            instrument_id=instrument,
            reason=reason,
            owner=owner,
            quantity=quantity,
            reference=reference,
            expiry_ms=expiry_ms,
        )
        self.add(account, instrument, -quantity, quantity)
        self.totals(instrument).earmarked += quantity
        return identity

    def find_earmark(self, identity: bytes) -> Any:
        found = self.tables[52].get(identity)
        demand(found is not None, Reject.EARMARK_NOT_FOUND)
        return found

    def reduce(self, identity: bytes, quantity: int) -> Any:
        """Take a quantity off an earmark, which ends at nothing; it is still to be put somewhere."""
        earmark = self.find_earmark(identity)
        demand(quantity > 0, Reject.QUANTITY_IS_OUT_OF_RANGE)
        demand(quantity <= earmark.quantity, Reject.EARMARK_IS_TOO_SMALL)
        earmark.quantity -= quantity
        if not earmark.quantity:
            del self.tables[52][identity]
        self.totals(earmark.instrument_id).earmarked -= quantity
        return earmark

    def release(self, action: Action, identity: bytes, quantity: int | None = None) -> None:
        quantity = self.find_earmark(identity).quantity if quantity is None else quantity
        earmark = self.reduce(identity, quantity)
        self.add(earmark.account_id, earmark.instrument_id, quantity, -quantity)
        action.credited.append(earmark.account_id + earmark.instrument_id)

    def move_earmarked(self, action: Action, identity: bytes, target: bytes, quantity: int) -> None:
        earmark = self.find_earmark(identity)
        demand(quantity > 0, Reject.QUANTITY_IS_OUT_OF_RANGE)
        demand(quantity <= earmark.quantity, Reject.EARMARK_IS_TOO_SMALL)
        demand(earmark.account_id != target, Reject.SOURCE_IS_THE_TARGET)
        contra = self.tables[40][earmark.instrument_id].issuance_account
        demand(target != contra, Reject.ISSUANCE_ACCOUNT_ONLY_ISSUES)
        self.reduce(identity, quantity)
        self.add(earmark.account_id, earmark.instrument_id, 0, -quantity)
        self.add(target, earmark.instrument_id, quantity)
        action.credited.append(target + earmark.instrument_id)

    def lapse_earmarks(self) -> None:
        for key in sorted(self.tables[53]):
            if int.from_bytes(key[:8], "big") <= self.time_ms:
                self.act(lambda action, key=key: self.release(action, key[8:]))

    def PlaceEarmark(self, ask: Any, action: Action) -> None:
        account = self.known_account(action, ask.account_id)
        self.authorise_account(action, ask.account_id, ask, ask.quantity)
        self.instrument(ask.instrument_id)
        known = not ask.beneficiary or ask.beneficiary in self.tables[20]
        demand(known, Reject.EARMARK_OWNER_IS_NOT_A_PARTY)
        self.check_use(ask.account_id, debit=True)
        owner = ask.beneficiary or account.owner
        self.earmark(
            action,
            ask.account_id,
            ask.instrument_id,
            ask.quantity,
            EarmarkReason.HOLDER,
            owner,
            ask.reference,
            ask.expiry_ms,
        )

    def known_earmark(self, action: Action, identity: bytes, authority: bytes = b"") -> Any:
        earmark = self.find_earmark(identity)
        spoken = any(self.is_spoken_for(action, one) for one in (earmark.owner, authority) if one)
        known = spoken or self.is_known(action, self.tables[51][earmark.account_id])
        demand(known, Reject.EARMARK_NOT_FOUND)
        return earmark

    def ReleaseEarmark(self, ask: Any, action: Action) -> None:
        earmark = self.known_earmark(action, ask.earmark_id)
        demand(earmark.reason is EarmarkReason.HOLDER, Reject.NOT_A_HOLDERS_EARMARK)
        account = self.account(earmark.account_id)
        quantity = ask.quantity or earmark.quantity
        beneficiary = self.tables[20].get(earmark.owner)
        gone = beneficiary is None or beneficiary.status is PartyStatus.TERMINATED
        if gone or earmark.owner == account.owner:
            self.authorise_account(action, earmark.account_id, ask, quantity)
        else:
            self.authorise(action, earmark.owner, ask, earmark.account_id, quantity)
        self.release(action, ask.earmark_id, quantity)

    # By order

    def authorise_by_order(self, ask: Any, action: Action, account: bytes) -> None:
        instrument = self.instrument(ask.instrument_id)
        may = ask.authority == instrument.registrar or self.has_role(ask.authority, Role.REGULATOR)
        demand(may, Reject.AUTHORITY_MAY_NOT_FORCE)
        self.authorise(action, ask.authority, ask, account, ask.quantity)
        demand(len(ask.order_hash) == 32, Reject.ORDER_HASH_IS_MALFORMED)

    def check_lifts(self, earmark: Any, authority: bytes) -> None:
        demand(earmark.reason is EarmarkReason.FREEZE, Reject.EARMARK_IS_NOT_A_FREEZE)
        may = authority == earmark.owner or self.has_role(authority, Role.REGULATOR)
        demand(may, Reject.AUTHORITY_MAY_NOT_UNFREEZE)

    def ForceTransfer(self, ask: Any, action: Action) -> None:
        self.authorise_by_order(ask, action, ask.source_account)
        self.account(ask.source_account)
        self.account(ask.target_account)
        self.check_use(ask.target_account, debit=False)
        if not ask.earmark_id:
            self.move(action, ask.instrument_id, ask.source_account, ask.target_account, ask.quantity)
            return
        earmark = self.find_earmark(ask.earmark_id)
        same = (earmark.account_id, earmark.instrument_id) == (ask.source_account, ask.instrument_id)
        demand(same, Reject.EARMARK_IS_OF_ANOTHER_HOLDING)
        self.check_lifts(earmark, ask.authority)
        self.move_earmarked(action, ask.earmark_id, ask.target_account, ask.quantity)

    def FreezeHolding(self, ask: Any, action: Action) -> None:
        self.authorise_by_order(ask, action, ask.account_id)
        self.account(ask.account_id)
        self.earmark(
            action,
            ask.account_id,
            ask.instrument_id,
            ask.quantity,
            EarmarkReason.FREEZE,
            ask.authority,
            ask.order_hash,
        )

    def UnfreezeHolding(self, ask: Any, action: Action) -> None:
        regulates = self.has_role(ask.authority, Role.REGULATOR)
        earmark = self.known_earmark(action, ask.earmark_id, ask.authority if regulates else b"")
        self.check_lifts(earmark, ask.authority)
        quantity = ask.quantity or earmark.quantity
        self.authorise(action, ask.authority, ask, earmark.account_id, quantity)
        self.release(action, ask.earmark_id, quantity)
