"""The guards that several rules share: who must sign, what lists and accounts must look like."""

from __future__ import annotations

from typing import NamedTuple

from counterfoil.modules.holdings.interface import Account, AccountKind
from counterfoil.modules.instruments.interface import Instrument, InstrumentKind
from counterfoil.modules.issuance.books import IssuanceBooks
from counterfoil.modules.issuance.messages import HoldingLine
from counterfoil.modules.issuance.records import LINES_MAX, PAPERS_HASH_SIZE
from counterfoil.modules.issuance.rejects import IssuanceReject
from counterfoil.modules.markets.interface import RegistrationApprover
from counterfoil.modules.module import ActionContext
from counterfoil.modules.parties.interface import Role
from counterfoil.primitives.codec import Message
from counterfoil.primitives.outcome import Rejected

_ROLES = {
    RegistrationApprover.REGULATOR: Role.REGULATOR,
    RegistrationApprover.NOTARY: Role.NOTARY,
    RegistrationApprover.TRUSTEE: Role.TRUSTEE,
    RegistrationApprover.OPERATOR: Role.OPERATOR,
}


class Act(NamedTuple):
    """What every registration states: which instrument, who approves, by which papers."""

    instrument_id: bytes
    instrument: Instrument
    approvers: tuple[bytes, ...]
    papers: bytes


def check_papers(papers: bytes) -> None:
    if len(papers) != PAPERS_HASH_SIZE:
        raise Rejected(IssuanceReject.PAPERS_HASH_IS_MALFORMED, bytes=len(papers))


def check_registration(
    books: IssuanceBooks, context: ActionContext, act: Act, message_type: type[Message], quantity: int
) -> None:
    """Whether a registration rests on papers of its own, and all those have signed whom the market's policy names.

    The policy is the one in force on the home market's business date. quantity: what the act is about, for the
    limits of mandates. Rejected 6001 to 6004, as parties' `authorise`, and 6005.
    """
    check_papers(act.papers)
    instrument, approvers = act.instrument, act.approvers
    policy = books.markets.rulebook(instrument.market).registration_policy
    if len(approvers) != len(policy):
        raise Rejected(
            IssuanceReject.APPROVERS_DO_NOT_FIT_THE_POLICY, policy=", ".join(kind.name for kind in policy)
        )
    if len(frozenset(approvers)) != len(approvers):
        raise Rejected(IssuanceReject.APPROVER_REPEATS)
    for kind, party in zip(policy, approvers, strict=True):
        if not _fits(books, instrument, kind, party):
            raise Rejected(
                IssuanceReject.APPROVER_IS_NOT_WHOM_THE_POLICY_NAMES, party=party, policy=kind.name
            )
    for party in approvers:
        books.parties.authorise(context, party, message_type, amount=quantity)
    if books.registrations.find(act.instrument_id + act.papers) is not None:
        raise Rejected(IssuanceReject.PAPERS_ARE_USED, papers=act.papers)


def check_security(instrument: Instrument) -> None:
    """Whether units come by registration: those of money tokens do not."""
    if instrument.kind is InstrumentKind.MONEY_TOKEN:
        raise Rejected(IssuanceReject.MONEY_IS_ONLY_MINTED)


def require_treasury(books: IssuanceBooks, instrument: Instrument, account_id: bytes) -> Account:
    """The account, if it is open and a treasury account of the issuer."""
    account = books.holdings.require_account(account_id)
    if not is_treasury(instrument, account):
        raise Rejected(IssuanceReject.ACCOUNT_IS_NOT_THE_ISSUERS_TREASURY, account=account_id)
    return account


def is_treasury(instrument: Instrument, account: Account) -> bool:
    return account.kind is AccountKind.TREASURY and account.owner == instrument.issuer


def check_list(lines: tuple[HoldingLine, ...], total: int) -> None:
    """Whether a list has a fair number of lines, each account once, and adds up. Rejected 6020 to 6022."""
    if not 0 < len(lines) <= LINES_MAX:
        raise Rejected(IssuanceReject.LINES_ARE_NOT_IN_RANGE, lines=len(lines), limit=LINES_MAX)
    if len(frozenset(line.account_id for line in lines)) != len(lines):
        raise Rejected(IssuanceReject.ACCOUNT_REPEATS)
    if sum(line.quantity for line in lines) != total:
        raise Rejected(IssuanceReject.CONTROL_TOTAL_DIFFERS, total=total)


def _fits(books: IssuanceBooks, instrument: Instrument, kind: RegistrationApprover, party: bytes) -> bool:
    """Whether a party is what stands in the policy: the issuer, the market's operator, a role.

    An operator is the market's own, or the one that admitted the issuer; where none did (it is a trustee, a bank),
    any operator.
    """
    if kind is RegistrationApprover.ISSUER:
        return party == instrument.issuer
    market_operator = books.markets.require(instrument.market).operator
    if kind is RegistrationApprover.ADMINISTRATOR:
        return party == market_operator
    if not books.parties.has_role(party, _ROLES[kind]):
        return False
    if kind is RegistrationApprover.OPERATOR:
        admitted_by = books.parties.require(instrument.issuer).parent
        return party in (market_operator, admitted_by) or not books.parties.has_role(
            admitted_by, Role.OPERATOR
        )
    return True
