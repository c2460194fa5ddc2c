// What CometBFT's own code says of Ed25519 signatures that implementations judge differently: alone, and in a batch
// beside a good one. Reads {key, message, signature} in hexadecimal from standard input, writes the verdicts.
// See crafted_votes.py for how it is run.
package main

import (
	"encoding/hex"
	"encoding/json"
	"os"

	"github.com/cometbft/cometbft/crypto/ed25519"
)

type vote struct {
	What      string `json:"what"`
	Key       string `json:"key"`
	Message   string `json:"message"`
	Signature string `json:"signature"`
	Alone     bool   `json:"alone"`
	InBatch   bool   `json:"in_batch"`
}

func main() {
	var votes []vote
	if err := json.NewDecoder(os.Stdin).Decode(&votes); err != nil {
		panic(err)
	}
	good := ed25519.GenPrivKeyFromSecret([]byte("a good vote beside it"))
	for at := range votes {
		key, message, signature := bytes(votes[at].Key), bytes(votes[at].Message), bytes(votes[at].Signature)
		votes[at].Alone = ed25519.PubKey(key).VerifySignature(message, signature)
		batch := ed25519.NewBatchVerifier()
		signed, err := good.Sign(message)
		if err != nil {
			panic(err)
		}
		if batch.Add(good.PubKey(), message, signed) == nil && batch.Add(ed25519.PubKey(key), message, signature) == nil {
			votes[at].InBatch, _ = batch.Verify()
		}
	}
	encoder := json.NewEncoder(os.Stdout)
	encoder.SetIndent("", " ")
	if err := encoder.Encode(votes); err != nil {
		panic(err)
	}
}

func bytes(text string) []byte {
	data, err := hex.DecodeString(text)
	if err != nil {
		panic(err)
	}
	return data
}
