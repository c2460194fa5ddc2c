"""What is fed: each target makes an input by chance and hands it to one door of the ledger.

A door answers, or refuses in the one way that it promises; any other exception is a finding. What each input led to
is counted under a short text.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
from nacl import bindings

from counterfoil.cli.messages import MessageFileError, read_messages
from counterfoil.cli.remote import AddressFileError, address_in
from counterfoil.custody.authority import Authority, described, new_request
from counterfoil.custody.key_files import ArgonCost, KeyFileError
from counterfoil.custody.tls import Identity
from counterfoil.engine.decided import LOGGED_BLOCK
from counterfoil.gateways.trade_files import Participants, RowProblem, TradeFile, TradeFileError, header_line
from counterfoil.machine.failures import ProgramIsOutdated
from counterfoil.machine.feed_items import FeedItemIsInvalid, make_feed_item, read_extension, read_feed_item
from counterfoil.machine.genesis import decode_genesis
from counterfoil.machine.rejects import MachineReject
from counterfoil.machine.transactions import (
    Mode,
    Signature,
    Transaction,
    encode_bundle,
    read_bundle,
    sign_prefix,
)
from counterfoil.modules.settlement.interface import INSTRUCTIONS
from counterfoil.node.personas import PERSONAS
from counterfoil.node.protocol import REQUEST
from counterfoil.node.reads import READS, answer_read
from counterfoil.node.refusals import Refused
from counterfoil.node.service import Service
from counterfoil.node.transfer_format import Head, Opening, Sealing, TransferFileError, TransportKey
from counterfoil.policy.errors import NotVisible
from counterfoil.primitives.addresses import AddressKind, parse_text, to_text
from counterfoil.primitives.calendars import parse_date
from counterfoil.primitives.codec import Malformed, encode
from counterfoil.primitives.currencies import is_currency
from counterfoil.primitives.identifiers import check_cfi, check_isin, check_lei, check_mic
from counterfoil.primitives.outcome import Rejected
from counterfoil.realnames.protocol import ASK, Ask
from counterfoil.realnames.tags import NumberIsMalformed, person_input
from counterfoil.state.proof_files import encode_proof
from counterfoil.state.proof_formats import ProofKind
from counterfoil.state.proofs import Prover, Sources
from counterfoil.state.rows import value_of
from counterfoil.verify import ProofRefused, Trust, Verified, verify_proof
from tests.fuzz.custody import CustodyDoors
from tests.fuzz.mangling import mangled, mangled_json, refused
from tests.fuzz.network_targets import NetworkDoors
from tests.fuzz.requests import good_requests, params_of
from tests.model.desk import SECRETS, by, memory_node, party
from tests.model.mutations import mutant
from tests.model.opening import Opening as Morning
from tests.model.samples import samples
from tests.unit.feeds.votes import bare, observed

Target = Callable[[Random], str]

RULES_FAILED = MachineReject.RULES_FAILED.number
TICKS = "20131007_ibm_Trade_Tick.csv"
TICK_ROWS = (b"34200788,1821400,64,Q,1,0", b"57600000,1821400.5,100,N,20000001,1", b"1.5,1,1,P,0,0")
OWN_ROWS = (
    b"T-1,IBM,XNYS,2013-10-07,2013-10-07T13:30:00Z,REGULAR,100,181.52,18152.00,USD,ALPHA,BRAVO,,",
    b'"T,2",US4592001014,XNYS,2013-10-07,2013-10-07T13:30:00.123+01:00,2013-10-10,1,0.01,,USD,ALPHA,BRAVO,A,B',
)
TRANSPORT_KEY = bytes(range(32))


class Doors:
    """Every door of one ledger that stays as it is."""

    def __init__(self) -> None:
        morning = Morning().everything()
        self.desk = morning.desk
        self.desk.pass_time()
        self.machine = self.desk.machine
        self.service = Service(self.desk.node)
        self.samples = list(samples(morning))
        self.morning = morning
        self.desk.pass_time()
        self.transactions = [self.desk.transaction(message, *keys) for message, keys in self.samples]
        self.bodies = [self.machine.reader.prepare(raw).body for raw in self.transactions]
        self.bundles = [
            self.desk.engine.bundle([self.desk.prepared(raw)], self.desk.time_ms)
            for raw in self.transactions[:20]
        ]
        self.proposals = [encode((body.signers, body.messages)) for body in self.bodies if body is not None]
        self.motions = [encode(body.messages) for body in self.bodies if body is not None]
        self.commit = observed(self.desk, {card.name: 9_200 for card in PERSONAS})
        self.item = make_feed_item(self.commit)
        self.genesis = self.desk.node.genesis_bytes
        self.trust = Trust.in_genesis(self.genesis)
        self.proofs = list(self._proofs())
        self.requests = good_requests(self.desk, self.transactions)
        self.viewers = (b"", party("regulator"), party("depository"), party("broker-a"), bytes(20))
        self.params = {
            name: [encode(one) for one in params_of(read.params, morning)] for name, read in READS.items()
        }
        self.blocks = [payload for _, payload in self.desk.node.log.read_from(1)][:40]
        self.export = self._export()
        self.texts = [
            *(to_text(kind, bytes(range(20))) for kind in AddressKind),
            *("US4592001014", "5493001KJTIIGC8Y1R12", "ESVUFR", "XNYS", "USD", "2013-10-07", "20131007"),
        ]
        self.participants = Participants(("ALPHA", "BRAVO"))
        self._temporary = TemporaryDirectory(prefix="counterfoil-fuzz-")
        self.folder = Path(self._temporary.name)
        cancel = {"message": "Cancel", "instruction_id": "00" * 32}
        mint = {
            "message": "Mint",
            "instrument_id": "isin:US4592001014",
            "account_id": to_text(AddressKind.ACCOUNT, bytes(20)),
            "amount": 5,
            "bank_entry": "X",
            "booking_date": "2024-01-02",
        }
        self._certificates()
        self.message_files = [msgspec.json.encode([cancel, mint]), msgspec.json.encode(mint)]
        network = NetworkDoors()
        prefix = sign_prefix(self.desk.chain_id)
        custody = CustodyDoors(
            self.desk.chain_id, [prefix + encode(body) for body in self.bodies if body is not None]
        )
        self.targets: tuple[tuple[int, Target], ...] = (
            (20, self.transaction_bytes),
            (12, self.body_bytes),
            (25, self.message),
            (5, self.list_of_messages),
            (5, self.bundle),
            (5, self.proposal),
            (3, self.motion),
            (5, self.feed_item),
            (3, self.extension),
            (4, self.genesis_file),
            (6, self.proof_file),
            (2, self.trust_file),
            (6, self.request_frame),
            (6, self.named_read),
            (2, self.logged_block),
            (2, self.export_file),
            (6, self.texts_of_all_kinds),
            (6, self.trade_file),
            (4, self.message_file),
            (4, network.network_proof),
            (2, network.believed_file),
            (3, network.light_block_answer),
            (3, network.followed_block),
            (3, custody.custody_frame),
            (3, custody.custody_policy),
            (3, custody.custody_subject),
            (3, custody.name_record),
            (2, custody.key_store_text),
            (3, self.question),
            (3, self.certificate),
            (2, self.node_file),
        )
        self.weights = [weight for weight, _ in self.targets]

    def one(self, chance: Random) -> tuple[str, str]:
        """Feed one input to one door: (which, what came of it)."""
        ((_, target),) = chance.choices(self.targets, self.weights)
        return target.__name__, target(chance)

    def take_back(self) -> None:
        """After a door failed: what it left undone is undone."""
        if self.machine._executed is not None:
            self.machine.discard()

    # Admission and execution

    def transaction_bytes(self, chance: Random) -> str:
        return self._execute([mangled(self.transactions, chance)])

    def body_bytes(self, chance: Random) -> str:
        """A damaged body under signatures that fit it."""
        message, keys = chance.choice(self.samples)
        body = mangled([encode(self.desk.body((message,), [key.address for key in keys]))], chance)
        signed = sign_prefix(self.desk.chain_id) + body
        signatures = tuple(Signature(at, key.public_key, key.sign(signed)) for at, key in enumerate(keys))
        return self._execute([encode(Transaction(body, signatures))])

    def message(self, chance: Random) -> str:
        """A message with other values in some fields, under the right signatures."""
        return self._execute([self._signed([self._mutant(chance)], chance)])

    def list_of_messages(self, chance: Random) -> str:
        chosen = [self._mutant(chance) for _ in range(chance.randrange(2, 6))]
        return self._execute([self._signed(chosen, chance)])

    def _mutant(self, chance: Random) -> tuple[Any, Any]:
        message, keys = chance.choice(self.samples)
        for _ in range(chance.choice((0, 1, 1, 2, 3))):
            message = mutant(message, chance)
        return message, keys

    def _signed(self, chosen: list[tuple[Any, Any]], chance: Random) -> bytes:
        keys = tuple(dict.fromkeys(key for _, signing in chosen for key in signing))[:16]
        if chance.random() < 0.05:
            keys = (*keys, *by("broker-b"))[-16:]
        messages = [message for message, _ in chosen]
        return self.desk.transaction(messages, *keys, mode=chance.choice(tuple(Mode)))

    def _execute(self, raws: list[bytes]) -> str:
        """Execute in a block and take everything back; what would be committed must be what can be encoded."""
        machine = self.machine
        prepared = [self.desk.prepared(raw) for raw in raws]
        outcomes = machine.execute(self.desk.height + 1, self.desk.next_time_ms(), [prepared], bytes(32))
        for shelf in machine.state.books.shelves.values():
            for key in shelf.touched:
                encode(shelf.live[key])
        machine.discard()
        number = outcomes[0].result.number
        if number == RULES_FAILED:
            raise AssertionError("the rules failed")
        return f"{number}"

    # Decoding

    def bundle(self, chance: Random) -> str:
        raw = mangled(self.bundles, chance)
        if chance.random() < 0.3:
            content = mangled([read_bundle(chance.choice(self.bundles))[0].content], chance)
            raw = encode_bundle(content, b"\1" + bytes(32), bytes(64))
        with refused(Rejected) as answer:
            self.desk.engine.items.open(raw)
            assert raw in self.bundles, "a changed bundle was believed"
        return answer[0]

    def proposal(self, chance: Random) -> str:
        with refused(Malformed) as answer:
            self.machine.reader.proposal(mangled(self.proposals, chance))
        return answer[0]

    def motion(self, chance: Random) -> str:
        with refused(Malformed) as answer:
            self.machine.reader.motion(mangled(self.motions, chance))
        return answer[0]

    def feed_item(self, chance: Random) -> str:
        """Against the commit that it belongs to: nothing but itself is believed."""
        item = mangled([self.item], chance)
        validators = self.machine.validators(self.desk.height)
        with refused(FeedItemIsInvalid) as answer:
            read_feed_item(item, self.desk.chain_id, self.desk.height + 1, bare(self.commit), validators)
            assert item == self.item, "a changed feed item was believed"
        return answer[0]

    def extension(self, chance: Random) -> str:
        seen = read_extension(mangled([vote.extension for vote in self.commit.votes], chance))
        return f"{len(seen)} observations"

    def genesis_file(self, chance: Random) -> str:
        """Read, and where it can be read, founded."""
        data = (
            mangled_json(self.genesis, chance) if chance.random() < 0.5 else mangled([self.genesis], chance)
        )
        with refused(ValueError, ProgramIsOutdated) as answer:
            genesis = decode_genesis(data)
            if chance.random() < 0.05 and "opening_register" not in genesis.sections:
                answer[0] = "founded"
                node = memory_node(genesis)
                node.engine.found()
        return answer[0]

    def proof_file(self, chance: Random) -> str:
        data = (
            mangled_json(chance.choice(self.proofs), chance)
            if chance.random() < 0.5
            else mangled(self.proofs, chance)
        )
        with refused(ProofRefused) as answer:
            found = verify_proof(data, self.trust)
            assert self._is_true(found), "an untrue proof was believed"
        return answer[0]

    def _is_true(self, found: Verified) -> bool:
        """Of what somebody may say by leaving out or repeating parts of a proof: whether it is so on the ledger."""
        state, shown = self.machine.state, (*found.records, *found.named)
        values = [state.row_at(state.tables[one.table], one.key, found.height) for one in shown]
        true = all(
            row is not None and value_of(row) == one.value for one, row in zip(shown, values, strict=True)
        )
        if found.place is not None and found.kind is ProofKind.LIST:
            true = true and [bytes([one.table]) + one.key for one in found.records] == list(
                state.members(found.place.number, found.place.parent, found.height)
            )
        return true and found.sealed == self.machine.last

    def trust_file(self, chance: Random) -> str:
        with refused(ValueError) as answer:
            Trust.in_genesis(
                mangled_json(self.genesis, chance)
                if chance.random() < 0.5
                else mangled([self.genesis], chance)
            )
        return answer[0]

    def request_frame(self, chance: Random) -> str:
        with refused(Malformed) as answer:
            REQUEST.exact(mangled(self.requests, chance))
        return answer[0]

    def named_read(self, chance: Random) -> str:
        name = chance.choice(tuple(READS))
        good = self.params[name]
        params = mangled(good, chance) if chance.random() < 0.5 else chance.choice(good)
        viewer = chance.choice(self.viewers)
        with refused(Refused, NotVisible) as answer:
            answer_read(self.desk.node, viewer, name, params)
        return answer[0]

    def logged_block(self, chance: Random) -> str:
        with refused(Malformed) as answer:
            LOGGED_BLOCK.exact(mangled(self.blocks, chance))
        return answer[0]

    def export_file(self, chance: Random) -> str:
        data = mangled([self.export], chance)
        with refused(TransferFileError) as answer:
            opening = Opening(io.BytesIO(data), "file")
            opening.unlock(TRANSPORT_KEY)
            opening.read(64)
            for _ in opening.blocks():
                pass
            assert data == self.export, "a changed export was believed"
        return answer[0]

    def texts_of_all_kinds(self, chance: Random) -> str:
        text = mangled([text.encode() for text in self.texts], chance).decode("utf-8", "replace")
        check = chance.choice((parse_text, parse_date, check_isin, check_lei, check_cfi, check_mic))
        with refused(ValueError) as answer:
            check(text)
        is_currency(text)
        return answer[0]

    def trade_file(self, chance: Random) -> str:
        """Some rows of one of the two kinds."""
        ticks = chance.random() < 0.5
        rows = [mangled(TICK_ROWS if ticks else OWN_ROWS, chance) for _ in range(chance.randrange(5))]
        first = [] if ticks else [header_line().encode()]
        if chance.random() < 0.1:
            first = [mangled([header_line().encode(), *TICK_ROWS], chance)]
        path = self.folder / (TICKS if ticks else "mine.csv")
        path.write_bytes(chance.choice((b"\n", b"\r\n")).join([*first, *rows]))
        with refused(TradeFileError) as answer:
            read = list(TradeFile(path, self.participants))
            answer[0] = f"{sum(isinstance(row, RowProblem) for row in read)} problems"
        return answer[0]

    def message_file(self, chance: Random) -> str:
        good = chance.choice(self.message_files)
        data = mangled_json(good, chance) if chance.random() < 0.6 else mangled(self.message_files, chance)
        with refused(MessageFileError) as answer:
            for message in read_messages(data, lambda _kind, _name: bytes(20), Path("/nowhere")):
                with suppress(OverflowError):
                    encode(message)
        return answer[0]

    def question(self, chance: Random) -> str:
        """To the identity registrar, as a frame and as a number."""
        data = mangled([encode(Ask("MY-NRIC", "800101-14-5566", "case"))], chance)
        with refused(Malformed, NumberIsMalformed) as answer:
            ask = ASK.exact(data)
            person_input(ask.scheme, ask.number)
        return answer[0]

    def certificate(self, chance: Random) -> str:
        """A request to be certified, or a certificate; nothing changed is certified or taken for the authority's."""
        with refused(KeyFileError) as answer:
            if chance.random() < 0.5:
                described(mangled([self.certified.certificate], chance))
            else:
                request = mangled([self.request], chance)
                self.authority.issue(request, "chain", bytes(20), "name")
        return answer[0]

    def node_file(self, chance: Random) -> str:
        path = self.folder / "node.json"
        good = (
            b'{"host": "node", "port": 7443, "certificate": "node.pem", "authorities": ["ca/authority.pem"]}'
        )
        path.write_bytes(mangled_json(good, chance) if chance.random() < 0.5 else mangled([good], chance))
        with refused(AddressFileError, KeyFileError) as answer:
            address_in(path)
        return answer[0]

    # What is good

    def _certificates(self) -> None:
        """An authority, and a request that it signs; for their times those of this machine's clock."""
        cost = ArgonCost(1, 8 << 10)
        self.authority = Authority.create(self.folder / "ca", "CA", "long passphrase", cost=cost)
        self.request = new_request(Identity(self.folder / "none", self.folder / "key"), "name")
        self.certified = self.authority.issue(self.request, "chain", bytes(20), "name")

    def _proofs(self) -> Iterator[bytes]:
        node, state = self.desk.node, self.machine.state
        sources = Sources(state, self.machine.history, self.machine.header, node.chain_id, self.trust.genesis)
        prover = Prover(sources)
        for table in (INSTRUCTIONS, state.tables[50], state.tables[51]):
            keys = [table.prefix + key for key in state.keys(table) if state.find(table, key) is not None]
            yield encode_proof(prover.records(keys[:2], height=node.height))
        share = self.machine.wired.instruments.require(self.morning.instruments["share"])
        yield encode_proof(prover.listing(1, share.handle, height=node.height))
        yield encode_proof(prover.header(height=node.height))

    def _export(self) -> bytes:
        file = io.BytesIO()
        head = Head(1, self.desk.chain_id, True, self.desk.height, "", self.genesis.decode(), TransportKey())
        sealing = Sealing(file, head, TRANSPORT_KEY)
        sealing.write(SECRETS.network + SECRETS.sealer)
        for payload in self.blocks:
            sealing.write(len(payload).to_bytes(4, "big") + payload)
        sealing.finish()
        assert bindings.crypto_secretstream_xchacha20poly1305_KEYBYTES == len(TRANSPORT_KEY)
        return file.getvalue()
