package awsbox

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
)

// A Mischief is a change made by hand, behind the back of whoever looks after the resource. It goes
// through the same store as the API's changes, so that every read shows it.
type Mischief struct {
	// What is changed: by its address in the tag tenantry:address, or by kind and name. Account and
	// Region may be left out where that is enough to find exactly one thing.
	Address string `json:"address,omitempty"`
	Kind    string `json:"kind,omitempty"`
	Name    string `json:"name,omitempty"`
	Account string `json:"account,omitempty"`
	Region  string `json:"region,omitempty"`

	// Do is one of Pranks. Or else Attribute gets Value, by the names that Live shows; "tags.team" is
	// the tag "team"; no value removes it.
	Do        string `json:"do,omitempty"`
	Attribute string `json:"attribute,omitempty"`
	Value     string `json:"value,omitempty"`

	// By is the person who did it, or their session, such as "assumed-role/admins/robin". Default "robin".
	By string `json:"by,omitempty"`
}

// A Prank is a ready-made mischief.
type Prank struct {
	Kind string `json:"kind"` // "" fits every kind
	Do   string `json:"do"`
	Says string `json:"says"`

	change func(*Server, *Resource) verdict
}

// A verdict is what becomes of a resource after a prank.
type verdict bool

const (
	stays verdict = true
	goes  verdict = false
)

// set makes a prank that gives attributes a value.
func set(pairs ...string) func(*Server, *Resource) verdict {
	return func(_ *Server, r *Resource) verdict {
		for i := 0; i < len(pairs); i += 2 {
			r.set(pairs[i], strings.ReplaceAll(pairs[i+1], "{arn}", r.ID))
		}
		return stays
	}
}

const (
	openTo     = `{"Version":"2012-10-17","Statement":[{"Sid":"Temporary","Effect":"Allow","Principal":"*","Action":"*","Resource":"{arn}"}]}`
	openBucket = `{"Version":"2012-10-17","Statement":[{"Sid":"Temporary","Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"{arn}/*"}]}`
	allowAll   = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
	trustAll   = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole"}]}`
	suspended  = `<VersioningConfiguration xmlns="` + s3Namespace + `"><Status>Suspended</Status></VersioningConfiguration>`
)

// Pranks lists the ready-made mischief, sorted by kind.
func Pranks() []Prank {
	return []Prank{
		{"", "deleted", "somebody deleted it", func(*Server, *Resource) verdict { return goes }},
		{"", "tag-changed", "somebody put the tag team = elsewhere on it", func(_ *Server, r *Resource) verdict {
			r.Tags["team"] = "elsewhere"
			return stays
		}},
		{"", "mark-removed", "somebody tidied the tenantry: tags away", func(_ *Server, r *Resource) verdict {
			for key := range r.Tags {
				if strings.HasPrefix(key, "tenantry:") {
					delete(r.Tags, key)
				}
			}
			return stays
		}},
		{kindAlarm, "actions-disabled", "somebody silenced the alarm", set("ActionsEnabled", "false")},
		{kindAlarm, "threshold-raised", "somebody raised the threshold to 1000000", set("Threshold", "1000000")},
		{kindRole, "admin-attached", "somebody attached AdministratorAccess", set("managed/arn:aws:iam::aws:policy/AdministratorAccess", "attached")},
		{kindRole, "boundary-removed", "somebody took the permissions boundary away", set("PermissionsBoundary", "")},
		{kindRole, "inline-policy-added", "somebody added an inline policy that allows everything", set("inline/temporary", allowAll)},
		{kindRole, "trust-widened", "somebody let every account assume the role", set("AssumeRolePolicyDocument", trustAll)},
		{kindKey, "grant-added", "somebody granted the key to another account", set("grant/0123456789abcdef",
			`{"GrantId":"0123456789abcdef","KeyId":"{arn}","GranteePrincipal":"arn:aws:iam::999999999999:root","Operations":["Decrypt"]}`)},
		{kindKey, "rotation-off", "somebody turned the yearly rotation off", set("RotationPeriodInDays", "")},
		{kindLogGroup, "retention-changed", "somebody keeps the logs for one day only", set("retentionInDays", "1")},
		{kindLogGroup, "retention-removed", "somebody keeps the logs for ever", set("retentionInDays", "")},
		{kindBucket, "encryption-reset", "somebody went back to AES256", set("Encryption", defaultEncryption)},
		{kindBucket, "lifecycle-removed", "somebody deleted the lifecycle rules", set("Lifecycle", "")},
		{kindBucket, "policy-made-public", "somebody opened the bucket to the world", set("PublicAccessBlock", "", "Policy", openBucket)},
		{kindBucket, "public-access-block-removed", "somebody took the public access block away", set("PublicAccessBlock", "")},
		{kindBucket, "versioning-off", "somebody suspended versioning", set("Versioning", suspended)},
		{kindSecret, "policy-added", "somebody opened the secret to the world", set("Policy", openTo)},
		{kindTopic, "policy-made-public", "somebody opened the topic to the world", set("Policy", openTo)},
		{kindTopic, "subscription-added", "somebody subscribed a private address", (*Server).eavesdrop},
		{kindQueue, "policy-made-public", "somebody opened the queue to the world", set("Policy", openTo)},
		{kindQueue, "retention-shortened", "somebody keeps messages for one minute only", set("MessageRetentionPeriod", "60")},
	}
}

// eavesdrop subscribes an address to a topic.
func (s *Server) eavesdrop(r *Resource) verdict {
	name := r.Name + ":" + s.ids.uuid()
	s.store.put(&Resource{
		Kind: kindSubscription, Account: r.Account, Region: r.Region, Name: name,
		ID: "arn:aws:sns:" + r.Region + ":" + r.Account + ":" + name, Tags: map[string]string{},
		Attributes: map[string]string{"TopicArn": r.ID, "Protocol": "email", "Endpoint": "robin@example.org", "Pending": "true"},
	},
		cause{"by hand", human(r.Account, "")}, s.cond.Lag.of("sns"))
	return stays
}

func human(account, name string) string {
	if strings.HasPrefix(name, "assumed-role/") {
		return "arn:aws:sts::" + account + ":" + name
	}
	return "arn:aws:iam::" + account + ":user/" + cmp.Or(name, "robin")
}

// Chaos does a mischief. The error says what could have been asked for instead.
func (s *Server) Chaos(m Mischief) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, err := s.victim(m)
	if err != nil {
		return err
	}
	by := cause{"by hand", human(r.Account, m.By)}
	lag := s.cond.Lag.of(serviceOf(r.Kind))
	fate, err := s.play(m, r)
	if err != nil {
		return err
	}
	if fate == goes {
		s.store.remove(r, by, lag)
	} else {
		s.store.put(r, by, lag)
	}
	s.byHand(m, r, fate, by.by)
	return nil
}

// serviceOf is the service of a kind, as credential scopes name it.
func serviceOf(kind string) string {
	if strings.Contains(kind, "::") {
		return "cloudcontrolapi"
	}
	if service := strings.Split(kind, ".")[1]; service != "cloudwatch" {
		return service
	}
	return "monitoring"
}

// play applies the change to a copy.
func (s *Server) play(m Mischief, r *Resource) (verdict, error) {
	key, isTag := strings.CutPrefix(m.Attribute, "tags.")
	switch {
	case m.Do == "" && m.Attribute == "":
		return stays, errors.New(`nothing to do: give "do" or "attribute"`)
	case m.Do == "" && isTag && m.Value == "":
		delete(r.Tags, key)
	case m.Do == "" && isTag:
		r.Tags[key] = m.Value
	case m.Do == "":
		r.set(m.Attribute, m.Value)
	default:
		return s.prank(m.Do, r)
	}
	return stays, nil
}

func (s *Server) prank(do string, r *Resource) (verdict, error) {
	var names []string
	for _, p := range Pranks() {
		if p.Kind != "" && p.Kind != r.Kind {
			continue
		}
		if p.Do == do {
			return p.change(s, r), nil
		}
		names = append(names, p.Do)
	}
	return stays, fmt.Errorf("%q is nothing that can be done to a %s; there are %s", do, r.Kind, strings.Join(names, ", "))
}

// victim finds the one resource that is meant.
func (s *Server) victim(m Mischief) (*Resource, error) {
	if m.Address == "" && m.Name == "" {
		return nil, errors.New(`say what to change: "address", or "kind" and "name"`)
	}
	is := func(want, have string) bool { return want == "" || want == have }
	var found []*Resource
	for _, r := range s.store.all() {
		if is(m.Address, r.Tags["tenantry:address"]) && is(m.Kind, r.Kind) && is(m.Name, r.Name) &&
			is(m.Account, r.Account) && is(m.Region, r.Region) {
			found = append(found, r)
		}
	}
	switch len(found) {
	case 0:
		return nil, fmt.Errorf("nothing like that exists: %s", m.target())
	case 1:
		return found[0], nil
	}
	return nil, fmt.Errorf("%d things are like that, say which: %s; the first are %s and %s", len(found), m.target(), found[0].ID, found[1].ID)
}

func (m Mischief) target() string {
	var parts []string
	for _, part := range []string{m.Address, m.Kind, m.Name, m.Account, m.Region} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	return strings.Join(parts, " ")
}
