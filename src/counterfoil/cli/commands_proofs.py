"""prove, verify: a file that a stranger can check, and the check."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from counterfoil.cli.describe import describe
from counterfoil.cli.failures import UsageError, hexadecimal, read_file
from counterfoil.cli.key_stores import DEFAULT_KEYS, KeyOption, KeysOption
from counterfoil.cli.options import (
    DEFAULT_LEDGER,
    AsOption,
    AtOption,
    JsonOption,
    KeyFileOption,
    LedgerOption,
    MarketOption,
    SignerOption,
    client_of,
    connected,
)
from counterfoil.cli.output import say, say_json, say_moment
from counterfoil.cli.plain import instant
from counterfoil.node.reads import proof as proof_read
from counterfoil.node.reads_proofs import KINDS, ProofOf
from counterfoil.verify import Ground, Origin, ProofRefused, Trust, verify_proof

GenesisOption = Annotated[
    Path, typer.Option("--genesis", help="The ledger's genesis file, from a source you trust.")
]
BelievingOption = Annotated[
    Path | None,
    typer.Option("--believing", help="A handover, or light blocks of the network, that you trust as well."),
]


def prove(
    kind: Annotated[str, typer.Argument(help=f"What to prove: {', '.join(KINDS)}.")],
    account: Annotated[str, typer.Option(help="Account (cfa1…).")] = "",
    instrument: Annotated[str, typer.Option(help="Instrument: ISIN or address (cfi1…).")] = "",
    business: Annotated[
        str, typer.Option(help="Trade, instruction, or (for a receipt) transaction: 64 hexadecimal digits.")
    ] = "",
    name: Annotated[str, typer.Option(help="Name of a feed.")] = "",
    at: AtOption = "",
    market: MarketOption = "",
    out: Annotated[Path | None, typer.Option("--out", "-o", help="New file (KIND.proof).")] = None,
    ledger: LedgerOption = DEFAULT_LEDGER,
    as_: AsOption = "",
    key: KeyOption = None,
    signer: SignerOption = "",
    keys: KeysOption = DEFAULT_KEYS,
    storage_key: KeyFileOption = None,
) -> None:
    """Export a proof that a stranger can check with nothing but the genesis file."""
    if kind not in KINDS:
        raise UsageError(f"There is no proof of {kind!r}; there are {', '.join(KINDS)}.")
    path = out or Path(f"{kind}.proof")
    if path.exists():
        raise UsageError(f"There is a file {path} already; name another one with --out.")
    with connected(ledger, storage_key) as connection:
        client = client_of(connection, as_, key, keys, signer)
        asked = ProofOf(
            kind=kind,
            account=client.account_id(account) if account else b"",
            instrument=client.instrument_id(instrument) if instrument else b"",
            business=_identity(business),
            name=name,
            at=at,
            market=market,
        )
        answer = client.ask(proof_read, asked)
        say_moment(answer.moment)
    path.write_bytes(answer.file)
    say(f"Written: {path} ({len(answer.file):,} bytes)")
    say(f"Check:   counterfoil verify {path} --genesis {ledger / 'genesis.json'}")


def verify(
    file: Annotated[Path, typer.Argument(help="Proof file.")],
    genesis: GenesisOption,
    believing: BelievingOption = None,
    json: JsonOption = False,
) -> None:
    """Check a proof: no ledger and no network are needed. Exit code 4 where it does not hold."""
    data, trust = read_file(file), trust_of(genesis, believing)
    try:
        verified = verify_proof(data, trust)
    except ProofRefused as refused:
        raise ProofRefused(f"{file} proves nothing: {refused}.") from None
    sentences = verified.sentences(describe(verified.named))
    if json:
        sealed, ground = verified.sealed, verified.ground
        say_json(
            {
                "holds": True,
                "kind": verified.kind.value,
                "chain_id": verified.chain_id,
                "sandbox": verified.sandbox,
                "as_of": {"height": verified.height, "time": instant(verified.in_force.time_ms)},
                "sealed": {
                    "height": sealed.height,
                    "time": instant(sealed.time_ms),
                    "hash": sealed.digest().hex(),
                },
                "trust": {"origin": ground.origin.value, **_signed(ground)},
                "records": len(verified.records),
                "receipts": len(verified.receipts),
                "sentences": sentences,
            }
        )
        return
    say("The proof holds.")
    for sentence in sentences:
        say(f"- {sentence}")


def trust_of(genesis: Path, believing: Path | None) -> Trust:
    """What the named files say, or `UsageError`."""
    path = genesis
    try:
        trust = Trust.in_genesis(read_file(path))
        if believing is not None:
            path = believing
            trust = trust.believing(read_file(path))
    except ValueError as error:
        raise UsageError(f"{path}: {error}.") from None
    return trust


def _signed(ground: Ground) -> dict[str, int]:
    """Which block of the network names the header, and who signed that; nothing under the embedded engine."""
    if ground.origin is Origin.SEALER:
        return {}
    return {
        "start": ground.start,
        "height": ground.height,
        "signers": ground.signers,
        "validators": ground.validators,
        "power": ground.power,
        "total_power": ground.total_power,
    }


def _identity(text: str) -> bytes:
    return hexadecimal(text, f"{text[:70]!r} is no identity of 64 hexadecimal digits.")


def add_to(app: typer.Typer) -> None:
    app.command(
        epilog="Example: counterfoil prove register --instrument US4592001014 --as regulator --out ibm.proof"
    )(prove)
    app.command(epilog="Example: counterfoil verify ibm.proof --genesis genesis.json")(verify)
