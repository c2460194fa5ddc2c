"""trust: the headers of a network followed, from what one believes to its newest."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from counterfoil.cli.commands_proofs import BelievingOption, GenesisOption, trust_of
from counterfoil.cli.failures import UsageError, read_file
from counterfoil.cli.output import say
from counterfoil.cli.plain import instant
from counterfoil.sdk.light_provider import RpcProvider
from counterfoil.state.light_blocks import LightBlock
from counterfoil.verify import ProofRefused, Trust
from counterfoil.verify.light.client import LATEST, Fork, NoSuchBlock, Provider, advance, fetch, find_fork
from counterfoil.verify.light.encoding import header_hash
from counterfoil.verify.light.files import FileProvider, write_light_blocks
from counterfoil.verify.light.refusals import Invalid
from counterfoil.verify.light.steps import DAY_NS, TRUSTING_DAYS, Rules, TrustedState

_MS_NS = 1_000_000


def trust(
    source: Annotated[
        str,
        typer.Argument(help="A node's CometBFT address (http://127.0.0.1:26657), or a file of light blocks."),
    ],
    genesis: GenesisOption,
    believing: BelievingOption = None,
    witness: Annotated[
        list[str] | None, typer.Option(help="Another node, or file, to compare with; may be repeated.")
    ] = None,
    height: Annotated[int, typer.Option(min=0, help="To this height, instead of the newest.")] = LATEST,
    trusting_days: Annotated[
        int, typer.Option(min=1, max=100_000, help="How old what you believe may be, in days.")
    ] = TRUSTING_DAYS,
    out: Annotated[Path, typer.Option("--out", "-o", help="New file.")] = Path("trusted.json"),
) -> None:
    """Follow a network's headers from what you trust, and keep the light block that they lead to."""
    if out.exists():
        raise UsageError(f"There is a file {out} already; name another one with --out.")
    believed = trust_of(genesis, believing)
    rules = Rules(trusting_period_ns=trusting_days * DAY_NS)
    now_ns = time.time_ns()
    start = _start(believed)
    try:
        trace = _followed(_provider(source), start, height, rules, now_ns)
        for one in witness or ():
            fork = find_fork(start, trace, _provider(one), rules, now_ns)
            if fork is not None:
                raise ProofRefused(_told(fork, source, one))
    except Invalid as invalid:
        raise ProofRefused(f"What {source} or a witness says does not hold: {invalid}.") from None
    except NoSuchBlock as absent:
        raise UsageError(f"{absent}.") from None
    newest = trace[-1]
    out.write_bytes(write_light_blocks([newest]))
    say(
        f"{believed.chain_id}: block {newest.header.height} of {instant(newest.header.at_ns // _MS_NS)} is signed."
    )
    say(
        f"It follows from {f'block {start.height}' if start.height else 'the founding'} in {len(trace)} steps."
    )
    say(f"Written: {out}, for --believing")


def _start(believed: Trust) -> TrustedState:
    """Where trust begins, and since when it does."""
    if believed.light_block is not None:
        return TrustedState.after(believed.light_block)
    time_ms = believed.time_ms if believed.handover is None else believed.handover.header.time_ms
    try:
        return believed.start(None)._replace(at_ns=time_ms * _MS_NS)
    except Invalid as invalid:
        raise UsageError(
            f"{invalid}: give the handover, or a light block of the network, with --believing."
        ) from None


def _followed(
    provider: Provider, start: TrustedState, height: int, rules: Rules, now_ns: int
) -> list[LightBlock]:
    target = fetch(provider, height)
    if target.header.height <= start.height:
        raise UsageError(
            f"You believe block {start.height} already; that is not before {target.header.height}."
        )
    return advance(provider, start, target, rules, now_ns)


def _provider(source: str) -> Provider:
    if "://" in source:
        try:
            return RpcProvider(source)
        except ValueError as error:
            raise UsageError(f"{error}.") from None
    try:
        return FileProvider(read_file(Path(source)))
    except ValueError as error:
        raise UsageError(f"{source}: {error}.") from None


def _told(fork: Fork, source: str, witness: str) -> str:
    """A fork in words: somebody must look into it before anything is believed."""
    double = ", ".join(address.hex() for address in fork.double_signers())
    signed = f" Validators that signed both: {double}." if double else ""
    return (
        f"There are two histories after block {fork.common.height}: {source} has block {fork.primary.header.height} "
        f"{header_hash(fork.primary.header).hex()}, {witness} has block {fork.witness.header.height} "
        f"{header_hash(fork.witness.header).hex()}, each signed by enough.{signed} Believe neither, and ask the "
        "members which is theirs."
    )


def add_to(app: typer.Typer) -> None:
    app.command(
        epilog="Example: counterfoil trust http://127.0.0.1:26657 --genesis genesis.json --out trusted.json"
    )(trust)
