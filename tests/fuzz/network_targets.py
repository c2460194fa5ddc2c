"""What a verifier and a follower take from strangers under consensus: proofs, light blocks, trust files, blocks."""

from __future__ import annotations

import json
from random import Random

from counterfoil.node.following import Checked, DoesNotFit, FollowedBlock, check_next
from counterfoil.primitives.codec import Decoder, Malformed, encode
from counterfoil.state.proof_files import encode_proof
from counterfoil.verify import ProofRefused, Trust, verify_proof
from counterfoil.verify.light.files import FileProvider, write_handover, write_light_blocks
from counterfoil.verify.light.json_form import read_light_block
from counterfoil.verify.light.refusals import Invalid
from counterfoil.verify.light.steps import SECOND_NS, Rules, TrustedState, judge
from tests.fuzz.mangling import mangled, mangled_json, refused
from tests.vectors.cometbft.followed import followed_blocks, handover
from tests.vectors.cometbft.recorded import raw, recorded
from tests.vectors.cometbft.replayed import newest_signed, prover, replayed

_FOLLOWED = Decoder(FollowedBlock)


class NetworkDoors:
    """The doors of the recorded chain."""

    def __init__(self) -> None:
        self._real = recorded()
        self._trust = Trust.in_genesis(self._real.genesis)
        self._believing = self._trust.believing(write_handover(handover()))
        self._proofs = [
            encode_proof(prover(replayed()).header(sealed=number)) for number in (3, 6, newest_signed())
        ]
        self._files = [write_handover(handover()), write_light_blocks(self._real.light_blocks[5:8])]
        self._answers = [json.dumps(one).encode() for one in raw()["light_blocks"]]
        self._blocks = followed_blocks()
        self._checked = [Checked()]
        for block in self._blocks:
            self._checked.append(check_next(self._believing, self._checked[-1], block))

    def network_proof(self, chance: Random) -> str:
        good = chance.choice(self._proofs)
        data = mangled_json(good, chance) if chance.random() < 0.7 else mangled([good], chance)
        with refused(ProofRefused) as answer:
            found = verify_proof(data, self._trust)
            headers = [*(one.header for one in self._real.sealed), *(one for _, one in self._real.decided)]
            assert found.sealed in headers, "a changed proof was believed"
        return answer[0]

    def believed_file(self, chance: Random) -> str:
        good = chance.choice(self._files)
        data = mangled_json(good, chance) if chance.random() < 0.7 else mangled([good], chance)
        with refused(ValueError) as answer:
            self._trust.believing(data)
            assert data in self._files or b"light-blocks" in data, "a changed handover was believed"
        with refused(Malformed):
            FileProvider(data)
        return answer[0]

    def light_block_answer(self, chance: Random) -> str:
        """What a node of a network might answer; a step is judged, whatever it is."""
        good = chance.choice(self._answers)
        data = mangled_json(good, chance) if chance.random() < 0.7 else mangled([good], chance)
        with refused(Invalid, KeyError, TypeError, ValueError) as answer:
            content = json.loads(data)
            block = read_light_block(content["commit"]["signed_header"], content["validators"]["validators"])
            trusted = TrustedState.after(self._real.light_blocks[0])
            now_ns = self._real.light_blocks[-1].header.at_ns + SECOND_NS
            answer[0] = judge(trusted, block, Rules(), now_ns).verdict
        return answer[0]

    def followed_block(self, chance: Random) -> str:
        at = chance.randrange(len(self._blocks))
        data = mangled([encode(self._blocks[at])], chance)
        with refused(Malformed, DoesNotFit) as answer:
            check_next(self._believing, self._checked[at], _FOLLOWED.exact(data))
        return answer[0]
