"""Reference data, now and as of past blocks, on a committed state."""

from __future__ import annotations

from counterfoil.modules.instruments import queries
from counterfoil.modules.instruments.messages import SuspendInstrument
from counterfoil.modules.instruments.records import Identifier, InstrumentStatus
from tests.unit.holdings.kept import KeptDesk
from tests.unit.instruments.desk import DEPOSITORY, IBM, LATER, NOBODY, TODAY, TOMORROW


def test_reference_data_is_kept_through_its_history() -> None:
    desk = KeptDesk()
    state, share = desk.kept, desk.share
    figi = Identifier("FIGI", "BBG1")
    desk.amended(share, TOMORROW, name="Renamed", identifiers=(figi,))
    desk.amended(share, LATER, name="Renamed again")
    desk.check()
    desk.markets.dates["XTST"] = TOMORROW
    desk.next_block()
    desk.check()
    desk.act(SuspendInstrument(share, DEPOSITORY), DEPOSITORY)
    desk.check()

    assert queries.instrument_of_identifier(state, "ISIN", IBM.value) is None
    assert queries.instrument_of_identifier(state, "ISIN", IBM.value, 2) == share
    assert queries.instrument_of_identifier(state, "FIGI", "BBG1") == share
    assert queries.instrument_of_identifier(state, "FIGI", "BBG1", 2) is None
    accepted = queries.terms(state, share)
    assert [(found.version, found.accepted.effective_from, found.in_force) for found in accepted] == [
        (1, TODAY, True),
        (2, TOMORROW, True),
        (3, LATER, False),
    ]
    assert [found.in_force for found in queries.terms(state, share, 2)] == [True, False, False]
    names = [queries.terms_on(state, share, date) for date in (TODAY, TOMORROW, LATER)]
    assert [found.accepted.terms.name for found in names if found is not None] == [
        "International Business Machines",
        "Renamed",
        "Renamed again",
    ]
    assert queries.terms_on(state, share, TODAY - 1) is None
    assert queries.terms(state, NOBODY) == []
    changes = queries.history(state, share)
    assert changes[0].instrument.status is InstrumentStatus.SUSPENDED
    assert [change.height for change in changes] == sorted((c.height for c in changes), reverse=True)
    assert changes[-1].instrument.terms_version == 1
    assert queries.instruments(state) == [(share, changes[0].instrument)]
    assert queries.instrument(state, share, 1) == changes[-1].instrument
