package dag

import (
	"errors"
	"fmt"
	"os"
	"sync"
)

// actionLog is the log file of one action, and its end.
type actionLog struct {
	mu   sync.Mutex
	file *os.File
	tail []string
	emit func(line string)
}

// openLog begins the log, or goes on with it at a later attempt.
func (t *task) openLog(attempt int) (*actionLog, error) {
	flags := os.O_WRONLY | os.O_CREATE | os.O_APPEND
	if attempt == 1 {
		flags |= os.O_TRUNC
	}
	f, err := os.OpenFile(t.log, flags, 0o644)
	if err != nil {
		return nil, err
	}
	l := &actionLog{file: f, emit: func(line string) {
		t.emit(Event{Type: EventLog, Address: t.node.Address, Stage: t.node.Stage, Message: line})
	}}
	if _, err := fmt.Fprintf(f, "%s, attempt %d\n", logHeader(t.node.Address, t.runID), attempt); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return l, nil
}

// logHeader begins the log of an action.
func logHeader(address, run string) string { return fmt.Sprintf("pipe: %s, run %s", address, run) }

func (l *actionLog) line(text string) {
	const lines = 10
	l.mu.Lock()
	defer l.mu.Unlock()
	fmt.Fprintln(l.file, text) // a full disk shows in what matters: the blobs and the journal
	if l.tail = append(l.tail, text); len(l.tail) > lines {
		l.tail = l.tail[1:]
	}
	l.emit(text)
}
