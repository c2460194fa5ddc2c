"""The named personas of a sandbox ledger, with keys that everybody can compute; a production ledger refuses them."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from typing import Any, Final, NamedTuple

import msgspec

from counterfoil.custody.signers import SandboxKey
from counterfoil.machine.genesis import Genesis, Parameters

SANDBOX_SEED: Final = sha256(b"counterfoil sandbox personas").digest()
"""The same for every sandbox: so a persona's key is known wherever it turns up."""
SANDBOX_START_MS: Final = 1_704_182_400_000
"""2024-01-02T08:00:00Z, a Tuesday: when a sandbox begins unless it is told otherwise."""
_IDENTITY_PURPOSE: Final = b"counterfoil sandbox identity\x00"


class PersonaCard(NamedTuple):
    """Somebody to act as. party: the public name of the party it acts for; role, sponsor: that party's.

    users: whether the party acts through two users, a maker and a checker, as four eyes demand.
    """

    name: str
    party: str
    role: str
    sponsor: str
    users: bool
    does: str


PERSONAS: Final = (
    PersonaCard(
        "regulator", "Regulator", "regulator", "", True, "Admits members, supervises, co-signs registrations."
    ),
    PersonaCard(
        "depository",
        "Depository",
        "depository",
        "Regulator",
        True,
        "Runs the market, keeps registers and accounts.",
    ),
    PersonaCard(
        "exchange", "Exchange", "exchange", "Regulator", True, "Reports trades that were made on it."
    ),
    PersonaCard("notary", "Notary", "notary", "Regulator", True, "Co-signs registrations."),
    PersonaCard(
        "trustee", "Trustee Bank", "trustee", "Regulator", True, "Issues money tokens against deposits."
    ),
    PersonaCard(
        "central-bank", "Central Bank", "central_bank", "Regulator", True, "Issues digital currency."
    ),
    PersonaCard("auditor", "Auditor", "auditor", "Regulator", False, "Sees what was granted."),
    PersonaCard(
        "broker-a",
        "Broker A",
        "securities_company",
        "Regulator",
        False,
        "Trades and settles for itself and clients.",
    ),
    PersonaCard(
        "broker-b", "Broker B", "securities_company", "Regulator", False, "The same, its competitor."
    ),
    PersonaCard("issuer-a", "Issuer A", "issuer", "Depository", False, "Issues shares."),
    PersonaCard("issuer-b", "Issuer B", "issuer", "Depository", False, "Issues bonds."),
    PersonaCard("investor-a", "Investor A", "investor", "Broker A", False, "A client of Broker A."),
    PersonaCard("investor-b", "Investor B", "investor", "Broker B", False, "A client of Broker B."),
    PersonaCard(
        "data-protection", "Data Protection", "data_protection", "Regulator", False, "Sees who read what."
    ),
)
"""In the order in which they are founded."""

CONSORTIUM: Final = ("regulator", "depository", "exchange", "central-bank")
"""The personas whose parties are members of a sandbox's consortium: four, so that any three of them can decide."""


@cache
def persona_keys(name: str) -> tuple[SandboxKey, ...]:
    """The keys that a persona signs with: its own, or its maker's and checker's. KeyError where there is none such."""
    card = next((card for card in PERSONAS if card.name == name), None)
    if card is None:
        raise KeyError(f"there is no persona {name!r}; there are {', '.join(card.name for card in PERSONAS)}")
    names = (f"{name}-maker", f"{name}-checker") if card.users else (name,)
    return tuple(SandboxKey.from_name(SANDBOX_SEED, one) for one in names)


@cache
def party_key(name: str) -> SandboxKey:
    """The key of the party's own signer, which signs what is administrative, such as mandates."""
    return SandboxKey.from_name(SANDBOX_SEED, name)


def sandbox_genesis(
    name: str = "sandbox", time_ms: int = SANDBOX_START_MS, parameters: Parameters | None = None
) -> Genesis:
    """A draft of a genesis file in which all personas are members; nothing else is founded yet."""
    return Genesis(
        name=name,
        time_ms=time_ms,
        secret_commitment="",
        sealers=(),
        sandbox=True,
        parameters=parameters or Parameters(),
        sections={
            "parties": {"parties": [_founding_party(card) for card in PERSONAS]},
            "consortium": {"members": [{"party": _party_of(name)} for name in CONSORTIUM]},
        },
    )


def refuse_personas(genesis: Genesis) -> None:
    """ValueError where a genesis file that is no sandbox's has a key that everybody can compute."""
    if genesis.sandbox:
        return
    known = {
        key.public_key.hex(): key.name
        for card in PERSONAS
        for key in (*persona_keys(card.name), party_key(card.name))
    }
    text = msgspec.json.encode(genesis.sections).decode().lower()
    found = sorted(name for key, name in known.items() if key in text or key in genesis.sealers)
    if found:
        raise ValueError(
            f"the genesis file names the key of the sandbox persona {found[0]!r}, which everybody can compute: "
            "make keys of your own, or found a sandbox ledger"
        )


def _party_of(name: str) -> str:
    return next(card.party for card in PERSONAS if card.name == name)


def _founding_party(card: PersonaCard) -> dict[str, Any]:
    """As the genesis file's section about parties wants it."""
    users = [
        {"signer": _signer(key), "duty": duty}
        for key, duty in zip(persona_keys(card.name), ("maker", "checker"), strict=False)
    ]
    investor = card.role == "investor"
    identity = sha256(_IDENTITY_PURPOSE + card.name.encode()).hexdigest()
    return {
        "name": card.party,
        "roles": [card.role],
        "sponsor": card.sponsor,
        "signer": _signer(party_key(card.name)),
        "identity_hash": identity if investor else "",
        "users": users if card.users else [],
    }


def _signer(key: SandboxKey) -> dict[str, Any]:
    return {"keys": [key.public_key.hex()]}
