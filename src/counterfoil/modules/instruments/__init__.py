"""Instruments: what can be held, by whom it was issued, what it is called, and the terms in force."""

from __future__ import annotations

from counterfoil.modules.instruments import facts, rules
from counterfoil.modules.instruments.deadlines import put_terms_into_force
from counterfoil.modules.instruments.invariants import check, check_all
from counterfoil.modules.instruments.messages import (
    AmendTerms,
    AnnounceInstrument,
    AppointRegistrar,
    CancelInstrument,
    MatureInstrument,
    RedeemInstrument,
    ResumeInstrument,
    SuspendInstrument,
)
from counterfoil.modules.instruments.records import (
    AMENDING_MARKETS,
    AMENDMENTS_DUE,
    EQUITY_CLASSES,
    IDENTIFIERS,
    INSTRUMENTS,
    TERMS,
)
from counterfoil.modules.instruments.rejects import InstrumentsReject
from counterfoil.modules.module import Module

MODULE = Module(
    name="instruments",
    tables=(INSTRUMENTS, TERMS, IDENTIFIERS, EQUITY_CLASSES, AMENDMENTS_DUE, AMENDING_MARKETS),
    rules={
        AnnounceInstrument: rules.announce,
        AmendTerms: rules.amend_terms,
        SuspendInstrument: rules.suspend,
        ResumeInstrument: rules.resume,
        MatureInstrument: rules.mature,
        RedeemInstrument: rules.redeem,
        CancelInstrument: rules.cancel,
        AppointRegistrar: rules.appoint_registrar,
    },
    facts=(
        facts.InstrumentAnnounced,
        facts.TermsAmended,
        facts.TermsInForce,
        facts.InstrumentStatusChanged,
        facts.RegistrarAppointed,
    ),
    rejects=InstrumentsReject,
    deadlines=(put_terms_into_force,),
    invariants=(check,),
    full_checks=(check_all,),
)
