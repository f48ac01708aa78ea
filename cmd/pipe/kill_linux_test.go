package main

import (
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// The program of a command holds a named pipe open for as long as it lives.
func TestAProgramDiesWithPipe(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o666); err != nil {
		t.Fatal(err)
	}
	study := `stage "command" "endless" {
  outputs = { out = "out.txt" }
  command = ["sh", "-c", "echo started; exec sleep 600 > ` + fifo + `"]
}
`
	if err := os.WriteFile(filepath.Join(dir, "study.hcl"), []byte(study), 0o666); err != nil {
		t.Fatal(err)
	}
	var alive *os.File
	killWhen(t, dir, func(e event) bool { return e.Message == "started" }, func() {
		var err error
		if alive, err = os.Open(fifo); err != nil { // waits for the program to open its end
			t.Fatal(err)
		}
	})
	defer alive.Close()
	if err := alive.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := alive.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the program still runs: %v", err)
	}
}
