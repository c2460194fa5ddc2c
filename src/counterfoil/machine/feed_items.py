"""What validators observed, as it comes into a block: the signed extensions of their votes on the block before.

Only the proposer of a block sees the extensions. It puts the extended commit into the block as its first item, and
every node checks it against the commit that the engine reports and its own record of that height's validators.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import IntEnum

from counterfoil.modules.feeds.interface import FEEDS_MAX, Observed, Seen
from counterfoil.modules.validators.interface import SetEntry
from counterfoil.primitives.codec import Decoder, Malformed, Record, encode
from counterfoil.primitives.digests import FEED_ITEM
from counterfoil.primitives.signatures import SIGNATURE_BYTES
from counterfoil.primitives.vote_signatures import verify_vote
from counterfoil.state.light_blocks import FLAG_ABSENT, FLAG_COMMIT, FLAG_NIL
from counterfoil.verify.light.encoding import address_of_validator, extension_bytes, votes_info

EXTENSION_BYTES_MAX = 8 * 1024
"""Of one vote's extension: room for an observation of every feed that there may be."""
ROUND_MAX = 2**31 - 1


class BlockIdFlag(IntEnum):
    """What a validator voted for; CometBFT's numbers."""

    ABSENT = FLAG_ABSENT
    COMMIT = FLAG_COMMIT
    NIL = FLAG_NIL


class ExtendedVote(Record):
    """One validator's part in a commit, with its vote's extension and the signature of that.

    address: of its consensus key (20 bytes). A proposer may leave extension and signature out, as it may leave a whole
    vote out: what is missing counts for nothing.
    """

    address: bytes
    power: int
    flag: BlockIdFlag
    extension: bytes = b""
    signature: bytes = b""


class ExtendedCommit(Record):
    """What the feed item holds after its tag."""

    round: int
    votes: tuple[ExtendedVote, ...]


class FeedItemIsInvalid(Exception):
    """A block's feed item does not belong to it. The whole block is refused, and nothing of it has happened."""


_EXTENDED_COMMIT = Decoder(ExtendedCommit)
_EXTENSION = Decoder(tuple[Seen, ...])


def is_feed_item(item: bytes) -> bool:
    """Whether a block's item is meant as its feed item; a bundle, which is a list of three, never begins like one."""
    return item.startswith(FEED_ITEM)


def encode_extension(seen: Sequence[Seen]) -> bytes:
    """What a validator puts into its vote's extension; nothing where it saw nothing.

    ValueError where it is more than an extension may hold.
    """
    extension = encode(tuple(seen)) if seen else b""
    if len(seen) > FEEDS_MAX or len(extension) > EXTENSION_BYTES_MAX:
        raise ValueError(
            f"an extension holds at most {EXTENSION_BYTES_MAX} bytes of {FEEDS_MAX} observations"
        )
    return extension


def read_extension(extension: bytes) -> tuple[Seen, ...]:
    """What a validator saw; nothing where its extension is not what `encode_extension` makes."""
    try:
        seen: tuple[Seen, ...] = _EXTENSION.exact(extension) if extension else ()
    except Malformed:
        return ()
    return seen if len(seen) <= FEEDS_MAX else ()


def make_feed_item(commit: ExtendedCommit) -> bytes:
    """The feed item of a block whose proposer holds this extended commit of the block before; b"" for no item.

    There is none where nobody observed anything, or what can be used is of too little power. An extension that is too
    large is left out: late votes reach the proposer without having been asked about.
    """
    votes = tuple(
        vote
        if len(vote.extension) <= EXTENSION_BYTES_MAX
        else ExtendedVote(vote.address, vote.power, vote.flag)
        for vote in commit.votes
    )
    if not any(read_extension(vote.extension) for vote in votes):
        return b""
    if not is_enough(
        (vote.power for vote in votes if vote.signature), sum(vote.power for vote in commit.votes)
    ):
        return b""
    return FEED_ITEM + encode(ExtendedCommit(commit.round, votes))


def without_forged(
    commit: ExtendedCommit, chain_id: str, height: int, validators: Sequence[SetEntry]
) -> ExtendedCommit:
    """An extended commit as its proposer may use it: what a block's nodes would refuse is left out.

    Votes that came late reach the proposer with extensions that nobody has looked at. height: of the coming block.
    validators: of the height before.
    """
    keys = {address_of_validator(entry.key): entry.key for entry in validators}

    def is_good(vote: ExtendedVote) -> bool:
        if vote.flag is not BlockIdFlag.COMMIT or len(vote.extension) > EXTENSION_BYTES_MAX:
            return False
        if vote.address not in keys or len(vote.signature) != SIGNATURE_BYTES:
            return False
        signed = extension_bytes(chain_id, height - 1, commit.round, vote.extension)
        return verify_vote(keys[vote.address], signed, vote.signature)

    votes = tuple(
        vote if is_good(vote) else ExtendedVote(vote.address, vote.power, vote.flag) for vote in commit.votes
    )
    return ExtendedCommit(commit.round, votes)


def check_commit_of(item: bytes, last_commit: bytes) -> None:
    """`FeedItemIsInvalid` unless the item is a feed item in form, of the commit that the engine reports.

    For whoever has no record of the validators, and relies on those who voted for the block for the rest.
    """
    if commit_bytes(_extended_commit(item)) != last_commit:
        raise FeedItemIsInvalid("the feed item is not of the commit that the engine reports")


def read_feed_item(
    item: bytes,
    chain_id: str,
    height: int,
    last_commit: bytes,
    validators: Sequence[SetEntry],
) -> tuple[Observed, ...]:
    """What each validator observed, in the order of the commit, or `FeedItemIsInvalid`.

    height: of the block that holds the item. last_commit: CometBFT's CommitInfo (encoded) that the engine reports with
    that block. validators: of the height before, by our own record. An extension that is signed but no observation
    counts as missing.
    """
    commit = _extended_commit(item)
    if commit_bytes(commit) != last_commit:
        raise FeedItemIsInvalid("the feed item is not of the commit that the engine reports")
    known = {address_of_validator(entry.key): entry for entry in validators}
    observed: list[Observed] = []
    powers: list[int] = []
    for vote in commit.votes:
        entry = known.pop(vote.address, None)
        if entry is None or entry.power != vote.power:
            raise FeedItemIsInvalid(f"{vote.address.hex()} was no validator with that power, or stands twice")
        if not vote.signature:
            if vote.extension:
                raise FeedItemIsInvalid(f"the extension of {vote.address.hex()} is not signed")
            continue
        if vote.flag is not BlockIdFlag.COMMIT:
            raise FeedItemIsInvalid(f"{vote.address.hex()} extended a vote that was none for the block")
        if len(vote.extension) > EXTENSION_BYTES_MAX or len(vote.signature) != SIGNATURE_BYTES:
            raise FeedItemIsInvalid(f"the extension of {vote.address.hex()} has a wrong size")
        signed = extension_bytes(chain_id, height - 1, commit.round, vote.extension)
        if not verify_vote(entry.key, signed, vote.signature):
            raise FeedItemIsInvalid(f"the extension of {vote.address.hex()} has a wrong signature")
        powers.append(entry.power)
        observed.append(Observed(entry.party, read_extension(vote.extension)))
    if not is_enough(powers, sum(entry.power for entry in validators)):
        raise FeedItemIsInvalid("the feed item's extensions are not of more than two thirds of the power")
    return tuple(observed)


def is_enough(powers: Iterable[int], total: int) -> bool:
    """Whether these powers are more than two thirds of the total."""
    return 3 * sum(powers) > 2 * total


def commit_bytes(commit: ExtendedCommit) -> bytes:
    """The same commit as the engine reports it to every node: CometBFT's CommitInfo, encoded."""
    return votes_info(commit.round, [(vote.address, vote.power, vote.flag) for vote in commit.votes])


def _extended_commit(item: bytes) -> ExtendedCommit:
    if not is_feed_item(item):
        raise FeedItemIsInvalid("the item has not the tag of a feed item")
    try:
        commit: ExtendedCommit = _EXTENDED_COMMIT.exact(item[len(FEED_ITEM) :])
    except Malformed as error:
        raise FeedItemIsInvalid(f"the feed item is malformed: {error}") from None
    if not 0 <= commit.round <= ROUND_MAX:
        raise FeedItemIsInvalid("the feed item is of no round")
    return commit
