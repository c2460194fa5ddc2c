"""Trade files read into a neutral value: one `TradeRow` or one `RowProblem` for every row.

    participants = Participants(("ALPHA", "BRAVO", "CHARLIE"), clients_per_broker=10)
    tally = Tally()
    for file in open_trade_files(["20131007_ibm_Trade_Tick.csv"], participants):
        for read in file:
            tally.add(read)
            if isinstance(read, RowProblem):
                print(read)

The formats, the assignment rule, every reason and the demo's generator: `docs/reference/trade-files.md`.
"""

from counterfoil.gateways.trade_files.conditions import SaleCondition
from counterfoil.gateways.trade_files.own_format import header_line, row_line
from counterfoil.gateways.trade_files.participants import Assignment, Participants, assign
from counterfoil.gateways.trade_files.problems import FileFault, ProblemCode, RowProblem, TradeFileError
from counterfoil.gateways.trade_files.reader import (
    TradeFile,
    TradeFileKind,
    open_trade_files,
    read_trade_files,
)
from counterfoil.gateways.trade_files.rows import SecurityScheme, SettlementTerms, TradeRow
from counterfoil.gateways.trade_files.settlement_dates import business_days, intended_settlement_date
from counterfoil.gateways.trade_files.tally import Tally

__all__ = [
    "TradeFile",
    "TradeFileKind",
    "open_trade_files",
    "read_trade_files",
    "TradeRow",
    "SecurityScheme",
    "SettlementTerms",
    "RowProblem",
    "ProblemCode",
    "TradeFileError",
    "FileFault",
    "Participants",
    "Assignment",
    "assign",
    "business_days",
    "intended_settlement_date",
    "Tally",
    "SaleCondition",
    "header_line",
    "row_line",
]
