"""Counts that add up: every row of a file is a trade or a problem, and every problem has one reason."""

from __future__ import annotations

from dataclasses import dataclass, field

from counterfoil.gateways.trade_files.problems import ProblemCode, RowProblem
from counterfoil.gateways.trade_files.rows import SettlementTerms, TradeRow, exact_amount
from counterfoil.primitives.currencies import minor_unit
from counterfoil.primitives.outcome import ensure


@dataclass(slots=True)
class Tally:
    """What was read so far. Quantities and amounts are sums over trades; amounts in minor units by currency."""

    rows: int = 0
    trades: int = 0
    suspicious: int = 0
    rounded: int = 0
    """Trades whose price x quantity is no whole number of minor units, where the file does not state the amount."""
    quantity: int = 0
    amounts: dict[str, int] = field(default_factory=dict)
    terms: dict[SettlementTerms, int] = field(default_factory=lambda: dict.fromkeys(SettlementTerms, 0))
    problems: dict[ProblemCode, int] = field(default_factory=lambda: dict.fromkeys(ProblemCode, 0))

    def add(self, read: TradeRow | RowProblem, *, stated: bool = False) -> None:
        """Count a row. stated: whether its file states amounts, so that none was rounded here."""
        self.rows += 1
        if isinstance(read, RowProblem):
            self.problems[read.code] += 1
            return
        self.trades += 1
        self.suspicious += read.suspicious
        numerator, denominator = exact_amount(
            read.price, read.price_scale, read.quantity, minor_unit(read.currency)
        )
        self.rounded += not stated and numerator % denominator != 0
        self.quantity += read.quantity
        self.amounts[read.currency] = self.amounts.get(read.currency, 0) + read.amount
        self.terms[read.settlement_terms] += 1

    @property
    def problem_count(self) -> int:
        return sum(self.problems.values())

    @property
    def bad_rows(self) -> int:
        """Problems without those that are well-formed rows and simply no trade."""
        return sum(count for code, count in self.problems.items() if code.is_bad_row)

    @property
    def reasons(self) -> dict[str, int]:
        """Problems by the name of their reason, without reasons that did not occur."""
        return {code.name: count for code, count in self.problems.items() if count}

    def ensure_adds_up(self, rows_read: int) -> None:
        """Compare with the rows that the readers counted themselves (`TradeFile.rows_read`, summed).

        Errors: InvariantViolation where a row was lost or counted twice.
        """
        ensure(self.rows == rows_read, f"{rows_read} rows were read and {self.rows} counted")
        ensure(self.trades + self.problem_count == self.rows, "trades and problems are not all rows")
        ensure(sum(self.terms.values()) == self.trades, "a trade has no settlement terms, or several")
