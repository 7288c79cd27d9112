package aws

import (
	"encoding/json"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"tenantry.dev/reconciler/resource"
)

// oldVersion is the policy language of a document that doesn't name one.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_version.html
const oldVersion = "2008-10-17"

// canonicalPolicy brings policy documents of equal meaning to equal text, so that what AWS gives
// back compares equal to what was sent:
//
//	a document inside a string        the document
//	no Version                        the version that this means
//	one statement                     a list of one
//	order of statements               sorted
//	scalar Action, Resource, value    a list of one, sorted, each once
//	Principal "*"                     {"AWS": ["*"]}
//	an account id as AWS principal    the ARN of its root, in the partition "aws"
//	true, 5 in a condition            "true", "5"
//	an empty Sid                      none
//
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html (lists, order)
// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_elements_principal.html
//
// Placeholders and IAM's own variables are text inside strings and stay as they are. It is pure and
// idempotent, and leaves what isn't a policy document as it is. An unset value stays unset.
func canonicalPolicy(v resource.Value) resource.Value {
	if !v.IsSet() {
		return v
	}
	document, ok := parsePolicy(v.Reveal())
	if !ok {
		return v
	}
	out, err := resource.Of(canonicalDocument(document))
	if err != nil {
		return v
	}
	if v.IsSecret() {
		return out.AsSecret()
	}
	return out
}

// canonicalPolicies is canonicalPolicy for a map of documents by name.
func canonicalPolicies(v resource.Value) resource.Value {
	var documents map[string]json.RawMessage
	if !v.IsSet() || json.Unmarshal([]byte(v.Reveal()), &documents) != nil {
		return v
	}
	for name, text := range documents {
		document, err := resource.ParseValue(text)
		if err != nil {
			return v
		}
		documents[name] = json.RawMessage(canonicalPolicy(document).Reveal())
	}
	out, err := resource.Of(documents)
	if err != nil {
		return v
	}
	if v.IsSecret() {
		return out.AsSecret()
	}
	return out
}

// policyFrom makes a document of the text that a service returned; nil for no text. Text that isn't
// JSON becomes a JSON string, so that it still differs from every document.
func policyFrom(text string) json.RawMessage {
	if text == "" {
		return nil
	}
	if json.Valid([]byte(text)) {
		return json.RawMessage(text)
	}
	quoted, _ := json.Marshal(text) // a string can't fail
	return quoted
}

// escapedPolicyFrom is policyFrom for IAM, which URL-encodes documents (RFC 3986).
// https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetRolePolicy.html
func escapedPolicyFrom(text string) json.RawMessage {
	if plain, err := url.PathUnescape(text); err == nil {
		return policyFrom(plain)
	}
	return policyFrom(text)
}

// parsePolicy reads a document, also one that stands inside a JSON string.
func parsePolicy(text string) (map[string]any, bool) {
	var quoted string
	if json.Unmarshal([]byte(text), &quoted) == nil {
		text = quoted
	}
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	var document map[string]any
	if dec.Decode(&document) != nil || dec.More() {
		return nil, false
	}
	_, statements := document["Statement"]
	return document, statements
}

func canonicalDocument(document map[string]any) map[string]any {
	out := make(map[string]any, len(document))
	maps.Copy(out, document)
	if version, _ := out["Version"].(string); version == "" {
		out["Version"] = oldVersion
	}
	statements := list(document["Statement"])
	for i, statement := range statements {
		if fields, ok := statement.(map[string]any); ok {
			statements[i] = canonicalStatement(fields)
		}
	}
	out["Statement"] = sortedOnce(statements)
	return out
}

func canonicalStatement(statement map[string]any) map[string]any {
	out := make(map[string]any, len(statement))
	for key, value := range statement {
		switch key {
		case "Sid":
			if value == "" {
				continue
			}
			out[key] = value
		case "Action", "NotAction", "Resource", "NotResource":
			out[key] = sortedOnce(list(value))
		case "Principal", "NotPrincipal":
			out[key] = canonicalPrincipal(value)
		case "Condition":
			out[key] = canonicalCondition(value)
		default:
			out[key] = value
		}
	}
	return out
}

var accountID = regexp.MustCompile(`^[0-9]{12}$`)

func canonicalPrincipal(principal any) any {
	if principal == "*" {
		principal = map[string]any{"AWS": "*"}
	}
	types, ok := principal.(map[string]any)
	if !ok {
		return principal
	}
	out := make(map[string]any, len(types))
	for kind, value := range types {
		principals := list(value)
		for i, p := range principals {
			if id, isText := p.(string); kind == "AWS" && isText && accountID.MatchString(id) {
				principals[i] = rootARN(id)
			}
		}
		out[kind] = sortedOnce(principals)
	}
	return out
}

// canonicalCondition is operator → key → values.
func canonicalCondition(condition any) any {
	operators, ok := condition.(map[string]any)
	if !ok {
		return condition
	}
	out := make(map[string]any, len(operators))
	for operator, value := range operators {
		keys, ok := value.(map[string]any)
		if !ok {
			out[operator] = value
			continue
		}
		canonical := make(map[string]any, len(keys))
		for key, values := range keys {
			canonical[key] = sortedOnce(texts(list(values)))
		}
		out[operator] = canonical
	}
	return out
}

// rootARN is the principal that stands for a whole account.
func rootARN(account string) string { return "arn:aws:iam::" + account + ":root" }

// list makes a list of a scalar and copies a list.
func list(value any) []any {
	if elements, ok := value.([]any); ok {
		return slices.Clone(elements)
	}
	return []any{value}
}

// texts writes booleans and numbers as strings, which is what a condition compares them as.
func texts(values []any) []any {
	for i, value := range values {
		switch value := value.(type) {
		case bool, json.Number:
			text, _ := json.Marshal(value) // neither can fail
			values[i] = string(text)
		}
	}
	return values
}

// sortedOnce orders elements by their JSON text and drops repetitions. The result is never nil, so
// that it prints as a list.
func sortedOnce(elements []any) []any {
	text := func(v any) string {
		encoded, _ := json.Marshal(v) // only what JSON gave us comes here
		return string(encoded)
	}
	slices.SortStableFunc(elements, func(a, b any) int { return strings.Compare(text(a), text(b)) })
	once := slices.CompactFunc(elements, func(a, b any) bool { return text(a) == text(b) })
	return append([]any{}, once...)
}
