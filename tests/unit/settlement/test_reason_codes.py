"""Every reason stands in the official code lists of the status advice, and is explained."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from counterfoil.modules.settlement.interface import (
    REASONS,
    Linkage,
    Movement,
    Partial,
    Position,
    Reason,
    ReasonKind,
)
from counterfoil.modules.settlement.records import TRANSACTION_TYPES
from counterfoil.primitives.codec import decode_exact, encode

CODE_LISTS = {
    ReasonKind.UNMATCHED: ("UnmatchedReason11Code",),
    ReasonKind.PENDING: ("PendingReason24Code", "FailingReason4Code"),
    ReasonKind.PENDING_CANCELLATION: ("PendingReason6Code",),
    ReasonKind.CANCELLED: ("CancelledStatusReason16Code",),
}


def codes(schema: Path, name: str) -> set[str]:
    text = schema.read_text()
    found = re.search(rf'<xs:simpleType name="{name}">(.*?)</xs:simpleType>', text, re.DOTALL)
    assert found is not None, name
    return set(re.findall(r'enumeration value="(\w+)"', found.group(1)))


@pytest.fixture
def schemas(shared_data: Path) -> Path:
    return shared_data / "messages" / "iso20022_xsd"


@pytest.mark.parametrize("reason", list(Reason))
def test_reasons_are_official_codes(schemas: Path, reason: Reason) -> None:
    for name in CODE_LISTS[REASONS[reason].kind]:
        if reason is Reason.SETTLEMENT_DATE_IS_AHEAD and name.startswith("Failing"):
            continue
        assert reason.value in codes(schemas / "sese.024.001.12.xsd", name)


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("SecuritiesTransactionType23Code", set(TRANSACTION_TYPES)),
        ("ReceiveDelivery1Code", {one.value for one in Movement}),
        ("ProcessingPosition3Code", {one.value for one in Position}),
    ],
)
def test_instructions_use_official_codes(schemas: Path, name: str, ours: set[str]) -> None:
    assert codes(schemas / "sese.023.001.11.xsd", name) == ours


def test_partial_indicators_are_official(schemas: Path) -> None:
    official = codes(schemas / "sese.023.001.11.xsd", "SettlementTransactionCondition5Code")
    assert {one.value for one in Partial} <= official


def test_every_reason_is_explained_in_sentences() -> None:
    assert set(REASONS) == set(Reason)
    for explained in REASONS.values():
        for text in (explained.words, explained.remedy):
            assert text[0].isupper()
            assert text.endswith(".")


def test_codes_travel_as_text() -> None:
    linkage = Linkage(Position.AFTER, "S-1")
    assert decode_exact(encode(linkage), Linkage) == linkage
    assert encode(Reason.LACK_OF_MONEY) == encode("MONY")
