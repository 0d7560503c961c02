// Package lint holds the rules of the house as a test: which package may
// import which, how long files and lines may be, that every exported name has
// a doc comment, that every package has a doc.go, and that no file has a name
// that says nothing. Run it with
//
//	go test ./internal/lint
//
// The rules are in rules.go; the test prints every place that breaks one.
package lint
