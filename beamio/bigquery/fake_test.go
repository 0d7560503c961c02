package bigquery

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// A fake is BigQuery as its client sees it: hosts behind a proxy that ends TLS with a certificate of its own. It holds
// tables of one dataset, "p.d", and refuses what BigQuery would.
type fake struct {
	mu     sync.Mutex
	tables map[string]*schema
	rows   map[string]any   // of all tables by insertId, the first of each, as BigQuery keeps them
	sent   []int            // bytes of each request of rows
	asked  map[string]int   // by method and path
	faults map[string][]int // statuses to answer with first, by method and path; negative ones after taking the rows
}

type schema struct {
	Fields []*field `json:"fields"`
}

type field struct {
	Name, Type, Mode string
	Fields           []*field `json:"fields,omitempty"`
}

// String shows a schema in a line.
func (s *schema) String() string { return fields(s.Fields) }

func fields(all []*field) string {
	var out []string
	for _, f := range all {
		text := f.Name + " " + f.Type
		if f.Mode != "" {
			text += " " + f.Mode
		}
		if len(f.Fields) > 0 {
			text += " (" + fields(f.Fields) + ")"
		}
		out = append(out, text)
	}
	return strings.Join(out, ", ")
}

const (
	datasetPath = "/bigquery/v2/projects/p/datasets/d"
	tablesPath  = datasetPath + "/tables"
	tablePath   = tablesPath + "/t"
	insertPath  = tablePath + "/insertAll"
)

// reset forgets everything.
func (f *fake) reset(faults map[string][]int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.tables, f.rows, f.sent = make(map[string]*schema), make(map[string]any), nil
	f.asked, f.faults = make(map[string]int), faults
}

// ServeHTTP implements http.Handler.
func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	call := r.Method + " " + r.URL.Path
	f.asked[call]++
	if faults := f.faults[call]; len(faults) > 0 {
		f.faults[call] = faults[1:]
		status := faults[0]
		if status < 0 {
			status = -status
			f.insert(httptest.NewRecorder(), f.tables["t"], body)
		}
		if status > 0 {
			refuse(w, status, "asTold", "as told")
			return
		}
	}
	if r.Host != "oauth2.googleapis.com" && r.Header.Get("Authorization") != "Bearer sesame" &&
		!strings.HasPrefix(r.Header.Get("Authorization"), "Bearer ey") { // a token that the client has signed itself
		refuse(w, http.StatusUnauthorized, "authError", "no token")
		return
	}
	name, action, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, tablesPath+"/"), "/")
	table := f.tables[name]
	switch {
	case r.Host == "oauth2.googleapis.com":
		answer(w, map[string]any{"access_token": "sesame", "expires_in": 3600, "token_type": "Bearer"})
	case call == "GET "+datasetPath:
		answer(w, map[string]any{"id": "p:d"})
	case !strings.HasPrefix(r.URL.Path, datasetPath+"/"):
		refuse(w, http.StatusNotFound, "notFound", "Not found: Dataset "+r.URL.Path)
	case call == "POST "+tablesPath:
		var made struct {
			Reference struct{ TableID string } `json:"tableReference"`
			Schema    *schema
		}
		if err := json.Unmarshal(body, &made); err != nil || made.Schema == nil {
			refuse(w, http.StatusBadRequest, "invalid", fmt.Sprint("no schema: ", err))
			return
		}
		f.tables[made.Reference.TableID] = made.Schema
		answer(w, map[string]any{})
	case table == nil:
		refuse(w, http.StatusNotFound, "notFound", "Not found: Table p:d."+name)
	case r.Method == http.MethodGet && action == "":
		answer(w, map[string]any{"schema": table})
	case r.Method == http.MethodPost && action == "insertAll":
		f.insert(w, table, body)
	default:
		refuse(w, http.StatusNotImplemented, "invalid", call)
	}
}

// insert takes all rows of a request, or none.
func (f *fake) insert(w http.ResponseWriter, table *schema, body []byte) {
	f.sent = append(f.sent, len(body))
	if len(body) > 10_000_000 {
		refuse(w, http.StatusRequestEntityTooLarge, "uploadTooLarge", "Request payload size exceeds the limit")
		return
	}
	var request struct {
		Rows []struct {
			InsertID string `json:"insertId"`
			JSON     map[string]any
		}
	}
	if err := json.Unmarshal(body, &request); err != nil {
		refuse(w, http.StatusBadRequest, "invalid", err.Error())
		return
	}
	var bad []any
	say := func(i int, location, reason, message string) {
		why := map[string]any{"location": location, "reason": reason, "message": message}
		bad = append(bad, map[string]any{"index": i, "errors": []any{why}})
	}
	for i, row := range request.Rows {
		if at, message := check(table.Fields, row.JSON, ""); message != "" {
			say(i, at, "invalid", message)
		}
	}
	if len(bad) > 0 {
		for i := range len(request.Rows) {
			say(i, "", "stopped", "")
		}
		answer(w, map[string]any{"insertErrors": bad})
		return
	}
	for _, row := range request.Rows {
		if _, ok := f.rows[row.InsertID]; !ok {
			f.rows[row.InsertID] = row.JSON
		}
	}
	answer(w, map[string]any{})
}

// check says what is wrong with a record, as BigQuery does, and where.
func check(columns []*field, record map[string]any, at string) (where, message string) {
	known := make(map[string]bool)
	for _, c := range columns {
		known[c.Name] = true
		v, there := record[c.Name]
		var values []any
		switch list, isList := v.([]any); {
		case c.Mode == "REPEATED" && there && !isList:
			return at + c.Name, "Only optional fields can be set to NULL"
		case c.Mode == "REPEATED":
			values = list
		case v == nil && c.Mode == "REQUIRED":
			return at + c.Name, "Missing required field: " + at + c.Name
		case v != nil:
			values = []any{v}
		}
		for _, v := range values {
			ok := false
			switch c.Type {
			case "STRING":
				s, isString := v.(string)
				if ok = isString; s == "refuse me" {
					return at + c.Name, "a value that is refused"
				}
			case "FLOAT", "INTEGER":
				_, ok = v.(float64)
			case "RECORD":
				var below map[string]any
				if below, ok = v.(map[string]any); ok {
					if where, message = check(c.Fields, below, at+c.Name+"."); message != "" {
						return where, message
					}
				}
			}
			if !ok {
				return at + c.Name, fmt.Sprintf("Cannot convert %v to %s", v, c.Type)
			}
		}
	}
	for name := range record {
		if !known[name] {
			return at + name, "no such field: " + at + name
		}
	}
	return "", ""
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

func refuse(w http.ResponseWriter, status int, reason, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	why := []any{map[string]any{"reason": reason, "message": message}}
	_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]any{"code": status, "message": message, "errors": why}})
}

// start makes the fake the only BigQuery that this process can reach, and returns what is to be done at the end. It has
// to run before anything of HTTP or X.509, which look at the environment once.
func (f *fake) start() (stop func(), err error) {
	f.reset(nil)
	dir, err := os.MkdirTemp("", "bigquery-*")
	if err != nil {
		return nil, err
	}
	certificate, err := selfSigned(filepath.Join(dir, "ca.pem"))
	if err != nil {
		return nil, err
	}
	if err := account(filepath.Join(dir, "account.json")); err != nil {
		return nil, err
	}
	inner := &handed{conns: make(chan net.Conn)}
	go func() { _ = (&http.Server{Handler: f}).Serve(inner) }()
	// The proxy hands the connection behind CONNECT to the inner server.
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect {
			http.Error(w, "only CONNECT", http.StatusMethodNotAllowed)
			return
		}
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 200 Connection established\r\n\r\n")
		inner.conns <- tls.Server(conn, &tls.Config{Certificates: []tls.Certificate{certificate}})
	}))
	for name, value := range map[string]string{
		"HTTPS_PROXY": proxy.URL, "https_proxy": proxy.URL, "NO_PROXY": "", "no_proxy": "",
		"SSL_CERT_FILE": filepath.Join(dir, "ca.pem"), "GOOGLE_APPLICATION_CREDENTIALS": filepath.Join(dir, "account.json"),
	} {
		if err := os.Setenv(name, value); err != nil {
			return nil, err
		}
	}
	return func() { proxy.Close(); os.RemoveAll(dir) }, nil
}

// handed is a listener for connections that are there already.
type handed struct{ conns chan net.Conn }

func (h *handed) Accept() (net.Conn, error) { return <-h.conns, nil }
func (h *handed) Close() error              { return nil }
func (h *handed) Addr() net.Addr            { return &net.TCPAddr{} }

// selfSigned makes a certificate for Google's hosts and writes it to a file.
func selfSigned(path string) (tls.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		DNSNames: []string{"bigquery.googleapis.com", "oauth2.googleapis.com"},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return tls.Certificate{}, err
	}
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, os.WriteFile(path, text, 0o600)
}

// account writes the file of a service account that nobody has.
func account(path string) error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	data, err := json.Marshal(map[string]string{
		"type": "service_account", "project_id": "p", "client_email": "nobody@p.iam.gserviceaccount.com", "client_id": "1",
		"private_key_id": "1", "private_key": string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})),
		"token_uri": "https://oauth2.googleapis.com/token",
	})
	if err != nil {
		return err
	}
	return os.WriteFile(path, data, 0o600)
}
