"""Whoever reads what is another's leaves a trace, by whichever right and through whichever read: the table of both.

By which right somebody of the cast sees a row is data here, independent of the code; the looks are those that are
compared with the visibility matrix. What the log then says, that it cannot be changed and who reads it is in
`test_read_log.py`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import pytest

from counterfoil.modules.viewkeys.messages import RecordOpeningKey
from counterfoil.node.read_log import ReadEntry
from counterfoil.node.reads import READS
from counterfoil.sdk import NotVisible
from tests.unit.node.cast import Cast, key
from tests.unit.node.test_reads_visibility import HISTORIES, LOOKS, Look, sees
from tests.unit.policy.visibility_matrix import CAST, EVERYBODY, GRANTEES, MATRIX, OF_THE_PAST, seen
from tests.unit.policy.world import GRANTED

CUSTODY: dict[str, str] = {
    # Who keeps the account that a row is about
    "receipt for the joint account": "broker-a",
    **dict.fromkeys(("account of client-a", "history of client-a's account", "joint account"), "broker-a"),
    **dict.fromkeys(
        ("history of the joint account", "account of former", "history of former's account"), "broker-a"
    ),
    **dict.fromkeys(("account of three-brokers at broker-a", "old account of moved at broker-a"), "broker-a"),
    **dict.fromkeys(
        ("history of moved's old account", "history of three-brokers' account at broker-a"), "broker-a"
    ),
    **dict.fromkeys(
        ("receipt for client-a at broker-a", "receipt for three-brokers at broker-a"), "broker-a"
    ),
    **dict.fromkeys(("receipt for former at broker-a", "receipt for moved at broker-a"), "broker-a"),
    **dict.fromkeys(("account of three-brokers at broker-b", "account of moved at broker-b"), "broker-b"),
    **dict.fromkeys(
        ("history of three-brokers' account at broker-b", "history of moved's account"), "broker-b"
    ),
    **dict.fromkeys(("receipt for three-brokers at broker-b", "receipt for moved at broker-b"), "broker-b"),
    **dict.fromkeys(("account of three-brokers at the operator", "account of client-o"), "operator"),
    "history of three-brokers' account at the operator": "operator",
    "receipt for three-brokers at the operator": "operator",
    **dict.fromkeys(("account of client-s", "history of client-s's account"), "broker-s"),
    "receipt for client-s at broker-s": "broker-s",
    **dict.fromkeys(("account of client-w", "history of client-w's account"), "broker-w"),
    "receipt for client-w at broker-w": "broker-w",
    **dict.fromkeys(
        ("account of broker-a at the depository", "account of broker-b at the depository"), "depository"
    ),
    **dict.fromkeys(("issuance account of the equity", "instruction of broker-b for itself"), "depository"),
}
OFFICE: dict[str, str] = {
    # Who keeps the register, operates the market, runs the authority, belongs to the consortium, guards the data
    **dict.fromkeys(("register of the equity", "register of the other equity"), "depository"),
    **dict.fromkeys(
        ("trade", "trade of two clients", "its seller's client", "its buyer's client"), "exchange"
    ),
    **dict.fromkeys(
        ("instruction of broker-a for client-a", "instruction of broker-b for itself"), "exchange"
    ),
    **dict.fromkeys(
        ("instruction of broker-s for client-s", "instruction of broker-b for moved"), "exchange"
    ),
    **dict.fromkeys(("certificate of broker-a", "certificate of client-o"), "operator"),
    "person that client-a is": "registrar",
    "motion": "depository exchange operator broker-a",
    **dict.fromkeys(
        ("grant to the auditor of broker-a", "grant of client-a to the lender"), "data-protection"
    ),
    **dict.fromkeys(("grant to the investigator of broker-b", "reads at this node"), "data-protection"),
    **dict.fromkeys(
        (row for row in MATRIX if row.startswith("grant of") and "key" in row), "data-protection"
    ),
}
SUPERVISION: dict[str, str] = {
    # Who stands above, beside the regulator
    **dict.fromkeys(
        ("name of client-a", "name of applicant", "name of former", "details of client-a"), "broker-a"
    ),
    **dict.fromkeys(("details of three-brokers", "details of former", "details of moved"), "broker-a"),
    **dict.fromkeys(("history of former", "history of client-a", "history of moved"), "broker-a"),
    **dict.fromkeys(("history of three-brokers", "verification of client-a"), "broker-a"),
    "handle of client-a at broker-a": "broker-a",
    "details of client-w": "broker-w",
    **dict.fromkeys(("details of the issuer", "receipt for the issuer"), "depository"),
}
REGULATORS_OWN = {
    *("details of the regulator", "grant to the investigator of broker-b", "the next key epoch, drawn up"),
    *("what is sealed", "grant of broker-b's key to its investigator"),
}
PUBLIC = {row for row, viewers in MATRIX.items() if viewers == EVERYBODY} | {"what is sealed"}

TRACES: dict[str, str] = {
    # Read → the rights by which it shows what is another's, as the cast uses it here
    **dict.fromkeys(("holdings", "statement", "accounts"), "CUSTODY SUPERVISION GRANT"),
    "history": "CUSTODY OFFICE SUPERVISION GRANT",
    "proof": "CUSTODY OFFICE SUPERVISION GRANT",
    "register": "OFFICE SUPERVISION GRANT",
    "receipts": "CUSTODY SUPERVISION GRANT",
    "party": "SUPERVISION GRANT",
    "parties": "SUPERVISION",
    "signer": "SUPERVISION",
    "custody_trail": "SUPERVISION GRANT",
    "identity": "SUPERVISION",
    "identities": "SUPERVISION GRANT",
    "person": "OFFICE SUPERVISION",
    "certificates": "OFFICE SUPERVISION GRANT",
    **dict.fromkeys(("trade", "trades"), "OFFICE SUPERVISION GRANT"),
    **dict.fromkeys(("instruction", "instructions"), "CUSTODY OFFICE SUPERVISION GRANT"),
    "proposals": "SUPERVISION",
    "motions": "OFFICE SUPERVISION",
    "feeds": "SUPERVISION GRANT",
    **dict.fromkeys(("grants", "view_key_grants"), "OFFICE SUPERVISION"),
    "read-log": "OFFICE",
    "view_keys": "CUSTODY SUPERVISION GRANT",
    "watch": "CUSTODY OFFICE SUPERVISION GRANT",
}
NOTHING_OF_OTHERS = {
    # Public, one's own, or sealed for whoever has the key
    *("status", "header", "result", "find", "personas", "markets", "instruments", "instrument", "consortium"),
    *(
        "validators",
        "registrars",
        "authorities",
        "certificate",
        "key_epochs",
        "opening_key",
        "draft_key_epoch",
    ),
    *("draft_admission", "sealed_receipts", "sealed_blocks"),
}
"""`status` shows how many instructions wait, in numbers that name nobody; a name that `find` finds is public."""


@pytest.fixture(scope="module")
def own_cast() -> Iterator[Cast]:
    """With keys to which view keys can be handed; one was granted to auditor-of-a."""
    made = Cast()
    for name in ("broker-a", "regulator", "auditor-of-a", "client-b"):
        made.clients[name].send(RecordOpeningKey(made.parties[name], key(name).opening_key().public_key))
    yield made
    made.close()


def basis_of(row: str, viewer: str) -> str:
    """By which right somebody who sees a row sees it; "" for one's own, and for what is public."""
    if row in PUBLIC:
        return ""
    if viewer == "regulator":
        return "" if row in REGULATORS_OWN else "SUPERVISION"
    for basis, rows in (("CUSTODY", CUSTODY), ("OFFICE", OFFICE), ("SUPERVISION", SUPERVISION)):
        if viewer in rows.get(row, "").split():
            return basis
    by_grant = row in GRANTEES.get(viewer, ()) or row in OF_THE_PAST.get(viewer, ())
    return "GRANT" if by_grant else ""


def streamed(cast: Cast, row: str) -> Look | None:
    """The same as a stream about the account of a row of histories."""
    names = {
        "history of client-a's account": "client-a's",
        "history of the joint account": "joint",
        "history of three-brokers' account at broker-a": "three at a",
        "history of three-brokers' account at broker-b": "three at b",
        "history of three-brokers' account at the operator": "three at o",
        "history of former's account": "former's",
        "history of moved's old account": "moved's old",
        "history of moved's account": "moved's",
        "history of client-s's account": "client-s's",
        "history of client-w's account": "client-w's",
    }
    if row not in names:
        return None
    return lambda client, cast: list(client.watch(0, about=cast.accounts[names[row]], follow=False))


def trace(cast: Cast, viewer: str, look: Look) -> list[ReadEntry] | None:
    """What a look leaves; None where nothing was seen."""
    log = cast.node.read_log
    before = log.head.entries
    shown = sees(cast.client(viewer), cast, look)
    found = list(log.entries(before + 1))
    assert all((entry.viewer, entry.signer != b"") == (cast.viewer(viewer), True) for entry in found)
    return found if shown else None


@pytest.fixture(scope="module")
def traced(own_cast: Cast) -> dict[tuple[str, int, str], list[ReadEntry]]:
    """(row, which look, viewer) → what was logged, for everybody who sees it."""
    found = {}
    for row, looks in LOOKS.items():
        more = streamed(own_cast, row)
        for number, look in enumerate((*looks, *([more] if more is not None else []))):
            viewers = seen(row, as_history=look in HISTORIES or look is more)
            for viewer in sorted(viewers & set(CAST) - {"nobody", "stranger"}):
                entries = trace(own_cast, viewer, look)
                assert entries is not None or look is more, f"{viewer} does not see read {number} of {row!r}"
                if entries is not None:
                    found[row, number, viewer] = entries
    return found


def test_every_use_of_anothers_right_leaves_its_trace(
    own_cast: Cast, traced: dict[tuple[str, int, str], list[ReadEntry]]
) -> None:
    """Who looked, by which right; of a grant which one, and for what purpose."""
    compared: dict[str, int] = defaultdict(int)
    for (row, number, viewer), entries in traced.items():
        basis = basis_of(row, viewer)
        uses = [use for entry in entries for use in entry.uses]
        if not basis:
            continue
        assert basis in {use.basis for use in uses}, f"read {number} of {row!r} by {viewer}: no {basis}"
        compared[basis] += 1
        for use in uses:
            assert use.count >= len(use.looked) > 0
            if use.basis == "GRANT":
                assert (use.grant, use.purpose) == (own_cast.grants[viewer], GRANTED[viewer].purpose.name)
            else:
                assert (use.grant, use.purpose) == (b"", "")
    assert min(compared.values()) > 20, compared
    assert set(compared) == {"CUSTODY", "OFFICE", "SUPERVISION", "GRANT"}


def test_ones_own_leaves_none(traced: dict[tuple[str, int, str], list[ReadEntry]]) -> None:
    """Of those who keep nobody's account, hold no office and stand above nobody: whatever they look at."""
    offices = {
        name for rows in (CUSTODY, OFFICE, SUPERVISION) for names in rows.values() for name in names.split()
    }
    bystanders = set(CAST) - offices - set(GRANTEES) - {"regulator"}
    looked = {viewer: entries for (_, _, viewer), entries in traced.items() if viewer in bystanders}
    assert len(looked) > 10
    assert not {viewer for viewer, entries in looked.items() if entries}


def test_every_read_leaves_every_kind_of_trace_that_it_can(
    own_cast: Cast, traced: dict[tuple[str, int, str], list[ReadEntry]]
) -> None:
    """A new read without a row fails; so does one that shows what is another's and says nothing of it."""
    log = own_cast.node.read_log
    before = log.head.entries
    for viewer in ("broker-a", "regulator", "auditor-of-a", "client-b"):
        own_cast.client(viewer).read("view_keys")
    assert list(own_cast.client("exchange").watch(0, follow=False))
    with pytest.raises(NotVisible):
        own_cast.client("former").holdings(own_cast.accounts["client-a's"])
    left: dict[str, set[str]] = defaultdict(set)
    for entry in (*log.entries(before + 1), *(entry for entries in traced.values() for entry in entries)):
        left[entry.read] |= {use.basis for use in entry.uses}
    assert {name: " ".join(sorted(bases)) for name, bases in left.items()} == {
        name: " ".join(sorted(bases.split())) for name, bases in TRACES.items()
    }
    assert set(TRACES) - {"watch"} | NOTHING_OF_OTHERS == set(READS)
    assert not (set(TRACES) & NOTHING_OF_OTHERS)


def test_data_protection_reads_all_of_it(own_cast: Cast) -> None:
    """Who, by which key, what, by which right and for what purpose; and nobody else does."""
    owner, lender = own_cast.clients["client-a"], own_cast.clients["lender"]
    lender.holdings(own_cast.accounts["client-a's"])
    guard = own_cast.clients["data-protection"]
    last = guard.read_log(own_cast.node.read_log.head.entries)
    (entry,) = last.entries
    (use,) = entry.uses
    assert (entry.viewer, entry.signer) == (lender.party, lender.keys[0].address)
    assert (entry.read, use.basis, use.purpose) == ("holdings", "GRANT", "DISCLOSURE")
    assert use.grant == own_cast.grants["lender"]
    for viewer in (owner, lender, own_cast.clients["regulator"], own_cast.clients["broker-a"]):
        with pytest.raises(NotVisible):
            viewer.read_log()
