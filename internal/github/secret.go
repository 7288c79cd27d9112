package github

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
)

// masked is what every printer shows of a Secret that isn't empty.
const masked = "***"

// A Secret is a text that can't be printed: fmt, slog and encoding/json show *** in its place.
// The zero Secret is "not set". Only this package reads what is inside.
type Secret struct{ text string }

// NewSecret wraps a text. Keep no other copy of it.
func NewSecret(text string) Secret { return Secret{text} }

// IsSet tells whether there is anything inside.
func (s Secret) IsSet() bool { return s.text != "" }

// String masks the secret.
func (s Secret) String() string {
	if s.text == "" {
		return ""
	}
	return masked
}

// Format masks the secret for every verb, %#v and %x included.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, s.String()) }

// LogValue masks the secret in slog.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// MarshalText masks the secret in encoding/json and wherever else text is made of a value.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// WriteFile writes the secret, between two texts, to a new file that only its owner may read. A file
// that is there already is left alone, with an error that is fs.ErrExist.
func (s Secret) WriteFile(name, before, after string) (failure error) {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	defer func() { failure = errors.Join(failure, f.Close()) }()
	if _, err := io.WriteString(f, before+s.text+after); err != nil {
		return err
	}
	return f.Sync()
}
