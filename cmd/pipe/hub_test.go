package main

import (
	"os"
	"path/filepath"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/pipe-ml/pipe/stages/fetch/fetchtest"
)

// hubKey finds the Hub of a script.
type hubKey struct{}

// cmdHub is a Hugging Face Hub in the process of the test:
//
//	hub start            start it; HF_ENDPOINT is its address
//	hub push REPO DIR    make the files of the folder the new commit of a repository; the variable commit is its name
//	hub require TOKEN    refuse requests without the token
//	hub stop             end it
func cmdHub(ts *testscript.TestScript, _ bool, args []string) {
	if args[0] == "start" {
		h := fetchtest.Start()
		ts.Defer(h.Close)
		*ts.Value(hubKey{}).(**fetchtest.Hub) = h
		ts.Setenv("HF_ENDPOINT", h.URL)
		return
	}
	h := *ts.Value(hubKey{}).(**fetchtest.Hub)
	switch args[0] {
	case "push":
		names, err := filepath.Glob(filepath.Join(ts.MkAbs(args[2]), "*"))
		ts.Check(err)
		files := map[string][]byte{}
		for _, name := range names {
			files[filepath.Base(name)], err = os.ReadFile(name)
			ts.Check(err)
		}
		ts.Setenv("commit", h.Push(args[1], files))
	case "require":
		h.Require(args[1])
	case "stop":
		h.Close()
	default:
		ts.Fatalf("hub %s: no such verb", args[0])
	}
}
