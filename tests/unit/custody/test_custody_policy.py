"""The custodian's policy: who may sign what, in tables; and that no figure escapes a limit."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from counterfoil.custody.service.exposure import _STATED, Exposure, exposure_of
from counterfoil.custody.service.policy import OWNER, SigningPolicy, Spent
from counterfoil.custody.service.refusals import CustodyRefusal
from counterfoil.custody.service.subjects import SubjectReader
from counterfoil.machine.transactions import Mode
from counterfoil.machine.wiring import MESSAGES
from counterfoil.modules.approvals.messages import ApproveTransaction, ProposeTransaction
from counterfoil.modules.cash.messages import Mint
from counterfoil.modules.custodians.interface import UseKind
from counterfoil.modules.settlement.messages import Cancel
from counterfoil.node.protocol import authentication_bytes
from counterfoil.primitives.addresses import AddressKind
from counterfoil.primitives.codec import encode
from counterfoil.primitives.digests import NAME_RECORD
from counterfoil.primitives.outcome import RejectCode, Rejected
from counterfoil.primitives.signatures import SigningKey
from tests.unit.custody.custodians import ACCOUNT, CASH, CHAIN, EURO, SHARE, document, instruct, signing, text

PUBLIC = SigningKey(bytes(32)).public_key
READER = SubjectReader(CHAIN)
NO, LIMIT = CustodyRefusal.POLICY_DOES_NOT_ALLOW_IT, CustodyRefusal.LIMIT_IS_EXCEEDED
A, C = text(AddressKind.ACCOUNT, ACCOUNT), text(AddressKind.ACCOUNT, CASH)
SH, E = text(AddressKind.INSTRUMENT, SHARE), text(AddressKind.INSTRUMENT, EURO)
CLERK = {"users": ["ann"], "keys": ["desk"], "messages": ["Instruct"]}


def decided(
    rules: list[dict[str, Any]],
    *messages: Any,
    user: str = "ann",
    key: str = "desk",
    owner: str = "",
    spent: dict[str, Spent] | None = None,
    message: bytes = b"",
) -> Any:
    """What the policy allows, or the code of its refusal."""
    subject = READER.read(message or signing(PUBLIC, *messages))
    assert subject is not None
    try:
        return SigningPolicy(document(*rules)).decide(user, key, owner, subject, spent or {})
    except Rejected as refused:
        return refused.code


@pytest.mark.parametrize(
    ("expected", "rule", "messages"),
    [
        (None, {}, ()),
        (None, {"messages": ["*"]}, (Cancel(bytes(32)),)),
        (None, {"users": ["*"], "keys": ["*"]}, ()),
        (None, {"accounts": [A, C], "instruments": [SH, E]}, ()),
        (None, {"quantity_max": 100, "amount_max": 5_000}, ()),
        (None, {"quantity_max": 0, "amount_max": 0}, (instruct(quantity=0, amount=0),)),
        (NO, {"users": ["ben"]}, ()),
        (NO, {"keys": ["other"]}, ()),
        (NO, {"messages": ["Cancel"]}, ()),
        (NO, {"messages": []}, ()),
        (NO, {"accounts": [C]}, ()),
        (NO, {"accounts": [A]}, ()),
        (NO, {"instruments": [E]}, ()),
        (LIMIT, {"quantity_max": 99}, ()),
        (LIMIT, {"amount_max": 4_999}, ()),
        (LIMIT, {"quantity_a_day_max": 99}, ()),
        (LIMIT, {"amount_a_day_max": 4_999}, ()),
        (LIMIT, {"quantity_max": 199}, (instruct(), instruct(reference="R-2"))),
        (LIMIT, {"quantity_max": 150}, (instruct(quantity=-1_000), instruct(quantity=151))),
        (NO, {}, (instruct(), Cancel(bytes(32)))),
        (NO, {"messages": ["*"], "quantity_max": 10**9}, (Cancel(bytes(32)),)),
        (NO, {"messages": ["*"], "accounts": [A, C]}, (ApproveTransaction(bytes(32)),)),
    ],
)
def test_one_rule(expected: RejectCode | None, rule: dict[str, Any], messages: tuple[Any, ...]) -> None:
    found = decided([{**CLERK, **rule}], *messages)
    assert (found if isinstance(found, CustodyRefusal) else None) is expected


def test_without_a_rule_nothing_is_signed() -> None:
    assert decided([]) is NO


def test_the_first_rule_that_covers_a_message_decides() -> None:
    small, large = {**CLERK, "quantity_max": 10}, {**CLERK, "approvals": 1, "approvers": ["ben"]}
    assert decided([small, large]) is LIMIT, "a limit is not got round by the next rule"
    assert decided([large, small]).approvals == 1
    other = {**CLERK, "instruments": [E, text(AddressKind.INSTRUMENT, bytes(20))]}
    assert decided([other, large]).approvals == 1, "a rule for other instruments does not cover it"


def test_limits_of_each_rule_are_its_own() -> None:
    trades = {**CLERK, "quantity_max": 100}
    cash = {**CLERK, "messages": ["Mint"], "amount_max": 70}
    money = Mint(EURO, CASH, 70, "B-1", 20240102)
    assert [charge.amount for charge in decided([trades, cash], instruct(), money).charges] == [5_000, 70]
    assert decided([trades, cash], instruct(), money, msgspec.structs.replace(money, amount=1)) is LIMIT


def test_what_was_signed_today_counts() -> None:
    rule = {**CLERK, "quantity_a_day_max": 250, "amount_a_day_max": 20_000}
    assert decided([rule], spent={"rule 0": Spent(150, 15_000)}).charges[0].quantity == 100
    assert decided([rule], spent={"rule 0": Spent(151, 0)}) is LIMIT
    assert decided([rule], spent={"rule 0": Spent(0, 15_001)}) is LIMIT
    assert decided([rule], spent={"another": Spent(10**9, 10**9)}).charges


def test_owners_use_their_own_keys() -> None:
    rule = {"users": [OWNER], "keys": ["*"], "messages": ["*"]}
    assert decided([rule], owner="ann").charges
    assert decided([rule], owner="ben") is NO
    assert decided([rule], owner="") is NO
    policy = SigningPolicy(document(rule))
    assert policy.may_use("ann", "desk", "ann")
    assert not policy.may_use("ann", "desk", "ben")


def test_several_guarded_rules_want_one_who_may_approve_all() -> None:
    first = {**CLERK, "approvals": 1, "approvers": ["ben", "cid"]}
    second = {
        **CLERK,
        "messages": ["Cancel"],
        "approvals": 2,
        "approvers": ["cid", "dan"],
        "record_first": True,
    }
    allowed = decided([first, second], instruct(), Cancel(bytes(32)))
    assert (allowed.approvals, allowed.approvers, allowed.record_first) == (2, {"cid"}, True)


def test_each_on_its_own_is_added_up_too() -> None:
    message = signing(PUBLIC, instruct(), instruct(reference="R-2"), mode=Mode.EACH_ON_ITS_OWN)
    assert decided([{**CLERK, "quantity_max": 150}], message=message) is LIMIT


def test_what_a_proposal_holds_is_looked_at() -> None:
    content = encode(((bytes(20),), (instruct(quantity=500),)))
    proposal = ProposeTransaction(content, 10**13)
    both = {**CLERK, "messages": ["ProposeTransaction", "Instruct"]}
    assert decided([both], proposal).charges
    assert decided([{**both, "messages": ["ProposeTransaction"]}], proposal) is NO
    limited = [{**CLERK, "quantity_max": 499}, {**CLERK, "messages": ["ProposeTransaction"]}]
    assert decided(limited, proposal) is LIMIT


def test_reading_and_publishing_are_apart_from_signing() -> None:
    greeting = authentication_bytes(CHAIN, bytes(32), bytes(20), bytes(20))
    record = NAME_RECORD + b"whatever"
    assert decided([CLERK], message=greeting) is NO
    assert decided([CLERK], message=record) is NO
    assert decided([{**CLERK, "reading": True}], message=greeting).charges
    assert decided([{**CLERK, "reading": True}], message=record) is NO
    assert decided([{**CLERK, "publication": True}], message=record).charges
    assert decided([{**CLERK, "reading": True, "users": ["ben"]}], message=greeting) is NO


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"\x05t",
        signing(PUBLIC, chain="another-0123456789abcdef"),
        signing(PUBLIC)[:-1],
        signing(PUBLIC) + b"\x00",
        signing(PUBLIC, ProposeTransaction(b"no content", 10**13)),
        authentication_bytes(CHAIN, bytes(32), bytes(20), bytes(20))[:-1],
        authentication_bytes(CHAIN, bytes(32), bytes(20), bytes(20)) + b"x",
        authentication_bytes("another", bytes(32), bytes(20), bytes(20)),
        b"\x05b" + bytes(100),
        b"\x05s" + bytes(100),
    ],
)
def test_what_cannot_be_read_is_nothing_to_sign(message: bytes) -> None:
    assert READER.read(message) is None


def test_kinds_are_told_apart() -> None:
    kinds = [
        READER.read(message)
        for message in (
            signing(PUBLIC),
            authentication_bytes(CHAIN, bytes(32), bytes(20), bytes(20)),
            NAME_RECORD + b"x",
        )
    ]
    assert [one.kind for one in kinds if one] == [UseKind.TRANSACTION, UseKind.READING, UseKind.PUBLICATION]


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"[]",
        b'{"rules": 1}',
        b'{"rules": [], "more": 1}',
        document({"users": []}),
        document({"keys": []}),
        document({"messages": ["Steal"]}),
        document({"accounts": ["cfi1nonsense"]}),
        document({"accounts": [SH]}),
        document({"quantity_max": -1}),
        document({"quantity_max": 2**63}),
        document({"quantity_max": 1.5}),
        document({"approvals": 2, "approvers": ["ben"]}),
        document({"approvals": 2, "approvers": ["ben", "ben"]}),
        document({"approvals": -1}),
        document({"approvals": 9, "approvers": [f"u{number}" for number in range(9)]}),
        document({"name": ""}),
        document({"name": "x"}, {"name": "x"}),
        document({"limit": 3}),
        b"\xff" + document(),
        b"{" * 100_000,
        b" " * (1 << 20) + b'{"rules": []}',
    ],
)
def test_what_is_no_policy_is_refused(broken: bytes) -> None:
    with pytest.raises(Rejected) as refused:
        SigningPolicy(broken)
    assert refused.value.code is CustodyRefusal.POLICY_IS_INVALID
    assert refused.value.facts["detail"]


def test_figures_are_where_the_table_says() -> None:
    """Every field that the table names exists, and every kind that it does not name is unstated."""
    kinds = set(MESSAGES)
    assert set(_STATED) <= kinds
    for kind, fields in _STATED.items():
        for path in (*fields.accounts, *fields.instruments, fields.quantity, fields.amount):
            inner: Any = kind
            for name in path.split(".") if path else ():
                found = {field.name: field.type for field in msgspec.structs.fields(inner)}
                assert name in found, f"{kind.__name__}.{path}"
                inner = found[name]
    assert exposure_of(Cancel(bytes(32))) is None
    assert exposure_of(instruct()) == Exposure((ACCOUNT, CASH), (SHARE, EURO), 100, 5_000)


def test_every_field_that_is_a_figure_is_in_the_table() -> None:
    """A message with a quantity, amount or total of its own is stated, with that field, or unstated; never half."""
    for kind, fields in _STATED.items():
        names = {field.name for field in msgspec.structs.fields(kind)}
        for figure in ("quantity", "amount", "total"):
            if figure in names:
                assert figure in (fields.quantity, fields.amount), f"{kind.__name__}.{figure}"
        accounts = {name for name in names if name.endswith("account") or name == "account_id"}
        assert accounts - {"counterparty_account", "issuance_account"} <= set(fields.accounts), kind.__name__


def test_the_policy_is_data() -> None:
    rule = json.loads(document(CLERK))["rules"][0]
    assert SigningPolicy(document(CLERK)).rules[0].name == rule["name"]
    assert SigningPolicy(document(CLERK)).digest != SigningPolicy(document(CLERK, CLERK)).digest
