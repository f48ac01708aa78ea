package main

import (
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/pipe-ml/pipe/dag/remote/remotetest"
)

// serverKey finds the server of a script.
type serverKey struct{}

// cmdCacheServer is a remote cache in the process of the test:
//
//	cache-server start           start it; PIPE_REMOTE_CACHE is its address
//	cache-server require HEADER  refuse requests with another Authorization header
//	cache-server lose            lose all blobs, and look into no record any more
//	cache-server stop            end it
//	cache-server lacks TEXT      nothing that it keeps holds this text
func cmdCacheServer(ts *testscript.TestScript, _ bool, args []string) {
	if args[0] == "start" {
		s := remotetest.Start()
		ts.Defer(s.Close)
		*ts.Value(serverKey{}).(**remotetest.Server) = s
		ts.Setenv("PIPE_REMOTE_CACHE", s.URL)
		return
	}
	s := *ts.Value(serverKey{}).(**remotetest.Server)
	switch args[0] {
	case "require":
		s.Require(args[1])
	case "lose":
		s.Misbehave(remotetest.Blind)
		for _, p := range s.Paths("/cas/") {
			s.Keep(p, nil)
		}
	case "stop":
		s.Close()
	case "lacks":
		for _, p := range s.Paths("") {
			if strings.Contains(string(s.Content(p)), args[1]) {
				ts.Fatalf("%s holds %s", p, args[1])
			}
		}
	default:
		ts.Fatalf("unknown verb %s", args[0])
	}
}
