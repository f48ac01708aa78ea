package main

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// On a store that cannot be written to, what only reads works, and apply says what is the matter.
func TestAReadOnlyStoreCanBeRead(t *testing.T) {
	dir := writeStudyOf(t, `stage "command" "a" {
  outputs = { out = "a.txt" }
  command = ["sh", "-c", "echo said; echo 1 > ${output.out}"]
}
`)
	store := filepath.Join(dir, ".pipe")
	pipe, seal := readOnly(t, dir, store)
	if out, err := pipe("apply").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	seal()
	for _, verb := range []string{"plan", "runs", "show study.hcl command.a", "why study.hcl command.a", "logs study.hcl command.a", "verify"} {
		if out, err := pipe(strings.Fields(verb)...).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", verb, err, out)
		}
	}
	for _, verb := range []string{"apply", "gc", "doctor"} {
		out, err := pipe(verb).CombinedOutput()
		if err == nil || !strings.Contains(string(out), "-cache or PIPE_CACHE") || !strings.Contains(string(out), store) {
			t.Errorf("%s: %v\n%s", verb, err, out)
		}
	}
}

// readOnly gives a way to run pipe in dir, and one to take the right to write to the store from it: a mount, or, for one
// who may not mount, permissions. Root that may not mount runs pipe as somebody else.
func readOnly(t *testing.T, dir, store string) (pipe func(...string) *exec.Cmd, seal func()) {
	t.Helper()
	program, err := exec.LookPath("pipe")
	if err != nil {
		t.Fatal(err)
	}
	var who *syscall.SysProcAttr
	pipe = func(args ...string) *exec.Cmd {
		cmd := exec.Command(program, args...)
		cmd.Dir, cmd.SysProcAttr = dir, who
		return cmd
	}
	if err := os.Mkdir(store, 0o777); err != nil {
		t.Fatal(err)
	}
	if syscall.Mount("pipe-test", store, "tmpfs", 0, "size=4m") == nil {
		t.Cleanup(func() { syscall.Unmount(store, 0) })
		return pipe, func() {
			if err := syscall.Mount("pipe-test", store, "tmpfs", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
				t.Fatal(err)
			}
		}
	}
	if os.Getuid() == 0 {
		program = copyOut(t, program, filepath.Join(dir, "bin", "pipe"))
		who = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		for at := dir; at != os.TempDir() && at != "/"; at = filepath.Dir(at) {
			os.Chmod(at, 0o777)
		}
		os.Chmod(store, 0o777)
	}
	chmod := func(dirs fs.FileMode) {
		filepath.WalkDir(store, func(path string, e fs.DirEntry, err error) error {
			if err == nil && e.IsDir() {
				err = os.Chmod(path, dirs)
			}
			return err
		})
	}
	t.Cleanup(func() { chmod(0o755) })
	return pipe, func() { chmod(0o555) }
}

func copyOut(t *testing.T, from, to string) string {
	t.Helper()
	in, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	os.MkdirAll(filepath.Dir(to), 0o777)
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE, 0o777)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	if _, err := io.Copy(out, in); err != nil {
		t.Fatal(err)
	}
	return to
}

func writeStudyOf(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "study.hcl"), []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
	return dir
}

// Whatever is the first file too many, the next apply goes on as if nothing had been.
func TestTooManyOpenFiles(t *testing.T) {
	dir := writeStudyOf(t, `stage "command" "a" {
  matrix  = { n = range(0, 6) }
  outputs = { out = "a.txt" }
  command = ["sh", "-c", "echo ${each.n} > ${output.out}"]
}
`)
	told := 0
	for limit := 8; limit < 40; limit += 4 {
		os.RemoveAll(filepath.Join(dir, ".pipe"))
		cmd := exec.Command("sh", "-c", fmt.Sprintf("ulimit -n %d && exec pipe apply -no-color -parallelism 6 study.hcl", limit))
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil && strings.Contains(string(out), "raise the limit (ulimit -n)") {
			told++
		}
		applyStudy(t, dir)
	}
	if told == 0 {
		t.Error("no limit was met with a remedy")
	}
}
