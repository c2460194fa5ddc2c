"""sandbox advance, sandbox personas: what only a ledger to try things on has."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from counterfoil.cli.failures import UsageError
from counterfoil.cli.options import (
    DEFAULT_LEDGER,
    JsonOption,
    KeyFileOption,
    LedgerOption,
    client_of,
    connected,
)
from counterfoil.cli.output import say, say_json, say_moment, say_table
from counterfoil.cli.plain import address_text, instant
from counterfoil.node.clock import time_ms_of
from counterfoil.node.reads_market import MarketLine
from counterfoil.node.refusals import NodeRefusal
from counterfoil.primitives.calendars import IsoDate, add_days, date_text, parse_date, time_of_local
from counterfoil.primitives.frames import problem_with
from counterfoil.sdk import Client, Connection, LedgerError, TransactionRejected
from counterfoil.sdk.messages import CloseDay, OpenDay

DAY_CLOSE = "day-close"


def advance(
    to: Annotated[
        str, typer.Option("--to", help="A date (its morning), an instant with its zone, or day-close.")
    ],
    ledger: LedgerOption = DEFAULT_LEDGER,
    json: JsonOption = False,
    storage_key: KeyFileOption = None,
) -> None:
    """Move a sandbox's clock forward. Days of a market without a schedule are opened and closed on the way."""
    with connected(ledger, storage_key, writing=True) as connection:
        if not connection.sandbox:
            raise LedgerError(problem_with(NodeRefusal.NO_SANDBOX))
        if to == DAY_CLOSE:
            _to_day_close(connection)
        elif "T" in to:
            connection.advance_clock(_instant_ms(to))
        else:
            _to_date(connection, _date(to))
        client = Client(connection)
        found, markets = client.status(), client.markets()
    if json:
        say_json({"status": found, "markets": markets})
        return
    say_moment(found.moment)
    say(f"The clock shows {instant(found.clock_ms)}.")
    for market in markets:
        state = "open" if market.is_open else "closed"
        say(f"Market {market.market}: business day {date_text(IsoDate(market.business_date))}, {state}")


def _to_day_close(connection: Connection) -> None:
    market = _market(connection)
    if market is None or not market.is_open:
        raise UsageError("No business day is open; `sandbox advance --to DATE` opens one.")
    schedule, offsets = market.rulebook.schedule, market.rulebook.offsets
    date = IsoDate(market.business_date)
    if schedule.closes_minute is not None:
        connection.advance_clock(time_of_local(date, schedule.closes_minute, offsets))
    else:
        connection.advance_clock(time_of_local(date, market.rulebook.cut_off_fop_minute, offsets))
        _operator(connection, market).send(CloseDay(market.market, date))


def _to_date(connection: Connection, target: IsoDate) -> None:
    """To the morning of a date, and the market's business day with it as far as it goes."""
    market = _market(connection)
    if market is None:
        raise UsageError("There is no market whose morning it could be; say an instant with its zone.")
    schedule, offsets = market.rulebook.schedule, market.rulebook.offsets
    opens_minute = 0 if schedule.opens_minute is None else max(0, schedule.opens_minute)
    connection.advance_clock(time_of_local(target, opens_minute, offsets))
    if schedule.opens_minute is not None:
        return
    operator = _operator(connection, market)
    while market is not None and market.business_date < target:
        if market.is_open:
            operator.send(CloseDay(market.market, market.business_date))
        if not _open_next(operator, market, target):
            return
        market = _market(connection)


def _open_next(operator: Client, market: MarketLine, target: IsoDate) -> bool:
    """Open the market's next business day unless it lies after the target; whether it was opened."""
    date = add_days(IsoDate(market.business_date), 1)
    while date <= target:
        try:
            operator.send(OpenDay(market.market, date))
            return True
        except TransactionRejected as rejected:
            if rejected.name != "DATE_IS_A_HOLIDAY":
                raise
        date = add_days(date, 1)
    return False


def _operator(connection: Connection, market: MarketLine) -> Client:
    """The market's operator, with its persona's keys."""
    public = Client(connection)
    named = next((line.name for line in public.parties() if line.party == market.operator), "")
    return client_of(connection, named)


def _market(connection: Connection) -> MarketLine | None:
    markets = Client(connection).markets()
    return markets[0] if markets else None


def _date(text: str) -> IsoDate:
    try:
        return parse_date(text)
    except ValueError as error:
        raise UsageError(f"{error} Or say {DAY_CLOSE}, or an instant with its zone.") from None


def _instant_ms(text: str) -> int:
    try:
        instant = datetime.fromisoformat(text)
        if instant.tzinfo is None:
            raise ValueError("The instant lacks its zone, such as Z or +01:00.")
    except ValueError as error:
        raise UsageError(str(error)) from None
    return time_ms_of(instant)


def personas(
    ledger: LedgerOption = DEFAULT_LEDGER, json: JsonOption = False, storage_key: KeyFileOption = None
) -> None:
    """List a sandbox's personas: names for --as, whose keys everybody can compute."""
    with connected(ledger, storage_key) as connection:
        client = Client(connection)
        found = client.personas()
        moment = client.status().moment
    if json:
        say_json({"moment": moment, "personas": found})
        return
    say_moment(moment)
    rows = [
        (one.name, one.party_name, address_text("party", one.party) if one.party else "", one.does)
        for one in found
    ]
    say_table(("name", "member", "address", "does"), rows)


def add_to(app: typer.Typer) -> None:
    group = typer.Typer(
        no_args_is_help=True,
        help="Move the clock of a sandbox ledger, and see who acts on it.",
        epilog="Example: counterfoil sandbox personas",
    )
    group.command("advance", epilog="Example: counterfoil sandbox advance --to day-close")(advance)
    group.command("personas", epilog="Example: counterfoil sandbox personas --ledger my-ledger")(personas)
    app.add_typer(group, name="sandbox")
