"""Proofs as files: what a read says, for somebody who does not trust this node."""

from __future__ import annotations

import time

from counterfoil.machine.genesis import genesis_digest
from counterfoil.modules.feeds.records import FEED_VALUES, FEEDS, feed_key
from counterfoil.modules.holdings.records import ACCOUNTS, HOLDINGS, REGISTER
from counterfoil.modules.instruments.records import INSTRUMENTS, TERMS, terms_key
from counterfoil.modules.settlement import queries as settlement
from counterfoil.modules.settlement.records import INSTRUCTIONS
from counterfoil.modules.trades import queries as trades
from counterfoil.modules.trades.records import BUYS, SELLS, TRADE_CLIENTS, TRADES
from counterfoil.modules.validators import queries as validators
from counterfoil.modules.validators.records import VALIDATOR_SETS
from counterfoil.node.ledger import LedgerNode
from counterfoil.node.reads_base import LONG_ID_SIZE, Answer, AsOf, View, check_id, named, present, reading
from counterfoil.node.reads_business import SeenTrade, subject_of_instruction
from counterfoil.node.receipts_of import found_in, receipts_with
from counterfoil.node.refusals import NodeRefusal, Refused
from counterfoil.node.told import Objects
from counterfoil.node.viewer import Viewer
from counterfoil.policy.errors import NotVisible
from counterfoil.policy.subjects import AccountContents, PublicFact, Register
from counterfoil.state.past_tree import NotHeld
from counterfoil.state.proof_files import encode_proof
from counterfoil.state.proof_formats import Place, Proof
from counterfoil.state.proofs import CannotProve, NotSignedYet, Prover, Sources

SIGNED_SECONDS = 5.0
"""How long a network is waited for to sign its last block, which takes it a second at most."""
KINDS = (
    *("holding", "no-holding", "register", "account", "terms", "trade", "instruction", "receipt"),
    *("feed", "validators", "header"),
)


class ProofOf(AsOf, frozen=True, kw_only=True):
    """What is to be proven, as of a moment.

    kind: "holding" or "no-holding" (account and instrument), "register" (instrument: that these are all holders),
    "account", "terms" (instrument: those in force), "trade" or "instruction" (business: its id), "receipt" (business:
    the action's id, with its height as `at`), "feed" (name: its definition and last value), "validators" (those of the
    moment's block), "header".
    """

    kind: str
    account: bytes = b""
    instrument: bytes = b""
    business: bytes = b""
    name: str = ""


class ProofFile(Answer, frozen=True, kw_only=True):
    """file: the bytes of a proof file, which `counterfoil verify` checks without this ledger."""

    kind: str
    file: bytes


@named("proof")
def proof(node: LedgerNode, viewer: Viewer, params: ProofOf) -> ProofFile:
    """A proof file about what the viewer may see, checked by `counterfoil verify` with nothing but the genesis file.

    It shows what it proves and nothing beside: a holding is shown to whoever sees its account or its register; what
    shows an account's place on its lists, to whoever sees the account. A register's proof reads all of it.
    """
    give_up = time.monotonic() + SIGNED_SECONDS
    decided = _decided(node, params) if params.kind == "receipt" and not params.at else 0
    while True:
        try:
            return _prove(node, viewer, params, decided)
        except NotSignedYet as error:
            if time.monotonic() > give_up:
                raise Refused(NodeRefusal.CANNOT_BE_PROVEN, detail=error) from None
        time.sleep(0.1)


def _prove(node: LedgerNode, viewer: Viewer, params: ProofOf, decided: int) -> ProofFile:
    home = node.machine.wired.instruments.find(params.instrument) if params.instrument else None
    with reading(node, viewer, params, home.market if home is not None else "") as view:
        sources = Sources(
            view.state,
            node.machine.history,
            node.machine.header,
            node.chain_id,
            genesis_digest(node.genesis_bytes),
            node.vouching,
        )
        try:
            made = _proof(view, Prover(sources), params, decided)
        except NotSignedYet:
            raise
        except CannotProve as error:
            raise Refused(NodeRefusal.CANNOT_BE_PROVEN, detail=error) from None
        except NotHeld as error:
            raise Refused(NodeRefusal.MOMENT_IS_NOT_ON_RECORD, detail=error) from None
        return ProofFile(moment=view.moment, kind=params.kind, file=encode_proof(made))


def _proof(view: View, prover: Prover, params: ProofOf, decided: int) -> Proof:
    kind, height = params.kind, view.height
    if kind == "header":
        view.require(PublicFact())
        return prover.header(height=height)
    if kind in ("holding", "no-holding"):
        account, instrument = check_id(params.account), check_id(params.instrument)
        if kind == "no-holding":
            return _absence(view, prover, account, instrument)
        by_account, by_register = AccountContents(account), Register(instrument)
        if not (view.may_see(by_account) or view.may_see(by_register)):
            raise NotVisible
        return prover.records([HOLDINGS.prefix + account + instrument], height=height)
    if kind == "register":
        instrument = check_id(params.instrument)
        view.require(Register(instrument))
        handle = present(view.wired.instruments.find(instrument)).handle
        return prover.listing(REGISTER.number, handle, [INSTRUMENTS.prefix + instrument], height=height)
    if kind == "account":
        account = check_id(params.account)
        view.require(AccountContents(account))
        return prover.records([ACCOUNTS.prefix + account], height=height)
    if kind == "terms":
        instrument = check_id(params.instrument)
        view.require(PublicFact())
        version = present(view.find(INSTRUMENTS, instrument)).terms_version
        return prover.records([TERMS.prefix + terms_key(instrument, version)], height=height)
    if kind == "feed":
        return prover.records(_feed(view, params.name), height=height)
    if kind == "validators":
        view.require(PublicFact())
        key = validators.set_key(view.state, view.header.height)
        if key is None:
            raise NotVisible
        return prover.records([VALIDATOR_SETS.prefix + key], height=height)
    if kind in ("trade", "instruction"):
        return prover.records(_business(view, kind, check_id(params.business, LONG_ID_SIZE)), height=height)
    if kind == "receipt":
        action = check_id(params.business, LONG_ID_SIZE)
        return _receipts(view, prover, action, decided or view.header.height)
    raise Refused(NodeRefusal.PARAMETERS_ARE_WRONG, kind=kind[:40], kinds=", ".join(KINDS))


def _absence(view: View, prover: Prover, account: bytes, instrument: bytes) -> Proof:
    """That an account holds nothing of an instrument: both handles are shown, in the records that hold them.

    The instrument's record shows where its register lies, the account's where it lies on every list.
    """
    view.require(AccountContents(account))
    found = present(view.wired.holdings.account(account))
    listed = present(view.wired.instruments.find(instrument))
    place = Place(REGISTER.number, listed.handle, found.handle)
    named = [INSTRUMENTS.prefix + instrument, ACCOUNTS.prefix + account]
    return prover.absence(place, named, height=view.height)


def _feed(view: View, name: str) -> list[bytes]:
    """A feed's definition, and its last value where it has one."""
    view.require(PublicFact())
    key = feed_key(name)
    present(view.find(FEEDS, key) if key else None)
    made = view.find(FEED_VALUES, key) is not None
    return [FEEDS.prefix + key, *([FEED_VALUES.prefix + key] if made else [])]


def _business(view: View, kind: str, key: bytes) -> list[bytes]:
    """The full keys of what shows a piece of business; of a trade with those clients that the viewer may know."""
    if kind == "trade":
        traded = trades.trade(view.state, key, view.height)
        seen = SeenTrade.of(view, key, traded)
        view.shown(traded, seen.subject)
        sides = zip((SELLS, BUYS), seen.visible_clients(view), strict=True)
        return [TRADES.prefix + key, *(TRADE_CLIENTS.prefix + key + side for side, client in sides if client)]
    instructed = settlement.instruction(view.state, key, view.height)
    view.shown(instructed, subject_of_instruction(instructed))
    return [INSTRUCTIONS.prefix + key]


def _decided(node: LedgerNode, params: ProofOf) -> int:
    """The block in which an action was decided, 0 where there is none.

    Looks through all receipts, whatever it finds, so that its time tells nothing; and not with the ledger held still.
    """
    action = check_id(params.business, LONG_ID_SIZE)
    height = 0
    for at, kept, indices in receipts_with(node, action, max(1, node.state.receipts_from), node.height):
        if any(found_in(index, kept[index]).receipt.action == action for index in indices):
            height = at
    return height


def _receipts(view: View, prover: Prover, action: bytes, height: int) -> Proof:
    """The receipts of one action in a block that the viewer may see whole."""
    places = []
    for _, kept, indices in receipts_with(view.node, action, height, height):
        for index in indices:
            found = found_in(index, kept[index])
            subject = Objects(view.node, height, found.facts).subject((found,), found.receipt.stakeholder)
            if found.receipt.action == action and view.may_see(subject):
                places.append(index)
    if not places:
        raise NotVisible
    return prover.receipts(height, places)
