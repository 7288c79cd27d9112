package schema

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue/format"
)

// A NewTenant is what a tenant's file says. Empty fields are left out.
type NewTenant struct {
	Tenant // but for the Origin
	// Comment stands above the tenant; it may have several lines.
	Comment   string
	Overrides map[string]map[string]any // by resource and attribute
	Adopt     map[string]string         // the ids of existing resources by name
}

// AddTenant writes a new tenant's file, formatted, where the fleet keeps its tenants. It refuses a name
// that is taken or can't be one; whether the fleet is valid with it is for Load to say.
func AddTenant(fsys fs.FS, t NewTenant) (Edit, error) {
	if !isName.MatchString(t.Name) {
		return Edit{}, fmt.Errorf("%q can't be a tenant's name: 1 to 32 lower-case letters, digits and hyphens, beginning with a letter", t.Name)
	}
	file, err := tenantFile(fsys, t.Name)
	if err == nil {
		return Edit{}, fmt.Errorf("there is a tenant %q already, in %s", t.Name, file)
	}
	text, err := t.text()
	if err != nil {
		return Edit{}, fmt.Errorf("tenant %s: %w", t.Name, err)
	}
	if file, err = tenantHome(fsys, t.Name); err != nil {
		return Edit{}, err
	}
	return Edit{Path: file, After: text}, nil
}

// text is the tenant's file.
func (t NewTenant) text() ([]byte, error) {
	var b strings.Builder
	b.WriteString("package fleet\n\n")
	for line := range strings.Lines(t.Comment) {
		b.WriteString(strings.TrimRight("// "+strings.TrimSpace(line), " ") + "\n")
	}
	fmt.Fprintf(&b, "tenant: %s: {\n", label(t.Name))
	for _, f := range []struct{ key, value string }{
		{"displayName", t.DisplayName},
		{"plan", t.Plan},
		{"cell", t.Cell},
		{"lifecycle", t.Lifecycle},
		{"residency", t.Residency},
	} {
		if f.value != "" && (f.key != "lifecycle" || f.value != "active") {
			fmt.Fprintf(&b, "\t%s: %s\n", f.key, quoteText(f.value))
		}
	}
	if err := t.writeLists(&b); err != nil {
		return nil, err
	}
	b.WriteString("}\n")
	out, err := format.Source([]byte(b.String()))
	if err != nil {
		return nil, fmt.Errorf("write the file: %w", err)
	}
	return out, nil
}

func (t NewTenant) writeLists(b *strings.Builder) error {
	var contacts []string
	for _, c := range t.Contacts {
		text := "{role: " + quoteText(c.Role)
		if c.Name != "" {
			text += ", name: " + quoteText(c.Name)
		}
		contacts = append(contacts, text+", email: "+quoteText(c.Email)+"}")
	}
	switch len(contacts) {
	case 0:
	case 1:
		fmt.Fprintf(b, "\tcontacts: [%s]\n", contacts[0])
	default:
		fmt.Fprintf(b, "\tcontacts: [\n\t\t%s,\n\t]\n", strings.Join(contacts, ",\n\t\t"))
	}
	if len(t.Domains) > 0 {
		lit, err := literalOf(t.Domains)
		if err != nil {
			return err
		}
		fmt.Fprintf(b, "\tdomains: %s\n", lit.text)
	}
	if len(t.Overrides) > 0 {
		b.WriteString("\n\toverrides: {\n")
		for _, name := range sortedKeys(t.Overrides) {
			for _, attribute := range sortedKeys(t.Overrides[name]) {
				lit, err := literalOf(t.Overrides[name][attribute])
				if err != nil {
					return fmt.Errorf("overrides.%s.%s: %w", name, attribute, err)
				}
				fmt.Fprintf(b, "\t\t%s: %s: %s\n", label(name), label(attribute), lit.text)
			}
		}
		b.WriteString("\t}\n")
	}
	if len(t.Adopt) > 0 {
		b.WriteString("\n\tadopt: {\n")
		for _, name := range sortedKeys(t.Adopt) {
			fmt.Fprintf(b, "\t\t%s: %s\n", label(name), quoteText(t.Adopt[name]))
		}
		b.WriteString("\t}\n")
	}
	return nil
}

// tenantFile finds the file of a tenant.
func tenantFile(fsys fs.FS, name string) (string, error) {
	flat := path.Join(tenantsDir, name+".cue")
	if _, err := fs.Stat(fsys, flat); err == nil {
		return flat, nil
	}
	all, err := fs.ReadDir(fsys, tenantsDir)
	if err != nil {
		return "", fmt.Errorf("the tenants can't be listed: %w", readError(err))
	}
	var others []string
	for _, d := range all {
		if !d.IsDir() {
			others = append(others, strings.TrimSuffix(d.Name(), ".cue"))
			continue
		}
		inside := path.Join(tenantsDir, d.Name(), name+".cue")
		if _, err := fs.Stat(fsys, inside); err == nil {
			return inside, nil
		}
		files, _ := fs.Glob(fsys, path.Join(tenantsDir, d.Name(), "*.cue")) // for the proposal alone
		for _, file := range files {
			others = append(others, strings.TrimSuffix(path.Base(file), ".cue"))
		}
	}
	return "", fmt.Errorf("there is no tenant %s%s", strconv.Quote(name), maybe(name, others))
}

// tenantHome is where the fleet would keep a tenant's file: in a folder of the first two letters if
// it keeps others so.
func tenantHome(fsys fs.FS, name string) (string, error) {
	all, err := fs.ReadDir(fsys, tenantsDir)
	if err != nil {
		return "", fmt.Errorf("the tenants can't be listed: %w", readError(err))
	}
	folders := slices.IndexFunc(all, fs.DirEntry.IsDir) >= 0
	flat := slices.ContainsFunc(all, func(d fs.DirEntry) bool { return !d.IsDir() && strings.HasSuffix(d.Name(), ".cue") })
	if folders && !flat {
		return path.Join(tenantsDir, name[:min(2, len(name))], name+".cue"), nil
	}
	return path.Join(tenantsDir, name+".cue"), nil
}
