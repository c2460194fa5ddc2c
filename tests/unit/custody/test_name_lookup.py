"""Keys looked up at a real name server with signed zones; and every way in which an answer can be a lie."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dns.message
import dns.name
import dns.rdatatype
import dns.rrset
import pytest

from counterfoil.custody import name_lookup
from counterfoil.custody.name_lookup import Anchors, NameLookupError, Security, Server, look_up
from counterfoil.custody.names import DAY_SECONDS, NameRecordError, make_record, strings_of, zone_lines
from counterfoil.primitives.signatures import KeyPolicy, single_key
from tests.unit.custody.name_servers import Change, Liar, NameServer, truncated
from tests.unit.custody.test_names import KEYS, TWO_OF_THREE, key

TXT, DS, DNSKEY, RRSIG, NSEC = (
    dns.rdatatype.from_text(kind) for kind in ("TXT", "DS", "DNSKEY", "RRSIG", "NSEC")
)
MANY = sorted((key(f"many {number}") for number in range(16)), key=lambda one: one.public_key)
HOSTS = ("alder.good.test", "alder.old.test", "alder.wrongkey.test", "alder.plain.test", "alder.nosig.test")
NOW = 1_700_000_000
"""The records' own time is told to the lookup; zones are signed by the machine's clock, where the test says nothing."""


def line(name: str, *, policy: KeyPolicy = TWO_OF_THREE, signers: Any = KEYS, begins: int = NOW - 5) -> str:
    made = make_record(name, policy, signers, begins_s=begins, expires_s=begins + 300 * DAY_SECONDS)
    return zone_lines(made)


@pytest.fixture(scope="module")
def now() -> int:
    import time

    return int(time.time())


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, now: int) -> Iterator[NameServer]:
    def at(name: str, **more: Any) -> str:
        return line(name, begins=now - 5, **more)

    records = {name.split(".")[1]: [at(name)] for name in HOSTS}
    largest = KeyPolicy(16, tuple(one.public_key for one in MANY))
    stranger = at("elsewhere.test").replace("_counterfoil.elsewhere", "_counterfoil.moved.good")
    records["good"] += [
        at("deep.below.good.test"),
        at("large.good.test", policy=largest, signers=MANY),
        at("two.good.test"),
        at("two.good.test", policy=single_key(KEYS[0].public_key)),
        at("past.good.test").replace("_counterfoil.past", "_counterfoil.alias-target"),
        "_counterfoil.alias.good.test. IN CNAME _counterfoil.alder.good.test.",
        line("ended.good.test", begins=now - 301 * DAY_SECONDS),
        line("coming.good.test", begins=now + 1_000),
        stranger,
        '_counterfoil.other.good.test. IN TXT "v=spf1 -all"',
        "*.wild.good.test. IN TXT " + " ".join(f'"{part}"' for part in strings_of("v=cf1; nonsense")),
    ]
    records[""] = [at("alder.test")]
    made = NameServer(tmp_path_factory.mktemp("names"), records)
    yield made
    made.close()


@pytest.fixture(scope="module")
def anchors(server: NameServer) -> Anchors:
    return Anchors([server.anchor])


def found(server: NameServer, anchors: Anchors, name: str, port: int = 0, **more: Any) -> Any:
    return look_up(name, Server("127.0.0.1", port or server.port), anchors, timeout_seconds=2, **more)


@pytest.mark.parametrize(
    "name", ["alder.good.test", "ALDER.good.test.", "deep.below.good.test", "alder.test"]
)
def test_a_signed_zone_is_secure(server: NameServer, anchors: Anchors, name: str) -> None:
    answer = found(server, anchors, name)
    assert answer.security is Security.SECURE
    assert answer.record.policy == TWO_OF_THREE


def test_a_record_too_long_for_udp_comes_by_tcp(server: NameServer, anchors: Anchors) -> None:
    answer = found(server, anchors, "large.good.test")
    assert answer.security is Security.SECURE
    assert len(answer.record.text) > 1_500


def test_a_zone_that_is_not_signed_is_proven_so(server: NameServer, anchors: Anchors) -> None:
    assert found(server, anchors, "alder.plain.test").security is Security.UNSIGNED


def test_without_a_trust_anchor_above_it_nothing_is_checked(server: NameServer) -> None:
    for lines in ([], ["example. IN DS 1 15 2 " + "00" * 32]):
        answer = found(server, Anchors(lines), "alder.good.test")
        assert answer.security is Security.UNCHECKED


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("alder.old.test", "expired"),
        ("alder.wrongkey.test", "none of its keys"),
        ("alder.nosig.test", "keys are missing"),
        ("none.good.test", "no record"),
        ("none.none.good.test", "no record"),
        ("other.good.test", "stand 0 records"),
        ("two.good.test", "stand 2 records"),
        ("alias.good.test", "no record"),
        ("a.wild.good.test", "stands for many names"),
        (".".join("abcdefghijklmnopq") + ".good.test", "more than 16 labels"),
    ],
)
def test_what_is_refused(server: NameServer, anchors: Anchors, name: str, match: str) -> None:
    with pytest.raises(NameLookupError, match=match):
        found(server, anchors, name)


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("ended.good.test", "has expired"),
        ("coming.good.test", "not be used yet"),
        ("moved.good.test", "not signed by"),
    ],
)
def test_a_record_that_may_not_be_used_is_refused_though_its_zone_is_signed(
    server: NameServer, anchors: Anchors, name: str, match: str
) -> None:
    with pytest.raises(NameRecordError, match=match):
        found(server, anchors, name)


def test_another_trust_anchor_is_no_proof(server: NameServer) -> None:
    text = server.anchor
    wrong = text[:-1] + ("0" if text[-1] != "0" else "1")
    with pytest.raises(NameLookupError, match="none of its keys"):
        found(server, Anchors([wrong]), "alder.good.test")


def test_signatures_run_out(server: NameServer, anchors: Anchors, now: int) -> None:
    with pytest.raises(NameLookupError, match="expired"):
        found(server, anchors, "alder.good.test", now_s=now + 60 * DAY_SECONDS)
    with pytest.raises(NameLookupError, match="not in force yet"):
        found(server, anchors, "alder.good.test", now_s=now - 60 * DAY_SECONDS)


# ---- lies


def of(kind: Any, change: Change) -> Change:
    """The same for questions of one kind; other answers pass as they are."""
    return lambda answer: change(answer) if answer.question[0].rdtype == kind else answer


def spoofed(answer: dns.message.Message) -> dns.message.Message:
    """The record of a thief's key, signed by it for this name."""
    thief = key("thief")
    begins = int(__import__("time").time()) - 5
    made = make_record(
        "alder.good.test",
        single_key(thief.public_key),
        [thief],
        begins_s=begins,
        expires_s=begins + DAY_SECONDS,
    )
    text = " ".join(f'"{part}"' for part in strings_of(made.text))
    name = answer.question[0].name
    answer.answer = [
        dns.rrset.from_text(name, 300, "IN", "TXT", text) if one.rdtype == TXT else one
        for one in answer.answer
    ]
    return answer


def without(kind: Any, *sections: str) -> Change:
    def change(answer: dns.message.Message) -> dns.message.Message:
        for section in sections or ("answer", "authority", "additional"):
            kept = [one for one in getattr(answer, section) if one.rdtype != kind]
            setattr(answer, section, kept)
        return answer

    return change


def with_wrong_id(answer: dns.message.Message) -> list[Any]:
    """First what somebody else guessed, then the answer."""
    data = bytearray(spoofed(dns.message.from_wire(answer.to_wire())).to_wire())
    data[0] ^= 0xFF
    return [bytes(data), b"", b"\x00", bytes(data[:11]), answer]


def stolen_from_the_child(answer: dns.message.Message) -> dns.message.Message:
    """As if the delegation were unsigned: the proof of another name is given for this one."""
    answer.answer = []
    return answer


def many_signatures(answer: dns.message.Message) -> dns.message.Message:
    for one in answer.answer:
        if one.rdtype == RRSIG:
            first = one[0]
            for number in range(20):
                one.add(first.replace(key_tag=number))
    return answer


def many_keys(answer: dns.message.Message) -> dns.message.Message:
    for one in answer.answer:
        if one.rdtype == DNSKEY:
            first = one[0]
            for number in range(20):
                one.add(first.replace(key=bytes([number]) * len(first.key)))
    return answer


def huge(answer: dns.message.Message) -> dns.message.Message:
    for one in answer.answer:
        if one.rdtype == TXT:
            one.add(one[0].replace(strings=(b"v=cf1; " + b"x" * 200,) * 80))
    return answer


def from_another_zone(answer: dns.message.Message) -> dns.message.Message:
    """Signatures say that they are the parent's."""
    for one in answer.answer:
        if one.rdtype == RRSIG:
            items = [item.replace(signer=dns.name.from_text("test.")) for item in one]
            one.clear()
            for item in items:
                one.add(item)
    return answer


@pytest.mark.parametrize(
    ("match", "change"),
    [
        ("not to be trusted", of(TXT, spoofed)),
        ("signature is missing", of(TXT, without(RRSIG))),
        ("signature is missing", of(DNSKEY, without(RRSIG))),
        ("keys are missing", of(DNSKEY, without(DNSKEY))),
        ("signature is missing", of(DS, without(RRSIG, "answer"))),
        ("no proof", of(DS, without(DS, "answer"))),
        ("no proof", of(DS, stolen_from_the_child)),
        ("signature is missing|no proof", without(RRSIG)),
        ("more of it than anybody signs", of(TXT, many_signatures)),
        ("more keys than any zone", of(DNSKEY, many_keys)),
        ("another zone's", of(TXT, from_another_zone)),
        ("not to be trusted", of(TXT, huge)),
        ("No answer", lambda answer: None),
        ("No answer|cannot answer", lambda answer: b"\x00" * 12),
        ("no record", of(TXT, without(TXT))),
    ],
)
def test_lies_about_a_signed_zone(server: NameServer, anchors: Anchors, match: str, change: Change) -> None:
    liar = Liar(server.port, change)
    try:
        with pytest.raises(NameLookupError, match=match):
            found(server, anchors, "alder.good.test", liar.port)
    finally:
        liar.close()


def test_what_was_spoofed_is_believed_only_where_nothing_is_checked(server: NameServer) -> None:
    """So that the test above means something: the same lie passes without a trust anchor."""
    liar = Liar(server.port, of(TXT, spoofed))
    try:
        answer = found(server, Anchors([]), "alder.good.test", liar.port)
    finally:
        liar.close()
    assert answer.security is Security.UNCHECKED
    assert answer.record.policy == single_key(key("thief").public_key)


def test_answers_to_other_questions_are_passed_over(server: NameServer, anchors: Anchors) -> None:
    liar = Liar(server.port, with_wrong_id)
    try:
        answer = found(server, anchors, "alder.good.test", liar.port)
    finally:
        liar.close()
    assert (answer.security, answer.record.policy) == (Security.SECURE, TWO_OF_THREE)


def test_a_truncated_answer_is_asked_for_again_by_tcp(server: NameServer, anchors: Anchors) -> None:
    calls: list[int] = []

    def first_cut(answer: dns.message.Message) -> object:
        calls.append(1)
        return truncated(answer) if len(calls) % 2 else answer

    liar = Liar(server.port, first_cut)
    try:
        assert found(server, anchors, "alder.good.test", liar.port).security is Security.SECURE
    finally:
        liar.close()
    liar = Liar(server.port, truncated, tcp=False)
    try:
        with pytest.raises(NameLookupError, match="No answer"):
            found(server, anchors, "alder.good.test", liar.port)
    finally:
        liar.close()


def test_an_unsigned_zone_cannot_be_passed_off_as_signed_nor_the_other_way_round(
    server: NameServer, anchors: Anchors
) -> None:
    """The proof that `plain` is unsigned is no proof that `good` is."""
    kept: list[Any] = []

    def replayed(answer: dns.message.Message) -> object:
        if answer.question[0].rdtype == DS:
            if answer.question[0].name == dns.name.from_text("plain.test."):
                kept.append(list(answer.authority))
            elif answer.question[0].name == dns.name.from_text("good.test.") and kept:
                answer.answer, answer.authority = [], kept[0]
        return answer

    liar = Liar(server.port, replayed)
    try:
        assert found(server, anchors, "alder.plain.test", liar.port).security is Security.UNSIGNED
        with pytest.raises(NameLookupError, match="no proof"):
            found(server, anchors, "alder.good.test", liar.port)
    finally:
        liar.close()


@pytest.mark.parametrize("opt_out", [False, True])
def test_hashed_proofs(tmp_path: Path, now: int, opt_out: bool) -> None:
    """A parent that proves with NSEC3; and one that lists its signed zones only, which proves nothing of others."""
    names = ("alder.good.test", "alder.plain.test", "alder.below.test")
    records = {"good": [line(names[0], begins=now - 5)], "plain": [line(names[1], begins=now - 5)]}
    records[""] = [line(names[2], begins=now - 5)]
    server = NameServer(tmp_path, records, "-3", "-", *(("-A",) if opt_out else ()))
    try:
        anchors = Anchors([server.anchor])
        assert found(server, anchors, names[0]).security is Security.SECURE
        assert found(server, anchors, names[2]).security is Security.SECURE
        if opt_out:
            with pytest.raises(NameLookupError, match="cannot be shown"):
                found(server, anchors, names[1])
        else:
            assert found(server, anchors, names[1]).security is Security.UNSIGNED
        liar = Liar(server.port, of(DS, without(DS, "answer")))
        with pytest.raises(NameLookupError, match="no proof"):
            found(server, anchors, names[0], liar.port)
        liar.close()
    finally:
        server.close()


# ---- anchors, and the package


def test_the_roots_keys_are_those_of_the_distribution() -> None:
    """Debian's package of them, where it is installed beside the name server."""
    assert len(Anchors().by_zone[dns.name.root]) == 2
    file = Path("/usr/share/dns/root.ds")
    if file.exists():
        theirs = Anchors(file.read_text().splitlines()).by_zone[dns.name.root]
        assert [str(one) for one in theirs] == [str(one) for one in Anchors().by_zone[dns.name.root]]


def test_anchors_are_keys_or_their_digests(server: NameServer) -> None:
    keys = [
        text
        for file in sorted(server.folder.glob("Ktest.+*.key"))
        for text in file.read_text().splitlines()
        if " 257 " in text
    ]
    assert found(server, Anchors(["; a note", "", *keys]), "alder.good.test").security is Security.SECURE
    for bad in ("nonsense", "test. IN A 127.0.0.1", "test. IN DS 1 2", "test."):
        with pytest.raises(NameLookupError, match="no trust anchor"):
            Anchors([bad])


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(name_lookup, "_MISSING", True)
    for work in (Anchors, name_lookup.default_server):
        with pytest.raises(NameLookupError, match=r"counterfoil\[dns\]"):
            work()
    assert "dns.query" in sys.modules
