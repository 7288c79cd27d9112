package awsbox

import "maps"

// journalSize is how many calls the log keeps; the counts cover all.
const journalSize = 10_000

// A journal knows what was asked of the sandbox.
type journal struct {
	total, writes int // ever; never reset, so that numbers stay unique
	since         int // writes since the last reset
	counts        map[string]int
	perAccount    map[string]map[string]int
	calls         []Call
}

func newJournal() journal {
	return journal{counts: map[string]int{}, perAccount: map[string]map[string]int{}}
}

// enter numbers a call and counts it.
func (j *journal) enter(c *Call) {
	j.total++
	c.Number = j.total
	if c.Write {
		j.writes++
		j.since++
		c.Seq = j.writes
	}
	j.counts[c.Name()]++
	if j.perAccount[c.Account] == nil {
		j.perAccount[c.Account] = map[string]int{}
	}
	j.perAccount[c.Account][c.Name()]++
	if len(j.calls) == journalSize {
		j.calls = append(j.calls[:0:0], j.calls[journalSize/2:]...)
	}
	j.calls = append(j.calls, *c)
}

// Writes is how many requests that write have arrived since the last reset, refused ones included.
func (s *Server) Writes() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.journal.since
}

// Counts is how many requests have arrived since the last reset, by "service.Operation".
func (s *Server) Counts() map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.journal.counts)
}

// CountsOf is Counts of one account.
func (s *Server) CountsOf(account string) map[string]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.journal.perAccount[account])
}

// Calls returns the newest requests, oldest first: at least the last 5,000 since the last reset.
func (s *Server) Calls() []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Call(nil), s.journal.calls...)
}

// ResetCounts empties counts and log. The numbers in Call go on.
func (s *Server) ResetCounts() {
	s.mu.Lock()
	defer s.mu.Unlock()
	total, writes := s.journal.total, s.journal.writes
	s.journal = newJournal()
	s.journal.total, s.journal.writes = total, writes
}
