"""The peer: the same delivery versus payment as a stored procedure in PostgreSQL, in the same run.

Unsigned, without proofs, receipts or encryption: one procedure call a DVP checks four accounts and the provision, moves
four holdings, writes the trade, both instructions and four postings, and commits with `synchronous_commit=on`. Several
client counts are tried and the best one counts.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

SCHEMA = """
create table account (id int primary key, status smallint not null, frozen_debits bool not null,
    frozen_credits bool not null);
create table instrument (id int primary key, status smallint not null, minimum bigint not null);
create table holding (account int, instrument int, available bigint not null check (available >= 0),
    earmarked bigint not null default 0, primary key (account, instrument)) with (fillfactor = 70);
create table trade (id bigserial primary key, seller int, buyer int, instrument int, quantity bigint, asset int,
    amount bigint, traded date);
create table instruction (id bigserial primary key, trade bigint, account int, side smallint, status smallint,
    settled timestamptz);
create table posting (id bigserial primary key, trade bigint, account int, instrument int, sign smallint,
    quantity bigint, balance_after bigint);
create function settle_dvp(seller int, seller_cash int, buyer int, buyer_cash int, security int, asset int,
    quantity bigint, amount bigint) returns bigint language plpgsql as $$
declare
    trade_id bigint; left_over bigint; checked int;
begin
    select count(*) into checked from account where id in (seller, seller_cash, buyer, buyer_cash) and status = 1
        and not frozen_debits and not frozen_credits;
    if checked < (case when seller = seller_cash then 2 else 4 end) then raise exception 'account'; end if;
    perform 1 from instrument where id = security and status = 1 and quantity >= minimum;
    if not found then raise exception 'instrument'; end if;
    perform 1 from holding h where (h.account, h.instrument) in
        ((seller, security), (buyer, security), (buyer_cash, asset), (seller_cash, asset))
        order by h.account, h.instrument for update;
    insert into trade (seller, buyer, instrument, quantity, asset, amount, traded)
        values (seller, buyer, security, quantity, asset, amount, current_date) returning id into trade_id;
    insert into instruction (trade, account, side, status, settled)
        values (trade_id, seller, 0, 2, now()), (trade_id, buyer, 1, 2, now());
    update holding set available = available - quantity where account = seller and instrument = security
        returning available into left_over;
    insert into posting (trade, account, instrument, sign, quantity, balance_after)
        values (trade_id, seller, security, -1, quantity, left_over);
    update holding set available = available + quantity where account = buyer and instrument = security
        returning available into left_over;
    insert into posting (trade, account, instrument, sign, quantity, balance_after)
        values (trade_id, buyer, security, 1, quantity, left_over);
    update holding set available = available - amount where account = buyer_cash and instrument = asset
        returning available into left_over;
    insert into posting (trade, account, instrument, sign, quantity, balance_after)
        values (trade_id, buyer_cash, asset, -1, amount, left_over);
    update holding set available = available + amount where account = seller_cash and instrument = asset
        returning available into left_over;
    insert into posting (trade, account, instrument, sign, quantity, balance_after)
        values (trade_id, seller_cash, asset, 1, amount, left_over);
    return trade_id;
end $$;
"""
SCRIPT = """
\\set security random(1, {instruments})
\\set place random(0, {accounts} / {instruments} - 1)
\\set seller :place * {instruments} + :security
\\set step random(1, {accounts} / {instruments} - 1)
\\set buyer ((:place + :step) % ({accounts} / {instruments})) * {instruments} + :security
\\set quantity random(1, 100)
select settle_dvp(:seller, :seller, :buyer, :buyer, :security, 0, :quantity, :quantity * 7);
"""
"""Seller and buyer are two different accounts that both hold the security, as in our own benchmark."""
CLIENTS = (2, 4, 8, 16, 32)


def tools() -> Path | None:
    """Where Debian put PostgreSQL's programs, the newest version; None where it is not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/pgbench"))
    return found[-1].parent if found else None


def best_rate(accounts: int, instruments: int, seconds: int) -> tuple[float, int, str]:
    """(DVP a second, client count, version) of the best client count. Needs PostgreSQL from Debian."""
    programs = tools()
    if programs is None:
        raise RuntimeError("PostgreSQL is not installed: apt-get install postgresql")
    directory = Path(tempfile.mkdtemp(prefix="counterfoil-peer-", dir="/var/tmp"))
    try:
        return _measured(programs, directory, accounts, instruments, seconds)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _measured(
    programs: Path, directory: Path, accounts: int, instruments: int, seconds: int
) -> tuple[float, int, str]:
    data, socket = directory / "data", directory
    _as_server(["chown", "-R", "postgres", str(directory)] if os.geteuid() == 0 else ["true"], as_root=True)
    _as_server([str(programs / "initdb"), "-D", str(data), "-A", "trust", "-U", "postgres", "--no-sync"])
    options = (
        f"-c listen_addresses='' -c unix_socket_directories={socket} -c shared_buffers=2GB -c max_wal_size=8GB "
        "-c synchronous_commit=on -c max_connections=64 -c checkpoint_timeout=30min"
    )
    _as_server(
        [
            str(programs / "pg_ctl"),
            "-D",
            str(data),
            "-w",
            "-l",
            str(directory / "log"),
            "-o",
            options,
            "start",
        ]
    )
    try:
        psql = [str(programs / "psql"), "-h", str(socket), "-U", "postgres", "-v", "ON_ERROR_STOP=1", "-qAt"]
        fill = f"""
            insert into account select i, 1, false, false from generate_series(1, {accounts}) i;
            insert into instrument select i, 1, 1 from generate_series(0, {instruments}) i;
            insert into holding select a, 0, 1000000000000 from generate_series(1, {accounts}) a;
            insert into holding select a, (a - 1) % {instruments} + 1, 1000000000 from generate_series(1, {accounts}) a;
            vacuum analyze;"""
        for text in (SCHEMA, *fill.split(";")):
            if text.strip():
                _as_server([*psql, "-c", text])
        script = directory / "dvp.sql"
        script.write_text(SCRIPT.format(accounts=accounts, instruments=instruments))
        script.chmod(0o644)
        rates = {}
        for clients in CLIENTS:
            output = _as_server(
                [
                    str(programs / "pgbench"),
                    "-h",
                    str(socket),
                    "-U",
                    "postgres",
                    "-n",
                    "-M",
                    "prepared",
                    "-f",
                    str(script),
                    "-c",
                    str(clients),
                    "-j",
                    "2",
                    "-T",
                    str(seconds),
                    "postgres",
                ]
            )
            found = re.search(r"tps = ([0-9.]+)", output)
            rates[clients] = float(found.group(1)) if found else 0.0
        best = max(rates, key=lambda clients: rates[clients])
        version = _as_server([*psql, "-c", "show server_version"]).strip()
        return rates[best], best, version
    finally:
        _as_server([str(programs / "pg_ctl"), "-D", str(data), "-m", "immediate", "stop"])


def _as_server(command: Sequence[str], *, as_root: bool = False) -> str:
    """PostgreSQL refuses to run as root: as root its commands run under the account that Debian made for it."""
    if os.geteuid() == 0 and not as_root:
        command = ["runuser", "-u", "postgres", "--", *command]
    done = subprocess.run(command, capture_output=True, text=True, cwd="/var/tmp")
    if done.returncode:
        raise RuntimeError(f"{command[-1] if as_root else ' '.join(command)}: {done.stdout}{done.stderr}")
    return done.stdout
