package evaluate

import (
	"bytes"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"
)

// limitProcess bounds the address space, for what is allocated in one piece, forbids core dumps, and
// ends the process on the signal that says that its processor time is used up. See getrlimit(2).
func limitProcess(l Limits) error {
	if err := syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{}); err != nil {
		return fmt.Errorf("no core dumps: %w", err)
	}
	if !detector {
		if err := limitAddressSpace(2 * l.Memory); err != nil { // what is reserved isn't used
			return err
		}
	}
	spent := make(chan os.Signal, 1)
	signal.Notify(spent, syscall.SIGXCPU)
	go func() {
		<-spent
		os.Exit(exitCPU)
	}()
	return nil
}

// limitAddressSpace bounds how much more of it the process may have.
func limitAddressSpace(more uint64) error {
	used, err := addressSpace()
	if err != nil {
		return err
	}
	most := used + more
	if err := syscall.Setrlimit(syscall.RLIMIT_AS, &syscall.Rlimit{Cur: most, Max: most}); err != nil {
		return fmt.Errorf("address space: %w", err)
	}
	return nil
}

// addressSpace is how much of it the process has. See proc_pid_statm(5).
func addressSpace() (uint64, error) {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, fmt.Errorf("address space: %w", err)
	}
	first, _, _ := bytes.Cut(text, []byte(" "))
	pages, err := strconv.ParseUint(string(first), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("address space: %w", err)
	}
	return pages * uint64(os.Getpagesize()), nil //nolint:gosec // it is positive
}

// limitCPU bounds the processor time from now on. The system counts whole seconds, so that it may be
// one more. If it can't be bounded, the parent's clock does.
func limitCPU(most time.Duration) {
	var used syscall.Rusage
	var limit syscall.Rlimit
	if syscall.Getrusage(syscall.RUSAGE_SELF, &used) != nil || syscall.Getrlimit(syscall.RLIMIT_CPU, &limit) != nil {
		return
	}
	spent := time.Duration(used.Utime.Nano() + used.Stime.Nano())
	limit.Cur = uint64((spent+most)/time.Second) + 1 //nolint:gosec // times are positive
	_ = syscall.Setrlimit(syscall.RLIMIT_CPU, &limit)
}

// apart puts a child into a process group of its own, so that it can be killed with all that it
// started, and a Ctrl-C in a terminal is the parent's to handle.
func apart() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// kill ends a child and its group at once.
func kill(pid int) { _ = syscall.Kill(-pid, syscall.SIGKILL) }
