"""Founding: what the genesis file's sections put on the books, in one block or, for large registers, in several."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import msgspec

from counterfoil.machine.genesis import GENESIS_HEIGHT, Genesis, holders_of, is_key
from counterfoil.machine.rejects import MachineReject
from counterfoil.machine.wiring import Wired
from counterfoil.modules.consortium import ConsortiumGenesis
from counterfoil.modules.consortium import found as found_consortium
from counterfoil.modules.holdings.founding import OpeningAccount, found_accounts, found_issuance_account
from counterfoil.modules.instruments.founding import found_instrument
from counterfoil.modules.instruments.interface import InstrumentKind
from counterfoil.modules.module import ActionContext
from counterfoil.modules.parties import PartiesGenesis
from counterfoil.modules.parties import found as found_parties
from counterfoil.modules.validators import ValidatorsGenesis
from counterfoil.modules.validators import found as found_validators
from counterfoil.modules.validators.interface import Validators
from counterfoil.modules.viewkeys.founding import found as found_viewkeys
from counterfoil.primitives.digests import OBJECT, digest
from counterfoil.primitives.outcome import Rejected
from counterfoil.sealing.epochs import Epoch
from counterfoil.state.state import State

Step = Callable[[ActionContext], None]
Section = TypeVar("Section")

PARTIES = "parties"
CONSORTIUM = "consortium"
VALIDATORS = "validators"
OPENING_REGISTER = "opening_register"
NETWORK = "network"
KNOWN = (PARTIES, CONSORTIUM, VALIDATORS, OPENING_REGISTER, NETWORK)


class NetworkGenesis(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of a ledger that is founded as a network. nodes: hex tagged keys of the nodes that may gather from the start."""

    nodes: tuple[str, ...] = ()


class OpeningRegister(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A made-up register of any size, the same for the same numbers, for measuring and trying out; sandbox only.

    market: code that the instruments name. issuer, trustee, brokers: names of founding parties. Of `accounts`
    accounts, number i belongs to broker i modulo their number and holds `quantity` of each of `securities_held`
    securities, number i modulo `securities` and the ones after it, and `money` of the trustee's token.
    accounts_per_block: so many are founded in one block.
    """

    market: str
    issuer: str
    trustee: str
    brokers: tuple[str, ...]
    securities: int
    accounts: int
    quantity: int
    money: int
    currency: str = "USD"
    scale: int = 2
    securities_held: int = 1
    accounts_per_block: int = 50_000


def opening_account(number: int) -> bytes:
    """The identity of account `number` of an opening register."""
    return _identity(b"account", number)


def opening_security(number: int) -> bytes:
    return _identity(b"security", number)


def opening_money() -> bytes:
    """The identity of the trustee's token of an opening register."""
    return _identity(b"money", 0)


def founding_nodes(genesis: Genesis) -> tuple[bytes, ...]:
    """Tagged keys of the nodes that a network is founded with. ValueError where the genesis file names what is none."""
    keys = _section(genesis, NETWORK, NetworkGenesis, {}).nodes
    if not all(is_key(key) for key in keys):
        raise ValueError(
            f"the genesis file's section {NETWORK!r} names something as a node's key that is no key"
        )
    return tuple(bytes.fromhex(key) for key in keys)


def steps(wired: Wired, state: State, genesis: Genesis, epoch: Epoch | None) -> list[Step]:
    """What each founding block does, in order. epoch: the first, on a sealed ledger.

    ValueError names the section where the genesis file does not fit.
    """
    unknown = [name for name in genesis.sections if name not in KNOWN]
    if unknown:
        raise ValueError(f"the genesis file has a section {unknown[0]!r} that this program does not know")
    parties = _section(genesis, PARTIES, PartiesGenesis, {})
    consortium = _section(genesis, CONSORTIUM, ConsortiumGenesis, {})
    validators = _section(genesis, VALIDATORS, ValidatorsGenesis, {})
    identities: dict[str, bytes] = {}

    def found_ledger(context: ActionContext) -> None:
        wired.governance.found(genesis.rule_version)
        if epoch is not None:
            found_viewkeys(wired.viewkeys_books, context, epoch, holders_of(genesis))
        identities.update(found_parties(wired.parties_books, context, parties))
        found_consortium(wired.consortium_books, identities, consortium)
        found_validators(wired.validators_books, identities, validators, GENESIS_HEIGHT, genesis.name)

    found: list[Step] = [found_ledger]
    if OPENING_REGISTER in genesis.sections:
        if not genesis.sandbox:
            raise ValueError(f"only a sandbox ledger may be founded with a section {OPENING_REGISTER!r}")
        register = _section(genesis, OPENING_REGISTER, OpeningRegister, None)
        found += _opening_register(wired, state, register, identities)
    return found


def _opening_register(
    wired: Wired, state: State, register: OpeningRegister, identities: dict[str, bytes]
) -> list[Step]:
    """Instruments, then accounts part by part, then all their places on the lists, in order."""
    instruments = [opening_security(number) for number in range(register.securities)]
    issuance_accounts = {identity: _identity(b"issuance", at) for at, identity in enumerate(instruments)}
    issuance_accounts[opening_money()] = _identity(b"issuance", register.securities)

    members = (2 + register.securities_held) * register.accounts + 2 * len(issuance_accounts)

    def found_instruments(context: ActionContext) -> None:
        state.gather_members()
        for instrument_id, account_id in issuance_accounts.items():
            is_money = instrument_id == opening_money()
            issuer = identities[register.trustee if is_money else register.issuer]
            found_issuance_account(wired.holdings_books, context, account_id, issuer)
            found_instrument(
                wired.instruments_books,
                context,
                instrument_id,
                InstrumentKind.MONEY_TOKEN if is_money else InstrumentKind.EQUITY,
                "money" if is_money else f"security {instruments.index(instrument_id)}",
                issuer,
                register.market,
                register.currency,
                register.scale if is_money else 0,
                account_id,
            )

    def accounts_from(first: int) -> Step:
        def found_part(context: ActionContext) -> None:
            last = min(first + register.accounts_per_block, register.accounts)
            openings = _openings(wired, register, identities, instruments, first, last)
            found_accounts(wired.holdings_books, context, openings, issuance_accounts)

        return found_part

    def links_from(first: int) -> Step:
        def found_part(context: ActionContext) -> None:
            state.join_members(first, min(first + 2 * register.accounts_per_block, members))

        return found_part

    accounts = range(0, register.accounts, register.accounts_per_block)
    links = range(0, members, 2 * register.accounts_per_block)
    return [found_instruments, *map(accounts_from, accounts), *map(links_from, links)]


def _openings(
    wired: Wired,
    register: OpeningRegister,
    identities: dict[str, bytes],
    instruments: list[bytes],
    first: int,
    last: int,
) -> Iterator[OpeningAccount]:
    money = opening_money()
    brokers = [identities[name] for name in register.brokers]
    signers = [wired.parties.require(broker).signer for broker in brokers]
    for number in range(first, last):
        at = number % len(brokers)
        held = (
            *(
                (instruments[(number + step) % len(instruments)], register.quantity)
                for step in range(register.securities_held)
            ),
            (money, register.money),
        )
        yield OpeningAccount(opening_account(number), brokers[at], brokers[at], signers[at], held)


def _section(genesis: Genesis, name: str, kind: type[Section], otherwise: Any) -> Section:
    try:
        return msgspec.convert(genesis.sections.get(name, otherwise), kind)
    except msgspec.ValidationError as error:
        raise ValueError(f"the genesis file's section {name!r} is not valid: {error}") from None


def _identity(kind: bytes, number: int) -> bytes:
    return digest(OBJECT, b"opening register", kind, number.to_bytes(8, "big"))[:20]


def require_validators(validators: Validators, height: int, named: Mapping[bytes, int]) -> None:
    """Rejected VALIDATORS_DIFFER unless a network that begins at a height begins with the validators on record.

    named: power by tagged key. No change of them may be on its way, since no engine was told of it; a set that was
    decided in the very last block, before which there was none, is in force all the same.
    """
    first, coming = validators.at(height), validators.at(height + 1)
    if named != {entry.key: entry.power for entry in coming} or first not in ((), coming):
        raise Rejected(
            MachineReject.VALIDATORS_DIFFER, height=height, named=len(named), on_record=len(coming)
        )
