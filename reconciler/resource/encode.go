package resource

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
)

func sortRefs(refs []Ref) {
	slices.SortFunc(refs, func(a, b Ref) int {
		return cmp.Or(a.Address.Compare(b.Address), cmp.Compare(a.Output, b.Output))
	})
}

// stored is how a value is kept between runs: whole, except that a secret is sealed.
type stored struct {
	Text   json.RawMessage `json:"v"`
	Secret bool            `json:"s,omitempty"`
}

// Encode writes resources so that Decode gives them back. Secrets are sealed: they can still be
// compared, and no longer read. The text is deterministic.
func Encode(list []Desired) ([]byte, error) {
	type plain Desired // without Attributes' own, masking, encoding
	out := make([]struct {
		plain
		Attributes map[string]stored `json:"attributes"`
	}, len(list))
	for i, d := range list {
		out[i].plain = plain(d)
		out[i].Attributes = make(map[string]stored, len(d.Attributes))
		for name, value := range d.Attributes {
			if !value.IsSet() {
				continue
			}
			out[i].Attributes[name] = stored{Text: json.RawMessage(value.Sealed()), Secret: value.IsSecret()}
		}
	}
	return json.Marshal(out)
}

// Decode reads what Encode wrote.
func Decode(text []byte) ([]Desired, error) {
	type plain Desired
	var in []struct {
		plain
		Attributes map[string]stored `json:"attributes"`
	}
	if err := json.Unmarshal(text, &in); err != nil {
		return nil, fmt.Errorf("stored resources: %w", err)
	}
	out := make([]Desired, len(in))
	for i, d := range in {
		out[i] = Desired(d.plain)
		out[i].Attributes = make(Attributes, len(d.Attributes))
		for name, value := range d.Attributes {
			v, err := ParseValue(value.Text)
			if err != nil {
				return nil, fmt.Errorf("stored resources: %s: %s: %w", d.Address, name, err)
			}
			if value.Secret {
				v = v.AsSecret()
			}
			out[i].Attributes[name] = v
		}
	}
	return out, nil
}
