"""A market day full of canaries, at a node as its operator runs it: names, references, amounts, accounts and identities
that stand nowhere but in the business of that day. Not one of them is in a line of its log, in its health or figures,
in an error text for somebody else, in the name of a file, or readable in a file of its folder or of a backup.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from urllib.error import HTTPError

import pytest

from counterfoil.custody.signers import SandboxKey
from counterfoil.node.ledger import create_ledger
from counterfoil.node.personas import party_key, sandbox_genesis
from counterfoil.primitives.addresses import AddressKind, to_text
from counterfoil.sdk import (
    Client,
    LedgerError,
    NotVisible,
    SocketConnection,
    messages,
    persona_client,
    recipes,
    seed,
)
from counterfoil.sdk.sandbox import MARKET, SHARE_ISIN, Fixtures

INVESTOR = "Philippa Kanarienvogel"
REFERENCES = ("KANARI-DEAL-1", "KANARI-ORDER-2", "KANARI-MINT-3", "KANARI-TRADE-4")
QUANTITIES = (31_847, 46_271)
MONEY = (7_310_529, 48_271_131, 926_535_897)
MEMBERS = ("Broker A", "Broker B", "Issuer A", "Trustee Bank", "Investor A", "Investor B")
COMMAND = [sys.executable, "-m", "counterfoil.cli.main"]
KEY = SandboxKey.from_name(b"a seed of canaries", "investor")


class Day:
    """The node's process, what is asked of it, and everything that it lets out."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.key_file, self.backup = folder / "ledger", folder / "key", folder / "backup"
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.heard: dict[str, list[str]] = {"log": [], "health": [], "errors": []}
        create_ledger(self.folder, sandbox_genesis("watched"), key_file=self.key_file)
        self.identities: set[bytes] = set()
        self.transactions: set[bytes] = set()
        self.log = (folder / "log").open("w+")
        self.process = self._start()

    def _start(self, *more: str) -> subprocess.Popen[str]:
        asked = ["start", str(self.folder), "--storage-key", str(self.key_file), "--monitor", str(self.port)]
        command = [*COMMAND, *asked, "--json-logs", "--log-level", "debug", *more]
        process = subprocess.Popen(command, stdout=self.log, stderr=self.log, text=True)
        until = time.monotonic() + 60
        while not (self.folder / "socket").exists() or self.look("/ready") != 200:
            assert process.poll() is None, "the node did not start"
            assert time.monotonic() < until
            time.sleep(0.05)
        return process

    def look(self, path: str) -> int:
        """What the node's monitor shows now."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=10) as answer:
                self.heard["health"].append(answer.read().decode())
                return int(answer.status)
        except HTTPError as error:
            self.heard["health"].append(error.read().decode())
            return error.code
        except OSError:
            return 0

    def look_at_all(self) -> None:
        assert [self.look(path) for path in ("/live", "/ready", "/metrics", "/other")] == [200, 200, 200, 404]

    def client(self, persona: str = "") -> Client:
        connection = SocketConnection(self.folder / "socket")
        return persona_client(connection, persona) if persona else Client(connection)

    def kill_and_restart(self) -> None:
        """From now on for the regulator, which sees the sums among the figures, and records the log of reads."""
        regulator = self.client("regulator")
        signer = Client(
            SocketConnection(self.folder / "socket"), party_key("regulator"), party=regulator.party
        )
        signer.send(recipes.node_of(regulator, regulator.status().node))
        self.process.kill()
        self.process.wait(60)
        (self.folder / "socket").unlink()
        self.process = self._start("--for", "Regulator")

    def close(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        self.log.seek(0)
        self.heard["log"] += self.log.read().splitlines()
        self.log.close()

    # ---- the day ----

    def live_through(self) -> None:
        made = seed(lambda: SocketConnection(self.folder / "socket"))
        self.look_at_all()
        a, b, trustee = self.client("broker-a"), self.client("broker-b"), self.client("trustee")
        investor = a.send(
            messages.EnrolParty(
                a.party, (messages.Role.INVESTOR,), INVESTOR, "", KEY.address, bytes(32), activate=True
            )
        ).created
        owner = Client(SocketConnection(self.folder / "socket"), KEY, party=investor)
        account = a.send(
            messages.OpenAccount(investor, a.party, messages.AccountKind.SEGREGATED), cosigners=[owner]
        ).created
        today = a.market(MARKET).business_date
        trustee.send(messages.Mint(made.euro, account, MONEY[0], REFERENCES[2], today))
        deal = recipes.dvp(
            MARKET,
            REFERENCES[0],
            today,
            seller=(b, made.accounts["broker-b"]),
            buyer=(a, account),
            instrument=made.share,
            quantity=QUANTITIES[0],
            asset=made.euro,
            amount=MONEY[0] - 1,
        )
        settled = a.send(deal, cosigners=[b])
        marked = a.send(messages.PlaceEarmark(account, made.share, 17)).created
        until_ms = a.time_ms() + 86_400_000
        granted = a.send(recipes.show(a, self.client("auditor"), until_ms, account=account)).created
        self.transactions.add(settled.id)
        self.identities |= {investor, account, KEY.address, marked, granted, *settled.objects}
        self.identities |= {a.party, b.party, *made.accounts.values()}
        self._look_around(account, investor, made.share)
        self._fail(account, investor, made)
        self.look_at_all()

    def _look_around(self, account: bytes, investor: bytes, share: bytes) -> None:
        """As whoever may: under custody, supervision and a grant; live and of the past; with proofs."""
        for persona in ("broker-a", "regulator", "auditor"):
            client = self.client(persona)
            assert client.holdings(account).balances
            client.statement(account)
            client.history(account=account)
            client.proof("account", account=account)
            list(client.watch(0, follow=False))
        self.client("regulator").party_details(investor)
        self.client("issuer-a").register(share)
        self.client("data-protection").read_log()

    def _fail(self, account: bytes, investor: bytes, made: Fixtures) -> None:
        """Whatever goes wrong on such a day: more than is there, what is not one's own, what is not there."""
        share, euro = made.share, made.euro
        a, other, nobody = self.client("broker-a"), self.client("exchange"), self.client()
        today = a.market(MARKET).business_date
        wrong = (
            messages.PlaceEarmark(account, share, QUANTITIES[1]),
            messages.Mint(euro, account, MONEY[1], REFERENCES[1], today),
            messages.TerminateParty(a.party, investor),
            messages.CloseAccount(account),
        )
        for client in (a, other):
            for ask in wrong:
                with contextlib.suppress(LedgerError):
                    client.send(ask)
                draft = client.draft(ask).sign(*client.keys)
                client.connection.try_out(draft.transaction)
        for client in (other, nobody):
            for read in (client.holdings, client.statement, client.party_details):
                with pytest.raises(NotVisible) as hidden:
                    read(account)
                self.heard["errors"].append(str(hidden.value))
            for text in (INVESTOR[:4], REFERENCES[0][:4]):
                with pytest.raises(LedgerError) as unknown:
                    client.find(text, "party")
                self.heard["errors"].append(str(unknown.value))

    def back_up(self) -> str:
        """By the command, while the node runs; what it says."""
        command = [*COMMAND, "backup", str(self.folder), str(self.backup)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Day:
    made = Day(tmp_path_factory.mktemp("d"))
    try:
        made.live_through()
        made.kill_and_restart()
        made.look_at_all()
        made.heard["log"].append(made.back_up())
        made.client("regulator").connection.advance_clock(made.client().time_ms() + 2 * 86_400_000)
        made.look_at_all()
    finally:
        made.close()
    return made


# ---- what a text must not hold ----


def words() -> list[str]:
    """Every canary that is a word or a number, as it may be written."""
    numbers = [*QUANTITIES, *MONEY, MONEY[0] - 1]
    written = [
        way for one in numbers for way in (str(one), f"{one:,}", f"{one:_}", f"{one / 100:.2f}", f"{one:x}")
    ]
    return [INVESTOR, *INVESTOR.split(), "Kanari", *REFERENCES, *MEMBERS, SHARE_ISIN, *written]


def identities(day: Day) -> list[str]:
    """Every canary that is an identity, in every way of writing it."""
    found = []
    for one in day.identities | day.transactions:
        found += [one.hex(), one.hex().upper(), repr(one)[2:-1], str(list(one))]
        found += [to_text(kind, one) for kind in AddressKind if len(one) == 20]
    return found


def canaries_in(day: Day, text: str) -> list[str]:
    said = [word for word in words() if re.search(rf"(?<![\w]){re.escape(word)}(?![\w])", text)]
    return said + [one for one in identities(day) if one in text]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["log", "health", "errors"])
def test_no_canary_is_in_what_the_node_says(day: Day, kind: str) -> None:
    heard = "\n".join(day.heard[kind])
    assert len(heard) > 500, "the test has nothing to look at"
    assert not canaries_in(day, heard)


@pytest.mark.slow
def test_no_canary_is_in_the_name_of_a_file(day: Day) -> None:
    names = [str(path.relative_to(top)) for top in (day.folder, day.backup) for path in top.rglob("*")]
    assert len(names) > 15
    assert not canaries_in(day, "\n".join(names).replace("/", " / "))


@pytest.mark.slow
def test_no_canary_is_readable_in_a_file(day: Day) -> None:
    """What the genesis file names is public: the members that were founded. By a transaction's id, which is a digest
    over 128 random bits, its first result is found: those stand in the record store as they are."""
    needles = [word.encode() for word in (INVESTOR, *INVESTOR.split(), "KANARI", *REFERENCES)] + [
        *day.identities
    ]
    read = 0
    for top in (day.folder, day.backup):
        for path in top.rglob("*"):
            if path.is_file():
                data = path.read_bytes()
                read += len(data)
                assert not [needle for needle in needles if needle in data], path
    assert read > 100_000


@pytest.mark.slow
def test_the_test_would_see_one(day: Day) -> None:
    account = next(iter(day.identities))
    for text in (INVESTOR, f"of {REFERENCES[0]}", f"held {MONEY[0]:,}", account.hex(), f"x={account!r}"):
        assert canaries_in(day, f"a line of {text} and more"), text
    assert not canaries_in(day, "block 17, 1,024 bytes, watched-0a1b2c")
    assert os.environ.get("COUNTERFOIL_FAULT_POINT") is None
