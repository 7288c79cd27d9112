package awstypes

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/cuecontext"
	"cuelang.org/go/cue/format"
	"cuelang.org/go/cue/token"
	"cuelang.org/go/encoding/jsonschema"
)

// Definition is the type's definition in CUE, a file of the package schema, in which it is one of #Kinds.
//
// It has what a person may say: neither what AWS alone sets nor what is only known to AWS's own
// validation. The name of a resource is that of the definition unless said otherwise, tags are
// {key: value} for every type, and any text may hold a reference such as "${key.arn}".
func (t Type) Definition() ([]byte, error) {
	var schema map[string]any
	if err := json.Unmarshal(t.Schema, &schema); err != nil {
		return nil, fmt.Errorf("read the schema of %s: %w", t.Name, err)
	}
	delete(schema, "required") // it is said field by field, but for those that are left out
	uncircle(object(schema["definitions"]))
	loosen(schema)
	schema["type"] = "object"
	out, err := t.define(schema)
	if err != nil {
		return nil, err
	}
	if !holds(out) { // alternatives between which the evaluator can't choose as long as nothing is given
		simplify(schema)
		return t.define(schema)
	}
	return out, nil
}

// uncircle demands nothing of a definition that leads back to it, such as the statement that a negation has:
// the evaluator takes a demand in a circle for one that has no end.
func uncircle(definitions map[string]any) {
	refs := map[string]map[string]string{} // definition → property → definition
	for name, definition := range definitions {
		refs[name] = map[string]string{}
		for property, schema := range object(object(definition)["properties"]) {
			if ref, ok := object(schema)["$ref"].(string); ok {
				refs[name][property] = strings.TrimPrefix(ref, "#/definitions/")
			}
		}
	}
	for name, definition := range definitions {
		demanded, _ := object(definition)["required"].([]any)
		demanded = slices.DeleteFunc(demanded, func(property any) bool {
			text, _ := property.(string)
			to, is := refs[name][text]
			return is && leads(refs, to, name, map[string]bool{})
		})
		if len(demanded) > 0 {
			object(definition)["required"] = demanded
		} else if definition := object(definition); definition != nil {
			delete(definition, "required")
		}
	}
}

// leads tells whether references go from one definition to another.
func leads(refs map[string]map[string]string, from, to string, seen map[string]bool) bool {
	if from == to {
		return true
	}
	if seen[from] {
		return false
	}
	seen[from] = true
	for _, next := range refs[from] {
		if leads(refs, next, to, seen) {
			return true
		}
	}
	return false
}

// define turns a schema into a definition.
func (t Type) define(schema map[string]any) ([]byte, error) {
	text, err := json.Marshal(schema)
	if err != nil {
		return nil, fmt.Errorf("write the schema of %s: %w", t.Name, err)
	}
	file, err := jsonschema.Extract(cuecontext.New().CompileBytes(text), &jsonschema.Config{
		DefaultVersion: jsonschema.VersionDraft7, OpenOnlyWhenExplicit: true,
	})
	if err != nil {
		return nil, fmt.Errorf("turn the schema of %s into CUE: %w", t.Name, err)
	}
	out, err := format.Node(t.file(file))
	if err != nil {
		return nil, fmt.Errorf("write the definition of %s: %w", t.Name, err)
	}
	return out, nil
}

// holds tells whether the evaluator has nothing against a definition as such.
func holds(definition []byte) bool {
	return cuecontext.New().CompileString(string(definition)+"\n#Tags: {[string]: string}\n").Validate() == nil
}

// simplify takes out every choice between schemas.
func simplify(v any) {
	switch v := v.(type) {
	case []any:
		for _, inner := range v {
			simplify(inner)
		}
	case map[string]any:
		for _, key := range []string{"oneOf", "anyOf", "allOf"} {
			if _, isList := v[key].([]any); isList {
				delete(v, key)
			}
		}
		for _, inner := range v {
			simplify(inner)
		}
	}
}

// file puts a schema as the encoder gives it, with fields at the top, where #Kinds has its kinds.
func (t Type) file(schema *ast.File) *ast.File {
	kind := &ast.StructLit{Elts: []ast.Decl{
		field("kind", ast.NewString(t.Name)),
		field("#name", ast.NewIdent("string")),
		field("#unique", ast.NewIdent("string")),
		field("#outputs", texts(t.Outputs())),
		field("#global", ast.NewBool(t.Global())),
	}}
	if t.Tagging.Property != "" {
		tags := field("tags", ast.NewIdent("#Tags"))
		tags.Constraint = token.OPTION
		kind.Elts = append(kind.Elts, tags)
	}
	nameProperty, required := t.NameProperty(), slices.Concat(t.required(), t.Within())
	for _, d := range schema.Decls {
		f, ok := d.(*ast.Field)
		if !ok {
			if _, isImport := d.(*ast.ImportDecl); !isImport {
				kind.Elts = append(kind.Elts, d)
			}
			continue
		}
		name, _, err := ast.LabelName(f.Label)
		switch {
		case err == nil && (name == t.Tagging.Property || slices.Contains(t.ReadOnly, name)):
			continue
		case err == nil && name == nameProperty:
			f.Constraint, f.Value = token.ILLEGAL, ast.NewBinExpr(token.AND, &ast.ParenExpr{X: ast.NewBinExpr(token.OR, &ast.UnaryExpr{Op: token.MUL, X: ast.NewIdent("#name")}, ast.NewIdent("string"))}, f.Value)
		case err == nil && slices.Contains(required, name):
			f.Constraint = token.NOT
		}
		kind.Elts = append(kind.Elts, f)
	}
	out := &ast.File{Decls: []ast.Decl{&ast.Package{Name: ast.NewIdent("schema")}}}
	for _, d := range schema.Decls {
		if i, ok := d.(*ast.ImportDecl); ok {
			if i.Specs = usedIn(kind, i.Specs); len(i.Specs) > 0 {
				out.Decls = append(out.Decls, i)
			}
		}
	}
	named := field(t.Name, kind)
	ast.AddComment(named, &ast.CommentGroup{Doc: true, List: []*ast.Comment{{Text: "// A resource type of AWS. AWS: " + t.Page()}}})
	out.Decls = append(out.Decls, &ast.Field{Label: ast.NewIdent("#Kinds"), Value: &ast.StructLit{Elts: []ast.Decl{named}}})
	return out
}

// usedIn are the imports that something refers to.
func usedIn(n ast.Node, imports []*ast.ImportSpec) []*ast.ImportSpec {
	used := map[string]bool{}
	ast.Walk(n, func(n ast.Node) bool {
		if s, ok := n.(*ast.SelectorExpr); ok {
			if x, ok := s.X.(*ast.Ident); ok {
				used[strconv.Quote(x.Name)] = true
			}
		}
		return true
	}, nil)
	return slices.DeleteFunc(imports, func(i *ast.ImportSpec) bool { return !used[i.Path.Value] })
}

// Outputs are what references may use: the texts that AWS sets, and what identifies the resource. Not
// every resource has them all at any time.
func (t Type) Outputs() []string {
	set := map[string]bool{"id": true}
	shape, err := t.Shape()
	for _, name := range slices.Concat(t.ReadOnly, t.Identifier) {
		if err == nil && shape.isText(strings.Split(name, ".")) {
			set[name] = true
		}
	}
	if property, form := t.ARNFrom(); property != "" || form != "" {
		set["arn"] = true
	}
	return slices.Sorted(maps.Keys(set))
}

// isText tells whether there is a text at a path through objects.
func (s *Shape) isText(path []string) bool {
	for _, name := range path {
		if s == nil || s.Fields == nil {
			return false
		}
		s = s.Fields[name]
	}
	return s != nil && s.Form == "text"
}

// placeholder is a part of an ARN's form.
var placeholder = regexp.MustCompile(`\$\{([A-Za-z0-9]+)\}`)

// ARNFrom tells where a resource's ARN is known from: a property, or a form that can be filled in from
// properties, the partition, the region and the account. Both are empty if it isn't.
func (t Type) ARNFrom() (property, form string) {
	short := t.Name[strings.LastIndex(t.Name, ":")+1:]
	for _, name := range slices.Concat(t.Identifier, t.ReadOnly) {
		if name == "Arn" || name == "ARN" || name == short+"Arn" || name == short+"ARN" {
			return name, ""
		}
	}
	known := map[string]bool{"Partition": true, "Region": true, "Account": true, t.NameProperty(): true}
	for _, name := range slices.Concat(t.Identifier, t.required()) {
		known[name] = true
	}
	for _, m := range placeholder.FindAllStringSubmatch(t.ARN, -1) {
		if !known[m[1]] {
			return "", ""
		}
	}
	return "", t.ARN
}

// NameProperty is the property by which a person names a resource of the type; empty if AWS names it.
// It is the one that identifies the resource, is a text, and isn't AWS's to set.
func (t Type) NameProperty() string {
	var schema struct {
		Properties  map[string]json.RawMessage `json:"properties"`
		Definitions map[string]json.RawMessage `json:"definitions"`
	}
	if len(t.Identifier) != 1 || json.Unmarshal(t.Schema, &schema) != nil || !strings.HasSuffix(t.Identifier[0], "Name") {
		return ""
	}
	name := t.Identifier[0]
	if slices.Contains(t.ReadOnly, name) {
		return ""
	}
	var p struct {
		Type any    `json:"type"`
		Ref  string `json:"$ref"`
		Enum []any  `json:"enum"`
	}
	text := schema.Properties[name]
	for range 3 { // references to references are rare, and circles must end
		p.Ref = ""
		if json.Unmarshal(text, &p) != nil {
			return ""
		}
		if p.Ref == "" {
			break
		}
		text = schema.Definitions[strings.TrimPrefix(p.Ref, "#/definitions/")]
	}
	if p.Type != "string" || len(p.Enum) > 0 {
		return ""
	}
	return name
}

// Identifiable tells whether what identifies a resource is known before it exists, so that two of one
// identity can't be made. AWS makes up the identity of the others.
func (t Type) Identifiable() bool {
	required, named := t.required(), t.NameProperty()
	for _, name := range t.Identifier {
		if slices.Contains(t.ReadOnly, name) || name != named && !slices.Contains(required, name) {
			return false
		}
	}
	return len(t.Identifier) > 0
}

// Global tells whether resources of the type lie in no region. AWS's data doesn't say; these are the
// services whose endpoint is one for the partition.
// https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/global-services.html
func (t Type) Global() bool {
	switch service := strings.Split(t.Name, "::"); service[1] {
	case "IAM", "Organizations", "Route53", "CloudFront", "Budgets", "Shield":
		return true
	case "WAFv2": // scope decides, and CLOUDFRONT is in us-east-1 alone
		return false
	}
	return false
}

func (t Type) required() []string {
	var schema struct {
		Required []string `json:"required"`
	}
	_ = json.Unmarshal(t.Schema, &schema) // read before
	return schema.Required
}

// loosen takes from a schema what a definition can't say: AWS's defaults, which would be written into
// every rendering; patterns that Go's regular expressions don't know; lengths that a reference in the
// place of the text wouldn't have. They are checked against the value itself.
func loosen(v any) {
	switch v := v.(type) {
	case []any:
		for _, inner := range v {
			loosen(inner)
		}
	case map[string]any:
		if isJSON(v) {
			v["type"] = []any{"object", "string"}
		}
		for _, key := range []string{"default", "format", "insertionOrder", "arrayType", "dependentRequired"} {
			if _, isSchema := v[key].(map[string]any); !isSchema {
				delete(v, key)
			}
		}
		loosenText(v)
		loosenObject(v)
		if _, named := v["properties"]; named { // which of the properties go together is AWS's to check
			delete(v, "oneOf")
			delete(v, "anyOf")
			delete(v, "allOf")
		}
		for _, inner := range v {
			loosen(inner)
		}
	}
}

// The longest text that a reference may need, and the shortest that it can be.
const (
	longReference  = 64
	shortReference = 6
)

// loosenObject opens an object of which nothing is said, such as a policy document, and one whose
// keys follow a pattern that Go doesn't know.
func loosenObject(v map[string]any) {
	keys, patterned := v["patternProperties"].(map[string]any)
	if patterned {
		for pattern, inner := range keys {
			if _, err := regexp.Compile(pattern); err != nil {
				delete(keys, pattern)
				v["additionalProperties"] = inner
			}
		}
	}
	if _, named := v["properties"]; named || patterned || !isObject(v["type"]) {
		return
	}
	if _, said := v["additionalProperties"].(map[string]any); !said {
		v["additionalProperties"] = true
	}
}

func isObject(kind any) bool {
	list, several := kind.([]any)
	return kind == "object" || several && slices.Contains(list, any("object"))
}

func loosenText(v map[string]any) {
	if least, ok := v["minLength"].(float64); ok && least > shortReference {
		delete(v, "minLength")
	}
	if most, ok := v["maxLength"].(float64); ok && most < longReference {
		delete(v, "maxLength")
	}
	pattern, ok := v["pattern"].(string)
	if !ok {
		return
	}
	delete(v, "pattern")
	if pattern = goPattern(pattern); pattern != "" {
		v["pattern"] = pattern
	}
}

// escape is a character in the way of ECMA's regular expressions.
var escape = regexp.MustCompile(`\\u([0-9A-Fa-f]{4})`)

// goPattern is a pattern that the text or a reference in it matches; empty if Go can't have it.
func goPattern(pattern string) string {
	pattern = escape.ReplaceAllString(pattern, `\x{$1}`)
	pattern = "(?:" + pattern + `)|\$\{[!-~]+\}`
	if _, err := regexp.Compile(pattern); err != nil {
		return ""
	}
	return pattern
}

func field(name string, value ast.Expr) *ast.Field {
	label := ast.Label(ast.NewString(name))
	if !strings.Contains(name, ":") {
		label = ast.NewIdent(name)
	}
	return &ast.Field{Label: label, Value: value}
}

func texts(names []string) *ast.ListLit {
	out := &ast.ListLit{}
	for _, name := range names {
		out.Elts = append(out.Elts, &ast.BasicLit{Kind: token.STRING, Value: strconv.Quote(name)})
	}
	return out
}
