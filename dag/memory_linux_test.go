package dag

import (
	"os"
	"path/filepath"
	"testing"
)

func TestMemoryIsTheLeastLimitOfTheControlGroups(t *testing.T) {
	tests := []struct {
		name, list string
		files      map[string]string
		want       int64
	}{
		{"none", "0::/job\n", nil, 1000},
		{"no limit", "0::/job\n", map[string]string{"job/memory.max": "max\n"}, 1000},
		{"version 2", "0::/job\n", map[string]string{"job/memory.max": "300\n"}, 300},
		{"a limit above", "0::/a/job\n", map[string]string{"a/memory.max": "200\n", "a/job/memory.max": "300\n"}, 200},
		{"in a container", "0::/\n", map[string]string{"memory.max": "400\n"}, 400},
		{"version 1", "5:cpu:/x\n4:memory:/job\n", map[string]string{"memory/job/memory.limit_in_bytes": "250\n"}, 250},
		{"version 1 without a limit", "4:memory:/\n", map[string]string{"memory/memory.limit_in_bytes": "9223372036854771712\n"}, 1000},
	}
	for _, tt := range tests {
		dir := t.TempDir()
		list := filepath.Join(dir, "list")
		os.WriteFile(list, []byte(tt.list), 0o644)
		for name, text := range tt.files {
			path := filepath.Join(dir, "root", name)
			os.MkdirAll(filepath.Dir(path), 0o755)
			os.WriteFile(path, []byte(text), 0o644)
		}
		if got := groupMemory(list, filepath.Join(dir, "root"), 1000); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
}
