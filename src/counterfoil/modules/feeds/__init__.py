"""Feeds: values that several observe, one median on the ledger."""

from __future__ import annotations

from counterfoil.modules.feeds import facts, rules
from counterfoil.modules.feeds.invariants import check, check_all
from counterfoil.modules.feeds.messages import DefineFeed, EndFeed, Observe
from counterfoil.modules.feeds.records import FEED_VALUES, FEEDS, OBSERVATIONS
from counterfoil.modules.feeds.rejects import FeedsReject
from counterfoil.modules.module import Module

MODULE = Module(
    name="feeds",
    tables=(FEEDS, FEED_VALUES, OBSERVATIONS),
    rules={DefineFeed: rules.define_feed, EndFeed: rules.end_feed, Observe: rules.observe},
    facts=(
        facts.FeedDefined,
        facts.FeedEnded,
        facts.ObservationEntered,
        facts.FeedValueRecorded,
        facts.FeedValueRefused,
    ),
    rejects=FeedsReject,
    invariants=(check,),
    full_checks=(check_all,),
)
