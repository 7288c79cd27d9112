package rendercache

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tenantry.dev/schema"
)

func key(n int) (k schema.Sum) {
	copy(k[:], fmt.Sprintf("key %d", n))
	return k
}

func open(t *testing.T, path string, most int64) *Cache {
	t.Helper()
	c, err := Open(path, most)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func found(c *Cache, n int) string {
	b, at, ok := c.Find(key(n))
	if !ok {
		return ""
	}
	return fmt.Sprintf("%s %d", b.Data, at)
}

func TestKeepsBatches(t *testing.T) {
	path := filepath.Join(t.TempDir(), "deep", "down", "pack")
	c := open(t, path, MaxSize)
	c.Add([]schema.Sum{key(1), key(2)}, []byte("old"))
	c.Add([]schema.Sum{key(2)}, []byte("new"))
	for range 2 {
		if found(c, 1) != "old 0" || found(c, 2) != "new 0" || found(c, 3) != "" {
			t.Errorf("found %q, %q, %q", found(c, 1), found(c, 2), found(c, 3))
		}
		if err := c.Close(); err != nil {
			t.Fatal(err)
		}
		if found(c, 1) != "" {
			t.Error("found after the end")
		}
		c = open(t, path, MaxSize)
	}
}

// A second process reads what there was, and adds nothing.
func TestOneWriter(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pack")
	first := open(t, path, MaxSize)
	first.Add([]schema.Sum{key(1)}, []byte("one"))
	second := open(t, path, MaxSize)
	second.Add([]schema.Sum{key(2)}, []byte("two"))
	first.Add([]schema.Sum{key(3)}, []byte("three"))
	if found(second, 1) != "one 0" || found(second, 2) != "" {
		t.Errorf("the second found %q and %q", found(second, 1), found(second, 2))
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	third := open(t, path, MaxSize)
	if found(third, 1) != "one 0" || found(third, 2) != "" || found(third, 3) != "three 0" {
		t.Error("what the first wrote is lost")
	}
}

// Whatever happens to the bytes of the file, what is found is what was added.
func TestDamage(t *testing.T) {
	dir := t.TempDir()
	n := 0
	rapid.Check(t, func(t *rapid.T) {
		n++
		path := filepath.Join(dir, fmt.Sprint(n))
		c, err := Open(path, MaxSize)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 5 {
			c.Add([]schema.Sum{key(i)}, []byte(strings.Repeat(fmt.Sprint(i), 20)))
		}
		_ = c.Close()
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, at := range rapid.SliceOfN(rapid.IntRange(0, len(text)-1), 0, 3).Draw(t, "flip") {
			text[at] ^= byte(rapid.IntRange(1, 255).Draw(t, "by"))
		}
		text = text[:rapid.IntRange(0, len(text)).Draw(t, "cut")]
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			c, err := Open(path, MaxSize)
			if err != nil {
				t.Fatal(err)
			}
			for i := range 6 {
				if b, _, ok := c.Find(key(i)); ok && string(b.Data) != strings.Repeat(fmt.Sprint(i), 20) {
					t.Fatalf("%d is found as %q", i, b.Data)
				}
			}
			c.Add([]schema.Sum{key(5)}, []byte("55555555555555555555"))
			if found(c, 5) == "" {
				t.Fatal("nothing can be added any more")
			}
			_ = c.Close()
		}
	})
}

func TestStaysBounded(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pack")
	c := open(t, path, 100_000)
	c.Add([]schema.Sum{key(0)}, []byte("used"))
	for i := 1; i < 200; i++ {
		c.Add([]schema.Sum{key(i)}, make([]byte, 5000))
		if found(c, 0) == "" {
			t.Fatalf("what is used is dropped after %d", i)
		}
		if len(found(c, i)) == 0 {
			t.Fatalf("%d can't be found", i)
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Size() > 110_000 {
		t.Errorf("the file has %d bytes (%v)", info.Size(), err)
	}
	left, _ := filepath.Glob(path + ".*")
	if len(left) != 1 { // the lock
		t.Errorf("left behind: %v", left)
	}
}

func TestNoPlace(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if c, err := Open(filepath.Join(file, "pack"), MaxSize); err == nil {
		t.Errorf("opened %v", c)
	}
}
