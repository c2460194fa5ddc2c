"""What streams tell, against the visibility matrix: for each fact of the cast's ledger, who of the cast is told it."""

from __future__ import annotations

from typing import Any

import pytest

from counterfoil.primitives.codec import Fact
from tests.unit.node.cast import Cast
from tests.unit.policy.visibility_matrix import CAST, EVERYBODY, GRANTEES, MATRIX, OF_THE_PAST

ACCOUNTS = {
    "client-a's": "account of client-a",
    "joint": "joint account",
    "three at a": "account of three-brokers at broker-a",
    "three at b": "account of three-brokers at broker-b",
    "three at o": "account of three-brokers at the operator",
    "broker-a's": "account of broker-a at the depository",
    "broker-b's": "account of broker-b at the depository",
    "client-s's": "account of client-s",
    "former's": "history of former's account",
    "client-o's": "account of client-o",
    "issuance": "issuance account of the equity",
    "moved's old": "history of moved's old account",
    "moved's": "history of moved's account",
    "client-w's": "account of client-w",
}
REGISTERS = {
    "share": "register of the equity",
    "other_share": "register of the other equity",
    "token": "register of the money token",
}
CERTIFICATES = {
    "exchange": "certificate of the exchange's node",
    "broker-a": "certificate of broker-a",
    "client-o": "certificate of client-o",
}
PUBLIC = {
    *("MarketOpened", "DayOpened", "DayClosed", "InstrumentAnnounced", "TermsInForce", "AssetAccepted"),
    *("InstrumentStatusChanged", "FeedDefined"),
    *("IdentityRegistrarAppointed", "LicenceRecorded", "AuthorityNamed"),
    "CertificateRecorded",  # of a node
    "ViewKeysChanged",
}


@pytest.fixture(scope="module")
def told(cast: Cast) -> dict[str, dict[str, tuple[int, Fact]]]:
    """By viewer, the facts of its whole stream (by their text, with the block)."""
    found: dict[str, dict[str, tuple[int, Fact]]] = {}
    for viewer in CAST:
        items = list(cast.client(viewer).watch(0, follow=False))
        found[viewer] = {repr(fact): (item.height, fact) for item in items for fact in item.facts}
    return found


INSTRUCTIONS = {
    "client-a's": "instruction of broker-a for client-a",
    "broker-b's": "instruction of broker-b for itself",
    "client-s's": "instruction of broker-s for client-s",
    "moved's": "instruction of broker-b for moved",
}


def by_row(row: str, *, past: bool) -> set[str]:
    """Who sees a row: by its own right, by a grant, and of the granted past where it happened then."""
    granted = {who for who, rows in GRANTEES.items() if row in rows}
    if past and row in GRANTEES["auditor-of-a"]:
        granted |= set(OF_THE_PAST)
    return set(MATRIX[row].split()) | granted


def expected(cast: Cast, fact: Any, height: int) -> set[str] | None:
    """Who is told a fact; None where the matrix has no row for what it is about."""
    kind, past = type(fact).__name__, height <= cast.past_height
    rows: list[str] = []
    names = {identity: name for name, identity in cast.accounts.items()}
    instructed = {
        cast.sale: "client-a's",
        cast.purchase: "broker-b's",
        cast.of_suspended: "client-s's",
        cast.of_moved: "moved's",
    }
    if kind == "CertificateRecorded":
        names = {identity: name for name, identity in cast.certificates.items()}
        return by_row(CERTIFICATES[names[fact.fingerprint]], past=past)
    if kind in PUBLIC:
        return set(EVERYBODY.split())
    if kind in ("Posting", "AccountOpened", "AccountClosed", "Allotted", "Minted"):
        name = names[fact.account_id]
        if name not in ACCOUNTS:
            return None
        rows.append(ACCOUNTS[name])
        if kind in ("Posting", "Allotted", "Minted"):
            rows += [row for name, row in REGISTERS.items() if getattr(cast, name) == fact.instrument_id]
        if kind == "Allotted":
            return by_row(rows[0], past=past)
    elif kind == "InstructionAccepted":
        row = INSTRUCTIONS.get(names[fact.account])
        if row is None:
            return None
        rows.append(row)
    elif kind == "InstructionPending" and fact.instruction_id in instructed:
        rows.append(INSTRUCTIONS[instructed[fact.instruction_id]])
    elif kind == "TradeRecorded":
        # Told to each side with its own client alone, and to the venue's operator: the client whose account is behind a
        # side reads the trade itself, and so does whoever was shown that account.
        seller = by_row("its seller's client", past=past) - {"client-a", "second-custodian", "lender"}
        buyer = by_row("its buyer's client", past=past) - {"three-brokers"}
        shown = (names.get(fact.terms.seller_client), names.get(fact.terms.buyer_client))
        if all(shown):
            return seller & buyer
        return seller if shown == ("client-a's", None) else buyer
    elif kind == "ViewGranted" and fact.grant_id in (cast.grants["auditor-of-a"], cast.grants["lender"]):
        lent = fact.grant_id == cast.grants["lender"]
        row = "grant of client-a to the lender" if lent else "grant to the auditor of broker-a"
        # Broker-a is told of both, and who audits it reads what it is told; data protection reads the grants.
        return by_row(row, past=past) - {"data-protection"} | {"auditor-of-a"}
    else:
        return None
    return set().union(*(by_row(row, past=past) for row in rows))


def test_streams_tell_whom_the_matrix_names(cast: Cast, told: dict[str, dict[str, tuple[int, Fact]]]) -> None:
    checked: dict[str, int] = {}
    for text, (height, fact) in told["regulator"].items():
        wanted = expected(cast, fact, height)
        if wanted is None:
            continue
        heard = {viewer for viewer in CAST if text in told[viewer]}
        assert heard == wanted, f"in block {height}: {fact}"
        kind = type(fact).__name__
        checked[kind] = checked.get(kind, 0) + 1
    assert set(checked) > {"Posting", "InstructionAccepted", "TradeRecorded", "ViewGranted", "AccountOpened"}
    assert sum(checked.values()) > 60


def test_a_regulator_misses_nothing(told: dict[str, dict[str, tuple[int, Fact]]]) -> None:
    """ "Sees all, live": whatever anybody is told, the regulator is told."""
    for viewer, facts in told.items():
        assert set(facts) <= set(told["regulator"]), viewer


@pytest.mark.parametrize("viewer", ["nobody", "stranger", "auditor", "data-protection"])
def test_who_has_no_right_to_anything_is_told_what_is_public(
    told: dict[str, dict[str, tuple[int, Fact]]], viewer: str
) -> None:
    kinds = {type(fact).__name__ for _, fact in told[viewer].values()}
    assert kinds == PUBLIC & {type(fact).__name__ for _, fact in told["regulator"].values()}
