"""A whole ledger whose storage key is changed again and again under load, sealed and not: the books are a replay's."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from counterfoil.node import storage_key
from counterfoil.node.ledger import open_ledger
from counterfoil.node.storage_key import StorageKeyWatch, finish_changes
from counterfoil.storage.at_rest import VARIABLE, AtRest, new_storage_key
from counterfoil.storage.key_change import ask_for_change
from tests.faults.ledgers import KEY, Acknowledged, check_sound, make_ledger, transactions
from tests.model.desk import SECRETS

CHANGES = 4
SECONDS = 60


@pytest.mark.parametrize("sealed", [True, False])
def test_the_key_changes_under_load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sealed: bool) -> None:
    monkeypatch.setattr(storage_key, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(storage_key, "LET_GO_SECONDS", 0.05)
    folder = tmp_path / "ledger"
    make_ledger(folder, sealed=sealed)
    raws = transactions(folder, 400, 1, sealed=sealed)
    told: list[str] = []
    keys = [bytes.fromhex(KEY)]
    acknowledged: list[Acknowledged] = []
    with open_ledger(folder, workers=0, scheduled=False) as node, StorageKeyWatch(node, told.append):
        for number, raw in enumerate(raws):
            height, outcome = node.engine.submit(raw).result()
            acknowledged.append(Acknowledged(outcome.result.id, height, outcome.result.number))
            at_rest = AtRest.load(folder, mend=False)
            if len(keys) <= CHANGES and at_rest.in_force == len(keys) and number % 20 == 0:
                keys.append(new_storage_key())
                ask_for_change(folder, keys[-2], keys[-1], None)
        for _ in range(SECONDS * 100):
            if AtRest.load(folder, mend=False).in_force == len(keys):
                break
            time.sleep(0.01)
    assert len(keys) > 2
    assert len(told) == 2 * (len(keys) - 1)
    monkeypatch.setenv(VARIABLE, keys[-1].hex())
    monkeypatch.setattr("tests.faults.ledgers.KEY", keys[-1].hex())
    check_sound(folder, acknowledged)
    with open_ledger(folder, workers=0, start=False) as node:
        finish_changes(node)
        node.store.examine()  # type: ignore[attr-defined]
        assert node.secrets == SECRETS
