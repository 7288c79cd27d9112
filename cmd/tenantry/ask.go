package main

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"tenantry.dev/schema"
)

// errNoAnswer means that the person left: by closing the input or by an interrupt.
var errNoAnswer = errors.New("no answer")

// A questioner asks a person on a terminal.
type questioner struct {
	out   io.Writer
	lines <-chan string
}

// newQuestioner reads the answers from in. Reading can't be interrupted, so the goroutine that does
// it stays until the input ends, or the program, which asks no more after an interrupt.
func newQuestioner(in io.Reader, out io.Writer) *questioner {
	lines := make(chan string)
	go func() {
		defer close(lines)
		scanner := bufio.NewScanner(in)
		for scanner.Scan() {
			lines <- scanner.Text()
		}
	}()
	return &questioner{out: out, lines: lines}
}

// ask repeats a question until the answer is taken. An empty answer is the default, if there is one.
func (q *questioner) ask(ctx context.Context, question, standard string, take func(answer string) error) error {
	if standard != "" {
		question += " [" + standard + "]"
	}
	for {
		_, _ = fmt.Fprint(q.out, question+": ")
		var answer string
		var ok bool
		select {
		case <-ctx.Done():
		case answer, ok = <-q.lines:
		}
		if !ok || ctx.Err() != nil {
			_, _ = fmt.Fprintln(q.out)
			return errNoAnswer
		}
		if err := take(cmp.Or(strings.TrimSpace(answer), standard)); err != nil {
			_, _ = fmt.Fprintf(q.out, "  %v\n", err)
			continue
		}
		return nil
	}
}

// An option is one of several answers.
type option struct{ name, words string }

// choose asks for one of several, by number or name; the first is the default.
func (q *questioner) choose(ctx context.Context, what string, options []option) (chosen string, err error) {
	width := 0
	for _, o := range options {
		width = max(width, len(o.name))
	}
	for i, o := range options {
		_, _ = fmt.Fprintf(q.out, "  %d  %s\n", i+1, strings.TrimRight(fmt.Sprintf("%-*s  %s", width, o.name, o.words), " "))
	}
	err = q.ask(ctx, what+", by number or name", options[0].name, func(answer string) error {
		if n, err := strconv.Atoi(answer); err == nil && n >= 1 && n <= len(options) {
			chosen = options[n-1].name
			return nil
		}
		if !slices.ContainsFunc(options, func(o option) bool { return o.name == answer }) {
			return fmt.Errorf("%q is none of them", answer)
		}
		chosen = answer
		return nil
	})
	return chosen, err
}

// tenant asks for what a tenant lacks.
func (q *questioner) tenant(ctx context.Context, fleet *schema.Fleet, t *schema.Tenant) (err error) {
	if t.DisplayName == "" {
		err := q.ask(ctx, "The customer's name as people know it", titled(t.Name), func(answer string) error {
			t.DisplayName = answer
			return nil
		})
		if err != nil {
			return err
		}
	}
	for _, question := range []struct {
		what    string
		field   *string
		options func() []option
	}{
		{"The plan", &t.Plan, func() []option { return planOptions(fleet) }},
		{"Where the data must stay", &t.Residency, func() []option { return residencyOptions(fleet) }},
		{"The cell", &t.Cell, func() []option { return cellOptions(fleet, *t) }},
	} {
		if *question.field != "" {
			continue
		}
		options := question.options()
		if len(options) == 0 {
			return fmt.Errorf("nothing was written: %s can't be chosen, because the fleet has none yet", strings.ToLower(question.what))
		}
		if *question.field, err = q.choose(ctx, question.what, options); err != nil {
			return err
		}
	}
	if len(t.Contacts) > 0 {
		return nil
	}
	return q.ask(ctx, "Whom to reach: an e-mail address, or ROLE=EMAIL", "", func(answer string) error {
		if !strings.ContainsAny(answer, "=:") {
			answer = "technical=" + answer
		}
		c, err := contact(answer)
		if err == nil {
			t.Contacts = []schema.Contact{c}
		}
		return err
	})
}

// titled is a name as a proposal for what people call the customer: "Delta Freight" of delta-freight.
func titled(name string) string {
	words := strings.Split(name, "-")
	for i, word := range words {
		if word != "" {
			words[i] = strings.ToUpper(word[:1]) + word[1:]
		}
	}
	return strings.Join(words, " ")
}

// planOptions are the plans with what they cost, the one with the most tenants first.
func planOptions(fleet *schema.Fleet) []option {
	tenants := map[string]int{}
	for _, t := range fleet.Tenants {
		tenants[t.Plan]++
	}
	plans := slices.Clone(fleet.Plans)
	slices.SortStableFunc(plans, func(a, b schema.Plan) int { return tenants[b.Name] - tenants[a.Name] })
	var options []option
	for _, p := range plans {
		options = append(options, option{p.Name, fmt.Sprintf("%s a month, %s, %s", priceOf(p.Price), p.Isolation, count(tenants[p.Name], "tenant", "tenants"))})
	}
	return options
}

// residencyOptions are the residencies, the one with the most tenants first.
func residencyOptions(fleet *schema.Fleet) []option {
	tenants := map[string]int{}
	for _, t := range fleet.Tenants {
		tenants[t.Residency]++
	}
	all := choices("tenant.residency")
	slices.SortStableFunc(all, func(a, b string) int { return tenants[b] - tenants[a] })
	var options []option
	for _, name := range all {
		options = append(options, option{name, count(tenants[name], "tenant", "tenants")})
	}
	return options
}

// cellOptions are the cells with their free places: first those that have enough, of them those with
// tenants of the same residency, of them those with the most places.
func cellOptions(fleet *schema.Fleet, t schema.Tenant) []option {
	size := map[string]int{}
	for _, p := range fleet.Plans {
		size[p.Name] = max(1, p.Capacity)
	}
	taken, alike := map[string]int{}, map[string]int{}
	for _, other := range fleet.Tenants {
		taken[other.Cell] += size[other.Plan]
		if other.Residency == t.Residency {
			alike[other.Cell]++
		}
	}
	full := func(c schema.Cell) int {
		if c.Capacity-taken[c.Name] < size[t.Plan] {
			return 1
		}
		return 0
	}
	cells := slices.Clone(fleet.Cells)
	slices.SortStableFunc(cells, func(a, b schema.Cell) int {
		return cmp.Or(full(a)-full(b), cmp.Compare(min(alike[b.Name], 1), min(alike[a.Name], 1)), cmp.Compare(b.Capacity-taken[b.Name], a.Capacity-taken[a.Name]))
	})
	var options []option
	for _, c := range cells {
		options = append(options, option{c.Name, fmt.Sprintf("%s, %s, %d of %d places left", c.Environment, c.Region, c.Capacity-taken[c.Name], c.Capacity)})
	}
	return options
}
