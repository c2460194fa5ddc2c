"""Users with mandates read as their party while the mandate is in force, and as nobody else; what they are told."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from counterfoil.custody.signers import SandboxKey
from counterfoil.sdk import Client, LedgerError, LocalConnection, NotVisible, Sandbox, messages

DAY_MS = 86_400_000
SEED = b"users of the tests of reads"


@pytest.fixture(scope="module")
def ledger() -> Iterator[Sandbox]:
    with Sandbox() as made:
        yield made


def user(name: str) -> SandboxKey:
    return SandboxKey.from_name(SEED, name)


def mandate(ledger: Sandbox, name: str, *, accepted: bool = False, **more: int) -> None:
    broker = ledger.client("broker-a")
    ask = messages.GrantMandate(broker.party, user(name).address, (900,), (), **more)
    broker.send(ask, cosigners=[user(name)] if accepted else [])


def reader(ledger: Sandbox, name: str, party: bytes = b"") -> Client:
    return Client(LocalConnection(ledger.node), user(name), party=party or ledger.client("broker-a").party)


def seen(ledger: Sandbox, client: Client) -> list[str]:
    """Which of the accounts, registers and parties somebody sees."""
    found = []
    for name in ("broker-a", "broker-b", "investor-a", "investor-b"):
        for what, look in (
            ("account", lambda name=name: client.holdings(ledger.account(name))),
            ("statement", lambda name=name: client.statement(ledger.account(name))),
            ("party", lambda name=name: client.party_details(ledger.client(name).party)),
        ):
            try:
                look()
                found.append(f"{what} of {name}")
            except NotVisible:
                continue
    return found


@pytest.mark.parametrize("accepted", [False, True])
@pytest.mark.parametrize("duty", [messages.Duty.MAKER, messages.Duty.CHECKER])
def test_a_user_reads_as_its_party(ledger: Sandbox, accepted: bool, duty: messages.Duty) -> None:
    """Limits bind what it may do, not what it may read; it need not have accepted to work for the party."""
    name = f"{duty.name} {accepted}"
    mandate(ledger, name, accepted=accepted, duty=duty, amount_limit=0)
    assert seen(ledger, reader(ledger, name)) == seen(ledger, ledger.client("broker-a"))
    assert list(reader(ledger, name).watch(0, follow=False)) == list(
        ledger.client("broker-a").watch(0, follow=False)
    )


def test_a_user_of_one_party_is_nobody_at_another(ledger: Sandbox) -> None:
    mandate(ledger, "clerk")
    for party in ("broker-b", "regulator", "investor-a"):
        with pytest.raises(LedgerError) as refused:
            reader(ledger, "clerk", ledger.client(party).party)
        assert refused.value.name == "NOT_RECOGNISED"


def test_a_mandate_is_a_right_to_read_while_it_is_in_force() -> None:
    with Sandbox() as ledger:
        now = ledger.time_ms
        mandate(ledger, "early", valid_from_ms=now + DAY_MS)
        mandate(ledger, "late", valid_until_ms=now + DAY_MS)
        mandate(ledger, "revoked")
        late, revoked = reader(ledger, "late"), reader(ledger, "revoked")
        assert seen(ledger, late) == seen(ledger, revoked) != []
        broker = ledger.client("broker-a")
        broker.send(messages.RevokeMandate(broker.party, user("revoked").address))
        for look in (lambda: reader(ledger, "early"), revoked.status, lambda: reader(ledger, "revoked")):
            with pytest.raises(LedgerError) as refused:
                look()
            assert refused.value.name == "NOT_RECOGNISED"
        ledger.advance_to_day_close()
        ledger.client("regulator").connection.advance_clock(now + DAY_MS + 1)
        with pytest.raises(LedgerError) as refused:
            late.status()
        assert refused.value.name == "NOT_RECOGNISED"
        assert seen(ledger, reader(ledger, "early"))


def test_the_log_says_which_user_looked(ledger: Sandbox) -> None:
    mandate(ledger, "curious")
    reader(ledger, "curious").holdings(ledger.account("investor-a"))
    entry = list(ledger.node.read_log.entries())[-1]
    assert (entry.viewer, entry.signer) == (ledger.client("broker-a").party, user("curious").address)


def test_what_is_addressed_to_a_user_opens_to_the_party_only_when_it_accepted(ledger: Sandbox) -> None:
    """Anybody can be named as a user: naming must not open another's letters."""
    victim = ledger.client("issuer-a")
    for name, accepted in (("named", False), ("accepted", True)):
        key = victim.keys[0] if name == "named" else user("accepted")
        broker = ledger.client("broker-b")
        ask = messages.GrantMandate(broker.party, key.address, (900,), ())
        broker.send(ask, cosigners=[key] if accepted else [])
    before = ledger.node.height
    policy = messages.single_key(user("spare").public_key)
    victim.send(messages.RotateKeys(victim.keys[0].address, policy))
    told = [type(fact).__name__ for item in _since(ledger, "broker-b", before) for fact in item.facts]
    assert told == []
    spare = Client(LocalConnection(ledger.node), user("accepted"), party=ledger.client("broker-b").party)
    spare.send(messages.RotateKeys(user("accepted").address, messages.single_key(user("next").public_key)))
    told = [type(fact).__name__ for item in _since(ledger, "broker-b", before) for fact in item.facts]
    assert told == ["KeysInForce"]


def _since(ledger: Sandbox, who: str, height: int) -> list:
    return list(ledger.client(who).watch(height, follow=False))
