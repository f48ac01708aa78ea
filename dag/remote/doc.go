// Package remote is the client of a cache that machines share over HTTP, by the protocol of Bazel's remote caches:
//
//	GET, HEAD, PUT  URL/cas/SHA256   a blob
//	GET, PUT        URL/ac/KEY       a record
//
// so that any server for Bazel will do; bazel-remote is one.
//
// # Vocabulary
//
//   - blob: bytes named by their SHA-256. They are checked on both ways: nobody gets, or gives, wrong ones whole.
//   - record: what is kept under a key: a text, and the files that it stands for. It is sent as the JSON of an
//     ActionResult, with the files as its output files and the text as its standard output. A server that looks into
//     records keeps the files as long as the record, and hides a record of which a file is gone.
//   - silence: how long a server may neither send nor take a byte before it is taken to be down.
//   - down: a server that was silent, out of reach, or refused the token is not asked for a minute.
package remote
