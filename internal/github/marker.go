package github

import (
	"fmt"
	"regexp"
	"strings"
)

// Markers are HTML comments, which GitHub keeps and doesn't show. They say what a text of ours is
// about; whether it is ours is told by its author, since anybody can write a marker.

const withdrawnMarker = "<!-- tenantry:withdrawn v1 -->"

var (
	checkMarked    = regexp.MustCompile(`<!-- tenantry:check v1 hash=([0-9a-f]+) -->`)
	proposalMarker = regexp.MustCompile(`<!-- tenantry:proposal v1 digest=(\S+) -->`)
	// markerWord is what may stand in a marker and in a trailer.
	markerWord = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:/+=@-]{0,199}$`)
)

// proposalBody is a pull request's body with the digest hidden at its end.
func proposalBody(body, digest string) string {
	return cut(strings.TrimSpace(body), bodyLimit) + fmt.Sprintf("\n\n<!-- tenantry:proposal v1 digest=%s -->\n", digest)
}

// proposalDigest finds the digest in a pull request's body.
func proposalDigest(body string) (digest string, ok bool) {
	found := proposalMarker.FindAllStringSubmatch(body, -1)
	if len(found) == 0 {
		return "", false
	}
	return found[len(found)-1][1], true
}

// commentMarker is the first line of our one comment with this key.
func commentMarker(key string) string { return fmt.Sprintf("<!-- tenantry:comment v1 key=%s -->", key) }

// checkMarker ends the summary of a check. Its hash covers all that the check shows, so that an
// equal check is known without reading its annotations.
func checkMarker(hash string) string { return fmt.Sprintf("<!-- tenantry:check v1 hash=%s -->", hash) }

// checkHash finds the hash in the summary of a check, or returns "".
func checkHash(summary string) string {
	found := checkMarked.FindAllStringSubmatch(summary, -1)
	if len(found) == 0 {
		return ""
	}
	return found[len(found)-1][1]
}

// The trailers of a proposal's commit (git-interpret-trailers).
const (
	digestTrailer = "Tenantry-Digest"
	treeTrailer   = "Tenantry-Tree"
)

func commitMessage(title, digest, tree string) string {
	return fmt.Sprintf("%s\n\n%s: %s\n%s: %s\n", title, digestTrailer, digest, treeTrailer, tree)
}

// trailers reads "Key: value" lines from the last paragraph of a commit message.
func trailers(message string) map[string]string {
	message = strings.TrimSpace(strings.ReplaceAll(message, "\r\n", "\n"))
	if i := strings.LastIndex(message, "\n\n"); i >= 0 {
		message = message[i+2:]
	}
	found := make(map[string]string)
	for line := range strings.SplitSeq(message, "\n") {
		if key, value, ok := strings.Cut(line, ": "); ok {
			found[key] = strings.TrimSpace(value)
		}
	}
	return found
}

// sameText compares texts as they come back from GitHub, where an edit in the browser turns line
// ends into CRLF and the end may be trimmed.
func sameText(a, b string) bool { return plainText(a) == plainText(b) }

func plainText(s string) string { return strings.TrimSpace(strings.ReplaceAll(s, "\r\n", "\n")) }
