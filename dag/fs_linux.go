package dag

import (
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// stampOf reads what tells one state of a file from another.
func stampOf(info fs.FileInfo) stamp {
	s := stamp{size: info.Size(), mtime: info.ModTime().UnixNano()}
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		s.ctime, s.inode = st.Ctim.Nano(), st.Ino
	}
	return s
}

// links is the number of names that a file has.
func links(info fs.FileInfo) uint64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(st.Nlink) //nolint:unconvert // it has 32 bits on some machines
	}
	return 1
}

// reflink makes dst share src's extents until one of them is written to.
func reflink(dst, src *os.File) error {
	return unix.IoctlFileClone(int(dst.Fd()), int(src.Fd()))
}

// machineMemory is the memory that this process may use, in bytes: the machine's, or what its control group
// allows. It is 0 if it cannot be told.
func machineMemory() int64 {
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) != nil {
		return 0
	}
	memory := int64(info.Totalram) * int64(info.Unit)
	return min(memory, groupMemory("/proc/self/cgroup", "/sys/fs/cgroup", memory))
}

// groupMemory is the least limit of this process's control group and of those above it, at most most. Version 2 has one
// tree ("0::/job"), version 1 one of memory alone ("4:memory:/job"). In a container the groups' own paths are
// not there, but the roots are.
func groupMemory(list, root string, most int64) int64 {
	raw, err := os.ReadFile(list)
	if err != nil {
		return most
	}
	for line := range strings.Lines(string(raw)) {
		f := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(f) != 3 || f[1] != "" && f[1] != "memory" {
			continue
		}
		dir, file := root, "memory.max"
		if f[1] == "memory" {
			dir, file = filepath.Join(root, "memory"), "memory.limit_in_bytes"
		}
		for group := filepath.Clean("/" + f[2]); ; group = filepath.Dir(group) {
			raw, err := os.ReadFile(filepath.Join(dir, group, file))
			if limit, perr := strconv.ParseInt(strings.TrimSpace(string(raw)), 10, 64); err == nil && perr == nil { // "max" does not parse
				most = min(most, limit)
			}
			if group == "/" {
				break
			}
		}
	}
	return most
}

// freeDisk is the space that this user may still fill where path is, in bytes.
func freeDisk(path string) (int64, bool) {
	var st unix.Statfs_t
	if unix.Statfs(path, &st) != nil {
		return 0, false
	}
	return int64(st.Bavail) * st.Bsize, true
}
