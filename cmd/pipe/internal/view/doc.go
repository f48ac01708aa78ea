// Package view writes what a verb has to say: for people, or as JSON for programs.
//
// Vocabulary:
//
//   - view: everything that can be said, as an interface. Human and JSON both implement it, so that no verb
//     can say something in one form only.
//   - style: what the terminal can do: colours, live bars, its width.
//   - run: the view of one apply, fed with events.
//   - line: in JSON, one object. The first is the version, the last of apply and plan the summary.
//   - sweep: the instances of one stage that share a state and a reason; a plan shows a sweep a line.
package view
