package takeover_test

import (
	"slices"
	"strings"
	"testing"

	"tenantry.dev/providers"
	"tenantry.dev/reconciler/resource"
	"tenantry.dev/reconciler/takeover"
)

const (
	trust   = `{"Statement":[{"Effect":"Allow","Principal":{"Service":["ecs-tasks.amazonaws.com"]},"Action":["sts:AssumeRole"]}]}`
	arnOf   = `arn:aws:kms:eu-central-1:111122223333:key/0000-`
	anAlarm = `"namespace":"AWS/SQS","metric":"Age","statistic":"Maximum","comparison":"GreaterThanThreshold"`
)

// shape is what a customer has.
func (w *world) shape(customer string) {
	key := arnOf + customer + "-key"
	w.has("aws.kms.key", "alias/"+customer+"-key", `{"rotation":true}`)
	w.has("aws.s3.bucket", customer+"-data", `{"encryption":{"algorithm":"aws:kms","kmsKey":"`+key+`"},"tags":{"customer":"`+customer+`"}}`)
	w.has("aws.sqs.queue", customer+"-dead", `{}`)
	w.has("aws.sqs.queue", customer+"-jobs", `{"deadLetter":{"targetArn":"arn:aws:sqs:eu-central-1:111122223333:`+customer+`-dead","maxReceiveCount":3},"visibilityTimeout":60}`)
	w.has("aws.cloudwatch.alarm", customer+"-age", `{`+anAlarm+`,"threshold":0.5,"dimensions":{"QueueName":"`+customer+`-jobs"}}`)
	w.has("aws.iam.role", customer+"-app", `{"assumeRolePolicy":`+trust+`,"inlinePolicies":{"`+customer+`-files":{"Statement":[{
		"Effect":"Allow","Action":["s3:GetObject"],"Resource":["arn:aws:s3:::`+customer+`-data/${aws:username}/*","arn:aws:s3:::`+customer+`-data-old/*","arn:aws:iam::111122223333:role/x"]}]}}}`)
}

// A plan made of one customer's things fits it without a change, and another customer of the same
// shape as well, of whom it says nothing.
func TestAsPlanFitsASecondTenant(t *testing.T) {
	w := newWorld(t)
	w.shape("acme")
	w.shape("globex")
	first, err := takeover.AsPlan(w.order("acme", "standard"))
	ready(t, first, err, "key alias/acme-key", "data acme-data", "dead acme-dead", "jobs acme-jobs", "age acme-age", "app acme-app")
	if paths := changesOf(first); len(paths)+len(first.Created)+len(first.Overrides) > 0 {
		t.Errorf("adopting changes %v, creates %v, overrides %v", paths, first.Created, first.Overrides)
	}
	plan := string(first.Files["plans/standard.cue"])
	_, body, _ := strings.Cut(plan, "resources?:")
	if strings.Contains(strings.NewReplacer("// As acme", "", "// As alias/acme", "").Replace(body), "acme") {
		t.Errorf("the plan is about acme alone:\n%s", plan)
	}
	for _, text := range []string{
		`encryption: {algorithm: "aws:kms", kmsKey: "${key.arn}"}`, `QueueName: "${jobs.name}"`, `targetArn: "${dead.arn}"`,
		`"${data.arn}/${aws:username}/*"`, `"arn:aws:s3:::\(#tenant.#id)-data-old/*"`, `"arn:aws:iam::\(#account.id):role/x"`,
		`"\(#tenant.#id)-files":`, `visibilityTimeout: *60 | number`, `threshold:  *0.5 | number`, `tags: customer: #tenant.name`,
		`// As acme-data was found in 111122223333/eu-central-1.`,
	} {
		if !strings.Contains(plan, text) {
			t.Errorf("the plan doesn't say %s:\n%s", text, plan)
		}
	}
	w.write(first)
	second, err := takeover.Onto(w.order("globex", "standard"))
	ready(t, second, err, "key alias/globex-key", "data globex-data", "dead globex-dead", "jobs globex-jobs", "age globex-age", "app globex-app")
	if paths := changesOf(second); len(paths)+len(second.Created)+len(second.Overrides) > 0 {
		t.Errorf("adopting changes %v, creates %v, overrides %v", paths, second.Created, second.Overrides)
	}
}

// Names that the tenant's isn't part of, and addresses of people, are each tenant's own.
func TestAsPlanLeavesNamesToTenants(t *testing.T) {
	w := newWorld(t)
	w.shape("acme")
	w.has("aws.s3.bucket", "backups-7f3a9c21", `{"encryption":{"algorithm":"aws:kms","kmsKey":"`+arnOf+`acme-key"}}`)
	w.has("aws.sns.topic", "acme-alerts", `{"subscriptions":[{"protocol":"email","endpoint":"ops@acme.example"}]}`)
	o := w.order("acme", "standard")
	o.Picked["backups-7f3a9c21"] = true
	got, err := takeover.AsPlan(o)
	ready(t, got, err, "key alias/acme-key", "data acme-data", "dead acme-dead", "jobs acme-jobs", "age acme-age", "app acme-app",
		"backups backups-7f3a9c21", "alerts acme-alerts")
	if len(changesOf(got)) > 0 {
		t.Errorf("adopting changes %v", changesOf(got))
	}
	plan, tenant := string(got.Files["plans/standard.cue"]), string(got.Files["tenants/acme.cue"])
	for _, text := range []string{`name: string //`, `subscriptions: [...] //`} {
		if !strings.Contains(plan, text) {
			t.Errorf("the plan doesn't say %s:\n%s", text, plan)
		}
	}
	for _, text := range []string{`backups: name: "backups-7f3a9c21"`, `alerts: subscriptions: [{endpoint: "ops@acme.example", protocol: "email"}]`} {
		if !strings.Contains(tenant, text) {
			t.Errorf("the tenant doesn't say %s:\n%s", text, tenant)
		}
	}
}

// What a definition can't say is left out, with a note or a reason, and never makes the rest fail.
func TestAsPlanLeavesOutWhatCantBeSaid(t *testing.T) {
	w := newWorld(t)
	w.shape("acme")
	w.has("aws.s3.bucket", "acme-odd", `{"encryption":{"algorithm":"aws:kms","kmsKey":"`+arnOf+`acme-key"},
		"lifecycle":[{"id":"cold","prefix":"","expireDays":0,"noncurrentExpireDays":0,"other":"transitions"}]}`)
	w.has("aws.cloudwatch.alarm", "acme-p99", `{"namespace":"Shop","metric":"Latency","statistic":" with percentile p99","threshold":1,"comparison":"GreaterThanThreshold"}`)
	w.has("aws.kms.key", "alias/acme-one, alias/acme-two", `{}`)
	got, err := takeover.AsPlan(w.order("acme", "standard"))
	ready(t, got, err, "key alias/acme-key", "data acme-data", "dead acme-dead", "jobs acme-jobs", "age acme-age", "app acme-app", "odd acme-odd")
	left := leftOf(got)
	if left["acme-p99"] == "" || left["alias/acme-one, alias/acme-two"] == "" {
		t.Errorf("left: %v", left)
	}
	if !slices.ContainsFunc(got.Notes, func(n string) bool { return strings.HasPrefix(n, "odd.lifecycle is left out") }) {
		t.Errorf("notes: %v", got.Notes)
	}
	if paths := changesOf(got); len(paths) != 1 || !strings.HasPrefix(paths[0], "odd.lifecycle") {
		t.Errorf("adopting changes %v, and only the rules that can't be said may go", paths)
	}
}

// A policy has the last word, and nothing is bent to please it.
func TestAsPlanObeysPolicies(t *testing.T) {
	w := newWorld(t)
	w.has("aws.s3.bucket", "acme-data", `{}`) // and the fleet wants a key
	w.has("aws.sqs.queue", "acme-jobs", `{}`)
	got, err := takeover.AsPlan(w.order("acme", "standard"))
	if err != nil || got.Ready() || len(got.Files) > 0 || len(got.Left) > 0 {
		t.Fatalf("ready %t, files %d, left %v, %v", got.Ready(), len(got.Files), leftOf(got), err)
	}
	if !slices.ContainsFunc(got.Objections, func(o takeover.Objection) bool { return o.Policy == "encryption" }) {
		t.Errorf("objections: %v", got.Objections)
	}
}

// References never make a circle, and a text that only begins like another's name is not about it.
func TestAsPlanMakesNoCircle(t *testing.T) {
	w := newWorld(t)
	policy := func(queue string) string {
		return `{"policy":{"Statement":[{"Effect":"Allow","Principal":{"AWS":["*"]},"Action":["sqs:SendMessage"],"Resource":["arn:aws:sqs:eu-central-1:111122223333:` + queue +
			`"],"Condition":{"ArnEquals":{"aws:SourceArn":["arn:aws:sqs:eu-central-1:111122223333:` + map[string]string{"acme-a": "acme-b", "acme-b": "acme-a"}[queue] + `"]}}}]}}`
	}
	w.has("aws.sqs.queue", "acme-a", policy("acme-a"))
	w.has("aws.sqs.queue", "acme-b", policy("acme-b"))
	got, err := takeover.AsPlan(w.order("acme", "standard"))
	ready(t, got, err, "a acme-a", "b acme-b")
	if len(changesOf(got)) > 0 {
		t.Errorf("adopting changes %v:\n%s", changesOf(got), got.Files["plans/standard.cue"])
	}
}

// Nothing that carries a mark is adopted, nor what is on its way out or can't be read, nor what
// others of the fleet adopt, nor the role that Tenantry works with; however it was picked.
func TestNothingOfOthersIsAdopted(t *testing.T) {
	for why, spoil := range map[string]func(o *takeover.Order, f *providers.Found){
		"it is the fleet rival's": func(_ *takeover.Order, f *providers.Found) {
			f.Fleet, f.Address = "rival", resource.Address{Owner: "tenant/x", Kind: f.Kind, Name: "data"}
		},
		"this fleet has it already": func(_ *takeover.Order, f *providers.Found) {
			f.Fleet, f.Address = "shop", resource.Address{Owner: "tenant/x", Kind: f.Kind, Name: "data"}
		},
		"a mark of Tenantry that can't be read": func(_ *takeover.Order, f *providers.Found) { f.Fleet = "?" },
		"will be deleted or was retired":        func(_ *takeover.Order, f *providers.Found) { f.Retired = "2026-01-01T00:00:00Z" },
		"it can't be read":                      func(_ *takeover.Order, f *providers.Found) { f.Unread = "access denied" },
		"tenant/y adopts it":                    func(o *takeover.Order, f *providers.Found) { o.Claimed[f.ID] = "tenant/y adopts it" },
		"Tenantry itself works with": func(o *takeover.Order, f *providers.Found) {
			o.Spared[f.Outputs["arn"]] = "Tenantry itself works with it"
		},
	} {
		for _, run := range []func(takeover.Order) (takeover.Takeover, error){takeover.AsPlan, takeover.Onto} {
			w := newWorld(t)
			w.has("aws.sqs.queue", "acme-jobs", `{}`)
			w.file("plans/work.cue", queuePlan)
			o := w.order("acme", "work")
			o.Plan, o.Tenant.Plan = "plans/made.cue", "work"
			spoil(&o, &o.Found[0])
			got, err := run(o)
			if err != nil {
				t.Errorf("%s: %v", why, err)
			}
			if len(got.Pairs) > 0 || !strings.Contains(leftOf(got)["acme-jobs"], why) {
				t.Errorf("%s: adopts %v, left %v", why, got.Pairs, leftOf(got))
			}
		}
	}
}
