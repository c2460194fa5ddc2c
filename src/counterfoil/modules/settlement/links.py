"""Links between one member's instructions. Each link stands at both ends, so that either can be found and undone."""

from __future__ import annotations

from msgspec.structs import replace

from counterfoil.modules.module import ActionContext
from counterfoil.modules.settlement.books import SettlementBooks
from counterfoil.modules.settlement.checks import authorise_side, given_up
from counterfoil.modules.settlement.endings import reference_key
from counterfoil.modules.settlement.judging import account_of
from counterfoil.modules.settlement.records import (
    LINKAGES_MAX,
    LINKS_MAX,
    REFERENCE_LENGTH_MAX,
    Instruction,
    Link,
    Linkage,
    Movement,
    Position,
)
from counterfoil.modules.settlement.rejects import SettlementReject
from counterfoil.primitives.codec import Message
from counterfoil.primitives.outcome import Rejected

_MIRRORED = {
    Position.AFTER: Position.BEFORE,
    Position.BEFORE: Position.AFTER,
    Position.WITH: Position.WITH,
}


def check_linkages(
    books: SettlementBooks,
    context: ActionContext,
    message: type[Message],
    party: bytes,
    instruction_id: bytes,
    linkages: tuple[Linkage, ...],
) -> tuple[Link, ...]:
    """The links that a member's linkages mean. instruction_id: b"" while the instruction is not born.

    A new link that binds the other instruction too needs authority over that one's account: else whoever may use one
    of a member's accounts could hold up its others. Rejected, in this order: TOO_MANY_LINKAGES, then for each linkage
    REFERENCE_IS_MALFORMED, LINKED_INSTRUCTION_NOT_FOUND, LINKAGE_IS_CIRCULAR, TOO_MANY_LINKS, as `authorise_side`.
    """
    if len(linkages) > LINKAGES_MAX:
        raise Rejected(SettlementReject.TOO_MANY_LINKAGES, linkages=len(linkages))
    links: list[Link] = []
    for linkage in linkages:
        if not 0 < len(linkage.reference) <= REFERENCE_LENGTH_MAX:
            raise Rejected(SettlementReject.REFERENCE_IS_MALFORMED)
        found = books.references.find(reference_key(party, linkage.reference))
        other = books.instructions.find(found.instruction) if found is not None else None
        if found is None or other is None:
            raise Rejected(SettlementReject.LINKED_INSTRUCTION_NOT_FOUND, reference=linkage.reference)
        other_id = found.instruction
        if other_id == instruction_id or any(link.instruction == other_id for link in links):
            raise Rejected(SettlementReject.LINKAGE_IS_CIRCULAR, reference=linkage.reference)
        if linkage.position is not Position.INFORMATION and len(other.links) >= LINKS_MAX:
            raise Rejected(SettlementReject.TOO_MANY_LINKS, reference=linkage.reference)
        if linkage.position is not Position.INFORMATION and not _is_bound_so(
            other, instruction_id, linkage.position
        ):
            worth = given_up(other.movement is Movement.DELIVER, other.quantity, other.amount)
            account = account_of(books, other.account)
            authorise_side(books, context, party, other.account, account, message, worth)
        links.append(Link(linkage.position, other_id))
    return tuple(links)


def _is_bound_so(other: Instruction, instruction_id: bytes, position: Position) -> bool:
    """Whether the other instruction bears the other end of the link already: it was agreed to then."""
    return Link(_MIRRORED[position], instruction_id) in other.links


def tie(books: SettlementBooks, instruction_id: bytes, links: tuple[Link, ...]) -> None:
    """Set the other ends of new links."""
    for link in links:
        other = books.instructions.find(link.instruction)
        if other is not None and link.position is not Position.INFORMATION:
            mirrored = Link(_MIRRORED[link.position], instruction_id)
            books.instructions.put(link.instruction, replace(other, links=(*other.links, mirrored)))


def untie(books: SettlementBooks, instruction_id: bytes, links: tuple[Link, ...]) -> tuple[bytes, ...]:
    """Take away the other ends of links that go. Returns whose links changed: they may settle now."""
    changed: list[bytes] = []
    for link in links:
        other = books.instructions.find(link.instruction)
        if other is None or link.position is Position.INFORMATION:
            continue
        left = tuple(one for one in other.links if one.instruction != instruction_id)
        books.instructions.put(link.instruction, replace(other, links=left))
        changed.append(link.instruction)
    return tuple(changed)
