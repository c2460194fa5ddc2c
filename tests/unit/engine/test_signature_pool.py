"""The pool gives the answers that one call after the other would give, whatever happens to its workers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from counterfoil.engine import signature_pool
from counterfoil.engine.signature_pool import SignaturePool, pack_check, usable_processors
from counterfoil.engine.signature_worker import check_packed
from counterfoil.primitives.signatures import SigningKey, verify

Check = tuple[bytes, bytes, bytes]

KEYS = [SigningKey(bytes([number]) * 32) for number in range(1, 6)]


def checks(count: int, *, bad: frozenset[int] = frozenset()) -> list[Check]:
    made = []
    for number in range(count):
        key = KEYS[number % len(KEYS)]
        message = b"message %d" % number * (number % 7)
        signature = key.sign(message)
        made.append((key.public_key, message + b"!" if number in bad else message, signature))
    return made


def one_after_the_other(batch: list[Check]) -> bytes:
    return bytes(verify(*check) for check in batch)


@pytest.fixture(scope="module")
def pool() -> Iterator[SignaturePool]:
    with SignaturePool(2) as made:
        yield made


@pytest.fixture(params=[0, 1, 2])
def own_pool(request: pytest.FixtureRequest) -> Iterator[SignaturePool]:
    with SignaturePool(request.param) as made:
        yield made


@pytest.mark.parametrize("count", [0, 1, 2, 7, 8, 9, 16, 17, 100])
def test_answers_come_in_the_order_of_the_checks(pool: SignaturePool, count: int) -> None:
    batch = checks(count, bad=frozenset({0, 3, 16, 99}))
    assert pool.submit(batch).result() == one_after_the_other(batch)
    assert pool.submit_packed([pack_check(*check) for check in batch]).result() == one_after_the_other(batch)


def test_any_number_of_workers_gives_the_same_answers(own_pool: SignaturePool) -> None:
    batch = checks(60, bad=frozenset({5, 41}))
    pending = own_pool.submit(batch)
    assert pending.result() == pending.result() == one_after_the_other(batch)
    assert pending.done()
    assert pending.first_refused() == 5
    assert not pending.all_accepted()
    good = own_pool.submit(checks(20))
    assert good.all_accepted()
    assert good.first_refused() is None


def test_batches_overlap_and_may_be_asked_for_in_any_order(pool: SignaturePool) -> None:
    batches = [checks(40, bad=frozenset({number})) for number in range(12)]
    pending = [pool.submit(batch) for batch in batches]
    for number in reversed(range(12)):
        assert pending[number].first_refused() == number


def test_done_does_not_wait_and_becomes_true(pool: SignaturePool) -> None:
    pending = pool.submit(checks(3_000))
    started = time.monotonic()
    seen = [pending.done()]
    while not pending.done():
        assert time.monotonic() - started < 30
        time.sleep(0.005)
    assert seen == [False]
    assert pending.all_accepted()


def test_more_than_a_pipe_holds_is_taken_without_a_deadlock(pool: SignaturePool) -> None:
    key = KEYS[0]
    message = bytes(200_000)
    batch = [(key.public_key, message, key.sign(message))] * 100
    assert pool.submit(batch).all_accepted()


def test_submit_waits_when_too_much_is_outstanding(
    pool: SignaturePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signature_pool, "OUTSTANDING_BYTES_MAX", 10_000)
    first = pool.submit(checks(500))
    assert sum(worker.owed_bytes for worker in pool._workers) <= 10_000
    assert first.all_accepted()


def test_stopping_at_the_first_refusal_leaves_the_rest_of_a_chunk() -> None:
    batch = checks(10, bad=frozenset({4}))
    packed = b"".join(pack_check(*check) for check in batch)
    assert check_packed(packed, 10, False) == bytes([1, 1, 1, 1, 0, 1, 1, 1, 1, 1])
    assert check_packed(packed, 10, True) == bytes([1, 1, 1, 1, 0, 0, 0, 0, 0, 0])


def test_stopping_at_the_first_refusal_names_one_that_is_bad(pool: SignaturePool) -> None:
    batch = checks(40, bad=frozenset({11, 30}))
    assert pool.submit(batch, stop_at_refusal=True).first_refused() == 11


@pytest.mark.parametrize(
    "check",
    [
        (b"", b"", b""),
        (bytes(300), b"m", bytes(64)),
        (KEYS[0].public_key, b"m", bytes(300)),
        (KEYS[0].public_key, b"m", b""),
        (KEYS[0].public_key, b"", KEYS[0].sign(b"")[:63]),
        (KEYS[0].public_key[:32], b"m", KEYS[0].sign(b"m")),
    ],
)
def test_malformed_checks_are_refused_and_disturb_no_others(pool: SignaturePool, check: Check) -> None:
    good = checks(1)[0]
    assert pool.submit([good, check, good]).result() == bytes([1, 0, 1])
    assert pool.submit_packed([pack_check(*each) for each in (good, check, good)]).result() == bytes(
        [1, 0, 1]
    )


def test_several_threads_may_use_one_pool(pool: SignaturePool) -> None:
    wrong: list[int] = []

    def use(bad: int) -> None:
        for _ in range(5):
            if pool.submit(checks(50, bad=frozenset({bad}))).first_refused() != bad:
                wrong.append(bad)

    threads = [threading.Thread(target=use, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    assert wrong == []


# ------------------------------------------------------------------------------------- workers that fail


@pytest.mark.parametrize("number_killed", [1, 2])
def test_killed_workers_are_replaced_and_their_checks_run_again(number_killed: int) -> None:
    batch = checks(3_000, bad=frozenset({0, 1_700, 2_999}))
    with SignaturePool(2) as pool:
        pool.submit(batch[:20]).result()
        pending = [pool.submit(batch) for _ in range(2)]
        for process_id in pool.process_ids[:number_killed]:
            os.kill(process_id, signal.SIGKILL)
        for each in pending:
            assert each.result() == one_after_the_other(batch)
        assert len(pool.process_ids) == 2


def test_a_worker_killed_while_idle_is_noticed_at_the_next_batch() -> None:
    with SignaturePool(1) as pool:
        pool.submit(checks(10)).result()
        (before,) = pool.process_ids
        os.kill(before, signal.SIGKILL)
        time.sleep(0.05)
        assert pool.submit(checks(10)).all_accepted()
        assert before not in pool.process_ids


def test_a_hung_worker_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    with SignaturePool(1) as pool:
        pool.submit(checks(10)).result()
        monkeypatch.setattr(signature_pool, "STALL_SECONDS", 0.3)
        os.kill(pool.process_ids[0], signal.SIGSTOP)
        assert pool.submit(checks(50)).all_accepted()


def test_a_hung_worker_with_a_full_pipe_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    message = bytes(1 << 20)
    batch = [(KEYS[0].public_key, message, KEYS[0].sign(message))] * 4
    with SignaturePool(1) as pool:
        pool.submit(checks(10)).result()
        monkeypatch.setattr(signature_pool, "STALL_SECONDS", 0.5)
        os.kill(pool.process_ids[0], signal.SIGSTOP)
        assert pool.submit(batch).all_accepted()


def test_workers_that_never_start_leave_the_work_to_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signature_pool, "_COMMAND", "raise SystemExit(3)")
    monkeypatch.setattr(signature_pool, "RESTARTS_MAX", 2)
    with SignaturePool(2) as pool:
        batch = checks(50, bad=frozenset({7}))
        assert pool.submit(batch).first_refused() == 7
        assert pool.submit(batch).first_refused() == 7


def test_a_chunk_that_loses_its_workers_is_run_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        signature_pool, "_COMMAND", "import sys; sys.stdin.buffer.read(100); raise SystemExit(3)"
    )
    with SignaturePool(1) as pool:
        assert pool.submit(checks(50)).all_accepted()
        assert pool._restarts == signature_pool.RUNS_LOST_MAX


def test_a_worker_that_talks_nonsense_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signature_pool, "_COMMAND", "print('nonsense', flush=True); input()")
    monkeypatch.setattr(signature_pool, "RESTARTS_MAX", 1)
    with SignaturePool(1) as pool:
        assert pool.submit(checks(50)).all_accepted()


def test_no_program_to_start_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with SignaturePool(2) as pool:
        assert pool.process_ids == []
        assert pool.submit(checks(10)).all_accepted()


# --------------------------------------------------------------------------------------------------- ends


def test_closing_ends_the_workers_and_answers_what_is_open() -> None:
    pool = SignaturePool(2)
    process_ids = pool.process_ids
    pending = pool.submit(checks(2_000, bad=frozenset({1_999})))
    pool.close()
    pool.close()
    assert not any(_is_alive(process_id) for process_id in process_ids)
    assert pending.first_refused() == 1_999
    with pytest.raises(ValueError, match="closed"):
        pool.submit(checks(1))


def test_workers_end_when_their_parent_is_killed() -> None:
    """In a script without a main guard, which is how people write scripts."""
    script = (
        "import time\n"
        "from counterfoil.engine.signature_pool import SignaturePool\n"
        "pool = SignaturePool(2)\n"
        "print(*pool.process_ids, flush=True)\n"
        "time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        workers = [int(word) for word in parent.stdout.readline().split()]
        assert len(workers) == 2
        assert all(_is_alive(process_id) for process_id in workers)
        parent.kill()
    deadline = time.monotonic() + 10
    while any(_is_alive(process_id) for process_id in workers):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_an_orphan_whose_pipe_stays_open_ends_too() -> None:
    """A process forked off the parent may hold the pipe open; the worker looks for its parent as well."""
    command = [sys.executable, "-c", signature_pool._COMMAND, str(2**30), *sys.path]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as worker:
        assert worker.wait(10) == 0


def test_the_default_is_a_worker_for_each_processor() -> None:
    assert 1 <= usable_processors() <= (os.cpu_count() or 1)
    with SignaturePool() as pool:
        assert len(pool.process_ids) == usable_processors()


def _is_alive(process_id: int) -> bool:
    try:
        with open(f"/proc/{process_id}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
