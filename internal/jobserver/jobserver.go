package jobserver

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Server is a job server with a Flink cluster of one machine inside it.
type Server struct {
	// Endpoint is its address, for Beam's --endpoint.
	Endpoint string
	// Log is the path of what it has printed.
	Log string

	java, guard *exec.Cmd
	ended       chan error // what java ended with
}

// opened are packages that Flink's serializers look into, in every Java from 17.
var opened = []string{"java.lang", "java.util", "java.nio", "sun.nio.ch", "java.net", "java.io", "java.util.concurrent"}

var address = regexp.MustCompile(`JobService started on (localhost:\d+)`)

// Start runs java from the PATH with the jars of a directory, and waits until the server takes jobs, a minute at most.
// All ports are free ones, and all its files are in scratch. The server ends with Stop, or with this process however
// that ends. An error has the end of the server's log.
func Start(jars, scratch string) (*Server, error) {
	if found, err := filepath.Glob(filepath.Join(jars, "beam-runners-flink-*.jar")); err != nil || len(found) == 0 {
		return nil, fmt.Errorf("jobserver: no beam-runners-flink-*.jar in %q", jars)
	}
	s := &Server{Log: filepath.Join(scratch, "jobserver.log"), ended: make(chan error, 1)}
	log, err := os.Create(s.Log)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	args := []string{"-Xmx1g", "-Djava.io.tmpdir=" + scratch}
	for _, p := range opened {
		args = append(args, "--add-opens", "java.base/"+p+"=ALL-UNNAMED")
	}
	args = append(args, "-cp", filepath.Join(jars, "*"), "org.apache.beam.runners.flink.FlinkJobServerDriver",
		"--job-host=localhost", "--job-port=0", "--artifact-port=0", "--expansion-port=0", "--flink-master=[local]",
		"--artifacts-dir="+filepath.Join(scratch, "artifacts"))
	s.java = exec.Command("java", args...)
	s.java.Stdout, s.java.Stderr, s.java.Dir = log, log, scratch
	if err := s.java.Start(); err != nil {
		return nil, fmt.Errorf("jobserver: %w", err)
	}
	go func() { s.ended <- s.java.Wait() }()
	if err = s.watch(); err == nil {
		err = s.await(time.Minute)
	}
	if err != nil {
		s.Stop()
		return nil, fmt.Errorf("jobserver: %w; the end of its log:\n%s", err, s.Tail(30))
	}
	return s, nil
}

// watch starts a process that ends the server when our end of a pipe is closed, as it is when we end without Stop.
func (s *Server) watch() error {
	s.guard = exec.Command("sh", "-c", `cat; kill "$0"`, strconv.Itoa(s.java.Process.Pid))
	if _, err := s.guard.StdinPipe(); err != nil {
		return err
	}
	return s.guard.Start()
}

// await waits until the log says that the server runs.
func (s *Server) await(limit time.Duration) error {
	for end := time.Now().Add(limit); time.Now().Before(end); {
		select {
		case err := <-s.ended:
			s.ended <- err
			return fmt.Errorf("the server ended: %w", err)
		case <-time.After(50 * time.Millisecond):
		}
		text, err := os.ReadFile(s.Log)
		if err != nil {
			return err
		}
		if m := address.FindSubmatch(text); m != nil && strings.Contains(string(text), "Job server now running") {
			s.Endpoint = string(m[1])
			return nil
		}
	}
	return fmt.Errorf("the server does not take jobs after %v", limit)
}

// Stop ends the server: kindly, so that it removes its files, and after ten seconds otherwise. It may be called twice.
func (s *Server) Stop() {
	if s.guard != nil && s.guard.Process != nil {
		_ = s.guard.Process.Kill()
		_ = s.guard.Wait()
		s.guard = nil
	}
	_ = s.java.Process.Signal(os.Interrupt) // fails if it has ended, and where there are no signals
	select {
	case err := <-s.ended:
		s.ended <- err
	case <-time.After(10 * time.Second):
		_ = s.java.Process.Kill()
		s.ended <- <-s.ended
	}
}

// Tail returns the last lines of what the server has printed.
func (s *Server) Tail(lines int) string {
	text, err := os.ReadFile(s.Log)
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimSpace(string(text)), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
