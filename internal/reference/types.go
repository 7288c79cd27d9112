package reference

import (
	"fmt"
	"strings"

	"tenantry.dev/internal/awstypes"
	"tenantry.dev/internal/samples"
)

// typesHead is what stands before the worked examples; ^ is a backquote.
const typesHead = `# Resource types by example

Written by ^make docs^ from the samples in ^internal/samples/^. Change those instead.

Worked examples of the resource types that tenants need most, as the ^resources^ of a plan or a cell have them. Each is valid in a plan
and passes the suite that drivers pass. What you don't need can be left out: ^tenantry explain TYPE^ says what must be written,
and explains AWS's other types, too.

A text such as ^"\(#fleet.name)-\(#tenant.#id)"^ takes what a template knows: declare it beside ^resources^, as in ^#tenant: _^. What
is said to be beside an example is a resource of the same owner; a tenant's resource refers to one of its cell as in
^${cell.cluster.arn}^. Where an example has ^json.Marshal^, its file imports ^"encoding/json"^.
`

// Types is the page of worked examples of AWS's resource types.
func Types() (string, error) {
	table, err := awstypes.Open()
	if err != nil {
		return "", err
	}
	all, err := samples.All()
	if err != nil {
		return "", err
	}
	var index, body strings.Builder
	service := ""
	for _, s := range all {
		t, err := table.Type(s.Type)
		if err != nil {
			return "", err
		}
		if t.Lacks() != "" {
			continue
		}
		if of := strings.Split(s.Type, "::")[1]; of != service {
			service = of
			fmt.Fprintf(&index, "\n- %s:", of)
			fmt.Fprintf(&body, "\n## %s\n", of)
		}
		fmt.Fprintf(&index, " [%s](#%s)", s.Type[strings.LastIndex(s.Type, ":")+1:], anchor(s.Type))
		fmt.Fprintf(&body, "\n### %s\n\n[AWS's page](%s)\n\n```cue\n%s\n```\n", s.Type, t.Page(), s.Text)
	}
	return strings.ReplaceAll(typesHead, "^", "`") + index.String() + "\n" + body.String(), nil
}
