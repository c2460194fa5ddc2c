"""The registrar beside a ledger in memory: one person for all agents, nothing for guessers, and no number anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from counterfoil.custody.key_files import KeyFileError
from counterfoil.modules.identities.messages import AttestIdentity
from counterfoil.realnames import registrar as registrars
from counterfoil.realnames.refusals import RegistrarRefusal, Turned
from counterfoil.realnames.registrar import ASKED, ATTESTED, REFUSED, Limits, Registrar
from tests.e2e.certified import CHEAP, PASSPHRASE

NUMBER = "800101-14-5566"
BROKER, OTHER, PARTY = b"a" * 20, b"b" * 20, b"r" * 20


class Ledger:
    """Remembers what was attested."""

    def __init__(self) -> None:
        self.attested: list[AttestIdentity] = []
        self.time_ms = 10**12
        self.failure: Exception | None = None

    def attest(self, ask: AttestIdentity) -> int:
        if self.failure is not None:
            raise self.failure
        self.attested.append(ask)
        return len(self.attested)

    def knows(self, tag: bytes) -> bool:
        return any(one.tag == tag for one in self.attested)

    def clock(self) -> int:
        return self.time_ms


@pytest.fixture
def ledger() -> Ledger:
    return Ledger()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    registrars.create(tmp_path / "registrar", PASSPHRASE, cost=CHEAP)
    return tmp_path / "registrar"


def opened(folder: Path, ledger: Ledger, limits: Limits | None = None) -> Registrar:
    return Registrar.open(folder, PASSPHRASE, PARTY, ledger.attest, ledger.knows, ledger.clock, limits)


@pytest.fixture
def registrar(folder: Path, ledger: Ledger) -> Iterator[Registrar]:
    made = opened(folder, ledger)
    yield made
    made.close()


def test_one_person_has_one_tag_and_a_handle_for_each_agent(registrar: Registrar, ledger: Ledger) -> None:
    here = registrar.ask(BROKER, "MY-NRIC", NUMBER, "case 1")
    there = registrar.ask(OTHER, "MY-NRIC", "800101145566", "case 2")
    again = registrar.ask(BROKER, "MY-NRIC", NUMBER, "case 3")
    assert here.handle == again.handle != there.handle
    assert len({one.tag for one in ledger.attested}) == 1
    assert [one.agent for one in ledger.attested] == [BROKER, OTHER, BROKER]
    assert here.handle not in {one.tag for one in ledger.attested}


def test_another_person_is_another(registrar: Registrar, ledger: Ledger) -> None:
    registrar.ask(BROKER, "MY-NRIC", NUMBER, "case 1")
    registrar.ask(BROKER, "MY-NRIC", "800101-14-5567", "case 2")
    assert len({one.tag for one in ledger.attested}) == len({one.handle for one in ledger.attested}) == 2


def test_the_same_after_a_restart(folder: Path, ledger: Ledger) -> None:
    for _ in range(2):
        made = opened(folder, ledger)
        made.ask(BROKER, "MY-NRIC", NUMBER, "case")
        made.close()
    assert ledger.attested[0] == ledger.attested[1]


def test_two_registrars_have_nothing_in_common(tmp_path: Path, ledger: Ledger) -> None:
    for name in ("one", "other"):
        registrars.create(tmp_path / name, PASSPHRASE, cost=CHEAP)
        made = opened(tmp_path / name, ledger)
        made.ask(BROKER, "MY-NRIC", NUMBER, "case")
        made.close()
    first, second = ledger.attested
    assert first.tag != second.tag
    assert first.handle != second.handle


# ---- who asks too much ----


@pytest.mark.parametrize("limits", [Limits(per_minute=3), Limits(per_day=3)])
def test_an_agent_asks_only_so_often_and_a_restart_forgets_nothing(
    folder: Path, ledger: Ledger, limits: Limits
) -> None:
    made = opened(folder, ledger, limits)
    for number in range(3):
        made.ask(BROKER, "MY-NRIC", f"80010114000{number}", "guess")
    for _ in range(2):
        with pytest.raises(Turned) as caught:
            made.ask(BROKER, "MY-NRIC", NUMBER, "guess")
        assert caught.value.code is RegistrarRefusal.TOO_FAST
        made.close()
        made = opened(folder, ledger, limits)
    made.ask(OTHER, "MY-NRIC", NUMBER, "another agent's turn")
    ledger.time_ms += registrars.MINUTE_MS if limits.per_minute == 3 else registrars.DAY_MS
    made.ask(BROKER, "MY-NRIC", NUMBER, "later")
    made.close()


def test_what_is_malformed_counts_too(folder: Path, ledger: Ledger) -> None:
    made = opened(folder, ledger, Limits(per_minute=2))
    for scheme, number, case, code in (
        ("MY-NRIC", "???", "case", RegistrarRefusal.NUMBER_IS_MALFORMED),
        ("MY-NRIC", NUMBER, "", RegistrarRefusal.CASE_IS_MISSING),
        ("MY-NRIC", NUMBER, "case", RegistrarRefusal.TOO_FAST),
    ):
        with pytest.raises(Turned) as caught:
            made.ask(BROKER, scheme, number, case)
        assert caught.value.code is code
    assert not ledger.attested
    made.close()


@pytest.mark.parametrize("case", ["", "x" * 65, "line\nbreak"])
def test_a_case_says_why(registrar: Registrar, case: str) -> None:
    with pytest.raises(Turned) as caught:
        registrar.ask(BROKER, "MY-NRIC", NUMBER, case)
    assert caught.value.code is RegistrarRefusal.CASE_IS_MISSING


# ---- what is kept ----


def test_the_person_is_told_who_asked(registrar: Registrar, folder: Path) -> None:
    registrar.ask(BROKER, "MY-NRIC", NUMBER, "case 1")
    registrar.ask(OTHER, "MY-NRIC", NUMBER, "case 2")
    registrar.ask(BROKER, "MY-NRIC", "800101145567", "case 3")
    found = registrars.asked_about(folder, PASSPHRASE, "MY-NRIC", "800101145566")
    assert [(one["agent"], one["case"], one["action"]) for one in found] == [
        (BROKER.hex(), "case 1", ATTESTED),
        (OTHER.hex(), "case 2", ATTESTED),
    ]
    assert registrars.asked_about(folder, PASSPHRASE, "MY-NRIC", "999999999999") == []


def test_no_number_no_tag_and_no_handle_is_in_any_file(folder: Path, ledger: Ledger) -> None:
    made = opened(folder, ledger)
    handle = made.ask(BROKER, "MY-NRIC", NUMBER, "case 1").handle
    ledger.failure = RuntimeError(NUMBER)
    with pytest.raises(RuntimeError):
        made.ask(BROKER, "MY-NRIC", NUMBER, "case 2")
    with pytest.raises(Turned):
        made.ask(BROKER, "MY-NRIC", NUMBER + "!", "case 3")
    made.close()
    tag = ledger.attested[0].tag
    for path in folder.iterdir():
        content = path.read_bytes()
        for secret in (
            NUMBER.encode(),
            b"800101145566",
            tag,
            tag.hex().encode(),
            handle,
            handle.hex().encode(),
        ):
            assert secret not in content, path
        assert path.stat().st_mode & 0o077 == 0


def test_what_the_ledger_refuses_is_in_the_trail_and_changes_nothing(
    registrar: Registrar, ledger: Ledger
) -> None:
    ledger.failure = RuntimeError("no")
    with pytest.raises(RuntimeError):
        registrar.ask(BROKER, "MY-NRIC", NUMBER, "case 1")
    ledger.failure = None
    registrar.ask(BROKER, "MY-NRIC", NUMBER, "case 1")
    actions = [one.action for one in registrar.trail.entries()]
    assert actions == ["started", ASKED, REFUSED, ASKED, ATTESTED]
    assert registrar.trail.check()[0] == 5


# ---- keys ----


def test_a_person_stays_one_when_the_key_is_replaced(folder: Path, ledger: Ledger) -> None:
    made = opened(folder, ledger)
    made.ask(BROKER, "MY-NRIC", NUMBER, "case 1")
    made.close()
    version, public_key = registrars.add_key(folder, PASSPHRASE, cost=CHEAP)
    assert version == 2
    assert registrars.public_keys(folder, PASSPHRASE)[1] == public_key
    made = opened(folder, ledger)
    made.ask(OTHER, "MY-NRIC", NUMBER, "case 2")
    made.ask(OTHER, "MY-NRIC", NUMBER, "case 3")
    made.ask(OTHER, "MY-NRIC", "800101145567", "case 4")
    made.close()
    old, new, again, stranger = ledger.attested
    assert (old.key_version, new.key_version) == (1, 2)
    assert new.tag != old.tag
    assert new.same_as == old.tag
    assert again.tag == new.tag
    assert again.same_as == stranger.same_as == b""
    assert registrars.check_trail(folder, PASSPHRASE)[0]


def test_handles_outlive_the_key(folder: Path, ledger: Ledger) -> None:
    made = opened(folder, ledger)
    before = made.ask(BROKER, "MY-NRIC", NUMBER, "case 1").handle
    made.close()
    registrars.add_key(folder, PASSPHRASE, cost=CHEAP)
    made = opened(folder, ledger)
    assert made.ask(BROKER, "MY-NRIC", NUMBER, "case 2").handle == before
    made.close()


def test_secrets_open_with_the_passphrase_alone(folder: Path, ledger: Ledger) -> None:
    with pytest.raises(KeyFileError, match="passphrase"):
        Registrar.open(folder, "another passphrase", PARTY, ledger.attest, ledger.knows, ledger.clock)
    with pytest.raises(KeyFileError, match="never overwritten"):
        registrars.create(folder, PASSPHRASE, cost=CHEAP)
    with pytest.raises(KeyFileError, match="There is no"):
        registrars.public_keys(folder / "none", PASSPHRASE)
