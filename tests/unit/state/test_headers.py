from hashlib import sha256

import pytest

from counterfoil.state.headers import CHUNK, HeaderHistory, history_leaf, history_root, root_from_path


def _digest(number: int) -> bytes:
    return sha256(number.to_bytes(4, "big")).digest()


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 1000, CHUNK, CHUNK + 1, 2 * CHUNK + 5])
def test_every_header_is_proven_in_every_later_history(size: int) -> None:
    history = HeaderHistory(_digest)
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
    history = HeaderHistory(_digest)
    for number in range(50):
        assert history.root() == history_root([history_leaf(_digest(n)) for n in range(number)])
        history.append(_digest(number))
