package aws

import (
	"testing"

	"tenantry.dev/internal/awstypes"
)

// What a program is set up with is where people put secrets, and plans and reports are read by many.
func TestSettingsOfProgramsAreSecret(t *testing.T) {
	table, err := awstypes.Open()
	if err != nil {
		t.Fatal(err)
	}
	for kind, secret := range map[string]map[string]bool{
		"AWS::Lambda::Function": {"Environment": true, "Runtime": false, "Code": false},
		"AWS::RDS::DBInstance":  {"MasterUserPassword": true, "MasterUsername": false, "Engine": false},
		"AWS::Amplify::App":     {"EnvironmentVariables": true, "Name": false},
	} {
		published, err := table.Type(kind)
		if err != nil {
			t.Fatal(err)
		}
		described, err := newTyped(published)
		if err != nil {
			t.Fatal(err)
		}
		for name, want := range secret {
			if a, known := described.kind.Attribute(name); !known || a.Secret != want {
				t.Errorf("%s.%s: known %v, secret %v", kind, name, known, a.Secret)
			}
		}
	}
}
