// Package token turns text into token ids as CLIP does: byte-level byte pair encoding.
//
// Vocabulary:
//
//   - symbol: a piece of a word. The smallest are the 256 bytes, each written as one printable character; the
//     last symbol of a word ends in "</w>".
//   - merge: a pair of symbols that become one; the rank is its place in the list, lower goes first.
//   - vocabulary: symbol -> id. In CLIP's order: 256 bytes, 256 bytes that end a word, the merges by rank, then
//     <|startoftext|> and <|endoftext|>.
//   - row: the ids of one text between the two marks, cut or filled with the pad, by default <|endoftext|>, to one length.
//
// Sources: Sennrich et al., ACL 2016 (BPE); Radford et al., "Learning Transferable Visual Models From Natural
// Language Supervision", ICML 2021, and the tokenizer published with it. Left out is its repair of wrongly
// decoded text (ftfy): text is taken as the UTF-8 that it is.
package token
