// Package artifacttest makes small published models to test with.
package artifacttest
