package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/gofrs/flock"
)

// A dirLock marks a data directory as written by this process. The operating system frees it when
// the process ends, however it ends, so that no lock is ever left behind.
type dirLock struct{ file *flock.Flock }

// lockDir takes the lock, or says at once who has it.
func lockDir(dir string) (*dirLock, error) {
	path := filepath.Join(dir, "tenantry.lock")
	file := flock.New(path, flock.SetPermissions(0o600))
	got, err := file.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	if !got {
		return nil, errors.New("another tenantry process" + holder(path) + " is using this data directory")
	}
	// The number is for people only; a failure to write it takes nothing from the lock.
	_ = os.WriteFile(path, []byte(strconv.Itoa(os.Getpid())+"\n"), 0o600)
	return &dirLock{file: file}, nil
}

// holder names the process that wrote its number into the lock file.
func holder(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return ""
	}
	return fmt.Sprintf(" (pid %d)", pid)
}

func (l *dirLock) release() error { return l.file.Unlock() }
