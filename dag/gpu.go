package dag

import (
	"context"
	"fmt"
	"io/fs"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// CardsVariable says which GPUs a process may use, by index or by name, separated by commas. The CUDA driver
// reads it when a process first calls it.
const CardsVariable = "CUDA_VISIBLE_DEVICES"

// orderVariable says how the CUDA driver numbers the GPUs. Left alone it puts the fastest first, unlike all else that numbers them.
const orderVariable = "CUDA_DEVICE_ORDER"

// Card is a GPU.
type Card struct {
	Name   string // as CardsVariable names it
	Memory int64  // bytes; 0: not known
}

// String is for people.
func (c Card) String() string {
	if c.Memory == 0 {
		return c.Name
	}
	return fmt.Sprintf("%s (%s)", c.Name, bytesText(c.Memory))
}

// cost is what a share takes of the card: all of it if the share is 0, or if nobody knows how much there is.
func (c Card) cost(share int64) int64 {
	if share == 0 || c.Memory == 0 {
		return max(c.Memory, 1)
	}
	return share
}

// fitting is the number of cards that could have room for share when nothing holds them.
func fitting(cards []Card, share int64) int {
	n := 0
	for _, c := range cards {
		if c.cost(share) <= c.cost(0) {
			n++
		}
	}
	return n
}

var deviceFile = regexp.MustCompile(`^nvidia[0-9]+$`)

// Cards names the GPUs of this machine as CardsVariable does. If that is set, they are its list; empty or
// negative ends it, as for the CUDA driver. Else they are counted, without a driver, in the files below root: those
// that a container was given (dev), or those that the kernel knows (proc). Where there are some, query tells their memory: it is QueryCards.
func Cards(lookup func(string) (string, bool), root fs.FS, query func() string) []Card {
	var names []string
	if list, ok := lookup(CardsVariable); ok {
		names = ListCards(list)
	} else {
		names = countCards(root)
	}
	if len(names) == 0 {
		return nil
	}
	memory := map[string]int64{}
	for line := range strings.Lines(query()) {
		fields := strings.Split(line, ",")
		if len(fields) != 3 {
			continue
		}
		mib, err := strconv.ParseInt(strings.TrimSpace(fields[2]), 10, 64)
		if err != nil {
			continue // "[N/A]", where a card does not tell
		}
		memory[strings.TrimSpace(fields[0])], memory[strings.TrimSpace(fields[1])] = mib<<20, mib<<20
	}
	cards := make([]Card, len(names))
	for i, name := range names {
		cards[i] = Card{Name: name, Memory: memory[name]}
	}
	return cards
}

// QueryCards asks NVIDIA's driver for the index, the name and the memory in MiB of every GPU, a line for each: "0, GPU-8932f937-…, 81559".
func QueryCards() string {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	out, _ := exec.CommandContext(ctx, "nvidia-smi", "--query-gpu=index,uuid,memory.total", "--format=csv,noheader,nounits").Output() // no driver: nothing is known
	return string(out)
}

// countCards numbers the GPUs that the files below root tell of.
func countCards(root fs.FS) []string {
	n := 0
	devices, _ := fs.ReadDir(root, "dev") // what cannot be read holds none
	for _, d := range devices {
		if deviceFile.MatchString(d.Name()) {
			n++
		}
	}
	if n == 0 {
		known, _ := fs.ReadDir(root, "proc/driver/nvidia/gpus")
		n = len(known)
	}
	names := make([]string, n)
	for i := range names {
		names[i] = strconv.Itoa(i)
	}
	return names
}

// ListCards reads a value of CardsVariable.
func ListCards(list string) []string {
	var cards []string
	for name := range strings.SplitSeq(list, ",") {
		name = strings.TrimSpace(name)
		if name == "" || strings.HasPrefix(name, "-") || name == "NoDevFiles" { // the last is Slurm's word for none
			break
		}
		cards = append(cards, name)
	}
	return cards
}
