"""The small market of issuance, with its money tokens registered."""

from __future__ import annotations

from counterfoil.modules.holdings.interface import PostingReason
from counterfoil.modules.issuance.messages import RegisterIssue
from tests.unit.issuance.world import World, account, by, instrument, papers, party

EURO = instrument("trustee euro")
TRUSTEE, BANK, CENTRAL_BANK, ANN, BEN = (
    by(name) for name in ("trustee", "bank", "central bank", "ann", "ben")
)


class MoneyWorld(World):
    def __init__(self) -> None:
        super().__init__()
        register_money(self)

    def found(self, holder: str, what: str, amount: int) -> None:
        """Give a holder tokens with which the ledger was founded."""
        self.holdings.issue(
            self.context(),
            instrument(what),
            self.instruments.require(instrument(what)),
            account(holder),
            self.holdings.require_account(account(holder)),
            amount,
            PostingReason.FOUNDED,
            b"",
        )
        self.keep()


def register_money(world: World) -> None:
    """Register the money tokens under the policies of their markets."""
    for name, approvers in (
        ("trustee euro", ("trustee", "operator")),
        ("second trustee euro", ("trustee", "operator")),
        ("bank euro", ("depository",)),
        ("digital euro", ("depository",)),
    ):
        parties = tuple(party(approver) for approver in approvers)
        world.act(RegisterIssue(instrument(name), 0, b"", parties, papers(name)), *by(*approvers))
    world.end_block()
