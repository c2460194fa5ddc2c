// What CometBFT 0.38.26 itself makes of vote extensions and validator sets. In a scratch folder:
//
//	cp .../tests/vectors/cometbft/extensions_and_sets.go main.go
//	go mod init made && go get github.com/cometbft/cometbft@v0.38.26 && go mod tidy
//	go run . > .../tests/vectors/cometbft/extensions_and_sets.json
package main

import (
	"encoding/hex"
	"encoding/json"
	"os"

	"github.com/cometbft/cometbft/crypto/ed25519"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
	"github.com/cometbft/cometbft/types"
)

type VoteExtension struct {
	ChainID   string `json:"chain_id"`
	Height    int64  `json:"height"`
	Round     int32  `json:"round"`
	Extension string `json:"extension"`
	SignBytes string `json:"sign_bytes"`
	Key       string `json:"key"`
	Address   string `json:"address"`
	Signature string `json:"signature"`
}
type Change struct {
	Key   string `json:"key"`
	Power int64  `json:"power"`
}
type Set struct {
	Updates []Change `json:"updates"`
	After   []Change `json:"after"`
}

func key(n byte) ed25519.PrivKey {
	seed := make([]byte, 32)
	for i := range seed {
		seed[i] = n
	}
	return ed25519.GenPrivKeyFromSecret(seed)
}

func main() {
	big := make([]byte, 300)
	for i := range big {
		big[i] = byte(i)
	}
	cases := []struct {
		c   string
		h   int64
		r   int32
		ext []byte
	}{
		{"test_chain_id", 1, 0, nil},
		{"test_chain_id", 1, 1, []byte("extension")},
		{"market-0123456789abcdef", 300, 0, []byte{0}},
		{"market-0123456789abcdef", 1 << 40, 7, big},
		{"a-chain-id-of-fifty-characters-is-the-longest-there", 9223372036854775807, 2147483647, big[:127]},
		{"", 2, 0, []byte("x")},
	}
	var vecs []VoteExtension
	for i, c := range cases {
		k := key(byte(i + 1))
		vote := &cmtproto.Vote{Type: cmtproto.PrecommitType, Height: c.h, Round: c.r, Extension: c.ext}
		sb := types.VoteExtensionSignBytes(c.c, vote)
		sig, _ := k.Sign(sb)
		vecs = append(vecs, VoteExtension{c.c, c.h, c.r, hex.EncodeToString(c.ext), hex.EncodeToString(sb),
			hex.EncodeToString(k.PubKey().Bytes()), hex.EncodeToString(k.PubKey().Address()), hex.EncodeToString(sig)})
	}
	// validator sets after updates, in CometBFT's order
	steps := [][]Change{
		{{"1", 10}, {"2", 10}, {"3", 30}},
		{{"4", 10}, {"1", 5}},
		{{"3", 0}, {"5", 10}},
		{{"2", 0}, {"6", 1000000000}},
		{{"1", 10}, {"4", 11}},
	}
	vs := types.NewValidatorSet(nil)
	var sets []Set
	for _, st := range steps {
		var ch []*types.Validator
		var ups []Change
		for _, u := range st {
			k := key(u.Key[0] - '0').PubKey()
			ch = append(ch, types.NewValidator(k, u.Power))
			ups = append(ups, Change{hex.EncodeToString(k.Bytes()), u.Power})
		}
		if err := vs.UpdateWithChangeSet(ch); err != nil {
			panic(err)
		}
		var after []Change
		for _, v := range vs.Validators {
			after = append(after, Change{hex.EncodeToString(v.PubKey.Bytes()), v.VotingPower})
		}
		sets = append(sets, Set{ups, after})
	}
	out, _ := json.MarshalIndent(map[string]any{"vote_extensions": vecs, "validator_sets": sets}, "", " ")
	os.Stdout.Write(append(out, '\n'))
}
