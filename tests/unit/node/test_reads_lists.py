"""Lists in pages, labels, statuses in words, and parameters that do not fit."""

from __future__ import annotations

import pytest

from counterfoil.node.reads import READS, answer_read
from counterfoil.node.refusals import NodeRefusal, Refused
from counterfoil.primitives.codec import encode
from counterfoil.sdk import LedgerError, NotVisible, Sandbox
from tests.unit.node.cast import OTHER_ISIN, SHARE_ISIN, Cast


def test_a_register_comes_in_pages_as_of_one_moment(cast: Cast) -> None:
    issuer = cast.client("issuer")
    whole = issuer.register_page(cast.share)
    assert whole.holders == len(whole.lines) > 5
    assert whole.next == b""
    for limit in (1, 2, len(whole.lines) - 1, len(whole.lines)):
        lines, after = [], b""
        while True:
            page = issuer.register_page(cast.share, whole.moment.height, after=after, limit=limit)
            assert (page.holders, page.outstanding) == (whole.holders, 100_000)
            lines += page.lines
            after = page.next
            if not after:
                break
            assert len(page.lines) == limit
        assert tuple(lines) == whole.lines
    sorted_lines = issuer.register(cast.share)
    totals = [line.available + line.earmarked for line in sorted_lines]
    assert totals == sorted(totals, reverse=True)
    assert sum(totals) == whole.outstanding == 100_000
    assert set(sorted_lines) == set(whole.lines)
    names = {line.owner_name for line in whole.lines}
    assert {"issuer", "broker-a"} <= names
    assert whole.instrument.isin == SHARE_ISIN


def test_a_page_begins_behind_a_holder_and_nowhere_else(cast: Cast) -> None:
    """An account that is not on the register would tell by the page where it lies, and that it is there."""
    issuer = cast.client("issuer")
    former = cast.accounts["former's"]
    for after in (former, cast.accounts["broker-b's"], b"n" * 20, b"short"):
        with pytest.raises(NotVisible):
            issuer.register_page(cast.other_share, after=after)
    held = cast.allotted.height
    page = issuer.register_page(cast.share, held, after=former)
    everybody = [line.account_id for line in issuer.register_page(cast.share, held).lines]
    assert [line.account_id for line in page.lines] == everybody[everybody.index(former) + 1 :]
    with pytest.raises(NotVisible):
        issuer.register_page(cast.share, after=former)


def test_instruments_come_in_pages(cast: Cast) -> None:
    lines = cast.nobody.instruments()
    assert {line.label.isin for line in lines} == {SHARE_ISIN, OTHER_ISIN, ""}
    pages, first = [], 0
    while True:
        page = cast.nobody.read("instruments", first=first, limit=1)
        pages += page.instruments
        first = page.next
        if not first:
            break
    assert pages == lines


def test_an_instruction_says_its_status_in_words(cast: Cast) -> None:
    line = cast.client("broker-b").instruction(cast.purchase)
    assert (line.matching, line.code, line.settlement) == ("UMTCHD", "CMIS", "")
    assert line.words.endswith(".")
    assert line.remedy.endswith(".")
    assert (line.quantity, line.amount, line.movement, line.method) == (20, 1_000, "RECE", "DVP")


def test_instructions_by_party_account_and_market(cast: Cast) -> None:
    regulator = cast.client("regulator")
    _, delivery, receipt = cast.client_deals[1].objects

    def found(**asked: object) -> list[bytes]:
        return [line.instruction_id for line in regulator.instructions(**asked)]

    assert found() == [cast.sale, cast.purchase, delivery, receipt, cast.of_suspended, cast.of_moved]
    assert found(party="broker-b") == [cast.purchase, receipt, cast.of_moved]
    assert found(account=cast.accounts["client-a's"]) == [cast.sale, delivery]
    assert regulator.instructions(market="XOTH") == []


def test_a_trade_and_a_proposal_as_they_wait(cast: Cast) -> None:
    trade = cast.client("broker-b").trade(cast.trade)
    assert (trade.status, trade.version, trade.terms.quantity) == ("RECORDED", 1, 10)
    (proposal,) = cast.client("notary").proposals()
    assert proposal.messages == ("WithdrawAsset",)
    assert (len(proposal.approved), len(proposal.missing)) == (1, 2)
    assert cast.client("notary").proposals(signer=b"s" * 20) == ()


def test_party_details(cast: Cast) -> None:
    own = cast.client("broker-a").party_details("broker-a")
    assert own.line.roles == ("SECURITIES_COMPANY",)
    assert {user.duty for user in own.users} == {"MAKER", "CHECKER"}
    assert own.above == (cast.parties["regulator"],)
    assert own.stopped_by == b""
    assert (
        cast.client("client-s").party_details(cast.parties["client-s"]).stopped_by == cast.parties["broker-s"]
    )


def test_markets(cast: Cast) -> None:
    market = cast.nobody.market("XMKT")
    assert (market.is_open, market.business_date, market.operator) == (
        True,
        20240102,
        cast.parties["exchange"],
    )
    with pytest.raises(LedgerError):
        cast.nobody.market("XXXX")


def test_personas_of_a_sandbox() -> None:
    with Sandbox(seeded=False) as sandbox:
        found = {persona.name: persona for persona in sandbox.client("regulator").personas()}
        assert all(persona.party for persona in found.values())
        assert len(found["depository"].keys) == 2


@pytest.mark.parametrize("name", READS)
def test_every_read_refuses_parameters_that_do_not_fit(cast: Cast, name: str) -> None:
    for params in (b"", b"\xc1", encode(7), encode({"no such": 1}), encode([1]), b"\x81" * 10_000):
        with pytest.raises(Refused) as caught:
            answer_read(cast.node, b"", name, params)
        assert caught.value.code is NodeRefusal.PARAMETERS_ARE_WRONG


def test_a_read_that_is_none(cast: Cast) -> None:
    with pytest.raises(Refused) as caught:
        answer_read(cast.node, b"", "everything", encode({}))
    assert caught.value.code is NodeRefusal.READ_IS_UNKNOWN


@pytest.mark.parametrize("name", READS)
def test_every_read_says_what_it_is_for(name: str) -> None:
    assert READS[name].text.splitlines()[0].endswith(".")


@pytest.mark.parametrize("limit", [0, -1, 10_001])
@pytest.mark.parametrize("name", ["instruments", "parties", "instructions", "trades"])
def test_pages_are_bounded(cast: Cast, name: str, limit: int) -> None:
    with pytest.raises(LedgerError) as caught:
        cast.client("regulator").read(name, limit=limit)
    assert caught.value.name == "PARAMETERS_ARE_WRONG"


def test_how_much_waits_is_told_to_those_alone_who_oversee_it(cast: Cast) -> None:
    """Whoever operates one of two markets sees not what waits in the other."""
    assert sum(cast.client("regulator").status().waiting.values()) > 0
    for name in ("nobody", "broker-a", "issuer", "depository", "exchange", "other-exchange"):
        assert cast.client(name).status().waiting == {}
