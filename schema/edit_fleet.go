package schema

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"cuelang.org/go/cue/ast"

	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/resource"
)

// An Edit is a file of a fleet with other content. Nothing is written by making one.
type Edit struct {
	Path   string
	Before []byte // nil if the file is new
	After  []byte
}

// Empty tells whether the edit changes nothing: what it should do is so already.
func (e Edit) Empty() bool { return e.Before != nil && bytes.Equal(e.Before, e.After) }

// SetLifecycle makes a tenant active, suspended or offboarding. Active is what a tenant is without
// the field, so that a resumed tenant's file is what it was; a comment on the field keeps it there.
func SetLifecycle(fsys fs.FS, tenant, lifecycle string) (Edit, error) {
	file, err := tenantFile(fsys, tenant)
	if err != nil {
		return Edit{}, err
	}
	field := []string{"tenant", tenant, "lifecycle"}
	if lifecycle == "active" {
		if text, err := fs.ReadFile(fsys, file); err == nil && !remarked(file, text, field) {
			return editOf(fsys, file, field, removed)
		}
	}
	return setIn(fsys, file, field, lifecycle)
}

// remarked tells whether a field is there and has comments of its own.
func remarked(name string, text []byte, field []string) bool {
	d, err := newDocument(name, text)
	if err != nil {
		return false
	}
	at := d.find(field)[len(field)-1]
	if len(at) != 1 || at[0].field == nil {
		return false
	}
	cut := d.cut(at[0].field)
	return bytes.Contains(text[cut.from:at[0].field.Pos().Offset()], []byte("//")) || bytes.Contains(text[d.end(at[0].field):cut.to], []byte("//"))
}

// AdoptResource makes a tenant take over an existing resource, by the resource's name in the plan.
func AdoptResource(fsys fs.FS, tenant, name, id string) (Edit, error) {
	file, err := tenantFile(fsys, tenant)
	if err != nil {
		return Edit{}, err
	}
	return setIn(fsys, file, []string{"tenant", tenant, "adopt", name}, id)
}

// BumpRelease gives a release another version, another image, or both; an empty one stays. An image has
// its digest, as in "registry.example/worker@sha256:…"; "sha256:…" alone replaces the digest. A version
// alone is refused if the release names an image, which would stay the old one's.
func BumpRelease(fsys fs.FS, release, version, image string) (Edit, error) {
	file := path.Join("releases", release+".cue")
	if err := exists(fsys, file, "release", release); err != nil {
		return Edit{}, err
	}
	edit, err := editOf(fsys, file, []string{release}, untouched)
	if err != nil {
		return Edit{}, err
	}
	have := imageOf(file, edit.Before, release)
	switch {
	case version == "" && image == "":
		return Edit{}, errors.New("give the release a version, an image, or both")
	case image == "" && have != "":
		return Edit{}, fmt.Errorf("%s: the release names an image, too, which would stay that of the old version; give the new image or its digest with the version", file)
	case strings.HasPrefix(image, "sha256:") && have == "":
		return Edit{}, fmt.Errorf("%s: the release has no image yet; give the whole image with its digest, as in registry.example/%s@%s", file, release, image)
	case strings.HasPrefix(image, "sha256:"):
		image = have + "@" + image
	}
	for _, f := range []struct{ key, value string }{{"version", version}, {"image", image}} {
		if f.value == "" {
			continue
		}
		lit, err := literalOf(f.value)
		if err != nil {
			return Edit{}, err
		}
		if edit.After, err = editFile(file, edit.After, []string{release, f.key}, setTo(lit)); err != nil {
			return Edit{}, fmt.Errorf("%s: %s: %w", file, f.key, err)
		}
	}
	return edit, nil
}

// untouched changes nothing.
var untouched = operation{
	text: func(d *document, _ []string) (*document, error) { return d, nil },
	data: func(have any) any { return have },
}

// imageOf is a release's image without its digest, empty if it has none.
func imageOf(name string, text []byte, release string) string {
	d, err := newDocument(name, text)
	if err != nil {
		return ""
	}
	n, err := d.written(d.find([]string{release, "image"})[1])
	if err != nil || n == nil {
		return ""
	}
	image, _ := n.scalar.(string)
	image, _, _ = strings.Cut(image, "@")
	return image
}

// AddException takes a policy off an owner until a time. The exception's policy says in which file.
func AddException(fsys fs.FS, e Exception) (Edit, error) {
	file := path.Join(policiesDir, e.Policy+".cue")
	if err := exists(fsys, file, "policy", e.Policy); err != nil {
		return Edit{}, err
	}
	var r record
	for _, f := range []struct{ key, value string }{
		{"tenant", e.Tenant},
		{"cell", e.Cell},
		{"resource", e.Resource},
		{"owner", e.Owner},
		{"reason", e.Reason},
		{"expires", e.Expires.UTC().Format(time.RFC3339)},
	} {
		if f.value != "" {
			r = append(r, entry{f.key, f.value})
		}
	}
	lit, err := literalOf(r)
	if err != nil {
		return Edit{}, err
	}
	return editOf(fsys, file, []string{e.Policy, "exceptions"}, appended(lit))
}

// RemoveExceptions removes from a policy's file the exceptions of it that have expired, of all those that
// a fleet has, as Fleet.Exceptions. They are found by their places, so the fleet must be of these files.
func RemoveExceptions(fsys fs.FS, policy string, all []Exception) (Edit, error) {
	file := path.Join(policiesDir, policy+".cue")
	text, err := fs.ReadFile(fsys, file)
	if err != nil {
		return Edit{}, fmt.Errorf("%s: %w", file, readError(err))
	}
	edit := Edit{Path: file, Before: text, After: text}
	d, err := newDocument(file, text)
	if err != nil {
		return Edit{}, fmt.Errorf("%s: the file is not valid CUE: %w", file, err)
	}
	field := []string{policy, "exceptions"}
	at := d.find(field)[1]
	if len(at) == 0 {
		return edit, nil
	}
	list, err := d.literalList(at)
	if err != nil {
		return Edit{}, fmt.Errorf("%s: %w", file, err)
	}
	for i, x := range slices.Backward(list.Elts) {
		gone := slices.ContainsFunc(all, func(e Exception) bool {
			return e.Policy == policy && !e.Active && within(e.Origin, x)
		})
		if !gone {
			continue
		}
		if edit.After, err = editFile(file, edit.After, field, without(i)); err != nil {
			return Edit{}, fmt.Errorf("%s: %w", file, err)
		}
	}
	return edit, nil
}

// within tells whether a place is in a node.
func within(at resource.Origin, n ast.Node) bool {
	from, to := n.Pos(), n.End()
	return (at.Line > from.Line() || at.Line == from.Line() && at.Col >= from.Column()) &&
		(at.Line < to.Line() || at.Line == to.Line() && at.Col < to.Column())
}

// RecordApproval writes an approval of a held changeset under a name, as the message of the limit that
// holds it asks for. One that is there under that name is replaced.
func RecordApproval(fsys fs.FS, name string, a changeset.Approval) (Edit, error) {
	if !isName.MatchString(name) {
		return Edit{}, fmt.Errorf("%q can't be the name of an approval: 1 to 32 lower-case letters, digits and hyphens, beginning with a letter", name)
	}
	r := record{{"digest", a.Digest}, {"by", a.By}, {"reason", a.Reason}, {"expires", a.Expires.UTC().Format(time.RFC3339)}}
	lit, err := literalOf(r)
	if err != nil {
		return Edit{}, err
	}
	file := path.Join(approvalsDir, name+".cue")
	if _, err := fs.Stat(fsys, file); errors.Is(err, fs.ErrNotExist) {
		return Edit{Path: file, After: []byte("package fleet\n\napproval: " + label(name) + ": " + lit.tall("", "\t", "\n") + "\n")}, nil
	}
	return editOf(fsys, file, []string{"approval", name}, setTo(lit))
}

// RecordWaiver writes that a drift is left as it is, under a name, in a file of its own. One that is there
// under that name is replaced.
func RecordWaiver(fsys fs.FS, name string, w changeset.Waiver) (Edit, error) {
	addresses := make([]any, len(w.Addresses))
	for i, address := range w.Addresses {
		addresses[i] = address.String()
	}
	attributes := make([]any, len(w.Attributes))
	for i, attribute := range w.Attributes {
		attributes[i] = attribute
	}
	r := record{{"resources", addresses}, {"attributes", attributes}, {"by", w.By}, {"reason", w.Reason}, {"until", w.Until.UTC().Format(time.RFC3339)}}
	lit, err := literalOf(r)
	if err != nil {
		return Edit{}, err
	}
	file := path.Join(approvalsDir, "drift-"+name+".cue")
	if _, err := fs.Stat(fsys, file); errors.Is(err, fs.ErrNotExist) {
		return Edit{Path: file, After: []byte("package fleet\n\nwaiver: " + label(name) + ": " + lit.tall("", "\t", "\n") + "\n")}, nil
	}
	return editOf(fsys, file, []string{"waiver", name}, setTo(lit))
}

// setIn sets a field of a file of a fleet.
func setIn(fsys fs.FS, file string, field []string, value any) (Edit, error) {
	lit, err := literalOf(value)
	if err != nil {
		return Edit{}, fmt.Errorf("%s: %w", file, err)
	}
	return editOf(fsys, file, field, setTo(lit))
}

// editOf does an operation on a file of a fleet. What the first elements of the path name must be there:
// a file that defines something else isn't edited.
func editOf(fsys fs.FS, file string, field []string, op operation) (Edit, error) {
	text, err := fs.ReadFile(fsys, file)
	if err != nil {
		return Edit{}, fmt.Errorf("%s: %w", file, readError(err))
	}
	d, err := newDocument(file, text)
	if err != nil {
		return Edit{}, fmt.Errorf("%s: the file is not valid CUE: %w", file, err)
	}
	subject := 1
	if field[0] == "tenant" || field[0] == "approval" || field[0] == "waiver" {
		subject = 2
	}
	if len(d.find(field)[subject-1]) == 0 {
		return Edit{}, fmt.Errorf("%s: %w: it doesn't say %s: {…}", file, ErrNotEditable, strings.TrimSuffix(d.chain(nil, field[:subject]), ": "))
	}
	after, err := editFile(file, text, field, op)
	if err != nil {
		return Edit{}, fmt.Errorf("%s: %s: %w", file, strings.Join(field[subject:], "."), err)
	}
	return Edit{Path: file, Before: text, After: after}, nil
}

// exists says which others there are if a file isn't there.
func exists(fsys fs.FS, file, what, name string) error {
	if _, err := fs.Stat(fsys, file); err == nil {
		return nil
	}
	all, _ := fs.Glob(fsys, path.Dir(file)+"/*.cue") // the pattern is well formed
	for i := range all {
		all[i] = strings.TrimSuffix(path.Base(all[i]), ".cue")
	}
	return fmt.Errorf("there is no %s %s%s", what, strconv.Quote(name), maybe(name, all))
}
