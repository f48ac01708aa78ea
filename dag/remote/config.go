package remote

import (
	"errors"
	"fmt"
	"net/url"
)

// Doc describes the cache for its users.
const Doc = "A cache of results that several machines share.\n\n" +
	"What is not in the store is looked for there before it is run, and what has run is given to it. It is any server " +
	"of Bazel's HTTP cache protocol, such as bazel-remote. Content is fetched when a stage or an output needs it: of a " +
	"figure that is found there, only the figure. Whatever is missing, damaged or out of reach there is run here, and " +
	"nothing fails. Results of stages with sensitive values are not given to it. A pipeline has at most one such block; " +
	"without it, or without its url, the environment variable PIPE_REMOTE_CACHE may give one. None of this is part of a key. " +
	"Whoever can write to the cache decides what is found there: give the right to write to those only whose results you would use."

// Config are the settings of the cache block.
type Config struct {
	URL      string `pipe:"url,optional" doc:"Where it is: http:// or https://, with a path if the server wants one. Default: PIPE_REMOTE_CACHE."`
	Push     bool   `pipe:"push" default:"true" doc:"Give it what has run here; false only takes from it."`
	TokenEnv string `pipe:"token_env" default:"PIPE_CACHE_TOKEN" doc:"Environment variable with what the server asks for: a bearer token, or USER:PASSWORD. Stages do not see it."`
}

// CheckURL says what is wrong with the address of a cache.
func CheckURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return fmt.Errorf("it is no URL: %w", errors.Unwrap(err)) // without the text, which may hold a password
	case u.User != nil:
		return errors.New("it holds a password: put USER:PASSWORD into the environment variable that token_env names")
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return fmt.Errorf("%q is no address such as https://cache.example.org", text)
	case u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("%q has something behind its path", text)
	}
	return nil
}
