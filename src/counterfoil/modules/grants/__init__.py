"""Views that are granted explicitly, with purpose and expiry; and how far nodes' logs of reads are."""

from counterfoil.modules.grants import deadlines, facts, invariants, messages, rules
from counterfoil.modules.grants.records import GRANTS, GRANTS_OF, LAPSES, READ_LOGS, VIEWS
from counterfoil.modules.grants.rejects import GrantsReject
from counterfoil.modules.module import Module

MODULE = Module(
    name="grants",
    tables=(GRANTS, VIEWS, LAPSES, GRANTS_OF, READ_LOGS),
    rules={
        messages.GrantView: rules.grant_view,
        messages.RevokeView: rules.revoke_view,
        messages.RecordReadLog: rules.record_read_log,
    },
    facts=(facts.ViewGranted, facts.ViewRevoked, facts.ViewLapsed, facts.ReadLogRecorded),
    rejects=GrantsReject,
    deadlines=(deadlines.lapse_views,),
    invariants=(invariants.check,),
    full_checks=(invariants.check_all,),
)
