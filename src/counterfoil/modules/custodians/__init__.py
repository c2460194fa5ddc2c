"""What custodians of keys state about each use of a key: a trail that can only grow."""

from __future__ import annotations

from counterfoil.modules.custodians import invariants
from counterfoil.modules.custodians.facts import KeyUsed, TrailRecorded
from counterfoil.modules.custodians.messages import RecordTrail
from counterfoil.modules.custodians.records import TRAILS
from counterfoil.modules.custodians.rejects import CustodiansReject
from counterfoil.modules.custodians.rules import record_trail
from counterfoil.modules.module import Module

MODULE = Module(
    name="custodians",
    tables=(TRAILS,),
    rules={RecordTrail: record_trail},
    facts=(TrailRecorded, KeyUsed),
    rejects=CustodiansReject,
    invariants=(invariants.check,),
)
