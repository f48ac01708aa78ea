// Package fetch brings published files to this machine: from the Hugging Face Hub, and from any HTTPS server.
//
// Vocabulary:
//
//   - address: hf://OWNER/NAME@REVISION/PATH, or https://HOST/PATH. A PATH of the Hub is a file or a folder; without one, all of
//     the repository is meant. A "/" in a revision is written %2F.
//   - pinned: an address whose revision is a commit, so that it means the same files for ever. A branch or tag is
//     resolved to the commit of the day.
//   - digest: what a file must hash to, known before it is fetched: the SHA-256 of a large file (LFS), git's own name of a
//     small one, the SHA-256 that the user gives for an https:// address.
//   - cache: a folder that all runs of a user share. blobs/ holds whole files by digest, partial/ what is under way, locked by
//     who fetches it; a download that was cut off goes on where it ended.
//
// A file is right if its digest is, whatever the server says on the way, so a server that ignores ranges, or changes a file
// between two of them, costs a retry and never a wrong file.
package fetch
