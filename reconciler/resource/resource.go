// Package resource holds the words that the whole of Tenantry is written in: what a resource in
// the cloud is called, where it lives, what Git wants of it and what the cloud has.
//
// It is data only. Nothing here reads a file, a clock or a network, and every type is safe to copy.
package resource

import (
	"cmp"
	"fmt"
	"maps"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// An Owner is who a resource belongs to: "fleet", "cell/eu-1" or "tenant/acme".
type Owner string

// Fleet owns what belongs to no cell and no tenant.
const Fleet Owner = "fleet"

// Tenant returns the owner of a tenant's resources.
func Tenant(name string) Owner { return Owner("tenant/" + name) }

// Cell returns the owner of a cell's shared resources.
func Cell(name string) Owner { return Owner("cell/" + name) }

// Class is "fleet", "cell" or "tenant".
func (o Owner) Class() string {
	class, _, _ := strings.Cut(string(o), "/")
	return class
}

// Name is the tenant's or the cell's name, and empty for the fleet.
func (o Owner) Name() string {
	_, name, _ := strings.Cut(string(o), "/")
	return name
}

// An Address names one resource for ever: who owns it, of which kind it is, and its name in the
// owner's plan. Written "tenant/acme/aws.s3.bucket/data".
type Address struct {
	Owner Owner
	Kind  string
	Name  string
}

func (a Address) String() string {
	return string(a.Owner) + "/" + a.Kind + "/" + a.Name
}

// MarshalText writes the address as String does.
func (a Address) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// UnmarshalText reads what MarshalText wrote.
func (a *Address) UnmarshalText(text []byte) error {
	read, err := ParseAddress(string(text))
	if err != nil {
		return err
	}
	*a = read
	return nil
}

// Compare orders addresses by owner, kind and name.
func (a Address) Compare(b Address) int {
	return cmp.Or(
		cmp.Compare(a.Owner, b.Owner),
		cmp.Compare(a.Kind, b.Kind),
		cmp.Compare(a.Name, b.Name),
	)
}

// ParseAddress reads what Address.String writes.
func ParseAddress(text string) (Address, error) {
	class, rest, _ := strings.Cut(text, "/")
	owner := Owner(class)
	if owner != Fleet {
		var name string
		name, rest, _ = strings.Cut(rest, "/")
		owner = Owner(text[:min(len(text), len(class)+1+len(name))])
		if name == "" {
			return Address{}, addressError(text)
		}
	}
	kind, name, _ := strings.Cut(rest, "/")
	if kind == "" || name == "" || strings.Contains(name, "/") {
		return Address{}, addressError(text)
	}
	if class != "tenant" && class != "cell" && class != "fleet" {
		return Address{}, fmt.Errorf("address %q: the owner is a tenant, a cell or the fleet, not %q", text, class)
	}
	if strings.ContainsFunc(text, unfit) {
		return Address{}, fmt.Errorf("address %q: has a character that names don't have", text)
	}
	return Address{Owner: owner, Kind: kind, Name: name}, nil
}

func addressError(text string) error {
	return fmt.Errorf("address %q: want OWNER/KIND/NAME, as in tenant/acme/aws.s3.bucket/data", text)
}

// unfit tells whether a rune can't be in an address: white space, and what would end a reference,
// a JSON string or a cell of a table.
func unfit(r rune) bool {
	return !unicode.IsPrint(r) || r == utf8.RuneError || unicode.IsSpace(r) || strings.ContainsRune("#${}\"\\<>|`", r)
}

// Global is the region of the scope that kinds without a region live in, such as IAM's.
const Global = "global"

// A Scope is an account and a region: the unit of observation, of failure and of rate limits.
type Scope struct {
	Account string `json:"account"` // the 12-digit AWS account id
	Region  string `json:"region"`  // such as "eu-central-1", or Global
}

func (s Scope) String() string { return s.Account + "/" + s.Region }

// Compare orders scopes by account and region.
func (s Scope) Compare(other Scope) int {
	return cmp.Or(cmp.Compare(s.Account, other.Account), cmp.Compare(s.Region, other.Region))
}

// An Origin is the place in the config repository that something was written at.
// Line and Col count from 1; 0 means unknown.
type Origin struct {
	File string `json:"file"`
	Line int    `json:"line"`
	Col  int    `json:"col,omitempty"`
}

func (o Origin) String() string {
	switch {
	case o.File == "":
		return ""
	case o.Line == 0:
		return o.File
	case o.Col == 0:
		return fmt.Sprintf("%s:%d", o.File, o.Line)
	}
	return fmt.Sprintf("%s:%d:%d", o.File, o.Line, o.Col)
}

// Desired is one resource as Git wants it.
type Desired struct {
	Address Address `json:"address"`
	Scope   Scope   `json:"scope"`
	// Cell is the cell that the owner lives in, against which destruction is counted; empty for
	// what belongs to no cell.
	Cell       string     `json:"cell,omitempty"`
	Attributes Attributes `json:"attributes"`
	// Adopt is the id of an existing resource without our mark that Git allows us to take over;
	// empty almost always.
	Adopt string `json:"adopt,omitempty"`
	// Previously has the addresses that the resource had before, if Git says that it was renamed: what
	// the cloud has under one of them is taken over rather than deleted and made again.
	Previously []Address `json:"previously,omitempty"`
	// Nonce is the mark that a create of an Unrepeatable kind leaves on what it makes. It is set
	// right before sending, so that what a lost answer was about can be told; empty in a rendering.
	Nonce string `json:"nonce,omitempty"`
	// Dropped has the ways to what Git asked for before and doesn't any more, and Missing those to what
	// it asks for and the cloud doesn't show: an attribute and keys inside it. They are for kinds in
	// which the cloud also fills in parts by itself, or never gives them back, and are set for sending;
	// empty in a rendering.
	Dropped [][]string `json:"dropped,omitempty"`
	Missing [][]string `json:"missing,omitempty"`
	// Origin is the line of the template that asked for the resource.
	Origin Origin `json:"origin"`
	// Origins has the line of single attributes where it is another, such as a tenant's override.
	Origins map[string]Origin `json:"origins,omitempty"`
}

// OriginOf is the line that an attribute's value comes from.
func (d Desired) OriginOf(attribute string) Origin {
	if at, ok := d.Origins[attribute]; ok {
		return at
	}
	return d.Origin
}

// Observed is one resource as the cloud has it. It always carries the fleet's mark: a driver
// never returns what isn't ours.
type Observed struct {
	Address    Address
	Scope      Scope
	Fleet      string            // the fleet whose mark it carries
	ID         string            // what the service knows it by: a name, an ARN, a key id
	Attributes Attributes        // canonical, and complete for the kind
	Outputs    map[string]string // what others may refer to: "arn", "id", "url" …
	// Retired is when the resource was taken out of service with its data kept, as RFC 3339;
	// empty while it serves.
	Retired string
	// Nonce is the mark of the create that made it, if the kind needs one to be recognised
	// after a lost response; empty otherwise.
	Nonce string
	// Pending says in a person's words what the cloud is still doing with it; empty when settled.
	Pending string
	// Hearsay: whose it is, whether it serves and its tags come from an index, which may lag. What of
	// them isn't as expected is to be read again before it is believed.
	Hearsay bool
}

// A Kind describes a type of resource to the comparison. It is a value: drivers build it once.
type Kind struct {
	Name string // "aws.s3.bucket"
	// Global kinds have no region; they are observed once per account, in the region Global.
	Global bool
	// DataBearing kinds hold what can't be made again. They are retired, never deleted or replaced.
	DataBearing bool
	// Unrepeatable kinds have neither a unique name nor a token at creation, so that sending a
	// create twice makes two. They follow the create protocol: intent, one send, settle wait.
	Unrepeatable bool
	// Uses lists the kinds that this one may refer to. Deletion goes against it: users first.
	Uses       []string
	Attributes []Attribute
	Outputs    []string
	// Patience is how long the cloud may take for a write of this kind before that counts as a failure.
	Patience Patience
	// Identity has the attributes that together tell the resources of the kind apart, if these can't carry
	// a mark; empty for kinds that can. Such a resource is ours if what it lies in is ours, or if the log
	// says that we made it; whose it is follows from which definition asks for this identity.
	Identity []string
	// Within has the attributes whose values a listing of the kind must be given, such as the load
	// balancer whose listeners are listed; empty for kinds that are listed as a whole.
	Within []string
	// Usual tells, of what can't carry a mark and what no definition asks for, whether the cloud or those
	// who use it put such things there as a matter of course, such as the local route of a route table. It
	// is pure. May be nil.
	Usual func(Attributes) bool
}

// Patience is how long the cloud may take to make, change and remove something; zero for the usual time.
type Patience struct{ Create, Update, Delete time.Duration }

// An Attribute describes one attribute of a kind. The comparison covers every attribute that is
// listed, declared or not: what Git leaves out is wanted at its default.
type Attribute struct {
	Name string
	// Default is what the cloud has when nobody sets it; an unset Value when there is nothing.
	Default   Value
	Immutable bool // a change means a replacement
	Secret    bool // printed masked everywhere
	Set       bool // a list whose order and repetitions mean nothing
	// Canonical brings equal meanings to equal text, for attributes such as policy documents. It is
	// pure, idempotent, and leaves what it can't read as it is. May be nil.
	Canonical func(Value) Value
	// Asked leaves of the cloud's value what is to be compared with Git's: without what the cloud
	// filled in by itself, which is what neither want nor what was applied before says anything of.
	// All are normal. It is pure. Nil compares the value as it is.
	Asked func(have, want, applied Value) Value
	// Replaces tells whether this change of the value means a replacement, for attributes of which only
	// parts are immutable. It is pure. May be nil.
	Replaces func(before, after Value) bool
}

// Normal returns one value of the attribute in the form that is compared: the default if it is
// unset, sorted if it is a set, canonical, marked if it is a secret. It is idempotent.
func (a Attribute) Normal(value Value) Value {
	if !value.IsSet() {
		value = a.Default
	}
	if a.Set {
		value = value.sorted()
	}
	if a.Canonical != nil && value.IsSet() {
		value = a.Canonical(value)
	}
	if a.Secret {
		value = value.AsSecret()
	}
	return value
}

// Attribute returns the description of an attribute of the kind.
func (k Kind) Attribute(name string) (Attribute, bool) {
	for _, a := range k.Attributes {
		if a.Name == name {
			return a, true
		}
	}
	return Attribute{}, false
}

// Fixed are the parts of the kind's Identity that can't change as long as a resource exists.
func (k Kind) Fixed() []string {
	var list []string
	for _, path := range k.Identity {
		name, _, _ := strings.Cut(path, ".")
		if a, known := k.Attribute(name); known && (a.Immutable || a.Replaces != nil && a.Replaces(nested(path, 1), nested(path, 2))) {
			list = append(list, path)
		}
	}
	return list
}

// nested is a value of the attribute that a path leads into, with a number at its end.
func nested(path string, n int64) Value {
	keys := strings.Split(path, ".")
	v := Int(n)
	for i := len(keys) - 1; i > 0; i-- {
		v = Object(map[string]Value{keys[i]: v})
	}
	return v
}

// Canonical returns the attributes in the form that is compared: every attribute of the kind,
// defaults filled in, sets sorted, documents canonical, secrets marked. It is idempotent.
// Attributes that the kind doesn't know are kept, so that the comparison can name them.
func (k Kind) Canonical(attributes Attributes) Attributes {
	out := make(Attributes, len(k.Attributes))
	maps.Copy(out, attributes)
	for _, a := range k.Attributes {
		switch value := a.Normal(out[a.Name]); {
		case value == a.Default && value.IsSet():
			out[a.Name] = a.Default // which has one text for everybody
		case value.IsSet():
			out[a.Name] = value
		default:
			delete(out, a.Name)
		}
	}
	return out
}
