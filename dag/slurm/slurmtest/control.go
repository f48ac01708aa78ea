package slurmtest

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// squeue lists the elements of the jobs called --name as %F|%K|%j|%T|%r.
func squeue(args []string) error {
	names := map[string]bool{}
	for _, a := range args {
		if list, ok := strings.CutPrefix(a, "--name="); ok {
			for name := range strings.SplitSeq(list, ",") {
				names[name] = true
			}
		}
	}
	files, err := filepath.Glob(in("*", "job"))
	if err != nil {
		return err
	}
	for _, f := range files {
		id := filepath.Base(filepath.Dir(f))
		j, err := readJob(id)
		if err != nil {
			return err
		}
		if !names[j.Name] {
			continue
		}
		for i := range j.Elements {
			state, err := os.ReadFile(in(id, fmt.Sprintf("%d.state", i)))
			if err != nil {
				return err
			}
			index := "N/A"
			if j.Array {
				index = strconv.Itoa(i)
			}
			fmt.Printf("%s|%s|%s|%s|None\n", id, index, j.Name, state)
		}
	}
	return nil
}

// scancel ends elements, or with --state=PENDING only those that have not begun.
func scancel(args []string) error {
	pending := false
	for _, a := range args {
		if strings.HasPrefix(a, "-") {
			pending = a == "--state=PENDING"
			continue
		}
		id, element, _ := strings.Cut(a, "_")
		index := 0
		if element != "" {
			var err error
			if index, err = strconv.Atoi(element); err != nil {
				return err
			}
		}
		if settle(id, index) {
			if err := setState(id, index, "CANCELLED"); err != nil {
				return err
			}
			continue
		}
		if pending {
			continue
		}
		if err := os.WriteFile(in(id, fmt.Sprintf("%d.cancelled", index)), nil, 0o666); err != nil {
			return err
		}
		pid, _ := os.ReadFile(in(id, fmt.Sprintf("%d.pid", index))) // without it, the element is beginning and will see the file
		if n, err := strconv.Atoi(string(pid)); err == nil {
			_ = syscall.Kill(-n, syscall.SIGTERM) // it may have ended
		}
	}
	return nil
}

func scontrol([]string) error {
	fmt.Println("Configuration data as of 2026-01-01T00:00:00")
	fmt.Println("MaxArraySize            = 50")
	return nil
}
