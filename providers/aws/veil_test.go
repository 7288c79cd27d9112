package aws

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"tenantry.dev/internal/awstypes"
	"tenantry.dev/reconciler/changeset"
	"tenantry.dev/reconciler/report"
	"tenantry.dev/reconciler/resource"
)

// hunter2 stands for every secret of these tests.
const hunter2 = "hunter2"

// secretsAtDepth are attributes of types, as a definition has them: hunter2 is a secret, and "plain" is to
// be shown.
var secretsAtDepth = map[string]map[string]string{
	"AWS::ECS::TaskDefinition": {"ContainerDefinitions": `[{"Name": "plain", "Image": "plain",
		"Environment": [{"Name": "plain", "Value": "hunter2"}], "Secrets": [{"Name": "plain", "ValueFrom": "plain"}],
		"LogConfiguration": {"LogDriver": "plain", "Options": {"awslogs-group": "plain", "splunk-token": "hunter2"}},
		"RepositoryCredentials": {"CredentialsParameter": "plain"}}]`},
	"AWS::CodeBuild::Project": {"Environment": `{"ComputeType": "hunter2", "EnvironmentVariables": [{"Name": "hunter2", "Value": "hunter2"}]}`},
	"AWS::ElasticLoadBalancingV2::ListenerRule": {"Actions": `[{"Type": "plain", "AuthenticateOidcConfig":
		{"ClientId": "plain", "ClientSecret": "hunter2", "TokenEndpoint": "plain"}}]`},
	"AWS::Synthetics::Canary":                {"RunConfig": `{"EnvironmentVariables": {"STAGE": "hunter2"}, "TimeoutInSeconds": 60, "MemoryInMB": 960}`},
	"AWS::DMS::Endpoint":                     {"OracleSettings": `{"AsmPassword": "hunter2", "AsmServer": "plain", "SecretsManagerSecretId": "plain"}`},
	"AWS::SageMaker::Model":                  {"PrimaryContainer": `{"Image": "plain", "Environment": {"A": "hunter2", "B": "arn:aws:ssm:plain"}}`},
	"AWS::Cognito::UserPoolIdentityProvider": {"ProviderDetails": `{"client_id": "plain", "client_secret": "hunter2", "authorize_scopes": "plain"}`},
}

// attributeIn is an attribute of a type with a value.
func attributeIn(t *testing.T, kind, name, text string) (resource.Kind, resource.Value) {
	t.Helper()
	table, err := awstypes.Open()
	if err != nil {
		t.Fatal(err)
	}
	published, err := table.Type(kind)
	if err != nil {
		t.Fatal(err)
	}
	described, err := newTyped(published)
	if err != nil {
		t.Fatal(err)
	}
	value, err := resource.ParseValue([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	a, known := described.kind.Attribute(name)
	if !known {
		t.Fatalf("%s has no %s", kind, name)
	}
	normal := a.Normal(value)
	if again := a.Normal(normal); again != normal {
		t.Errorf("%s.%s: normal %v, and again %v", kind, name, normal, again)
	}
	return described.kind, normal
}

// What is secret inside an attribute is masked where it lies, in whatever prints it, and the rest is shown.
func TestSecretsAtDepthAreMaskedWhereTheyLie(t *testing.T) {
	for kind, attributes := range secretsAtDepth {
		for name, text := range attributes {
			_, v := attributeIn(t, kind, name, text)
			asJSON, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			for _, printed := range []string{v.Text(), string(asJSON), fmt.Sprintf("%v %+v %#v %q %x", v, v, v, v, v), fmt.Sprintf("%+v", struct{ V resource.Value }{v})} {
				if strings.Contains(printed, hunter2) || strings.Count(printed, "plain") < strings.Count(v.Reveal(), "plain") {
					t.Errorf("%s.%s prints %s", kind, name, printed)
				}
			}
			if !v.IsSecret() || !strings.Contains(v.Reveal(), hunter2) {
				t.Errorf("%s.%s is %v", kind, name, v)
			}
		}
	}
}

// No plan and no report has it, whichever side it is on; what differs besides is shown.
func TestNoReportHasASecretFromADepth(t *testing.T) {
	const kind, name = "AWS::ECS::TaskDefinition", "ContainerDefinitions"
	text := secretsAtDepth[kind][name]
	k, before := attributeIn(t, kind, name, text)
	_, after := attributeIn(t, kind, name, strings.ReplaceAll(strings.ReplaceAll(text, hunter2, hunter2+"-new"), `"Image": "plain"`, `"Image": "newer"`))
	address := resource.Address{Owner: "tenant/acme", Kind: kind, Name: "web"}
	scope := resource.Scope{Account: "111122223333", Region: "eu-central-1"}
	for _, correct := range []bool{false, true} {
		cs, err := changeset.Compute(changeset.Snapshot{
			Kinds:    map[string]resource.Kind{kind: k},
			Desired:  []resource.Desired{{Address: address, Scope: scope, Attributes: resource.Attributes{name: after}}},
			Applied:  []resource.Desired{{Address: address, Scope: scope, Attributes: resource.Attributes{name: after}}},
			Settled:  map[resource.Owner]bool{"tenant/acme": true},
			Observed: []resource.Observed{{Address: address, Scope: scope, ID: "web", Attributes: resource.Attributes{name: before}}},

			CorrectDrift: correct,
		})
		if err != nil || len(cs.Changes) != 1 {
			t.Fatalf("%+v, %v", cs, err)
		}
		asJSON, err := report.JSON(cs)
		if err != nil {
			t.Fatal(err)
		}
		texts := []string{report.Text(cs, false), string(asJSON), fmt.Sprintf("%+v", cs)}
		for _, cause := range report.Group(cs) {
			_, markdown, data := report.Drift(cause, report.DriftOptions{Fleet: "web"})
			texts = append(texts, markdown, string(data))
		}
		for _, printed := range texts {
			if strings.Contains(printed, hunter2) || !strings.Contains(printed, "newer") {
				t.Errorf("printed %s", printed)
			}
		}
	}
}

// A difference in nothing but a secret is one.
func TestADifferenceInASecretAtDepthIsSeen(t *testing.T) {
	_, a := attributeIn(t, "AWS::Synthetics::Canary", "RunConfig", `{"EnvironmentVariables": {"STAGE": "hunter2"}}`)
	_, b := attributeIn(t, "AWS::Synthetics::Canary", "RunConfig", `{"EnvironmentVariables": {"STAGE": "hunter3"}}`)
	if a.Equal(b) || a == b || a.Seal() == b.Seal() {
		t.Errorf("%v equals %v", a, b)
	}
	if sealed := a.Seal(); !sealed.Equal(a) || strings.Contains(sealed.Reveal(), hunter2) {
		t.Errorf("the seal is %s", sealed.Reveal())
	}
}
