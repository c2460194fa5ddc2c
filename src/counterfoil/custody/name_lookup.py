"""Looking keys up in DNS: one question to one server, and DNSSEC checked here, not by whoever answers.

From a trust anchor above the name the chain is followed down, zone by zone: DS in the parent, DNSKEY in the child, then
the record; each signed, in time, by the zone that it stands in. A zone below a signed one counts as unsigned only where
the parent proves so (NSEC or NSEC3 without DS); a signature that is missing or does not fit is never taken for "no
DNSSEC". Answers that stand for many names (wildcards, CNAME) are not followed: a record is published for its name.
The package `dnspython` is needed, and imported only here: pip install 'counterfoil[dns]'.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any, Final, NamedTuple

from counterfoil.custody.key_store import KeyStoreError
from counterfoil.custody.names import LABEL, TEXT_BYTES_MAX, VERSION, NameRecord, canonical_name, read_record

try:
    import dns.dnssec
    import dns.exception
    import dns.flags
    import dns.message
    import dns.name
    import dns.query
    import dns.rcode
    import dns.rdata
    import dns.rdataclass
    import dns.rdatatype
    import dns.rrset
except ImportError:  # said by whoever asks
    _MISSING = True
else:
    _MISSING = False

ROOT_ANCHORS: Final = (
    ". IN DS 20326 8 2 E06D44B80B8F1D39A95C0B0D7C65D08458E880409BBC683457104237C7F8EC8D",
    ". IN DS 38696 8 2 683D2D0ACB8C9B712A1948B27F741219298D0A450D612C483AF444A4C0FB2B16",
)
"""The keys of the root as IANA publishes them (KSK-2017 and KSK-2024)."""
TIMEOUT_SECONDS: Final = 5.0
PAYLOAD_BYTES: Final = 1_232
"""Of an answer by UDP, so that it is not cut into pieces on the way; longer ones come by TCP."""
RECORDS_MAX: Final = 16
SIGNATURES_MAX: Final = 8
"""Of one set of records: an answer must not make us check keys against signatures without end."""
DEPTH_MAX: Final = 16
"""Labels below the trust anchor."""
ITERATIONS_MAX: Final = 150
"""Of NSEC3; RFC 9276 wants none at all."""
DIGESTS: Final = (2, 4)
"""SHA-256 and SHA-384; a DS with SHA-1 alone is no proof."""


class NameLookupError(KeyStoreError):
    """Nothing that may be used was found; the message says what was wrong and what to do."""


class Security(StrEnum):
    """SECURE: signed from a trust anchor down to the record. UNSIGNED: a signed parent proves that the zone is not.
    UNCHECKED: no trust anchor stands above the name."""

    SECURE = "secure"
    UNSIGNED = "unsigned"
    UNCHECKED = "unchecked"


class Found(NamedTuple):
    record: NameRecord
    security: Security


class Server(NamedTuple):
    """Whom to ask: an IP address and a port."""

    host: str
    port: int = 53


class Anchors:
    """Trust anchors: DS or DNSKEY records in the form of a zone file, one a line; lines that begin with ; are notes."""

    def __init__(self, lines: Iterable[str] = ROOT_ANCHORS) -> None:
        _require_library()
        self.by_zone: dict[Any, list[Any]] = {}
        for line in lines:
            text = line.strip()
            if not text or text.startswith(";"):
                continue
            try:
                zone, kind, rdata = _anchor(text)
            except (dns.exception.DNSException, ValueError):
                raise NameLookupError(
                    f"{text[:80]!r} is no trust anchor: ZONE IN DS ... or ZONE IN DNSKEY ..."
                ) from None
            self.by_zone.setdefault(zone, []).append((kind, rdata))

    def above(self, name: Any) -> Any:
        """The nearest zone above a name (or the name itself) that has an anchor; None where none has."""
        while True:
            if name in self.by_zone:
                return name
            if name == dns.name.root:
                return None
            name = name.parent()


def look_up(
    name: str,
    server: Server,
    anchors: Anchors,
    *,
    now_s: int | None = None,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> Found:
    """The keys published under a name. NameLookupError, or NameRecordError where the record itself may not be used."""
    _require_library()
    now = int(time.time()) if now_s is None else now_s
    host = canonical_name(name)
    asked = dns.name.from_text(f"{LABEL}.{host}.")
    asking = _Asking(server, timeout_seconds, now)
    zone, keys, security = _zone_of(asked, asking, anchors)
    answer = asking.ask(asked, dns.rdatatype.TXT)
    records = _set_in(answer.answer, asked, dns.rdatatype.TXT)
    if records is None:
        raise NameLookupError(f"There is no record under {LABEL}.{host}; ask its owner to publish one.")
    if security is Security.SECURE:
        _check_signed(answer.answer, records, zone, keys, now)
    texts = [text for text in map(_text, records) if text.startswith(f"v={VERSION};")]
    if len(texts) != 1:
        raise NameLookupError(
            f"Under {LABEL}.{host} stand {len(texts)} records of this format, where one belongs."
        )
    return Found(read_record(host, texts[0], now), security)


# ---- the chain


def _zone_of(asked: Any, asking: _Asking, anchors: Anchors) -> tuple[Any, Any, Security]:
    """The zone that a name stands in, its keys, and whether they are trusted."""
    zone = anchors.above(asked)
    if zone is None:
        return None, None, Security.UNCHECKED
    keys = asking.keys_of(zone, anchors.by_zone[zone])
    if len(asked.labels) - len(zone.labels) > DEPTH_MAX:
        raise NameLookupError(f"The name has more than {DEPTH_MAX} labels below its trust anchor.")
    for labels in range(len(zone.labels) + 1, len(asked.labels)):
        _, below = asked.split(labels)
        answer = asking.ask(below, dns.rdatatype.DS)
        delegation = _set_in(answer.answer, below, dns.rdatatype.DS)
        if delegation is not None:
            _check_signed(answer.answer, delegation, zone, keys, asking.now)
            keys = asking.keys_of(below, [(dns.rdatatype.DS, one) for one in delegation])
            zone = below
        elif _is_unsigned(answer, below, zone, keys, asking.now):
            return None, None, Security.UNSIGNED
    return zone, keys, Security.SECURE


def _is_unsigned(answer: Any, name: Any, zone: Any, keys: Any, now: int) -> bool:
    """Whether the zone proves that an unsigned zone begins at the name; False where it proves that none does."""
    for rrset in answer.authority:
        if rrset.rdtype not in (dns.rdatatype.NSEC, dns.rdatatype.NSEC3) or not rrset.name.is_subdomain(zone):
            continue
        if len(rrset) != 1:
            continue
        if rrset.rdtype == dns.rdatatype.NSEC3 and rrset[0].iterations > ITERATIONS_MAX:
            continue
        _check_signed(answer.authority, rrset, zone, keys, now)
        proof = rrset[0]
        matches, covers = _relation(rrset.name, proof, name, zone)
        if matches:
            if _has_type(proof, dns.rdatatype.DS) or _has_type(proof, dns.rdatatype.SOA):
                raise _forged(name, "what is said of its delegation contradicts itself")
            return _has_type(proof, dns.rdatatype.NS)
        if covers:
            if rrset.rdtype == dns.rdatatype.NSEC3 and proof.flags & 1:
                raise NameLookupError(
                    f"Whether {name} is signed cannot be shown: its parent lists signed zones only (opt-out)."
                    " Name a trust anchor of its own."
                )
            return False
    raise _forged(name, "no proof that it is not signed")


def _relation(owner: Any, proof: Any, name: Any, zone: Any) -> tuple[bool, bool]:
    """(the proof is about the name itself, the name falls into the gap that it proves)."""
    if proof.rdtype == dns.rdatatype.NSEC:
        if owner == name:
            return True, False
        after = owner < name
        before = name < proof.next or proof.next == zone
        return False, after and before
    hashed = dns.dnssec.nsec3_hash(name, proof.salt or b"", proof.iterations, proof.algorithm)
    here = owner.labels[0].decode("ascii").upper()
    if here == hashed:
        return True, False
    following = proof.next_name().labels[0].decode("ascii").upper()
    inside = here < hashed < following if here < following else hashed > here or hashed < following
    return False, inside


def _has_type(proof: Any, rdtype: Any) -> bool:
    for window, bitmap in proof.windows:
        if window == rdtype >> 8:
            index = (rdtype & 0xFF) >> 3
            return index < len(bitmap) and bool(bitmap[index] & (0x80 >> (rdtype & 7)))
    return False


def _check_signed(section: Any, rrset: Any, zone: Any, keys: Any, now: int) -> None:
    """NameLookupError unless a signature of the zone fits the set, is in time, and was made for this very name."""
    covering = _signatures_in(section, rrset)
    if covering is None:
        raise _forged(rrset.name, "its signature is missing")
    if len(covering) > SIGNATURES_MAX or len(rrset) > RECORDS_MAX:
        raise _forged(rrset.name, "there is more of it than anybody signs")
    labels = len(rrset.name.labels) - 1 - rrset.name.is_wild()
    if any(one.labels != labels or one.signer != zone for one in covering):
        raise _forged(rrset.name, "its signature is another zone's, or stands for many names")
    if not any(one.inception <= now < one.expiration for one in covering):
        raise _forged(rrset.name, "its signature has expired, or is not in force yet")
    try:
        dns.dnssec.validate(rrset, covering, keys, now=now)
    except dns.exception.DNSException as error:
        raise _forged(rrset.name, str(error) or type(error).__name__) from None


def _signatures_in(section: Any, rrset: Any) -> Any:
    for one in section:
        if one.rdtype == dns.rdatatype.RRSIG and one.name == rrset.name and one.covers == rrset.rdtype:
            return one
    return None


def _set_in(section: Any, name: Any, rdtype: Any) -> Any:
    for one in section:
        if one.name == name and one.rdtype == rdtype:
            return one
    return None


def _forged(name: Any, why: str) -> NameLookupError:
    return NameLookupError(
        f"DNSSEC: the answer for {name} is not to be trusted: {why}. Somebody on the way changed it, or its zone is"
        " badly signed; ask its owner by another way."
    )


# ---- asking


class _Asking:
    """Questions to one server."""

    def __init__(self, server: Server, timeout_seconds: float, now: int) -> None:
        self._server = server
        self._timeout_seconds = timeout_seconds
        self.now = now

    def ask(self, name: Any, rdtype: Any) -> Any:
        """The answer, by UDP, or by TCP where it is too long. What belongs to no question of ours is passed over."""
        question = dns.message.make_query(name, rdtype, want_dnssec=True, payload=PAYLOAD_BYTES)
        question.flags |= dns.flags.CD
        try:
            answer, _ = dns.query.udp_with_fallback(
                question,
                self._server.host,
                timeout=self._timeout_seconds,
                port=self._server.port,
                ignore_unexpected=True,
                ignore_errors=True,
            )
        except (dns.exception.DNSException, OSError, EOFError) as error:
            raise NameLookupError(
                f"No answer for {name} from {self._server.host}, port {self._server.port}: {type(error).__name__}."
            ) from None
        if answer.rcode() not in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN):
            raise NameLookupError(
                f"{self._server.host} cannot answer for {name}: {dns.rcode.to_text(answer.rcode())}."
            )
        return answer

    def keys_of(self, zone: Any, trusted: list[Any]) -> Mapping[Any, Any]:
        """The zone's keys, signed by one that a trusted DS or DNSKEY record names."""
        answer = self.ask(zone, dns.rdatatype.DNSKEY)
        keys = _set_in(answer.answer, zone, dns.rdatatype.DNSKEY)
        if keys is None:
            raise _forged(zone, "its keys are missing")
        if len(keys) > RECORDS_MAX:
            raise _forged(zone, "it has more keys than any zone has")
        named = [key for key in keys if any(_names(kind, one, zone, key) for kind, one in trusted)]
        if not named:
            raise _forged(zone, "none of its keys is the one that its parent, or the trust anchor, names")
        entry = dns.rrset.from_rdata_list(zone, keys.ttl, named)
        _check_signed(answer.answer, keys, zone, {zone: entry}, self.now)
        return {zone: keys}


def _names(kind: Any, trusted: Any, zone: Any, key: Any) -> bool:
    if kind == dns.rdatatype.DNSKEY:
        return bool(trusted == key)
    if trusted.digest_type not in DIGESTS or trusted.key_tag != dns.dnssec.key_id(key):
        return False
    return bool(dns.dnssec.make_ds(zone, key, trusted.digest_type) == trusted)


def _anchor(text: str) -> tuple[Any, Any, Any]:
    zone, *rest = text.split()
    while rest and (rest[0].upper() == "IN" or rest[0].isdecimal()):
        rest.pop(0)
    kind = dns.rdatatype.from_text(rest[0]) if rest else dns.rdatatype.NONE
    if kind not in (dns.rdatatype.DS, dns.rdatatype.DNSKEY):
        raise ValueError("neither DS nor DNSKEY")
    rdata = dns.rdata.from_text(dns.rdataclass.IN, kind, " ".join(rest[1:]))
    return dns.name.from_text(zone), kind, rdata


def _text(record: Any) -> str:
    data = b"".join(record.strings)
    return data.decode("ascii", errors="replace") if len(data) <= TEXT_BYTES_MAX else ""


def default_server() -> Server:
    """The first that this machine is set up to ask."""
    _require_library()
    from dns.resolver import NoResolverConfiguration, get_default_resolver

    try:
        return Server(str(get_default_resolver().nameservers[0]))
    except (NoResolverConfiguration, IndexError, OSError):
        raise NameLookupError("This machine names no server of DNS; say which to ask.") from None


def _require_library() -> None:
    if _MISSING:
        raise NameLookupError("Looking up names needs one more package: pip install 'counterfoil[dns]'")
