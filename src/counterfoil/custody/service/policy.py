"""Who may sign what: rules as data, asked in their order; what no rule covers is not signed.

A policy is JSON: {"rules": [{"name": "clerks trade", "users": ["ann"], "keys": ["alder"], "messages": ["Instruct"],
"accounts": ["cfa1..."], "quantity_max": 1000, "approvals": 1, "approvers": ["ben"], "record_first": true}]}.
Each message of a transaction is covered by the first rule that fits user, key, message, accounts and instruments; the
figures of all messages that one rule covers are added up before they are held against its limits, so that a transaction
cannot be cut into small ones, and a day's limit counts what was signed since midnight UTC.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import Final, NamedTuple

import msgspec

from counterfoil.custody.service.exposure import Exposure, exposure_of
from counterfoil.custody.service.refusals import CustodyRefusal
from counterfoil.custody.service.subjects import Subject
from counterfoil.machine.wiring import MESSAGES
from counterfoil.modules.custodians.interface import UseKind
from counterfoil.primitives.addresses import AddressKind, from_text
from counterfoil.primitives.codec import AMOUNT_MAX, Message
from counterfoil.primitives.outcome import Rejected

ANY: Final = "*"
OWNER: Final = "@owner"
"""In `users`: whoever the key belongs to."""
RULES_MAX: Final = 1_000
POLICY_BYTES_MAX: Final = 1 << 20
APPROVALS_MAX: Final = 8

_MESSAGE_NAMES: Final = frozenset(kind.__name__ for kind in MESSAGES)


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """users, keys, messages: names, or "*" for all. accounts, instruments: their addresses as text; none for all.

    The limits are of one transaction, and of one user's day; none where absent. approvals: how many of `approvers`,
    others than the asker, must approve. record_first: the trail is on the ledger before the signature leaves.
    reading, publication, opening: the rule also lets the key greet a node as a reader, sign records for DNS, and open
    what is sealed to it (view keys, notes).
    """

    name: str
    users: tuple[str, ...]
    keys: tuple[str, ...]
    messages: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    instruments: tuple[str, ...] = ()
    quantity_max: int | None = None
    amount_max: int | None = None
    quantity_a_day_max: int | None = None
    amount_a_day_max: int | None = None
    approvals: int = 0
    approvers: tuple[str, ...] = ()
    record_first: bool = False
    reading: bool = False
    publication: bool = False
    opening: bool = False


class _Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    rules: tuple[Rule, ...]


class Charge(msgspec.Struct, frozen=True, array_like=True):
    """What one transaction takes of a rule's limits."""

    rule: str
    quantity: int
    amount: int


class Allowed(NamedTuple):
    """What the policy says yes to, and under which conditions."""

    charges: tuple[Charge, ...]
    approvals: int
    approvers: frozenset[str]
    record_first: bool


class Spent(NamedTuple):
    quantity: int = 0
    amount: int = 0


class SigningPolicy:
    """One version of the policy. digest: SHA-256 of its bytes, which every entry of the trail names."""

    def __init__(self, document: bytes) -> None:
        """Refused POLICY_IS_INVALID, with what is wrong, where the bytes are none."""
        self.document = document
        self.digest = sha256(document).digest()
        if len(document) > POLICY_BYTES_MAX:
            raise _invalid(f"it has more than {POLICY_BYTES_MAX} bytes")
        try:
            self.rules = msgspec.json.decode(document, type=_Document).rules
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise _invalid(str(error)) from None
        if len(self.rules) > RULES_MAX or len({rule.name for rule in self.rules}) != len(self.rules):
            raise _invalid(f"at most {RULES_MAX} rules, each with a name of its own")
        self._accounts = {
            rule.name: _addresses(rule, rule.accounts, AddressKind.ACCOUNT) for rule in self.rules
        }
        self._instruments = {
            rule.name: _addresses(rule, rule.instruments, AddressKind.INSTRUMENT) for rule in self.rules
        }
        for rule in self.rules:
            _check(rule)

    def may_use(self, user: str, key: str, owner: str) -> bool:
        """Whether any rule lets the user sign something with the key."""
        return any(_is_for(rule, user, key, owner) for rule in self.rules)

    def decide(self, user: str, key: str, owner: str, subject: Subject, spent: dict[str, Spent]) -> Allowed:
        """Refused where no rule covers it all, or a limit is exceeded. spent: by rule, what the user used up today."""
        used: dict[str, Rule] = {}
        sums: dict[str, tuple[int, int]] = {}
        if subject.kind is UseKind.TRANSACTION:
            for message in subject.messages:
                rule, exposure = self._covering(user, key, owner, message)
                used[rule.name] = rule
                quantity, amount = sums.get(rule.name, (0, 0))
                sums[rule.name] = (quantity + exposure.quantity, amount + exposure.amount)
        else:
            fitting = [
                rule for rule in self.rules if _lets(rule, subject.kind) and _is_for(rule, user, key, owner)
            ]
            if not fitting:
                raise Rejected(CustodyRefusal.POLICY_DOES_NOT_ALLOW_IT, what=subject.kind.name.lower())
            used[fitting[0].name] = fitting[0]
            sums[fitting[0].name] = (0, 0)
        for name, rule in used.items():
            _check_limits(rule, *sums[name], spent.get(name, Spent()))
        guarded = [rule for rule in used.values() if rule.approvals]
        approvers = frozenset(guarded[0].approvers) if guarded else frozenset()
        for rule in guarded:
            approvers &= frozenset(rule.approvers)
        return Allowed(
            tuple(Charge(name, *figures) for name, figures in sums.items()),
            max((rule.approvals for rule in guarded), default=0),
            approvers,
            any(rule.record_first for rule in used.values()),
        )

    def _covering(self, user: str, key: str, owner: str, message: Message) -> tuple[Rule, Exposure]:
        name, exposure = type(message).__name__, exposure_of(message)
        for rule in self.rules:
            if not _is_for(rule, user, key, owner) or not (name in rule.messages or ANY in rule.messages):
                continue
            if exposure is None and _is_limited(rule):
                continue
            stated = exposure or Exposure()
            if _within(stated.accounts, self._accounts[rule.name]) and _within(
                stated.instruments, self._instruments[rule.name]
            ):
                return rule, stated
        raise Rejected(CustodyRefusal.POLICY_DOES_NOT_ALLOW_IT, what=name)


def _is_for(rule: Rule, user: str, key: str, owner: str) -> bool:
    named = user in rule.users or ANY in rule.users or (OWNER in rule.users and user == owner)
    return named and (key in rule.keys or ANY in rule.keys)


def _lets(rule: Rule, kind: UseKind) -> bool:
    """Whether a rule is also about something else than transactions."""
    return {
        UseKind.READING: rule.reading,
        UseKind.PUBLICATION: rule.publication,
        UseKind.OPENING: rule.opening,
    }.get(kind, False)


def _is_limited(rule: Rule) -> bool:
    limits = (rule.quantity_max, rule.amount_max, rule.quantity_a_day_max, rule.amount_a_day_max)
    return bool(rule.accounts or rule.instruments) or any(limit is not None for limit in limits)


def _within(named: Iterable[bytes], allowed: frozenset[bytes]) -> bool:
    return not allowed or all(one in allowed for one in named)


def _check_limits(rule: Rule, quantity: int, amount: int, spent: Spent) -> None:
    for limit, figure, name in (
        (rule.quantity_max, quantity, "quantity_max"),
        (rule.amount_max, amount, "amount_max"),
        (rule.quantity_a_day_max, quantity + spent.quantity, "quantity_a_day_max"),
        (rule.amount_a_day_max, amount + spent.amount, "amount_a_day_max"),
    ):
        if limit is not None and figure > limit:
            raise Rejected(CustodyRefusal.LIMIT_IS_EXCEEDED, rule=rule.name, limit=name)


def _check(rule: Rule) -> None:
    if not rule.name or not rule.users or not rule.keys:
        raise _invalid("a rule lacks its name, its users or its keys", rule)
    unknown = [name for name in rule.messages if name != ANY and name not in _MESSAGE_NAMES]
    if unknown:
        raise _invalid(f"there is no message {unknown[0]!r}", rule)
    limits = (rule.quantity_max, rule.amount_max, rule.quantity_a_day_max, rule.amount_a_day_max)
    if any(limit is not None and not 0 <= limit <= AMOUNT_MAX for limit in limits):
        raise _invalid("a limit is no quantity", rule)
    if not 0 <= rule.approvals <= APPROVALS_MAX or rule.approvals > len(frozenset(rule.approvers)):
        raise _invalid(f"it wants more approvals than it names approvers, or more than {APPROVALS_MAX}", rule)


def _addresses(rule: Rule, texts: tuple[str, ...], kind: AddressKind) -> frozenset[bytes]:
    try:
        return frozenset(from_text(text, kind) for text in texts)
    except ValueError as error:
        raise _invalid(str(error), rule) from None


def _invalid(what: str, rule: Rule | None = None) -> Rejected:
    if rule is None:
        return Rejected(CustodyRefusal.POLICY_IS_INVALID, detail=what)
    return Rejected(CustodyRefusal.POLICY_IS_INVALID, detail=what, rule=rule.name)
