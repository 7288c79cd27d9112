package schema

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWhereEventsArrive(t *testing.T) {
	for _, test := range []struct {
		name    string
		in      Events
		regions []string
		want    Events
	}{
		{"off", Events{}, []string{"eu-central-1"}, Events{}},
		{"a queue", Events{Queue: "q"}, []string{"eu-central-1"}, Events{"q", []string{"eu-central-1", "us-east-1"}}},
		{"at home", Events{Queue: "q"}, []string{"us-east-1"}, Events{"q", []string{"us-east-1"}}},
		{"in China", Events{Queue: "q"}, []string{"cn-northwest-1"}, Events{"q", []string{"cn-north-1", "cn-northwest-1"}}},
		{"for the government", Events{Queue: "q"}, []string{"us-gov-east-1"}, Events{"q", []string{"us-gov-east-1", "us-gov-west-1"}}},
		{"told", Events{"q", []string{"us-east-1", "eu-west-1", "us-east-1"}}, []string{"eu-central-1"}, Events{"q", []string{"eu-west-1", "us-east-1"}}},
	} {
		if diff := cmp.Diff(test.want, eventsOf(test.in, test.regions)); diff != "" {
			t.Errorf("%s: %s", test.name, diff)
		}
	}
}
