package deptest

import (
	"fmt"
	"go/ast"
	"slices"
	"strconv"
	"strings"
)

// pkg is what "go list -json" says about a package.
type pkg struct {
	ImportPath string
	Dir        string
	GoFiles    []string
	Imports    []string
}

// room is the package's path below the module.
func (p pkg) room() string { return strings.TrimPrefix(p.ImportPath, module) }

// problems returns one line for each import of p that breaks a rule.
func problems(p pkg) []string {
	room := p.room()
	allowed, known := rooms[room]
	helper := !known && strings.HasPrefix(room, helpers)
	if !known && !helper {
		return []string{room + ": expected a rule for this room"}
	}

	var found []string
	for _, imported := range p.Imports {
		own, isOwn := strings.CutPrefix(imported, module)
		switch {
		case isOwn && helper:
			if !strings.HasPrefix(own, helpers) {
				found = append(found, fmt.Sprintf("%s: a helper imports the room %s", room, own))
			}
		case isOwn:
			if !slices.Contains(allowed, own) {
				found = append(found, fmt.Sprintf("%s: imports %s, expected of ours only %v", room, own, allowed))
			}
		case slices.Contains(pure, room) && slices.ContainsFunc(world, func(w string) bool { return below(imported, w) }):
			found = append(found, fmt.Sprintf("%s: is pure, but imports %s", room, imported))
		}
		for _, fence := range fences {
			if below(imported, fence.path) && !slices.Contains(fence.may, room) {
				found = append(found, fmt.Sprintf("%s: imports %s, which only %v may", room, imported, fence.may))
			}
		}
	}
	return found
}

// below tells whether path is parent or below it.
func below(path, parent string) bool {
	return path == parent || strings.HasPrefix(path, parent+"/")
}

// clockUses returns what of package time's clock the file uses, whatever the
// name it imports the package under.
func clockUses(file *ast.File) []string {
	name := ""
	for _, spec := range file.Imports {
		path, err := strconv.Unquote(spec.Path.Value)
		if err != nil || path != "time" {
			continue
		}
		name = "time"
		if spec.Name != nil {
			name = spec.Name.Name
		}
	}
	switch name {
	case "":
		return nil
	case ".":
		return []string{"all of it, by a dot import"}
	}

	var found []string
	ast.Inspect(file, func(n ast.Node) bool {
		selector, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		if x, ok := selector.X.(*ast.Ident); ok && x.Name == name && slices.Contains(clock, selector.Sel.Name) {
			found = append(found, selector.Sel.Name)
		}
		return true
	})
	return found
}
