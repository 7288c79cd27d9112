package schema

import (
	"cmp"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"cuelang.org/go/cue"
	"cuelang.org/go/cue/ast"
	"cuelang.org/go/cue/build"
	"cuelang.org/go/cue/errors"
	"cuelang.org/go/cue/parser"
	"cuelang.org/go/cue/token"
)

// packages finds the CUE packages that definitions import: the embedded schema, and the folders of
// the fleet itself. It reads neither disk nor network. Not safe for concurrent use.
type packages struct {
	module  string
	sources map[string][]*source
	left    map[string]bool // files that are left out, because they would spoil their package
	types   []string        // AWS's resource types that the fleet uses
	loading map[string]bool // imports that are being loaded, to notice circles
	bare    bool            // plans, cells and policies come without the schema's definition of them
	build   *build.Context

	step     func(Step) // called before a folder is built; may be nil
	cautious bool       // to build folders file by file, so that it shows which of them can't be built
}

func newPackages(t *tree, left map[string]bool) *packages {
	p := &packages{module: t.module, sources: t.sources, left: left, types: t.types(), loading: map[string]bool{}}
	p.build = build.NewContext(build.Loader(p.load))
	return p
}

// load is a build.LoadFunc. A nil instance leaves the path to the evaluator's own library.
func (p *packages) load(pos token.Pos, importPath string) *build.Instance {
	target, name, named := strings.Cut(importPath, ":")
	if !named {
		name = path.Base(target)
	}
	target, _, _ = strings.Cut(target, "@")
	if first, _, _ := strings.Cut(target, "/"); !strings.Contains(first, ".") {
		return nil
	}
	inst := p.build.NewInstance(target, p.load)
	inst.ImportPath, inst.PkgName = importPath, name
	if p.loading[importPath] {
		inst.Err = errors.Newf(pos, "%s imports itself, if only through others", importPath)
		return inst
	}
	p.loading[importPath] = true
	defer delete(p.loading, importPath)
	var files []*ast.File
	switch folder, inside := strings.CutPrefix(target, p.module+"/"); {
	case target == modulePath:
		var err error
		if files, err = typeFiles(p.types); err != nil {
			inst.Err = errors.Newf(pos, "%v", err)
		}
		files = append(embedded(), files...)
	case inside && p.module != "":
		files = p.files(folder, name)
		if len(files) == 0 {
			inst.Err = errors.Newf(pos, "there is no package %s in the folder %s", name, folder)
		}
	default:
		inst.Err = errors.Newf(pos, "%s can't be imported: a fleet imports its own folders and %s, so that it needs no network", importPath, modulePath)
	}
	p.finish(inst, files)
	return inst
}

// files returns the usable files of a package in a folder, parsed anew: an evaluation marks what it
// reads, and each has its own.
func (p *packages) files(folder, name string) []*ast.File {
	var files []*ast.File
	for _, s := range p.sources[folder] {
		if s.syntax == nil || p.left[s.path] || s.syntax.PackageName() != name {
			continue
		}
		if f, err := parser.ParseFile(s.path, s.text); err == nil {
			if p.bare {
				strip(f)
			}
			files = append(files, f)
		}
	}
	return files
}

func (p *packages) finish(inst *build.Instance, files []*ast.File) {
	for _, f := range files {
		if err := inst.AddSyntax(f); err != nil {
			inst.ReportError(err)
		}
	}
	_ = inst.Complete() // the error stays in the instance
}

// embedded are the definition files, parsed.
func embedded() []*ast.File {
	texts := Vendor()
	var files []*ast.File
	for _, name := range sortedKeys(texts) {
		f, err := parser.ParseFile(name, texts[name])
		if err == nil { // a test parses them all
			files = append(files, f)
		}
	}
	return files
}

// folder builds the package of one folder. Files that spoil it for the others are left out, each
// with the errors that name it, until the rest holds.
func (p *packages) folder(ctx *cue.Context, folder, name string) (cue.Value, map[string][]errors.Error) {
	bad := map[string][]errors.Error{}
	p.probe(ctx, folder, name)
	for {
		files := p.files(folder, name)
		inst := p.build.NewInstance(folder, p.load)
		inst.ImportPath, inst.PkgName = p.module+"/"+folder, name
		p.finish(inst, files)
		v := ctx.BuildInstance(inst)
		err := inst.Err
		if err == nil && inst.ResolutionErr != nil {
			err = inst.ResolutionErr
		}
		if err == nil && v.Err() != nil && !v.Exists() {
			err = errors.Promote(v.Err(), "")
		}
		if err == nil || len(files) == 0 {
			return v, bad
		}
		if !p.blame(files, err, bad) { // no file is named: leave them all out
			for _, f := range files {
				p.left[f.Filename] = true
				bad[f.Filename] = append(bad[f.Filename], errors.Errors(err)...)
			}
		}
		p.forget()
	}
}

// probe says that a folder is about to be built. To be cautious it builds the folder with one file
// first, then with two and so on, and says each time which is the last: if nobody survives that, it
// is the one to blame.
func (p *packages) probe(ctx *cue.Context, folder, name string) {
	if p.step == nil {
		return
	}
	files := p.files(folder, name)
	for i := range files {
		if !p.cautious {
			break
		}
		p.step(Step{File: files[i].Filename})
		inst := p.build.NewInstance(folder, p.load)
		inst.ImportPath, inst.PkgName = p.module+"/"+folder, name
		p.finish(inst, p.files(folder, name)[:i+1])
		_ = ctx.BuildInstance(inst).Err() // what is wrong is found when all are built
		p.forget()
	}
	last := Step{}
	if p.cautious && len(files) > 0 {
		last.File = files[len(files)-1].Filename
	}
	p.step(last)
}

// blame leaves out the files that errors name, and tells whether there was one.
func (p *packages) blame(files []*ast.File, err error, bad map[string][]errors.Error) bool {
	blamed := false
	for _, e := range errors.Errors(err) {
		at := slices.IndexFunc(files, func(f *ast.File) bool {
			return slices.ContainsFunc(errors.Positions(e), func(pos token.Pos) bool { return pos.Filename() == f.Filename })
		})
		if at >= 0 {
			p.left[files[at].Filename] = true
			bad[files[at].Filename] = append(bad[files[at].Filename], e)
			blamed = true
		}
	}
	return blamed
}

// forget drops the instances that were built with files that are now left out.
func (p *packages) forget() { p.build = build.NewContext(build.Loader(p.load)) }

// inline builds text of our own that may import the fleet's packages.
func (p *packages) inline(ctx *cue.Context, name, text string) (cue.Value, error) {
	f, err := parser.ParseFile(name, text)
	if err != nil {
		return cue.Value{}, fmt.Errorf("compile %s: %w", name, err)
	}
	inst := p.build.NewInstance(name, p.load)
	inst.ImportPath, inst.PkgName = modulePath+"/"+name, f.PackageName()
	p.finish(inst, []*ast.File{f})
	v := ctx.BuildInstance(inst)
	if inst.Err != nil {
		return v, inst.Err
	}
	return v, nil
}

// sortedKeys returns the keys of a map in order.
func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
