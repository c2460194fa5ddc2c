"""What a row that is no trade becomes: a numbered place, a reason, a remedy and the row itself."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

TEXT_SHOWN_MAX = 200
"""Characters of a bad row that its problem keeps: enough to find it, and a report stays small."""


class ProblemCode(Enum):
    """Why a row is no trade: `NAME = (explanation, remedy)`."""

    PRICE_REPORT = (
        "A price report is no trade: the market centre states its official opening or closing price.",
        "Nothing to do; the trades that made the price stand in rows of their own.",
    )
    LINE_TOO_LONG = (
        "The line is longer than any trade row can be.",
        "Check that the file has line ends (LF or CRLF) and is a trade file.",
    )
    UNDECODABLE_BYTES = (
        "The row holds bytes that are no text in the file's encoding.",
        "Save tick files as ASCII and the project's own format as UTF-8.",
    )
    CONTROL_CHARACTER = (
        "The row holds a character that cannot be printed.",
        "Remove control characters and stray carriage returns.",
    )
    EMPTY_LINE = ("The line is empty.", "Remove the empty line.")
    WRONG_COLUMN_COUNT = (
        "The row does not have the columns of its format.",
        "Write one trade a row, each column in its place, empty only where optional.",
    )
    BAD_QUOTING = (
        "A quotation mark is not closed, or stands inside a field.",
        "Quote a whole field or none; a field cannot hold a line end.",
    )
    FIELD_MISSING = ("A field that every trade needs is empty.", "Fill in the field.")
    FIELD_TOO_LONG = ("A field is longer than its limit.", "Shorten it.")
    NOT_A_NUMBER = (
        "A field that must be a plain number is not.",
        "Write digits only, with one decimal point where decimals are allowed; no sign, separator or exponent.",
    )
    NEGATIVE = ("A field that must be positive is negative.", "State buyer and seller instead of a sign.")
    ZERO = ("A field that must be positive is zero.", "Leave out rows that move nothing.")
    OVERFLOW = (
        "A number is larger than the ledger can hold (2^63-1).",
        "Split the trade or correct the number.",
    )
    TOO_MANY_DECIMALS = (
        "A number has more decimals than its unit allows.",
        "Round it as the contract says, in the system that made the file.",
    )
    TIME_OUT_OF_DAY = (
        "The time is not within the file's day.",
        "Times of a tick file count milliseconds since midnight, 0 to 86399999.",
    )
    TIME_DOES_NOT_EXIST = (
        "Clocks were put forward over this time, so that it never was.",
        "Correct the time or the file's date.",
    )
    TIME_NOT_READABLE = (
        "The execution time is not an instant with its offset from UTC.",
        "Write it as 2013-10-07T09:30:00.123-04:00, or with Z for UTC.",
    )
    TIME_NOT_ON_TRADE_DATE = (
        "The execution time is more than a day away from the trade date.",
        "Correct one of them.",
    )
    DATE_NOT_READABLE = ("The date does not exist or is written otherwise.", "Write it as 2013-10-07.")
    SETTLEMENT_NOT_READABLE = (
        "The settlement terms are neither a date nor known terms.",
        "Write REGULAR, CASH, NEXT_DAY, SELLERS, or a date as 2013-10-10.",
    )
    SETTLEMENT_BEFORE_TRADE = ("The settlement date is before the trade date.", "Correct one of them.")
    SETTLEMENT_TOO_FAR = (
        "The settlement date is more than a year after the trade date.",
        "Correct the date; a forward is a contract of its own.",
    )
    VENUE_UNKNOWN = (
        "The venue is not known.",
        "Use an exchange letter of the tick format that names a market, or a MIC (ISO 10383) in the own format.",
    )
    CONDITIONS_NOT_HEXADECIMAL = (
        "The sale conditions are not a hexadecimal number.",
        "Sale conditions are bits, written in hexadecimal without 0x.",
    )
    CONDITIONS_UNKNOWN = (
        "A sale condition bit has no known meaning.",
        "Only bits 0 to 31 are defined; what the row is cannot be told without them.",
    )
    CONDITIONS_CONFLICT = (
        "The sale conditions name more than one kind of settlement.",
        "A trade is regular, cash, next day or seller's option; ask the source which.",
    )
    NOT_A_FLAG = ("The suspicious flag is neither 0 nor 1.", "Write 0 or 1.")
    SECURITY_NOT_READABLE = (
        "The security is neither a symbol nor an ISIN.",
        "Write letters, digits, dot, hyphen or slash; an ISIN has twelve characters.",
    )
    ISIN_CHECK_DIGIT = (
        "The ISIN's check digit does not fit the rest.",
        "Correct the ISIN; a character is mistyped.",
    )
    CURRENCY_UNKNOWN = (
        "The currency is no ISO 4217 code of a currency with minor units.",
        "Write the three-letter code, such as EUR.",
    )
    AMOUNT_ROUNDS_TO_ZERO = (
        "Price x quantity is less than half a minor unit of the currency.",
        "Leave out rows that pay nothing, or state them as free of payment.",
    )
    AMOUNT_DISAGREES = (
        "The amount differs from price x quantity by a minor unit or more.",
        "Correct amount, price or quantity; charges are settled apart.",
    )
    BUYER_IS_SELLER = (
        "Buyer and seller are the same, with the same account.",
        "Name the other party, or the two clients' accounts.",
    )

    def __init__(self, explanation: str, remedy: str) -> None:
        self.explanation = explanation
        self.remedy = remedy

    @property
    def is_bad_row(self) -> bool:
        """False where the row is well formed and simply no trade; a strict run goes on over those."""
        return self is not ProblemCode.PRICE_REPORT


@dataclass(frozen=True, slots=True)
class RowProblem:
    """A row that yields no trade. `field` and `detail` may be empty; `text` is the row, shortened and printable."""

    file: str
    line: int
    code: ProblemCode
    field: str
    detail: str
    text: str

    @property
    def reason(self) -> str:
        """The short code and the sentence, with what is particular to this row."""
        where = f" [{self.field}{': ' if self.field and self.detail else ''}{self.detail}]"
        return f"{self.code.name}: {self.code.explanation}{where if self.field or self.detail else ''}"

    @property
    def remedy(self) -> str:
        return self.code.remedy

    def __str__(self) -> str:
        return f"{self.file}:{self.line} {self.reason} {self.remedy} Row: {self.text}"


class RowFault(Exception):
    """How the parsers of one row leave it; the reader makes a `RowProblem` of it. Never leaves this package."""

    def __init__(self, code: ProblemCode, field: str = "", detail: str = "") -> None:
        super().__init__(code, field, detail)
        self.code = code
        self.field = field
        self.detail = detail


class FileFault(Enum):
    """Why a file as a whole cannot be read: `NAME = (explanation, remedy)`."""

    NOT_FOUND = ("There is no such file.", "Check the path.")
    NOT_A_FILE = ("The path is not an ordinary file.", "Name a file; write a pipe's output to a file first.")
    NOT_READABLE = ("The file cannot be read.", "Check its permissions and the disk.")
    EMPTY = (
        "The file is empty.",
        "An own-format file has at least its header; a tick file at least one row.",
    )
    COMPRESSED = ("The file is compressed.", "Unpack it first.")
    NOT_TRADES = ("The file holds quotes or bars, not trades.", "Use the Trade_Tick file of that day.")
    UNKNOWN_KIND = (
        "The file is neither a tick file nor in the project's own format.",
        "A tick file is named YYYYMMDD_<symbol>_Trade_Tick.csv; the own format starts with its header line.",
    )
    BAD_NAME = (
        "The file's name does not hold an existing date and a symbol.",
        "A tick file is named YYYYMMDD_<symbol>_Trade_Tick.csv; its rows have neither date nor symbol.",
    )
    BAD_HEADER = (
        "The header is not that of the project's own format.",
        "Copy the header from the documentation.",
    )
    NO_PARTICIPANTS = (
        "A tick file names no buyer or seller, and none were given to assign.",
        "Give at least two brokers.",
    )
    REPEATED = (
        "Two files have the same name, or the same day and symbol.",
        "Give each file once; rename files of your own that share a name.",
    )

    def __init__(self, explanation: str, remedy: str) -> None:
        self.explanation = explanation
        self.remedy = remedy


class TradeFileError(Exception):
    """A file that cannot be read at all, with what to do about it."""

    def __init__(self, path: str, fault: FileFault, detail: str = "") -> None:
        super().__init__(path, fault, detail)
        self.path = path
        self.fault = fault
        self.detail = detail

    def __str__(self) -> str:
        told = f" [{self.detail}]" if self.detail else ""
        return f"{self.path}: {self.fault.name}: {self.fault.explanation}{told} {self.fault.remedy}"


def printable(row: bytes) -> str:
    """A row as it can be shown in a report: undecodable bytes and control characters escaped, and shortened."""
    text = row[: 4 * TEXT_SHOWN_MAX].decode("utf-8", "backslashreplace")
    shown = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
    if len(shown) > TEXT_SHOWN_MAX:
        return shown[: TEXT_SHOWN_MAX - 1] + "…"
    return shown
