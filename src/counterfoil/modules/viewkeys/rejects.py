"""Why a message about the ledger's keys is refused."""

from __future__ import annotations

from counterfoil.primitives.outcome import RejectCode


class ViewKeysReject(RejectCode):
    LEDGER_IS_NOT_SEALED = (
        13001,
        "The genesis file says that this ledger is not sealed: it has no roots, and view keys open nothing.",
        "Nothing can be done on this ledger; found one that is sealed.",
    )
    NODE_ADDRESS_IS_INVALID = (
        13002,
        "A node's address has 20 bytes.",
        "Take the address that the node shows with its status.",
    )
    OPENING_KEY_IS_INVALID = (
        13003,
        "The opening key is not a canonical X25519 public key of 32 bytes, or is of small order.",
        "Make a new opening key with the SDK, and record its public half.",
    )
    HOLDER_EXISTS = (
        13004,
        "The node holds the root already.",
        "Remove it first if its opening key is to be replaced.",
    )
    TOO_MANY_HOLDERS = (
        13005,
        "The ledger has as many executing nodes as an epoch carries wrappings for.",
        "Remove one that no longer executes; a follower needs no root.",
    )
    HOLDER_NOT_FOUND = (
        13006,
        "No node with this address holds the root.",
        "Look at the list of holders.",
    )
    LAST_HOLDER = (
        13007,
        "The node is the only one that holds the root: without it nobody could open the ledger.",
        "Admit another node first.",
    )
    WRAPPING_IS_MALFORMED = (
        13008,
        "A wrapped root, an archive, a commitment or a bundle key has a wrong form.",
        "Let a node that holds the root draw up the message.",
    )
    EPOCH_IS_NOT_NEXT = (
        13010,
        "The epoch's number is not the one after the epoch in force.",
        "Let a node draw up the proposal anew.",
    )
    WRAPPINGS_ARE_NOT_THE_HOLDERS = (
        13011,
        "The wrappings are not one for each holder, in the order of their addresses.",
        "Let a node draw up the proposal anew: the holders have changed.",
    )
    EPOCH_IS_NOT_PROPOSED = (
        13012,
        "No epoch with this number and commitment waits for its holders.",
        "Nothing needs to be done if it has come into force; otherwise another proposal has replaced it.",
    )
    EPOCH_IS_CONFIRMED = (
        13013,
        "This node has confirmed the epoch already.",
        "Nothing needs to be done.",
    )
    NODE_HAS_NOT_SIGNED = (
        13014,
        "The message is not signed by the node's own key.",
        "Let the node confirm: it does so by itself once it has opened its wrapping.",
    )
    VIEW_NODE_NOT_FOUND = (
        13020,
        "Nothing hangs on the tree of view keys under this identity that the party has a say over.",
        "Name the party itself, one of its relationships, or a party below it.",
    )
    GRANTEE_IS_INVALID = (
        13021,
        "The grantee has this view key anyway.",
        "Nothing needs to be done for it: it asks for its view keys.",
    )
    PURPOSE_IS_INVALID = (
        13022,
        "A grant states its reason, in 1 to 200 characters.",
        "Say in words what the key is for: whoever is read may see it.",
    )
    END_IS_INVALID = (
        13023,
        "A grant ends after the time of this block, and within 731 days.",
        "Choose another end; it can be given again.",
    )
    GRANT_EXISTS = (
        13024,
        "The party has a grant for this view key already.",
        "End it first if it is to run otherwise.",
    )
    TOO_MANY_GRANTS = (
        13025,
        "As many grants as a view key can have are running.",
        "End one that is no longer needed.",
    )
    GRANT_NOT_FOUND = (
        13026,
        "There is no grant of this view key that the party may end.",
        "It may have ended. Grantor, grantee, joint holders and those above the grantor end one.",
    )
