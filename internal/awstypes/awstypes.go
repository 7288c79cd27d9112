// Package awstypes is AWS's list of resource types, as data: what each has for properties, which
// of them AWS fills in, which can't be changed, how it is identified and tagged, what its handlers
// may call, and where it exists. It says nothing about anybody's resources.
//
// The data is AWS's own: the CloudFormation registry's schemas of resource providers
// (https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html), as cfn-lint
// publishes them, and the CDK's service specification. types.zip holds both in a compact form,
// without AWS's descriptions; Sources names the versions, and "make generate" makes it anew.
package awstypes

import (
	"archive/zip"
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
)

//go:embed types.zip
var archive []byte

// indexFile is the archive's list of all types.
const indexFile = "index.json"

// An Index is what is known of all types at once.
type Index struct {
	Sources []Source `json:"sources"`
	Regions []string `json:"regions"` // sorted
	Types   []Entry  `json:"types"`   // sorted by name
}

// A Source is where some of the data comes from.
type Source struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Licence string `json:"licence"`
}

// An Entry is one type in the index.
type Entry struct {
	Name string `json:"name"`
	// Absent has the regions that don't offer the type, by their place in Index.Regions.
	Absent []int `json:"absent,omitempty"`
	// Lacks is what Tenantry would need of the type to manage it; empty if it has all.
	Lacks Lack `json:"lacks,omitempty"`
	// Named has the properties of which two resources in one place can't have the same; see Type.Named.
	Named []string `json:"named,omitempty"`
}

// A Lack is why a type can't be managed through Cloud Control.
type Lack string

// What types lack. Without the first, Cloud Control can't make them; without the others, nobody could
// tell which of them belong to whom, or which are out of service.
const (
	Handlers Lack = "handlers"
	Listing  Lack = "listing"
	Parent   Lack = "parent"
	Marking  Lack = "marking"
	Telling  Lack = "telling"
	Retiring Lack = "retiring"
)

// String says it in words that follow the type's name.
func (l Lack) String() string {
	switch l {
	case Handlers:
		return "can't be managed through AWS Cloud Control, which has no handlers for it"
	case Listing:
		return "can't be managed: AWS Cloud Control has no list of its resources"
	case Parent:
		return "can't be managed: AWS Cloud Control lists its resources only for what a definition can't give"
	case Marking:
		return "can't be managed: its resources can't be tagged when they are made, so that nothing would say whose they are"
	case Telling:
		return "can't be managed: its resources can't be tagged, and nothing that a definition gives tells them apart"
	case Retiring:
		return "can't be managed: its resources hold data, and no tag could note that one is out of service"
	}
	return "can be managed"
}

// A Type is one resource type. Property paths are dotted, with * for each element of a list or a
// map: "Tags.*.Key".
type Type struct {
	Name string `json:"name"`
	// Schema is a JSON schema of draft 7, with the keywords "properties", "required" and "definitions".
	Schema json.RawMessage `json:"schema"`

	ReadOnly   []string `json:"readOnly,omitempty"`   // set by AWS alone
	CreateOnly []string `json:"createOnly,omitempty"` // a change replaces the resource
	MayReplace []string `json:"mayReplace,omitempty"` // a change replaces it under some conditions
	WriteOnly  []string `json:"writeOnly,omitempty"`  // never read back
	Deprecated []string `json:"deprecated,omitempty"`

	// Identifier has the properties that together identify a resource of the type, in the order
	// in which Cloud Control joins them with "|".
	Identifier []string `json:"identifier,omitempty"`
	// ARN is the form of the resource's ARN, such as "arn:${Partition}:rum:${Region}:${Account}:appmonitor/${Name}";
	// empty if it isn't published.
	ARN string `json:"arn,omitempty"`

	Tagging  Tagging            `json:"tagging"`
	Handlers map[string]Handler `json:"handlers,omitempty"` // create, read, update, delete, list
	// HoldsData tells that AWS counts the type as stateful: deleting it loses customers' data.
	HoldsData bool `json:"holdsData,omitempty"`
}

// Tagging is how resources of a type are tagged.
type Tagging struct {
	Property  string `json:"property,omitempty"` // where the tags are; empty if there are none
	AsMap     bool   `json:"asMap,omitempty"`    // {key: value} rather than [{Key, Value}]
	OnCreate  bool   `json:"onCreate,omitempty"`
	Updatable bool   `json:"updatable,omitempty"`
}

// A Handler is one operation on a type.
type Handler struct {
	Permissions []string `json:"permissions,omitempty"` // IAM actions that it needs
	Minutes     int      `json:"minutes,omitempty"`     // after which AWS gives up; 0 for its default of 120
	// Needs has the properties that a list must be given, such as that of the parent; see Type.Within.
	Needs []string `json:"needs,omitempty"`
}

// A Table gives the types. Read-only and safe for concurrent use.
type Table struct {
	files map[string]*zip.File
	index func() (*Index, error)
}

// ErrUnknown means that AWS has no such type.
var ErrUnknown = errors.New("AWS has no such resource type")

// Open opens the embedded data, once for all. It reads no type and not the index, either.
func Open() (*Table, error) { return opened() }

var opened = sync.OnceValues(func() (*Table, error) { return read(archive) })

func read(data []byte) (*Table, error) {
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, fmt.Errorf("open the table of types: %w", err)
	}
	t := &Table{files: make(map[string]*zip.File, len(z.File))}
	for _, f := range z.File {
		t.files[f.Name] = f
	}
	t.index = sync.OnceValues(func() (*Index, error) {
		var out Index
		return &out, t.decode(indexFile, &out)
	})
	return t, nil
}

// Index returns what is known of all types at once. It is not to be changed.
func (t *Table) Index() (*Index, error) { return t.index() }

func (t *Table) decode(name string, into any) (failure error) {
	f, ok := t.files[name]
	if !ok {
		return fmt.Errorf("read %s: %w", name, ErrUnknown)
	}
	r, err := f.Open()
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	defer func() { failure = errors.Join(failure, r.Close()) }()
	text, err := io.ReadAll(r)
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	if err := json.Unmarshal(text, into); err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	return nil
}

// Entry finds a type in the index.
func (x *Index) Entry(name string) (Entry, bool) {
	i, ok := slices.BinarySearchFunc(x.Types, name, func(e Entry, name string) int { return strings.Compare(e.Name, name) })
	if !ok {
		return Entry{}, false
	}
	return x.Types[i], true
}

// In tells whether a region offers a type. A region that the data doesn't know may have any.
func (x *Index) In(name, region string) bool {
	e, ok := x.Entry(name)
	if !ok {
		return false
	}
	i, known := slices.BinarySearch(x.Regions, region)
	return !known || !slices.Contains(e.Absent, i)
}

// Has tells whether AWS has a type of that name.
func (t *Table) Has(name string) bool {
	_, ok := t.files[fileOf(name)]
	return ok && strings.Contains(name, "::")
}

// Type reads a type. ErrUnknown if there is none of that name.
func (t *Table) Type(name string) (Type, error) {
	var out Type
	if !t.Has(name) {
		return out, fmt.Errorf("%s: %w", name, ErrUnknown)
	}
	return out, t.decode(fileOf(name), &out)
}

// Lacks is why a resource of the type can't be managed; empty if it can.
func (t Type) Lacks() Lack {
	for _, name := range []string{"create", "read", "delete"} {
		if _, ok := t.Handlers[name]; !ok {
			return Handlers
		}
	}
	_, ok := t.Handlers["list"]
	switch f, err := t.finder(); {
	case !ok || err != nil:
		return Listing
	case !f.listable():
		return Parent
	case t.Tagging.Property != "" && !t.Marked():
		return Marking
	case !t.Marked() && len(t.Identity()) == 0:
		return Telling
	case t.HoldsData && !t.Tagging.Updatable:
		return Retiring
	}
	return ""
}

// Page is the address of AWS's own documentation of the type.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-template-resource-type-ref.html
func (t Type) Page() string {
	parts := strings.Split(strings.ToLower(t.Name), "::")
	return "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/" + parts[0] + "-resource-" + strings.Join(parts[1:], "-") + ".html"
}

// fileOf is a type's name in the archive.
func fileOf(name string) string { return strings.ReplaceAll(name, "::", "/") + ".json" }
