""" "Not there" and "not yours" run through the very same lines of the reads and of the policy, for whoever asks.

What the store does below (it finds a row, or does not) is not the same; the door hides that: tests/e2e/test_timing.py.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import msgspec
import pytest

import counterfoil
from counterfoil.node.reads import READS, answer_read
from counterfoil.node.reads_base import LONG_ID_SIZE
from counterfoil.node.streams import Cursor, Position, Streams
from counterfoil.node.viewer import Viewer
from counterfoil.policy.errors import NotVisible
from counterfoil.policy.policy import Policy, Standing
from counterfoil.primitives.codec import encode
from tests.unit.node.cast import Cast

ROOT = str(Path(counterfoil.__file__).parent)
ROOMS = tuple(f"{ROOT}/{room}/" for room in ("policy", "node"))
NOT_THERE = {20: b"n" * 20, LONG_ID_SIZE: b"n" * LONG_ID_SIZE}


class Lines:
    """Which lines of the policy and the reads are run, and how often each function is entered."""

    def __init__(self) -> None:
        self.seen: set[tuple[str, int]] = set()
        self.calls: dict[str, int] = {}

    def __enter__(self) -> Lines:
        sys.settrace(self._entered)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(None)

    def _entered(self, frame: FrameType, event: str, argument: object) -> Any:
        name = frame.f_code.co_filename
        if not name.startswith(ROOMS):
            return None
        where = f"{name.removeprefix(ROOT)}:{frame.f_code.co_qualname}"
        self.calls[where] = self.calls.get(where, 0) + 1
        return self._ran

    def _ran(self, frame: FrameType, event: str, argument: object) -> Any:
        if event == "line":
            self.seen.add((frame.f_code.co_filename.removeprefix(ROOT), frame.f_lineno))
        return self._ran


def questions(cast: Cast) -> Iterator[tuple[str, str, dict[str, Any], bytes]]:
    """(read, field, other parameters, something that is there): every way to name one thing that may be hidden."""
    account, party, share = cast.accounts["three at b"], cast.parties["client-b"], cast.other_share
    yield "holdings", "account", {}, account
    yield "statement", "account", {}, account
    yield "statement", "account", {"since": "3", "until": "9"}, account
    yield "party", "party", {}, party
    yield "identity", "party", {}, cast.parties["client-a"]
    yield "identities", "agent", {}, cast.parties["broker-a"]
    yield "person", "party", {}, cast.parties["client-a"]
    yield "person", "tag", {}, cast.tag
    yield "register", "instrument", {}, share
    yield "instruction", "instruction", {}, cast.purchase
    yield "trade", "trade", {}, cast.trade
    yield "history", "account", {}, account
    yield "history", "party", {}, party
    yield "history", "instrument", {}, share
    yield "history", "signer", {}, cast.signer
    yield "signer", "signer", {}, cast.signer
    yield "custody_trail", "custodian", {}, cast.parties["broker-b"]
    for kind, identity in (("account", account), ("no-holding", account), ("holding", account)):
        yield "proof", "account", {"kind": kind, "instrument": cast.share}, identity
    yield "proof", "instrument", {"kind": "register"}, share
    yield "proof", "business", {"kind": "trade"}, cast.trade
    yield "proof", "business", {"kind": "instruction"}, cast.purchase


def hidden(cast: Cast, viewer: str, read: str, params: dict[str, Any]) -> Lines | None:
    """What was run where the answer was NotVisible; None where it was another."""
    encoded = encode(params)
    with Lines() as lines:
        try:
            answer_read(cast.node, cast.viewer(viewer), read, encoded)
        except NotVisible:
            return lines
    return None


VIEWERS = ("nobody", "stranger", "other-client-a", "client-s", "former", "applicant", "operator", "notary")
VIEWERS += ("other-exchange", "auditor", "broker-s", "central-bank")


NARROWS = {
    # Lists of what the viewer may see: shorter for one that is hidden, and never refused for it
    *(("accounts", "owner"), ("accounts", "servicer"), ("parties", "below"), ("proposals", "signer")),
    ("certificates", "party"),
    *(("instructions", "account"), ("instructions", "party"), ("trades", "account"), ("trades", "party")),
    ("register", "after"),  # of a register that is asked about above
    ("statement", "instrument"),  # of an account that is asked about above
    (
        "history",
        "business",
    ),  # what receipts tell of it, found by going through them: the door hides how much that was
}
NO_LISTS = {("register", "after"), ("statement", "instrument"), ("history", "business")}
PUBLIC = {
    ("instrument", "instrument"),
    ("result", "transaction"),  # to whoever has the transaction as it was sent
    ("certificate", "fingerprint"),  # to whoever was shown the certificate
    ("opening_key", "party"),  # to parties, of whoever's id they know
    *(("draft_admission", "node"), ("draft_admission", "opening_key")),  # what is to be, not what is
}
"""Anybody may ask these for anything; the answer says whether it is there, and no more than everybody may know."""


def test_every_way_to_name_something_is_asked_about(cast: Cast) -> None:
    asked = {(read, field) for read, field, _, _ in questions(cast)}
    named = {
        (name, field.name)
        for name, read in READS.items()
        for field in msgspec.structs.fields(read.params)
        if field.type is bytes
    }
    assert named - NARROWS - PUBLIC == asked


def test_which_reads_are_alike_for_everybody() -> None:
    """All others leave at moments, so that their time does not tell what was left out; so does a new one."""
    public = {
        "status",
        "header",
        "personas",
        "markets",
        "instruments",
        "instrument",
        "consortium",
        "validators",
    }
    public |= {"registrars", "authorities", "key_epochs", "certificate", "result", "opening_key"}
    for_offices = {"draft_key_epoch", "draft_admission"}
    sealed = {"sealed_receipts", "sealed_blocks"}
    assert {name for name, read in READS.items() if read.is_alike} == public | for_offices | sealed


def policy_calls(cast: Cast, viewer: str, read: str, params: dict[str, Any]) -> dict[str, int]:
    """How often each function of the policy was entered for an answer."""
    with Lines() as lines:
        answer_read(cast.node, cast.viewer(viewer), read, encode(params))
    return {name: count for name, count in lines.calls.items() if name.startswith("/policy/")}


@pytest.mark.parametrize(
    "viewer", ["nobody", "central-bank", "client-o", "auditor", "other-exchange", "broker-s"]
)
def test_a_list_asks_as_much_whosever_is_asked_for(cast: Cast, viewer: str) -> None:
    """The time of a list tells how much there is, and not how much of it is whose."""
    broker, account = cast.parties["broker-b"], cast.accounts["three at b"]
    issuer = cast.clients["issuer"].keys[0].address
    named = {
        ("accounts", "servicer"): broker,
        ("parties", "below"): broker,
        ("proposals", "signer"): issuer,
        ("certificates", "party"): cast.parties["broker-a"],
        ("instructions", "account"): account,
        ("instructions", "party"): broker,
        ("trades", "account"): account,
        ("trades", "party"): broker,
    }
    walked = {
        ("accounts", "owner")
    }  # a party has few accounts: how many hundreds is what its time would tell
    assert set(named) | walked | NO_LISTS == NARROWS
    for (read, field), identity in named.items():
        there = policy_calls(cast, viewer, read, {field: identity})
        assert there == policy_calls(cast, viewer, read, {field: b"n" * 20}), (read, field)
        assert there


@pytest.mark.parametrize("viewer", ["nobody", "central-bank", "client-o", "broker-a"])
def test_a_stream_asks_as_much_whatever_it_is_about(cast: Cast, viewer: str) -> None:
    def calls(about: bytes) -> dict[str, int]:
        streams, cursor = Streams(cast.node), Cursor(Position(0), about)
        with Lines() as lines:
            while not streams.next(Viewer(cast.viewer(viewer)), cursor).is_current:
                pass
        return {name: count for name, count in lines.calls.items() if name.startswith("/policy/")}

    calls(b"")  # the policy asked what belongs to whom
    assert calls(cast.accounts["three at b"]) == calls(b"n" * 20)
    assert calls(cast.purchase) == calls(b"n" * 32)


@pytest.mark.parametrize("viewer", VIEWERS)
def test_the_same_lines_are_run(cast: Cast, viewer: str) -> None:
    compared = 0
    for read, field, more, identity in questions(cast):
        for height in ("", str(cast.node.height - 1)):
            params = {**more, field: identity}
            if height and "at" in READS[read].params.__struct_fields__:
                params["at"] = height
            there = hidden(cast, viewer, read, params)
            nowhere = hidden(cast, viewer, read, {**params, field: NOT_THERE[len(identity)]})
            assert nowhere is not None, f"{read}: what is not there was answered"
            if there is None:
                continue  # this viewer may see it
            compared += 1
            assert there.seen == nowhere.seen, (
                f"{read} of {field} by {viewer}: {sorted(there.seen ^ nowhere.seen)}"
            )
            assert there.calls == nowhere.calls, f"{read} of {field} by {viewer}"
    assert compared > 20


def test_the_test_sees_an_early_return(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    """A policy that looks no further where nothing is found would be noticed."""
    whole = Policy._account

    def early(self: Policy, viewer: bytes, standing: Standing, account_id: bytes) -> Any:
        if self._holdings.account(account_id) is None:
            return None
        return whole(self, viewer, standing, account_id)

    monkeypatch.setattr(Policy, "_account", early)
    account = cast.accounts["three at b"]
    there = hidden(cast, "notary", "holdings", {"account": account})
    nowhere = hidden(cast, "notary", "holdings", {"account": b"n" * 20})
    assert there is not None
    assert nowhere is not None
    assert there.seen != nowhere.seen
