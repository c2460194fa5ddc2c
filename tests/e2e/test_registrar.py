"""Agents, a registrar and a node as they meet: over TLS, in processes' own words, and when one of them is not there."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import msgspec
import pytest

from counterfoil.custody.authority import Authority
from counterfoil.custody.key_files import KeyFileError
from counterfoil.custody.tls import Identity, client_context
from counterfoil.primitives.codec import encode
from counterfoil.primitives.frames import frame
from counterfoil.realnames import registrar as registrars
from counterfoil.realnames import service
from counterfoil.realnames.protocol import ANSWER, FRAME_BYTES_MAX, Ask, TurnedAway
from counterfoil.realnames.refusals import RegistrarRefusal
from counterfoil.realnames.registrar import Limits, Registrar
from counterfoil.realnames.service import (
    Callers,
    RegistrarServer,
    _exactly,
    ask_registrar,
    open_registrar,
)
from counterfoil.sdk import (
    Client,
    LedgerError,
    LocalConnection,
    NodeUnreachable,
    TlsAddress,
    messages,
    recipes,
)
from tests.e2e.certified import CHEAP, PASSPHRASE, Certified, certify
from tests.model.opening import stranger
from tests.timing import timed, told_apart

NUMBER = "800101-14-5566"
PERSONS = 20
"""Of each kind, whose answers are timed."""
DAY_MS = 86_400_000


class Town(Certified):
    """The ledger, its authority, a registrar behind TLS, and two licensed brokers."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        regulator = self.sandbox.client("regulator")
        key = stranger("registrar")
        party = regulator.send(
            messages.EnrolParty(
                regulator.party,
                (messages.Role.IDENTITY_REGISTRAR,),
                "Registrar",
                "",
                key.address,
                b"",
                True,
            )
        ).created
        public_key = registrars.create(folder / "registrar", PASSPHRASE, cost=CHEAP)
        regulator.send(
            messages.AppointIdentityRegistrar(
                regulator.party, party, messages.Suite.RISTRETTO255_SHA512, public_key, 1, 0
            )
        )
        for name in ("broker-a", "broker-b"):
            agent = self.sandbox.client(name).party
            regulator.send(messages.RecordLicence(regulator.party, agent, f"licence of {name}"))
        self.folder, self.key, self.party = folder, key, party
        self.shown, issued = certify(folder, self.authority, "registrar", party, serves=True)
        self.record(self.authority, issued)
        self._open()
        self.identities: dict[str, Identity] = {}

    def _open(self) -> None:
        client, reader = (
            Client(LocalConnection(self.sandbox.node), self.key, party=self.party) for _ in range(2)
        )
        opened = partial(
            Registrar.open, self.folder / "registrar", PASSPHRASE, limits=Limits(per_minute=1_000)
        )
        self.registrar = open_registrar(opened, client)
        self.door = RegistrarServer(self.registrar, Callers(reader), self.shown, "127.0.0.1", 0)
        self.door.start()

    def identity(self, persona: str) -> Identity:
        if persona not in self.identities:
            self.identities[persona] = self.issue(persona, persona)[0]
        return self.identities[persona]

    def to_registrar(self, identity: Identity) -> TlsAddress:
        return TlsAddress("127.0.0.1", self.door.port, identity, (self.authority.certificate,))

    def ask(self, persona: str, number: str = NUMBER, case: str = "case") -> bytes:
        return ask_registrar(self.to_registrar(self.identity(persona)), "MY-NRIC", number, case).handle

    def replace_key(self) -> None:
        """The registrar goes on with another version of its key."""
        self.door.close()
        self.registrar.close()
        version, public_key = registrars.add_key(self.folder / "registrar", PASSPHRASE, cost=CHEAP)
        regulator = self.sandbox.client("regulator")
        regulator.send(
            messages.AppointIdentityRegistrar(
                regulator.party,
                self.party,
                messages.Suite.RISTRETTO255_SHA512,
                public_key,
                version,
                0,
            )
        )
        self._open()

    def close(self) -> None:
        self.door.close()
        self.registrar.close()
        super().close()


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with Town(tmp_path_factory.mktemp("town")) as made:
        yield made


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Town]:
    with Town(tmp_path) as made:
        yield made


def test_a_client_is_verified_and_one_person_at_two_brokers_is_one(town: Town) -> None:
    found = {}
    for broker, investor in (("broker-a", "investor-a"), ("broker-b", "investor-b")):
        agent, client = town.sandbox.client(broker), town.sandbox.client(investor)
        handle = town.ask(broker)
        expires_ms = agent.time_ms() + 365 * DAY_MS
        agent.send(recipes.verification(agent, client.party, handle, bytes(32), expires_ms))
        assert agent.identity(client.party).status == "IN_FORCE"
        found[handle] = town.sandbox.node.machine.wired.identities.person_of(client.party)
    assert len(found) == 2
    assert len(set(found.values())) == 1
    links = town.sandbox.client("regulator").person(town.sandbox.client("investor-a").party)
    assert {line.party for line in links} == {
        town.sandbox.client(name).party for name in ("investor-a", "investor-b")
    }


def test_asking_again_gives_the_same_handle(town: Town) -> None:
    assert town.ask("broker-a", "700101145566") == town.ask("broker-a", "700101-14-5566")


def test_an_agent_is_told_the_same_of_a_person_whom_others_know_and_of_a_new_one(own: Town) -> None:
    """In everything that it is told by the registrar and by the ledger, but the handle, which is a keyed function."""
    own.ask("broker-a", "900101-14-0001")
    own.identity("broker-b")
    broker = own.sandbox.client("broker-b")
    heard = []
    for number in ("900101-14-0001", "900101-14-0002"):
        before = broker.status().moment.height
        handle = own.ask("broker-b", number)
        told = [
            (type(fact).__name__, len(encode(fact)))
            for item in broker.watch(before, follow=False)
            for fact in item.facts
        ]
        (line,) = [one for one in broker.identities("Broker B") if one.handle == handle]
        shown = msgspec.structs.replace(line, handle=b"", expires_ms=0)
        heard.append((len(handle), told, shown, broker.status().moment.height - before))
    known, new = heard
    assert known == new
    assert known[1], "something was told"


@pytest.mark.slow
@pytest.mark.parametrize("leaks", [False, True])
def test_the_time_of_an_answer_does_not_tell_whom_others_know(
    own: Town, monkeypatch: pytest.MonkeyPatch, leaks: bool
) -> None:
    """After the registrar's key was replaced, too, when the ledger is asked about a person's earlier tags.

    leaks: with a ledger that takes longer to find somebody.
    """
    own.replace_key()
    make = known_and_new(own, PERSONS)
    if leaks:
        find_slowly(own, monkeypatch)
    assert not told_apart(make, (PERSONS, PERSONS))


def test_the_time_would_tell_if_the_door_did_not_hide_it(own: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    own.replace_key()
    make = known_and_new(own, 12)
    find_slowly(own, monkeypatch, seconds=0.1)
    monkeypatch.setattr(service, "leaves_after", lambda seconds, grid: seconds)
    assert told_apart(make, (12, 12))


def known_and_new(town: Town, count: int) -> Callable[[int, int], tuple[list[float], list[float]]]:
    """Each sample asks once about so many persons whom another broker has asked about, and about as many others."""
    numbers = [f"900101-14-{serial:04}" for serial in range(4 * count)]
    for number in [*numbers[:count], *numbers[2 * count : 3 * count]]:
        town.ask("broker-a", number)

    def asking(number: str) -> Callable[[], None]:
        def ask() -> None:
            town.ask("broker-b", number)

        return ask

    def make(sample: int, _: int) -> tuple[list[float], list[float]]:
        begin = 2 * count * sample
        known, new = (
            [asking(number) for number in numbers[at : at + count]] for at in (begin, begin + count)
        )
        return timed((known, new), sample)

    return make


def find_slowly(town: Town, monkeypatch: pytest.MonkeyPatch, seconds: float = 0.02) -> None:
    whole = town.registrar._knows

    def knows(tag: bytes) -> bool:
        found = whole(tag)
        time.sleep(seconds if found else 0)
        return found

    monkeypatch.setattr(town.registrar, "_knows", knows)


# ---- who is turned away ----


@pytest.mark.parametrize("persona", ["depository", "exchange", "investor-a", "issuer-a"])
def test_who_has_no_licence_is_told_nothing(town: Town, persona: str) -> None:
    with pytest.raises(LedgerError) as caught:
        town.ask(persona)
    assert caught.value.number == RegistrarRefusal.CALLER_IS_NOT_AN_AGENT.number


def test_a_licence_that_is_withdrawn_ends_at_once(own: Town) -> None:
    regulator = own.sandbox.client("regulator")
    own.ask("broker-a")
    broker = own.sandbox.client("broker-a").party
    regulator.send(messages.WithdrawLicence(regulator.party, broker, "An inquiry."))
    with pytest.raises(LedgerError) as caught:
        own.ask("broker-a")
    assert caught.value.number == RegistrarRefusal.CALLER_IS_NOT_AN_AGENT.number


def test_a_certificate_that_is_revoked_is_good_for_no_further_question(own: Town) -> None:
    identity, issued = own.issue("laptop", "broker-a")
    context, _ = client_context(identity, [own.authority.certificate])
    with (
        socket.create_connection(("127.0.0.1", own.door.port), 10) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as secured,
    ):
        secured.sendall(frame(Ask("MY-NRIC", NUMBER, "case")))
        assert not isinstance(_reply(secured), TurnedAway)
        own.revoke(issued)
        secured.sendall(frame(Ask("MY-NRIC", NUMBER, "case")))
        told = _reply(secured)
        assert isinstance(told, TurnedAway)
        assert told.problem.number == RegistrarRefusal.CALLER_IS_NOT_AN_AGENT.number


def _reply(secured: object) -> object:
    head = _exactly(secured, 4)  # type: ignore[arg-type]
    assert head is not None
    payload = _exactly(secured, int.from_bytes(head, "big"))  # type: ignore[arg-type]
    assert payload is not None
    return ANSWER.decode(payload)


def test_another_authority_or_none_gets_no_answer(town: Town, tmp_path: Path) -> None:
    forged = Authority.create(tmp_path / "forged", "Test CA", PASSPHRASE, cost=CHEAP)
    identity, _ = certify(tmp_path, forged, "forged", town.sandbox.client("broker-a").party)
    with pytest.raises(NodeUnreachable):
        ask_registrar(town.to_registrar(identity), "MY-NRIC", NUMBER, "case")
    unknown, _ = certify(tmp_path, town.authority, "unknown", town.sandbox.client("broker-a").party)
    with pytest.raises(LedgerError) as caught:
        ask_registrar(town.to_registrar(unknown), "MY-NRIC", NUMBER, "case")
    assert caught.value.number == RegistrarRefusal.CALLER_IS_NOT_AN_AGENT.number


def test_who_is_not_the_registrar_hears_no_number(town: Town, tmp_path: Path) -> None:
    """A server with a certificate of another authority: the agent's program does not even send its question."""
    other = Authority.create(tmp_path / "other", "Other CA", PASSPHRASE, cost=CHEAP)
    address = town.to_registrar(town.identity("broker-a"))._replace(authorities=(other.certificate,))
    with pytest.raises(NodeUnreachable, match="certificate"):
        ask_registrar(address, "MY-NRIC", NUMBER, "case")


@pytest.mark.parametrize(
    "bad",
    [
        b"\0\0\0\1\xc1",
        b"\xff\xff\xff\xff",
        (FRAME_BYTES_MAX + 1).to_bytes(4, "big"),
        b"\0\0\0\0",
        b"\0\0\0\5" + b"\xc1" * 5,
    ],
)
def test_bad_frames_are_turned_away(town: Town, bad: bytes) -> None:
    context, _ = client_context(town.identity("broker-a"), [town.authority.certificate])
    with (
        socket.create_connection(("127.0.0.1", town.door.port), 10) as plain,
        context.wrap_socket(plain, server_hostname="127.0.0.1") as secured,
    ):
        secured.sendall(bad)
        told = _reply(secured)
        assert isinstance(told, TurnedAway)
        assert told.problem.number == RegistrarRefusal.REQUEST_IS_MALFORMED.number


def test_a_malformed_number_is_not_repeated(town: Town) -> None:
    with pytest.raises(LedgerError) as caught:
        town.ask("broker-a", "no-number-of-mine!")
    assert caught.value.number == RegistrarRefusal.NUMBER_IS_MALFORMED.number
    assert "mine" not in str(caught.value)


# ---- what goes wrong ----


def test_while_the_ledger_is_away_one_asks_again_later(own: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: object) -> int:
        raise NodeUnreachable("gone")

    monkeypatch.setattr(own.registrar, "_attest", away)
    with pytest.raises(LedgerError) as caught:
        own.ask("broker-a")
    assert caught.value.number == RegistrarRefusal.LEDGER_IS_UNREACHABLE.number
    monkeypatch.undo()
    assert own.ask("broker-a")


def test_in_a_thousand_failing_questions_nothing_private_is_logged(
    town: Town, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> int:
        raise ValueError(f"something about {NUMBER} and 800101145566")

    monkeypatch.setattr(town.registrar, "_attest", fails)
    context, _ = client_context(town.identity("broker-a"), [town.authority.certificate])
    with caplog.at_level(logging.DEBUG):
        for number in range(20):
            with (
                socket.create_connection(("127.0.0.1", town.door.port), 10) as plain,
                context.wrap_socket(plain, server_hostname="127.0.0.1") as secured,
            ):
                for one in range(50):
                    bad = NUMBER + "?" * (one % 2)
                    secured.sendall(frame(Ask("MY-NRIC", bad, f"case {number}/{one}")))
                    told = _reply(secured)
                    assert isinstance(told, TurnedAway)
                    assert told.problem.number in (
                        RegistrarRefusal.REGISTRAR_FAILED.number,
                        RegistrarRefusal.NUMBER_IS_MALFORMED.number,
                        RegistrarRefusal.TOO_FAST.number,
                    )
                    assert "800101" not in str(told.problem)
    assert "800101" not in caplog.text


def test_the_registrar_needs_a_certificate_that_can_be_used(town: Town, tmp_path: Path) -> None:
    none = Identity(tmp_path / "none.pem", tmp_path / "none.pem")
    with pytest.raises(KeyFileError):
        RegistrarServer(town.registrar, Callers(town.depository), none, "127.0.0.1", 0)
