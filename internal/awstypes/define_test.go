package awstypes

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/cuecontext"
)

var update = flag.Bool("update", false, "write the golden files anew")

// vocabulary is what the definitions need of the package that they are part of.
const vocabulary = "\n#Tags: {[string]: string}\n"

func TestDefinitionIsGolden(t *testing.T) {
	table := open(t)
	for _, name := range []string{"AWS::RUM::AppMonitor", "AWS::DynamoDB::Table", "AWS::EC2::VPC"} {
		typ, err := table.Type(name)
		if err != nil {
			t.Fatal(err)
		}
		got, err := typ.Definition()
		if err != nil {
			t.Fatal(err)
		}
		golden := filepath.Join("testdata", strings.ReplaceAll(name, "::", "_")+".cue")
		if *update {
			if err := os.WriteFile(golden, got, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != string(want) {
			t.Errorf("the definition of %s differs from %s; run the test with -update and look at the difference", name, golden)
		}
	}
}

// Every fortieth type stands for all; the lane that makes the table anew defines every one.
func TestTypesHaveDefinitionsThatHold(t *testing.T) {
	table := open(t)
	all := index(t).Types
	for i := 0; i < len(all); i += 40 {
		typ, err := table.Type(all[i].Name)
		if err != nil {
			t.Fatal(err)
		}
		definition, err := typ.Definition()
		if err != nil {
			t.Error(err)
			continue
		}
		if !holds(definition) {
			t.Errorf("the evaluator refuses the definition of %s", typ.Name)
		}
	}
}

// What a person may write, and what is refused.
func TestDefinitionsAcceptAndRefuse(t *testing.T) {
	table := open(t)
	tests := []struct {
		name, kind, properties, refused string
	}{
		{"as the documentation has it", "AWS::RUM::AppMonitor", `CwLogEnabled: true, Domain: "app.example.com", tags: tenant: "acme"`, ""},
		{"a reference in place of an ARN", "AWS::RUM::AppMonitor", `AppMonitorConfiguration: GuestRoleArn: "${guest.arn}"`, ""},
		{"a policy as a document", "AWS::DynamoDB::Table", `KeySchema: [{AttributeName: "id", KeyType: "HASH"}], ResourcePolicy: PolicyDocument: {Version: "2012-10-17", Statement: []}`, ""},
		{"a wrong type", "AWS::RUM::AppMonitor", `CwLogEnabled: "yes"`, "CwLogEnabled"},
		{"a field that doesn't exist", "AWS::RUM::AppMonitor", `CwLogsEnabled: true`, "CwLogsEnabled"},
		{"what AWS alone sets", "AWS::RUM::AppMonitor", `Id: "x"`, "Id"},
		{"a value that isn't allowed", "AWS::RUM::AppMonitor", `CustomEvents: Status: "ON"`, "Status"},
		{"a required property that is missing", "AWS::DynamoDB::Table", `BillingMode: "PAY_PER_REQUEST"`, "KeySchema"},
		{"the service's own tags", "AWS::RUM::AppMonitor", `Tags: [{Key: "a", Value: "b"}]`, "Tags"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			typ, err := table.Type(test.kind)
			if err != nil {
				t.Fatal(err)
			}
			definition, err := typ.Definition()
			if err != nil {
				t.Fatal(err)
			}
			v := cuecontext.New().CompileString(string(definition) + vocabulary + `
x: #Kinds["` + test.kind + `"] & {#name: "acme-x", #unique: "acme-x-1", ` + test.properties + `}`)
			err = v.LookupPath(cue.ParsePath("x")).Validate(cue.Concrete(true))
			switch {
			case test.refused == "" && err != nil:
				t.Error(err)
			case test.refused != "" && (err == nil || !strings.Contains(err.Error(), test.refused)):
				t.Errorf("the refusal is %v and should name %s", err, test.refused)
			}
		})
	}
}

func TestWhatTheTableSays(t *testing.T) {
	table := open(t)
	x := index(t)
	if len(x.Types) < 1800 || len(x.Regions) < 30 || len(x.Sources) != 2 {
		t.Errorf("%d types, %d regions, %d sources", len(x.Types), len(x.Regions), len(x.Sources))
	}
	if !slices.IsSortedFunc(x.Types, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("the index isn't sorted, so that nothing can be found in it")
	}
	rum, err := table.Type("AWS::RUM::AppMonitor")
	if err != nil {
		t.Fatal(err)
	}
	if rum.NameProperty() != "Name" || !slices.Contains(rum.CreateOnly, "Name") || rum.Tagging != (Tagging{Property: "Tags", OnCreate: true, Updatable: true}) {
		t.Errorf("%+v", rum)
	}
	if want := "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-rum-appmonitor.html"; rum.Page() != want {
		t.Errorf("its page is %s", rum.Page())
	}
	dynamo, err := table.Type("AWS::DynamoDB::Table")
	if err != nil || !dynamo.HoldsData || dynamo.NameProperty() != "TableName" {
		t.Errorf("a table holds data, and is named by TableName: %+v, %v", dynamo, err)
	}
	vpc, err := table.Type("AWS::EC2::VPC")
	if err != nil || vpc.NameProperty() != "" || !slices.Contains(vpc.Outputs(), "VpcId") {
		t.Errorf("AWS names a VPC: %+v, %v", vpc, err)
	}
	if _, err := table.Type("AWS::RUM::Monitor"); !errors.Is(err, ErrUnknown) {
		t.Errorf("a type that doesn't exist: %v", err)
	}
	if !x.In("AWS::S3::Bucket", "eu-central-1") || x.In("AWS::RUM::AppMonitor", "cn-north-1") || x.In("AWS::No::Such", "eu-central-1") {
		t.Error("the regions of a type are wrong")
	}
	usable := 0
	for _, e := range index(t).Types {
		if e.Lacks == "" {
			usable++
		}
	}
	if usable < 1600 {
		t.Errorf("only %d types can be managed", usable)
	}
	for name, lack := range map[string]Lack{
		"AWS::IAM::AccessKey": Handlers, "AWS::Glue::SchemaVersion": Parent, "AWS::ECR::RegistryPolicy": Telling, "AWS::DynamoDB::GlobalTable": Retiring,
		"AWS::EC2::Route": "", "AWS::Logs::MetricFilter": "", "AWS::RUM::AppMonitor": "", "AWS::Route53::HostedZone": "",
		"AWS::ElasticLoadBalancingV2::ListenerRule": "",
	} {
		if e, ok := x.Entry(name); !ok || e.Lacks != lack {
			t.Errorf("%+v should lack %q", e, lack)
		}
	}
}

// A table that is damaged is an error.
func TestDamageIsAnError(t *testing.T) {
	for name, data := range map[string][]byte{"empty": nil, "torn": archive[:len(archive)/2], "no archive": []byte("x")} {
		if _, err := read(data); err == nil {
			t.Errorf("%s: there is no error", name)
		}
	}
}

func open(t *testing.T) *Table {
	t.Helper()
	table, err := Open()
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func index(t *testing.T) *Index {
	t.Helper()
	x, err := open(t).Index()
	if err != nil {
		t.Fatal(err)
	}
	return x
}
