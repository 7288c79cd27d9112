package schema

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/parser"
	"cuelang.org/go/cue/token"

	"tenantry.dev/internal/awstypes"
)

// Besides the kinds that have a definition here, every resource type of AWS is a kind, by AWS's own
// name. Its definition is made from what AWS publishes, for the types that a fleet's plans and cells name.

// isType is the name of a resource type.
var isType = regexp.MustCompile(`^[A-Za-z0-9]+::[A-Za-z0-9]+::[A-Za-z0-9]+$`)

// native are the kinds that are more than the type of the same thing: they also watch what the type's
// model hides, such as who else may read a bucket.
var native = map[string]string{
	"AWS::S3::Bucket": "aws.s3.bucket", "AWS::IAM::Role": "aws.iam.role", "AWS::KMS::Key": "aws.kms.key", "AWS::KMS::Alias": "aws.kms.key",
	"AWS::Logs::LogGroup": "aws.logs.group", "AWS::CloudWatch::Alarm": "aws.cloudwatch.alarm", "AWS::SNS::Topic": "aws.sns.topic",
	"AWS::SQS::Queue": "aws.sqs.queue", "AWS::SecretsManager::Secret": "aws.secretsmanager.secret",
}

// IsType tells whether a kind is a resource type by AWS's own name.
func IsType(kind string) bool { return isType.MatchString(kind) }

// isNative is the name of a kind that has a driver of its own.
var isNative = regexp.MustCompile(`^aws\.[a-z0-9]+\.[a-z]+$`)

// types are the resource types that the definitions name, sorted: plans, cells, policies, and what they import.
func (t *tree) types() []string { return t.named(isType) }

// natives are the kinds with a driver of their own that they name, sorted.
func (t *tree) natives() []string { return t.named(isNative) }

// named are the texts of definitions that match, sorted.
func (t *tree) named(like *regexp.Regexp) []string {
	var names []string
	for _, folder := range t.sources {
		for _, s := range folder {
			if s.syntax == nil {
				continue
			}
			ast.Walk(s.syntax, func(n ast.Node) bool {
				if s.path == fleetFile && isPrices(n) {
					return false // a price asks for nothing
				}
				if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
					if name, err := strconv.Unquote(lit.Value); err == nil && like.MatchString(name) {
						names = append(names, name)
					}
				}
				return true
			}, nil)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// isPrices tells whether a node is what a fleet says of prices.
func isPrices(n ast.Node) bool {
	field, is := n.(*ast.Field)
	if !is {
		return false
	}
	label, _, err := ast.LabelName(field.Label)
	return err == nil && label == "prices"
}

// VendorTypes returns the definitions of resource types as they are vendored into a fleet that names
// them: by path from the fleet's root. Types that can't be managed have none.
func VendorTypes(names ...string) (map[string][]byte, error) {
	out := map[string][]byte{}
	if len(names) == 0 {
		return out, nil
	}
	table, err := awstypes.Open()
	if err != nil {
		return nil, err
	}
	for _, name := range managed(slices.Clone(names)) {
		t, err := table.Type(name)
		if err != nil {
			return nil, err
		}
		text, err := t.Definition()
		if err != nil {
			return nil, err
		}
		out[vendorDir+"/"+strings.ToLower(strings.ReplaceAll(name, "::", "_"))+".cue"] = text
	}
	return out, nil
}

// managed are the types that can be managed, and have no kind of their own.
func managed(names []string) []string {
	table, err := awstypes.Open()
	return slices.DeleteFunc(names, func(name string) bool {
		if err != nil || native[name] != "" || !table.Has(name) {
			return true
		}
		t, err := table.Type(name)
		return err != nil || t.Lacks() != ""
	})
}

// typeFiles are the definitions of resource types, parsed.
func typeFiles(names []string) ([]*ast.File, error) {
	texts, err := VendorTypes(names...)
	if err != nil {
		return nil, err
	}
	var files []*ast.File
	for _, name := range sortedKeys(texts) {
		f, err := parser.ParseFile(name, texts[name])
		if err != nil {
			return nil, fmt.Errorf("the definition of a resource type: %w", err)
		}
		files = append(files, f)
	}
	return files, nil
}

// Unmanaged is why resources of a type can't be managed, in a person's words; nil if they can.
func Unmanaged(name string) error {
	if len(managed([]string{name})) == 1 {
		return nil
	}
	return errors.New(unknownKind(name, nil))
}

// unknownKind says why there is no kind of a name, and which one may be meant.
func unknownKind(kind string, known []string) string {
	if !isType.MatchString(kind) {
		return fmt.Sprintf("there is no kind %q%s", kind, maybe(kind, known))
	}
	if instead := native[kind]; instead != "" {
		return fmt.Sprintf("%s has a kind of its own, %q, which also watches what the type's model hides", kind, instead)
	}
	table, err := awstypes.Open()
	if err != nil {
		return err.Error()
	}
	if t, err := table.Type(kind); err == nil {
		return kind + " " + t.Lacks().String()
	}
	index, err := table.Index()
	if err != nil {
		return err.Error()
	}
	var names []string
	for _, e := range index.Types {
		names = append(names, e.Name)
	}
	return fmt.Sprintf("AWS has no resource type %q%s", kind, maybe(kind, names))
}
