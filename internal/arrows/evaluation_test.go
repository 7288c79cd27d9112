package arrows

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// evaluates lists what evaluates definitions in the calling process, and who may use it: definitions
// can make that hang or take all memory, so that only a worker may.
var evaluates = map[string][]string{
	"schema.Load":       {},
	"schema.InProcess":  {},
	"schema.NewSession": {"internal/evaluate"},
}

// evaluators are the folders that may import the evaluator itself: schema has what workers run, and
// evaluates nothing but its own definitions elsewhere; awstypes turns AWS's schemas into definitions
// when they are generated; samples evaluates what it has itself.
var evaluators = []string{"schema", "internal/awstypes", "internal/samples"}

// parents are the files of schema that run outside of workers. They may not as much as name the evaluator.
var parents = []string{"between.go", "crosscheck.go", "file.go", "keep.go", "kept.go", "load.go", "loader.go", "render.go", "with.go"}

func TestOnlyWorkersEvaluate(t *testing.T) {
	seen := 0
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		name := filepath.ToSlash(strings.TrimPrefix(path, "../../"))
		switch {
		case err != nil:
			return err
		case d.IsDir() && (strings.HasPrefix(d.Name(), ".") && path != "../.." || d.Name() == "testdata"):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		seen++
		look(t, name, file)
		return nil
	})
	if err != nil || seen < 100 {
		t.Fatalf("%d files were read (%v)", seen, err)
	}
}

func look(t *testing.T, name string, file *ast.File) {
	t.Helper()
	folder := filepath.ToSlash(filepath.Dir(name))
	for _, spec := range file.Imports {
		what := strings.Trim(spec.Path.Value, `"`)
		switch {
		case what == "cuelang.org/go/cue/cuecontext" && !slices.ContainsFunc(evaluators, func(f string) bool { return folder == f || strings.HasPrefix(folder, f+"/") }):
			t.Errorf("%s imports the evaluator", name)
		case folder == "schema" && slices.Contains(parents, filepath.Base(name)) && strings.HasPrefix(what, "cuelang.org/"):
			t.Errorf("%s runs outside of workers and imports %s", name, what)
		}
	}
	ast.Inspect(file, func(n ast.Node) bool {
		s, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		x, ok := s.X.(*ast.Ident)
		if !ok {
			return true
		}
		if who, bad := evaluates[x.Name+"."+s.Sel.Name]; bad && !slices.Contains(who, folder) {
			t.Errorf("%s uses %s.%s, which evaluates in its own process", name, x.Name, s.Sel.Name)
		}
		return true
	})
}
