"""Blocks for a follower, from the RPC of a network's engine: what it decided, and the ledger's headers beside it.

Of each height: `abci_info` (has the application come so far), `block`, `commit`, `validators`, and the application's
own query `header`. Blocks from before there was a network are on the application's record alone (query `block`).
Nothing of it is believed: `following` checks it.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

from counterfoil.engine.cometbft.rpc import EngineRefused, EngineRpc
from counterfoil.engine.decided import LOGGED_BLOCK, DecidedBlock, LoggedBlock
from counterfoil.modules.validators.interface import Misbehaviour, MisbehaviourKind
from counterfoil.node.following import FollowedBlock
from counterfoil.node.network.vouching import EngineProvider
from counterfoil.primitives.codec import Decoder
from counterfoil.state.headers import Header
from counterfoil.state.light_blocks import Commit, LightBlock
from counterfoil.verify.light.client import NoSuchBlock
from counterfoil.verify.light.encoding import commit_info
from counterfoil.verify.light.json_form import parse_time, read_commit
from counterfoil.verify.light.refusals import Invalid

TIMEOUT_SECONDS = 10.0
_MS_NS = 1_000_000
_HEADER = Decoder(Header)


def address_of_engine(address: str) -> tuple[str, int]:
    """Host and port of an address such as http://127.0.0.1:26601. ValueError where it is none."""
    parts = urlsplit(address)
    if parts.scheme != "http" or not parts.hostname or not parts.port:
        raise ValueError(f"{address!r} is no address of an engine's RPC, such as http://127.0.0.1:26601")
    return parts.hostname, parts.port


class EngineSource:
    """One engine. Raises `EngineUnreachable` where it does not answer, `Invalid` where it answers something else.

    consensus_from: the first height that the network decided. next_number: of the header that the follower lacks next.
    """

    def __init__(self, address: str, consensus_from: int, next_number: Callable[[], int]) -> None:
        self.address = address
        self._next_number = next_number
        self._rpc = EngineRpc(address_of_engine(address), TIMEOUT_SECONDS)
        self._provider = EngineProvider(self._rpc)
        self._consensus_from = consensus_from
        self._reached = 0
        self._before: LightBlock | None = None

    def followed_block(self, height: int) -> FollowedBlock:
        try:
            return self._followed(height, self._next_number())
        except EngineRefused as refused:
            raise NoSuchBlock(str(refused)) from None
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise Invalid(f"{self.address} answers no block: {error!r}") from None

    def close(self) -> None:
        self._rpc.close()

    def _followed(self, height: int, number: int) -> FollowedBlock:
        if height < self._consensus_from:
            return self._from_before(number)
        self._wait_for_application(height)
        block = self._rpc.ask("block", height=str(height))["block"]
        light = self._provider.light_block(height)
        header = self._header(height, number)
        recorded, votes = self._last_commit(block["last_commit"], height)
        self._before = light
        time_ms = header.time_ms if header is not None else light.header.at_ns // _MS_NS
        items = tuple([base64.b64decode(one, validate=True) for one in block["data"]["txs"] or ()])
        misbehaviour = tuple(
            [told for one in block["evidence"]["evidence"] or () for told in _misbehaviour(one)]
        )
        decided = DecidedBlock(height, time_ms, light.header.proposer, misbehaviour, votes, items)
        return FollowedBlock(decided, header, b"", light, recorded)

    def _from_before(self, number: int) -> FollowedBlock:
        """A sealer's block, or one of a network's founding, which has nothing in it but what its header says."""
        try:
            logged: LoggedBlock = LOGGED_BLOCK.exact(self._queried("block", number))
        except NoSuchBlock:
            header: Header = _HEADER.exact(self._queried("header", number))
            founding = DecidedBlock(header.height, header.time_ms, b"", (), b"", ())
            return FollowedBlock(founding, header)
        return FollowedBlock(logged.block, logged.header, logged.seal)

    def _wait_for_application(self, height: int) -> None:
        """What the application has not committed yet has no header that it could tell of."""
        if self._reached < height:
            self._reached = int(self._rpc.ask("abci_info")["response"].get("last_block_height") or 0)
        if self._reached < height:
            raise NoSuchBlock(f"{self.address} has come to block {self._reached}")

    def _header(self, height: int, number: int) -> Header | None:
        """The block's own header; None where it had no effect, and the next header is of a later height or not yet."""
        try:
            header: Header = _HEADER.exact(self._queried("header", number))
        except NoSuchBlock:
            return None
        return header if header.height == height else None

    def _last_commit(self, told: Any, height: int) -> tuple[Commit | None, bytes]:
        if height == self._consensus_from:
            return None, b""
        recorded = read_commit(told)
        before = self._before
        if before is None or before.header.height != height - 1:
            before = self._provider.light_block(height - 1)
        if len(before.validators) != len(recorded.signatures):
            raise Invalid(f"{self.address} records a commit of other validators than there were")
        return recorded, commit_info(recorded, before.validators)

    def _queried(self, path: str, number: int) -> bytes:
        """From the application. `NoSuchBlock` where it has none of that number."""
        answer = self._rpc.ask("abci_query", path=path, data=number.to_bytes(8, "big").hex())["response"]
        if answer.get("code"):
            raise NoSuchBlock(str(answer.get("log", "")))
        return base64.b64decode(answer["value"] or "", validate=True)


class Sources:
    """Several engines of one network, asked in turn: the next one whenever one fails."""

    def __init__(self, sources: Sequence[EngineSource]) -> None:
        if not sources:
            raise ValueError("a follower needs an engine from which it takes its blocks")
        self._sources = list(sources)

    @property
    def address(self) -> str:
        """Of the one that is asked now."""
        return self._sources[0].address

    def followed_block(self, height: int) -> FollowedBlock:
        return self._sources[0].followed_block(height)

    def next(self) -> None:
        """Go on at another one."""
        self._sources.append(self._sources.pop(0))

    def close(self) -> None:
        for source in self._sources:
            source.close()


def _misbehaviour(evidence: Any) -> Iterator[Misbehaviour]:
    """What the engine tells an application of evidence, from how its RPC writes it."""
    value = evidence["value"]
    if evidence["type"] == "tendermint/DuplicateVoteEvidence":
        vote = value["vote_a"]
        about = (vote["height"], value["Timestamp"], value["TotalVotingPower"])
        yield _told(MisbehaviourKind.DUPLICATE_VOTE, vote["validator_address"], *about)
        return
    about = (value["common_height"], value["timestamp"], value["total_voting_power"])
    for one in value["byzantine_validators"]:
        yield _told(MisbehaviourKind.LIGHT_CLIENT_ATTACK, one["address"], *about)


def _told(kind: MisbehaviourKind, address: str, height: Any, time: str, total: Any) -> Misbehaviour:
    return Misbehaviour(kind, bytes.fromhex(address), int(height), parse_time(time) // _MS_NS, int(total))
