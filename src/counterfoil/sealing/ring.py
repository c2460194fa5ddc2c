"""The roots that one node holds, in memory."""

from __future__ import annotations

from collections.abc import Sequence

from counterfoil.sealing.epochs import FIRST_EPOCH, Epoch, RootSecrets, first_root, unwrap
from counterfoil.sealing.opening_keys import OpeningKey


class RootIsMissing(Exception):
    """The node holds no root for an epoch: it can neither open what comes nor seal what follows. It stops, and goes on
    once it has been given the root; nothing is lost."""

    def __init__(self, number: int, node: bytes) -> None:
        super().__init__(
            f"this node ({node.hex()}) does not hold the root of key epoch {number}: let a node that holds it invite "
            "this one anew (counterfoil network invite, join), and the ledger's operator admit it as a holder "
            "(counterfoil sealing admit)"
        )


class KeyRing:
    """Epochs by number, of one ledger. node: the node's address. own: its opening key, for what is wrapped to it.
    given: roots of the epochs after the first that the node has from whoever invited it."""

    def __init__(
        self, chain_id: str, network: bytes, node: bytes, own: OpeningKey, given: Sequence[bytes] = ()
    ) -> None:
        self._chain_id = chain_id
        self._network = network
        self._own = own
        self._given = dict(enumerate(given, start=FIRST_EPOCH + 1))
        self.node = node
        self._epochs: dict[int, Epoch] = {FIRST_EPOCH: Epoch(FIRST_EPOCH, first_root(network, chain_id))}

    @property
    def network(self) -> bytes:
        """The network secret, which travels with every root."""
        return self._network

    @property
    def opening_key(self) -> bytes:
        """The public key that roots are wrapped to for this node."""
        return self._own.public_key

    def find(self, number: int) -> Epoch | None:
        return self._epochs.get(number)

    def held(self) -> tuple[Epoch, ...]:
        """Every epoch whose root is at hand, the newest first; of roots that came with the invitation no ledger has
        said yet that they are its own."""
        given = {number: Epoch(number, root) for number, root in self._given.items()}
        return tuple(epoch for _, epoch in sorted({**given, **self._epochs}.items(), reverse=True))

    def require(self, number: int) -> Epoch:
        """The epoch, or RootIsMissing."""
        found = self._epochs.get(number)
        if found is None:
            raise RootIsMissing(number, self.node)
        return found

    def learn(self, number: int, root: bytes, commitment: bytes) -> bool:
        """Take up a root, if it is the one that the ledger committed to."""
        epoch = Epoch(number, root)
        if epoch.commitment != commitment:
            return False
        self._epochs[number] = epoch
        return True

    def unwrapped(self, number: int, wrapped: bytes) -> RootSecrets | None:
        """What was wrapped for this node, if it opens and belongs to this ledger."""
        secrets = unwrap(self._own, self._chain_id, number, self.node, wrapped)
        return secrets if secrets is not None and secrets.network == self._network else None

    def learn_wrapped(self, number: int, wrapped: bytes, commitment: bytes) -> bool:
        """Take up a root from its wrapping for this node."""
        secrets = self.unwrapped(number, wrapped)
        return secrets is not None and self.learn(number, secrets.root, commitment)

    def learn_archived(self, number: int, archived: bytes, commitment: bytes) -> bool:
        """Take up the root of an epoch from the archive of the one after it, which is held."""
        following = self._epochs.get(number + 1)
        secrets = following.open_archive(archived) if following is not None else None
        return secrets is not None and self.learn(number, secrets.root, commitment)

    def learn_given(self, number: int, commitment: bytes) -> bool:
        """Take up a root that came with the invitation."""
        root = self._given.get(number)
        return root is not None and self.learn(number, root, commitment)

    def roots_to(self, number: int) -> tuple[bytes, ...]:
        """Of every epoch after the first up to this one, for a node that is invited. RootIsMissing."""
        return tuple(self.require(one).root for one in range(FIRST_EPOCH + 1, number + 1))

    def is_sound(
        self, number: int, wrapped: bytes, commitment: bytes, bundle_key: bytes, archived: bytes
    ) -> bool:
        """Whether this node may confirm an epoch that is proposed: its wrapping opens to the root committed to, the
        bundle key is that root's, and its archive opens to the root in force."""
        secrets = self.unwrapped(number, wrapped)
        before = self._epochs.get(number - 1)
        if secrets is None or before is None:
            return False
        epoch = Epoch(number, secrets.root)
        return (
            epoch.commitment == commitment
            and epoch.bundle_key.public_key == bundle_key
            and epoch.open_archive(archived) == RootSecrets(self._network, before.root)
        )
