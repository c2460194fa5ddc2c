"""Message files: every kind of field, and what is said where one is wrong."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.cli.messages import KINDS, MessageFileError, read_messages
from counterfoil.modules.cash.messages import Mint
from counterfoil.modules.issuance.messages import Allot, HoldingLine
from counterfoil.modules.markets.messages import CloseDay
from counterfoil.modules.parties.messages import ApplyForAdmission, GrantMandate
from counterfoil.modules.parties.records import Duty, Role
from counterfoil.modules.settlement.messages import Amend, Cancel, Instruct
from counterfoil.modules.settlement.records import Method, Movement, Partial
from counterfoil.primitives.addresses import AddressKind, to_text

NAMES = {
    ("party", "Broker A"): b"a" * 20,
    ("isin", "US4592001014"): b"i" * 20,
    ("account", "Broker A"): b"c" * 20,
}


def resolve(kind: str, name: str) -> bytes:
    try:
        return NAMES[kind, name]
    except KeyError:
        raise LookupError(f"there is no {kind} {name!r}") from None


def read(content: Any, folder: Path = Path()) -> list[Any]:
    return read_messages(json.dumps(content).encode(), resolve, folder)


MINT = {
    "message": "Mint",
    "instrument_id": "isin:US4592001014",
    "account_id": to_text(AddressKind.ACCOUNT, b"x" * 20),
    "amount": 125,
    "bank_entry": "E-1",
    "booking_date": "2024-01-02",
}


def test_one_message_or_a_list() -> None:
    wanted = Mint(b"i" * 20, b"x" * 20, 125, "E-1", 20240102)
    assert read(MINT) == [wanted]
    assert read([MINT, MINT]) == [wanted, wanted]


def test_defaults_may_be_left_out_and_enumerations_are_names_or_values() -> None:
    ask = {
        "message": "Instruct",
        "market": "XSBX",
        "party": "party:Broker A",
        "account": "account:Broker A",
        "movement": "deliver",
        "method": 2,
        "instrument_id": "69" * 20,
        "quantity": "100",
        "counterparty": "party:Broker A",
        "trade_date": 20240102,
        "settlement_date": "2024-01-04",
        "reference": "R",
        "partial": "PART",
        "linkages": [{"position": "AFTE", "reference": "Q"}],
    }
    (made,) = read(ask)
    assert isinstance(made, Instruct)
    assert (made.movement, made.method, made.partial) == (Movement.DELIVER, Method.DVP, Partial.ALLOWED)
    assert (made.quantity, made.trade_date, made.settlement_date, made.asset) == (
        100,
        20240102,
        20240104,
        b"",
    )
    assert made.linkages[0].reference == "Q"


def test_records_lists_moments_and_nothing(tmp_path: Path) -> None:
    (tmp_path / "papers.txt").write_bytes(b"papers")
    allot = {
        "message": "Allot",
        "instrument_id": "isin:US4592001014",
        "source_account": "account:Broker A",
        "to_underwriters": True,
        "lines": [{"account_id": "account:Broker A", "quantity": 5}],
        "total": 5,
        "reference": "A",
        "papers": "file:papers.txt",
    }
    mandate = {
        "message": "GrantMandate",
        "party": "party:Broker A",
        "user": "61" * 20,
        "duty": "MAKER_AND_CHECKER",
        "message_types": [900, 901],
        "valid_until_ms": "2024-01-02T18:00:00+01:00",
    }
    made = read(
        [allot, mandate, {"message": "Amend", "instruction_id": "00" * 32, "hold": None, "priority": "HIGH"}],
        tmp_path,
    )
    assert made[0] == Allot(
        b"i" * 20, b"c" * 20, True, (HoldingLine(b"c" * 20, 5),), 5, "A", sha256(b"papers").digest()
    )
    assert made[1] == GrantMandate(
        b"a" * 20, b"a" * 20, (900, 901), valid_until_ms=1_704_214_800_000, duty=Duty.MAKER_AND_CHECKER
    )
    assert isinstance(made[2], Amend)
    assert made[2].hold is None
    apply = {
        "message": "ApplyForAdmission",
        "sponsor": "",
        "roles": ["ISSUER", 7],
        "name": "N",
        "lei": "",
        "signer": "",
    }
    assert read(apply) == [ApplyForAdmission(b"", (Role.ISSUER, Role.INVESTOR), "N", "", b"")]


WRONG: list[tuple[Any, str]] = [
    ([], "1 to"),
    (5, "no object with its kind"),
    ({"kind": "Mint"}, "no object with its kind"),
    ({"message": "Minting"}, "is Mint meant"),
    ({"message": "Nothing of the sort"}, "there is no message"),
    ({**MINT, "amunt": 1}, "has no field 'amunt'"),
    ({key: value for key, value in MINT.items() if key != "amount"}, "lacks 'amount'"),
    ({**MINT, "amount": 1.5}, "amount is a whole number"),
    ({**MINT, "amount": True}, "amount is a whole number"),
    ({**MINT, "amount": "many"}, "amount"),
    ({**MINT, "booking_date": "2024-13-02"}, "booking_date"),
    ({**MINT, "bank_entry": 5}, "bank_entry is a text"),
    ({**MINT, "account_id": "cfa1qqqq"}, "Not an address"),
    ({**MINT, "account_id": "Broker A"}, "no address"),
    ({**MINT, "account_id": 5}, "is a text"),
    ({**MINT, "account_id": "party:Nobody"}, "there is no party 'Nobody'"),
    ({**MINT, "account_id": "file:nothing.txt"}, "cannot be read"),
    ({**MINT, "account_id": "file:no\0thing"}, "cannot be read"),
    ({"message": "CloseDay", "market": "X", "date": "2024-01-02T10:00:00"}, "lacks its zone"),
    ({"message": "Amend", "instruction_id": "", "hold": "yes"}, "true or false"),
    ({"message": "Amend", "instruction_id": "", "priority": "EXTREME"}, "RESERVED, TOP, HIGH, NORMAL"),
    ({"message": "Amend", "instruction_id": "", "linkages": "none"}, "is a list"),
    ({"message": "Amend", "instruction_id": "", "linkages": [5]}, "item 1 is no object"),
]


@pytest.mark.parametrize(("content", "told"), WRONG)
def test_what_is_wrong_is_told(content: Any, told: str) -> None:
    with pytest.raises(MessageFileError) as error:
        read(content)
    assert told in str(error.value)


def test_the_message_that_is_wrong_is_counted() -> None:
    with pytest.raises(MessageFileError, match=r"message 2 \(Mint\)"):
        read([MINT, {**MINT, "amount": None}])


@given(st.binary(max_size=200))
def test_any_bytes_give_messages_or_an_error_in_words(data: bytes) -> None:
    try:
        read_messages(data, resolve)
    except MessageFileError:
        pass


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(sorted(KINDS)), st.data())
def test_any_values_in_any_message_give_a_message_or_an_error_in_words(
    name: str, data: st.DataObject
) -> None:
    fields = KINDS[name].__struct_fields__
    content = {"message": name, **{field: data.draw(_json) for field in fields}}
    try:
        (made,) = read(content)
    except MessageFileError:
        return
    assert type(made) is KINDS[name]


def test_every_message_of_the_ledger_can_be_written() -> None:
    assert {"Mint", "InstructBoth", "OpenMarket", "ProposeTransaction", "SettleBatch"} <= set(KINDS)
    assert isinstance(read({"message": "CloseDay", "market": "X", "date": "2024-01-02"})[0], CloseDay)
    assert read({"message": "Cancel", "instruction_id": "ab" * 32}) == [Cancel(b"\xab" * 32)]
