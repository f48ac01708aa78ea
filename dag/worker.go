package dag

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"
)

// retirement is how long a worker may take to end by itself.
const retirement = 2 * time.Second

// worker is one child process.
type worker struct {
	cmd    *exec.Cmd
	cards  []string // GPUs that it sees
	stdin  io.WriteCloser
	stdout *bufio.Reader
	stderr *lineReader
	files  []*os.File    // our ends of the pipes
	exited chan struct{} // closed when the process has ended; then cmd.ProcessState is set
}

func startWorker(argv, cards []string) (*worker, error) {
	cmd := exec.Command(argv[0], argv[1:]...)
	// A session of its own: an interrupt typed at the terminal reaches only this process, and what the worker
	// leaves running can be told by it. The worker ends when its input does, so with this process at the latest.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Env = append(os.Environ(), CardsVariable+"="+strings.Join(cards, ","))
	if _, ok := os.LookupEnv(orderVariable); !ok {
		cmd.Env = append(cmd.Env, orderVariable+"=PCI_BUS_ID")
	}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("starting a worker: %w", err)
	}
	outRead, outWrite, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("starting a worker: %w", err)
	}
	errRead, errWrite, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("starting a worker: %w", err), outRead.Close(), outWrite.Close())
	}
	cmd.Stdout, cmd.Stderr = outWrite, errWrite
	err = cmd.Start()
	outWrite.Close() // the child has its own
	errWrite.Close()
	if err != nil {
		outRead.Close()
		errRead.Close()
		return nil, fmt.Errorf("starting a worker: %w", err)
	}
	w := &worker{
		cmd: cmd, cards: cards, stdin: stdin, stdout: bufio.NewReader(outRead), files: []*os.File{outRead, errRead},
		exited: make(chan struct{}),
	}
	if w.stderr, err = readLines(errRead); err != nil {
		w.kill()
		return nil, fmt.Errorf("starting a worker: %w", err)
	}
	go func() {
		reap(cmd)
		close(w.exited)
		// A grandchild may hold the pipe open: take what is in it, and no more.
		_ = outRead.SetReadDeadline(time.Now().Add(time.Second))
	}()
	return w, nil
}

// ended says whether the worker's process is gone.
func ended(w *worker) bool {
	select {
	case <-w.exited:
		return true
	default:
		return false
	}
}

// kill ends the worker and all that it started.
func (w *worker) kill() {
	select {
	case <-w.exited:
	default:
		stopAndKill(w.cmd.Process.Pid)
	}
}

// end makes sure that nothing of the worker is left.
func (w *worker) end() {
	w.kill()
	w.stdin.Close()
	<-w.exited
	for _, f := range w.files {
		f.Close()
	}
}

// retire lets an idle worker end by itself.
func (w *worker) retire() {
	w.stdin.Close()
	select {
	case <-w.exited:
	case <-time.After(retirement):
	}
	w.end()
}

// death says how the process ended, after it closed its output.
func (w *worker) death() *ActionError {
	select {
	case <-w.exited:
	case <-time.After(retirement): // it closed its output and lives on
		w.kill()
		<-w.exited
		return crashed("the worker closed its output in the middle of the action")
	}
	state := w.cmd.ProcessState
	if ws, ok := state.Sys().(syscall.WaitStatus); ok && ws.Signaled() {
		if ws.Signal() == syscall.SIGKILL {
			return crashed("the worker was killed (signal 9): most often the machine was out of memory; give the stage more with resources { memory }, or run fewer at once")
		}
		return crashed("the worker crashed: %v", ws.Signal())
	}
	return crashed("the worker ended in the middle of the action: %v", state)
}

// lineReader hands the lines of a worker's standard error to whoever is attached. When an action ends, all
// that the worker has written so far is read before detach returns, so that no line is given to the next one.
type lineReader struct {
	conn syscall.RawConn

	mu   sync.Mutex
	sink func(string)
	part []byte // of a line
	buf  [1 << 15]byte
}

func readLines(f *os.File) (*lineReader, error) {
	conn, err := f.SyscallConn()
	if err != nil {
		return nil, err
	}
	l := &lineReader{conn: conn, sink: func(string) {}}
	go func() { _ = conn.Read(l.pump) }() // until the end of the file, or until it is closed
	return l, nil
}

func (l *lineReader) attach(sink func(string)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sink = sink
}

func (l *lineReader) detach() {
	_ = l.conn.Control(func(fd uintptr) { l.pump(fd) }) // fails if it is closed: then there is nothing to read
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.part) > 0 {
		l.flush()
	}
	l.sink = func(string) {}
}

// pump reads until the pipe is empty for now (false) or for ever (true).
func (l *lineReader) pump(fd uintptr) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for {
		n, err := syscall.Read(int(fd), l.buf[:])
		switch {
		case err == syscall.EINTR:
		case err == syscall.EAGAIN:
			return false
		case err != nil || n == 0:
			return true
		default:
			l.lines(l.buf[:n])
		}
	}
}

func (l *lineReader) lines(b []byte) {
	for len(b) > 0 {
		line, rest, found := bytes.Cut(b, []byte{'\n'})
		l.part = append(l.part, line...)
		if found {
			l.flush()
		}
		b = rest
	}
}

func (l *lineReader) flush() {
	l.sink(strings.TrimSuffix(string(l.part), "\r"))
	l.part = l.part[:0]
}
