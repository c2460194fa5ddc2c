"""The small market of issuance, with its money tokens registered."""

from __future__ import annotations

from msgspec.structs import replace

from counterfoil.modules import cash
from counterfoil.modules.holdings.interface import PostingReason
from counterfoil.modules.issuance.messages import RegisterIssue
from counterfoil.modules.markets.interface import MarketStatus
from counterfoil.modules.module import ActionContext
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

    def open_day(
        self, market: str, date: int, limit: int = 1_000, *, is_open: bool = True
    ) -> list[ActionContext]:
        """Let it be that day on a market, and run what is due; what was done."""
        found = self.markets.require(market)
        status = MarketStatus.OPEN if is_open else MarketStatus.CLOSED
        self.markets_books.markets.put(market.encode(), replace(found, business_date=date, status=status))
        block, done = self.context().block, []
        for rule in cash.MODULE.deadlines:
            for act in rule(self.cash_books, block, limit):
                context = self.context()
                act(context)
                self.keep()
                done.append(context)
        self.end_block()
        return done


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
