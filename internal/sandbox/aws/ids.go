package awsbox

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"fmt"
)

// ids makes up identifiers that look like AWS's and depend on the seed and their number alone.
type ids struct {
	seed string
	n    int
}

func (g *ids) sum() [32]byte {
	g.n++
	return sha256.Sum256(fmt.Appendf(nil, "%s/%d", g.seed, g.n))
}

// uuid is shaped like a KMS key id or a request id.
func (g *ids) uuid() string {
	sum := g.sum()
	h := hex.EncodeToString(sum[:])
	return fmt.Sprintf("%s-%s-4%s-8%s-%s", h[:8], h[8:12], h[13:16], h[17:20], h[20:32])
}

// upper is a prefix with 17 capitals and digits, as in AROA… and ASIA….
func (g *ids) upper(prefix string) string {
	sum := g.sum()
	return prefix + base32.StdEncoding.EncodeToString(sum[:])[:17]
}

// suffix is six letters and digits, as at the end of a secret's ARN.
func (g *ids) suffix() string {
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	sum := g.sum()
	text := make([]byte, 6)
	for i := range text {
		text[i] = letters[int(sum[i])%len(letters)]
	}
	return string(text)
}
