package slurm

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
)

func TestBatchesAndProgramsStayAsLongAsAJobOfTheirs(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	for batch, jobs := range map[string][]string{"pipe.a.1": {"gone", "stays"}, "pipe.a.2": {"gone"}} {
		text := ""
		for _, j := range jobs {
			text += strconv.Quote(j) + "\n"
		}
		write(filepath.Join(batch, tasksFile), text)
	}
	write("pipe.a.1/script", filepath.Join(dir, "bin", "abc", "pipe")+" worker")
	write("pipe.a.2/script", filepath.Join(dir, "bin", "def", "pipe")+" worker")
	write("bin/abc/pipe", "")
	write("bin/def/pipe", "")
	write("notes", "not ours")
	got, err := Left(dir)(func(job string) bool { return job == "stays" })
	if want := []string{filepath.Join(dir, "pipe.a.2"), filepath.Join(dir, "bin", "def")}; err != nil || !slices.Equal(got, want) {
		t.Errorf("left are %q, %v, want %q", got, err, want)
	}
	if got, err := Left(filepath.Join(dir, "none"))(nil); err != nil || got != nil {
		t.Errorf("without a folder: %q, %v", got, err)
	}
}
