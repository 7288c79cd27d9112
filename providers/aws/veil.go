package aws

import (
	"regexp"
	"strings"

	"tenantry.dev/internal/awstypes"
	"tenantry.dev/reconciler/resource"
)

// A resource type's secrets lie at any depth, and a value as a whole would say too little if it were
// masked for one of them: a task definition is mostly its containers. So only the places are masked, by
// what they are called:
//
//	settings of programs          every value, but those that only name where the value is kept
//	properties such as Password   their text
//	free maps, such as options    the texts whose key speaks of a secret
//
// What refers to a secret is none: an ARN, a reference to an output, a dynamic reference of CloudFormation.
// https://docs.aws.amazon.com/AmazonECS/latest/developerguide/specifying-sensitive-data.html
var (
	// deepSettings are the names of properties with the settings of a program.
	deepSettings = regexp.MustCompile(`^([A-Z][A-Za-z]*)?Environment(Variables|Properties|Override)?$|^(Dynamic)?Variables$`)
	// deepSecret is the name of a property whose text is a secret, rather than a name or a kind of one.
	deepSecret = regexp.MustCompile(`(?i)((password|passphrase|privatekey|secretkey|apikeysecret)s?|apikey(value)?|[a-z]secret|^secret|` +
		`(access|auth|api|bearer|hec|jwt|oauth|refresh|sas|security|session)token)$`)
	// settingName are the members of a setting that aren't its value.
	settingName = regexp.MustCompile(`^(Name|Key|Type|ValueFrom|PropertyGroupId)$`)
	reference   = regexp.MustCompile(`^(arn:|\{\{resolve:|\$\{[^}]*\}$)`)
)

// veil masks what is secret inside an attribute.
func veil(name string, field *awstypes.Shape) func(any) any {
	return func(v any) any { return masked(field, name, deepSettings.MatchString(name), v) }
}

// masked masks a value of that shape and name, which lies inside the settings of a program or not.
func masked(s *awstypes.Shape, name string, setting bool, v any) any {
	switch v := v.(type) {
	case string:
		if reference.MatchString(v) || v == "" {
			return v
		}
		if setting && !settingName.MatchString(name) || isSecretText(s, name) {
			return resource.Masked
		}
	case []any:
		for i, element := range v {
			v[i] = masked(elements(s), name, setting, element)
		}
	case map[string]any:
		kept := keptElsewhere(v)
		for key, member := range v {
			field := elements(s)
			switch {
			case s != nil && s.Fields != nil:
				field = s.Fields[key]
			case field != nil && field.Form == "text":
				field = nil // the key is the user's, and no property
			}
			if !kept {
				v[key] = masked(field, key, setting || deepSettings.MatchString(key), member)
			}
		}
	}
	return v
}

// isSecretText tells whether the text of a property, or at a key of a free map, is a secret.
func isSecretText(s *awstypes.Shape, name string) bool {
	switch {
	case s == nil || s.Form == "":
		return secretName.MatchString(name)
	case s.WriteOnly && secretName.MatchString(name):
		return true
	}
	return deepSecret.MatchString(strings.NewReplacer("-", "", "_", "", ".", "").Replace(name))
}

// keptElsewhere tells whether a setting's value only names where it is kept.
// https://docs.aws.amazon.com/codebuild/latest/APIReference/API_EnvironmentVariable.html
func keptElsewhere(setting map[string]any) bool {
	return setting["Type"] == "PARAMETER_STORE" || setting["Type"] == "SECRETS_MANAGER"
}

func elements(s *awstypes.Shape) *awstypes.Shape {
	if s == nil {
		return nil
	}
	return s.Elements
}
