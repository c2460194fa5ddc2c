"""For every kind of message one that a ledger after the opening accepts, with the keys that sign it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from counterfoil.custody.signers import SandboxKey
from counterfoil.machine.wiring import MESSAGES
from counterfoil.modules.approvals.messages import ApproveTransaction, ProposeTransaction, WithdrawProposal
from counterfoil.modules.cash.messages import Mint, PayRedemption, RefuseRedemption, RequestRedemption
from counterfoil.modules.certificates.messages import (
    NameAuthority,
    RevokeCertificate,
    WithdrawAuthority,
)
from counterfoil.modules.consortium.messages import (
    ApproveMotion,
    SetDecisionRule,
    SetWeight,
    WithdrawApproval,
)
from counterfoil.modules.custodians.messages import RecordTrail
from counterfoil.modules.custodians.records import TrailEntry, UseKind
from counterfoil.modules.feeds.messages import DefineFeed, EndFeed, Observe
from counterfoil.modules.governance.messages import CancelUpgrade, ScheduleUpgrade
from counterfoil.modules.grants.messages import GrantView, RecordReadLog, RevokeView
from counterfoil.modules.grants.records import Purpose, Scope
from counterfoil.modules.holdings.messages import (
    AmendAccount,
    CloseAccount,
    ForceTransfer,
    FreezeAccount,
    FreezeHolding,
    OpenAccount,
    PlaceEarmark,
    ReleaseEarmark,
    UnfreezeAccount,
    UnfreezeHolding,
)
from counterfoil.modules.holdings.records import AccountKind
from counterfoil.modules.identities.messages import (
    AppointIdentityRegistrar,
    AttestIdentity,
    RecordLicence,
    WithdrawLicence,
    WithdrawVerification,
)
from counterfoil.modules.identities.records import TIME_MAX_MS, Suite
from counterfoil.modules.instruments.messages import (
    AmendTerms,
    AnnounceInstrument,
    AppointRegistrar,
    CancelInstrument,
    MatureInstrument,
    RedeemInstrument,
    ResumeInstrument,
    SuspendInstrument,
)
from counterfoil.modules.instruments.records import InstrumentKind, QuantityType
from counterfoil.modules.issuance.messages import (
    Allot,
    HoldingLine,
    RegisterExit,
    RegisterFurtherIssue,
    RegisterIssue,
    RegisterRedemption,
    RegisterReduction,
)
from counterfoil.modules.markets.messages import (
    AcceptAsset,
    AmendRulebook,
    CloseDay,
    HandOverMarket,
    OpenDay,
    OpenMarket,
    SetCalendar,
    WithdrawAsset,
)
from counterfoil.modules.markets.records import CalendarKind
from counterfoil.modules.parties.messages import (
    ActivateParty,
    AdmitParty,
    AmendParty,
    ApplyForAdmission,
    ApproveRecovery,
    EnrolParty,
    GrantMandate,
    NameFourEyes,
    NameRecoveryApprovers,
    RefuseApplication,
    RegisterSigner,
    ReinstateParty,
    RevokeMandate,
    RevokeParty,
    RotateKeys,
    SuspendParty,
    TerminateParty,
    VerifyIdentity,
    WindDownParty,
    WithdrawRecovery,
)
from counterfoil.modules.parties.records import Role
from counterfoil.modules.settlement.interface import batch_digest
from counterfoil.modules.settlement.messages import (
    Allocate,
    Amend,
    Cancel,
    CancelBatch,
    Deallocate,
    InstructBothWithNotes,
    InstructWithNote,
    LoadBatch,
    OpenBatch,
    RefuseSignOff,
    SettleBatch,
    SignOff,
)
from counterfoil.modules.settlement.records import Linkage, Position
from counterfoil.modules.trades.messages import AmendTrade, CancelTrade, ConfirmTrade, RecordTrade
from counterfoil.modules.validators.messages import (
    AddValidator,
    ReadmitValidator,
    RemoveValidator,
    RotateConsensusKey,
    SetVotingPower,
)
from counterfoil.modules.viewkeys.messages import (
    AdmitHolder,
    ConfirmKeyEpoch,
    EndViewGrant,
    GrantViewKey,
    RaiseViewKey,
    RecordOpeningKey,
    RemoveHolder,
)
from counterfoil.primitives.calendars import SATURDAY_AND_SUNDAY, Calendar, UtcOffsets
from counterfoil.primitives.codec import Message, encode
from counterfoil.primitives.signatures import KeyPolicy, single_key
from counterfoil.sealing.opening_keys import OpeningKey
from tests.model.desk import DECIDING, by, own, party
from tests.model.moves_keys import NODE, OTHERS, next_epoch
from tests.model.opening import (
    APPROVERS,
    BY_HAND,
    BY_SCHEDULE,
    DAY_MS,
    DEPOSITORY,
    FRIDAY,
    FRIDAY_BEFORE,
    MONDAY,
    THURSDAY,
    TUESDAY,
    WEDNESDAY,
    WEEKDAYS,
    Opening,
    consensus_key,
    papers,
    stranger,
    terms,
)

Sample = tuple[Message, tuple[SandboxKey, ...]]
MEMBERS = by(*DECIDING)
"""Those who carry a motion."""


def approvers(issuer: str) -> tuple[bytes, ...]:
    return tuple(party(name) for name in (issuer, *APPROVERS))


def samples(opening: Opening) -> Iterator[Sample]:
    """At least one of every kind. Each is to be tried when it is given, on the ledger as it is then.

    The ledger changes between them only where a kind needs something that the opening does not have.
    """
    chain = (_chain, _consortium, _validators, _feeds)
    people = (_parties, _names, _certificates)
    business = (_markets, _instruments, _holdings, _issues, _cash, _trades, _settlement, _grants)
    for part in (*chain, *people, *business):
        yield from part(opening)
    yield from _viewkeys(opening)
    yield _upgrade_scheduled(opening)
    yield _all_redeemed(opening)
    yield from _custody(opening)


def missing_kinds(kinds: Iterable[type[Message]]) -> str:
    """The names of the kinds of message that are not among these."""
    given = frozenset(kinds)
    return ", ".join(kind.__name__ for kind in MESSAGES if kind not in given)


def _chain(opening: Opening) -> Iterator[Sample]:
    regulator, time_ms = party("regulator"), opening.desk.time_ms
    notary, broker = own("notary")[0], own("broker-b")[0]
    earmark = PlaceEarmark(opening.accounts["b"], opening.instruments["share"], 7)
    yield ScheduleUpgrade(regulator, 2, opening.desk.height + 1_000), MEMBERS
    content = encode(((notary.address, broker.address), (earmark,)))
    yield ProposeTransaction(content, time_ms + DAY_MS), (notary,)
    alone = encode(((broker.address,), (earmark,)))
    yield ProposeTransaction(alone, time_ms + DAY_MS), (broker,)
    yield ApproveTransaction(opening.objects["proposal"]), (broker,)
    yield WithdrawProposal(opening.objects["other proposal"]), (broker,)


def _upgrade_scheduled(opening: Opening) -> Sample:
    """Cancelling needs what is scheduled; that is sent first."""
    regulator = party("regulator")
    opening.do(ScheduleUpgrade(regulator, 2, opening.desk.height + 1_000), *MEMBERS)
    return CancelUpgrade(regulator), MEMBERS


def _consortium(opening: Opening) -> Iterator[Sample]:
    desk, objects = opening.desk, opening.objects
    regulator, bank = party("regulator"), party("central-bank")
    inner = SetCalendar("XTST", CalendarKind.CURRENCY, "EUR", THURSDAY, WEEKDAYS)
    yield desk.motion(inner, names=("exchange",)), by("exchange")
    yield desk.motion(inner, SetWeight(party("notary"), 0)), MEMBERS
    yield ApproveMotion((bank, regulator), objects["motion"]), by("central-bank", "regulator")
    yield WithdrawApproval(party("exchange"), objects["other motion"]), by("exchange")
    yield SetWeight(party("notary"), 0), MEMBERS
    yield SetWeight(bank, -1), MEMBERS
    yield SetDecisionRule(1600, 3, 4, 2, (Role.REGULATOR,)), MEMBERS
    yield SetDecisionRule(1600, 0, 0), MEMBERS


def _validators(opening: Opening) -> Iterator[Sample]:
    new, other, third = (consensus_key(name).public_key for name in ("new", "other", "third"))
    yield AddValidator(party("trustee"), new, 5), MEMBERS
    yield SetVotingPower(party("broker-a"), 7), MEMBERS
    yield RotateConsensusKey(party("exchange"), other), by("exchange")
    yield ReadmitValidator(party("broker-b"), third, 10), MEMBERS
    yield RemoveValidator(party("broker-a")), MEMBERS


def _feeds(opening: Opening) -> Iterator[Sample]:
    now, observers = opening.desk.time_ms, ("exchange", "trustee", "notary")
    named = tuple(sorted(party(name) for name in observers))
    yield DefineFeed("GBP/EUR", "EUR per GBP", 4, named, 3, 60_000, 1_000, 600_000, 500, 0), MEMBERS
    yield Observe(party("regulator"), "USD/EUR", 9_100, now), by("regulator")
    yield Observe(party("depository"), "USD/EUR", 9_300, now), DEPOSITORY
    yield DefineFeed("USD/EUR", "EUR per USD", 4, (), 3, 60_000, 1_000, 600_000, 0, 100), MEMBERS
    yield EndFeed("USD/EUR"), MEMBERS


def _viewkeys(opening: Opening) -> Iterator[Sample]:
    """A second holder, so that one can be removed; an epoch that waits, so that it can be confirmed; a grant."""
    desk, regulator, signed = opening.desk, party("regulator"), by("regulator")
    broker, auditor, until = party("broker-a"), party("auditor"), opening.desk.next_time_ms() + DAY_MS
    key = OpeningKey(papers("opening key")).public_key
    yield AdmitHolder(regulator, OTHERS[1].address, key, bytes(113)), signed
    opening.do(AdmitHolder(regulator, OTHERS[0].address, key, bytes(113)), *signed)
    yield RemoveHolder(regulator, OTHERS[0].address), signed
    proposed = next_epoch(desk, papers("root"), regulator)
    yield proposed, signed
    opening.do(proposed, *signed)
    yield ConfirmKeyEpoch(NODE.address, proposed.number, proposed.commitment), (NODE,)
    yield RaiseViewKey(broker, broker), own("broker-a")
    yield RecordOpeningKey(broker, key), own("broker-a")
    audit = Purpose.AUDIT, "Audit of the year."
    yield GrantViewKey(broker, broker, auditor, *audit, until, True), own("broker-a")
    notary, inquiry = party("notary"), (Purpose.INVESTIGATION, "An inquiry.")
    opening.do(GrantViewKey(regulator, broker, notary, *inquiry, until), *own("regulator"))
    yield EndViewGrant(notary, broker, notary), own("notary")


def _parties(opening: Opening) -> Iterator[Sample]:
    regulator, signed = party("regulator"), by("regulator")
    parties, key = opening.parties, stranger("somebody")
    yield ApplyForAdmission(regulator, (Role.NOTARY, Role.AUDITOR), "Somebody", "", key.address), (key,)
    yield AdmitParty(regulator, parties["applicant"]), signed
    yield RefuseApplication(regulator, parties["refused"], "No need."), signed
    yield EnrolParty(regulator, (Role.TRUSTEE,), "Another", "", key.address, b"", True), signed
    verified = papers("somebody's passport")
    yield EnrolParty(party("broker-a"), (Role.INVESTOR,), "A client", "", b"", verified, True), by("broker-a")
    yield ActivateParty(regulator, parties["admitted"]), signed
    yield SuspendParty(regulator, party("broker-a"), "An inquiry."), signed
    yield ReinstateParty(regulator, parties["suspended"]), signed
    yield RevokeParty(regulator, parties["doomed"], "Fraud."), signed
    yield WindDownParty(regulator, parties["doomed"], "It retires."), own("regulator")
    yield TerminateParty(regulator, parties["leaving"]), signed
    yield AmendParty(regulator, party("broker-a"), "Broker Alpha", "5493001KJTIIGC8Y1R12"), signed
    yield VerifyIdentity(party("broker-a"), party("investor-a"), papers("passport")), by("broker-a")
    yield NameFourEyes(party("broker-a"), (900, 901)), by("broker-a")
    policy = KeyPolicy(1, tuple(sorted(stranger(f"key {n}").public_key for n in range(4, 7))))
    approver = (own("notary")[0].address,)
    yield RegisterSigner(policy, approver, 1), tuple(stranger(f"key {n}") for n in range(4, 7))
    yield RotateKeys(own("broker-b")[0].address, policy), own("broker-b")
    yield RotateKeys(opening.addresses["pair"], policy), own("notary")
    rotated = own("investor-b")[0]
    opening.do(RotateKeys(rotated.address, KeyPolicy(1, (rotated.public_key,))), rotated)
    yield NameRecoveryApprovers(rotated.address, approver, 1), (rotated,)
    yield (
        GrantMandate(
            party("broker-a"),
            key.address,
            (900,),
            (opening.accounts["a"],),
            1_000,
            0,
            opening.desk.time_ms + DAY_MS,
        ),
        by("broker-a"),
    )
    yield RevokeMandate(party("broker-a"), stranger("clerk").address), by("broker-a")


def _names(opening: Opening) -> Iterator[Sample]:
    regulator, signed = party("regulator"), by("regulator")
    registrar, key = opening.parties["registrar"], stranger("registrar")
    suite = Suite.RISTRETTO255_SHA512
    yield AppointIdentityRegistrar(regulator, registrar, suite, bytes(32), 2, TIME_MAX_MS), signed
    yield RecordLicence(regulator, party("depository"), "A 1", 0, opening.desk.time_ms + DAY_MS), signed
    tag, broker = bytes([3]) * 32, party("broker-b")
    yield AttestIdentity(registrar, 1, tag, broker, bytes([103]) * 32, bytes([1]) * 32), (key,)
    yield WithdrawLicence(regulator, party("broker-b"), "It asked for it."), signed
    yield opening.verification(101), by("broker-a")
    yield (
        WithdrawVerification(party("broker-a"), party("investor-a"), "The passport was forged."),
        by("broker-a"),
    )


def _certificates(opening: Opening) -> Iterator[Sample]:
    depository, begins_ms = party("depository"), opening.desk.time_ms
    yield NameAuthority(depository, b"another", begins_ms, begins_ms + 365 * DAY_MS), DEPOSITORY
    yield opening.certificate("another", "issuer-a"), DEPOSITORY
    yield RevokeCertificate(party("broker-a"), papers("node"), "The key was stolen."), by("broker-a")
    yield WithdrawAuthority(depository, opening.authority, "It is replaced."), DEPOSITORY


def _custody(opening: Opening) -> Iterator[Sample]:
    new = tuple(stranger(f"key {n}") for n in range(4, 7))
    policy = KeyPolicy(1, tuple(sorted(key.public_key for key in new)))
    key, both = stranger("somebody"), tuple(sorted((own("notary")[0].address, own("regulator")[0].address)))
    yield ApproveRecovery(opening.addresses["pair"], policy), (*own("notary"), *new)
    opening.do(RegisterSigner(single_key(key.public_key), both, 2), key)
    opening.do(ApproveRecovery(key.address, policy), *own("notary"), *new)
    yield WithdrawRecovery(key.address), own("notary")
    entry = TrailEntry(1_700_000_000_000, UseKind.TRANSACTION, key.address, bytes(32), bytes(32), bytes(16))
    yield RecordTrail(party("broker-a"), 0, bytes(32), (entry, entry)), by("broker-a")


def _markets(opening: Opening) -> Iterator[Sample]:
    depository, signed = party("depository"), DEPOSITORY
    usd = opening.instruments["usd"]
    new = OpenMarket(depository, "XNEW", "New", FRIDAY_BEFORE, BY_SCHEDULE, WEEKDAYS, WEEKDAYS)
    yield new, signed
    yield AmendRulebook("XTST", replace(BY_HAND, effective_from=WEDNESDAY)), signed
    later = replace(
        BY_SCHEDULE, effective_from=WEDNESDAY, offsets=UtcOffsets(((0, 60), (1_704_300_000_000, 120)))
    )
    yield AmendRulebook("XSGN", later), by("exchange")
    yield SetCalendar("XTST", CalendarKind.CURRENCY, "USD", WEDNESDAY, WEEKDAYS), signed
    working = Calendar(SATURDAY_AND_SUNDAY, (THURSDAY,), (20240106,))
    yield SetCalendar("XSGN", CalendarKind.SETTLEMENT, "", WEDNESDAY, working), by("exchange")
    opening.do(replace(new, market="XTWO", rulebook=BY_HAND), *signed)
    yield OpenDay("XTWO", TUESDAY), signed
    yield CloseDay("XTST", TUESDAY), signed
    yield AcceptAsset("XTWO", usd, TUESDAY), signed
    yield WithdrawAsset("XTST", usd, WEDNESDAY), signed
    yield HandOverMarket("XTWO", depository, party("exchange")), (*signed, *by("exchange"))


def _instruments(opening: Opening) -> Iterator[Sample]:
    instruments, accounts = opening.instruments, opening.accounts
    depository, signed = party("depository"), DEPOSITORY
    yield (
        AnnounceInstrument(
            depository,
            party("issuer-a"),
            InstrumentKind.EQUITY,
            "XTST",
            "another",
            "",
            "USD",
            QuantityType.UNITS,
            0,
            accounts["share issuance"],
            terms("Another", "US02079K3059"),
        ),
        signed,
    )
    yield AmendTerms(instruments["share"], FRIDAY, terms("Share", "US4592001014")), signed
    yield AmendTerms(instruments["share"], TUESDAY, terms("Share at once", "US4592001014")), signed
    yield SuspendInstrument(instruments["share"], depository), signed
    yield ResumeInstrument(instruments["paused"], depository), signed
    yield MatureInstrument(instruments["bond"]), signed
    yield CancelInstrument(instruments["draft"]), signed
    trustee = party("trustee")
    yield AppointRegistrar(instruments["other"], depository, trustee), (*signed, *by("trustee"))


def _holdings(opening: Opening) -> Iterator[Sample]:
    accounts, share, objects = opening.accounts, opening.instruments["share"], opening.objects
    regulator, a = party("regulator"), by("broker-a")
    key = stranger("holder")
    yield OpenAccount(party("investor-a"), party("broker-a"), AccountKind.OWN), a
    yield (
        OpenAccount(
            party("investor-a"),
            party("broker-a"),
            AccountKind.SEGREGATED,
            key.address,
            joint_holders=(party("investor-b"),),
            default_cash_account=accounts["a cash"],
        ),
        (*a, key, *by("investor-b")),
    )
    yield AmendAccount(accounts["ia"], (key.address,), 1, (), accounts["a cash"], True), by("investor-a")
    yield FreezeAccount(accounts["a"], regulator, papers("stop"), True, True), by("regulator")
    yield UnfreezeAccount(accounts["clients"], regulator, papers("order")), by("regulator")
    expiry_ms = opening.desk.time_ms + DAY_MS
    yield PlaceEarmark(accounts["a"], share, 10, party("broker-b"), b"reference", expiry_ms), a
    yield CloseAccount(accounts["empty"]), a
    yield ReleaseEarmark(objects["earmark"], 10), by("broker-b")
    yield ReleaseEarmark(objects["own earmark"]), a
    order = papers("forced")
    yield ForceTransfer(regulator, share, accounts["a"], accounts["b"], 10, order), by("regulator")
    yield (
        ForceTransfer(regulator, share, accounts["ia"], accounts["b"], 10, order, objects["freeze"]),
        by("regulator"),
    )
    yield FreezeHolding(regulator, accounts["a"], share, 10, order), by("regulator")
    yield UnfreezeHolding(regulator, objects["freeze"], 10), by("regulator")


def _issues(opening: Opening) -> Iterator[Sample]:
    instruments, accounts = opening.instruments, opening.accounts
    treasury, a_issuer = accounts["treasury"], approvers("issuer-a")
    signed = by("issuer-a", *APPROVERS)
    share = instruments["share"]
    yield RegisterIssue(instruments["new"], 1_000, treasury, a_issuer, papers("1")), signed
    yield RegisterFurtherIssue(share, 1_000, treasury, a_issuer, papers("2")), signed
    yield RegisterReduction(share, 1_000, treasury, a_issuer, papers("3")), signed
    issuer_b, signed_b = approvers("issuer-b"), by("issuer-b", *APPROVERS)
    lines = (HoldingLine(accounts["bond treasury"], 400),)
    yield RegisterRedemption(instruments["bill"], lines, 400, issuer_b, papers("4")), signed_b
    yield RegisterExit(instruments["paused"], accounts["bond treasury"], issuer_b, papers("5")), signed_b
    lines = (HoldingLine(accounts["ia"], 5),)
    yield Allot(share, accounts["b"], False, lines, 5, "A1", papers("6")), by("broker-b")
    yield Allot(share, treasury, True, (HoldingLine(accounts["a"], 5),), 5, "A2", papers("7")), by("issuer-a")


def _all_redeemed(opening: Opening) -> Sample:
    """An instrument's end needs that nothing is outstanding; that is brought about first."""
    bill, treasury = opening.instruments["bill"], opening.accounts["bond treasury"]
    left, _ = opening.desk.machine.wired.holdings.balance(treasury, bill)
    lines = (HoldingLine(treasury, left),)
    opening.do(
        RegisterRedemption(bill, lines, left, approvers("issuer-b"), papers("all")),
        *by("issuer-b", *APPROVERS),
    )
    return RedeemInstrument(bill), DEPOSITORY


def _cash(opening: Opening) -> Iterator[Sample]:
    usd, accounts, objects = opening.instruments["usd"], opening.accounts, opening.objects
    yield Mint(usd, accounts["a"], 1_000, "BANK/NEW", TUESDAY), by("trustee")
    yield RequestRedemption(usd, accounts["a"], 1_000, "R9", papers("payee")), by("broker-a")
    yield PayRedemption(objects["redemption"], "PAID/NEW", TUESDAY), by("trustee")
    yield RefuseRedemption(objects["unpaid"], "No such payee."), by("trustee")


def _trades(opening: Opening) -> Iterator[Sample]:
    objects = opening.objects
    client = opening.terms("N1", seller_client=opening.accounts["ia"])
    yield RecordTrade(client, party("broker-a")), by("broker-a")
    yield RecordTrade(opening.terms("N2"), party("depository")), DEPOSITORY
    yield ConfirmTrade(objects["recorded"], 1), by("broker-b")
    yield AmendTrade(objects["trade"], opening.terms("T2", 90)), by("broker-a")
    yield CancelTrade(objects["trade"], party("broker-b")), by("broker-b")


def _settlement(opening: Opening) -> Iterator[Sample]:
    objects, accounts = opening.objects, opening.accounts
    a, b = by("broker-a"), by("broker-b")
    linked = (Linkage(Position.AFTER, "I1"), Linkage(Position.WITH, "I2"))
    yield opening.instruct("N1"), a
    yield opening.instruct("N2", linkages=linked, client="Client", common_reference="C"), a
    yield opening.instruct("N3", delivers=False), b
    yield opening.both("N4"), (*a, *b)
    yield opening.both("N5", date=FRIDAY, delivery={"linkages": linked}), (*a, *b)
    yield opening.both("N6", delivery={"account": accounts["ia"]}, receipt={"hold": True}), (*a, *b)
    yield InstructWithNote(opening.instruct("N10"), b"a note"), a
    yield InstructBothWithNotes(opening.both("N11"), b"to the one", b"to the other"), (*a, *b)
    yield Amend(objects["held"], False, None, None, linked[:1]), a
    yield Allocate(objects["delivery"], 50), a
    yield Allocate(objects["receipt"]), b
    yield Deallocate(objects["allocated"]), a
    yield Cancel(objects["unmatched"]), a
    yield Cancel(objects["receipt"]), b
    yield SignOff(objects["signable"]), by("exchange")
    yield RefuseSignOff(objects["refusable"], "Not today."), by("exchange")
    depository = party("depository")
    yield OpenBatch("XTST", depository, "N7", MONDAY, 3), DEPOSITORY
    yield LoadBatch(objects["open batch"], 1, opening.chunk), DEPOSITORY
    yield SettleBatch(objects["batch"], batch_digest([opening.chunk])), (*DEPOSITORY, *a)
    yield CancelBatch(objects["open batch"]), DEPOSITORY


def _grants(opening: Opening) -> Iterator[Sample]:
    issuer, auditor, share = party("issuer-a"), party("auditor"), opening.instruments["share"]
    until_ms = opening.desk.time_ms + DAY_MS
    yield GrantView(issuer, auditor, Scope.REGISTER, share, Purpose.AUDIT, 0, 0, until_ms), by("issuer-a")
    yield RevokeView(auditor, opening.objects["grant"]), by("auditor")
    node = stranger("somebody")
    yield RecordReadLog(issuer, node.address, 7, papers("reads")), (*by("issuer-a"), node)
