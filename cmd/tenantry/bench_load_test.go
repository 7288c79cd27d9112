package main

import (
	"bytes"
	"crypto/hmac"
	crand "crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	githubbox "tenantry.dev/internal/sandbox/github"
)

// How much is open in the measurements of load, unless LOAD_PULLS says otherwise.
const loadPulls = 500

// A load is a daemon in a process of its own and a sandbox with many pull requests open, over HTTP.
type load struct {
	*scene
	b     *testing.B
	pulls int
	files []githubbox.Delivery // webhooks that were delivered once
}

// newLoad has all pull requests open. Those that were answered were so without GitHub's limits.
func newLoad(b *testing.B, answered bool) *load {
	b.Helper()
	b.Setenv("PATH", filepath.Dir(built(b))+string(os.PathListSeparator)+os.Getenv("PATH"))
	l := &load{scene: &scene{t: b, dir: b.TempDir()}, b: b, pulls: loadPulls}
	if n, err := strconv.Atoi(os.Getenv("LOAD_PULLS")); err == nil {
		l.pulls = n
	}
	fleet := filepath.Join(l.dir, "fleet")
	l.must(exampleFleet(fleet, "cedar-clinic"))
	text, err := os.ReadFile(filepath.Join(fleet, "fleet.cue"))
	l.must(err)
	l.must(os.WriteFile(filepath.Join(fleet, "fleet.cue"), bytes.Replace(text, []byte(`"@every 2s"`), []byte(`"0 3 * * *"`), 1), 0o600))
	l.world, err = raiseWorld(b.Context(), fleet, l.dir, nil)
	l.must(err)
	l.run("1ms", "1s")
	await(b, l.daemon, scriptPatience, "converged", func() bool { return strings.Contains(l.daemon.log.String(), `"converged"`) })
	if !answered {
		l.must(l.daemon.stop())
	}
	for n := 1; n <= l.pulls; n++ {
		l.push(n, "hello")
		_, err := l.world.GitHub.OpenPullRequest(l.world.Repo, scriptPerson, branchOf(n), "main", "Onboard customer "+strconv.Itoa(n), "")
		l.must(err)
	}
	if answered {
		await(l.b, l.daemon, 10*time.Minute, "all are answered", func() bool {
			return l.world.GitHub.CheckRuns(l.world.Repo, l.head(l.pulls)) != nil && l.unanswered(l.heads()) == 0
		})
		l.files = l.world.GitHub.Deliveries()
		l.must(l.daemon.stop())
	}
	return l
}

func branchOf(n int) string { return "onboard-" + strconv.Itoa(n) }

func (l *load) must(err error) {
	l.b.Helper()
	if err != nil {
		l.b.Fatal(err)
	}
}

// run starts the daemon.
func (l *load) run(interval, poll string) {
	l.b.Helper()
	var err error
	l.daemon, err = start(l.dir, append(l.world.Settings(), "TENANTRY_DATA_DIR="+filepath.Join(l.dir, "data"), "TENANTRY_LISTEN=127.0.0.1:0",
		"TENANTRY_GITHUB_WRITE_INTERVAL="+interval, "TENANTRY_POLL="+poll), "run", "--log-format", "json")
	l.must(err)
	await(l.b, l.daemon, scriptPatience, "the daemon listens", func() bool {
		l.daemon.address = listening(strings.NewReader(l.daemon.log.String()))
		return l.daemon.address != ""
	})
	l.world.Webhook(l.daemon.address)
}

// push commits a customer on a pull request's branch and returns the new head.
func (l *load) push(n int, more string) string {
	l.b.Helper()
	name := fmt.Sprintf("customer-%d", n)
	text := fmt.Sprintf("package fleet\n\ntenant: %q: {\n\tdisplayName: %q\n\tplan: \"pool\"\n\tcell: \"us-1\"\n\tresidency: \"us\"\n"+
		"\tcontacts: [{role: \"owner\", email: \"%s@%s.example\"}]\n}\n", name, name, more, name)
	head, err := l.world.GitHub.CommitFiles(l.world.Repo, branchOf(n), scriptPerson, "Customer "+strconv.Itoa(n), map[string][]byte{"tenants/" + name + ".cue": []byte(text)})
	l.must(err)
	return head
}

func (l *load) head(n int) string { return l.world.GitHub.Tip(l.world.Repo, branchOf(n)) }

func (l *load) heads() []string {
	var heads []string
	for n := 1; n <= l.pulls; n++ {
		heads = append(heads, l.head(n))
	}
	return heads
}

// shows tells whether a head has a sign of life, and whether it has all its checks.
func (l *load) shows(head string) (sign, result, all bool) {
	runs := l.world.GitHub.CheckRuns(l.world.Repo, head)
	done := 0
	for _, run := range runs {
		if run.Conclusion != "" {
			done++
		}
		result = result || run.Name == "tenantry/plan" && run.Conclusion != ""
	}
	return len(runs) > 0, result, done == 3
}

func (l *load) unanswered(heads []string) (n int) {
	for _, head := range heads {
		if _, _, all := l.shows(head); !all {
			n++
		}
	}
	return n
}

// calm waits until nothing has been written to GitHub for a while.
func (l *load) calm(d time.Duration) {
	l.b.Helper()
	last, since := -1, time.Now()
	await(l.b, l.daemon, 5*time.Minute, "GitHub is left alone", func() bool {
		if n := l.world.GitHub.Writes(); n != last {
			last, since = n, time.Now()
		}
		return time.Since(since) > d
	})
}

// deliver posts a webhook to the daemon as GitHub would.
func (l *load) deliver(d githubbox.Delivery, secret string) int {
	mac := hmac.New(sha256.New, []byte(secret))
	_, _ = mac.Write(d.Payload)
	r, err := http.NewRequestWithContext(l.b.Context(), http.MethodPost, "http://"+l.daemon.address+"/webhook", bytes.NewReader(d.Payload))
	if err != nil {
		return 0
	}
	for name, value := range map[string]string{
		"Content-Type": "application/json", "X-GitHub-Event": d.Event, "X-GitHub-Delivery": d.GUID,
		"X-Hub-Signature-256": "sha256=" + hex.EncodeToString(mac.Sum(nil)),
	} {
		r.Header.Set(name, value)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0
	}
	_ = answer.Body.Close()
	return answer.StatusCode
}

// secret is what webhooks are signed with.
func (l *load) secret() string {
	for _, setting := range l.world.Settings() {
		if value, ok := strings.CutPrefix(setting, "TENANTRY_WEBHOOK_SECRET="); ok {
			return value
		}
	}
	return ""
}

// digits are what paths differ in that ask the same.
var digits = regexp.MustCompile(`[0-9a-f]{40}|[0-9]+`)

// report gives the metrics that both measurements have.
func (l *load) report(signs, results []time.Duration, lost int) {
	slices.Sort(signs)
	slices.Sort(results)
	for name, took := range map[string][]time.Duration{"in_progress": signs, "plan": results} {
		if len(took) > 0 {
			l.b.ReportMetric(float64(took[len(took)/2].Milliseconds()), "p50-ms-to-"+name)
			l.b.ReportMetric(float64(took[len(took)*99/100].Milliseconds()), "p99-ms-to-"+name)
		}
	}
	kinds := map[string]int{}
	for _, r := range l.world.GitHub.Requests() {
		kinds[r.Method+" "+digits.ReplaceAllString(r.Path, "N")]++
	}
	for _, kind := range slices.SortedFunc(maps.Keys(kinds), func(a, b string) int { return kinds[b] - kinds[a] }) {
		l.b.Logf("%5d %s", kinds[kind], kind)
	}
	warnings := map[string]int{}
	for line := range strings.SplitSeq(l.daemon.log.String(), "\n") {
		if _, text, found := strings.Cut(line, `"level":"WARN",`); found {
			warnings[digits.ReplaceAllString(text, "N")]++
		}
	}
	for _, text := range slices.Sorted(maps.Keys(warnings)) {
		l.b.Logf("%5d %s", warnings[text], text)
	}
	broken := 0
	for limit, n := range l.world.GitHub.Broken() {
		l.b.Logf("%s: broken %d times", limit, n)
		broken += n
	}
	l.b.ReportMetric(float64(lost), "lost")
	l.b.ReportMetric(float64(broken), "broken-limits")
	l.b.ReportMetric(float64(l.world.GitHub.Writes()), "writes")
	l.b.ReportMetric(float64(len(l.world.GitHub.Requests())), "requests")
}

// BenchmarkLoadOfWebhooks sends 1,000 webhooks in a minute to a daemon with 500 answered pull requests, with
// GitHub's limits on. Ten of the pull requests get a new head in that minute, which is as much as an hour's 5,000
// requests and a write a second carry; their webhooks come by the sandbox's own hand. The others are repeats, late
// ones in any order, ones about branches and comments that mean nothing, and forged ones.
func BenchmarkLoadOfWebhooks(b *testing.B) {
	const webhooks, fresh = 1000, 10
	for b.Loop() {
		l := newLoad(b, true)
		l.world.GitHub.Limit(githubbox.GitHubsLimits())
		l.run("1s", "1m")
		l.calm(5 * time.Second)
		l.world.GitHub.ForgetRequests()
		var all sync.WaitGroup
		var mu sync.Mutex
		var heads []string
		var signs, results []time.Duration
		taken := map[int]int{}
		began := time.Now()
		all.Go(func() {
			for i := range webhooks - 3*fresh {
				d := l.files[rand.IntN(len(l.files))]
				secret := l.secret()
				switch rand.IntN(10) {
				case 0:
					d.GUID, secret = crand.Text(), "guessed"
				case 1, 2: // the very same again
				default:
					d.GUID = crand.Text()
				}
				status := l.deliver(d, secret)
				mu.Lock()
				taken[status]++
				mu.Unlock()
				<-time.After(time.Until(began.Add(time.Duration(i) * time.Minute / (webhooks - 3*fresh))))
			}
		})
		for i := range fresh {
			all.Go(func() {
				slot := time.Minute / fresh
				<-time.After(time.Until(began.Add(time.Duration(i)*slot + rand.N(slot/2))))
				at := time.Now()
				head := l.push(1+i*l.pulls/fresh, "welcome")
				var sign time.Duration
				await(l.b, l.daemon, 2*time.Minute, "the plan of a new head", func() bool {
					begun, result, _ := l.shows(head)
					if begun && sign == 0 {
						sign = time.Since(at)
					}
					return result
				})
				mu.Lock()
				defer mu.Unlock()
				heads, signs, results = append(heads, head), append(signs, sign), append(results, time.Since(at))
			})
		}
		all.Wait()
		l.calm(5 * time.Second)
		b.Logf("answers to webhooks: %v; forged ones are 401", taken)
		l.report(signs, results, l.unanswered(heads))
		l.strike()
	}
}

// BenchmarkLoadOfPushes gives 500 open pull requests a new head at once, with GitHub's limits on and time five
// times as fast: 200 ms between writes, and a minute of 12 s. What an hour may have stays as it is, since the whole
// takes less than one.
func BenchmarkLoadOfPushes(b *testing.B) {
	const faster = 5
	for b.Loop() {
		l := newLoad(b, false)
		limits := githubbox.GitHubsLimits()
		limits.Minute, limits.Gap = limits.Minute/faster, limits.Gap/faster
		l.world.GitHub.Limit(limits)
		l.world.GitHub.ForgetRequests()
		began := time.Now()
		l.run("200ms", "12s")
		heads := l.heads()
		signs, results := make([]time.Duration, len(heads)), make([]time.Duration, len(heads))
		whole := make([]time.Duration, len(heads))
		await(l.b, l.daemon, 20*time.Minute, "all are answered", func() bool {
			left := 0
			for i, head := range heads {
				if whole[i] != 0 {
					continue
				}
				sign, result, all := l.shows(head)
				for _, now := range []struct {
					is bool
					at *time.Duration
				}{{sign, &signs[i]}, {result, &results[i]}, {all, &whole[i]}} {
					if now.is && *now.at == 0 {
						*now.at = time.Since(began)
					}
				}
				left++
			}
			return left == 0
		})
		took := slices.Max(whole)
		l.calm(3 * time.Second)
		order, far := slices.Clone(results), 0
		slices.Sort(order)
		for i, at := range results {
			place, _ := slices.BinarySearch(order, at)
			far = max(far, i-place, place-i)
		}
		said := 0
		for n := 1; n <= l.pulls; n++ {
			if len(l.world.GitHub.Comments(l.world.Repo, n)) > 0 {
				said++
			}
		}
		b.ReportMetric(took.Seconds()*faster/60, "minutes-at-GitHub's-pace")
		b.ReportMetric(float64(said), "comments")
		b.ReportMetric(float64(far), "places-out-of-turn")
		l.report(signs, results, l.unanswered(heads))
		l.strike()
	}
}
