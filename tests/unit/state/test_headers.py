from hashlib import sha256

import pytest

from counterfoil.state import headers
from counterfoil.state.headers import CHUNK, HeaderHistory, history_leaf, history_root, root_from_path


def _digest(number: int) -> bytes:
    return sha256(number.to_bytes(4, "big")).digest()


def _leaves(chunk: int) -> bytes:
    numbers = range(chunk * CHUNK, chunk * CHUNK + CHUNK)
    return b"".join(history_leaf(_digest(number)) for number in numbers)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 1000, CHUNK, CHUNK + 1, 2 * CHUNK + 5])
def test_every_header_is_proven_in_every_later_history(size: int) -> None:
    history = HeaderHistory(_leaves)
    for number in range(2 * CHUNK + 5):
        history.append(_digest(number))
    root = history_root([history_leaf(_digest(number)) for number in range(size)])
    for number in {0, size // 2, size - 1}:
        path = history.path(number, size)
        assert root_from_path(history_leaf(_digest(number)), number, size, path) == root
        assert root_from_path(history_leaf(_digest(number + 1)), number, size, path) != root
        if path:
            assert root_from_path(history_leaf(_digest(number)), number, size, path[:-1]) != root


def test_the_running_root_is_the_root_over_all() -> None:
    history = HeaderHistory(_leaves)
    for number in range(50):
        assert history.root() == history_root([history_leaf(_digest(n)) for n in range(number)])
        history.append(_digest(number))


def test_a_history_is_taken_up_again_by_its_chunk_roots() -> None:
    whole = HeaderHistory(_leaves)
    chunks = []
    for number in range(2 * CHUNK + 5):
        whole.append(_digest(number))
        finished = whole.finished_chunk
        if finished is not None:
            assert (finished.number, finished.leaves) == (len(chunks), _leaves(len(chunks)))
            chunks.append(finished.root)
    again = HeaderHistory(_leaves)
    again.resume(chunks, [_digest(number) for number in range(2 * CHUNK, 2 * CHUNK + 5)])
    for size in (CHUNK - 1, CHUNK, 2 * CHUNK, 2 * CHUNK + 5):
        for number in (0, 700, size - 1):
            assert again.path(number, size) == whole.path(number, size)
    for history in (whole, again):
        history.append(_digest(9))
    assert again.root() == whole.root()


def test_no_more_than_a_few_chunks_stay_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(headers, "CHUNKS_KEPT", 2)
    asked: list[int] = []

    def leaves_of(chunk: int) -> bytes:
        asked.append(chunk)
        return _leaves(chunk)

    history = HeaderHistory(leaves_of)
    for number in range(3 * CHUNK):
        history.append(_digest(number))
    for number in (0, CHUNK, 1, 2 * CHUNK, 2, CHUNK):
        history.path(number, 3 * CHUNK)
    assert asked == [0, 1, 2, 1]
    assert len(history._kept) == 2
