"""The one command, `counterfoil`."""

from __future__ import annotations

import typer

from counterfoil.cli import (
    commands_backup,
    commands_books,
    commands_ca,
    commands_consortium,
    commands_continuity,
    commands_custodian,
    commands_demo,
    commands_follow,
    commands_identity,
    commands_keys,
    commands_ledger,
    commands_lists,
    commands_network,
    commands_proofs,
    commands_recovery,
    commands_registrar,
    commands_sandbox,
    commands_sealing,
    commands_storage_key,
    commands_submit,
    commands_transfer,
    commands_trust,
    commands_vault,
    commands_views,
)
from counterfoil.cli.failures import Commands

HELP = """A ledger for securities markets, kept by the members of the market.

Exit codes: 0 done; 1 refused by the ledger; 2 wrong command line or input file; 3 something cannot be opened, read or
written; 4 a check failed; 70 an error of the program; 130 interrupted.

With --json an error is an object on the error stream: exit_code, number, name, explanation, remedy, facts.
"""

app = typer.Typer(
    name="counterfoil",
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help=HELP,
    epilog="Example: counterfoil demo",
)

commands_demo.add_to(app)
commands_ledger.add_to(app)
commands_follow.add_to(app)
commands_submit.add_to(app)
commands_books.add_to(app)
commands_lists.add_to(app)
commands_consortium.add_to(app)
commands_proofs.add_to(app)
commands_trust.add_to(app)
commands_transfer.add_to(app)
commands_backup.add_to(app)
commands_views.add_to(app)
commands_network.add_to(app)
commands_keys.add_to(app)
commands_ca.add_to(app)
commands_identity.add_to(app)
commands_registrar.add_to(app)
commands_vault.add_to(app)
commands_sealing.add_to(app)
commands_continuity.add_to(app)
commands_storage_key.add_to(app)
commands_custodian.add_to(app)
commands_recovery.add_to(app)
commands_sandbox.add_to(app)


def main() -> None:
    """Entry point of the installed command."""
    app()


if __name__ == "__main__":
    main()
